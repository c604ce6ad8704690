package api_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"dipper/fleet"
	"dipper/stream/api"
)

// request is one line of what each role may do.
type request struct {
	method, path, body string
	// want is the status for nobody, a dispatcher, an operator, an admin
	want [4]int
}

func TestWhoMayDoWhat(t *testing.T) {
	s := startStation(t, nil)
	s.addUnit("t1")
	s.must(http.StatusCreated, http.MethodPut, "/api/v1/fences/g", gate, nil)
	tokens := [4]string{"", s.addToken(fleet.RoleDispatcher), s.addToken(fleet.RoleOperator), s.addToken(fleet.RoleAdmin)}
	const no, forbidden, ok, up = http.StatusUnauthorized, http.StatusForbidden, http.StatusOK, http.StatusUpgradeRequired
	everyRole := [4]int{no, ok, ok, ok}
	table := []request{
		{"GET", "/api/v1/units", "", everyRole},
		{"GET", "/api/v1/units/t1", "", everyRole},
		{"GET", "/api/v1/units/t1/track", "", everyRole},
		{"GET", "/api/v1/units/t1/completeness", "", everyRole},
		{"GET", "/api/v1/fences", "", everyRole},
		{"GET", "/api/v1/fences/g", "", everyRole},
		{"GET", "/api/v1/fences/g/inside", "", everyRole},
		{"GET", "/api/v1/events", "", everyRole},
		{"GET", "/api/v1/session", "", everyRole},
		{"GET", "/api/v1/config", "", everyRole},
		{"GET", "/api/v1/live", "", [4]int{no, up, up, up}},
		{"GET", "/api/v1/uplink", "", [4]int{no, no, no, no}}, // a token is no unit's key
		{"PUT", "/api/v1/fences/g", gate, [4]int{no, forbidden, ok, ok}},
		{"DELETE", "/api/v1/fences/none", "", [4]int{no, forbidden, http.StatusNotFound, http.StatusNotFound}},
		{"POST", "/api/v1/units", `{"id":"t1"}`, [4]int{no, forbidden, forbidden, http.StatusConflict}},
		{"POST", "/api/v1/tokens", `{"name":"x","role":"admin"}`, [4]int{no, forbidden, forbidden, http.StatusCreated}},
		{"GET", "/healthz", "", [4]int{ok, ok, ok, ok}},
		{"GET", "/readyz", "", [4]int{ok, ok, ok, ok}},
		{"GET", "/metrics", "", [4]int{ok, ok, ok, ok}},
	}
	for _, line := range table {
		for i, who := range [4]string{"nobody", "dispatcher", "operator", "admin"} {
			var body any
			if line.body != "" {
				body = line.body
			}
			if status, answer := s.do(line.method, line.path, tokens[i], body); status != line.want[i] {
				t.Errorf("%s: %s %s gave %d %s, want %d", who, line.method, line.path, status, answer, line.want[i])
			}
		}
	}
}

func TestProofs(t *testing.T) {
	s := startStation(t, nil)
	key := s.addUnit("t1")
	token := s.addToken(fleet.RoleDispatcher)
	tests := []struct {
		name   string
		header string // of Authorization
		cookie string
		want   int
	}{
		{"a token", "Bearer " + token, "", 200},
		{"the scheme in small letters", "bearer " + token, "", 200},
		{"a cookie", "", token, 200},
		{"nothing", "", "", 401},
		{"a wrong token", "Bearer " + strings.Repeat("x", 48), "", 401},
		{"a token cut short", "Bearer " + token[:47], "", 401},
		{"no scheme", token, "", 401},
		{"another scheme", "Basic " + token, "", 401},
		{"an empty token", "Bearer ", "", 401},
		{"a unit's key", "Bearer " + key, "", 401},
		{"a wrong cookie", "", "nonsense", 401},
		{"a wrong token and a good cookie", "Bearer nonsense", token, 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := s.request(http.MethodGet, "/api/v1/session", "", nil)
			if tt.header != "" {
				r.Header.Set("Authorization", tt.header)
			}
			if tt.cookie != "" {
				r.AddCookie(&http.Cookie{Name: "dipper_session", Value: tt.cookie})
			}
			resp := s.send(r)
			resp.Body.Close()
			if resp.StatusCode != tt.want {
				t.Errorf("status %d, want %d", resp.StatusCode, tt.want)
			}
			if tt.want == 401 && resp.Header.Get("WWW-Authenticate") == "" {
				t.Error("a 401 without WWW-Authenticate")
			}
		})
	}
}

