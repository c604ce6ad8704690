package fleet_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dipper/fleet"
	"dipper/fleet/cell"
	"dipper/fleet/journey"
	"dipper/geofence"
	"dipper/positioning"
	"dipper/positioning/geo"
	"dipper/positioning/track"
)

// The property of the whole package: whatever the order, the batching and the repetition in which the numbered fixes of a unit
// arrive, and whatever goes wrong meanwhile, the fleet ends up with what one look at all of them says.

// tb is a *testing.T or a *rapid.T: what fails through the latter is shrunk and says how to repeat it.
type tb interface {
	rapid.TB
	Context() context.Context
}

const testUnit = fleet.UnitID("鲁B12345")

var (
	testStart = time.Date(2026, 11, 22, 22, 50, 0, 0, time.UTC) // two midnights lie in most tracks
	testNow   = testStart.Add(10 * 24 * time.Hour)
	testPlace = geo.Point{Lat: 36.0, Lon: 120.2}
)

// testFences are close together on the way that drawn tracks take, so that visits overlap.
func testFences(t tb) map[string]string {
	t.Helper()
	square := func(x, y, half float64) string {
		corner := func(i, j float64) string {
			return fmt.Sprintf("[%.7f,%.7f]", testPlace.Lon+x+i*half, testPlace.Lat+y+j*half)
		}
		ring := []string{corner(-1, -1), corner(1, -1), corner(1, 1), corner(-1, 1), corner(-1, -1)}
		return `{"type":"Polygon","coordinates":[[` + strings.Join(ring, ",") + `]]}`
	}
	feature := func(properties, geometry string) string {
		return `{"type":"Feature","properties":` + properties + `,"geometry":` + geometry + `}`
	}
	return map[string]string{
		"gate":  feature(`{"kind":"gate"}`, square(0, 0, 0.0002)),
		"yard":  feature(`{"kind":"yard","dwell_s":60,"speed_limit_mps":8}`, square(0.003, 0, 0.002)),
		"berth": feature(`{"kind":"berth"}`, square(0.004, 0, 0.0005)),
	}
}

// drawTrack gives numbered fixes of a vehicle that goes back and forth through the fences, some at the same time, some out of order,
// some refused, some hours apart.
func drawTrack(t *rapid.T) []fleet.TrackFix {
	var out []fleet.TrackFix
	n := rapid.IntRange(1, 40).Draw(t, "fixes")
	at, x := testStart, -0.002
	series := track.Series(testStart.Unix() - 100)
	seq := track.Seq(1)
	dx := 0.0004
	for range n {
		switch rapid.IntRange(0, 19).Draw(t, "then") {
		case 0: // the same instant again
		case 1:
			at = at.Add(-time.Duration(rapid.IntRange(1, 90).Draw(t, "back")) * time.Second)
		case 2:
			if at.Before(testNow.AddDate(0, 0, -3)) {
				at = at.Add(time.Duration(rapid.IntRange(1, 2000).Draw(t, "pause")) * time.Minute)
			}
		case 3: // the spool was lost
			series, seq = series+1, 1
			at = at.Add(time.Second)
		case 4:
			dx = -dx
			at = at.Add(time.Second)
		default:
			at = at.Add(time.Duration(rapid.IntRange(1, 60).Draw(t, "on")) * time.Second)
			x += dx * float64(rapid.IntRange(0, 3).Draw(t, "steps"))
		}
		f := positioning.NewFix(at, geo.Point{Lat: testPlace.Lat, Lon: testPlace.Lon + x})
		f.ErrM = rapid.SampledFrom([]float64{math.NaN(), 1, 2.5, 20}).Draw(t, "err")
		f.SpeedMps = rapid.SampledFrom([]float64{math.NaN(), 0, 5, 12}).Draw(t, "speed")
		switch rapid.IntRange(0, 11).Draw(t, "verdict") {
		case 0:
			f.Verdict = positioning.RefusedJump
		case 1:
			switch rapid.IntRange(0, 3).Draw(t, "clock") {
			case 0, 1:
				f.Time = testNow.AddDate(0, 6, 0)
			case 2: // its battery was dead
				f.Time = testStart.AddDate(0, 0, -15).Add(time.Duration(seq) * time.Second)
			}
		}
		out = append(out, fleet.TrackFix{Series: series, Seq: seq, Fix: track.Quantize(f)})
		seq++
	}
	return out
}

