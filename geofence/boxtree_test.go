package geofence

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestBoxTreeFindsWhatMeets: for any number of rectangles, at the edges of the lattice too, as looking at each one.
func TestBoxTreeFindsWhatMeets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 11))
		spread := rapid.SampledFrom([]int64{3, 1000, 2 * halfTurn}).Draw(t, "spread")
		side := func() (int32, int32) {
			a := rng.Int64N(spread) - spread/2
			return int32(a), int32(min(a+rng.Int64N(1+spread/8), halfTurn-1))
		}
		any := func() rect {
			var r rect
			r.west, r.east = side()
			r.south, r.north = side()
			return r
		}
		entries := make([]entry, rapid.SampledFrom([]int{0, 1, fanOut, fanOut + 1, 100, fanOut*fanOut + 1, 2000}).Draw(t, "entries"))
		for i := range entries {
			entries[i] = entry{rect: any(), slot: int32(i)}
		}
		all := slices.Clone(entries)
		tree := newBoxTree(entries)
		for range 10 {
			q := any()
			var want []int32
			for _, e := range all {
				if e.meets(&q) {
					want = append(want, e.slot)
				}
			}
			got := tree.search(q, nil)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Fatalf("%+v meets %v, want %v", q, got, want)
			}
		}
	})
}

// TestHilbert: cells next to each other on the curve are next to each other in the plane, and each cell comes once.
func TestHilbert(t *testing.T) {
	const n = 32
	at := map[uint64][2]int{}
	for x := range n {
		for y := range n {
			at[hilbert(uint32(x), uint32(y))] = [2]int{x, y}
		}
	}
	for d := range uint64(n * n) {
		p, ok := at[d]
		if !ok {
			t.Fatalf("no cell at %d", d)
		}
		if q := at[max(d, 1)-1]; d > 0 && math.Abs(float64(p[0]-q[0]))+math.Abs(float64(p[1]-q[1])) != 1 {
			t.Fatalf("%d is at %v, the one before at %v", d, p, q)
		}
	}
}
