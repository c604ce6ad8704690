package fleet

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// committer gathers the steps of many units into few commits: whatever waits when the store is free goes in one.
type committer struct {
	store   Store
	group   int
	lanes   int
	timeout time.Duration
	stats   *counters

	// queue holds steps that wait: one per caller, who waits with it, at most four commits' worth; when it is full callers wait
	// to get in. Nobody closes it.
	queue chan *pendingStep
	done  chan struct{} // closed when run has ended
	spare sync.Pool     // *pendingStep that nobody else knows any more
}

type pendingStep struct {
	step   Step
	result chan error // cap 1; the committer sends once
}

func newCommitter(store Store, l Limits, stats *counters) *committer {
	return &committer{
		store: store, group: l.CommitGroup, lanes: l.Committers, timeout: l.CommitTimeout, stats: stats,
		queue: make(chan *pendingStep, 4*l.CommitGroup), done: make(chan struct{}),
	}
}

// commit waits until the step is committed. After an error that is not ErrConflict it is unknown whether it was.
func (c *committer) commit(ctx context.Context, step Step) error {
	p, ok := c.spare.Get().(*pendingStep)
	if !ok {
		p = &pendingStep{result: make(chan error, 1)}
	}
	p.step = step
	select {
	case c.queue <- p:
	case <-ctx.Done():
		return ctx.Err()
	case <-c.done:
		return errStopped
	}
	select {
	case err := <-p.result:
		p.step = Step{}
		c.spare.Put(p)
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-c.done:
	}
	select { // run sent its last results before it closed done
	case err := <-p.result:
		return err
	default:
		return errStopped
	}
}

var errStopped = fmt.Errorf("%w: the service is stopping", ErrUnavailable)

// run commits until ctx ends.
func (c *committer) run(ctx context.Context) error {
	defer close(c.done)
	var lanes sync.WaitGroup
	for range c.lanes {
		lanes.Go(func() { c.lane(ctx) })
	}
	lanes.Wait()
	return ctx.Err()
}

// lane makes one commit after the other.
func (c *committer) lane(ctx context.Context) {
	group := make([]*pendingStep, 0, c.group)
	steps := make([]Step, 0, c.group)
	for {
		select {
		case p := <-c.queue:
			group = append(group[:0], p)
		case <-ctx.Done():
			return
		}
		for more := true; more && len(group) < c.group; {
			select {
			case p := <-c.queue:
				group = append(group, p)
			default:
				more = false
			}
		}
		steps = steps[:0]
		for _, p := range group {
			steps = append(steps, p.step)
		}
		c.commitGroup(ctx, group, steps)
		clear(group)
		clear(steps)
	}
}

// commitGroup makes one commit. It is finished even when ctx ends meanwhile: the steps are decided, and the store is still there.
func (c *committer) commitGroup(ctx context.Context, group []*pendingStep, steps []Step) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.timeout)
	defer cancel()
	errs := c.store.Commit(ctx, steps)
	c.stats.commits.Add(1)
	for i, p := range group {
		if errs[i] == nil {
			c.stats.steps.Add(1)
		}
		p.result <- errs[i]
	}
}
