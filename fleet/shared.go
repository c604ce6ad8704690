package fleet

import (
	"context"
	"fmt"
	"time"

	"dipper/fleet/cell"
)

// SharedStore is a Store at which several nodes of the service can work at once. It lets them talk to each other, so that a
// position that one of them took reaches the viewers of all.
type SharedStore interface {
	Store
	// Send gives each message to the nodes that follow its area at this moment. It is not kept. After an error it is unknown
	// who got what.
	Send(ctx context.Context, messages []Message) error
	// Follow hands to ear what is sent about the areas last read from the channel, and what is sent to all nodes, until ctx ends.
	// While the store is away it goes on trying. The areas may be in any order.
	Follow(ctx context.Context, areas <-chan []cell.ID, ear Ear)
	// LoadSettled is Load for a caller who tells a unit what is stored: what it gives is as durable as what Commit said nil for. Load
	// may give a record whose commit failed because it did not become durable in time.
	LoadSettled(ctx context.Context, unit UnitID) (Record, error)
	// WaitLoss returns once Run has noticed that the store may have lost what it acknowledged, more often than seen times, and
	// how often by now; or ctx's error.
	WaitLoss(ctx context.Context, seen uint64) (now uint64, err error)
	// Positions gives the last positions of those of the units that have one, in no order.
	Positions(ctx context.Context, units []UnitID) ([]Position, error)
}

// Message is what a node tells others.
type Message struct {
	Area cell.ID // at cell.Area: for the nodes that follow it; 0: for every node
	Data []byte
}

// Ear is told what a node follows. Its methods are called by several goroutines and must not block for long: a store may cut off
// a node that does not listen.
type Ear interface {
	// Heard is called with each message, the node's own included.
	Heard(m Message)
	// Began is called when the node begins to hear of an area, and again each time that it may have missed something: from now on
	// nothing is missed until the next call. What was there before must be read.
	Began(area cell.ID)
}

// Shared is the store if several nodes can work at it, else nil.
func (f *Fleet) Shared() SharedStore {
	shared, _ := f.store.(SharedStore)
	return shared
}

// UnitsUnder calls fn with the last positions of the units in an area, a cell at cell.Area, some at a time and each unit at least
// once, until fn fails. A unit that moves meanwhile may be told where it was or, if it stays in the area, where it is.
func (f *Fleet) UnitsUnder(ctx context.Context, area cell.ID, fn func([]Position) error) error {
	cells, err := f.store.OccupiedCells(ctx, cell.Children(area))
	if err != nil {
		return fmt.Errorf("units under %s: %w", area, err)
	}
	for len(cells) > 0 {
		n := min(len(cells), cellsAtATime)
		positions, err := f.store.InCells(ctx, cells[:n])
		if err != nil {
			return fmt.Errorf("units under %s: %w", area, err)
		}
		if err := fn(positions); err != nil {
			return err
		}
		cells = cells[n:]
	}
	return nil
}

// followLosses reads the fences again when the store may have lost a change of them, until ctx ends.
func (f *Fleet) followLosses(ctx context.Context) error {
	store := f.Shared()
	for seen := uint64(0); store != nil; {
		now, err := store.WaitLoss(ctx, seen)
		if err != nil {
			return err
		}
		if err := f.refreshFences(ctx); err != nil {
			f.log.Warn("fences cannot be read again", "retry", longestRetry, "error", err)
			select {
			case <-time.After(longestRetry):
			case <-ctx.Done():
				return ctx.Err()
			}
			continue
		}
		seen = now
	}
	return nil
}
