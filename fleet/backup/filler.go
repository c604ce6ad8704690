package backup

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"dipper/fleet"
)

// How much is put into the store at a time.
const (
	stepBytes  = 1 << 20 // a step with more track is closed
	groupBytes = 4 << 20 // of steps in one commit
	groupSteps = 500
	groupItems = 1000 // events, log entries or documents in one write
)

// filler puts records into a store as they come.
type filler struct {
	store fleet.Store
	put   fleet.Restorer
	log   *slog.Logger

	steps   []fleet.Step
	bytes   int // of states and track in steps
	version uint64
	current fleet.Step // of the unit that is being read, without track
	events  []fleet.EventRecord
	entries []fleet.LogEntry
	docs    []fleet.Document
	docKind string
}

// add takes the next record, and copies what it keeps.
func (f *filler) add(ctx context.Context, r *record) error {
	switch r.kind {
	case kindUnit:
		if err := f.flushEvents(ctx); err != nil {
			return err
		}
		f.begin(r)
	case kindTrack:
		f.track(r)
	case kindUnitEvent:
		f.events = append(f.events, clone(r.event))
	case kindLog:
		f.entries = append(f.entries, fleet.LogEntry{Cursor: fleet.Cursor(r.number), EventRecord: clone(r.event)})
	case kindDocument:
		if r.docKind != f.docKind {
			if err := f.flushDocuments(ctx); err != nil {
				return err
			}
			f.docKind = r.docKind
		}
		f.docs = append(f.docs, fleet.Document{ID: r.name, Revision: r.number, Data: slices.Clone(r.data)})
	}
	full := f.bytes >= groupBytes || max(len(f.steps)*groupItems/groupSteps, len(f.events), len(f.entries), len(f.docs)) >= groupItems
	if full {
		return f.flush(ctx)
	}
	return nil
}

func clone(e fleet.EventRecord) fleet.EventRecord {
	e.Data = slices.Clone(e.Data)
	return e
}

// begin makes a unit's first step. Where it is and which visits are open is in its state.
func (f *filler) begin(r *record) {
	state := slices.Clone(r.data)
	summary, err := fleet.Summarize(r.unit, state)
	if err != nil { // the fleet makes the state anew from the track with the unit's next batch
		f.log.Warn("a unit's state cannot be read; it is stored as it is, and on no map until it sends", "unit", r.unit, "error", err)
	}
	first := fleet.Step{Unit: r.unit, State: state, Position: summary.Position, Opened: summary.Open}
	f.steps, f.bytes = append(f.steps, first), f.bytes+len(state)
	f.version = 1
	f.current = fleet.Step{Unit: r.unit, State: state, Position: summary.Position, PrevCell: summary.Position.Cell}
}

// track puts a part of the track into the unit's step, or into a further one.
func (f *filler) track(r *record) {
	segment := fleet.Segment{Day: r.day, Data: slices.Clone(r.data)}
	last := len(f.steps) - 1
	if last < 0 || trackBytes(f.steps[last].Track)+len(segment.Data) > stepBytes {
		next := f.current
		next.Expect = f.version
		f.version++
		f.steps, f.bytes = append(f.steps, next), f.bytes+len(next.State)
		last++
	}
	f.steps[last].Track = append(f.steps[last].Track, segment)
	f.bytes += len(segment.Data)
}

func trackBytes(segments []fleet.Segment) (n int) {
	for _, s := range segments {
		n += len(s.Data)
	}
	return n
}

// flush puts everything into the store that waits.
func (f *filler) flush(ctx context.Context) error {
	for _, part := range []func(context.Context) error{f.flushSteps, f.flushEvents, f.flushLog, f.flushDocuments} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (f *filler) flushSteps(ctx context.Context) error {
	if len(f.steps) == 0 {
		return nil
	}
	for i, err := range f.store.Commit(ctx, f.steps) {
		if err != nil {
			return fmt.Errorf("unit %s: %w", f.steps[i].Unit, err)
		}
	}
	f.steps, f.bytes = nil, 0
	return nil
}

// flushEvents stores events of the unit that is being read.
func (f *filler) flushEvents(ctx context.Context) error {
	if len(f.events) == 0 {
		return nil
	}
	if err := f.put.RestoreUnitEvents(ctx, f.current.Unit, f.events); err != nil {
		return fmt.Errorf("events of %s: %w", f.current.Unit, err)
	}
	f.events = f.events[:0]
	return nil
}

func (f *filler) flushLog(ctx context.Context) error {
	if len(f.entries) == 0 {
		return nil
	}
	if err := f.put.RestoreLog(ctx, f.entries); err != nil {
		return fmt.Errorf("event log from %d on: %w", f.entries[0].Cursor, err)
	}
	f.entries = f.entries[:0]
	return nil
}

func (f *filler) flushDocuments(ctx context.Context) error {
	if len(f.docs) == 0 {
		return nil
	}
	if err := f.put.RestoreDocuments(ctx, f.docKind, f.docs); err != nil {
		return fmt.Errorf("documents of kind %s: %w", f.docKind, err)
	}
	f.docs = f.docs[:0]
	return nil
}
