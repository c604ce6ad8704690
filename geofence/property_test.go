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

// port is a handful of fences round the yard's center that overlap and touch, with all rules, and one revision that ends.
func port(t failer) []Fence {
	fences := []Fence{
		{ID: "port", Shape: block(t, yardCenter, 1500, 1500), Revision: 1},
		{ID: "yard", Kind: Yard, Shape: block(t, yardCenter, 300, 200), Revision: 1, SpeedLimitMps: 8, Dwell: 40 * time.Second},
		{ID: "gate", Kind: Gate, Shape: block(t, offset(yardCenter, -156, 0), 12, 20), Revision: 1},
		{ID: "berth", Kind: Berth, Shape: block(t, offset(yardCenter, 150+40, 0), 80, 200), Revision: 1, ValidUntil: start.Add(3 * time.Minute)},
		{ID: "berth", Kind: Berth, Shape: block(t, offset(yardCenter, 150+30, 0), 60, 200), Revision: 2, ValidFrom: start.Add(3 * time.Minute)},
		{ID: "crane", Shape: mustCircle(t, offset(yardCenter, 100, 100), 60), Revision: 1, Dwell: time.Second},
		{ID: "road", Kind: Corridor, Shape: mustCorridor(t, 30, offset(yardCenter, -800, -20), offset(yardCenter, -160, 0), offset(yardCenter, 0, 400)), Revision: 1, SpeedLimitMps: 12},
	}
	slices.SortFunc(fences, func(a, b Fence) int { return len(a.Name) - len(b.Name) })
	return fences
}

// wander draws the track of a vehicle that moves, turns, stops and falls silent, with noise.
func wander(t *rapid.T) []Observation {
	rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "track"), 5))
	n := rapid.IntRange(1, 150).Draw(t, "fixes")
	errM := rapid.SampledFrom([]float64{0.02, 2, 8, math.NaN()}).Draw(t, "err")
	sigma := errM
	if math.IsNaN(errM) {
		sigma = 4
	}
	obs := make([]Observation, n)
	x, y, v, course, at := rng.Float64()*800-400, rng.Float64()*400-200, rng.Float64()*20, rng.Float64()*2*math.Pi, start
	for i := range obs {
		f := positioning.NewFix(at, offset(yardCenter, x+rng.NormFloat64()*sigma, y+rng.NormFloat64()*sigma))
		f.ErrM, f.SpeedMps = errM, v
		if rng.IntN(20) == 0 {
			f.SpeedMps = math.NaN()
		}
		obs[i] = Observation{Series: 1, Seq: uint64(i + 1), Fix: f}
		gap := time.Second
		switch rng.IntN(40) {
		case 0:
			gap = time.Duration(rng.IntN(400)) * time.Second
		case 1:
			v = 0
		case 2, 3:
			v = rng.Float64() * 25
		case 4, 5, 6:
			course = math.Atan2(-y, -x) + rng.NormFloat64()/2 // back to the yard
		}
		x, y, at = x+v*math.Cos(course)*gap.Seconds(), y+v*math.Sin(course)*gap.Seconds(), at.Add(gap)
		if math.Hypot(x, y) > 1500 {
			x, y = x/2, y/2
		}
	}
	return obs
}

// TestLedgerProperties holds for any track: encoding the state at every step and a new index each time change nothing; per
// fence, visits open and close in turn and in the order of time; the open visits are those not closed; ids are unique; no
// event is later than the fix that shows it.
func TestLedgerProperties(t *testing.T) {
	fences := port(t)
	ix := NewIndex(fences)
	rapid.Check(t, func(t *rapid.T) {
		obs := wander(t)
		state, events := follow(ix, obs)
		checkLedger(t, state, events, obs)

		reversed := slices.Clone(fences)
		slices.Reverse(reversed)
		var again []Event
		var s State
		for i, ob := range obs {
			other := ix
			if i%10 == 0 {
				other = NewIndex(reversed)
			}
			again = NewLedger("truck-7", other).Step(&s, ob, again)
			decoded, err := DecodeState(s.AppendBinary(nil))
			if err != nil {
				t.Fatal(err)
			}
			s = decoded
		}
		if !bytes.Equal(s.AppendBinary(nil), state.AppendBinary(nil)) {
			t.Fatalf("states differ: %+v, %+v", s, state)
		}
		if a, b := fmt.Sprintf("%+v", again), fmt.Sprintf("%+v", events); a != b {
			t.Fatalf("events differ:\n%s\n%s", a, b)
		}
	})
}

