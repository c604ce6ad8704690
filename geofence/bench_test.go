package geofence

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/rtree"

	"dipper/positioning"
	"dipper/positioning/geo"
)

// sharedData is the folder of recorded data beside the repository; tests that need it are skipped where it is not.
const sharedData = "../../shared/data/"

func readGzip(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(sharedData + name)
	if err != nil {
		t.Skipf("needs recorded data: %v", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// collection reads the polygons of a FeatureCollection; those that ParseFeature refuses are counted.
func collection(t testing.TB, data []byte) (fences []Fence, refused int) {
	t.Helper()
	var doc struct{ Features []json.RawMessage }
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	for i, raw := range doc.Features {
		var g struct {
			Geometry json.RawMessage `json:"geometry"`
		}
		if err := json.Unmarshal(raw, &g); err != nil {
			t.Fatal(err)
		}
		f, err := ParseFeature(fmt.Sprintf("f%05d", i), []byte(feature(string(g.Geometry), ``)), Limits{})
		if err != nil {
			refused++
			continue
		}
		f.Revision = 1
		fences = append(fences, f)
	}
	return fences, refused
}

// scaled is a copy of a polygon, made smaller and moved to p.
func scaled(t testing.TB, s Shape, id int, factor float64, p geo.Point) Fence {
	t.Helper()
	b := s.Box()
	var polygons [][][]geo.Point
	for i := range s.parts {
		var rs [][]geo.Point
		for _, r := range s.parts[i].rings {
			var ring []geo.Point
			for _, v := range append(r[:len(r):len(r)], r[0]) {
				q := s.parts[i].at(v.exact())
				ring = append(ring, geo.Point{Lat: p.Lat + (q.Lat-b.South)*factor, Lon: p.Lon + (q.Lon-b.West)*factor})
			}
			rs = append(rs, ring)
		}
		polygons = append(polygons, rs)
	}
	shape, err := newPolygons(polygons, true, Limits{}.withDefaults())
	if err != nil {
		return Fence{}
	}
	return Fence{ID: fmt.Sprintf("s%05d", id), Revision: 1, Shape: shape}
}

// cityFences are n fences with the outlines of China's districts (median 299 vertices): the districts themselves, and copies of them a few
// hundred metres to a few kilometres wide all over Beijing, where the taxis of cityTracks drive.
func cityFences(t testing.TB, n int) []Fence {
	t.Helper()
	fences, _ := collection(t, readGzip(t, "geofences/china-districts-gcj02.geojson.gz"))
	rng := rand.New(rand.NewPCG(1, 2))
	real := len(fences)
	for i := 0; len(fences) < n; i++ {
		s := fences[i%real].Shape
		b := s.Box()
		size := max(b.East-b.West, b.North-b.South)
		p := geo.Point{Lat: 39.6 + 0.6*rng.Float64(), Lon: 116 + 0.8*rng.Float64()}
		if f := scaled(t, s, i, (0.002+0.02*rng.Float64())/size, p); f.Shape.Kind() != NoShape {
			fences = append(fences, f)
		}
	}
	return fences[:n]
}

// move is a fix of one of many vehicles.
type move struct {
	vehicle int
	ob      Observation
}

// tracks reads n fixes of all vehicles in the order of time.
func tracks(t testing.TB, name string, n int) (moves []move, vehicles int) {
	t.Helper()
	lines := bufio.NewScanner(bytes.NewReader(readGzip(t, name)))
	lines.Scan()
	byName := map[string]int{}
	var seq []uint64
	for lines.Scan() && len(moves) < n {
		c := strings.Split(lines.Text(), ",")
		v, ok := byName[c[0]]
		if !ok {
			v = len(byName)
			byName[c[0]] = v
			seq = append(seq, 0)
		}
		ms, err1 := strconv.ParseInt(c[1], 10, 64)
		lat, err2 := strconv.ParseFloat(c[2], 64)
		lon, err3 := strconv.ParseFloat(c[3], 64)
		p := geo.Point{Lat: lat, Lon: lon}
		if err1 != nil || err2 != nil || err3 != nil || !p.Valid() || p == (geo.Point{}) {
			continue
		}
		f := positioning.NewFix(time.UnixMilli(ms).UTC(), p)
		if s, err := strconv.ParseFloat(c[4], 64); err == nil {
			f.SpeedMps = s
		}
		seq[v]++
		moves = append(moves, move{v, Observation{Series: 1, Seq: seq[v], Fix: f}})
	}
	return moves, len(byName)
}

const benchFixes = 300_000

// dense puts a fix every few seconds on the straight way between two fixes of a vehicle, as onboard units send them, in the order of
// time; the first n.
func dense(moves []move, every time.Duration, n int) []move {
	last := map[int]move{}
	var out []move
	for _, m := range moves {
		if p, ok := last[m.vehicle]; ok {
			gap := m.ob.Fix.Time.Sub(p.ob.Fix.Time)
			a, b := placeOf(p.ob.Fix.Point), placeOf(m.ob.Fix.Point)
			for d := every; gap <= 5*time.Minute && d < gap; d += every {
				f := m.ob.Fix
				f.Time, f.Point = p.ob.Fix.Time.Add(d), along(a, b, d.Seconds()/gap.Seconds()).point()
				out = append(out, move{m.vehicle, Observation{Series: 1, Seq: uint64(len(out)), Fix: f}})
			}
		}
		out = append(out, m)
		last[m.vehicle] = m
	}
	slices.SortStableFunc(out, func(a, b move) int { return a.ob.Fix.Time.Compare(b.ob.Fix.Time) })
	return out[:min(n, len(out))]
}

// BenchmarkLedger steps the real tracks of Beijing's taxis through 10,000 fences, as recorded (a fix every few minutes: each way is hundreds
// of metres long and crosses many fences) and with a fix every 5 s between, beside the least that can be asked with the same
// fences and fixes in the same process: an R-tree of boxes and the exact test, which tells who contains the point and nothing of
// visits.
func BenchmarkLedger(b *testing.B) {
	fences := cityFences(b, 10_000)
	recorded, vehicles := tracks(b, "tracks/beijing-taxis-2008-02-04.csv.gz", benchFixes)
	ix := NewIndex(fences)
	plain := newPlainTree(fences)
	for _, bench := range []struct {
		name  string
		moves []move
	}{{"recorded", recorded}, {"every=5s", dense(recorded[:30_000], 5*time.Second, benchFixes)}} {
		moves, rate := bench.moves, 0.0
		b.Run(bench.name+"/rtree", func(b *testing.B) {
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
		b.Run(bench.name+"/step", func(b *testing.B) {
			b.ReportAllocs()
			ledgers, states := fleetOf(ix, vehicles)
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
			if rate > 0 {
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/rate, "x/plain-R-tree-with-exact-test")
			}
		})
	}
}

// BenchmarkUnmoved steps vehicles that stay where they are: one inside three fences, one outside of all.
func BenchmarkUnmoved(b *testing.B) {
	ix := NewIndex(port(b))
	for name, x := range map[string]float64{"inside": 0, "outside": 3000} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			l := NewLedger("bench", ix)
			var s State
			ob := newTrip().fix(x, 0, 0).obs[0]
			ob.Fix.SpeedMps = 0
			var events []Event
			for b.Loop() {
				ob.Fix.Time = ob.Fix.Time.Add(time.Second)
				events = l.Step(&s, ob, events[:0])
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "steps/s")
		})
	}
}

func BenchmarkNewIndex(b *testing.B) {
	fences := cityFences(b, 10_000)
	for b.Loop() {
		NewIndex(fences)
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/float64(len(fences))*1e6, "µs/fence")
}

// plainTree is the yardstick: boxes in an R-tree, and the usual crossing test in floats.
type plainTree struct {
	tree  rtree.RTreeG[int]
	rings [][][][2]float64 // per part
}

func newPlainTree(fences []Fence) *plainTree {
	p := &plainTree{}
	for _, f := range fences {
		for i := range f.Shape.parts {
			q := &f.Shape.parts[i]
			var rs [][][2]float64
			for _, r := range q.rings {
				var ring [][2]float64
				for _, v := range r {
					at := q.at(v.exact())
					ring = append(ring, [2]float64{at.Lon, at.Lat})
				}
				rs = append(rs, ring)
			}
			b := q.box.geoBox()
			p.tree.Insert([2]float64{b.West, b.South}, [2]float64{b.East, b.North}, len(p.rings))
			p.rings = append(p.rings, rs)
		}
	}
	return p
}

func (p *plainTree) count(q geo.Point) int {
	n := 0
	at := [2]float64{q.Lon, q.Lat}
	p.tree.Search(at, at, func(_, _ [2]float64, i int) bool {
		in := false
		for _, r := range p.rings[i] {
			a := r[len(r)-1]
			for _, b := range r {
				if (a[1] > at[1]) != (b[1] > at[1]) && at[0] < (b[0]-a[0])*(at[1]-a[1])/(b[1]-a[1])+a[0] {
					in = !in
				}
				a = b
			}
		}
		if in {
			n++
		}
		return true
	})
	return n
}
