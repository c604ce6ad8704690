package geofence

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dipper/positioning"
	"dipper/positioning/geo"
)

// corners of the earth where the tests of clearance lie.
var corners = []geo.Point{yardCenter, {Lat: 16.5, Lon: 179.9999}, {Lat: -0.001, Lon: -180}, {Lat: 80, Lon: 25}, {Lat: -84.5, Lon: 179.9995}, {Lat: 89.5, Lon: 0}}

// scatter is random fences within a kilometre or so of p, of every kind of shape, with rules, revisions and validity.
func scatter(t failer, rng *rand.Rand, p geo.Point) []Fence {
	t.Helper()
	at := func(r float64) geo.Point {
		q := offset(p, (rng.Float64()*2-1)*r, (rng.Float64()*2-1)*r)
		q.Lon = wrap(q.Lon)
		return q
	}
	var out []Fence
	for i := range 1 + rng.IntN(10) {
		f := Fence{ID: fmt.Sprintf("f%d", rng.IntN(8)), Revision: uint64(i + 1)}
		q, size := at(700), math.Exp(1+rng.Float64()*6)
		var err error
		switch rng.IntN(4) {
		case 0:
			f.Shape, err = NewCircle(q, size)
		case 1:
			f.Shape, err = NewCorridor([]geo.Point{q, at(1500), at(1500)}, size/4+1, Limits{})
		case 2:
			var ring []geo.Point
			turn := rng.Float64()
			for k := range 3 + rng.IntN(30) {
				sin, cos := math.Sincos(turn + float64(k)*2*math.Pi/float64(33))
				r := size * (0.2 + rng.Float64())
				v := offset(q, r*sin, r*cos)
				ring = append(ring, geo.Point{Lat: v.Lat, Lon: wrap(v.Lon)})
			}
			f.Shape, err = NewPolygons([][][]geo.Point{{append(ring, ring[0])}}, Limits{})
		default:
			c := func(x, y float64) geo.Point {
				v := offset(q, x*size, y*size/2)
				return geo.Point{Lat: v.Lat, Lon: wrap(v.Lon)}
			}
			square := func(q float64) []geo.Point {
				return []geo.Point{c(-q, -q), c(q, -q), c(q, q), c(-q, q), c(-q, -q)}
			}
			f.Shape, err = NewPolygons([][][]geo.Point{{square(1), square(0.5)}, {square(0.3)}}, Limits{})
		}
		if err != nil {
			continue // too near the pole
		}
		if rng.IntN(3) == 0 {
			f.ValidFrom = start.Add(time.Duration(rng.IntN(200)) * time.Second)
		}
		if rng.IntN(3) == 0 {
			f.ValidUntil = f.ValidFrom.Add(time.Duration(rng.IntN(200)) * time.Second)
			if f.ValidFrom.IsZero() {
				f.ValidUntil = start.Add(time.Duration(rng.IntN(200)) * time.Second)
			}
		}
		if rng.IntN(3) == 0 {
			f.SpeedLimitMps = rng.Float64() * 25
		}
		if rng.IntN(3) == 0 {
			f.Dwell = time.Duration(rng.IntN(60_000)) * time.Millisecond
		}
		out = append(out, f)
	}
	return out
}

// roam is a track about p: drives, parks on the spot with noise, jumps, falls silent.
func roam(rng *rand.Rand, p geo.Point) []Observation {
	x, y, v, course, at := rng.Float64()*800-400, rng.Float64()*800-400, rng.Float64()*20, rng.Float64()*7, start
	errM := []float64{0.02, 2, 8, math.NaN()}[rng.IntN(4)]
	noise := []float64{0, 0.01, 3}[rng.IntN(3)]
	obs := make([]Observation, 20+rng.IntN(150))
	for i := range obs {
		q := offset(p, x+rng.NormFloat64()*noise, y+rng.NormFloat64()*noise)
		f := positioning.NewFix(at, geo.Point{Lat: q.Lat, Lon: wrap(q.Lon)})
		f.ErrM, f.SpeedMps = errM, v
		gap := time.Second
		switch rng.IntN(40) {
		case 0:
			gap = time.Duration(rng.IntN(200)) * time.Second
		case 1, 2:
			v = 0
		case 3, 4:
			v = rng.Float64() * 25
		case 5, 6:
			course = math.Atan2(-y, -x) + rng.NormFloat64()
		case 7:
			f.SpeedMps = math.NaN()
		case 8:
			f.Time = f.Time.Add(-3 * time.Second) // late: changes nothing
		case 9:
			x = rng.Float64()*800 - 400
		}
		obs[i] = Observation{Series: 1, Seq: uint64(i + 1), Fix: f}
		sin, cos := math.Sincos(course)
		x, y, at = x+v*sin*gap.Seconds(), y+v*cos*gap.Seconds(), at.Add(gap)
	}
	return obs
}

