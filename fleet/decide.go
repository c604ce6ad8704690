package fleet

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"dipper/fleet/cell"
	"dipper/fleet/journey"
	"dipper/geofence"
	"dipper/positioning"
	"dipper/positioning/track"
)

// decision is what a batch changes.
type decision struct {
	next  vehicle
	step  Step
	moved bool // the last position is of a later time

	fresh     int // fixes that were not held
	future    int // of them, too far in the future
	late      bool
	redecided int // fixes shown to the ledger again

	forgotSeries, forgotRuns int // numbers held before, and no more
	told                     told
}

// told counts events by what became of them.
type told struct{ fresh, corrected, retracted int }

// decide says what a batch changes on a unit's state. Nothing is fresh if all of it is held.
func (f *Fleet) decide(ctx context.Context, s *slot, b track.Batch) (decision, error) {
	old := &s.vehicle
	d := decision{next: *old}
	in := track.Range{First: b.First, Last: b.Last()}
	missing := track.Ranges{in}.Subtract(old.heldOf(b.Series))
	if len(missing) == 0 {
		return d, nil
	}
	d.fresh = int(missing.Count())
	d.next.hold(b.Series, in)
	d.forgotSeries, d.forgotRuns = d.next.bound(b.Series, in, &f.limits)
	d.step = Step{Unit: s.unit, Expect: s.version, ExpectMark: s.mark, Mark: rand.Uint64(), PrevCell: old.cell}

	w := f.workspace()
	defer f.workspaces.Put(w)
	gated := f.gate(b, &d, w)
	var err error
	if d.step.Track, err = segments(gated, missing); err != nil {
		return decision{}, err
	}
	fresh := freshFixes(gated, missing, w)
	forward := old.last.Seq == 0 || len(fresh) > 0 && fresh[0].compare(&old.last) > 0
	if err := f.lookForDropped(ctx, &d, forward || len(fresh) == 0); err != nil {
		return decision{}, err
	}
	switch {
	case len(fresh) == 0: // nothing moves
	case forward:
		err = f.forward(s.unit, old, &d, fresh)
	default:
		err = f.lateOrStored(ctx, s.unit, old, &d, fresh)
	}
	if err != nil {
		return decision{}, err
	}
	if !d.next.gaps() {
		d.next.checkpoints = unpin(d.next.checkpoints)
	}
	return d, d.finish(s.unit, old)
}

// lookForDropped notes what retention dropped of the track, where that matters: before late fixes are decided, and before
// something is stored on a day that retention can have dropped.
func (f *Fleet) lookForDropped(ctx context.Context, d *decision, inOrder bool) error {
	yesterday := DayOf(f.now()) - 1 // retention is a day at least, so that no store has dropped it
	old := slices.ContainsFunc(d.step.Track, func(s Segment) bool { return s.Day < yesterday })
	if d.next.last.Seq == 0 || inOrder && !old {
		return nil
	}
	days, err := f.store.Days(ctx, d.step.Unit)
	if err != nil {
		return err
	}
	d.next.noteDropped(days)
	return nil
}

// usualState is room for the state of a unit with a day of checkpoints and few open visits (TestStateSize), in bytes.
const usualState = 640

// finish puts into the step what follows from the next state.
func (d *decision) finish(unit UnitID, old *vehicle) (err error) {
	last := &d.next.last
	d.moved = last.Seq != 0 && (old.last.Seq == 0 || last.Fix.Time.After(old.last.Fix.Time))
	if last.Seq != 0 && (old.last.Seq == 0 || last.Fix.Point != old.last.Fix.Point) {
		d.next.cell = cell.FromPoint(last.Fix.Point)
	}
	d.step.Position = d.next.position(unit)
	d.step.Opened, d.step.Closed = changes(old.openFences(), d.next.openFences())
	d.step.State, err = appendVehicle(make([]byte, 0, usualState), &d.next)
	return err
}

// changes are what is only in the second and only in the first of two ascending lists.
func changes(before, after []string) (opened, closed []string) {
	for len(before) > 0 || len(after) > 0 {
		switch {
		case len(before) == 0 || len(after) > 0 && after[0] < before[0]:
			opened, after = append(opened, after[0]), after[1:]
		case len(after) == 0 || before[0] < after[0]:
			closed, before = append(closed, before[0]), before[1:]
		default:
			before, after = before[1:], after[1:]
		}
	}
	return opened, closed
}

// gate gives the batch as it is stored: rounded as the encoding rounds, so that deciding now and deciding from the track are
// the same, and with what the centre's clock says of each fix. A fix from the future is stored as refused, and stays that
// when its time has come: the receiver's clock was wrong.
func (f *Fleet) gate(b track.Batch, d *decision, w *workspace) track.Batch {
	latest := f.now().Add(f.limits.FutureSkew)
	fixes := append(w.gated[:0], b.Fixes...)
	track.QuantizeAll(fixes)
	for i := range fixes {
		if fixes[i].Verdict == positioning.Accepted && fixes[i].Time.After(latest) {
			fixes[i].Verdict = positioning.RefusedFuture
			d.future++
		}
	}
	b.Fixes, w.gated = fixes, fixes
	return b
}

