package redisstore

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"dipper/fleet"
	"dipper/fleet/storetest"
	"dipper/fleet/storetest/redistest"
)

// A store that waits for a replica is as good as one that does not.
func TestConformanceWithReplica(t *testing.T) {
	master := redistest.Start(t, redistest.Options{NoAOF: true})
	redistest.StartReplica(t, master, redistest.Options{NoAOF: true})
	cfg := Config{URL: master.URL, WaitReplicas: 1, WaitTimeout: LongestWait}
	storetest.Run(t, storetest.Subject{
		New:   func(t *testing.T) fleet.Store { return empty(t, cfg) },
		Again: func(t *testing.T, _ fleet.Store) fleet.Store { return open(t, cfg) },
	})
}

// A commit that no replica has is not acknowledged, is not told to a unit, and is once a replica has it.
func TestCommitsWaitForReplicas(t *testing.T) {
	master := redistest.Start(t, redistest.Options{NoAOF: true})
	replica := redistest.StartReplica(t, master, redistest.Options{NoAOF: true})
	s := empty(t, Config{URL: master.URL, WaitReplicas: 1, WaitTimeout: LongestWait})
	hasty := open(t, Config{URL: master.URL, WaitReplicas: 1, WaitTimeout: 20 * time.Millisecond})
	until(t, "ready", func() bool { return s.Ready(t.Context()) == nil })
	if text, err := s.Durability(t.Context()); err != nil || !strings.HasSuffix(text, "; commits wait for 1 replicas") {
		t.Errorf("Durability = %q, %v", text, err)
	}
	step := func(version uint64) fleet.Step {
		return fleet.Step{Unit: "u", Expect: version, State: []byte("s"), Position: position("u", qingdao), Events: []fleet.EventRecord{event("e")}}
	}
	if err := s.Commit(t.Context(), []fleet.Step{step(0)})[0]; err != nil {
		t.Fatal(err)
	}
	there := redis.NewClient(&redis.Options{Addr: replica.Addr})
	defer there.Close()
	if n := there.Exists(t.Context(), recordKey("u"), logStream).Val(); n != 2 {
		t.Errorf("the replica has %d of record and log", n)
	}

	if err := replica.Promote(); err != nil {
		t.Fatal(err)
	}
	err := hasty.Commit(t.Context(), []fleet.Step{step(1)})[0]
	if !errors.Is(err, fleet.ErrUnavailable) || !errors.Is(err, errReplicas) {
		t.Fatalf("Commit without a replica = %v, want unavailable: too few replicas", err)
	}
	if r, err := s.Load(t.Context(), "u"); err != nil || r.Version != 2 {
		t.Errorf("Load = version %d, %v: the master has it", r.Version, err)
	}
	if _, err := hasty.LoadSettled(t.Context(), "u"); !errors.Is(err, fleet.ErrUnavailable) {
		t.Errorf("LoadSettled without a replica = %v", err)
	}
	if _, err := hasty.PutDocument(t.Context(), "fence", "f", nil, 0); !errors.Is(err, fleet.ErrUnavailable) {
		t.Errorf("PutDocument without a replica = %v", err)
	}
	if err := s.Ready(t.Context()); !errors.Is(err, fleet.ErrUnavailable) {
		t.Errorf("Ready without a replica = %v", err)
	}

	if err := replica.Follow(master); err != nil {
		t.Fatal(err)
	}
	until(t, "the record is settled", func() bool {
		r, err := s.LoadSettled(t.Context(), "u")
		return err == nil && r.Version == 2
	})
	if err := s.Commit(t.Context(), []fleet.Step{step(2)})[0]; err != nil {
		t.Errorf("Commit with the replica back = %v", err)
	}
}

// What a resent pipeline finds done was maybe never replicated: the wait must count it all the same.
func TestWaitingCoversWhatWasStoredBefore(t *testing.T) {
	master := redistest.Start(t, redistest.Options{NoAOF: true})
	s := empty(t, Config{URL: master.URL, WaitReplicas: 1, WaitTimeout: 50 * time.Millisecond})
	steps := []fleet.Step{{Unit: "u", State: []byte("s")}}
	errs := make([]error, 1)
	groups := s.groups(steps, errs)
	for range 2 { // the second time the script writes nothing, on a connection that wrote nothing
		s.runSettled(t.Context(), []*call{&groups[0].call})
		if err := groups[0].cmd.Err(); !errors.Is(err, errReplicas) {
			t.Fatalf("a step without a replica: %v, want too few replicas", err)
		}
	}
}

// In a Cluster each master waits for its own replicas.
func TestClusterWaitsForReplicas(t *testing.T) {
	cl := redistest.StartCluster(t, redistest.Options{NoAOF: true, Replicas: 1})
	s := empty(t, Config{URL: cl.URL, WaitReplicas: 1, WaitTimeout: 2 * time.Second})
	until(t, "ready", func() bool { return s.Ready(t.Context()) == nil })
	var steps []fleet.Step
	for _, u := range []fleet.UnitID{"a", "b", "c", "d", "e", "f", "g", "h"} {
		steps = append(steps, fleet.Step{Unit: u, State: []byte("s"), Position: position(u, qingdao), Events: []fleet.EventRecord{event("of " + string(u))}})
	}
	if err := errors.Join(s.Commit(t.Context(), steps)...); err != nil {
		t.Fatal(err)
	}
	for _, st := range steps {
		if r, err := s.LoadSettled(t.Context(), st.Unit); err != nil || r.Version != 1 {
			t.Errorf("LoadSettled(%s) = %+v, %v", st.Unit, r, err)
		}
	}
	none := open(t, Config{URL: cl.URL, WaitReplicas: 2, WaitTimeout: 10 * time.Millisecond})
	for i := range steps {
		steps[i].Expect = 1
	}
	for i, err := range none.Commit(t.Context(), steps) {
		if !errors.Is(err, errReplicas) {
			t.Errorf("step %d with one replica of two = %v", i, err)
		}
	}
}

// A step that was decided on a record which the store lost does not go on another one of the same version.
func TestMarksTellRecordsApart(t *testing.T) {
	s := empty(t, Config{URL: redistest.Start(t, redistest.Options{NoAOF: true}).URL})
	commit := func(st fleet.Step) error { return s.Commit(t.Context(), []fleet.Step{st})[0] }
	if err := commit(fleet.Step{Unit: "u", Mark: 7, State: []byte("lost")}); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Load(t.Context(), "u"); err != nil || r.Mark != 7 {
		t.Fatalf("Load = %+v, %v, want mark 7", r, err)
	}
	if err := s.client.Del(t.Context(), recordKey("u")).Err(); err != nil {
		t.Fatal(err)
	}
	if err := commit(fleet.Step{Unit: "u", Mark: 8, State: []byte("made anew")}); err != nil {
		t.Fatal(err)
	}
	if err := commit(fleet.Step{Unit: "u", Expect: 1, ExpectMark: 7, Mark: 9, State: []byte("decided on what was lost")}); !errors.Is(err, fleet.ErrConflict) {
		t.Errorf("a step on the lost record = %v, want a conflict", err)
	}
	if err := commit(fleet.Step{Unit: "u", Expect: 1, ExpectMark: 8, Mark: 10, State: []byte("decided on what is there")}); err != nil {
		t.Errorf("a step on the record = %v", err)
	}
	if r, err := s.Load(t.Context(), "u"); err != nil || r.Version != 2 || r.Mark != 10 {
		t.Errorf("Load = %+v, %v, want version 2, mark 10", r, err)
	}
}
