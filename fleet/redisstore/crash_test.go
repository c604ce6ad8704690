package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"dipper/fleet"
	"dipper/fleet/cell"
	"dipper/fleet/storetest/redistest"
	"dipper/positioning/geo"
)

// Two working cells in different parents.
const (
	qingdao  cell.ID = 0x8730a1209ffffff
	shanghai cell.ID = 0x87309959dffffff
)

func position(u fleet.UnitID, c cell.ID) fleet.Position {
	return fleet.Position{Unit: u, Time: time.Unix(1_764_000_000, 0).UTC(), Point: geo.Point{Lat: 36, Lon: 120}, Seq: 1, Cell: c}
}

func event(id string) fleet.EventRecord {
	return fleet.EventRecord{ID: id, Revision: 1, FixTime: time.Unix(1_764_000_000, 0).UTC(), Data: []byte(id)}
}

// commitOnly stores steps and dies before anything is done that follows from them.
func commitOnly(t *testing.T, s *Store, steps ...fleet.Step) {
	t.Helper()
	errs := make([]error, len(steps))
	w := newWork()
	for i := range steps {
		w.arrivals(i, &steps[i])
	}
	s.carry(t.Context(), w, func(i int, err error) { errs[i] = err })
	s.store(t.Context(), steps, errs)
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// until polls a condition.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("%s: not within 30 s", what)
		case <-tick.C:
		}
	}
}

// runUpkeep runs the store's upkeep until the function it returns is called.
func runUpkeep(t *testing.T, s *Store) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
	}
}

func onBoth(t *testing.T, test func(t *testing.T, url string)) {
	t.Run("single", func(t *testing.T) { test(t, redistest.Start(t, redistest.Options{Fsync: "everysec"}).URL) })
	t.Run("cluster", func(t *testing.T) { test(t, redistest.StartCluster(t, redistest.Options{Fsync: "everysec"}).URL) })
}

func TestSweepCarriesOutWhatACrashLeft(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		s := empty(t, Config{URL: url})
		if errs := s.Commit(t.Context(), []fleet.Step{{Unit: "a", Position: position("a", qingdao), Opened: []string{"gate"}}}); errs[0] != nil {
			t.Fatal(errs[0])
		}
		commitOnly(t, s,
			fleet.Step{Unit: "a", Expect: 1, Position: position("a", shanghai), PrevCell: qingdao, Closed: []string{"gate"}, Events: []fleet.EventRecord{event("exit")}},
			fleet.Step{Unit: "b", Position: position("b", shanghai), Opened: []string{"yard"}, Events: []fleet.EventRecord{event("enter")}})

		// Before the sweep the indexes have too much, but answers are right.
		if ps, err := s.InCells(t.Context(), []cell.ID{qingdao}); err != nil || len(ps) != 0 {
			t.Errorf("InCells(left) = %v, %v", ps, err)
		}
		if us, err := s.Inside(t.Context(), "gate"); err != nil || len(us) != 0 {
			t.Errorf("Inside(left) = %v, %v", us, err)
		}

		if us, err := s.Inside(t.Context(), "yard"); err != nil || !slices.Equal(us, []fleet.UnitID{"b"}) {
			t.Errorf("Inside(entered) = %v, %v, want b", us, err)
		}
		other := open(t, Config{URL: url})
		woken := make(chan error, 1)
		go func() { woken <- s.WaitEvents(t.Context(), 1) }()
		stop := runUpkeep(t, other)
		defer stop()
		if err := <-woken; err != nil {
			t.Fatalf("WaitEvents: %v", err)
		}
		until(t, "outboxes are empty", func() bool {
			found, err := s.outboxes(t.Context(), 0, shards)
			return err == nil && len(found) == 0
		})
		if ps, err := s.InCells(t.Context(), []cell.ID{qingdao, shanghai}); err != nil || len(ps) != 2 {
			t.Errorf("InCells = %v, %v, want both in Shanghai", ps, err)
		}
		if us, err := s.Inside(t.Context(), "yard"); err != nil || !slices.Equal(us, []fleet.UnitID{"b"}) {
			t.Errorf("Inside(yard) = %v, %v, want b", us, err)
		}
		if log, err := s.Events(t.Context(), 0, 10); err != nil || len(log) != 2 {
			t.Errorf("log = %v, %v, want both events", log, err)
		}
	})
}

