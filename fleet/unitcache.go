package fleet

import (
	"container/list"
	"context"
	"sync"
)

// unitCache gives each unit's state to one caller at a time and keeps those used last decoded. It holds more than its limit only
// while more units than that are being decided at once.
type unitCache struct {
	limit int

	mu    sync.Mutex // guards the following, and slot.users and slot.place
	slots map[UnitID]*slot
	idle  *list.List // of *slot without users, the one used last at the front
}

// slot is the place of one unit in the cache.
type slot struct {
	unit  UnitID
	turn  chan struct{} // cap 1: holds a token while somebody has the unit
	users int           // who have it or wait for it
	place *list.Element // in idle; nil while there are users

	// Whoever has the turn owns the following.
	loaded  bool // the rest is what the store had last
	version uint64
	mark    uint64 // of the record
	vehicle vehicle

	least    uint64 // the store said that it is at this version or beyond
	wentBack bool   // it was not: no batch is taken until the unit says hello again
}

func newUnitCache(limit int) *unitCache {
	return &unitCache{limit: limit, slots: map[UnitID]*slot{}, idle: list.New()}
}

// take waits for a unit's turn, or until ctx ends. The caller gives it back.
func (c *unitCache) take(ctx context.Context, unit UnitID) (*slot, error) {
	c.mu.Lock()
	s := c.slots[unit]
	if s == nil {
		s = &slot{unit: unit, turn: make(chan struct{}, 1)}
		c.slots[unit] = s
	}
	if s.place != nil {
		c.idle.Remove(s.place)
		s.place = nil
	}
	s.users++
	c.mu.Unlock()
	select {
	case s.turn <- struct{}{}:
		return s, nil
	case <-ctx.Done():
		c.leave(s)
		return nil, ctx.Err()
	}
}

// give ends a turn.
func (c *unitCache) give(s *slot) {
	<-s.turn
	c.leave(s)
}

func (c *unitCache) leave(s *slot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.users--
	if s.users > 0 {
		return
	}
	s.place = c.idle.PushFront(s)
	for len(c.slots) > c.limit && c.idle.Len() > 0 {
		oldest := c.idle.Remove(c.idle.Back()).(*slot)
		delete(c.slots, oldest.unit)
	}
}

func (c *unitCache) size() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.slots)
}
