package receiver

import (
	"slices"
	"time"

	"dipper/geofence"
	"dipper/positioning/track"
)

// remembered is how many fixes back a new fence or an edit of one reaches: a minute at 1 Hz, for a set of fences that is seconds under way.
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

// use makes fences those that count. first is the lowest number that the centre had not acknowledged when the set came.
//
// A new revision of a fence counts from its ValidFrom, which the centre set when the edit was made, so the fixes since are decided again.
// So does a revision after the first whose predecessors the unit does not hold. The first revision of a fence counts in the centre for
// what it decides after the fence was made, whatever the fixes' time (docs/decisions/0003). It sends acknowledgements and sets
// over one connection in the order in which it decided, so these are the fixes from first on, but for the few that it decided
// and acknowledged between the making and the sending: milliseconds, or up to ten seconds when it had sent a set just before. A fence that
// the vehicle only came near is as far from the fixes as from the vehicle, and deciding them again changes nothing.
func (v *visits) use(fences []geofence.Fence, first track.Seq) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if c := changeOf(v.fences, fences); c.edited || len(c.fresh) > 0 {
		v.decideAgainLocked(c, first)
	}
	v.fences = fences
	v.ledger.Use(geofence.NewIndex(fences))
}

// decideAgainLocked takes the ledger back to where the change begins, or as far as it remembers, and shows it the fixes since.
func (v *visits) decideAgainLocked(c change, first track.Seq) {
	edit, fresh := len(v.recent), len(v.recent) // the first fixes that are decided with the edits, and with the fresh fences
	for i, m := range slices.Backward(v.recent) {
		if c.edited && !m.ob.Fix.Time.Before(c.from) {
			edit = i
		}
		if len(c.fresh) > 0 && track.Seq(m.ob.Seq) >= first {
			fresh = i
		}
	}
	start := min(edit, fresh)
	if start == len(v.recent) {
		return
	}
	again := slices.Clone(v.recent[start:])
	v.state, v.recent = again[0].before, v.recent[:start]
	v.ledger.Use(geofence.NewIndex(c.both))
	var found []geofence.Event
	for i, m := range again {
		if start+i == fresh { // not from ValidFrom: before, the centre did not have the fence at all
			v.ledger.Use(geofence.NewIndex(slices.Concat(c.both, c.fresh)))
		}
		events := v.stepLocked(m.ob)
		now := &v.recent[len(v.recent)-1].given
		*now = append(*now, m.given...) // told already, whatever is decided now
		found = append(found, slices.DeleteFunc(events, func(e geofence.Event) bool { return slices.Contains(m.given, e.ID) })...)
	}
	v.tellLateLocked(found)
}

// change is what a new set of fences has that the old one has not.
type change struct {
	both   []geofence.Fence // the old set and the edits, as the centre's history has them: a revision ends where its successor begins
	edited bool
	from   time.Time // the earliest ValidFrom of an edit
	fresh  []geofence.Fence
}

// changeOf tells edits, which count from their ValidFrom, from fresh fences, which count from a fix.
func changeOf(old, set []geofence.Fence) change {
	c := change{both: slices.Clone(old)}
	for _, f := range set {
		if slices.ContainsFunc(old, func(o geofence.Fence) bool { return o.ID == f.ID && o.Revision >= f.Revision }) {
			continue
		}
		if f.Revision <= 1 {
			c.fresh = append(c.fresh, f)
			continue
		}
		for i := range c.both {
			if o := &c.both[i]; o.ID == f.ID && (o.ValidUntil.IsZero() || o.ValidUntil.After(f.ValidFrom)) && o.Revision < f.Revision {
				o.ValidUntil = f.ValidFrom
			}
		}
		c.both = append(c.both, f)
		if !c.edited || f.ValidFrom.Before(c.from) {
			c.from, c.edited = f.ValidFrom, true
		}
	}
	return c
}
