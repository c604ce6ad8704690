package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// Every wrong request gets an answer that names the field, whatever else it is; and the answer keeps the contract.
func TestBadInput(t *testing.T) {
	s := startStation(t, nil)
	s.addUnit("t1")
	c := newContract(t, s.client.Transport)
	c.wild = true
	s.client.Transport = c

	long := strings.Repeat("x", 9<<20)
	tests := []struct {
		method, path string
		body         any
		status       int
		code, field  string
	}{
		{"GET", "/api/v1/units?bbox=1,2,3", nil, 400, "invalid", "bbox"},
		{"GET", "/api/v1/units?bbox=a,2,3,4", nil, 400, "invalid", "bbox"},
		{"GET", "/api/v1/units?bbox=1,NaN,3,4", nil, 400, "invalid", "bbox"},
		{"GET", "/api/v1/units?bbox=1,20,3,4", nil, 400, "invalid", "bbox"},
		{"GET", "/api/v1/units?bbox=-200,2,3,4", nil, 400, "invalid", "bbox"},
		{"GET", "/api/v1/units?limit=0", nil, 400, "invalid", "limit"},
		{"GET", "/api/v1/units?limit=1e9", nil, 400, "invalid", "limit"},
		{"GET", "/api/v1/units?limit=99999999999999999999", nil, 400, "invalid", "limit"},
		{"GET", "/api/v1/units/nobody", nil, 404, "not_found", ""},
		{"GET", "/api/v1/units/-bad", nil, 400, "invalid", "id"},
		{"GET", "/api/v1/units/a%00b", nil, 400, "invalid", "id"},
		{"GET", "/api/v1/units/a%ffb", nil, 400, "invalid", "id"},
		{"GET", "/api/v1/units/" + strings.Repeat("x", 65), nil, 400, "invalid", "id"},
		{"GET", "/api/v1/units/nobody/track", nil, 404, "not_found", ""},
		{"GET", "/api/v1/units/-bad/track", nil, 400, "invalid", "id"},
		{"GET", "/api/v1/units/t1/track?from=yesterday", nil, 400, "invalid", "from"},
		{"GET", "/api/v1/units/t1/track?to=1700000000", nil, 400, "invalid", "to"},
		{"GET", "/api/v1/units/t1/track?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", nil, 400, "invalid", "to"},
		{"GET", "/api/v1/units/t1/track?limit=-1", nil, 400, "invalid", "limit"},
		{"GET", "/api/v1/units/nobody/trips", nil, 404, "not_found", ""},
		{"GET", "/api/v1/units/t1/trips?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", nil, 400, "invalid", "to"},
		{"GET", "/api/v1/units/t1/trips?from=2026-01-01T00:00:00Z&to=2026-03-01T00:00:00Z", nil, 400, "invalid", "to"},
		{"GET", "/api/v1/units/nobody/completeness", nil, 404, "not_found", ""},
		{"POST", "/api/v1/query/within", "", 422, "invalid_fence", ""},
		{"POST", "/api/v1/query/within", `{"type":"Polygon","coordinates":[[[120,36],[121,37],[121,36],[120,37],[120,36]]]}`, 422, "invalid_fence", "geometry"},
		{"POST", "/api/v1/query/within?limit=0", `{}`, 400, "invalid", "limit"},
		{"POST", "/api/v1/query/within", long, 413, "too_large", ""},
		{"GET", "/api/v1/query/nearest?lat=36", nil, 400, "invalid", "lon"},
		{"GET", "/api/v1/query/nearest?lat=north&lon=120", nil, 400, "invalid", "lat"},
		{"GET", "/api/v1/query/nearest?lat=91&lon=120", nil, 400, "invalid", "lat"},
		{"GET", "/api/v1/query/nearest?lat=36&lon=120&limit=1001", nil, 400, "invalid", "limit"},
		{"GET", "/api/v1/query/nearest?lat=36&lon=120&radius_m=-1", nil, 400, "invalid", "radius_m"},
		{"GET", "/api/v1/query/was-here?bbox=1,2,3,4&to=2026-01-01T00:00:00Z", nil, 400, "invalid", "from"},
		{"GET", "/api/v1/query/was-here?bbox=1,2,3,4&from=2026-01-01T00:00:00Z", nil, 400, "invalid", "to"},
		{"GET", "/api/v1/query/was-here?bbox=1,2,3,4&from=2026-01-01T00:00:00Z&to=2026-03-01T00:00:00Z", nil, 400, "invalid", "to"},
		{"GET", "/api/v1/query/was-here?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z", nil, 400, "invalid", "bbox"},
		{"POST", "/api/v1/query/was-here?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z", "{}", 422, "invalid_fence", "type"},
		{"GET", "/api/v1/events?after=no-such-event", nil, 400, "invalid", "after"},
		{"GET", "/api/v1/events?limit=many", nil, 400, "invalid", "limit"},
		{"GET", "/api/v1/fences/none", nil, 404, "not_found", ""},
		{"GET", "/api/v1/fences/none/inside", nil, 404, "not_found", ""},
		{"DELETE", "/api/v1/fences/none", nil, 404, "not_found", ""},
		{"PUT", "/api/v1/fences/f", "", 422, "invalid_fence", ""},
		{"PUT", "/api/v1/fences/f", "{", 422, "invalid_fence", ""},
		{"PUT", "/api/v1/fences/f", `{"type":"Feature"}`, 422, "invalid_fence", "geometry"},
		{"PUT", "/api/v1/fences/f", long, 413, "too_large", ""},
		{"POST", "/api/v1/units", "", 400, "invalid", "body"},
		{"POST", "/api/v1/units", `{"id":"x"} {}`, 400, "invalid", "body"},
		{"POST", "/api/v1/units", `{"id":7}`, 400, "invalid", "id"},
		{"POST", "/api/v1/units", `{"idd":"x"}`, 400, "invalid", "body"},
		{"POST", "/api/v1/units", `{"id":""}`, 400, "invalid", "id"},
		{"POST", "/api/v1/units", `{"id":"a b"}`, 400, "invalid", "id"},
		{"POST", "/api/v1/units", `{"id":"x","kind":"Truck!"}`, 400, "invalid", "kind"},
		{"POST", "/api/v1/units", `{"id":"x","name":"a\u0007b"}`, 400, "invalid", "name"},
		{"POST", "/api/v1/units", `{"id":"t1"}`, 409, "exists", ""},
		{"POST", "/api/v1/units", long, 413, "too_large", ""},
		{"POST", "/api/v1/tokens", `{"name":"x","role":"god"}`, 400, "invalid", "role"},
		{"POST", "/api/v1/tokens", `{"role":"admin"}`, 400, "invalid", "name"},
		{"POST", "/api/v1/session", `{}`, 400, "invalid", "token"},
		{"POST", "/api/v1/session", `{"token":"wrong"}`, 401, "unauthorized", ""},
		{"GET", "/api/v1/live?format=xml", nil, 400, "invalid", "format"},
	}
	for _, tt := range tests {
		name := tt.method + " " + tt.path
		if body, ok := tt.body.(string); ok && len(body) < 100 {
			name += " " + body
		}
		t.Run(name, func(t *testing.T) {
			status, answer := s.do(tt.method, tt.path, s.admin, tt.body)
			var got struct{ Error apiError }
			if err := json.Unmarshal(answer, &got); err != nil {
				t.Fatalf("%v in %s", err, answer)
			}
			if status != tt.status || got.Error.Code != tt.code || got.Error.Field != tt.field || got.Error.Message == "" {
				t.Errorf("%d %s, want %d, code %q, field %q", status, answer, tt.status, tt.code, tt.field)
			}
		})
	}
}