func TestSessionCookie(t *testing.T) {
	s := startStation(t, nil)
	token := s.addToken(fleet.RoleOperator)
	resp := s.send(s.request(http.MethodPost, "/api/v1/session", "", map[string]string{"token": token}))
	resp.Body.Close()
	cookies := resp.Cookies()
	if len(cookies) != 1 {
		t.Fatalf("%d cookies, want one", len(cookies))
	}
	c := cookies[0]
	if c.Name != "dipper_session" || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.MaxAge <= 0 || c.Secure {
		t.Errorf("cookie %+v", c)
	}
	who := s.request(http.MethodGet, "/api/v1/session", "", nil)
	who.AddCookie(c)
	resp = s.send(who)
	defer resp.Body.Close()
	var session struct{ Name, Role string }
	if err := json.NewDecoder(resp.Body).Decode(&session); err != nil || session.Role != "operator" || session.Name != "a operator" {
		t.Errorf("session %+v, %v", session, err)
	}
	secure := s.request(http.MethodPost, "/api/v1/session", "", map[string]string{"token": token})
	secure.Header.Set("X-Forwarded-Proto", "https")
	behind := s.send(secure)
	behind.Body.Close()
	if !behind.Cookies()[0].Secure {
		t.Error("behind TLS the cookie is not Secure")
	}
	out := s.send(s.request(http.MethodDelete, "/api/v1/session", "", nil))
	out.Body.Close()
	if c := out.Cookies(); len(c) != 1 || c[0].MaxAge >= 0 {
		t.Errorf("signing out sets %v", c)
	}
}

// Other sites' pages can make a browser send requests with its cookie, or from this machine. They get nothing.
func TestOtherSitesAreRefused(t *testing.T) {
	s := startStation(t, func(c *api.ServiceConfig) { c.OpenLoopback = true })
	token := s.addToken(fleet.RoleAdmin)
	own := s.url
	upgrade := map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
	tests := []struct {
		name    string
		method  string
		path    string
		origin  string
		site    string // Sec-Fetch-Site
		cookie  bool
		bearer  bool
		upgrade bool
		want    int
	}{
		{name: "our page", method: "PUT", path: "/api/v1/fences/g", origin: own, site: "same-origin", cookie: true, want: 201},
		{name: "another site with the cookie", method: "PUT", path: "/api/v1/fences/g", origin: "http://evil.example", site: "cross-site", cookie: true, want: 403},
		{name: "another site, old browser", method: "PUT", path: "/api/v1/fences/g", origin: "http://evil.example", cookie: true, want: 403},
		{name: "another port of this machine", method: "PUT", path: "/api/v1/fences/g", origin: "http://127.0.0.1:1", site: "same-site", cookie: true, want: 403},
		{name: "another site on loopback", method: "PUT", path: "/api/v1/fences/g", origin: "http://evil.example", site: "cross-site", want: 403},
		{name: "a read by another site on loopback", method: "GET", path: "/api/v1/units", site: "cross-site", want: 403},
		{name: "an address typed in", method: "GET", path: "/api/v1/units", site: "none", want: 200},
		{name: "a sandboxed page", method: "GET", path: "/api/v1/units", origin: "null", want: 403},
		{name: "a program with a token", method: "GET", path: "/api/v1/units", bearer: true, want: 200},
		{name: "a socket of another site", method: "GET", path: "/api/v1/live", origin: "http://evil.example", cookie: true, upgrade: true, want: 403},
		{name: "a socket of another site with a token", method: "GET", path: "/api/v1/live", origin: "http://evil.example", bearer: true, upgrade: true, want: 403},
		{name: "a sign-in by another site", method: "POST", path: "/api/v1/session", origin: "http://evil.example", want: 403},
		{name: "a sign-out by another site", method: "DELETE", path: "/api/v1/session", origin: "http://evil.example", want: 403},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var body any
			switch tt.method {
			case http.MethodPut:
				body = gate
			case http.MethodPost:
				body = map[string]string{"token": token}
			}
			r := s.request(tt.method, tt.path, "", body)
			if tt.origin != "" {
				r.Header.Set("Origin", tt.origin)
			}
			if tt.site != "" {
				r.Header.Set("Sec-Fetch-Site", tt.site)
			}
			if tt.cookie {
				r.AddCookie(&http.Cookie{Name: "dipper_session", Value: token})
			}
			if tt.bearer {
				r.Header.Set("Authorization", "Bearer "+token)
			}
			if tt.upgrade {
				for k, v := range upgrade {
					r.Header.Set(k, v)
				}
			}
			resp := s.send(r)
			resp.Body.Close()
			if resp.StatusCode != tt.want {
				t.Errorf("status %d, want %d", resp.StatusCode, tt.want)
			}
		})
	}
}

