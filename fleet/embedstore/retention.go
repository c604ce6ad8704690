package embedstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dipper/fleet"
)

// Upkeep: how often Run looks for what is too old, and how much it removes in one batch, so that commits wait for it only
// a few milliseconds.
const (
	upkeepEvery = 10 * time.Minute
	upkeepBatch = 1000
)

// Run removes what retention no longer keeps, until ctx ends. It returns an error when the engine broke, since only opening the
// store again helps then.
func (s *Store) Run(ctx context.Context) error {
	tick := time.NewTicker(upkeepEvery)
	defer tick.Stop()
	for {
		if err := s.upkeep(ctx); err != nil && ctx.Err() == nil && s.broken.reason() == nil {
			s.cfg.Log.Warn("embedded store upkeep", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.broken.done:
			return fmt.Errorf("embedded store in %s has to be opened again: %w", s.cfg.Dir, s.broken.reason())
		case <-tick.C:
		}
	}
}

func (s *Store) upkeep(ctx context.Context) error {
	if err := s.trimLog(ctx); err != nil {
		return fmt.Errorf("trim event log: %w", err)
	}
	if s.cfg.TrackRetention <= 0 {
		return nil
	}
	horizon := s.cfg.Now().Add(-s.cfg.TrackRetention)
	if err := s.dropDays(ctx, fleet.DayOf(horizon)); err != nil {
		return fmt.Errorf("remove old tracks: %w", err)
	}
	if err := s.dropUnitEvents(ctx, horizon); err != nil {
		return fmt.Errorf("remove old events: %w", err)
	}
	return nil
}

// dropDays removes all tracks of the days before first.
func (s *Store) dropDays(ctx context.Context, first fleet.Day) error {
	return s.write(ctx, func(t *tx) error {
		return t.batch.DeleteRange([]byte{kindTrack}, dayKey(first), nil)
	})
}

// trimLog removes the oldest entries above the cap. An id is forgotten with its last entry.
func (s *Store) trimLog(ctx context.Context) error {
	for s.cfg.EventCap > 0 {
		removed := 0
		err := s.write(ctx, func(t *tx) error {
			for t.first < t.last && uint64(t.last-t.first) >= s.cfg.EventCap && removed < upkeepBatch {
				if err := t.dropEntry(t.first); err != nil {
					return err
				}
				t.first++
				removed++
			}
			return nil
		})
		if err != nil || removed < upkeepBatch {
			return err
		}
	}
	return nil
}

func (t *tx) dropEntry(c fleet.Cursor) error {
	stored, err := t.get(logKey(c))
	if err != nil || stored == nil {
		return err
	}
	e, err := fleet.DecodeEventRecord(stored)
	if err != nil {
		return err
	}
	known, err := t.get(loggedKey(e.ID))
	if err != nil {
		return err
	}
	l, err := decodeLogged(known)
	if err != nil {
		return err
	}
	if l.last == c {
		err = t.drop(loggedKey(e.ID))
	}
	return errors.Join(err, t.batch.Delete(logKey(c), nil))
}

// dropUnitEvents removes the units' events from before horizon, unit by unit.
func (s *Store) dropUnitEvents(ctx context.Context, horizon time.Time) error {
	for {
		old, err := s.oldUnitEvents(ctx, horizon)
		if err != nil || len(old) == 0 {
			return err
		}
		err = s.write(ctx, func(t *tx) error {
			for _, o := range old {
				if err := t.dropUnitEvent(o); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}

// oldEvent is where an event stands that is to be removed.
type oldEvent struct {
	unit fleet.UnitID
	at   []byte
	id   string
}

// oldUnitEvents finds up to upkeepBatch events from before horizon.
func (s *Store) oldUnitEvents(ctx context.Context, horizon time.Time) ([]oldEvent, error) {
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	defer v.close()
	limit := fleet.AppendTime(nil, horizon)
	var old []oldEvent
	all := []byte{kindUnitEvent}
	err = hop(ctx, v.snap, all, after(all), func(key []byte) []byte {
		unit, rest, ok := cutName(key[1:])
		if !ok || len(rest) < len(limit) || len(old) == upkeepBatch {
			return nil
		}
		if string(rest) >= string(limit) {
			return after(unitEventPrefix(fleet.UnitID(unit)))
		}
		at := append([]byte(nil), rest[:len(limit)]...)
		old = append(old, oldEvent{fleet.UnitID(unit), at, string(rest[len(limit):])})
		return append(append([]byte(nil), key...), 0) // the key right behind this one
	})
	return old, err
}

// dropUnitEvent removes an event, and its index entry unless a later revision moved it meanwhile.
func (t *tx) dropUnitEvent(o oldEvent) error {
	indexKey := unitIndexKey(o.unit, o.id)
	stands, err := t.get(indexKey)
	if err != nil {
		return err
	}
	if len(stands) == len(o.at)+4 && string(stands[:len(o.at)]) == string(o.at) {
		err = t.drop(indexKey)
	}
	return errors.Join(err, t.batch.Delete(unitEventKey(o.unit, o.at, o.id), nil))
}
