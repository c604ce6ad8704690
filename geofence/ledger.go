package geofence

import (
	"math"
	"slices"
	"strings"
	"time"

	"dipper/positioning"
)

// Ledger decides the visits of one unit among the fences of an index. It holds no history, that is State's, only memory for
// searching, and how far the vehicle may go before a fence has to be asked at all. So it is fastest when it is kept for a
// unit from one batch to the next, but one may be made at any time, and the answers are the same. It is not safe for concurrent
// use.
type Ledger struct {
	unit  string
	ix    *Index
	near  neighbours
	clear clearance
}

// NewLedger makes the ledger of a unit.
func NewLedger(unit string, ix *Index) *Ledger { return &Ledger{unit: unit, ix: ix} }

// Use makes the next steps with an index, which may be the one in use.
func (l *Ledger) Use(ix *Index) {
	if l.ix != ix {
		l.ix, l.clear = ix, clearance{}
	}
}

// Step takes the next fix of the unit, brings s up to date and appends what happened to events, in the order of time. It
// depends on nothing but unit, index, s and ob, whether or not s was encoded and decoded between two steps, and it allocates
// only where something changes. A fix that was refused by a gate, or that is not later than s.Time(), changes nothing.
//
//   - A visit opens (Enter) at the first fix deeper inside than Band, or by Patience, and closes (Exit) at the first fix farther
//     outside than Band. The event's FixTime is that fix's; its Time is when the border was crossed: on the straight way from the
//     last fix on the old side to the first on the new side of the run that led there. However long the silence between the two,
//     the event is told.
//   - PlusMinusS bounds Time: by the farther of those two fixes, because nobody knows how the vehicle moved between them, and by
//     BoundErrors errors of the fixes at the speed of the crossing.
//   - A straight way between two fixes that leads through the fence, deeper than the band, is as good as a fix there, up to
//     MaxPassGap: two fixes outside with the fence between them give Enter and Exit.
//   - InsideAtStart opens a visit where the last fix does not say that the vehicle was outside: it is the unit's first, or the
//     fence did not count then, or it was not in the index.
//   - Dwell is due Fence.Dwell after the visit began, once, and given by the first fix at or after that.
//   - Overspeed is given by the second of OverspeedFixes fixes in a row above the limit while the visit is open and the fix
//     inside, once until a fix is at or below the limit. Its Time is the first of them. A fix that does not know its speed
//     breaks the row, but does not end what was told.
//   - When the fence's revision no longer counts, its visit ends with a Reason at that time, or at the fix if the index does not
//     know when.
func (l *Ledger) Step(s *State, ob Observation, events []Event) []Event {
	cur, ok := sightOf(ob)
	if !ok || s.seen && cur.ms <= s.last.ms {
		return events
	}
	c := &l.clear
	follows := s.seen && c.follows(s)
	roomy := follows && c.covers(&cur)
	if roomy {
		c.served, c.wasted = true, 0
		if c.timers.quiet(&cur) {
			s.last = cur
			c.ms, c.place = cur.ms, cur.place
			return events
		}
	}
	t := step{l: l, cur: cur, stays: s.stays, events: events, told: len(events)}
	if s.seen {
		t.prev = &s.last
	}
	t.moving = t.isMoving()
	t.oldStays()
	if !roomy {
		t.newStays(s.stays, c.wanted() && follows)
	}
	c.leave(&cur, t.stays)
	if c.holds {
		c.timers = l.ix.timersOf(t.stays)
	}
	slices.SortStableFunc(t.events[t.told:], func(a, b Event) int { return a.Time.Compare(b.Time) })
	s.seen, s.last, s.stays = true, cur, t.stays
	return t.events
}

// sightOf is what the ledger takes from an observation, or false if it takes nothing.
func sightOf(ob Observation) (sight, bool) {
	f := ob.Fix
	ms := f.Time.UnixMilli()
	if f.Verdict != positioning.Accepted || !f.Point.Valid() || ms < minMillis || ms > maxMillis {
		return sight{}, false
	}
	v := sight{ms: ms, place: placeOf(f.Point), errM: f.ErrM, speed: math.NaN(), series: ob.Series, seq: ob.Seq}
	if !(v.errM > 0) || math.IsInf(v.errM, 0) {
		v.errM = UnknownErrM
	}
	if f.SpeedMps >= 0 && !math.IsInf(f.SpeedMps, 0) {
		v.speed = f.SpeedMps
	}
	return v, true
}

