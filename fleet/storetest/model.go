package storetest

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"dipper/fleet"
	"dipper/fleet/cell"
)

// model is a store so simple that it is plainly right.
type model struct {
	records map[fleet.UnitID]fleet.Record
	places  map[fleet.UnitID]fleet.Position
	tracks  map[fleet.UnitID]map[fleet.Day]string
	events  map[fleet.UnitID]map[string]fleet.EventRecord
	inside  map[string]map[fleet.UnitID]bool
	logged  map[string]int // "id/revision" → place in the unit's order
}

// testModel does random steps, a few of them stale, on a store and on the model, and compares all that can be read.
func testModel(t *testing.T, sub Subject) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 77))
			handles := twoHandles(t, sub)
			m := model{
				records: map[fleet.UnitID]fleet.Record{}, places: map[fleet.UnitID]fleet.Position{},
				tracks: map[fleet.UnitID]map[fleet.Day]string{}, events: map[fleet.UnitID]map[string]fleet.EventRecord{},
				inside: map[string]map[fleet.UnitID]bool{}, logged: map[string]int{},
			}
			for round := range 60 {
				steps := m.draw(rng)
				errs := handles[round%2].Commit(t.Context(), steps)
				for i, err := range errs {
					if want := m.apply(steps[i]); (err == nil) != want || err != nil && !errors.Is(err, fleet.ErrConflict) {
						t.Fatalf("round %d, step %d of %s: %v, the model says stored = %t", round, i, steps[i].Unit, err, want)
					}
				}
			}
			m.compare(t, handles[0])
			m.compare(t, handles[1])
		})
	}
}

var (
	modelCells  = []cell.ID{qingdao, qingdaoOffing, shanghai, fiji}
	modelFences = []string{"gate", "yard", "berth"}
)

// draw makes steps of different units, most of them on the present version.
func (m *model) draw(rng *rand.Rand) []fleet.Step {
	const units = 12
	var steps []fleet.Step
	for _, u := range rng.Perm(units)[:1+rng.IntN(units)] {
		unit := unitNo(u)
		st := fleet.Step{Unit: unit, Expect: m.records[unit].Version, State: fmt.Appendf(nil, "state %d", rng.Uint32())}
		if rng.IntN(10) == 0 {
			st.Expect += uint64(rng.IntN(3))
		}
		st.Position = m.places[unit]
		st.PrevCell = st.Position.Cell
		if st.PrevCell == 0 || rng.IntN(2) == 0 {
			st.Position = at(unit, modelCells[rng.IntN(len(modelCells))], rng.IntN(1e6))
		}
		for range rng.IntN(3) {
			st.Track = append(st.Track, fleet.Segment{Day: fleet.Day(rng.IntN(4)), Data: fmt.Appendf(nil, "[%d]", rng.IntN(1000))})
		}
		for range rng.IntN(3) {
			id := fmt.Sprintf("%s/%d", unit, rng.IntN(5))
			st.Events = append(st.Events, event(id, 1+uint32(rng.IntN(4)), noon.Add(time.Duration(rng.IntN(1e6))*time.Millisecond)))
		}
		fence := modelFences[rng.IntN(len(modelFences))]
		switch {
		case rng.IntN(3) > 0:
		case m.inside[fence][unit]:
			st.Closed = []string{fence}
		default:
			st.Opened = []string{fence}
		}
		steps = append(steps, st)
	}
	return steps
}

// apply does a step as the contract says, and tells whether it was stored.
func (m *model) apply(st fleet.Step) bool {
	u := st.Unit
	if m.records[u].Version != st.Expect {
		return false
	}
	m.records[u] = fleet.Record{Version: st.Expect + 1, State: st.State}
	m.places[u] = st.Position
	for _, seg := range st.Track {
		if m.tracks[u] == nil {
			m.tracks[u] = map[fleet.Day]string{}
		}
		m.tracks[u][seg.Day] += string(seg.Data)
	}
	for _, e := range st.Events {
		if m.events[u] == nil {
			m.events[u] = map[string]fleet.EventRecord{}
		}
		if old, ok := m.events[u][e.ID]; !ok || old.Revision < e.Revision {
			m.events[u][e.ID] = e
		}
		key := fmt.Sprint(e.ID, "/", e.Revision)
		if _, ok := m.logged[key]; !ok {
			m.logged[key] = len(m.logged)
		}
	}
	for _, f := range st.Closed {
		delete(m.inside[f], u)
	}
	for _, f := range st.Opened {
		if m.inside[f] == nil {
			m.inside[f] = map[fleet.UnitID]bool{}
		}
		m.inside[f][u] = true
	}
	return true
}

func (m *model) compare(t *testing.T, s fleet.Store) {
	t.Helper()
	for u, r := range m.records {
		if got := load(t, s, u); got.Version != r.Version || string(got.State) != string(r.State) {
			t.Errorf("record of %s = %+v, want %+v", u, got, r)
		}
		days, err := s.Days(t.Context(), u)
		if err != nil || !slices.Equal(days, slices.Sorted(maps.Keys(m.tracks[u]))) {
			t.Errorf("days of %s = %v, %v, want those of %v", u, days, err, m.tracks[u])
		}
		for d, want := range m.tracks[u] {
			if got, err := s.Track(t.Context(), u, d); err != nil || string(got) != want {
				t.Errorf("track of %s on %d = %q, %v, want %q", u, d, got, err, want)
			}
		}
		want := slices.SortedFunc(maps.Values(m.events[u]), func(a, b fleet.EventRecord) int {
			return cmp.Or(a.FixTime.Compare(b.FixTime), cmp.Compare(a.ID, b.ID))
		})
		if got, err := s.UnitEvents(t.Context(), u, time.Time{}); err != nil || !sameEvents(got, want) {
			t.Errorf("events of %s\n got %v, %v\nwant %v", u, got, err, want)
		}
	}
	m.compareIndexes(t, s)
	m.compareLog(t, s)
}

func (m *model) compareIndexes(t *testing.T, s fleet.Store) {
	t.Helper()
	occupied := map[cell.ID]bool{}
	for _, c := range modelCells {
		var want []fleet.Position
		for _, u := range slices.Sorted(maps.Keys(m.places)) {
			if m.places[u].Cell == c {
				want = append(want, m.places[u])
				occupied[c] = true
			}
		}
		wantIn(t, s, []cell.ID{c}, want...)
	}
	wantOccupied(t, s, nil, slices.Collect(maps.Keys(occupied))...)
	for _, f := range modelFences {
		wantUnits(t, s, f, slices.Sorted(maps.Keys(m.inside[f]))...)
	}
}

// compareLog checks that the log has what was logged, once, and each unit's in its order. (Two units of one Commit may stand
// either way.)
func (m *model) compareLog(t *testing.T, s fleet.Store) {
	t.Helper()
	log := logOf(t, s)
	if len(log) != len(m.logged) {
		t.Errorf("log has %d entries, want %d", len(log), len(m.logged))
	}
	before := map[string]int{} // by unit
	for _, e := range log {
		place, ok := m.logged[fmt.Sprint(e.ID, "/", e.Revision)]
		if !ok {
			t.Errorf("log has %s revision %d, which was never stored", e.ID, e.Revision)
		}
		unit := e.ID[:len(unitNo(0))]
		if last, ok := before[unit]; ok && last >= place {
			t.Errorf("entry %d (%s revision %d) stands behind a later one of its unit", e.Cursor, e.ID, e.Revision)
		}
		before[unit] = place
	}
}
