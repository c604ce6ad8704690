package cell

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/uber/h3-go/v4"

	"dipper/positioning/geo"
)

// TestReach measures how far places are from the centres of the cells above them, a third of them close to the pentagons.
func TestReach(t *testing.T) {
	rng := rand.New(rand.NewPCG(20261123, 3))
	centres, err := h3.Pentagons(0)
	if err != nil {
		t.Fatal(err)
	}
	var farthest [Working + 1]float64
	for i := range 60_000 {
		p := geo.Point{Lat: math.Asin(2*rng.Float64()-1) * 180 / math.Pi, Lon: 360*rng.Float64() - 180}
		if i%3 == 0 {
			near := Center(ID(centres[rng.IntN(len(centres))]))
			scale := math.Pow(10, 4*rng.Float64()-3)
			p = geo.Point{Lat: near.Lat + scale*rng.NormFloat64(), Lon: near.Lon + scale*rng.NormFloat64()}
		}
		c := FromPoint(p)
		if c == 0 {
			continue
		}
		for r := range farthest {
			farthest[r] = max(farthest[r], geo.Distance(p, Center(Parent(c, r))))
		}
	}
	for r, m := range farthest {
		if m > reachM[r] || m < 0.85*reachM[r] {
			t.Errorf("resolution %d: a place is %.0f m from its cell's centre, reachM is %.0f", r, m, reachM[r])
		}
	}
}

func TestChildrenAgreeWithH3(t *testing.T) {
	base, err := h3.Res0Cells()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range base {
		want, err := b.Children(2)
		if err != nil {
			t.Fatal(err)
		}
		got := children(children([]ID{ID(b)}))
		if len(got) != len(want) {
			t.Fatalf("%v has %d grandchildren, want %d", b, len(got), len(want))
		}
		for i := range got {
			if got[i] != ID(want[i]) {
				t.Fatalf("%v: grandchild %d is %v, want %v", b, i, got[i], want[i])
			}
		}
	}
}

func TestDistanceToBox(t *testing.T) {
	const degM = geo.EarthRadiusM * math.Pi / 180
	for _, c := range []struct {
		name string
		p    geo.Point
		b    geo.Box
		want float64
	}{
		{"inside", geo.Point{Lat: 1, Lon: 1}, geo.Box{South: 0, West: 0, North: 2, East: 2}, 0},
		{"north of it", geo.Point{Lat: 5, Lon: 1}, geo.Box{South: 0, West: 0, North: 2, East: 2}, 3 * degM},
		{"east on the equator", geo.Point{Lat: 0, Lon: 5}, geo.Box{South: -1, West: 0, North: 1, East: 2}, 3 * degM},
		{"east over the 180° meridian", geo.Point{Lat: 0, Lon: -179}, geo.Box{South: -1, West: 170, North: 1, East: 179}, 2 * degM},
		{"from a box over the 180° meridian", geo.Point{Lat: 0, Lon: 176}, geo.Box{South: -1, West: 179, North: 1, East: -179}, 3 * degM},
		{"over the pole", geo.Point{Lat: 89, Lon: 180}, geo.Box{South: 80, West: -1, North: 88, East: 1}, 3 * degM},
		{"a corner", geo.Point{Lat: 3, Lon: 3}, geo.Box{South: 0, West: 0, North: 2, East: 2}, geo.Distance(geo.Point{Lat: 3, Lon: 3}, geo.Point{Lat: 2, Lon: 2})},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := distanceM(c.p, c.b); math.Abs(got-c.want) > 1 && math.Abs(got/c.want-1) > 1e-3 {
				t.Errorf("distanceM = %.0f, want %.0f", got, c.want)
			}
		})
	}
}
