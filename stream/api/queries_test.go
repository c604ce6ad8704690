package api_test

import (
	"fmt"
	"math"
	"net/http"
	"testing"
	"time"
)

// exerciseQueries asks where units are and were in every way.
func (s *station) exerciseQueries() {
	s.t.Helper()
	const polygon = `{"type":"Polygon","coordinates":[[[120,35],[121,35],[121,37],[120,37],[120,35]]]}`
	s.must(http.StatusOK, http.MethodPost, "/api/v1/query/within", polygon, nil)
	s.must(http.StatusOK, http.MethodPost, "/api/v1/query/within?limit=1", gate, nil)
	s.must(http.StatusOK, http.MethodGet, "/api/v1/query/nearest?lat=36&lon=120", nil, nil)
	s.must(http.StatusOK, http.MethodGet, "/api/v1/query/nearest?lat=-36&lon=-120&radius_m=1000&limit=1", nil, nil)
	const times = "from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z"
	s.must(http.StatusOK, http.MethodPost, "/api/v1/query/was-here?"+times, polygon, nil)
	s.must(http.StatusOK, http.MethodGet, "/api/v1/query/was-here?bbox=120,35,121,37&limit=10&after=a&"+times, nil, nil)
	now := timeAgo(0).UTC()
	s.must(http.StatusOK, http.MethodGet, fmt.Sprintf("/api/v1/query/was-here?bbox=120,35,121,37&limit=1&from=%s&to=%s",
		now.Add(-24*time.Hour).Format(time.RFC3339), now.Format(time.RFC3339)), nil, nil)
}

func TestWhoWasThere(t *testing.T) {
	s := startStation(t, nil)
	begin := timeAgo(30).UTC().Truncate(time.Second)
	at := func(minute float64) time.Time { return begin.Add(time.Duration(minute * float64(time.Minute))) }
	for id, lons := range map[string][]float64{"passed": {119.99, 120.01}, "parked": {120.0001, 120.0001}, "away": {121, 121.01}} {
		s.connect(id, s.addUnit(id)).send(fixAt(at(0), 36, lons[0]), fixAt(at(1), 36, lons[1]))
	}
	type page struct {
		Units []struct {
			ID          string
			First, Last time.Time
			Fixes       int
		}
		Next           string
		Examined, Left int
	}
	span := "from=" + at(0.1).Format(time.RFC3339) + "&to=" + at(0.9).Format(time.RFC3339)
	const box = "bbox=119.999,35.9,120.001,36.1&"
	var p page
	s.must(http.StatusOK, http.MethodGet, "/api/v1/query/was-here?"+box+span, nil, &p)
	if len(p.Units) != 2 || p.Units[0].ID != "parked" || p.Units[1].ID != "passed" || p.Units[1].Fixes != 0 || p.Next != "" || p.Examined != 3 {
		t.Fatalf("%+v", p)
	}
	if u := p.Units[0]; !u.First.Equal(at(0.1)) || !u.Last.Equal(at(0.9)) {
		t.Errorf("parked from %v to %v", u.First, u.Last)
	}
	const shape = `{"type":"Feature","properties":{"radius_m":100},"geometry":{"type":"Point","coordinates":[120,36]}}`
	p = page{}
	s.must(http.StatusOK, http.MethodPost, "/api/v1/query/was-here?limit=1&"+span, shape, &p)
	if len(p.Units) != 1 || p.Next != "parked" || p.Left != 1 {
		t.Fatalf("the first page: %+v", p)
	}
	p = page{}
	s.must(http.StatusOK, http.MethodPost, "/api/v1/query/was-here?limit=1&after=parked&"+span, shape, &p)
	if len(p.Units) != 1 || p.Units[0].ID != "passed" || p.Next != "" {
		t.Fatalf("the last page: %+v", p)
	}
}

func TestWhoIsThereNow(t *testing.T) {
	s := startStation(t, nil)
	for id, lon := range map[string]float64{"near": 120.001, "nearer": 120.0005, "far": 121, "fiji": -179.99} {
		lat := 36.0
		if id == "fiji" {
			lat = -17
		}
		s.connect(id, s.addUnit(id)).send(fixAt(timeAgo(1), lat, lon))
	}
	type unit struct {
		ID        string
		DistanceM float64 `json:"distance_m"`
	}
	ids := func(method, path string, body any) (got string, units []unit) {
		t.Helper()
		var out struct{ Units []unit }
		s.must(http.StatusOK, method, path, body, &out)
		for _, u := range out.Units {
			got += u.ID + " "
		}
		return got, out.Units
	}
	got, units := ids(http.MethodGet, "/api/v1/query/nearest?lat=36&lon=120&limit=3", nil)
	if got != "nearer near far " {
		t.Errorf("nearest: %q, %+v", got, units)
	}
	if m := units[1].DistanceM; math.Abs(m-90.16) > 0.1 { // a thousandth of a degree at 36° north
		t.Errorf("near is %.2f m away, want 90.2 m", m)
	}
	if got, _ := ids(http.MethodGet, "/api/v1/query/nearest?lat=36&lon=120&radius_m=60", nil); got != "nearer " {
		t.Errorf("within 60 m: %q", got)
	}
	holed := `{"type":"Polygon","coordinates":[[[119.9,35.9],[120.1,35.9],[120.1,36.1],[119.9,36.1],[119.9,35.9]],` +
		`[[119.99,35.99],[120.0007,35.99],[120.0007,36.01],[119.99,36.01],[119.99,35.99]]]}`
	if got, _ := ids(http.MethodPost, "/api/v1/query/within", holed); got != "near " {
		t.Errorf("beside the hole: %q", got)
	}
	across := `{"type":"Feature","properties":null,"geometry":{"type":"MultiPolygon","coordinates":[[[[179,-18],[-179,-18],[-179,-16],[179,-16],[179,-18]]]]}}`
	if got, _ := ids(http.MethodPost, "/api/v1/query/within", across); got != "fiji " {
		t.Errorf("over the 180° meridian: %q", got)
	}
}
