package embedstore

import (
	"context"
	"fmt"

	"dipper/fleet"
)

// bell wakes all who wait for a number to change. The store's mu guards it.
type bell struct{ ch chan struct{} }

func newBell() *bell { return &bell{make(chan struct{})} }

// ring wakes the waiting; who waits from now on waits for the next one.
func (b *bell) ring() {
	close(b.ch)
	b.ch = make(chan struct{})
}

// await returns nil once done says so, looking again whenever bell rings.
func (s *Store) await(ctx context.Context, b *bell, done func() (bool, error)) error {
	for {
		s.mu.RLock()
		ch, closed := b.ch, s.closed
		s.mu.RUnlock()
		if closed {
			return fmt.Errorf("%w: embedded store in %s is closed", fleet.ErrUnavailable, s.cfg.Dir)
		}
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ch:
		}
	}
}
