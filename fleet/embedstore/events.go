package embedstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"dipper/fleet"
)

// logged is what the log has of one event id.
type logged struct {
	first, last fleet.Cursor
	revisions   []uint32
}

func (l logged) has(revision uint32) bool { return slices.Contains(l.revisions, revision) }

func (l logged) append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(l.first))
	dst = binary.BigEndian.AppendUint64(dst, uint64(l.last))
	for _, r := range l.revisions {
		dst = binary.BigEndian.AppendUint32(dst, r)
	}
	return dst
}

// decodeLogged reads what append wrote; nothing logged from nothing.
func decodeLogged(src []byte) (l logged, err error) {
	const fixed = 16
	if len(src) == 0 {
		return l, nil
	}
	if len(src) < fixed || len(src)%4 != 0 {
		return l, unavailable(fleet.ErrStored)
	}
	l.first = fleet.Cursor(binary.BigEndian.Uint64(src))
	l.last = fleet.Cursor(binary.BigEndian.Uint64(src[8:]))
	for rest := src[fixed:]; len(rest) > 0; rest = rest[4:] {
		l.revisions = append(l.revisions, binary.BigEndian.Uint32(rest))
	}
	return l, nil
}

// logBounds finds the oldest and the newest entry of the log; 0, 0 of an empty one.
func logBounds(db *pebble.DB) (first, last fleet.Cursor, err error) {
	prefix := []byte{kindLog}
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
	if err != nil {
		return 0, 0, err
	}
	if it.First() {
		first = cursorOfKey(it.Key())
	}
	if it.Last() {
		last = cursorOfKey(it.Key())
	}
	return first, last, it.Close()
}

func cursorOfKey(key []byte) fleet.Cursor { return fleet.Cursor(binary.BigEndian.Uint64(key[1:])) }

// UnitEvents gives a unit's events from a time on.
func (s *Store) UnitEvents(ctx context.Context, unit fleet.UnitID, from time.Time) ([]fleet.EventRecord, error) {
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	defer v.close()
	var events []fleet.EventRecord
	prefix := unitEventPrefix(unit)
	start := fleet.AppendTime(slices.Clip(prefix), from)
	err = scan(ctx, v.snap, start, after(prefix), func(_, value []byte) error {
		e, err := fleet.DecodeEventRecord(slices.Clone(value))
		if err == nil {
			events = append(events, e)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("events of %s: %w", unit, err)
	}
	return events, nil
}

// Events gives log entries in order. With an EventCap, the entries before the oldest kept are gone.
func (s *Store) Events(ctx context.Context, cursor fleet.Cursor, limit int) ([]fleet.LogEntry, error) {
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	defer v.close()
	var entries []fleet.LogEntry
	if limit <= 0 || cursor == ^fleet.Cursor(0) {
		return nil, nil
	}
	err = scan(ctx, v.snap, logKey(cursor+1), after([]byte{kindLog}), func(key, value []byte) error {
		e, err := fleet.DecodeEventRecord(slices.Clone(value))
		if err != nil {
			return err
		}
		entries = append(entries, fleet.LogEntry{Cursor: cursorOfKey(key), EventRecord: e})
		if len(entries) == limit {
			return errStop
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("event log after %d: %w", cursor, err)
	}
	return entries, nil
}

// EventCursor is where the first entry of an event stands.
func (s *Store) EventCursor(ctx context.Context, id string) (fleet.Cursor, error) {
	v, err := s.view(ctx)
	if err != nil {
		return 0, err
	}
	defer v.close()
	stored, err := get(v.snap, loggedKey(id))
	if err != nil {
		return 0, err
	}
	l, err := decodeLogged(stored)
	if err != nil {
		return 0, err
	}
	if l.first == 0 {
		return 0, fmt.Errorf("event %s: %w", id, fleet.ErrNotFound)
	}
	return l.first, nil
}

// LastCursor is the newest entry's.
func (s *Store) LastCursor(ctx context.Context) (fleet.Cursor, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.last, s.usableLocked()
}

// WaitEvents waits for an entry after the cursor.
func (s *Store) WaitEvents(ctx context.Context, cursor fleet.Cursor) error {
	return s.await(ctx, s.grew, func() (bool, error) {
		last, err := s.LastCursor(ctx)
		return last > cursor, err
	})
}