func checkLedger(t failer, state State, events []Event, obs []Observation) {
	fail := func(format string, args ...any) {
		t.Helper()
		t.Fatal(fmt.Sprintf(format, args...) + ": " + story(events))
	}
	times := map[uint64]time.Time{}
	for _, ob := range obs {
		times[ob.Seq] = ob.Fix.Time
	}
	ids := map[string]bool{}
	open := map[string]Event{}
	last := map[string]time.Time{}
	for _, e := range events {
		visit, in := open[e.Fence]
		switch e.Kind {
		case Enter, InsideAtStart:
			if in {
				fail("%s %s opens twice", e.Kind, e.Fence)
			}
			open[e.Fence] = e
		default:
			if !in || visit.FenceRevision != e.FenceRevision {
				fail("%s %s without a visit", e.Kind, e.Fence)
			}
			if e.Kind == Exit {
				delete(open, e.Fence)
			}
		}
		if e.Time.Before(last[e.Fence]) && e.Kind != Overspeed && e.Kind != Dwell {
			fail("%s %s goes back in time", e.Kind, e.Fence)
		}
		if e.Kind == Enter || e.Kind == InsideAtStart || e.Kind == Exit {
			last[e.Fence] = e.Time
		}
		if ids[e.ID] || len(e.ID) != 26 {
			fail("id %q", e.ID)
		}
		ids[e.ID] = true
		if e.Time.After(e.FixTime) || !e.FixTime.Equal(times[e.Seq]) || !(e.PlusMinusS >= 0) || math.IsInf(e.PlusMinusS, 0) || !e.Point.Valid() {
			fail("%+v", e)
		}
	}
	visits := state.Open()
	if len(visits) != len(open) {
		fail("%d open visits, %d by the events", len(visits), len(open))
	}
	for _, v := range visits {
		if e := open[v.Fence]; !e.Time.Equal(v.Since) || e.PlusMinusS != v.PlusMinusS || (e.Kind == InsideAtStart) != v.AtStart {
			fail("visit %+v, event %+v", v, e)
		}
	}
}

// TestParkedOnTheLine: a vehicle that comes, parks within a fix's error of the border for two hours and stays or leaves, with
// noise as receivers have it (white, and a slow drift of the same size), makes at most one visit.
func TestParkedOnTheLine(t *testing.T) {
	shapes := map[string]Shape{
		"yard": block(t, yardCenter, 200, 100), "gate": block(t, offset(yardCenter, -94, 0), 12, 20), "circle": mustCircle(t, yardCenter, 100),
	}
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			ix := NewIndex([]Fence{{ID: name, Shape: shape, Revision: 1}})
			rapid.Check(t, func(t *rapid.T) {
				rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 6))
				errM := rapid.Float64Range(0.5, 8).Draw(t, "err")
				spot := rapid.Float64Range(-errM, errM).Draw(t, "spot") - 100
				speed := rapid.SampledFrom([]float64{0, 0.3, math.NaN()}).Draw(t, "speed")
				every := rapid.SampledFrom([]time.Duration{time.Second, 10 * time.Second, 30 * time.Second}).Draw(t, "every")
				r := newTrip()
				r.errM = errM
				r.line(spot-120, 0, spot, 0)
				r.mps = speed
				sigma := errM / 2 // white and drift together: errM over both axes
				decay := math.Exp(-every.Seconds() / 300)
				var dx, dy float64
				for range min(int(2*time.Hour/every), 1000) {
					dx = dx*decay + math.Sqrt(1-decay*decay)*sigma*rng.NormFloat64()
					dy = dy*decay + math.Sqrt(1-decay*decay)*sigma*rng.NormFloat64()
					r.fix(spot+dx+sigma*rng.NormFloat64(), dy+sigma*rng.NormFloat64(), every)
				}
				_, events := follow(ix, r.obs)
				visits := 0
				for _, e := range events {
					if e.Kind == Enter {
						visits++
					}
				}
				if visits > 1 {
					t.Fatalf("%d visits: %s", visits, story(events))
				}
			})
		})
	}
}

