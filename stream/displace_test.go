package stream

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"dipper/fleet"
)

// arrive is a connection as it stands after its Hello, without a socket.
func arrive(t *testing.T, u *Uplink, work context.Context, order uint64) *agent {
	t.Helper()
	a := newAgent(u, "truck-7", "test")
	a.work, a.order = work, order
	return a
}

// Welcome says what the store has: so a newer connection waits for what the older one has under way.
func TestNewerConnectionWaitsForTheBatchUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &Uplink{units: map[fleet.UnitID]*agent{}}
		older, newer := arrive(t, u, t.Context(), 1), arrive(t, u, t.Context(), 2)
		if err := older.displace(); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- newer.displace() }()
		synctest.Wait()
		if !errors.Is(older.ending(), ErrDisplaced) {
			t.Errorf("the older connection goes on: %v", older.ending())
		}
		select {
		case err := <-done:
			t.Fatalf("the newer connection did not wait (%v)", err)
		default:
		}
		close(older.idle) // as finish does after the last batch
		if err := <-done; err != nil {
			t.Errorf("the newer connection is not taken: %v", err)
		}
	})
}

// A Hello that took long must not send away the connection that the agent has made since.
func TestOlderConnectionDoesNotDisplaceANewerOne(t *testing.T) {
	u := &Uplink{units: map[fleet.UnitID]*agent{}}
	older, newer := arrive(t, u, t.Context(), 1), arrive(t, u, t.Context(), 2)
	if err := newer.displace(); err != nil {
		t.Fatal(err)
	}
	if err := older.displace(); !errors.Is(err, ErrDisplaced) {
		t.Errorf("the older connection is taken: %v", err)
	}
	if newer.ending() != nil || u.units["truck-7"] != newer {
		t.Errorf("the newer connection does not count any more: %v", newer.ending())
	}
}

// A service that stops does not wait for a connection that waits for another.
func TestWaitingConnectionEndsWithTheService(t *testing.T) {
	u := &Uplink{units: map[fleet.UnitID]*agent{}}
	work, cancel := context.WithCancel(t.Context())
	older, newer := arrive(t, u, work, 1), arrive(t, u, work, 2)
	if err := older.displace(); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := newer.displace(); !errors.Is(err, ErrGoingAway) {
		t.Errorf("the waiting connection: %v", err)
	}
}
