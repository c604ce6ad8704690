package geo

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseBox(t *testing.T) {
	b, err := ParseBox("120.1, 35.9,120.5,36.2")
	if err != nil || b != (Box{West: 120.1, South: 35.9, East: 120.5, North: 36.2}) {
		t.Errorf("got %+v, %v", b, err)
	}
	if b, err := ParseBox("170,-10,-170,10"); err != nil || !b.Contains(Point{Lon: 179}) {
		t.Errorf("across 180°: %+v, %v", b, err)
	}
	for in, want := range map[string]string{
		"":                    "four numbers",
		"1,2,3":               "four numbers",
		"1,2,3,4,5":           "four numbers",
		"x,2,3,4":             "west",
		"1,,3,4":              "south",
		"1,2,3,4°":            "north",
		"-181,2,3,4":          "west",
		"1,-91,3,4":           "south",
		"1,2,180.1,4":         "east",
		"1,2,3,90.1":          "north",
		"NaN,2,3,4":           "west",
		"1,2,Inf,4":           "east",
		"1,NaN,3,4":           "south",
		"1,2,3,NaN":           "north",
		"120.1,36.2,120,35.9": "is north of",
	} {
		if _, err := ParseBox(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseBox(%q) = %v, want an error with %q", in, err, want)
		}
	}
}

func TestBoxContains(t *testing.T) {
	port := Box{West: 120.1, South: 35.9, East: 120.5, North: 36.2}
	bering := Box{West: 170, South: 50, East: -170, North: 60}
	tests := []struct {
		name string
		box  Box
		p    Point
		want bool
	}{
		{"inside", port, Point{36, 120.2}, true},
		{"on the corner", port, Point{35.9, 120.1}, true},
		{"on the other corner", port, Point{36.2, 120.5}, true},
		{"north", port, Point{36.2001, 120.2}, false},
		{"south", port, Point{35.8999, 120.2}, false},
		{"east", port, Point{36, 120.5001}, false},
		{"west", port, Point{36, 120.0999}, false},
		{"180° from the west", bering, Point{55, 175}, true},
		{"180° from the east", bering, Point{55, -175}, true},
		{"180° itself", bering, Point{55, 180}, true},
		{"the long way round", bering, Point{55, 0}, false},
		{"the world", Box{-180, -90, 180, 90}, Point{-90, 180}, true},
	}
	for _, tt := range tests {
		if got := tt.box.Contains(tt.p); got != tt.want {
			t.Errorf("%s: Contains = %v, want %v", tt.name, got, tt.want)
		}
	}
}

func FuzzParseBox(f *testing.F) {
	f.Add("120.1,35.9,120.5,36.2")
	f.Add("NaN,-0,1e3,,")
	f.Fuzz(func(t *testing.T, s string) {
		if b, err := ParseBox(s); err == nil && b.Check() != nil {
			t.Fatalf("ParseBox(%q) = %+v without an error", s, b)
		}
	})
}

// TestBoxCrossing: a box that crosses 180° contains what its two halves contain.
func TestBoxCrossing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := point(t, "p")
		w, e := rapid.Float64Range(0, 180).Draw(t, "west"), rapid.Float64Range(-180, -1).Draw(t, "east")
		b := Box{West: w, South: -80, East: e, North: 80}
		halves := Box{w, -80, 180, 80}.Contains(p) || Box{-180, -80, e, 80}.Contains(p)
		if b.Contains(p) != halves {
			t.Fatalf("%+v contains %v: %v, its halves %v", b, p, b.Contains(p), halves)
		}
	})
}

// drawPlace gives a place, often at a pole, at the 180° meridian or at 0,0.
func drawPlace(t *rapid.T, name string) Point {
	return Point{
		Lat: rapid.OneOf(rapid.Float64Range(-90, 90), rapid.SampledFrom([]float64{-90, -89.99, 0, 89.9, 90})).Draw(t, name+" lat"),
		Lon: rapid.OneOf(rapid.Float64Range(-180, 180), rapid.SampledFrom([]float64{-180, -179.99, 0, 179.9, 180})).Draw(t, name+" lon"),
	}
}

