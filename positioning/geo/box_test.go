package geo

import (
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