// drawArrival cuts the track into batches, some overlapping, some twice, in any order; together they hold every fix.
func drawArrival(t *rapid.T, fixes []fleet.TrackFix) []track.Batch {
	var batches []track.Batch
	for i := 0; i < len(fixes); {
		n := 1
		most := rapid.IntRange(1, 12).Draw(t, "batch")
		for n < most && i+n < len(fixes) && fixes[i+n].Series == fixes[i].Series {
			n++
		}
		batches = append(batches, batchOf(fixes[i:i+n]))
		if back := rapid.IntRange(0, 2).Draw(t, "overlap"); back < n {
			i += n - back
		} else {
			i += n
		}
		if rapid.IntRange(0, 4).Draw(t, "again") == 0 {
			batches = append(batches, batches[rapid.IntRange(0, len(batches)-1).Draw(t, "which")])
		}
		if i >= len(fixes) || n == 0 {
			break
		}
	}
	return rapid.Permutation(batches).Draw(t, "order")
}

func batchOf(fixes []fleet.TrackFix) track.Batch {
	b := track.Batch{Series: fixes[0].Series, First: fixes[0].Seq}
	for _, x := range fixes {
		b.Fixes = append(b.Fixes, x.Fix)
	}
	return b
}

// outcome is what readers see of a unit in the end.
type outcome struct {
	track     []fleet.TrackFix
	held      string
	last      fleet.Position
	metres    float64          // by the odometer
	report    journey.Report   // of the whole track
	events    []geofence.Event // final and not retracted, without revisions
	visits    []geofence.Visit
	occupants map[string][]fleet.Occupant
}

// expect is the slow and obvious way: all fixes sorted, shown to one ledger.
func expect(t tb, unit fleet.UnitID, fixes []fleet.TrackFix, ix *geofence.Index) outcome {
	t.Helper()
	var o outcome
	o.track = slices.Clone(fixes)
	for i := range o.track {
		if f := &o.track[i].Fix; f.Verdict == positioning.Accepted && f.Time.After(testNow.Add(5*time.Minute)) {
			f.Verdict = positioning.RefusedFuture
		}
	}
	slices.SortFunc(o.track, func(a, b fleet.TrackFix) int {
		return cmp.Or(a.Fix.Time.Compare(b.Fix.Time), cmp.Compare(a.Series, b.Series), cmp.Compare(a.Seq, b.Seq))
	})
	ledger := geofence.NewLedger(string(unit), ix)
	var state geofence.State
	var odometer journey.Odometer
	diary := journey.NewDiary(journey.Config{})
	for _, x := range o.track {
		if x.Fix.Time.Before(testNow.AddDate(0, 1, 0)) { // nobody asks about the days beyond
			diary.Add(uint32(x.Series), uint64(x.Seq), x.Fix)
		}
		if x.Fix.Verdict != positioning.Accepted {
			continue
		}
		o.events = ledger.Step(&state, geofence.Observation{Series: uint32(x.Series), Seq: uint64(x.Seq), Fix: x.Fix}, o.events)
		if f := x.Fix; f.Time.After(o.last.Time) {
			odometer.Step(f, nil)
			o.last = fleet.Position{
				Unit: unit, Time: f.Time, Point: f.Point, SpeedMps: f.SpeedMps, CourseDeg: f.CourseDeg, ErrM: f.ErrM,
				Series: uint32(x.Series), Seq: uint64(x.Seq), Cell: cell.FromPoint(f.Point),
			}
		}
	}
	o.metres, o.report = odometer.Metres(), diary.Finish(testNow)
	sortEvents(o.events)
	o.visits = state.Open()
	o.occupants = map[string][]fleet.Occupant{}
	for _, v := range o.visits {
		o.occupants[v.Fence] = []fleet.Occupant{{Unit: unit, Visit: v}}
	}
	held := map[track.Series]track.Ranges{}
	for _, x := range fixes {
		held[x.Series] = held[x.Series].Add(track.Range{First: x.Seq, Last: x.Seq})
	}
	o.held = fmt.Sprint(held)
	return o
}

