package storetest

import (
	"errors"
	"testing"
	"time"

	"dipper/fleet"
)

// testRestore puts things back under numbers of their own, as an import does, and then goes on with ordinary commits.
func testRestore(t *testing.T, sub Subject) {
	s := sub.New(t)
	r, ok := s.(fleet.Restorer)
	if !ok {
		t.Fatalf("%T cannot be restored into", s)
	}
	ctx := t.Context()
	docs := []fleet.Document{{ID: "a", Revision: 12, Data: []byte("1:x")}, {ID: "泊位", Revision: 1}}
	before, err := s.DocumentsVersion(ctx, fleet.DocFence)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.RestoreDocuments(ctx, fleet.DocFence, docs); err != nil {
		t.Fatal(err)
	}
	got, err := s.Documents(ctx, fleet.DocFence)
	if err != nil || len(got) != 2 || got[0].Revision != 12 || string(got[0].Data) != "1:x" || got[1].ID != "泊位" {
		t.Errorf("documents %+v, %v", got, err)
	}
	if v, err := s.DocumentsVersion(ctx, fleet.DocFence); err != nil || v <= before {
		t.Errorf("documents' version %d, %v, was %d", v, err, before)
	}
	if rev, err := s.PutDocument(ctx, fleet.DocFence, "a", nil, 12); err != nil || rev != 13 {
		t.Errorf("the next revision is %d, %v", rev, err)
	}

	one, two := event("one", 1, noon), event("two", 1, noon.Add(time.Second))
	oneAgain := event("one", 2, noon)
	if err := r.RestoreUnitEvents(ctx, "u", []fleet.EventRecord{oneAgain, two}); err != nil {
		t.Fatal(err)
	}
	for _, part := range [][]fleet.LogEntry{{entry(41, one), entry(42, two)}, nil, {entry(43, oneAgain)}} { // the log was cut before 41
		if err := r.RestoreLog(ctx, part); err != nil {
			t.Fatal(err)
		}
	}
	if c, err := s.EventCursor(ctx, "one"); err != nil || c != 41 {
		t.Errorf("first entry of the event at %d, %v", c, err)
	}
	// What is committed again is in the log already; what is new stands behind.
	mustCommit(t, s, fleet.Step{Unit: "u", State: []byte("s"), Events: []fleet.EventRecord{one, oneAgain, two, event("one", 3, noon)}})
	log, err := s.Events(ctx, 0, 10)
	if err != nil || len(log) != 4 {
		t.Fatalf("log %v, %v", log, err)
	}
	for i, want := range []fleet.EventRecord{one, two, oneAgain, event("one", 3, noon)} {
		if log[i].Cursor != fleet.Cursor(41+i) || !sameEvent(log[i].EventRecord, want) {
			t.Errorf("entry %d is %+v, want %+v", 41+i, log[i], want)
		}
	}
	events, err := s.UnitEvents(ctx, "u", time.Time{})
	if err != nil || !sameEvents(events, []fleet.EventRecord{event("one", 3, noon), two}) {
		t.Errorf("the unit's events %v, %v", events, err)
	}
	if _, err := s.EventCursor(ctx, "three"); !errors.Is(err, fleet.ErrNotFound) {
		t.Errorf("an event that never was: %v", err)
	}
}

func entry(c fleet.Cursor, e fleet.EventRecord) fleet.LogEntry {
	return fleet.LogEntry{Cursor: c, EventRecord: e}
}