// workspace is memory in which one batch after another is decided. What is decided refers to none of it.
type workspace struct {
	gated []positioning.Fix
	fresh []TrackFix
}

func (f *Fleet) workspace() *workspace {
	if w, ok := f.workspaces.Get().(*workspace); ok {
		return w
	}
	return new(workspace)
}

// segments encodes the missing fixes of a batch, by day of fix time.
func segments(b track.Batch, missing track.Ranges) ([]Segment, error) {
	var out []Segment
	for _, r := range missing {
		fixes := b.Fixes[r.First-b.First : r.Last-b.First+1]
		for first := r.First; len(fixes) > 0; {
			day := DayOf(fixes[0].Time)
			n := 1
			for n < len(fixes) && DayOf(fixes[n].Time) == day {
				n++
			}
			i := slices.IndexFunc(out, func(s Segment) bool { return s.Day == day })
			if i < 0 {
				i, out = len(out), append(out, Segment{Day: day})
			}
			var err error
			out[i].Data, err = track.AppendBatch(out[i].Data, track.Batch{Series: b.Series, First: first, Fixes: fixes[:n]})
			if err != nil {
				return nil, err
			}
			first, fixes = first+track.Seq(n), fixes[n:]
		}
	}
	return out, nil
}

// freshFixes are the missing fixes of a batch that count, in the order of TrackFix.compare.
func freshFixes(b track.Batch, missing track.Ranges, w *workspace) []TrackFix {
	out := w.fresh[:0]
	for _, r := range missing {
		for seq := r.First; ; seq++ {
			x := TrackFix{Series: b.Series, Seq: seq, Fix: b.Fixes[seq-b.First]}
			if x.counts() {
				out = append(out, x)
			}
			if seq == r.Last {
				break
			}
		}
	}
	sortFixes(out)
	w.fresh = out
	return out
}

func sortFixes(fixes []TrackFix) {
	compare := func(a, b TrackFix) int { return a.compare(&b) }
	if !slices.IsSortedFunc(fixes, compare) {
		slices.SortFunc(fixes, compare)
	}
}

// forward shows the ledger fixes that are all newer than what it saw.
func (f *Fleet) forward(unit UnitID, old *vehicle, d *decision, fresh []TrackFix) error {
	p := pass{ledger: geofence.NewLedger(string(unit), f.index()), state: old.ledger, odometer: old.odometer, last: old.last}
	p.history.points = slices.Clone(old.checkpoints)
	if d.next.gaps() && leavesGap(old, &fresh[0]) {
		p.history.note(&p.state, &p.odometer, fresh[0].Fix.Time.UnixMilli(), pinGap)
	}
	for i := range fresh {
		p.show(&fresh[i])
	}
	p.into(&d.next)
	if old.last.Seq == 0 {
		d.next.firstMs = fresh[0].Fix.Time.UnixMilli()
	}
	for i := range p.events {
		e := &p.events[i]
		e.Revision = 1
		r, err := encodeEvent(*e)
		if err != nil {
			return err
		}
		d.step.Events = append(d.step.Events, r)
		d.told.fresh++
	}
	return nil
}

// leavesGap reports whether a fix follows the ones held without the numbers between.
func leavesGap(old *vehicle, x *TrackFix) bool {
	return x.Seq > 1 && !old.heldOf(x.Series).Contains(x.Seq-1)
}

// pass is one run of the ledger and the odometer over fixes in their order.
type pass struct {
	ledger   *geofence.Ledger
	state    geofence.State
	odometer journey.Odometer
	legs     []journey.Leg // nobody wants them; memory for the next
	history  history
	events   []geofence.Event
	last     TrackFix // the newest shown; of several at a time the first
}

func (p *pass) show(x *TrackFix) {
	if p.last.Seq != 0 && !x.Fix.Time.After(p.last.Fix.Time) {
		return // another of the same time came before it in order
	}
	p.history.note(&p.state, &p.odometer, x.Fix.Time.UnixMilli(), unpinned)
	p.legs = p.odometer.Step(x.Fix, p.legs[:0])
	p.events = p.ledger.Step(&p.state, geofence.Observation{Series: uint32(x.Series), Seq: uint64(x.Seq), Fix: x.Fix}, p.events)
	p.last = *x
}

// into makes what the pass came to the state.
func (p *pass) into(v *vehicle) {
	v.ledger, v.odometer, v.last, v.checkpoints = p.state, p.odometer, p.last, p.history.points
}

// eventsFrom is the FixTime from which events are decided after a ledger at some time.
func eventsFrom(s *geofence.State) time.Time {
	if s.Time().IsZero() {
		return time.Time{}
	}
	return s.Time().Add(time.Millisecond)
}
