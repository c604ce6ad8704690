package redisstore

import (
	"context"
	"errors"
	"testing"

	"dipper/fleet"
	"dipper/fleet/storetest/redistest"
)

// A master that was started again, and a replica in its place, are told to whoever waits.
func TestLossesAreNoticed(t *testing.T) {
	master := redistest.Start(t, redistest.Options{Fsync: "everysec"})
	replica := redistest.StartReplica(t, master, redistest.Options{Fsync: "everysec"})
	gate := redistest.StartGate(t, master)
	s := open(t, Config{URL: gate.URL})
	defer runUpkeep(t, s)()
	waiting, cancel := context.WithTimeout(t.Context(), 3*lookEvery)
	defer cancel()
	if n, err := s.WaitLoss(waiting, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("WaitLoss while nothing happens = %d, %v", n, err)
	}
	if err := master.Restart(); err != nil {
		t.Fatal(err)
	}
	seen, err := s.WaitLoss(t.Context(), 0)
	if err != nil {
		t.Fatalf("WaitLoss after a restart: %v", err)
	}
	if err := replica.Promote(); err != nil {
		t.Fatal(err)
	}
	gate.Lead(replica)
	if n, err := s.WaitLoss(t.Context(), seen); err != nil || n <= seen {
		t.Errorf("WaitLoss after a failover = %d, %v", n, err)
	}
}

// Entries that get the numbers of lost ones have other marks, and who waits behind the end of a log that became shorter is woken.
func TestLogThatWentBack(t *testing.T) {
	s := empty(t, Config{URL: redistest.Start(t, redistest.Options{NoAOF: true}).URL})
	log := func(version uint64, id string) {
		t.Helper()
		st := fleet.Step{Unit: fleet.UnitID("u" + id), Expect: version, Events: []fleet.EventRecord{event(id)}}
		if err := s.Commit(t.Context(), []fleet.Step{st})[0]; err != nil {
			t.Fatal(err)
		}
	}
	log(0, "first")
	log(0, "second")
	before, err := s.Events(t.Context(), 0, 10)
	if err != nil || len(before) != 2 {
		t.Fatalf("log = %v, %v", before, err)
	}
	woken := make(chan error, 1)
	go func() { woken <- s.WaitEvents(t.Context(), 2) }()
	until(t, "somebody waits", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		tail := s.tails[logStream]
		return tail != nil && tail.running
	})
	for _, key := range []string{logStream, logIDs} {
		if err := s.client.Del(t.Context(), key).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-woken; err != nil {
		t.Errorf("WaitEvents on a log that became shorter = %v", err)
	}
	log(1, "first")
	log(1, "second")
	after, err := s.Events(t.Context(), 0, 10)
	if err != nil || len(after) != 2 || after[1].Cursor != before[1].Cursor || after[1].Mark == before[1].Mark {
		t.Errorf("log = %v, %v, want the numbers of %v with other marks", after, err, before)
	}
}
