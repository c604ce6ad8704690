package geofence

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"dipper/positioning/geo"
)

func TestSin(t *testing.T) {
	for i := -1000; i <= 1000; i++ {
		x := float64(i) / 1000 * math.Pi / 2
		if d := math.Abs(sin(x) - math.Sin(x)); d > 1e-13 {
			t.Errorf("sin(%v) is off by %v", x, d)
		}
	}
}

func TestPlaceOf(t *testing.T) {
	for _, p := range []geo.Point{{Lat: 90, Lon: 180}, {Lat: -90, Lon: -180}, {Lat: 36.0671234, Lon: 120.3826543}, {Lat: -0.0000001, Lon: 179.9999999}} {
		want := p
		if want.Lon == 180 {
			want.Lon = -180
		}
		if got := placeOf(p).point(); got != want {
			t.Errorf("%+v came back as %+v", p, got)
		}
	}
	if placeOf(geo.Point{Lon: 179.99999999}) != placeOf(geo.Point{Lon: -180}) {
		t.Error("a longitude that rounds to 180° is another place than -180°")
	}
}

func TestTurned(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.Int32Range(-halfTurn, halfTurn-1).Draw(t, "x")
		d := rapid.Int64Range(-2*fullTurn, 2*fullTurn).Draw(t, "d")
		y := turned(x, d)
		if y < -halfTurn || y >= halfTurn || (int64(y)-int64(x)-d)%fullTurn != 0 {
			t.Fatalf("turned(%d, %d) = %d", x, d, y)
		}
		if back := turned(x, lonStep(x, y)); back != y {
			t.Fatalf("lonStep(%d, %d) leads to %d", x, y, back)
		}
		if e := eastOf(x, y); turned(x, e) != y || e < 0 || e >= fullTurn {
			t.Fatalf("eastOf(%d, %d) = %d", x, y, e)
		}
	})
}