// A step that finds an earlier one of its unit still in the outbox carries both out, in order.
func TestNextStepCarriesOutTheOneBefore(t *testing.T) {
	s := empty(t, Config{URL: redistest.Start(t, redistest.Options{NoAOF: true}).URL})
	commitOnly(t, s, fleet.Step{Unit: "u", Position: position("u", qingdao), Events: []fleet.EventRecord{event("first")}})
	if errs := s.Commit(t.Context(), []fleet.Step{{Unit: "u", Expect: 1, Position: position("u", qingdao), PrevCell: qingdao, Events: []fleet.EventRecord{event("second")}}}); errs[0] != nil {
		t.Fatal(errs[0])
	}
	log, err := s.Events(t.Context(), 0, 10)
	if err != nil || len(log) != 2 || log[0].ID != "first" || log[1].ID != "second" {
		t.Errorf("log = %v, %v, want first, second", log, err)
	}
	if ps, err := s.InCells(t.Context(), []cell.ID{qingdao}); err != nil || len(ps) != 1 {
		t.Errorf("InCells = %v, %v", ps, err)
	}
	if found, err := s.outboxes(t.Context(), 0, shards); err != nil || len(found) != 0 {
		t.Errorf("outboxes hold %v, %v", found, err)
	}
}

// What several nodes do of one unit may come in the wrong order.
func TestLateWorkOverturnsNothing(t *testing.T) {
	s := empty(t, Config{URL: redistest.Start(t, redistest.Options{NoAOF: true}).URL})
	steps := []fleet.Step{
		{Unit: "u", Position: position("u", qingdao), Opened: []string{"gate"}},
		{Unit: "u", Expect: 1, Position: position("u", shanghai), PrevCell: qingdao, Closed: []string{"gate"}, Opened: []string{"yard"}},
		{Unit: "u", Expect: 2, Position: position("u", qingdao), PrevCell: shanghai, Closed: []string{"yard"}, Opened: []string{"gate"}},
	}
	commitOnly(t, s, steps...)
	for _, i := range []int{2, 0, 1, 0, 2, 1} {
		w := newWork()
		w.arrivals(i, &steps[i])
		w.departures(&steps[i])
		s.carry(t.Context(), w, func(_ int, err error) { t.Error(err) })
	}
	if ps, err := s.InCells(t.Context(), []cell.ID{qingdao}); err != nil || len(ps) != 1 {
		t.Errorf("InCells(qingdao) = %v, %v, want the unit", ps, err)
	}
	if us, err := s.Inside(t.Context(), "gate"); err != nil || len(us) != 1 {
		t.Errorf("Inside(gate) = %v, %v, want the unit", us, err)
	}
	for range 2 { // the first look finds the entries that came late and removes them
		if ps, err := s.InCells(t.Context(), []cell.ID{shanghai}); err != nil || len(ps) != 0 {
			t.Errorf("InCells(shanghai) = %v, %v, want none", ps, err)
		}
		if us, err := s.Inside(t.Context(), "yard"); err != nil || len(us) != 0 {
			t.Errorf("Inside(yard) = %v, %v, want none", us, err)
		}
	}
	if cells, err := s.OccupiedCells(t.Context(), nil); err != nil || !slices.Equal(cells, []cell.ID{qingdao}) {
		t.Errorf("OccupiedCells = %x, %v, want Qingdao's alone", cells, err)
	}
}

// Readers that come between the announcement of a step and the step must not take the announcement for a stale entry.
func TestAnnouncementsAreNotStale(t *testing.T) {
	s := empty(t, Config{URL: redistest.Start(t, redistest.Options{NoAOF: true}).URL})
	if errs := s.Commit(t.Context(), []fleet.Step{{Unit: "u", Position: position("u", shanghai)}}); errs[0] != nil {
		t.Fatal(errs[0])
	}
	steps := []fleet.Step{{Unit: "u", Expect: 1, Position: position("u", qingdao), PrevCell: shanghai, Opened: []string{"gate"}}}
	w := newWork()
	w.arrivals(0, &steps[0])
	s.carry(t.Context(), w, func(_ int, err error) { t.Error(err) })
	if ps, err := s.InCells(t.Context(), []cell.ID{qingdao}); err != nil || len(ps) != 0 {
		t.Errorf("InCells before the step = %v, %v, want none", ps, err)
	}
	if us, err := s.Inside(t.Context(), "gate"); err != nil || len(us) != 0 {
		t.Errorf("Inside before the step = %v, %v, want none", us, err)
	}
	errs := make([]error, 1)
	if s.store(t.Context(), steps, errs); errs[0] != nil {
		t.Fatal(errs[0])
	}
	if ps, err := s.InCells(t.Context(), []cell.ID{qingdao}); err != nil || len(ps) != 1 {
		t.Errorf("InCells after the step = %v, %v, want the unit", ps, err)
	}
	if us, err := s.Inside(t.Context(), "gate"); err != nil || len(us) != 1 {
		t.Errorf("Inside after the step = %v, %v, want the unit", us, err)
	}
}

