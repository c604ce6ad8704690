package backup

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"dipper/fleet"
)

// Export writes all that a store has. It needs the memory of all units' ids and of one unit's day at a time. What it wrote is worth
// something only if the error is nil.
func Export(ctx context.Context, s fleet.Store, to io.Writer, program string, now time.Time) (Contents, error) {
	w, err := newWriter(to)
	if err != nil {
		return Contents{}, fmt.Errorf("export: %w", err)
	}
	if err := w.write(&record{kind: kindHeader, number: uint64(now.UnixMilli()), name: program}); err != nil {
		return Contents{}, fmt.Errorf("export: %w", err)
	}
	if err := walk(ctx, s, w.write); err != nil {
		return Contents{}, fmt.Errorf("export: %w", err)
	}
	c, err := w.end()
	if err != nil {
		return Contents{}, fmt.Errorf("export: %w", err)
	}
	return c, nil
}

// contentsOf is what an export of the store would hold.
func contentsOf(ctx context.Context, s fleet.Store) (Contents, error) {
	t := newTally()
	var raw, scratch []byte
	err := walk(ctx, s, func(r *record) error {
		raw = r.appendFramed(raw[:0], &scratch)
		return t.add(r, raw)
	})
	return t.contents(), err
}

// walk gives all records of a store in the order of a file.
func walk(ctx context.Context, s fleet.Store, emit func(*record) error) error {
	units, err := unitsOf(ctx, s)
	if err != nil {
		return err
	}
	for _, unit := range units {
		if err := walkUnit(ctx, s, unit, emit); err != nil {
			return fmt.Errorf("unit %s: %w", unit, err)
		}
	}
	if err := walkLog(ctx, s, emit); err != nil {
		return fmt.Errorf("event log: %w", err)
	}
	for _, kind := range slices.Sorted(slices.Values(fleet.DocumentKinds())) {
		docs, err := s.Documents(ctx, kind)
		if err != nil {
			return fmt.Errorf("documents of kind %s: %w", kind, err)
		}
		for _, d := range docs {
			if err := emit(&record{kind: kindDocument, docKind: kind, name: d.ID, number: d.Revision, data: d.Data}); err != nil {
				return err
			}
		}
	}
	return nil
}

// unitsOf are all units with a record, ascending.
func unitsOf(ctx context.Context, s fleet.Store) ([]fleet.UnitID, error) {
	var units []fleet.UnitID
	err := s.EachRecord(ctx, func(unit fleet.UnitID, _ fleet.Record) error {
		units = append(units, unit)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list of units: %w", err)
	}
	slices.Sort(units)
	return slices.Compact(units), nil
}

// walkUnit reads the state first: all that it says is then in the track and the events.
func walkUnit(ctx context.Context, s fleet.Store, unit fleet.UnitID, emit func(*record) error) error {
	state, err := s.Load(ctx, unit)
	if err != nil || state.Version == 0 {
		return err
	}
	if err := emit(&record{kind: kindUnit, unit: unit, data: state.State}); err != nil {
		return err
	}
	days, err := s.Days(ctx, unit)
	if err != nil {
		return err
	}
	for _, day := range days {
		track, err := s.Track(ctx, unit, day)
		if err != nil {
			return err
		}
		for part := range slices.Chunk(track, trackPart) {
			if err := emit(&record{kind: kindTrack, unit: unit, day: day, data: part}); err != nil {
				return err
			}
		}
	}
	events, err := s.UnitEvents(ctx, unit, time.Time{})
	if err != nil {
		return err
	}
	for _, e := range events {
		if err := emit(&record{kind: kindUnitEvent, unit: unit, event: e}); err != nil {
			return err
		}
	}
	return nil
}

// walkLog reads the log to where it ended when it began: a log that grows would keep it for ever.
func walkLog(ctx context.Context, s fleet.Store, emit func(*record) error) error {
	const some = 1000
	last, err := s.LastCursor(ctx)
	if err != nil {
		return err
	}
	for after := fleet.Cursor(0); after < last; {
		entries, err := s.Events(ctx, after, some)
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			return fmt.Errorf("it ends at %d and ended at %d before", after, last)
		}
		for _, e := range entries {
			if after = e.Cursor; after > last {
				return nil
			}
			if err := emit(&record{kind: kindLog, number: uint64(e.Cursor), event: e.EventRecord}); err != nil {
				return err
			}
		}
	}
	return nil
}
