package fleet_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dipper/fleet"
	"dipper/fleet/cell"
	"dipper/positioning"
	"dipper/positioning/geo"
	"dipper/positioning/track"
)

func fixesAt(start time.Time, every time.Duration, n int) []positioning.Fix {
	fixes := make([]positioning.Fix, n)
	for i := range fixes {
		fixes[i] = positioning.NewFix(start.Add(time.Duration(i)*every), geo.Point{Lat: 36, Lon: 120 + 1e-5*float64(i)})
		fixes[i].ErrM, fixes[i].SpeedMps = 1, 1
	}
	return fixes
}

func TestAcceptRefuses(t *testing.T) {
	d, f, store := newDriver(t)
	one := fixesAt(testStart, time.Second, 1)
	nowhere := positioning.NewFix(testStart, geo.Point{Lat: math.NaN()})
	for _, c := range []struct {
		name string
		unit fleet.UnitID
		b    track.Batch
		want error
	}{
		{"bad unit", "a b", track.Batch{Series: 1, First: 1, Fixes: one}, fleet.ErrBadUnitID},
		{"number 0", d.unit, track.Batch{Series: 1, Fixes: one}, track.ErrInvalid},
		{"beyond the highest number", d.unit, track.Batch{Series: 1, First: math.MaxUint64, Fixes: fixesAt(testStart, time.Second, 2)}, track.ErrInvalid},
		{"too many", d.unit, track.Batch{Series: 1, First: 1, Fixes: fixesAt(testStart, time.Second, track.MaxBatchFixes+1)}, track.ErrInvalid},
		{"nowhere", d.unit, track.Batch{Series: 1, First: 1, Fixes: []positioning.Fix{nowhere}}, track.ErrInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := f.Accept(t.Context(), c.unit, c.b)
			if !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
	if err := f.Accept(t.Context(), d.unit, track.Batch{}); err != nil {
		t.Errorf("an empty batch: %v", err)
	}
	high := track.Batch{Series: 1, First: 1 << 53, Fixes: fixesAt(testStart, time.Second, 2)}
	var invalid *fleet.InvalidError
	if err := f.Accept(t.Context(), d.unit, high); !errors.Is(err, track.ErrInvalid) || !errors.As(err, &invalid) || invalid.Field != "first" {
		t.Errorf("numbers above 2^53: %v", err)
	}
	if len(store.records) != 0 {
		t.Error("something was stored")
	}
	if got := f.Stats().RefusedBatches; got != 5 {
		t.Errorf("%d batches counted as refused, want 5", got)
	}
	high.First--
	if err := f.Accept(t.Context(), d.unit, high); err != nil {
		t.Errorf("numbers up to 2^53: %v", err)
	}
}

// A unit whose spool does not outlive its power begins a series at each start. It must not be refused for it, ever.
func TestOldSeriesAreForgotten(t *testing.T) {
	f := run(t, fleet.Config{Store: newModelStore(), Limits: fleet.Limits{SeriesPerUnit: 3}})
	defer f.stop()
	send := func(series track.Series) {
		t.Helper()
		b := track.Batch{Series: series, First: 1, Fixes: fixesAt(testStart.Add(time.Duration(series)*time.Minute), time.Second, 2)}
		if err := f.Accept(t.Context(), testUnit, b); err != nil {
			t.Fatal(err)
		}
		if held, err := f.Held(t.Context(), testUnit, series); err != nil || !held.Covers(track.Range{First: 1, Last: 2}) {
			t.Fatalf("held %v of series %d that was just taken, %v", held, series, err)
		}
	}
	for series := track.Series(11); series <= 20; series++ {
		send(series)
	}
	send(5) // a clock that is wrong, and one forgotten
	send(12)
	c, err := f.Completeness(t.Context(), testUnit)
	if err != nil || c.Series != 20 || len(c.Earlier) != 2 || c.EarlierDropped != 9 || f.Stats().ForgottenSeries != 9 {
		t.Errorf("completeness %+v, %v, want series 20, 2 earlier and 9 dropped", c, err)
	}
	if text, err := json.Marshal(c); err != nil || !strings.Contains(string(text), `"earlier_dropped":9`) {
		t.Errorf("%s, %v", text, err)
	}
	got, _, err := f.Track(t.Context(), testUnit, testStart, testNow, 100)
	if err != nil || len(got) != 22 {
		t.Errorf("%d fixes in the track, %v, want all 22", len(got), err)
	}
}

// Numbers that are torn to pieces are kept count of in part; the newest batch is always taken.
func TestShortestRunsAreForgotten(t *testing.T) {
	f := run(t, fleet.Config{Store: newModelStore(), Limits: fleet.Limits{RangesPerUnit: 3}})
	defer f.stop()
	send := func(seq track.Seq, n int) {
		t.Helper()
		b := track.Batch{Series: 1, First: seq, Fixes: fixesAt(testStart.Add(time.Duration(seq)*time.Second), time.Second, n)}
		if err := f.Accept(t.Context(), testUnit, b); err != nil {
			t.Fatal(err)
		}
	}
	check := func(want string) {
		t.Helper()
		if held, err := f.Held(t.Context(), testUnit, 1); err != nil || fmt.Sprint(held) != want {
			t.Errorf("held %v, %v, want %s", held, err, want)
		}
	}
	send(1, 2)
	send(5, 1)
	send(8, 3)
	check("[{1 2} {5 5} {8 10}]")
	send(20, 1)
	check("[{1 2} {8 10} {20 20}]")
	send(5, 1) // once more: it was forgotten
	check("[{1 2} {5 5} {8 10}]")
	send(3, 2)
	check("[{1 5} {8 10}]")
	if n := f.Stats().ForgottenRuns; n != 2 {
		t.Errorf("%d runs counted as forgotten, want 2", n)
	}
	got, _, err := f.Track(t.Context(), testUnit, testStart, testNow, 100)
	if err != nil || len(got) != 9 {
		t.Errorf("%d fixes in the track, %v, want each of 9 once", len(got), err)
	}
}

// The whole batch is held: nothing is committed for it.
func TestDuplicateIsAcknowledgedWithoutCommit(t *testing.T) {
	_, f, store := newDriver(t)
	b := track.Batch{Series: 1, First: 1, Fixes: fixesAt(testStart, time.Second, 10)}
	for range 3 {
		if err := f.Accept(t.Context(), "u", b); err != nil {
			t.Fatal(err)
		}
	}
	if s := f.Stats(); store.commits != 1 || s.Fixes != 10 || s.Duplicates != 20 || s.Batches != 3 {
		t.Errorf("%d commits, %+v", store.commits, s)
	}
}

func TestFutureFixIsStoredAndMovesNothing(t *testing.T) {
	_, f, _ := newDriver(t)
	fixes := fixesAt(testStart, time.Hour, 2) // the clock says testStart
	if err := f.Accept(t.Context(), "u", track.Batch{Series: 1, First: 1, Fixes: fixes}); err != nil {
		t.Fatal(err)
	}
	v, err := f.Unit(t.Context(), "u")
	if err != nil || !v.Located || !v.Fix.Time.Equal(testStart) {
		t.Errorf("last fix %v, %v, want the first", v.Fix.Time, err)
	}
	got, _, err := f.Track(t.Context(), "u", testStart, testStart.Add(2*time.Hour), 10)
	if err != nil || len(got) != 2 || got[1].Fix.Verdict != positioning.RefusedFuture {
		t.Errorf("track %v, %v", got, err)
	}
	if n := f.Stats().FutureFixes; n != 1 {
		t.Errorf("%d future fixes counted", n)
	}
}

// What is decided now and what is decided from the track are the same, even for a caller who did not round.
func TestAcceptRounds(t *testing.T) {
	_, f, _ := newDriver(t)
	x := positioning.NewFix(testStart.Add(-1234567*time.Nanosecond), geo.Point{Lat: 36.12345678901, Lon: 120.98765432109})
	x.SpeedMps = 1.23456
	if err := f.Accept(t.Context(), "u", track.Batch{Series: 1, First: 1, Fixes: []positioning.Fix{x}}); err != nil {
		t.Fatal(err)
	}
	v, err := f.Unit(t.Context(), "u")
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := f.Track(t.Context(), "u", testStart.Add(-time.Minute), testStart, 10)
	if err != nil || len(got) != 1 || !got[0].Fix.Equal(v.Fix) || !v.Fix.Equal(track.Quantize(x)) {
		t.Errorf("track %+v, last %+v, %v", got, v.Fix, err)
	}
}

type listener struct {
	mu    sync.Mutex
	moves []fleet.Position
}

func (l *listener) Moved(p fleet.Position, _ cell.ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.moves = append(l.moves, p)
}

func TestListenerHearsForwardMovesOnly(t *testing.T) {
	l := &listener{}
	f := run(t, fleet.Config{Store: newModelStore(), Listener: l})
	defer f.stop()
	fixes := fixesAt(testStart, time.Second, 10)
	for _, part := range [][2]int{{5, 10}, {0, 5}, {5, 10}} { // the newest, then the backlog, then again
		b := track.Batch{Series: 1, First: track.Seq(part[0] + 1), Fixes: fixes[part[0]:part[1]]}
		if err := f.Accept(t.Context(), "u", b); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.moves) != 1 || l.moves[0].Seq != 10 || l.moves[0].Unit != "u" || l.moves[0].Cell == 0 {
		t.Errorf("heard %+v, want number 10 once", l.moves)
	}
}

// stuckStore commits when it is let.
type stuckStore struct {
	*modelStore
	entered chan int
	let     chan struct{}
}

func (s *stuckStore) Commit(ctx context.Context, steps []fleet.Step) []error {
	s.entered <- len(steps)
	<-s.let
	return s.modelStore.Commit(ctx, steps)
}

func TestAcceptGivesUpWithItsContext(t *testing.T) {
	store := &stuckStore{modelStore: newModelStore(), entered: make(chan int, 8), let: make(chan struct{})}
	f := run(t, fleet.Config{Store: store})
	b := track.Batch{Series: 1, First: 1, Fixes: fixesAt(testStart, time.Second, 2)}
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() { gone <- f.Accept(ctx, "u", b) }()
	<-store.entered
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("Accept: %v, want cancelled", err)
	}
	close(store.let) // the commit that nobody waits for lands now, or did
	if err := f.Accept(t.Context(), "u", b); err != nil {
		t.Fatal(err)
	}
	f.stop()
	if err := f.Accept(t.Context(), "u", b); err != nil {
		t.Errorf("a held batch after the end: %v", err)
	}
	b.First = 3
	if err := f.Accept(t.Context(), "u", b); !errors.Is(err, fleet.ErrUnavailable) {
		t.Errorf("Accept after Run ended: %v, want ErrUnavailable", err)
	}
	got, _, err := f.Track(t.Context(), "u", testStart, testStart.Add(time.Minute), 10)
	if err != nil || len(got) != 2 {
		t.Errorf("track %v, %v, want two fixes once", got, err)
	}
}

// A backlog of days comes in ascending batches behind the newest fixes: each must not run the ledger over all of it again.
func TestBacklogCostsOnce(t *testing.T) {
	store := newModelStore()
	f := run(t, fleet.Config{Store: store})
	defer f.stop()
	putFences(t, f.Fleet)
	const n, batch, live = 5000, 100, 50
	fixes := fixesAt(testStart, 30*time.Second, n)
	send := func(from, to int) {
		t.Helper()
		b := track.Batch{Series: 1, First: track.Seq(from + 1), Fixes: fixes[from:to]}
		if err := f.Accept(t.Context(), testUnit, b); err != nil {
			t.Fatal(err)
		}
	}
	send(0, 10)
	send(n-live, n)
	for i := 10; i < n-live; i += batch {
		send(i, min(i+batch, n-live))
	}
	if again := f.Stats().RedecidedFixes; again > 3*n {
		t.Errorf("%d fixes were shown to the ledger again for a backlog of %d", again, n)
	} else {
		t.Logf("%d fixes shown again for a backlog of %d in %d batches", again, n, n/batch)
	}
}

func TestDamagedStateIsRebuiltAndDamagedTrackKeepsNobodyOut(t *testing.T) {
	store := newModelStore()
	f := run(t, fleet.Config{Store: store})
	defer f.stop()
	putFences(t, f.Fleet)
	b := batchOf(numbered(fixesAt(testStart, time.Second, 20)))
	if err := f.Accept(t.Context(), testUnit, b); err != nil {
		t.Fatal(err)
	}
	r := store.records[testUnit]
	r.State = append([]byte{99}, r.State...)
	store.records[testUnit] = r
	held, err := f.Held(t.Context(), testUnit, b.Series)
	if err != nil || !held.Covers(track.Range{First: 1, Last: 20}) || f.Stats().Rebuilds != 1 {
		t.Fatalf("held %v, %v, %d rebuilds", held, err, f.Stats().Rebuilds)
	}
	next := batchOf(numbered(fixesAt(testStart.Add(time.Minute), time.Second, 25))[20:])
	if err := f.Accept(t.Context(), testUnit, next); err != nil {
		t.Fatal(err)
	}
	if v, err := f.Unit(t.Context(), testUnit); err != nil || v.Position.Seq != 25 {
		t.Fatalf("%+v, %v", v, err)
	}

	day := fleet.DayOf(testStart)
	store.tracks[testUnit][day] = append(store.tracks[testUnit][day], "damaged"...)
	late := track.Batch{Series: b.Series, First: 26, Fixes: fixesAt(testStart.Add(-time.Minute), time.Second, 1)}
	if err := f.Accept(t.Context(), testUnit, late); err != nil {
		t.Fatal(err)
	}
	if s := f.Stats(); s.UndecidedFixes != 1 {
		t.Errorf("%d fixes counted as undecided, want 1", s.UndecidedFixes)
	}
}

func numbered(fixes []positioning.Fix) []fleet.TrackFix {
	out := make([]fleet.TrackFix, len(fixes))
	for i, f := range fixes {
		out[i] = fleet.TrackFix{Series: 1, Seq: track.Seq(i + 1), Fix: f}
	}
	return out
}

// A store that loses its last second while the link stays up takes acknowledged numbers with it. The unit must learn of it.
func TestStoreThatGoesBackSendsTheUnitToHello(t *testing.T) {
	all := numbered(fixesAt(testStart, time.Second, 40))
	for name, meanwhile := range map[string]func(t *testing.T, store *modelStore){
		"behind": func(*testing.T, *modelStore) {},
		"level again by another node": func(t *testing.T, store *modelStore) {
			f := run(t, fleet.Config{Store: store})
			defer f.stop()
			if err := f.Accept(t.Context(), testUnit, batchOf(all[35:])); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := &conflicting{modelStore: newModelStore()}
			f := run(t, fleet.Config{Store: store})
			defer f.stop()
			send := func(a, b int) error { return f.Accept(t.Context(), testUnit, batchOf(all[a:b])) }
			if err := send(0, 10); err != nil {
				t.Fatal(err)
			}
			record, day := store.records[testUnit], fleet.DayOf(testStart)
			before := bytes.Clone(store.tracks[testUnit][day])
			if err := send(10, 30); err != nil {
				t.Fatal(err)
			}
			store.mu.Lock()
			store.records[testUnit], store.tracks[testUnit][day] = record, before
			store.mu.Unlock()
			store.first = func() { meanwhile(t, store.modelStore) }
			for range 2 { // trying again is not enough
				if err := send(30, 35); !errors.Is(err, fleet.ErrWentBack) || !errors.Is(err, fleet.ErrUnavailable) {
					t.Fatalf("Accept: %v, want ErrWentBack", err)
				}
			}
			if n := f.Stats().WentBack; n != 1 {
				t.Errorf("counted %d times, want once", n)
			}
			held, err := f.Held(t.Context(), testUnit, 1)
			if err != nil || held.Contains(11) || !held.Contains(10) {
				t.Fatalf("held %v, %v, want what the store has", held, err)
			}
			if err := errors.Join(send(30, 40), send(10, 30)); err != nil {
				t.Fatal(err)
			}
			got, _, err := f.Track(t.Context(), testUnit, testStart, testNow, 100)
			if err != nil || len(got) != 40 {
				t.Errorf("%d fixes, %v, want all", len(got), err)
			}
		})
	}
}