func TestStaleEntriesAreNotToldAndGo(t *testing.T) {
	s := empty(t, Config{URL: redistest.Start(t, redistest.Options{NoAOF: true}).URL})
	errs := s.Commit(t.Context(), []fleet.Step{{Unit: "u", Position: position("u", qingdao)}, {Unit: "u2", Position: position("u2", qingdao)}})
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	for unit, version := range map[string]int{"u": 1, "u2": 99, "never committed": 7} {
		if err := s.client.HSet(t.Context(), cellKey(shanghai), unit, version).Err(); err != nil {
			t.Fatal(err)
		}
		if err := s.client.HSet(t.Context(), insideKey("gate"), unit, version).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if ps, err := s.InCells(t.Context(), []cell.ID{shanghai}); err != nil || len(ps) != 0 {
		t.Errorf("InCells = %v, %v, want none", ps, err)
	}
	if us, err := s.Inside(t.Context(), "gate"); err != nil || len(us) != 0 {
		t.Errorf("Inside = %v, %v, want none", us, err)
	}
	if n := s.client.Exists(t.Context(), cellKey(shanghai), insideKey("gate")).Val(); n != 0 {
		t.Errorf("%d of the two indexes are still there", n)
	}
}

func TestScrubAddsWhatIsMissing(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		s := empty(t, Config{URL: url})
		if errs := s.Commit(t.Context(), []fleet.Step{{Unit: "u", Position: position("u", qingdao), Opened: []string{"gate"}}}); errs[0] != nil {
			t.Fatal(errs[0])
		}
		for _, key := range []string{cellKey(qingdao), directoryKey(directoryOf(qingdao)), worldKey, insideKey("gate")} {
			if err := s.client.Del(t.Context(), key).Err(); err != nil {
				t.Fatal(err)
			}
		}
		for _, want := range []int{2, 0} {
			if n, err := s.scrub(t.Context(), shardOf("u")); err != nil || n != want {
				t.Errorf("scrub = %d, %v, want %d missing", n, err, want)
			}
		}
		if ps, err := s.InCells(t.Context(), []cell.ID{qingdao}); err != nil || len(ps) != 1 {
			t.Errorf("InCells = %v, %v, want the unit", ps, err)
		}
		if cells, err := s.OccupiedCells(t.Context(), nil); err != nil || len(cells) != 1 {
			t.Errorf("OccupiedCells = %v, %v", cells, err)
		}
		if us, err := s.Inside(t.Context(), "gate"); err != nil || len(us) != 1 {
			t.Errorf("Inside = %v, %v, want the unit", us, err)
		}
	})
}

// The client library sends a command again when the answer is lost. That must be the same as sending it once.
func TestSentTwice(t *testing.T) {
	s := empty(t, Config{URL: redistest.Start(t, redistest.Options{NoAOF: true}).URL})
	steps := []fleet.Step{
		{Unit: "quiet", State: []byte("s"), Track: []fleet.Segment{{Day: 1, Data: []byte("x")}}},
		{Unit: "moved", Position: position("moved", qingdao), Track: []fleet.Segment{{Day: 1, Data: []byte("y")}}, Events: []fleet.EventRecord{event("e")}},
	}
	errs := make([]error, 2)
	groups := s.groups(steps, errs)
	for range 2 {
		var entries []entry
		for _, g := range groups {
			s.run(t.Context(), []*call{&g.call})
			entries = g.read(steps, errs, entries)
		}
		if errors.Join(errs...) != nil || len(entries) != 1 {
			t.Fatalf("answers %v, outbox entries %v", errs, entries)
		}
	}
	for _, u := range []fleet.UnitID{"quiet", "moved"} {
		if track, err := s.Track(t.Context(), u, 1); err != nil || len(track) != 1 {
			t.Errorf("track of %s = %q, %v, want one byte", u, track, err)
		}
	}
	args := []any{"nonce", "f", "0", "data", "put", fleet.ChangesKept}
	for range 2 {
		cmd, err := s.runOne(t.Context(), &s.scripts.document, []string{documentsKey("fence"), changesKey("fence")}, args...)
		if n, _ := cmd.Int(); err != nil || n != 1 {
			t.Errorf("document put twice by one call = %d, %v", n, err)
		}
	}
	if v, err := s.DocumentsVersion(t.Context(), "fence"); err != nil || v != 1 {
		t.Errorf("DocumentsVersion = %d, %v, want 1", v, err)
	}
}

func TestScriptsAreLoadedAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		s := empty(t, Config{URL: url})
		for v := range uint64(3) {
			err := s.eachMaster(t.Context(), func(ctx context.Context, c redis.UniversalClient) error { return c.ScriptFlush(ctx).Err() })
			if err != nil {
				t.Fatal(err)
			}
			st := fleet.Step{Unit: "u", Expect: v, Position: position("u", qingdao), Events: []fleet.EventRecord{event(fmt.Sprint(v))}, Opened: []string{"gate"}}
			if errs := s.Commit(t.Context(), []fleet.Step{st}); errs[0] != nil {
				t.Fatal(errs[0])
			}
			if es, err := s.UnitEvents(t.Context(), "u", time.Time{}); err != nil || len(es) != int(v)+1 {
				t.Errorf("UnitEvents = %v, %v", es, err)
			}
		}
	})
}

func TestFullOutboxRefusesSteps(t *testing.T) {
	s := empty(t, Config{URL: redistest.Start(t, redistest.Options{NoAOF: true}).URL})
	commitOnly(t, s, fleet.Step{Unit: "u", Events: []fleet.EventRecord{{ID: "big", Revision: 1, Data: make([]byte, outboxMost)}}})
	st := fleet.Step{Unit: "u", Expect: 1, Events: []fleet.EventRecord{event("e")}}
	if err := s.Commit(t.Context(), []fleet.Step{st})[0]; !errors.Is(err, fleet.ErrUnavailable) || !errors.Is(err, errOutboxFull) {
		t.Fatalf("Commit = %v, want unavailable: outbox full", err)
	}
	if r, err := s.Load(t.Context(), "u"); err != nil || r.Version != 1 {
		t.Fatalf("record = %+v, %v, want version 1", r, err)
	}
	if _, err := s.sweep(t.Context(), func(entry) bool { return true }); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context(), []fleet.Step{st})[0]; err != nil {
		t.Errorf("Commit after the sweep = %v", err)
	}
}

// TestKilledRedis kills Redis again and again under writers, and then looks for every step that was acknowledged.
func TestKilledRedis(t *testing.T) {
	t.Run("single", func(t *testing.T) {
		srv := redistest.Start(t, redistest.Options{})
		testKilled(t, srv.URL, []*redistest.Server{srv})
	})
	t.Run("cluster", func(t *testing.T) {
		cl := redistest.StartCluster(t, redistest.Options{})
		testKilled(t, cl.URL, cl.Servers)
	})
}

func testKilled(t *testing.T, url string, servers []*redistest.Server) {
	const units, kills = 4, 6
	s := open(t, Config{URL: url})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	acked := make([]*ackedUnit, units)
	for u := range units {
		acked[u] = &ackedUnit{unit: fleet.UnitID(fmt.Sprint("unit-", u))}
		wg.Go(func() { acked[u].write(ctx, t, s) })
	}
	stop := runUpkeep(t, s)
	for k := range kills {
		srv := servers[k%len(servers)]
		for _, a := range acked {
			before := a.count()
			until(t, "every unit goes on", func() bool { return a.count() > before+3 })
		}
		if err := srv.Kill(); err != nil {
			t.Fatal(err)
		}
		if k == 0 {
			until(t, "Ready tells that Redis is away", func() bool { return errors.Is(s.Ready(ctx), fleet.ErrUnavailable) })
			if _, err := s.Load(ctx, "unit-0"); len(servers) == 1 && !errors.Is(err, fleet.ErrUnavailable) {
				t.Errorf("Load while Redis is away = %v, want ErrUnavailable", err)
			}
		}
		if err := srv.Restart(); err != nil {
			t.Fatal(err)
		}
		until(t, "Ready again", func() bool { return s.Ready(ctx) == nil })
	}
	for _, a := range acked {
		before := a.count()
		until(t, "every unit goes on", func() bool { return a.count() > before+3 })
	}
	cancel()
	wg.Wait()
	stop()
	if _, err := s.sweep(t.Context(), func(entry) bool { return true }); err != nil {
		t.Fatal(err)
	}
	for _, a := range acked {
		a.check(t, s)
	}
	if found, err := s.outboxes(t.Context(), 0, shards); err != nil || len(found) != 0 {
		t.Errorf("outboxes hold %v, %v", found, err)
	}
}

