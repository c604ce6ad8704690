package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"dipper/fleet"
)

func testWait(t *testing.T, sub Subject) {
	t.Run("events", func(t *testing.T) {
		handles := twoHandles(t, sub)
		writer, reader := handles[0], handles[1]
		for n := range 3 {
			woken := start(t, 3, func(ctx context.Context) error { return reader.WaitEvents(ctx, fleet.Cursor(n)) })
			mustCommit(t, writer, fleet.Step{Unit: "u", Expect: uint64(n), Events: []fleet.EventRecord{event(string(rune('a'+n)), 1, noon)}})
			woken()
		}
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		defer cancel()
		if err := reader.WaitEvents(ctx, 1); err != nil {
			t.Errorf("WaitEvents for an entry that is there = %v", err)
		}
		wantEnds(t, func(ctx context.Context) error { return reader.WaitEvents(ctx, 3) })
	})
	t.Run("documents", func(t *testing.T) {
		handles := twoHandles(t, sub)
		writer, reader := handles[0], handles[1]
		version := func() uint64 {
			t.Helper()
			v, err := reader.DocumentsVersion(t.Context(), fleet.DocFence)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		for n, change := range []func(context.Context) error{
			func(ctx context.Context) error { return put(ctx, writer, fleet.DocFence, "f", "1", 0) },
			func(ctx context.Context) error { return put(ctx, writer, fleet.DocFence, "f", "2", 1) },
			func(ctx context.Context) error { return writer.DeleteDocument(ctx, fleet.DocFence, "f") },
		} {
			since := version()
			woken := start(t, 2, func(ctx context.Context) error { return reader.WaitDocuments(ctx, fleet.DocFence, since) })
			if err := change(t.Context()); err != nil {
				t.Fatalf("change %d: %v", n, err)
			}
			woken()
			if v := version(); v <= since {
				t.Errorf("version %d after %d and a change", v, since)
			}
		}
		since := version()
		if err := put(t.Context(), writer, fleet.DocToken, "t", "other kind", 0); err != nil {
			t.Fatal(err)
		}
		if v := version(); v != since {
			t.Errorf("a change of another kind moved the version from %d to %d", since, v)
		}
		wantEnds(t, func(ctx context.Context) error { return reader.WaitDocuments(ctx, fleet.DocFence, since) })
	})
}

// start runs n waits and gives a function that fails unless all of them end well.
func start(t *testing.T, n int, wait func(context.Context) error) (woken func()) {
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	results := make(chan error, n)
	for range n {
		go func() { results <- wait(ctx) }() // ends at the deadline at the latest, and is waited for in woken
	}
	return func() {
		t.Helper()
		defer cancel()
		for range n {
			if err := <-results; err != nil {
				t.Errorf("wait = %v, want nil after the change", err)
			}
		}
	}
}

// wantEnds checks that a wait for what never comes returns its context's error.
func wantEnds(t *testing.T, wait func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("wait for what never comes = %v, want the context's error", err)
	}
}

func put(ctx context.Context, s fleet.Store, kind, id, data string, expect uint64) error {
	_, err := s.PutDocument(ctx, kind, id, []byte(data), expect)
	return err
}