// TestKeptLedgerAnswersAsANewOne: a ledger that is kept, and so makes steps without asking the index, gives the same events and
// the same bytes of state at every step as one that is made for the step: with any fences, at any place, through changes of the
// index, with states that were encoded and decoded, that go back to a checkpoint, or are another's.
func TestKeptLedgerAnswersAsANewOne(t *testing.T) {
	served, steps, told := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 9))
		p := rapid.SampledFrom(corners).Draw(t, "corner")
		fences := scatter(t, rng, p)
		ix := NewIndex(fences)
		kept := NewLedger("truck-7", ix)
		var s, checkpoint State
		obs := roam(rng, p)
		for i := 0; i < len(obs); i++ {
			switch rng.IntN(60) {
			case 0:
				ix = NewIndex(fences[:rng.IntN(len(fences)+1)])
			case 1:
				ix = NewIndex(append(scatter(t, rng, p), fences...))
			case 2:
				decoded, err := DecodeState(s.AppendBinary(nil))
				if err != nil {
					t.Fatal(err)
				}
				s = decoded
			case 3:
				checkpoint = s
			case 4:
				s, i = checkpoint, max(0, i-rng.IntN(20))
			case 5:
				s = State{}
			case 6:
				s, _ = follow(ix, roam(rng, p)[:min(i, 20)])
			case 7: // another place at the same time
				if i > 0 {
					ob := obs[i-1]
					ob.Fix.Point = obs[rng.IntN(len(obs))].Fix.Point
					s = State{}
					NewLedger("truck-7", ix).Step(&s, ob, nil)
				}
			case 8: // the same fences, but something else told of them
				s.stays = slices.Clone(s.stays)
				for k := range s.stays {
					s.stays[k].dwelt = !s.stays[k].dwelt
				}
			}
			kept.Use(ix)
			want, got := s, s
			events := NewLedger("truck-7", ix).Step(&want, obs[i], nil)
			again := kept.Step(&got, obs[i], nil)
			if a, b := fmt.Sprintf("%+v", again), fmt.Sprintf("%+v", events); a != b {
				t.Fatalf("step %d: events differ:\n%s\n%s", i, a, b)
			}
			if a, b := got.AppendBinary(nil), want.AppendBinary(nil); !bytes.Equal(a, b) {
				t.Fatalf("step %d: states differ:\n%+v\n%+v", i, got, want)
			}
			steps, told = steps+1, told+len(events)
			if kept.clear.holds && kept.clear.served {
				served++
			}
			s = got
		}
	})
	if served < steps/10 || told == 0 {
		t.Errorf("%d of %d steps were made in a room, %d events: nothing was tried", served, steps, told)
	}
}

// TestRoomIsClear: no border meets a room. Wherever a place in it lies, the same parts contain it, and for circles and
// corridors the distance stays on its side.
func TestRoomIsClear(t *testing.T) {
	found, places := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 10))
		p := rapid.SampledFrom(corners).Draw(t, "corner")
		fences := scatter(t, rng, p)
		ix := NewIndex(fences)
		for range 5 {
			q := offset(p, rng.Float64()*2000-1000, rng.Float64()*2000-1000)
			q.Lon = wrap(q.Lon)
			from := offset(q, rng.NormFloat64()*15, rng.NormFloat64()*15)
			from.Lon = wrap(from.Lon)
			r := lookRoom(placeOf(from), placeOf(q))
			ms := start.Add(time.Duration(rng.IntN(300)) * time.Second).UnixMilli()
			var n neighbours
			var c clearance
			c.find(ix, r, n.of(ix, r.around()), ms)
			if !c.holds {
				continue
			}
			found++
			b := c.room
			if eastOf(b.west, placeOf(q).x) > b.width || placeOf(q).y < b.south || placeOf(q).y > b.north {
				t.Fatalf("%+v is not in its room %+v", q, b)
			}
			for range 40 {
				v := place{x: turned(b.west, rng.Int64N(b.width+1)), y: b.south + int32(rng.Int64N(int64(b.north-b.south)+1))}
				switch rng.IntN(6) { // the sides and corners
				case 0:
					v.x = b.west
				case 1:
					v.x = turned(b.west, b.width)
				case 2:
					v.y = b.south
				case 3:
					v.y = b.north
				}
				places++
				at := min(c.until-1, ms+rng.Int64N(300_000))
				for i := range ix.fences {
					shape := ix.fences[i].Shape
					counts := ix.counts(int32(i), ms)
					if in := shape.contains(placeOf(q)); shape.contains(v) != in && counts {
						t.Fatalf("%+v of the room %+v around %+v: inside %v, there %v", v, b, q, !in, in)
					}
					if ix.counts(int32(i), at) != counts && meetsParts(shape, b) {
						t.Fatalf("fence %d counts %v at %d, %v at %d, although the same until %d", i, counts, ms, !counts, at, c.until)
					}
				}
			}
		}
	})
	if found == 0 || places < 1000 {
		t.Errorf("%d rooms, %d places", found, places)
	}
}

// meetsParts reports whether a box meets one of a shape's parts.
func meetsParts(s Shape, b box) bool {
	for i := range s.parts {
		if s.parts[i].box.meets(b) {
			return true
		}
	}
	return false
}
