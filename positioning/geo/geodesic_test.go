package geo

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// TestGeodesic holds Geodesic against Karney's solutions.
// Source: test cases of GeographicLib (geographiclib-python, test_geodesic.py) and Wikipedia's of Vincenty's method.
func TestGeodesic(t *testing.T) {
	tests := []struct {
		a, b Point
		want float64
		tol  float64
	}{
		{Point{35.60777, -139.44815}, Point{-11.17491, -69.95921}, 8935244.5604818305, 2e-4},
		{Point{55.52454, 106.05087}, Point{77.03196, -162.81766}, 4105086.1713924406, 2e-4},
		{Point{-21.97856, 142.59065}, Point{41.84138, 98.56635}, 8394328.894657671, 2e-4},
		{Point{-66.99028, 112.2363}, Point{-12.70631, -74.09656}, 11150344.2312080241, 2e-4},
		{Point{-17.42761, 173.34268}, Point{-15.84784, 5.93557}, 16076603.1631180673, 2e-4},
		{Point{32.84994, 48.28919}, Point{-56.28556, -157.70868}, 16727068.9438164461, 2e-4},
		{Point{6.96833, 52.74123}, Point{-7.39675, -153.82709}, 17102477.2496958388, 2e-4},
		{Point{-50.56724, -16.30485}, Point{-33.56571, -94.97412}, 6455670.5118668696, 2e-4},
		{Point{-58.93002, -8.90775}, Point{-8.91104, 133.13503}, 11756066.0219864627, 2e-4},
		{Point{-68.82867, -74.28391}, Point{-50.63005, -8.36685}, 3956936.926063544, 2e-4},
		{Point{-10.62672, -32.0898}, Point{5.883, -134.31681}, 11470869.3864563009, 2e-4},
		{Point{-19.79938, -174.47484}, Point{-11.99349, -154.35109}, 2319004.8601169389, 2e-4},
		{Point{-87.85331, 85.66836}, Point{66.48646, 16.09921}, 17286615.3147144645, 2e-4},
		{Point{11.01307, 138.25278}, Point{6.62726, -112.94019}, 11911190.819018408, 2e-4},
		{Point{-29.47124, 95.14681}, Point{-27.46601, -69.15955}, 13487015.8381145492, 2e-4},
		{Point{40.6, -73.8}, Point{49.01666667, 2.55}, 5853226, 0.5},
		{Point{36.493349428792, 0}, Point{36.49334942879201, 0.0000008}, 0.072, 0.5e-3},
		// Nearly opposite: Vincenty's method alone fails on most of these.
		{Point{88.202499451857, 0}, Point{-88.202499451857, 179.981022032992859592}, 20003898.214, 1e-3},
		{Point{89.262080389218, 0}, Point{-89.262080389218, 179.992207982775375662}, 20003925.854, 1e-3},
		{Point{56.320923501171, 0}, Point{-56.320923501171, 179.664747671772880215}, 19993558.287, 1e-3},
		{Point{52.784459512564, 0}, Point{-52.784459512563990912, 179.634407464943777557}, 19991596.095, 1e-3},
		{Point{48.522876735459, 0}, Point{-48.52287673545898293, 179.599720456223079643}, 19989144.774, 1e-3},
		{Point{0, 0}, Point{0, 179}, 19926189, 0.5},
		{Point{0, 0}, Point{0, 179.5}, 19980862, 0.5},
		{Point{0, 0}, Point{0, 180}, 20003931.4586, 1e-3},
		{Point{0, 0}, Point{1, 180}, 19893357, 0.5},
		{Point{0, 0}, Point{0.5, 179.5}, 19936288.579, 1e-3},
		{Point{90, 0}, Point{-90, 0}, 20003931.4586, 1e-3},
		{Point{0, 179}, Point{0, -179}, 222639, 0.5},
		// The reference page's.
		{Point{31.2304, 121.4737}, Point{39.9042, 116.4074}, 1065846.489, 1e-3},
		{Point{22.5, 114}, Point{22.5, 114.001}, 102.896, 5e-4},
		{Point{31, 121}, Point{31.001, 121}, 110.869, 5e-4},
		{Point{36, 120}, Point{36, 120}, 0, 0},
	}
	for _, tt := range tests {
		if got := Geodesic(tt.a, tt.b); !(math.Abs(got-tt.want) <= tt.tol) {
			t.Errorf("Geodesic(%v, %v) = %.6f m, want %.6f", tt.a, tt.b, got, tt.want)
		}
		if there, back := Geodesic(tt.a, tt.b), Geodesic(tt.b, tt.a); math.Abs(there-back) > 1e-3 {
			t.Errorf("%v, %v: %.6f m there, %.6f back", tt.a, tt.b, there, back)
		}
	}
	for _, p := range []Point{{math.NaN(), 0}, {0, math.NaN()}, {0, math.Inf(1)}, {math.Inf(-1), 0}} {
		if got := Geodesic(p, Point{1, 1}); !math.IsNaN(got) {
			t.Errorf("Geodesic(%v, …) = %v, want NaN", p, got)
		}
	}
}

