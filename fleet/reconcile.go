package fleet

import (
	"cmp"
	"context"
	"slices"
	"time"

	"dipper/geofence"
)

// reconcile compares the events decided now with those told before, from a fix time on. Equal ones are left alone; a changed one is
// told again under its id with the next revision, a new one for the first time, and one that did not happen is retracted.
// Events of fence revisions that are no longer remembered cannot be decided again and stay as they are.
func (f *Fleet) reconcile(ctx context.Context, unit UnitID, d *decision, decided []geofence.Event, from time.Time) error {
	records, err := f.store.UnitEvents(ctx, unit, from)
	if err != nil {
		return err
	}
	before := make(map[string]geofence.Event, len(records))
	for _, r := range records {
		e, err := decodeEvent(r)
		if err != nil {
			return err
		}
		before[r.ID] = e
	}
	var out []geofence.Event
	seen := make(map[string]bool, len(decided))
	for _, e := range decided {
		seen[e.ID] = true
		was, told := before[e.ID]
		e.Revision = was.Revision + 1
		switch {
		case !told:
			d.told.fresh++
		case sameEvent(was, e):
			continue
		default:
			d.told.corrected++
		}
		out = append(out, e)
	}
	fences := f.index().Fences()
	for _, r := range records {
		e := before[r.ID]
		if seen[r.ID] || e.Retracted || !remembered(fences, e.Fence, e.FenceRevision) {
			continue
		}
		e.Retracted = true
		e.Revision++
		d.told.retracted++
		out = append(out, e)
	}
	for _, e := range out {
		r, err := encodeEvent(e)
		if err != nil {
			return err
		}
		d.step.Events = append(d.step.Events, r)
	}
	return nil
}

// sameEvent reports whether what was told still holds.
func sameEvent(told, now geofence.Event) bool {
	if told.Retracted || !told.Time.Equal(now.Time) || !told.FixTime.Equal(now.FixTime) {
		return false
	}
	now.Time, now.FixTime, now.Revision = told.Time, told.FixTime, told.Revision
	return told == now
}

func remembered(fences []geofence.Fence, id string, revision uint64) bool {
	_, ok := slices.BinarySearchFunc(fences, geofence.Fence{ID: id, Revision: revision}, func(a, b geofence.Fence) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Revision, b.Revision))
	})
	return ok
}