// conflicting calls first before it answers the next commit with a conflict.
type conflicting struct {
	*modelStore
	first func()
}

func (s *conflicting) Commit(ctx context.Context, steps []fleet.Step) []error {
	if first := s.first; first != nil {
		s.first = nil
		first()
		return slices.Repeat([]error{fleet.ErrConflict}, len(steps))
	}
	return s.modelStore.Commit(ctx, steps)
}

// Where retention dropped the beginning of the track, a fix from before the oldest checkpoint must not undo what was told.
func TestFixOlderThanTheKeptTrack(t *testing.T) {
	store := newModelStore()
	f := run(t, fleet.Config{Store: store})
	defer f.stop()
	putFences(t, f.Fleet)
	all := numbered(fixesAt(testStart, time.Hour, 60))
	if err := f.Accept(t.Context(), testUnit, batchOf(all[5:])); err != nil {
		t.Fatal(err)
	}
	before, err := f.Unit(t.Context(), testUnit)
	if err != nil {
		t.Fatal(err)
	}
	delete(store.tracks[testUnit], fleet.DayOf(all[5].Fix.Time))
	if err := f.Accept(t.Context(), testUnit, batchOf(all[:5])); err != nil {
		t.Fatal(err)
	}
	after, err := f.Unit(t.Context(), testUnit)
	if err != nil || fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("before\n %+v\nafter\n %+v, %v", before, after, err)
	}
	if s := f.Stats(); s.LateBatches != 1 || s.RedecidedFixes != 0 {
		t.Errorf("%d late batches, %d fixes decided again", s.LateBatches, s.RedecidedFixes)
	}
	if c, err := f.Completeness(t.Context(), testUnit); err != nil || len(c.Missing) != 0 || c.Highest != 60 {
		t.Errorf("completeness %+v, %v", c, err)
	}
}