func sortEvents(events []geofence.Event) {
	slices.SortFunc(events, func(a, b geofence.Event) int {
		return cmp.Or(a.FixTime.Compare(b.FixTime), cmp.Compare(a.ID, b.ID))
	})
}

// look reads the outcome for a unit through the fleet.
func look(t tb, unit fleet.UnitID, f *fleet.Fleet, store fleet.Store) outcome {
	t.Helper()
	ctx := t.Context()
	var o outcome
	var err error
	var truncated bool
	o.track, truncated, err = f.Track(ctx, unit, testStart.AddDate(-1, 0, 0), testNow.AddDate(1, 0, 0), 1000)
	if err != nil || truncated {
		t.Fatalf("Track: truncated %v, %v", truncated, err)
	}
	c, err := f.Completeness(ctx, unit)
	if err != nil {
		t.Fatal(err)
	}
	held := map[track.Series]track.Ranges{c.Series: c.Held}
	for _, e := range c.Earlier {
		held[e.Series] = e.Held
	}
	o.held = fmt.Sprint(held)
	v, err := f.Unit(ctx, unit)
	if err != nil {
		t.Fatal(err)
	}
	o.last, o.visits, o.metres = v.Position, v.Visits, v.OdometerM
	if o.report, err = f.Journey(ctx, unit, fleet.JourneyQuery{From: testStart.AddDate(0, 0, -20), To: testNow}); err != nil {
		t.Fatal(err)
	}
	records, err := store.UnitEvents(ctx, unit, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		var e geofence.Event
		if err := e.UnmarshalJSON(r.Data); err != nil {
			t.Fatal(err)
		}
		if !e.Retracted {
			e.Revision = 0
			o.events = append(o.events, e)
		}
	}
	sortEvents(o.events)
	o.occupants = map[string][]fleet.Occupant{}
	for id := range testFences(t) {
		inside, err := f.Inside(ctx, id)
		if err != nil && !errors.Is(err, fleet.ErrNotFound) { // deleted
			t.Fatal(err)
		}
		for _, who := range inside {
			if who.Unit == unit {
				o.occupants[id] = append(o.occupants[id], who)
			}
		}
	}
	return o
}

func (o outcome) check(t tb, want outcome) {
	t.Helper()
	same := func(a, b fleet.TrackFix) bool { return a.Series == b.Series && a.Seq == b.Seq && a.Fix.Equal(b.Fix) }
	if !slices.EqualFunc(o.track, want.track, same) {
		t.Fatalf("track\n %v\nwant\n %v", o.track, want.track)
	}
	if o.held != want.held {
		t.Fatalf("held %s, want %s", o.held, want.held)
	}
	if fmt.Sprintf("%+v", o.last) != fmt.Sprintf("%+v", want.last) { // NaN equals NaN in text
		t.Fatalf("last position\n %+v\nwant\n %+v", o.last, want.last)
	}
	if o.metres != want.metres {
		t.Fatalf("odometer %v m, want %v m", o.metres, want.metres)
	}
	if fmt.Sprintf("%+v", o.report) != fmt.Sprintf("%+v", want.report) {
		t.Fatalf("journey\n %+v\nwant\n %+v", o.report, want.report)
	}
	if !slices.Equal(o.events, want.events) {
		t.Fatalf("events\n %+v\nwant\n %+v", o.events, want.events)
	}
	if !slices.Equal(o.visits, want.visits) {
		t.Fatalf("visits %+v, want %+v", o.visits, want.visits)
	}
	if fmt.Sprint(o.occupants) != fmt.Sprint(want.occupants) {
		t.Fatalf("occupants %v, want %v", o.occupants, want.occupants)
	}
}

