package api

import (
	"context"
	"errors"
	"fmt"
)

// stage is a part of the service that runs for as long as its context lives. Stages stand in the order in which they need
// each other: each may use those before it until it has returned.
type stage struct {
	name string
	run  func(context.Context) error
}

// runStages starts all stages and waits until ctx ends or one of them ends by itself. Then it stops them one by one, the last
// first, so that what flows from the last to the first is never cut off in the middle.
func runStages(ctx context.Context, stages []stage) error {
	type running struct {
		stop context.CancelFunc
		done chan struct{} // closed by the stage's goroutine, after err is set
		err  error
	}
	ended := make(chan struct{}, len(stages)) // one word from each; never full
	started := make([]*running, len(stages))
	for i, st := range stages {
		own, stop := context.WithCancel(context.WithoutCancel(ctx))
		r := &running{stop: stop, done: make(chan struct{})}
		started[i] = r
		go func() {
			defer close(r.done)
			if err := st.run(own); err != nil {
				r.err = fmt.Errorf("%s: %w", st.name, err)
			} else if own.Err() == nil {
				r.err = fmt.Errorf("%s: ended by itself", st.name)
			}
			ended <- struct{}{}
		}()
	}
	select {
	case <-ctx.Done():
	case <-ended:
	}
	var errs []error
	for i := len(started) - 1; i >= 0; i-- {
		r := started[i]
		r.stop()
		<-r.done
		if r.err != nil && !errors.Is(r.err, context.Canceled) {
			errs = append(errs, r.err)
		}
	}
	return errors.Join(errs...)
}