// Geometry that is not valid is refused with the reason and the place.
func TestInvalidFencesNameThePlace(t *testing.T) {
	s := startStation(t, nil)
	s.client.Transport = newContract(t, s.client.Transport)
	feature := func(geometry, properties string) string {
		return `{"type":"Feature","properties":{` + properties + `},"geometry":` + geometry + `}`
	}
	polygon := func(ring string) string { return `{"type":"Polygon","coordinates":[` + ring + `]}` }
	tests := []struct {
		name, body, reason string
		place              bool
	}{
		{"a bow tie", feature(polygon(`[[120,36],[121,37],[121,36],[120,37],[120,36]]`), ""), "", true},
		{"an open ring", feature(polygon(`[[120,36],[121,36],[121,37],[120,37]]`), ""), "", false},
		{"off the earth", feature(polygon(`[[120,36],[121,36],[121,97],[120,36]]`), ""), "", false},
		{"no radius", feature(`{"type":"Point","coordinates":[120,36]}`, ""), "radius_m", false},
		{"a negative dwell", feature(polygon(`[[120,36],[121,36],[121,37],[120,36]]`), `"dwell_s":-1`), "dwell_s", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, answer := s.do(http.MethodPut, "/api/v1/fences/f", s.admin, tt.body)
			var got struct {
				Error struct {
					Message string
					At      *struct{ Lat, Lon float64 }
				}
			}
			if err := json.Unmarshal(answer, &got); err != nil {
				t.Fatal(err)
			}
			if status != 422 || !strings.Contains(got.Error.Message, tt.reason) || tt.place && got.Error.At == nil {
				t.Errorf("%d %s, want 422 with %q", status, answer, tt.reason)
			}
		})
	}
}
