package api

import (
	"net/http"
	"slices"
	"strings"

	"dipper/stream"
)

// route is one line of the service's map: what lives where, and who may go there. docs/openapi.yaml describes the same
// lines; a test holds the two together.
type route struct {
	method string
	path   string // in http.ServeMux's form
	need   right
	serve  func(*Server, *call) error
}

// routes is everything but the page's files.
func routes() []route {
	const v1 = "/api/v1"
	return []route{
		{"GET", v1 + "/uplink", anyone, (*Server).uplink}, // has its own keys
		{"GET", v1 + "/live", watch, (*Server).live},

		{"GET", v1 + "/units", watch, (*Server).listUnits},
		{"POST", v1 + "/units", administer, (*Server).addUnit},
		{"GET", v1 + "/units/{id}", watch, (*Server).unit},
		{"GET", v1 + "/units/{id}/track", watch, (*Server).track},
		{"GET", v1 + "/units/{id}/trips", watch, (*Server).trips},
		{"GET", v1 + "/units/{id}/completeness", watch, (*Server).completeness},
		{"GET", v1 + "/units/{id}/settings", steerUnits, (*Server).settings},
		{"PUT", v1 + "/units/{id}/settings", steerUnits, (*Server).putSettings},
		{"DELETE", v1 + "/units/{id}/settings", steerUnits, (*Server).deleteSettings},
		{"GET", v1 + "/units/{id}/notice", steerUnits, (*Server).notice},
		{"POST", v1 + "/units/{id}/notice", steerUnits, (*Server).postNotice},
		{"GET", v1 + "/units/{id}/onboard", watch, (*Server).onboard},

		{"POST", v1 + "/query/within", watch, (*Server).unitsWithin},
		{"GET", v1 + "/query/nearest", watch, (*Server).nearest},
		{"GET", v1 + "/query/was-here", watch, (*Server).wasHere},
		{"POST", v1 + "/query/was-here", watch, (*Server).wasHere},

		{"GET", v1 + "/fences", watch, (*Server).listFences},
		{"GET", v1 + "/fences/{id}", watch, (*Server).fence},
		{"PUT", v1 + "/fences/{id}", editFences, (*Server).putFence},
		{"DELETE", v1 + "/fences/{id}", editFences, (*Server).deleteFence},
		{"GET", v1 + "/fences/{id}/inside", watch, (*Server).inside},

		{"GET", v1 + "/events", watch, (*Server).events},

		{"POST", v1 + "/tokens", administer, (*Server).addToken},
		{"GET", v1 + "/session", watch, (*Server).session},
		{"POST", v1 + "/session", anyone, (*Server).signIn},
		{"DELETE", v1 + "/session", anyone, (*Server).signOut},
		{"GET", v1 + "/config", watch, (*Server).config},

		{"GET", "/healthz", anyone, (*Server).healthz},
		{"GET", "/readyz", anyone, (*Server).readyz},
		{"GET", "/metrics", anyone, (*Server).metricsPage},
	}
}

// Handler serves everything: the API, health, metrics, and the page at /.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	methods := map[string][]string{}
	for _, r := range routes() {
		mux.Handle(r.method+" "+r.path, s.handle(r))
		methods[r.path] = append(methods[r.path], r.method)
	}
	for path, known := range methods {
		mux.Handle(path, s.handle(otherMethod(path, known)))
	}
	page := s.page()
	mux.Handle("/", page)
	return mux
}

// otherMethod answers the methods that a path does not know.
func otherMethod(path string, known []string) route {
	if slices.Contains(known, http.MethodGet) {
		known = append(known, http.MethodHead)
	}
	slices.Sort(known)
	return route{method: "", path: path, need: anyone, serve: func(_ *Server, c *call) error {
		c.w.Header().Set("Allow", strings.Join(known, ", "))
		return stream.ErrMethod
	}}
}