func TestBoxAroundHoldsTheCircle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		center := drawPlace(t, "center")
		radius := math.Pow(10, rapid.Float64Range(-1, 7.3).Draw(t, "log radius"))
		b := BoxAround(center, radius)
		if err := b.Check(); err != nil {
			t.Fatal(err)
		}
		// A place on the circle, by the course and the angle from the centre.
		course, angle := rapid.Float64Range(0, 2*math.Pi).Draw(t, "course"), min(radius/EarthRadiusM, math.Pi)*0.999999
		lat := math.Asin(math.Sin(radians(center.Lat))*math.Cos(angle) + math.Cos(radians(center.Lat))*math.Sin(angle)*math.Cos(course))
		dlon := math.Atan2(math.Sin(course)*math.Sin(angle)*math.Cos(radians(center.Lat)), math.Cos(angle)-math.Sin(radians(center.Lat))*math.Sin(lat))
		p := Point{Lat: lat * 180 / math.Pi, Lon: LonDelta(0, center.Lon+dlon*180/math.Pi)}
		if Distance(center, p) < radius && !b.Contains(p) {
			t.Fatalf("%+v, %.3f m from %+v, is not in %+v", p, Distance(center, p), center, b)
		}
	})
	if b := BoxAround(Point{Lat: 36, Lon: 120}, 1000); b.East-b.West > 0.0223 || b.North-b.South > 0.0181 {
		t.Errorf("1 km around Qingdao is %+v", b)
	}
	if b := BoxAround(Point{Lat: -17, Lon: 179.999}, 1000); b.West < b.East {
		t.Errorf("Fiji's box does not cross the 180° meridian: %+v", b)
	}
}

// A way meets a box if and only if one of many places on it is in it, but for what lies between two of them.
func TestBoxMeets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, q := drawPlace(t, "from"), drawPlace(t, "to")
		b := Box{West: rapid.Float64Range(-180, 180).Draw(t, "west"), East: rapid.Float64Range(-180, 180).Draw(t, "east"), South: -90, North: 90}
		b.South = rapid.Float64Range(-90, 90).Draw(t, "south")
		b.North = rapid.Float64Range(b.South, 90).Draw(t, "north")
		const steps = 400
		seen := false
		for i := range steps + 1 {
			part := float64(i) / steps
			lon := p.Lon + LonDelta(p.Lon, q.Lon)*part
			seen = seen || b.Contains(Point{Lat: p.Lat + (q.Lat-p.Lat)*part, Lon: LonDelta(0, lon)})
		}
		if seen && !b.Meets(p, q) {
			t.Fatalf("%+v does not meet the way from %+v to %+v", b, p, q)
		}
		const margin = 1 // degree: more than between two steps
		wide := b
		wide.South, wide.North = max(-90, b.South-margin), min(90, b.North+margin)
		wide.West, wide.East = LonDelta(0, b.West-margin), LonDelta(0, b.East+margin)
		if width := LonDelta(b.West, b.East); width < 0 && width > -2*margin { // all around
			wide.West, wide.East = -180, 180
		}
		if b.Meets(p, q) && !seen {
			near := false
			for i := range steps + 1 {
				part := float64(i) / steps
				near = near || wide.Contains(Point{Lat: p.Lat + (q.Lat-p.Lat)*part, Lon: LonDelta(0, p.Lon+LonDelta(p.Lon, q.Lon)*part)})
			}
			if !near {
				t.Fatalf("%+v meets the way from %+v to %+v, which is never near it", b, p, q)
			}
		}
	})
	for _, c := range []struct {
		name string
		b    Box
		p, q Point
		want bool
	}{
		{"through", Box{0, 0, 1, 1}, Point{0.5, -1}, Point{0.5, 2}, true},
		{"past a corner", Box{0, 0, 1, 1}, Point{1.5, 0}, Point{0.9, 3}, false},
		{"through a corner", Box{0, 0, 1, 1}, Point{2, 0}, Point{0, 2}, true},
		{"over the 180° meridian", Box{179.5, 0, -179.5, 1}, Point{0.5, 179}, Point{0.5, -179}, true},
		{"the short way round", Box{-10, 0, 10, 1}, Point{0.5, 179}, Point{0.5, -179}, false},
		{"the whole earth", Box{-180, -90, 180, 90}, Point{1, 2}, Point{1, 2}, true},
		{"along an edge", Box{0, 0, 1, 1}, Point{1, -1}, Point{1, 2}, true},
		{"a place", Box{0, 0, 1, 1}, Point{2, 2}, Point{2, 2}, false},
	} {
		if got := c.b.Meets(c.p, c.q); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
