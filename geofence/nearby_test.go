package geofence

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"dipper/positioning/geo"
)

// slowNearby measures every fence.
func slowNearby(fences []Fence, p geo.Point, radiusM float64, at time.Time, most int) []Neighbour {
	var found []Neighbour
	for _, f := range fences {
		if !f.ValidUntil.IsZero() && (!f.ValidUntil.After(at) || !f.ValidUntil.After(f.ValidFrom)) {
			continue
		}
		if d := max(0, -f.Shape.Depth(p)); d <= radiusM {
			found = append(found, Neighbour{f, d})
		}
	}
	slices.SortFunc(found, func(a, b Neighbour) int {
		return cmp.Or(cmp.Compare(a.DistanceM, b.DistanceM), cmp.Compare(a.Fence.ID, b.Fence.ID), cmp.Compare(a.Fence.Revision, b.Fence.Revision))
	})
	return found[:min(most, len(found))]
}

func TestNearbyAgreesWithAllFences(t *testing.T) {
	for _, centre := range []geo.Point{yardCenter, {Lat: -33.9, Lon: 151.2}, {Lat: 65, Lon: 179.99}, {Lat: -17, Lon: -179.995}} {
		rng := rand.New(rand.NewPCG(1, 2))
		somewhere := func(within float64) geo.Point {
			p := offset(centre, (2*rng.Float64()-1)*within, (2*rng.Float64()-1)*within)
			switch {
			case p.Lon > 180:
				p.Lon -= 360
			case p.Lon < -180:
				p.Lon += 360
			}
			return p
		}
		var fences []Fence
		for i := range 300 {
			f := Fence{ID: fmt.Sprintf("f%d", i/2), Revision: uint64(1 + i%2)}
			p := somewhere(30_000)
			if i%3 > 0 && centre.Lon < 179 && centre.Lon > -179 { // block knows no 180° meridian
				f.Shape = block(t, p, 20+3000*rng.Float64(), 20+3000*rng.Float64())
			} else {
				f.Shape = mustCircle(t, p, 20+1000*rng.Float64())
			}
			switch rng.IntN(4) {
			case 0:
				f.ValidUntil = start
			case 1:
				f.ValidFrom = start.Add(time.Hour)
			case 2:
				f.ValidFrom, f.ValidUntil = start.Add(time.Hour), start.Add(time.Hour)
			}
			fences = append(fences, f)
		}
		ix := NewIndex(fences)
		for range 60 {
			p, radius, most := somewhere(25_000), []float64{0, 300, 5000, 20_000}[rng.IntN(4)], 1+rng.IntN(200)
			got, want := ix.Nearby(p, radius, start, most), slowNearby(fences, p, radius, start, most)
			if !slices.EqualFunc(got, want, func(a, b Neighbour) bool {
				return a.Fence.ID == b.Fence.ID && a.Fence.Revision == b.Fence.Revision && a.DistanceM == b.DistanceM
			}) {
				t.Fatalf("near %v within %v m, at most %d: %d fences, want %d", p, radius, most, len(got), len(want))
			}
		}
	}
}

func TestNearbyOfNoPlace(t *testing.T) {
	ix := NewIndex([]Fence{{ID: "polar", Shape: mustCircle(t, geo.Point{Lat: 84, Lon: 10}, 1000)}, {ID: "yard", Shape: block(t, yardCenter, 100, 100)}})
	for _, p := range []geo.Point{{Lat: 91}, {Lat: math.NaN(), Lon: 1}} {
		if got := ix.Nearby(p, 1000, start, 5); got != nil {
			t.Errorf("near %v: %v", p, got)
		}
	}
	if got := ix.Nearby(yardCenter, math.NaN(), start, 5); got != nil {
		t.Errorf("within NaN: %v", got)
	}
	if got := ix.Nearby(yardCenter, 1000, start, 0); got != nil {
		t.Errorf("none wanted: %v", got)
	}
	if got := ix.Nearby(geo.Point{Lat: 84.5, Lon: 11}, 700_000, start, 5); len(got) != 1 || got[0].Fence.ID != "polar" {
		t.Errorf("from the pole: %v", got)
	}
}

// What a unit in a dense city costs: the figure for stream's pushes of fences.
func BenchmarkNearby(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		b.Run(fmt.Sprintf("%d fences", n), func(b *testing.B) {
			ix := NewIndex(cityFences(b, n))
			var places []geo.Point
			for _, f := range ix.Fences()[:500] {
				box := f.Shape.Box()
				places = append(places, geo.Point{Lat: box.South, Lon: box.West})
			}
			i := 0
			for b.Loop() {
				ix.Nearby(places[i%len(places)], 20_000, start, 201)
				i++
			}
		})
	}
}