// ackedUnit writes steps of one unit, each with a mark in its track and an event, and remembers which were acknowledged.
type ackedUnit struct {
	unit fleet.UnitID
	mu   sync.Mutex
	done []string // marks, in order
}

func (a *ackedUnit) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.done)
}

func (a *ackedUnit) write(ctx context.Context, t *testing.T, s *Store) {
	for n := 0; ctx.Err() == nil; {
		r, err := s.Load(ctx, a.unit)
		if err != nil {
			continue // Redis is away
		}
		mark := fmt.Sprintf("<%d>", n)
		if string(r.State) != mark { // else it was stored, though we were told that this is unknown
			places := [...]cell.ID{qingdao, shanghai}
			st := fleet.Step{
				Unit: a.unit, Expect: r.Version, State: []byte(mark), Track: []fleet.Segment{{Day: 1, Data: []byte(mark)}},
				Position: position(a.unit, places[r.Version%2]), Events: []fleet.EventRecord{event(string(a.unit) + mark)},
			}
			if r.Version > 0 {
				st.PrevCell = places[(r.Version-1)%2]
			}
			err = s.Commit(ctx, []fleet.Step{st})[0]
			if errors.Is(err, fleet.ErrConflict) {
				t.Errorf("conflict on %s, which has one writer", a.unit)
			}
		}
		if err == nil {
			a.mu.Lock()
			a.done = append(a.done, mark)
			a.mu.Unlock()
			n++
		}
	}
}

func (a *ackedUnit) check(t *testing.T, s *Store) {
	t.Helper()
	track, err := s.Track(t.Context(), a.unit, 1)
	if err != nil {
		t.Fatal(err)
	}
	want := ""
	for _, mark := range a.done {
		want += mark
	}
	// One more step may have been stored without an answer when the test ended.
	extra := fmt.Sprintf("<%d>", len(a.done))
	if string(track) != want && string(track) != want+extra {
		t.Errorf("track of %s has %d bytes, want the %d acknowledged steps (%d bytes), each once", a.unit, len(track), len(a.done), len(want))
	}
	for _, mark := range a.done {
		if _, err := s.EventCursor(t.Context(), string(a.unit)+mark); err != nil {
			t.Errorf("event of an acknowledged step: %v", err)
		}
	}
	r, err := s.Load(t.Context(), a.unit)
	if err != nil {
		t.Fatal(err)
	}
	places := [...]cell.ID{qingdao, shanghai}
	ps, err := s.InCells(t.Context(), places[(r.Version-1)%2:][:1])
	if err != nil || !slices.ContainsFunc(ps, func(p fleet.Position) bool { return p.Unit == a.unit }) {
		t.Errorf("%s is not in its cell: %v, %v", a.unit, ps, err)
	}
}

// A node that clears what it carried out must leave what a later step added meanwhile.
func TestClearLeavesLaterSteps(t *testing.T) {
	s := empty(t, Config{URL: redistest.Start(t, redistest.Options{NoAOF: true}).URL})
	commitOnly(t, s, fleet.Step{Unit: "u", Events: []fleet.EventRecord{event("first")}})
	before, err := s.outboxes(t.Context(), 0, shards)
	if err != nil || len(before) != 1 {
		t.Fatalf("outboxes hold %v, %v, want one entry", before, err)
	}
	commitOnly(t, s, fleet.Step{Unit: "u", Expect: 1, Events: []fleet.EventRecord{event("second")}})
	s.clear(t.Context(), before, make([]error, 1))
	if _, err := s.sweep(t.Context(), func(entry) bool { return true }); err != nil {
		t.Fatal(err)
	}
	if log, err := s.Events(t.Context(), 0, 10); err != nil || len(log) != 2 {
		t.Errorf("log = %v, %v, want both events", log, err)
	}
}