// TestGeodesicBesideSphere: everywhere it is within 0.57 % of the sphere's distance, whichever method gives it, it is
// symmetric, and no way over a third place is shorter.
func TestGeodesicBesideSphere(t *testing.T) {
	place := rapid.Custom(func(t *rapid.T) Point {
		return Point{Lat: rapid.Float64Range(-90, 90).Draw(t, "lat"), Lon: rapid.Float64Range(-180, 180).Draw(t, "lon")}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := place.Draw(t, "a"), place.Draw(t, "b"), place.Draw(t, "c")
		if rapid.Bool().Draw(t, "opposite") {
			b = Point{Lat: max(-90, min(90, -a.Lat+rapid.Float64Range(-1, 1).Draw(t, "dlat"))), Lon: LonDelta(0, a.Lon+180+rapid.Float64Range(-1, 1).Draw(t, "dlon"))}
		}
		ab := Geodesic(a, b)
		if sphere := Distance(a, b); math.Abs(ab-sphere) > 0.0057*sphere+1e-6 {
			t.Fatalf("Geodesic %v, Distance %v", ab, sphere)
		}
		if ba := Geodesic(b, a); math.Abs(ab-ba) > 1e-3 {
			t.Fatalf("%v there, %v back", ab, ba)
		}
		if over := Geodesic(a, c) + Geodesic(c, b); over < ab-1e-3 {
			t.Fatalf("%v straight, %v over %v", ab, over, c)
		}
	})
}

func TestNearbyAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := Point{Lat: rapid.Float64Range(-nearbyLat, nearbyLat).Draw(t, "lat"), Lon: rapid.Float64Range(-180, 180).Draw(t, "lon")}
		step := rapid.Float64Range(-nearbyDeg, nearbyDeg)
		b := Point{Lat: a.Lat + step.Draw(t, "north"), Lon: LonDelta(0, a.Lon+step.Draw(t, "east"))}
		got, ok := nearby(a, b)
		if !ok { // rounding, at the bounds
			return
		}
		if want, _ := vincenty(a, b); math.Abs(got-want) > 1e-4 {
			t.Fatalf("%+v to %+v: %.6f m, want %.6f m", a, b, got, want)
		}
	})
}

func BenchmarkGeodesicNearby(b *testing.B) {
	a, c := Point{31.2304, 121.4737}, Point{31.2314, 121.4747}
	for b.Loop() {
		Geodesic(a, c)
	}
}

func BenchmarkGeodesic(b *testing.B) {
	a, c := Point{31.2304, 121.4737}, Point{39.9042, 116.4074}
	for b.Loop() {
		Geodesic(a, c)
	}
}

func BenchmarkDistance(b *testing.B) {
	a, c := Point{31.2304, 121.4737}, Point{39.9042, 116.4074}
	for b.Loop() {
		Distance(a, c)
	}
}
