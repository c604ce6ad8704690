package api_test

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"dipper/receiver/uplink"
	"dipper/stream/api"
)

// contract holds requests and answers against docs/openapi.yaml on their way through an http.Client.
type contract struct {
	t      testing.TB
	router routers.Router
	next   http.RoundTripper

	mu   sync.Mutex
	seen map[string]bool // "GET /api/v1/units 200"
	// wild: requests may break the contract, answers may not
	wild bool
}

func newContract(t testing.TB, next http.RoundTripper) *contract {
	t.Helper()
	doc := loadOpenAPI(t)
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return &contract{t: t, router: router, next: next, seen: map[string]bool{}}
}

func loadOpenAPI(t testing.TB) *openapi3.T {
	t.Helper()
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromFile("../../docs/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(loader.Context); err != nil {
		t.Fatal(err)
	}
	return doc
}

// RoundTrip implements http.RoundTripper.
func (c *contract) RoundTrip(r *http.Request) (*http.Response, error) {
	route, params, err := c.router.FindRoute(r)
	if err != nil {
		c.t.Errorf("%s %s is not in the document: %v", r.Method, r.URL, err)
		return c.next.RoundTrip(r)
	}
	input := &openapi3filter.RequestValidationInput{
		Request: r, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true},
	}
	if !c.wild {
		if err := openapi3filter.ValidateRequest(r.Context(), input); err != nil {
			c.t.Errorf("%s %s: request against the document: %v", r.Method, r.URL, err)
		}
	}
	resp, err := c.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if err := resp.Body.Close(); err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	err = openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: resp.StatusCode, Header: resp.Header,
		Body: io.NopCloser(bytes.NewReader(body)), Options: input.Options,
	})
	if err != nil {
		c.t.Errorf("%s %s: answer %d %s against the document: %v", r.Method, r.URL, resp.StatusCode, body, err)
	}
	c.mu.Lock()
	c.seen[r.Method+" "+route.Path] = true
	c.mu.Unlock()
	return resp, nil
}

// The document and the service's routes name the same paths and methods.
func TestDocumentNamesEveryRoute(t *testing.T) {
	var documented []string
	for path, item := range loadOpenAPI(t).Paths.Map() {
		for method := range item.Operations() {
			documented = append(documented, method+" "+path)
		}
	}
	routes := api.Routes()
	slices.Sort(documented)
	slices.Sort(routes)
	if !slices.Equal(documented, routes) {
		t.Errorf("the document has\n%s\nthe service\n%s", strings.Join(documented, "\n"), strings.Join(routes, "\n"))
	}
}

