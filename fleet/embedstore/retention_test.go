package embedstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"dipper/fleet"
)

func TestRetention(t *testing.T) {
	const day = 24 * time.Hour
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	dir := t.TempDir()
	s := open(t, Config{Dir: dir, TrackRetention: 10 * day, EventCap: 5, Now: func() time.Time { return now }})
	today := fleet.DayOf(now)
	var version uint64
	commit := func(st fleet.Step) {
		t.Helper()
		st.Unit, st.Expect = "u", version
		if err := s.Commit(t.Context(), []fleet.Step{st})[0]; err != nil {
			t.Fatal(err)
		}
		version++
	}
	segment := func(d fleet.Day) fleet.Segment { return fleet.Segment{Day: d, Data: []byte("x")} }
	commit(fleet.Step{Track: []fleet.Segment{segment(today), segment(today - 10), segment(today - 11), segment(-5)}})
	commit(fleet.Step{Events: []fleet.EventRecord{
		{ID: "old", Revision: 1, FixTime: now.Add(-11 * day)}, {ID: "older", Revision: 2, FixTime: now.Add(-999 * day)},
		{ID: "at the edge", Revision: 1, FixTime: now.Add(-10 * day)}}})
	for i := range 8 {
		commit(fleet.Step{Events: []fleet.EventRecord{{ID: fmt.Sprint("e", i), Revision: 1, FixTime: now}}})
	}
	if err := s.upkeep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if days, err := s.Days(t.Context(), "u"); err != nil || !slices.Equal(days, []fleet.Day{today - 10, today}) {
		t.Errorf("Days = %v, %v, want %d and %d", days, err, today-10, today)
	}
	if es, err := s.UnitEvents(t.Context(), "u", time.Time{}); err != nil || len(es) != 9 || es[0].ID != "at the edge" {
		t.Errorf("UnitEvents = %v, %v, want nine, without the old ones", es, err)
	}
	wantLog := func() {
		t.Helper()
		log, err := s.Events(t.Context(), 0, 100)
		if err != nil || len(log) != 5 || log[0].Cursor != 7 || log[4].Cursor != 11 {
			t.Errorf("log = %v, %v, want entries 7 to 11", log, err)
		}
		if _, err := s.EventCursor(t.Context(), "e0"); !errors.Is(err, fleet.ErrNotFound) {
			t.Errorf("EventCursor of a removed entry = %v, want ErrNotFound", err)
		}
		if c, err := s.EventCursor(t.Context(), "e3"); err != nil || c != 7 {
			t.Errorf("EventCursor(e3) = %d, %v, want 7", c, err)
		}
	}
	wantLog()
	commit(fleet.Step{Events: []fleet.EventRecord{{ID: "e7", Revision: 1, FixTime: now}}})
	wantLog()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, Config{Dir: dir, EventCap: 5})
	wantLog()
}

func TestLongLogIsTrimmedInParts(t *testing.T) {
	s := open(t, Config{EventCap: 1})
	var events []fleet.EventRecord
	const n = 2*upkeepBatch + 7
	for i := range n {
		events = append(events, fleet.EventRecord{ID: fmt.Sprint(i), Revision: 1})
	}
	if err := s.Commit(t.Context(), []fleet.Step{{Unit: "u", Events: events}})[0]; err != nil {
		t.Fatal(err)
	}
	if err := s.upkeep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if log, err := s.Events(t.Context(), 0, n); err != nil || len(log) != 1 || log[0].Cursor != n {
		t.Errorf("log = %d entries, %v, want the last one", len(log), err)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	s := open(t, Config{TrackRetention: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run = %v", err)
	}
}

func TestClosedStoreSaysSo(t *testing.T) {
	s := open(t, Config{})
	waiting := make(chan error, 1)
	go func() { waiting <- s.WaitEvents(t.Context(), 0) }()
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if err := <-waiting; !errors.Is(err, fleet.ErrUnavailable) {
		t.Errorf("WaitEvents on a closed store = %v", err)
	}
	_, err := s.Load(t.Context(), "u")
	for name, err := range map[string]error{
		"Load": err, "Commit": s.Commit(t.Context(), []fleet.Step{{Unit: "u"}})[0], "Ready": s.Ready(t.Context()),
	} {
		if !errors.Is(err, fleet.ErrUnavailable) {
			t.Errorf("%s on a closed store = %v, want ErrUnavailable", name, err)
		}
	}
}
