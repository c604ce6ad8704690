package fleet_test

import (
	"context"
	"fmt"
	"time"

	"dipper/fleet"
)

// mishap is what befalls one call of the store.
type mishap int

const (
	nothing    mishap = iota
	unreached         // the call does not reach the store
	answerLost        // it does, and the caller does not learn it
	conflict          // another node committed, or so it seems
	killed            // the node dies before the call reaches the store
	killedAt          // the node dies with the answer on its way
	overtaken         // the other node does something first
	abandoned         // the caller goes away, and a commit reaches the store later than what comes next
	mishapKinds
)

var (
	errLost = fmt.Errorf("%w: the answer was lost", fleet.ErrUnavailable)
	errDead = fmt.Errorf("%w: the node is dead", fleet.ErrUnavailable)
)

// door is one node's way to the store. While the node acts, each call takes the next mishap of the run's plan. The node learns of
// fences that others changed when the run lets it, so that a run depends on nothing but its plan.
type door struct {
	*modelStore
	run  *nodesRun
	node int
	dead bool // nothing of the node reaches the store any more

	asks chan uint64 // the node waits for news of fences, and knows them as of this version
	news chan bool   // the answer: there are some
}

func newDoor(r *nodesRun, node int) *door {
	return &door{modelStore: r.store, run: r, node: node, asks: make(chan uint64), news: make(chan bool)}
}

// reach makes a call, with what befalls it.
func (d *door) reach(call func() error) error {
	what := d.run.next(d)
	switch {
	case d.dead:
		return errDead
	case what == unreached:
		return errLost
	case what == answerLost:
		_ = call() // nobody learns it
		return errLost
	case what == killed:
		d.dead = true
		return errDead
	case what == killedAt:
		_ = call() // nobody learns it
		d.dead = true
		return errDead
	case what == overtaken:
		d.run.overtake(d)
	case what == abandoned:
		d.run.leave()
		return context.Canceled
	}
	return call()
}

func (d *door) Commit(ctx context.Context, steps []fleet.Step) []error {
	errs := make([]error, len(steps))
	for i := range steps {
		errs[i] = d.commit(ctx, steps[i])
	}
	return errs
}

func (d *door) commit(ctx context.Context, step fleet.Step) error {
	call := func() error { return d.modelStore.Commit(ctx, []fleet.Step{step})[0] }
	switch d.run.peek(d) {
	case conflict:
		d.run.next(d)
		return fleet.ErrConflict
	case abandoned:
		d.run.next(d)
		return d.run.park(call)
	}
	return d.reach(call)
}

func (d *door) Load(ctx context.Context, unit fleet.UnitID) (r fleet.Record, err error) {
	err = d.reach(func() (err error) { r, err = d.modelStore.Load(ctx, unit); return err })
	return r, err
}

func (d *door) Track(ctx context.Context, unit fleet.UnitID, day fleet.Day) (data []byte, err error) {
	err = d.reach(func() (err error) { data, err = d.modelStore.Track(ctx, unit, day); return err })
	return data, err
}

func (d *door) Days(ctx context.Context, unit fleet.UnitID) (days []fleet.Day, err error) {
	err = d.reach(func() (err error) { days, err = d.modelStore.Days(ctx, unit); return err })
	return days, err
}

// UnitEvents is asked for when late fixes are decided.
func (d *door) UnitEvents(ctx context.Context, unit fleet.UnitID, from time.Time) (events []fleet.EventRecord, err error) {
	err = d.reach(func() (err error) { events, err = d.modelStore.UnitEvents(ctx, unit, from); return err })
	return events, err
}

func (d *door) Document(ctx context.Context, kind, id string) (doc fleet.Document, err error) {
	err = d.reach(func() (err error) { doc, err = d.modelStore.Document(ctx, kind, id); return err })
	return doc, err
}

func (d *door) Documents(ctx context.Context, kind string) (docs []fleet.Document, err error) {
	err = d.reach(func() (err error) { docs, err = d.modelStore.Documents(ctx, kind); return err })
	return docs, err
}

func (d *door) DocumentsVersion(ctx context.Context, kind string) (version uint64, err error) {
	err = d.reach(func() (err error) { version, err = d.modelStore.DocumentsVersion(ctx, kind); return err })
	return version, err
}

func (d *door) PutDocument(ctx context.Context, kind, id string, data []byte, expect uint64) (revision uint64, err error) {
	err = d.reach(func() (err error) {
		revision, err = d.modelStore.PutDocument(ctx, kind, id, data, expect)
		return err
	})
	return revision, err
}

// WaitDocuments waits until learn lets the node know.
func (d *door) WaitDocuments(ctx context.Context, _ string, since uint64) error {
	for {
		select {
		case d.asks <- since:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case some := <-d.news:
			if some {
				return nil
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// learn lets the node take over what others changed of the fences, and returns when it has.
func (d *door) learn() {
	for {
		since := <-d.asks
		d.modelStore.mu.Lock()
		some := since != d.modelStore.versions[fleet.DocFence]
		d.modelStore.mu.Unlock()
		d.news <- some
		if !some {
			return
		}
	}
}