// TestCrossingIsWithinItsBound: the true time of a crossing with noise is within the bound of the event's, and the event comes with the
// first fix beyond the band.
func TestCrossingIsWithinItsBound(t *testing.T) {
	ix := NewIndex([]Fence{{ID: "yard", Shape: block(t, yardCenter, 400, 400), Revision: 1}})
	inside, total := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 7))
		r := newTrip()
		r.errM = rapid.Float64Range(0.5, 5).Draw(t, "err")
		r.mps = rapid.Float64Range(2, 25).Draw(t, "speed")
		every := rapid.Float64Range(0.2, 20).Draw(t, "every")
		x := -200 - r.mps*20 - rng.Float64()*r.mps*every
		truth := start.Add(time.Duration((-200 - x) / r.mps * 1e9))
		for end := x; end < 150; x += r.mps * every {
			end = x
			r.fix(x+rng.NormFloat64()*r.errM/math.Sqrt2, rng.NormFloat64()*r.errM/math.Sqrt2, time.Duration(every*1e9))
		}
		_, events := follow(ix, r.obs)
		if len(events) == 0 || events[0].Kind != Enter {
			t.Fatalf("no enter: %s", story(events))
		}
		e := events[0]
		total++
		if math.Abs(e.Time.Sub(truth).Seconds()) <= e.PlusMinusS+0.002 {
			inside++
		}
		for _, ob := range r.obs[:e.Seq-1] {
			if block(t, yardCenter, 400, 400).Depth(ob.Fix.Point) > Band(r.errM, true)+0.02 {
				t.Fatalf("fix %d was beyond the band, fix %d told", ob.Seq, e.Seq)
			}
		}
	})
	if float64(inside) < 0.96*float64(total) {
		t.Errorf("%d of %d true times within their bound", inside, total)
	}
}

func TestReplayIsIdentical(t *testing.T) {
	ix := NewIndex(port(t))
	rapid.Check(t, func(t *rapid.T) {
		obs := wander(t)
		_, events := follow(ix, obs)
		cut := rapid.IntRange(0, len(obs)).Draw(t, "cut")
		s, head := follow(ix, obs[:cut])
		l := NewLedger("truck-7", ix)
		for _, ob := range obs[max(0, cut-5):] { // some of them again: late duplicates change nothing
			head = l.Step(&s, ob, head)
		}
		if a, b := fmt.Sprintf("%+v", head), fmt.Sprintf("%+v", events); a != b {
			t.Fatalf("events differ:\n%s\n%s", a, b)
		}
	})
}

func TestIndexAgreesWithAllFences(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var fences []Fence
		for range rapid.IntRange(0, 12).Draw(t, "fences") {
			f := anyFence(t)
			f.ID = rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "id")
			f.Revision = rapid.Uint64Range(1, 3).Draw(t, "revision")
			fences = append(fences, f)
		}
		ix := NewIndex(fences)
		for range 10 {
			p := geo.Point{Lat: rapid.Float64Range(-1, 37).Draw(t, "lat"), Lon: rapid.SampledFrom([]float64{120, 180, -180, 179.9999, -179.9}).Draw(t, "lon") + 0}
			at := start.Add(time.Duration(rapid.IntRange(-1, 20).Draw(t, "days")) * 24 * time.Hour)
			var got []string
			for _, f := range ix.At(p, at, nil) {
				got = append(got, fmt.Sprint(f.ID, f.Revision))
			}
			if want := slowAt(fences, p, at); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("at %+v, %v: %v, want %v", p, at, got, want)
			}
		}
	})
}

// slowAt asks every fence.
func slowAt(fences []Fence, p geo.Point, at time.Time) []string {
	last := map[string]Fence{}
	for _, f := range fences {
		last[fmt.Sprint(f.ID, f.Revision)] = f
	}
	best := map[string]Fence{}
	for _, f := range last {
		if !f.ValidFrom.IsZero() && at.Before(f.ValidFrom) || !f.ValidUntil.IsZero() && !at.Before(f.ValidUntil) {
			continue
		}
		if b, ok := best[f.ID]; !ok || f.Revision > b.Revision {
			best[f.ID] = f
		}
	}
	var out []string
	for id, f := range best {
		if f.Shape.Contains(p) {
			out = append(out, fmt.Sprint(id, f.Revision))
		}
	}
	slices.Sort(out)
	return out
}
