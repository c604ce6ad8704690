package geo

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// vectors are the reference page's: made by other programs.
var vectors = []struct {
	name          string
	wgs, gcj, bd9 Point
}{
	{"Beijing", Point{39.907333, 116.391083}, Point{39.908734, 116.397324}, Point{39.915077, 116.403697}},
	{"Shanghai", Point{31.239700, 121.499800}, Point{31.237686, 121.504233}, Point{31.243335, 121.510842}},
	{"Shenzhen", Point{22.543096, 114.057865}, Point{22.540379, 114.062979}, Point{22.546037, 114.069529}},
	{"Urumqi", Point{43.8256, 87.6168}, Point{43.826805, 87.619650}, Point{43.832950, 87.626100}},
	{"Ningbo port", Point{29.935, 121.85}, Point{29.932424, 121.854081}, Point{29.938078, 121.860674}},
	{"Shanghai, Waigaoqiao", Point{31.247982, 121.587403}, Point{31.245789, 121.591611}, Point{31.251762, 121.598132}},
}

// near compares to the vectors' last decimal, 1e-6° or 0.1 m.
func near(a, b Point, deg float64) bool {
	return math.Abs(a.Lat-b.Lat) <= deg && math.Abs(a.Lon-b.Lon) <= deg
}

func TestChineseDatums(t *testing.T) {
	for _, v := range vectors {
		if got := ToGCJ02(v.wgs); !near(got, v.gcj, 1.1e-6) {
			t.Errorf("%s: ToGCJ02 = %v, want %v", v.name, got, v.gcj)
		}
		if got := FromGCJ02(v.gcj); !near(got, v.wgs, 1.1e-6) {
			t.Errorf("%s: FromGCJ02 = %v, want %v", v.name, got, v.wgs)
		}
		if got := ToBD09(v.wgs); !near(got, v.bd9, 1.1e-6) {
			t.Errorf("%s: ToBD09 = %v, want %v", v.name, got, v.bd9)
		}
		if got := FromBD09(v.bd9); !near(got, v.wgs, 1.6e-6) {
			t.Errorf("%s: FromBD09 = %v, want %v", v.name, got, v.wgs)
		}
	}
	// The reference's vector with the box's answer: the formula is the same, only where it applies differs.
	if got := shifted(Point{22.3027, 114.1772}); !near(got, Point{22.299940, 114.182145}, 1.1e-6) {
		t.Errorf("the shift at Hong Kong = %v", got)
	}
	for _, p := range []Point{{22.3027, 114.1772}, {35.68, 139.76}, {math.NaN(), 114}, {0, 0}} {
		if got := ToGCJ02(p); got != p && !math.IsNaN(p.Lat) {
			t.Errorf("ToGCJ02(%v) = %v, want it unchanged", p, got)
		}
		if got := FromGCJ02(p); got != p && !math.IsNaN(p.Lat) {
			t.Errorf("FromGCJ02(%v) = %v, want it unchanged", p, got)
		}
	}
}

// TestDatumsRoundTrip: within a millimetre both ways wherever the map is shifted, and at the outline's seam one of the
// places that share the map's point comes back, never a third.
func TestDatumsRoundTrip(t *testing.T) {
	const maxM = 0.001
	rapid.Check(t, func(t *rapid.T) {
		p := Point{Lat: rapid.Float64Range(17, 55).Draw(t, "lat"), Lon: rapid.Float64Range(72, 137).Draw(t, "lon")}
		g := ToGCJ02(p)
		back := FromGCJ02(g)
		if d := Distance(p, back); d > maxM && (InChina(p) || !InChina(back) || ToGCJ02(back) == back || Distance(ToGCJ02(back), g) > maxM) {
			t.Fatalf("GCJ-02 comes back %v m off", d)
		}
		if d := Distance(p, g); d > 1000 || InChina(p) != (d > 0) {
			t.Fatalf("shifted by %v m", d)
		}
		if d := Distance(FromBD09(ToBD09(p)), back); d > maxM {
			t.Fatalf("BD-09 comes back %v m off GCJ-02's", d)
		}
	})
}

func BenchmarkToGCJ02(b *testing.B) {
	for b.Loop() {
		ToGCJ02(shanghai)
	}
}

func BenchmarkFromGCJ02(b *testing.B) {
	for b.Loop() {
		FromGCJ02(shanghai)
	}
}