func TestOpenLoopback(t *testing.T) {
	tests := []struct {
		name   string
		open   bool
		remote string
		host   string
		want   int
		header string // set to some value
	}{
		{"switched on", true, "127.0.0.1:5000", "127.0.0.1:8080", 200, ""},
		{"by name", true, "127.0.0.1:5000", "localhost:8080", 200, ""},
		{"version 6", true, "[::1]:5000", "[::1]:8080", 200, ""},
		{"version 4 in 6", true, "[::ffff:127.0.0.1]:5000", "127.0.0.1", 200, ""},
		{"switched off", false, "127.0.0.1:5000", "127.0.0.1:8080", 401, ""},
		{"from elsewhere", true, "192.0.2.1:5000", "127.0.0.1:8080", 401, ""},
		{"a name that was made to point here", true, "127.0.0.1:5000", "rebind.example:8080", 401, ""},
		{"an address that is not this machine's", true, "127.0.0.1:5000", "192.0.2.1:8080", 401, ""},
		{"passed on by a proxy here", true, "127.0.0.1:5000", "127.0.0.1:8080", 401, "X-Forwarded-For"},
		{"passed on, said in the standard's way", true, "127.0.0.1:5000", "127.0.0.1:8080", 401, "Forwarded"},
		{"no address", true, "@", "127.0.0.1:8080", 401, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := startStation(t, func(c *api.ServiceConfig) { c.OpenLoopback = tt.open })
			r := httptest.NewRequest(http.MethodGet, "/api/v1/session", nil)
			r.RemoteAddr, r.Host = tt.remote, tt.host
			if tt.header != "" {
				r.Header.Set(tt.header, "192.0.2.7")
			}
			w := httptest.NewRecorder()
			s.service.Handler().ServeHTTP(w, r)
			if w.Code != tt.want {
				t.Errorf("status %d %s, want %d", w.Code, w.Body, tt.want)
			}
		})
	}
}

func TestTokenThatEndsClosesItsViewers(t *testing.T) {
	s := startStation(t, func(c *api.ServiceConfig) { c.Hub.CheckEvery = 1 })
	token := s.addToken(fleet.RoleDispatcher)
	ws := s.watch(token, "")
	if err := s.service.Fleet().DropToken(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	wantClosed(t, ws, 4401)
}

var page = fstest.MapFS{
	"index.html":        {Data: []byte("<!doctype html><title>Dipper</title>")},
	"assets/a-123.js":   {Data: []byte("1")},
	"assets/b-123.wasm": {Data: []byte("2")},
}

func TestPageAndHeaders(t *testing.T) {
	s := startStation(t, func(c *api.ServiceConfig) {
		c.Page, c.Tiles = page, &api.Tiles{URL: "https://t{s}.example.com/{z}/{x}/{y}.png"}
	})
	tests := []struct {
		method, path string
		status       int
		kind, cache  string
	}{
		{"GET", "/", 200, "text/html; charset=utf-8", "no-cache"},
		{"HEAD", "/", 200, "text/html; charset=utf-8", "no-cache"},
		{"GET", "/index.html", 200, "text/html; charset=utf-8", "no-cache"},
		{"GET", "/assets/a-123.js", 200, "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		{"GET", "/assets/", 404, "application/json", "no-store"},
		{"GET", "/assets", 404, "application/json", "no-store"},
		{"GET", "/nothing", 404, "application/json", "no-store"},
		{"GET", "/api/v1/nothing", 404, "application/json", "no-store"},
		{"GET", "/api/v2/units", 404, "application/json", "no-store"},
		{"POST", "/", 405, "application/json", "no-store"},
		{"POST", "/healthz", 405, "application/json", "no-store"},
		{"PATCH", "/api/v1/units", 405, "application/json", "no-store"},
		{"DELETE", "/api/v1/units/t1", 405, "application/json", "no-store"},
		{"HEAD", "/healthz", 200, "application/json", "no-store"},
		{"GET", "/api/v1/units", 401, "application/json", "no-store"},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			resp := s.send(s.request(tt.method, tt.path, "", nil))
			resp.Body.Close()
			h := resp.Header
			if resp.StatusCode != tt.status || h.Get("Content-Type") != tt.kind || h.Get("Cache-Control") != tt.cache {
				t.Errorf("%d %q %q, want %d %q %q", resp.StatusCode, h.Get("Content-Type"), h.Get("Cache-Control"), tt.status, tt.kind, tt.cache)
			}
			csp := h.Get("Content-Security-Policy")
			for _, part := range []string{"default-src 'none'", "script-src 'self';", "worker-src 'self' blob:", "img-src 'self' data: blob: https://t", "connect-src 'self' https://t", "frame-ancestors 'none'"} {
				if !strings.Contains(csp, part) {
					t.Errorf("policy %q has no %q", csp, part)
				}
			}
			if strings.Contains(csp, "unsafe") || h.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("headers %v", h)
			}
			if tt.status == 405 && h.Get("Allow") == "" {
				t.Error("a 405 without Allow")
			}
		})
	}
}
