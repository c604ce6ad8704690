package fleet

import (
	"context"
	"errors"
	"fmt"

	"dipper/positioning/track"
)

// maxConflicts is how often a batch is decided again. Each conflict means that another node committed the unit, so that many in
// a row mean that two nodes fight over it.
const maxConflicts = 64

// maxNumber is the highest number of a fix: what every reader of JSON holds exactly, and a fix every microsecond for 285 years.
const maxNumber track.Seq = 1 << 53

// Accept stores a batch of a unit and decides what it means. It returns nil only when all fixes of the batch are durable, by
// this call or an earlier one; then, and only then, its numbers may be acknowledged. The batch is not changed. Batches of one
// unit are decided one after the other in any order in which they come, those of different units in parallel.
//
// The error wraps ErrBadUnitID, track.ErrInvalid for a batch that will never be taken (and an *InvalidError if numbers are too high), ErrUnavailable when trying again later
// is right, ErrWentBack when it is not before Held was asked, or ctx's error.
func (f *Fleet) Accept(ctx context.Context, unit UnitID, b track.Batch) error {
	if err := CheckUnitID(string(unit)); err != nil {
		return err
	}
	if len(b.Fixes) == 0 {
		return nil
	}
	err := f.accept(ctx, unit, b)
	switch {
	case err == nil:
		f.stats.batches.Add(1)
		return nil
	case errors.Is(err, track.ErrInvalid):
		f.stats.refusedBatches.Add(1)
	case errors.Is(err, ErrUnavailable):
		f.stats.unavailable.Add(1)
	}
	return fmt.Errorf("accept batch %s/%d/%d: %w", unit, b.Series, b.First, err)
}

func (f *Fleet) accept(ctx context.Context, unit UnitID, b track.Batch) error {
	if b.First == 0 || b.Last() < b.First || len(b.Fixes) > track.MaxBatchFixes {
		return fmt.Errorf("%w: %d fixes from number %d", track.ErrInvalid, len(b.Fixes), b.First)
	}
	if b.Last() > maxNumber {
		invalid := &InvalidError{Field: "first", Reason: fmt.Sprintf("%d fixes from number %d: numbers end at %d", len(b.Fixes), b.First, maxNumber)}
		return fmt.Errorf("%w: %w", track.ErrInvalid, invalid)
	}
	s, err := f.units.take(ctx, unit)
	if err != nil {
		return err
	}
	defer f.units.give(s)
	for range maxConflicts {
		err := f.acceptOnce(ctx, s, b)
		if !errors.Is(err, ErrConflict) {
			return err
		}
		f.stats.conflicts.Add(1)
	}
	return fmt.Errorf("%w: %d conflicts in a row", ErrUnavailable, maxConflicts)
}

// acceptOnce decides the batch on what is known of the unit and commits that. After an error, what is known is forgotten.
func (f *Fleet) acceptOnce(ctx context.Context, s *slot, b track.Batch) (err error) {
	if !s.loaded && !s.wentBack {
		if err := f.load(ctx, s); err != nil {
			return err
		}
	}
	if s.wentBack { // until Held, so that trying again without it does not pass
		return ErrWentBack
	}
	d, err := f.decide(ctx, s, b)
	if err != nil {
		return err
	}
	if d.fresh > 0 {
		s.loaded = false // until the commit has answered
		if err := f.commits.commit(ctx, d.step); err != nil {
			if errors.Is(err, ErrConflict) {
				s.least = s.version + 1
			}
			return err
		}
		s.loaded, s.version, s.mark, s.vehicle = true, s.version+1, d.step.Mark, d.next
		s.least = s.version
		f.count(&d)
		if d.moved && f.listener != nil {
			f.listener.Moved(d.step.Position, d.step.PrevCell)
		}
	}
	f.stats.duplicates.Add(uint64(len(b.Fixes) - d.fresh))
	return nil
}

func (f *Fleet) count(d *decision) {
	f.stats.fixes.Add(uint64(d.fresh))
	f.stats.futureFixes.Add(uint64(d.future))
	if d.late {
		f.stats.lateBatches.Add(1)
		f.stats.redecidedFixes.Add(uint64(d.redecided))
	}
	f.stats.forgottenSeries.Add(uint64(d.forgotSeries))
	f.stats.forgottenRuns.Add(uint64(d.forgotRuns))
	f.stats.events.Add(uint64(d.told.fresh))
	f.stats.correctedEvents.Add(uint64(d.told.corrected))
	f.stats.retractedEvents.Add(uint64(d.told.retracted))
}

// load reads what the store has of a unit, unless that is older than what the store said before. A state that cannot be read is made anew from the track.
func (f *Fleet) load(ctx context.Context, s *slot) error {
	r, err := f.loadSettled(ctx, s.unit)
	if err != nil {
		return err
	}
	f.stats.stateLoads.Add(1)
	if r.Version < s.least {
		f.log.Error("the store went back to an earlier state", "unit", s.unit, "version", r.Version, "before", s.least)
		f.stats.wentBack.Add(1)
		s.wentBack = true
		return nil
	}
	v, err := decodeVehicle(r.State)
	if errors.Is(err, ErrStored) {
		f.log.Warn("state is made anew from the track", "unit", s.unit, "error", err)
		f.stats.rebuilds.Add(1)
		v, err = f.rebuild(ctx, s.unit)
	}
	if err != nil {
		return err
	}
	s.loaded, s.version, s.mark, s.least, s.vehicle = true, r.Version, r.Mark, r.Version, v
	return nil
}

// loadSettled loads what may be acknowledged.
func (f *Fleet) loadSettled(ctx context.Context, unit UnitID) (Record, error) {
	if shared := f.Shared(); shared != nil {
		return shared.LoadSettled(ctx, unit)
	}
	return f.store.Load(ctx, unit)
}

// Held is which numbers of a series the store has of a unit, whichever node took them; empty for a series that it never saw.
func (f *Fleet) Held(ctx context.Context, unit UnitID, series track.Series) (track.Ranges, error) {
	if err := CheckUnitID(string(unit)); err != nil {
		return nil, err
	}
	s, err := f.units.take(ctx, unit)
	if err != nil {
		return nil, err
	}
	defer f.units.give(s)
	s.loaded = false               // another node may have had the unit meanwhile
	s.least, s.wentBack = 0, false // whatever the store has now, the unit learns it
	if err := f.load(ctx, s); err != nil {
		return nil, fmt.Errorf("held %s: %w", unit, err)
	}
	return s.vehicle.heldOf(series), nil
}
