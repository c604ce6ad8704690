package geofence

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"dipper/positioning/geo"
)

// The benchmark of scale drives this many taxis for some minutes at 1 Hz.
const (
	scaleTaxis = 1000
	scaleFixes = 400_000
)

// perSquareDegree is the density of areas fences: 10,000 over the 0.8° by 0.6° of Beijing that the taxis drive in.
const perSquareDegree = 10_000 / (0.8 * 0.6)

// areaFences are n copies of the outlines of port areas from OpenStreetMap (median 24 vertices, mean 44, 520 m), in their real size,
// scattered around Beijing at one density: 1,000,000 of them cover an eighth of China. It copies vertices, which the benchmark's
// time allows for, where reading a million features would not.
func areaFences(t testing.TB, n int) []Fence {
	t.Helper()
	outlines, _ := collection(t, readShared(t, "geofences/osm-port-areas.geojson"))
	var parts []part
	for _, f := range outlines {
		parts = append(parts, f.Shape.parts...)
	}
	wide, high := 0.8, 0.6
	for wide*high*perSquareDegree < float64(n) {
		wide, high = wide*1.01, high*1.01
	}
	rng := rand.New(rand.NewPCG(3, 4))
	fences := make([]Fence, n)
	for i := range fences {
		p := placeOf(geo.Point{Lat: 39.9 + (rng.Float64()-0.5)*high, Lon: 116.4 + (rng.Float64()-0.5)*wide})
		fences[i] = Fence{ID: fmt.Sprintf("a%07d", i), Revision: 1, Shape: Shape{kind: PolygonShape, parts: []part{moved(&parts[i%len(parts)], p)}}}
	}
	return fences
}

// moved is a copy of a polygon with its south-west corner at p, in the size it has on the ground.
func moved(q *part, p place) part {
	stretch := scaleAt(float64(q.box.south)).x / scaleAt(float64(p.y)).x
	out := part{reach: q.reach, area: q.area}
	out.box = box{west: p.x, width: int64(float64(q.box.width) * stretch), south: p.y, north: p.y + q.box.north - q.box.south}
	for _, c := range q.edges {
		v := make([]vertex, len(c.v))
		for i, from := range c.v {
			v[i] = vertex{x: uint32(float64(from.x) * stretch), y: from.y - q.box.south + p.y}
		}
		out.rings = append(out.rings, v[:len(v)-1])
		out.edges = append(out.edges, newChain(v))
	}
	return out
}

// heap is the bytes in use.
func heap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// BenchmarkScale steps the taxis of Beijing, each with a fix a second between the recorded ones as onboard units send them,
// through 1 to 1,000,000 real outlines. Each taxi keeps its ledger. Beside it stands the plain R-tree with the exact test,
// as in BenchmarkLedger. One core.
func BenchmarkScale(b *testing.B) {
	recorded, _ := tracks(b, "tracks/beijing-taxis-2008-02-04.csv.gz", 20_000)
	recorded = slices.DeleteFunc(recorded, func(m move) bool { return m.vehicle >= scaleTaxis })
	moves := dense(recorded, time.Second, scaleFixes)
	for _, n := range []int{1, 100, 10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("fences=%d", n), func(b *testing.B) { benchmarkScale(b, n, moves) })
	}
}

func benchmarkScale(b *testing.B, n int, moves []move) {
	fences := areaFences(b, n)
	before, began := heap(), time.Now()
	ix := NewIndex(fences)
	build := time.Since(began)
	size := heap() - before
	plain := newPlainTree(fences)
	runtime.GC() // now, not while the clock runs
	rate := 0.0
	b.Run("rtree", func(b *testing.B) {
		b.ReportAllocs()
		inside, i := 0, 0
		for b.Loop() {
			inside += plain.count(moves[i].ob.Fix.Point)
			if i++; i == len(moves) {
				i = 0
			}
		}
		rate = float64(b.N) / b.Elapsed().Seconds()
		b.ReportMetric(rate, "points/s")
		b.ReportMetric(float64(inside)/float64(b.N), "inside/point")
	})
	b.Run("step", func(b *testing.B) {
		b.ReportAllocs()
		ledgers, states := fleetOf(ix, scaleTaxis)
		var events []Event
		told, i := 0, 0
		for b.Loop() {
			m := &moves[i]
			events = ledgers[m.vehicle].Step(&states[m.vehicle], m.ob, events[:0])
			told += len(events)
			if i++; i == len(moves) {
				i = 0
				clear(states)
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "steps/s")
		b.ReportMetric(float64(told)/float64(b.N), "events/step")
		if n >= 10_000 { // of fewer it is other memory's noise
			b.ReportMetric(build.Seconds()/float64(n)*1e6, "build-µs/fence")
			b.ReportMetric(size/float64(n), "index-B/fence")
		}
		if rate > 0 {
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/rate, "x/plain-R-tree-with-exact-test")
		}
	})
	runtime.KeepAlive(fences)
}

// fleetOf is a ledger and a state for each vehicle.
func fleetOf(ix *Index, vehicles int) ([]*Ledger, []State) {
	ledgers := make([]*Ledger, vehicles)
	for i := range ledgers {
		ledgers[i] = NewLedger("bench", ix)
	}
	return ledgers, slices.Repeat([]State{{}}, vehicles)
}
