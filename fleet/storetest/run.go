package storetest

import (
	"context"
	"testing"
	"time"

	"dipper/fleet"
)

// Subject is a kind of store.
type Subject struct {
	// New opens a store with nothing in it, which the test's cleanup closes.
	New func(t *testing.T) fleet.Store
	// Again opens a second handle on the same data, as another node of the service would; the test's cleanup closes it.
	// Nil for a store that one process has for itself.
	Again func(t *testing.T, s fleet.Store) fleet.Store
}

// Run tests a kind of store.
func Run(t *testing.T, s Subject) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Subject)
	}{
		{"Vehicle", testVehicle},
		{"Commit", testCommit},
		{"Track", testTrack},
		{"Cells", testCells},
		{"Inside", testInside},
		{"UnitEvents", testUnitEvents},
		{"Log", testLog},
		{"Wait", testWait},
		{"Documents", testDocuments},
		{"Restore", testRestore},
		{"Concurrency", testConcurrency},
		{"Context", testContext},
		{"Model", testModel},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, s) })
	}
}

// deadline bounds every wait of the suite: far longer than any of them takes.
const deadline = 30 * time.Second

func testContext(t *testing.T, sub Subject) {
	s := sub.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range map[string]func() error{
		"Load":          func() error { _, err := s.Load(ctx, "u"); return err },
		"EachRecord":    func() error { return s.EachRecord(ctx, func(fleet.UnitID, fleet.Record) error { return nil }) },
		"Track":         func() error { _, err := s.Track(ctx, "u", 1); return err },
		"Days":          func() error { _, err := s.Days(ctx, "u"); return err },
		"OccupiedCells": func() error { _, err := s.OccupiedCells(ctx, nil); return err },
		"Inside":        func() error { _, err := s.Inside(ctx, "f"); return err },
		"UnitEvents":    func() error { _, err := s.UnitEvents(ctx, "u", time.Time{}); return err },
		"Events":        func() error { _, err := s.Events(ctx, 0, 1); return err },
		"WaitEvents":    func() error { return s.WaitEvents(ctx, 0) },
		"WaitDocuments": func() error { return s.WaitDocuments(ctx, fleet.DocFence, 0) },
		"PutDocument":   func() error { _, err := s.PutDocument(ctx, fleet.DocFence, "a", nil, 0); return err },
		"Commit":        func() error { return s.Commit(ctx, []fleet.Step{{Unit: "u", State: []byte("s")}})[0] },
	} {
		if err := call(); err == nil {
			t.Errorf("%s with a context that ended = nil, want an error", name)
		}
	}
	if r := load(t, s, "u"); r.Version != 0 {
		t.Errorf("a commit with a context that ended was stored")
	}
	if err := s.Ready(t.Context()); err != nil {
		t.Errorf("Ready() = %v", err)
	}
	if text, err := s.Durability(t.Context()); err != nil || text == "" {
		t.Errorf("Durability() = %q, %v", text, err)
	}
}
