package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"dipper/fleet"
)

func testUnitEvents(t *testing.T, sub Subject) {
	s := sub.New(t)
	early, late := event("early", 1, noon.Add(-time.Hour)), event("late", 1, noon.Add(time.Hour))
	first := event("moves", 1, noon)
	sameSecond := event("same second", 1, noon.Add(time.Millisecond))
	mustCommit(t, s,
		fleet.Step{Unit: "u", Events: []fleet.EventRecord{late, first, sameSecond, early}},
		fleet.Step{Unit: "other", Events: []fleet.EventRecord{event("other's", 1, noon)}})
	want := func(from time.Time, want ...fleet.EventRecord) {
		t.Helper()
		got, err := s.UnitEvents(t.Context(), "u", from)
		if err != nil || !sameEvents(got, want) {
			t.Errorf("UnitEvents(%v)\n got %v, %v\nwant %v", from, got, err, want)
		}
	}
	want(time.Time{}, early, first, sameSecond, late)
	want(noon, first, sameSecond, late)
	want(noon.Add(1), sameSecond, late)
	want(noon.Add(2*time.Hour), []fleet.EventRecord{}...)

	moved := event("moves", 3, noon.Add(2*time.Hour))
	mustCommit(t, s, fleet.Step{Unit: "u", Expect: 1, Events: []fleet.EventRecord{moved}})
	want(time.Time{}, early, sameSecond, late, moved)
	lower, equal := event("moves", 2, noon), event("moves", 3, noon)
	mustCommit(t, s, fleet.Step{Unit: "u", Expect: 2, Events: []fleet.EventRecord{lower, equal}})
	want(time.Time{}, early, sameSecond, late, moved)
	if got, err := s.UnitEvents(t.Context(), "never", time.Time{}); err != nil || len(got) != 0 {
		t.Errorf("events of a unit that never committed = %v, %v", got, err)
	}
}

func testLog(t *testing.T, sub Subject) {
	t.Run("order and cursors", func(t *testing.T) {
		s := sub.New(t)
		if log := logOf(t, s); len(log) != 0 {
			t.Fatalf("a new log has %v", log)
		}
		mustCommit(t, s, fleet.Step{Unit: "u", Events: []fleet.EventRecord{event("a", 1, noon), event("b", 1, noon.Add(-time.Hour)), event("c", 1, noon)}})
		mustCommit(t, s, fleet.Step{Unit: "u", Expect: 1, Events: []fleet.EventRecord{event("b", 2, noon), event("d", 1, noon)}})
		log := logOf(t, s)
		want := []fleet.EventRecord{event("a", 1, noon), event("b", 1, noon.Add(-time.Hour)), event("c", 1, noon), event("b", 2, noon), event("d", 1, noon)}
		var got []fleet.EventRecord
		for _, e := range log {
			got = append(got, e.EventRecord)
		}
		if !sameEvents(got, want) {
			t.Errorf("log\n got %v\nwant %v", got, want)
		}
		if some, err := s.Events(t.Context(), 1, 2); err != nil || len(some) != 2 || some[0].Cursor != 2 || some[1].Cursor != 3 {
			t.Errorf("Events(1, 2) = %v, %v, want 2 and 3", some, err)
		}
		if none, err := s.Events(t.Context(), 5, 10); err != nil || len(none) != 0 {
			t.Errorf("Events behind the last = %v, %v", none, err)
		}
		for id, want := range map[string]fleet.Cursor{"a": 1, "b": 2, "c": 3, "d": 5} {
			if c, err := s.EventCursor(t.Context(), id); err != nil || c != want {
				t.Errorf("EventCursor(%s) = %d, %v, want %d", id, c, err, want)
			}
		}
		if c, err := s.EventCursor(t.Context(), "never"); !errors.Is(err, fleet.ErrNotFound) {
			t.Errorf("EventCursor of no event = %d, %v, want ErrNotFound", c, err)
		}
	})
	t.Run("each revision once", func(t *testing.T) {
		s := sub.New(t)
		e1, e2 := event("e", 1, noon), event("e", 2, noon)
		mustCommit(t, s, fleet.Step{Unit: "u", Events: []fleet.EventRecord{e1, e1}})
		mustCommit(t, s, fleet.Step{Unit: "u", Expect: 1, Events: []fleet.EventRecord{e1, e2, e1, e2}})
		mustCommit(t, s, fleet.Step{Unit: "u", Expect: 2, Events: []fleet.EventRecord{e2}})
		ten := event("e", 10, noon) // 1 and 10 must not be taken for each other
		mustCommit(t, s, fleet.Step{Unit: "u", Expect: 3, Events: []fleet.EventRecord{ten, ten}})
		log := logOf(t, s)
		if len(log) != 3 || !sameEvent(log[0].EventRecord, e1) || !sameEvent(log[1].EventRecord, e2) || !sameEvent(log[2].EventRecord, ten) {
			t.Errorf("log = %v, want revisions 1, 2, 10 once each", log)
		}
	})
	t.Run("a lower revision that comes later is logged", func(t *testing.T) {
		s := sub.New(t)
		mustCommit(t, s, fleet.Step{Unit: "u", Events: []fleet.EventRecord{event("e", 2, noon)}})
		mustCommit(t, s, fleet.Step{Unit: "u", Expect: 1, Events: []fleet.EventRecord{event("e", 1, noon)}})
		if log := logOf(t, s); len(log) != 2 {
			t.Errorf("log = %v, want both revisions", log)
		}
	})
	t.Run("once under concurrency", func(t *testing.T) { testLogConcurrently(t, sub) })
}

// testLogConcurrently commits the same events from many units at once, as nodes do that decide the same late data.
func testLogConcurrently(t *testing.T, sub Subject) {
	const units, rounds, ids = 8, 10, 12
	handles := twoHandles(t, sub)
	var wg sync.WaitGroup
	for u := range units {
		wg.Go(func() {
			s := handles[u%2]
			for v := range rounds {
				st := fleet.Step{Unit: unitNo(u), Expect: uint64(v)}
				for i := range ids {
					st.Events = append(st.Events, event(fmt.Sprint("id-", (i+u)%ids), uint32(1+v%3), noon))
				}
				if err := s.Commit(t.Context(), []fleet.Step{st})[0]; err != nil {
					t.Errorf("commit: %v", err)
				}
			}
		})
	}
	wg.Wait()
	type key struct {
		id       string
		revision uint32
	}
	times := map[key]int{}
	for _, e := range logOf(t, handles[0]) {
		times[key{e.ID, e.Revision}]++
	}
	if len(times) != ids*3 {
		t.Errorf("log has %d different revisions, want %d", len(times), ids*3)
	}
	for k, n := range times {
		if n != 1 {
			t.Errorf("%v was logged %d times", k, n)
		}
	}
}

// twoHandles gives two handles on one new store; twice the same where a store has only one.
func twoHandles(t *testing.T, sub Subject) [2]fleet.Store {
	s := sub.New(t)
	if sub.Again == nil {
		return [2]fleet.Store{s, s}
	}
	return [2]fleet.Store{s, sub.Again(t, s)}
}