// step is one call of Step.
type step struct {
	l      *Ledger
	prev   *sight // nil: cur is the unit's first
	cur    sight
	moving bool
	stays  []stay // those of the state until something changes, then a copy
	copied bool
	events []Event
	told   int // length of events before the step
}

func (t *step) isMoving() bool {
	if positioning.Known(t.cur.speed) {
		return t.cur.speed >= MovingMps
	}
	if t.prev == nil {
		return false
	}
	way := metresBetween(t.prev.place, t.cur.place) - float64(MovingBand*(t.prev.errM+t.cur.errM))
	return way >= MovingMps*float64(t.cur.ms-t.prev.ms)/1000
}

// enterBand is the inner side of the band of a shape with a reach, exitBand the outer side.
func (t *step) enterBand(reach float64) float64 { return min(t.exitBand(), EnterShare*reach) }
func (t *step) exitBand() float64               { return Band(t.cur.errM, t.moving) }

// oldStays brings the stays that the state knows up to date.
func (t *step) oldStays() {
	for i := 0; i < len(t.stays); {
		y := t.stays[i]
		slot, known := t.l.ix.revision(y.fence, y.revision)
		keep := known && t.l.ix.counts(slot, t.cur.ms)
		switch {
		case keep:
			keep = t.advance(&y, &t.l.ix.fences[slot])
		case y.in:
			t.end(&y, slot, known)
		}
		if !keep {
			t.drop(i)
			continue
		}
		if y != t.stays[i] {
			t.own()
			t.stays[i] = y
		}
		i++
	}
}

// newStays looks for fences near the way to the fix that the state knew nothing of, and for room around it if asked to.
func (t *step) newStays(known []stay, look bool) {
	way := boxOf(t.cur.place, t.cur.place)
	if t.prev != nil && t.cur.ms-t.prev.ms <= MaxPassGap.Milliseconds() {
		way = boxOf(t.prev.place, t.cur.place)
	}
	var r room
	if look {
		r = lookRoom(t.prev.place, t.cur.place)
		way = way.union(r.around())
	}
	found := t.l.near.of(t.l.ix, way)
	for _, slot := range found {
		f := &t.l.ix.fences[slot]
		if !t.l.ix.counts(slot, t.cur.ms) || knows(known, f) {
			continue
		}
		y := stay{fence: f.ID, revision: f.Revision}
		if t.arrive(&y, f, slot) {
			t.insert(y)
		}
	}
	if look {
		t.l.clear.find(t.l.ix, r, found, t.cur.ms)
	}
}

// knows reports whether a stay is of just this revision.
func knows(stays []stay, f *Fence) bool {
	i, ok := findStay(stays, f.ID)
	return ok && stays[i].revision == f.Revision
}

func findStay(stays []stay, fence string) (int, bool) {
	return slices.BinarySearchFunc(stays, fence, func(y stay, id string) int { return strings.Compare(y.fence, id) })
}

// own makes stays a copy that may be changed.
func (t *step) own() {
	if !t.copied {
		t.stays, t.copied = slices.Clone(t.stays), true
	}
}

func (t *step) drop(i int) {
	t.own()
	t.stays = slices.Delete(t.stays, i, i+1)
}

func (t *step) insert(y stay) {
	t.own()
	i, _ := findStay(t.stays, y.fence)
	t.stays = slices.Insert(t.stays, i, y)
}

// tell appends an event.
func (t *step) tell(y *stay, kind EventKind, ms int64, where place, plusMs int64, reason string) {
	t.events = append(t.events, Event{
		ID:   EventID(t.l.unit, y.fence, kind, t.cur.series, t.cur.seq),
		Kind: kind, Unit: t.l.unit, Fence: y.fence, FenceRevision: y.revision,
		Time: time.UnixMilli(ms).UTC(), PlusMinusS: float64(plusMs) / 1000, Point: where.point(),
		Series: t.cur.series, Seq: t.cur.seq, FixTime: time.UnixMilli(t.cur.ms).UTC(), Reason: reason,
	})
}

// placeAt is where the vehicle was at a time on the straight way from the last fix to this one.
func (t *step) placeAt(ms int64) place {
	if t.prev == nil || ms >= t.cur.ms {
		return t.cur.place
	}
	if ms <= t.prev.ms {
		return t.prev.place
	}
	return along(t.prev.place, t.cur.place, float64(ms-t.prev.ms)/float64(t.cur.ms-t.prev.ms))
}
