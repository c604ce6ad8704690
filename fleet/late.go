package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"dipper/fleet/journey"
	"dipper/geofence"
	"dipper/positioning/track"
)

// lateOrStored decides late fixes, or only stores them where what was stored before cannot be read: a damaged record must not keep
// the unit's fixes out for ever. It is logged and counted.
func (f *Fleet) lateOrStored(ctx context.Context, unit UnitID, old *vehicle, d *decision, fresh []TrackFix) error {
	undecided := *d
	err := f.late(ctx, unit, old, d, fresh)
	if errors.Is(err, ErrStored) {
		f.log.Error("late fixes are stored but not decided", "unit", unit, "fixes", len(fresh), "error", err)
		f.stats.undecidedFixes.Add(uint64(len(fresh)))
		*d = undecided
		return nil
	}
	return err
}

// late decides fixes of which some are older than what the ledger saw: it runs again from the newest checkpoint before the oldest of
// them, over the stored track and the fresh fixes together, to the end. What it says now is compared with what was told.
func (f *Fleet) late(ctx context.Context, unit UnitID, old *vehicle, d *decision, fresh []TrackFix) error {
	d.late = true
	p, fresh, err := f.restart(unit, old, d, fresh)
	if err != nil || len(fresh) == 0 {
		return err
	}
	from := eventsFrom(&p.state)
	if err := f.rerun(ctx, unit, &p, from, fresh, d); err != nil {
		return err
	}
	p.into(&d.next)
	d.next.firstMs = min(old.firstMs, fresh[0].Fix.Time.UnixMilli())
	return f.reconcile(ctx, unit, d, p.events, from)
}

// rerun shows the ledger the stored fixes from a time on, and the fresh ones, day by day.
func (f *Fleet) rerun(ctx context.Context, unit UnitID, p *pass, from time.Time, fresh []TrackFix, d *decision) error {
	stored, err := f.store.Days(ctx, unit)
	if err != nil {
		return err
	}
	days := slices.DeleteFunc(slices.Clone(stored), func(day Day) bool { return day < DayOf(from) })
	for i := range fresh {
		days = append(days, DayOf(fresh[i].Fix.Time))
	}
	slices.Sort(days)
	frontier := fresh[len(fresh)-1]
	passed := false // the frontier was the fix before
	var fixes []TrackFix
	for _, day := range slices.Compact(days) {
		fixes, err = f.fixesOf(ctx, unit, day, from, fixes[:0])
		if err != nil {
			return err
		}
		d.redecided += len(fixes)
		n := 0
		for n < len(fresh) && DayOf(fresh[n].Fix.Time) == day {
			n++
		}
		fixes, fresh = append(fixes, fresh[:n]...), fresh[n:]
		sortFixes(fixes)
		for i := range fixes {
			if passed && d.next.gaps() {
				p.history.note(&p.state, &p.odometer, fixes[i].Fix.Time.UnixMilli(), pinFrontier)
			}
			p.show(&fixes[i])
			passed = fixes[i].Series == frontier.Series && fixes[i].Seq == frontier.Seq
		}
	}
	return nil
}

// restart finds where to begin: at the newest checkpoint before the fresh fixes, or at nothing. Where retention dropped the beginning of
// the track, neither nothing nor a checkpoint from before what is kept would come to what was told; then fixes from before
// the first checkpoint that would, or else from before the last position, are stored but not decided.
func (f *Fleet) restart(unit UnitID, old *vehicle, d *decision, fresh []TrackFix) (pass, []TrackFix, error) {
	p := pass{ledger: geofence.NewLedger(string(unit), f.index())}
	p.history.points = slices.Clone(d.next.restartable())
	if d.next.cut {
		first := old.last.Fix.Time.UnixMilli()
		if len(p.history.points) > 0 {
			first = p.history.points[0].ms
		}
		fresh = slices.DeleteFunc(fresh, func(x TrackFix) bool { return x.Fix.Time.UnixMilli() <= first })
		if len(fresh) == 0 {
			return pass{}, nil, nil
		}
	}
	c, ok := p.history.before(fresh[0].Fix.Time.UnixMilli())
	switch {
	case ok:
		state, err := geofence.DecodeState(c.ledger)
		if err != nil {
			return pass{}, nil, fmt.Errorf("%w: checkpoint: %w", ErrStored, err)
		}
		p.state = state
		if p.odometer, err = journey.DecodeOdometer(c.odometer, timeOfMs(c.ms)); err != nil {
			return pass{}, nil, fmt.Errorf("%w: checkpoint: %w", ErrStored, err)
		}
	case d.next.cut: // all of them are later than the last position
		p.state, p.odometer, p.last = old.ledger, old.odometer, old.last
	}
	return p, fresh, nil
}

// fixesOf appends the stored fixes of a day that count, from a time on, in no order.
func (f *Fleet) fixesOf(ctx context.Context, unit UnitID, day Day, from time.Time, dst []TrackFix) ([]TrackFix, error) {
	_, err := f.eachBatch(ctx, unit, day, from, endOfTime, func(b track.Batch) {
		for i := range b.Fixes {
			x := TrackFix{Series: b.Series, Seq: b.First + track.Seq(i), Fix: b.Fixes[i]}
			if x.counts() && !x.Fix.Time.Before(from) {
				dst = append(dst, x)
			}
		}
	})
	return dst, err
}

// endOfTime is later than any fix.
var endOfTime = time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC)

// eachBatch gives the stored batches of a day in the order in which they were committed, but those of which all is older than one
// time or newer than another. read is how many bytes the day has.
func (f *Fleet) eachBatch(ctx context.Context, unit UnitID, day Day, from, to time.Time, fn func(track.Batch)) (read int, err error) {
	data, err := f.store.Track(ctx, unit, day)
	if err != nil {
		return 0, err
	}
	read = len(data)
	for len(data) > 0 {
		oldest, newest, size, err := track.BatchTimes(data)
		if err == nil && (newest.Before(from) || oldest.After(to)) {
			data = data[size:]
			continue
		}
		b, rest, err := track.DecodeBatch(data)
		if err != nil {
			return read, fmt.Errorf("%w: track of %s, day %d, %d bytes before its end: %w", ErrStored, unit, day, len(data), err)
		}
		fn(b)
		data = rest
	}
	return read, nil
}
