package receiver

import (
	"slices"
	"time"

	"dipper/geofence"
)

// remembered is how many fixes back an edit of a fence reaches: a minute at 1 Hz, for a set of fences that is seconds under way.
const remembered = 64

// moment is a fix that the ledger took, and what is needed to decide it again.
type moment struct {
	before geofence.State
	ob     geofence.Observation
	given  []string // ids of the events that came of it
}

// stepLocked shows the ledger a fix and remembers it.
func (v *visits) stepLocked(ob geofence.Observation) []geofence.Event {
	m := moment{before: v.state, ob: ob}
	events := v.ledger.Step(&v.state, ob, nil)
	if v.state.Time().Equal(m.before.Time()) {
		return nil // refused, or not later than the last
	}
	for _, e := range events {
		m.given = append(m.given, e.ID)
	}
	if len(v.recent) == remembered {
		v.recent = slices.Delete(v.recent, 0, 1)
	}
	v.recent = append(v.recent, m)
	return events
}

// use makes fences those that count. A fence that is new to the unit counts from its next fix on: the vehicle came near it, and has
// not reached it yet, or it was just made, and the centre begins with it at the same fix or a few earlier. A new revision of a
// fence counts from when the centre says, so the fixes since are decided again.
func (v *visits) use(fences []geofence.Fence) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if between, from, edited := edits(v.fences, fences); edited {
		v.decideAgainLocked(from, between)
	}
	v.fences = fences
	v.ledger.Use(geofence.NewIndex(fences))
}

// decideAgainLocked takes the ledger back to before from, or as far as it remembers, and shows it the fixes since with other fences.
func (v *visits) decideAgainLocked(from time.Time, fences []geofence.Fence) {
	first := slices.IndexFunc(v.recent, func(m moment) bool { return !m.ob.Fix.Time.Before(from) })
	if first < 0 {
		return
	}
	again := slices.Clone(v.recent[first:])
	v.state, v.recent = again[0].before, v.recent[:first]
	v.ledger.Use(geofence.NewIndex(fences))
	var found []geofence.Event
	for _, m := range again {
		events := v.stepLocked(m.ob)
		now := &v.recent[len(v.recent)-1].given
		*now = append(*now, m.given...) // told already, whatever is decided now
		found = append(found, slices.DeleteFunc(events, func(e geofence.Event) bool { return slices.Contains(m.given, e.ID) })...)
	}
	v.tellLateLocked(found)
}

// edits finds the fences of a new set that take the place of a revision in the old one. It gives the old set with them, as the
// centre's history has them: the revision before ends where its successor begins. from is the earliest of these times.
func edits(old, set []geofence.Fence) (both []geofence.Fence, from time.Time, edited bool) {
	both = slices.Clone(old)
	for _, f := range set {
		if f.ValidFrom.IsZero() || slices.ContainsFunc(old, func(o geofence.Fence) bool { return o.ID == f.ID && o.Revision >= f.Revision }) {
			continue
		}
		known := false
		for i := range both {
			if o := &both[i]; o.ID == f.ID && o.Revision < f.Revision {
				known = true
				if o.ValidUntil.IsZero() || o.ValidUntil.After(f.ValidFrom) {
					o.ValidUntil = f.ValidFrom
				}
			}
		}
		if !known {
			continue
		}
		both = append(both, f)
		if !edited || f.ValidFrom.Before(from) {
			from, edited = f.ValidFrom, true
		}
	}
	return both, from, edited
}
