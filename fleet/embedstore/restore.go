package embedstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"dipper/fleet"
)

var _ fleet.Restorer = (*Store)(nil)

// RestoreDocuments stores documents at their revisions.
func (s *Store) RestoreDocuments(ctx context.Context, kind string, docs []fleet.Document) error {
	return s.write(ctx, func(t *tx) error {
		for _, d := range docs {
			value := append(binary.BigEndian.AppendUint64(nil, d.Revision), d.Data...)
			if err := t.put(documentKey(kind, d.ID), value); err != nil {
				return err
			}
		}
		n, err := changes(s.db, kind)
		if err != nil {
			return err
		}
		t.kinds[kind] = true
		return t.put(changesKey(kind), binary.BigEndian.AppendUint64(nil, n+uint64(len(docs))))
	})
}

// RestoreUnitEvents adds events to a unit's.
func (s *Store) RestoreUnitEvents(ctx context.Context, unit fleet.UnitID, events []fleet.EventRecord) error {
	return s.write(ctx, func(t *tx) error {
		for _, e := range events {
			if err := t.unitEvent(unit, e); err != nil {
				return err
			}
		}
		return nil
	})
}

// RestoreLog appends entries under their cursors.
func (s *Store) RestoreLog(ctx context.Context, entries []fleet.LogEntry) error {
	return s.write(ctx, func(t *tx) error {
		for _, e := range entries {
			if e.Cursor <= t.last {
				return fmt.Errorf("event log entry %d stands behind %d", e.Cursor, t.last)
			}
			t.last = e.Cursor - 1
			if err := t.logEvent(e.EventRecord); err != nil {
				return err
			}
			if t.last != e.Cursor {
				return errors.New("event " + e.ID + ": one revision is in the log twice")
			}
		}
		return nil
	})
}
