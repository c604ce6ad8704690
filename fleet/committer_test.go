package fleet

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"
)

// gateStore commits when it is let, and says how many steps came together.
type gateStore struct {
	Store
	entered chan int
	let     chan error
}

func (s *gateStore) Commit(_ context.Context, steps []Step) []error {
	s.entered <- len(steps)
	err := <-s.let
	errs := make([]error, len(steps))
	for i := range errs {
		errs[i] = err
	}
	return errs
}

func startCommitter(t *testing.T, l Limits) (*committer, *gateStore, *counters, func()) {
	t.Helper()
	l.setDefaults()
	store := &gateStore{entered: make(chan int), let: make(chan error)}
	stats := &counters{}
	c := newCommitter(store, l, stats)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.run(ctx) }()
	return c, store, stats, func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("run: %v", err)
		}
	}
}

// until waits for a condition that other goroutines are about to make true.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func TestCommitsGatherWhatWaits(t *testing.T) {
	const group = 20
	c, store, stats, stop := startCommitter(t, Limits{Committers: 1, CommitGroup: group})
	var waiting sync.WaitGroup
	send := func(i int) {
		waiting.Go(func() {
			if err := c.commit(t.Context(), Step{Unit: UnitID(fmt.Sprint(i))}); err != nil {
				t.Error(err)
			}
		})
	}
	send(0)
	if n := <-store.entered; n != 1 { // the store is busy with the first
		t.Errorf("%d steps in the first commit", n)
	}
	for i := 1; i < 1+group+5; i++ {
		send(i)
	}
	until(t, "all others wait", func() bool { return len(c.queue) == group+5 })
	store.let <- nil
	for _, want := range []int{group, 5} {
		if n := <-store.entered; n != want {
			t.Errorf("%d steps in a commit, want %d", n, want)
		}
		store.let <- nil
	}
	waiting.Wait()
	stop()
	if steps, commits := stats.steps.Load(), stats.commits.Load(); steps != group+6 || commits != 3 {
		t.Errorf("%d steps in %d commits", steps, commits)
	}
}

func TestCommitWaitsWhenTheQueueIsFull(t *testing.T) {
	c, store, _, stop := startCommitter(t, Limits{Committers: 1, CommitGroup: 1})
	var waiting sync.WaitGroup
	send := func() { waiting.Go(func() { _ = c.commit(t.Context(), Step{}) }) }
	send()
	<-store.entered
	for range cap(c.queue) {
		send()
	}
	until(t, "the queue is full", func() bool { return len(c.queue) == cap(c.queue) })
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() { gone <- c.commit(ctx, Step{}) }()
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("commit on a full queue: %v", err)
	}
	close(store.let)
	for range cap(c.queue) {
		<-store.entered
	}
	waiting.Wait()
	stop()
}

// When the service stops, the commit under way is finished, and who still waits is told.
func TestCommitterStops(t *testing.T) {
	c, store, _, stop := startCommitter(t, Limits{Committers: 1, CommitGroup: 1})
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { first <- c.commit(t.Context(), Step{}) }()
	<-store.entered
	go func() { second <- c.commit(t.Context(), Step{}) }()
	until(t, "the second waits", func() bool { return len(c.queue) == 1 })
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	// The lane may take the second before it sees that it is over; then that commit is finished too.
	store.let <- nil
	if err := <-first; err != nil {
		t.Errorf("the commit under way: %v", err)
	}
	for over := false; !over; {
		select {
		case <-store.entered:
			store.let <- nil
		case <-stopped:
			over = true
		}
	}
	if err := <-second; err != nil && !errors.Is(err, ErrUnavailable) {
		t.Errorf("the one that waited: %v", err)
	}
	if err := c.commit(t.Context(), Step{}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a commit after the end: %v", err)
	}
}
