package stream

import (
	"context"
	"errors"

	"dipper/fleet"
	"dipper/fleet/cell"
)

func (r *relay) rereadLocked(a *area) {
	a.unread = true
	nudge(r.unread)
}

func (r *relay) rereadAllLocked() {
	for _, a := range r.areas {
		if a.begun {
			r.rereadLocked(a)
		}
	}
}

// read reads areas that must be read, one after the other: however many there are, the store has to do with one of us at a time.
func (r *relay) read(ctx context.Context) {
	for {
		select {
		case <-r.unread:
		case <-ctx.Done():
			return
		}
		for id := r.nextUnread(); id != 0; id = r.nextUnread() {
			if err := r.readArea(ctx, id); err != nil {
				if ctx.Err() != nil {
					return
				}
				r.log.Warn("an area cannot be read; trying again", "area", id, "error", err)
				r.again(id)
				if !sleep(ctx, feedRetry) {
					return
				}
				continue
			}
			r.metrics.relayReads.Inc()
		}
	}
}

// nextUnread picks an area: one that viewers wait for, if there is one.
func (r *relay) nextUnread() (next cell.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, a := range r.areas {
		if a.unread && (next == 0 || !a.fresh) {
			next = id
			if !a.fresh {
				break
			}
		}
	}
	if next != 0 {
		r.areas[next].unread = false
	}
	return next
}

func (r *relay) again(id cell.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a := r.areas[id]; a != nil {
		r.rereadLocked(a)
	}
}

// readArea puts on the plot who is in an area, and takes from it who is not.
func (r *relay) readArea(ctx context.Context, id cell.ID) error {
	begin := r.plot.now.Load()
	there := map[fleet.UnitID]bool{}
	err := r.fleet.UnitsUnder(ctx, id, func(positions []fleet.Position) error {
		for _, p := range positions {
			there[p.Unit] = true
			r.plot.move(p)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := r.seek(ctx, r.plot.strayed(id, there, begin)); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if a := r.areas[id]; a != nil && !a.unread {
		a.fresh = true
	}
	return nil
}

// seek looks for units that are not where the plot has them. Those that are nowhere leave it.
func (r *relay) seek(ctx context.Context, units []fleet.UnitID) error {
	if len(units) == 0 {
		return nil
	}
	positions, err := r.store.Positions(ctx, units)
	if err != nil {
		return err
	}
	found := map[fleet.UnitID]bool{}
	for _, p := range positions {
		found[p.Unit] = true
		r.plot.move(p)
	}
	for _, u := range units {
		if !found[u] {
			r.plot.remove(u)
		}
	}
	return nil
}

// locate puts a unit on the plot that may be in an area that nobody looked at. It reports whether the unit is known.
func (r *relay) locate(ctx context.Context, unit fleet.UnitID) (bool, error) {
	if r.store == nil || unit == "" {
		return false, nil
	}
	p, known, err := r.fleet.LastPosition(ctx, unit)
	if errors.Is(err, fleet.ErrBadUnitID) {
		return false, nil
	}
	if err != nil || !known {
		return false, err
	}
	r.plot.move(p)
	return true, nil
}