// checkLog holds the event log against its rules: revisions of an event come 1, 2, 3 …, and the last of each is what the unit has.
func checkLog(t tb, unit fleet.UnitID, f *fleet.Fleet, store fleet.Store) {
	t.Helper()
	entries, _, err := f.Events(t.Context(), "", 10_000)
	if err != nil {
		t.Fatal(err)
	}
	latest := map[string]geofence.Event{}
	for _, e := range entries {
		if e.Event.Unit != string(unit) {
			continue
		}
		if e.Event.Revision != latest[e.Event.ID].Revision+1 {
			t.Fatalf("event %s has revision %d after %d", e.Event.ID, e.Event.Revision, latest[e.Event.ID].Revision)
		}
		latest[e.Event.ID] = e.Event
	}
	records, err := store.UnitEvents(t.Context(), unit, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if len(records) != len(latest) {
		t.Fatalf("%d events of the unit, %d in the log", len(records), len(latest))
	}
	for _, r := range records {
		if r.Revision != latest[r.ID].Revision {
			t.Fatalf("event %s: unit has revision %d, log %d", r.ID, r.Revision, latest[r.ID].Revision)
		}
	}
}

// running is a Fleet whose Run runs until stop.
type running struct {
	*fleet.Fleet
	stop func()
}

func run(t tb, cfg fleet.Config) running {
	t.Helper()
	if cfg.Now == nil {
		cfg.Now = func() time.Time { return testNow }
	}
	f, err := fleet.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return goOn(t, f)
}

// goOn runs a Fleet.
func goOn(t tb, f *fleet.Fleet) running {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	return running{f, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	}}
}

func putFences(t tb, f *fleet.Fleet) {
	t.Helper()
	for id, feature := range testFences(t) {
		if _, created, err := f.PutFence(t.Context(), id, []byte(feature)); err != nil || !created {
			t.Fatalf("PutFence(%s): created %v, %v", id, created, err)
		}
	}
}

func indexOf(f *fleet.Fleet) *geofence.Index { return geofence.NewIndex(f.Fences()) }

func TestAnyArrivalEndsTheSame(t *testing.T) {
	var late, corrected, retracted uint64
	rapid.Check(t, func(rt *rapid.T) {
		fixes := drawTrack(rt)
		store := newModelStore()
		f := run(t, fleet.Config{Store: store})
		defer f.stop()
		putFences(t, f.Fleet)
		for _, b := range drawArrival(rt, fixes) {
			if err := f.Accept(t.Context(), testUnit, b); err != nil {
				rt.Fatal(err)
			}
		}
		look(rt, testUnit, f.Fleet, store).check(rt, expect(rt, testUnit, fixes, indexOf(f.Fleet)))
		checkLog(rt, testUnit, f.Fleet, store)
		s := f.Stats()
		late, corrected, retracted = late+s.LateBatches, corrected+s.CorrectedEvents, retracted+s.RetractedEvents
		if s.Fixes != uint64(len(fixes)) {
			rt.Fatalf("%d fixes stored, want %d", s.Fixes, len(fixes))
		}
	})
	if late == 0 || retracted == 0 {
		t.Errorf("%d late batches, %d events corrected, %d retracted: the test shows nothing", late, corrected, retracted)
	}
}

func TestTwoNodesOnOneStore(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		fixes := drawTrack(rt)
		store := newModelStore()
		a := run(t, fleet.Config{Store: store, Limits: fleet.Limits{CachedUnits: 1}})
		defer a.stop()
		putFences(t, a.Fleet)
		b := run(t, fleet.Config{Store: store})
		defer b.stop()
		arrivals := [][]track.Batch{drawArrival(rt, fixes), drawArrival(rt, fixes)}
		var sending sync.WaitGroup
		for i, node := range []running{a, b} {
			arrival := arrivals[i]
			for part := range slices.Chunk(arrival, len(arrival)/2+1) {
				sending.Go(func() {
					for _, batch := range part {
						if err := node.Accept(t.Context(), testUnit, batch); err != nil {
							t.Error(err)
						}
					}
				})
			}
		}
		sending.Wait()
		look(rt, testUnit, b.Fleet, store).check(rt, expect(rt, testUnit, fixes, indexOf(a.Fleet)))
		checkLog(rt, testUnit, a.Fleet, store)
	})
}
