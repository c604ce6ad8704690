package geofence

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"dipper/positioning/geo"
)

func TestParseShape(t *testing.T) {
	square := `{"type":"Polygon","coordinates":[[[120,36],[121,36],[121,37],[120,37],[120,36]]]}`
	for _, c := range []struct {
		name, in string
		kind     ShapeKind
		field    string // of the error
	}{
		{"a bare polygon", square, PolygonShape, ""},
		{"bare polygons", `{"type":"MultiPolygon","coordinates":[[[[120,36],[121,36],[121,37],[120,36]]]]}`, MultiShape, ""},
		{"a fence as the service gives it", `{"type":"Feature","id":"gate-1","properties":{"name":"Gate","kind":"gate","revision":3},"geometry":` + square + `}`, PolygonShape, ""},
		{"a circle", `{"type":"Feature","properties":{"radius_m":50},"geometry":{"type":"Point","coordinates":[120,36]}}`, CircleShape, ""},
		{"a bare point", `{"type":"Point","coordinates":[120,36]}`, NoShape, "type"},
		{"another datum", `{"crs":"GCJ-02",` + square[1:], NoShape, "crs"},
		{"a bow tie", `{"type":"Polygon","coordinates":[[[120,36],[121,37],[121,36],[120,37],[120,36]]]}`, NoShape, "geometry"},
		{"nothing", ``, NoShape, ""},
		{"too much", `{"type":"Polygon","coordinates":[` + strings.Repeat(" ", 5<<20) + `]}`, NoShape, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := ParseShape([]byte(c.in), Limits{})
			if s.Kind() != c.kind {
				t.Fatalf("kind %v, %v, want %v", s.Kind(), err, c.kind)
			}
			var bad *InvalidError
			if c.kind == NoShape && (!errors.As(err, &bad) || bad.Field != c.field) || c.kind != NoShape && err != nil {
				t.Errorf("%#v, want an *InvalidError with field %q", err, c.field)
			}
		})
	}
}

func FuzzParseShape(f *testing.F) {
	f.Add([]byte(polygon(squareRing)))
	f.Add([]byte(feature(`{"type":"Point","coordinates":[120,36]}`, `"radius_m":50`)))
	f.Add([]byte(`{"type":"MultiPolygon","coordinates":[[[[179,-1],[-179,-1],[-179,1],[179,-1]]]]}`))
	f.Add([]byte(`{"type":"Polygon"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseShape(data, Limits{MaxVertices: 200, MaxBytes: 20_000})
		var bad *InvalidError
		if err != nil && (!errors.As(err, &bad) || bad.Reason == "") || err == nil && s.Kind() == NoShape {
			t.Fatalf("%v, %#v", s.Kind(), err)
		}
		b := s.Box()
		s.Meets(geo.Point{Lat: b.South, Lon: b.West}, geo.Point{Lat: b.North, Lon: b.East})
	})
}

// A way with a place in the shape meets it, and one that keeps away from it does not.
func TestMeetsAgreesWithPlacesOnTheWay(t *testing.T) {
	c := func(x, y float64) geo.Point { return offset(yardCenter, x, y) }
	holed := mustPolygon(t,
		[]geo.Point{c(-500, -500), c(500, -500), c(500, 500), c(-500, 500), c(-500, -500)},
		[]geo.Point{c(-300, -300), c(300, -300), c(300, 300), c(-300, 300), c(-300, -300)})
	shapes := map[string]Shape{
		"holed": holed, "circle": mustCircle(t, yardCenter, 300), "road": mustCorridor(t, 40, c(-400, 0), c(0, 300), c(400, 0)),
	}
	rapid.Check(t, func(t *rapid.T) {
		metres := rapid.Float64Range(-800, 800)
		p, q := c(metres.Draw(t, "x"), metres.Draw(t, "y")), c(metres.Draw(t, "to x"), metres.Draw(t, "to y"))
		for name, s := range shapes {
			const steps = 500 // at most 5 m apart
			in, deepest := false, s.Depth(p)
			for i := range steps + 1 {
				at := along(placeOf(p), placeOf(q), float64(i)/steps).point()
				in, deepest = in || s.Contains(at), max(deepest, s.Depth(at))
			}
			if got := s.Meets(p, q); in && deepest > 0.1 && !got || !in && deepest < -5 && got {
				t.Fatalf("%s: Meets(%+v, %+v) = %v, deepest place %.1f m", name, p, q, got, deepest)
			}
		}
	})
	if holed.Meets(c(-100, 0), c(100, 0)) {
		t.Error("a way within the hole meets the polygon")
	}
	if !mustPolygon(t, []geo.Point{{Lat: -1, Lon: 179}, {Lat: -1, Lon: -179}, {Lat: 1, Lon: -179}, {Lat: 1, Lon: 179}, {Lat: -1, Lon: 179}}).Meets(geo.Point{Lon: 178}, geo.Point{Lon: -178}) {
		t.Error("a way over the 180° meridian is missed")
	}
	if holed.Meets(geo.Point{Lat: 95}, c(0, 0)) || (Shape{}).Meets(c(0, 0), c(1, 1)) {
		t.Error("a way from nowhere, or into nothing")
	}
}
