package geo

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// Places of the tests, degrees.
var (
	qingdao  = Point{Lat: 36.0671, Lon: 120.3826}
	shanghai = Point{Lat: 31.2304, Lon: 121.4737}
)

func TestDistance(t *testing.T) {
	const quarter = EarthRadiusM * math.Pi / 2
	tests := []struct {
		name string
		a, b Point
		want float64
		tol  float64
	}{
		{"same place", qingdao, qingdao, 0, 0},
		{"a degree of latitude", Point{Lat: 30, Lon: 120}, Point{Lat: 31, Lon: 120}, quarter / 90, 1e-6},
		{"a degree of longitude on the equator", Point{Lon: 10}, Point{Lon: 11}, quarter / 90, 1e-6},
		{"a degree of longitude at 60°", Point{Lat: 60, Lon: 10}, Point{Lat: 60, Lon: 11}, 55597, 1}, // 2R asin(cos 60° sin 0.5°)
		{"equator to pole", Point{}, Point{Lat: 90}, quarter, 1e-6},
		{"pole to pole", Point{Lat: -90}, Point{Lat: 90, Lon: 77}, 2 * quarter, 1e-6},
		{"antipodes", Point{Lat: 10, Lon: 20}, Point{Lat: -10, Lon: -160}, 2 * quarter, 1},
		{"across 180°", Point{Lat: 0, Lon: 179.5}, Point{Lat: 0, Lon: -179.5}, quarter / 90, 1e-6},
		{"reference's jump", Point{31.2304, 121.4737}, Point{31.2394, 121.4737}, 1000.76, 0.05},
		{"a metre", qingdao, Point{Lat: qingdao.Lat + 1/111195.08, Lon: qingdao.Lon}, 1, 1e-5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Distance(tt.a, tt.b); math.Abs(got-tt.want) > tt.tol {
				t.Errorf("Distance(%v, %v) = %.6f m, want %.6f ± %v m", tt.a, tt.b, got, tt.want, tt.tol)
			}
		})
	}
}

func TestCourse(t *testing.T) {
	tests := []struct {
		name string
		a, b Point
		want float64
	}{
		{"north", Point{30, 120}, Point{31, 120}, 0},
		{"south", Point{31, 120}, Point{30, 120}, 180},
		{"east on the equator", Point{0, 120}, Point{0, 121}, 90},
		{"west on the equator", Point{0, 121}, Point{0, 120}, 270},
		{"east across 180°", Point{0, 179}, Point{0, -179}, 90},
		{"west across 180°", Point{0, -179}, Point{0, 179}, 270},
		{"same place", qingdao, qingdao, 0},
		{"Qingdao to Shanghai", qingdao, shanghai, 169.05},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Course(tt.a, tt.b); math.Abs(got-tt.want) > 0.01 {
				t.Errorf("Course = %.4f°, want %.4f°", got, tt.want)
			}
		})
	}
}

func TestLonDelta(t *testing.T) {
	for _, tt := range []struct{ from, to, want float64 }{
		{0, 0, 0}, {10, 20, 10}, {20, 10, -10}, {179, -179, 2}, {-179, 179, -2}, {0, 180, -180}, {-180, 180, 0}, {-90, 90, -180},
	} {
		if got := LonDelta(tt.from, tt.to); got != tt.want {
			t.Errorf("LonDelta(%v, %v) = %v, want %v", tt.from, tt.to, got, tt.want)
		}
	}
}

func TestValid(t *testing.T) {
	for _, p := range []Point{{}, {90, 180}, {-90, -180}, qingdao} {
		if !p.Valid() {
			t.Errorf("%v is not valid", p)
		}
	}
	for _, p := range []Point{{90.0000001, 0}, {-91, 0}, {0, 180.0000001}, {0, -181}, {math.NaN(), 0}, {0, math.NaN()}, {math.Inf(1), 0}} {
		if p.Valid() {
			t.Errorf("%v is valid", p)
		}
	}
}

func point(t *rapid.T, name string) Point {
	return Point{Lat: rapid.Float64Range(-90, 90).Draw(t, name+" lat"), Lon: rapid.Float64Range(-180, 180).Draw(t, name+" lon")}
}

// TestDistanceIsAMetric: never negative, the same both ways, no detour shorter, at most half the earth's girth.
func TestDistanceIsAMetric(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := point(t, "a"), point(t, "b"), point(t, "c")
		ab := Distance(a, b)
		if !(ab >= 0 && ab <= math.Pi*EarthRadiusM*(1+1e-12)) || ab != Distance(b, a) {
			t.Fatalf("Distance = %v, back %v", ab, Distance(b, a))
		}
		if ab > Distance(a, c)+Distance(c, b)+0.5 { // asin near the antipodes keeps 8 digits
			t.Fatalf("%v m direct, %v m over %v", ab, Distance(a, c)+Distance(c, b), c)
		}
		if crs := Course(a, b); !(crs >= 0 && crs < 360) {
			t.Fatalf("Course = %v", crs)
		}
		if d := LonDelta(a.Lon, b.Lon); !(d >= -180 && d < 180) {
			t.Fatalf("LonDelta = %v", d)
		}
	})
}