// A day at work through every route. Each request and answer is held against the document.
func TestEveryRouteKeepsTheContract(t *testing.T) {
	s := startStation(t, func(c *api.ServiceConfig) {
		c.Tiles = &api.Tiles{URL: "https://tiles.example.com/{z}/{x}/{y}.png", Attribution: "© Example", CRS: "gcj02"}
	})
	c := newContract(t, s.client.Transport)
	s.client.Transport = c

	key := s.addUnit("鲁B12345")
	s.addUnit("never-sent")
	s.must(http.StatusCreated, http.MethodPut, "/api/v1/fences/gate-1", gate, nil)
	s.must(http.StatusOK, http.MethodPut, "/api/v1/fences/gate-1", strings.Replace(gate, "Gate 1", "Gate One", 1), nil)
	s.must(http.StatusCreated, http.MethodPut, "/api/v1/fences/round", `{"type":"Feature","properties":{"kind":"yard","radius_m":300,"speed_limit_mps":5,"dwell_s":60},"geometry":{"type":"Point","coordinates":[120.32,36.005]}}`, nil)
	s.must(http.StatusCreated, http.MethodPut, "/api/v1/fences/way", `{"type":"Feature","properties":{"kind":"corridor","width_m":200},"geometry":{"type":"LineString","coordinates":[[120.29,36.005],[120.33,36.005]]}}`, nil)
	agent := s.connect("鲁B12345", key)
	agent.drive(timeAgo(60))
	agent.next += 3 // a gap
	refused := fixAt(timeAgo(2), 36.005, 120.32)
	refused.Verdict = 6
	agent.send(fixAt(timeAgo(3), 36.005, 120.32), refused)
	bare := fixAt(timeAgo(1), 36.005, 120.3201)
	bare.SpeedMps, bare.CourseDeg, bare.ErrM, bare.Mode, bare.Solution, bare.Sats = nan, nan, nan, 0, 0, noSats
	agent.send(bare)

	s.exerciseSteering()
	s.exerciseQueries()

	for _, path := range []string{
		"/api/v1/units/鲁B12345/settings", "/api/v1/units/never-sent/settings", "/api/v1/units/鲁B12345/notice",
		"/api/v1/units/鲁B12345/onboard", "/api/v1/units/never-sent/onboard",
		"/api/v1/units", "/api/v1/units?limit=1", "/api/v1/units?bbox=120,35,121,37", "/api/v1/units?bbox=0,0,1,1", "/api/v1/units?bbox=120,35,121,37&limit=1",
		"/api/v1/units/鲁B12345", "/api/v1/units/never-sent",
		"/api/v1/units/鲁B12345/track", "/api/v1/units/鲁B12345/track?limit=2", "/api/v1/units/never-sent/track",
		"/api/v1/units/鲁B12345/track?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00%2B08:00",
		"/api/v1/units/鲁B12345/trips", "/api/v1/units/never-sent/trips?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z",
		"/api/v1/units/鲁B12345/completeness", "/api/v1/units/never-sent/completeness",
		"/api/v1/fences", "/api/v1/fences/gate-1", "/api/v1/fences/round", "/api/v1/fences/way",
		"/api/v1/fences/round/inside", "/api/v1/fences/gate-1/inside",
		"/api/v1/events", "/api/v1/events?after=1&limit=1", "/api/v1/events?limit=1000",
		"/api/v1/session", "/api/v1/config", "/healthz", "/readyz", "/metrics",
	} {
		if status, body := s.do(http.MethodGet, path, s.admin, nil); status != http.StatusOK {
			t.Errorf("GET %s gave %d %s", path, status, body)
		}
	}
	s.must(http.StatusNoContent, http.MethodDelete, "/api/v1/units/鲁B12345/settings", nil, nil)
	dispatcher := s.addToken("dispatcher")
	s.must(http.StatusOK, http.MethodPost, "/api/v1/session", map[string]string{"token": dispatcher}, nil)
	s.must(http.StatusNoContent, http.MethodDelete, "/api/v1/session", nil, nil)
	s.must(http.StatusNoContent, http.MethodDelete, "/api/v1/fences/way", nil, nil)
	s.must(http.StatusUpgradeRequired, http.MethodGet, "/api/v1/live", nil, nil)
	if status, _ := s.do(http.MethodGet, "/api/v1/uplink", key, nil); status != http.StatusUpgradeRequired {
		t.Errorf("uplink without a WebSocket gave %d", status)
	}
	for _, route := range api.Routes() {
		if !c.seen[route] {
			t.Errorf("%s was not exercised", route)
		}
	}
}

// exerciseSteering gives a unit settings and a notice, and has it say that it took them, and what it decided by itself.
func (s *station) exerciseSteering() {
	s.t.Helper()
	const unit, base = "never-sent", "/api/v1/units/never-sent"
	full := `{"interval_s":10,"thin_error_m":15,"hold":true,"max_bytes_per_day":2000000,"linger_s":10}`
	for _, path := range []string{base, "/api/v1/units/鲁B12345"} {
		s.must(http.StatusOK, http.MethodPut, path+"/settings", full, nil)
		s.must(http.StatusCreated, http.MethodPost, path+"/notice", `{"text":"请走5号门"}`, nil)
	}
	key, err := s.service.Fleet().ReplaceKey(s.t.Context(), unit)
	if err != nil {
		s.t.Fatal(err)
	}
	b := s.steer(unit, key, uplink.Report{})
	b.nextSettings()
	shown := b.nextNotice().ID
	b.say(func(r *uplink.Report) {
		r.SettingsRevision, r.SettingsProblem, r.NoticeShown = 1, "linger_s: too long for this radio", shown
	})
	s.applied(unit, 1)
	at := timeAgo(5)
	b.write(uplink.AppendTold(nil, uplink.Told{Events: []uplink.OnboardEvent{
		{ID: "e-1", Kind: "enter", Fence: "gate-1", FenceRevision: 2, Series: 7, Seq: 9, Time: at, ToldAt: at},
		{ID: "e-2", Kind: "exit", Fence: "gate-1", FenceRevision: 2, Series: 7, Seq: 12, Time: at},
	}}))
	b.read(uplink.TypeToldAck)
	s.must(http.StatusOK, http.MethodGet, base+"/notice", nil, nil)
	b.conn.Close()
}
