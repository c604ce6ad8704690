package geofence

import (
	"math"
	"slices"
)

// clearance is what a Ledger knows beside the State, to save time: a rectangle of the lattice around a fix that no border of any
// fence meets, for the index it was made with and the time in which the same revisions count there. While a vehicle stays in it, it is
// in the fences that it was in and in no other, whatever way it takes, for a straight way between two places of a
// rectangle lies in it. So only the fences that the state knows are looked at, and those only if they have something to
// tell. It is only good for the state that the ledger left behind, which is checked; without it every answer is the same.
//
// A rectangle in whole numbers needs no metres: that no edge of a polygon meets it is as exact as containment is, at any
// latitude. For circles and corridors see lineRoom.
type clearance struct {
	kept   bool // the ledger has made a step; ms, place and stays are those it left in the state
	ms     int64
	place  place
	stays  []stay
	timers timers

	holds bool // room and until are known
	room  box
	until int64 // Unix milliseconds, exclusive: when another revision may come to count, or cease

	served bool  // room has served a step
	wasted uint8 // rooms in a row that served none
	rest   uint8 // steps to make before the next is looked for
}

// timers says what a step must do for the stays although the vehicle crosses no border.
type timers struct {
	busy  bool    // a stay is in the band, or in a row of fixes: every step is made in full
	due   int64   // the earliest time of a dwell event that was not told
	limit float64 // the lowest speed limit, metres per second
}

// Figures that decide about speed only.
const (
	aheadSteps   = 16   // a room reaches this many times the last step ahead
	aroundM      = 15   // and this far to every side, and
	aroundSteps  = 2    // this many times the last step more, metres
	farthest     = 2000 // at most, metres to one side
	farthestLon  = unitsPerDegree
	patientRooms = 2 // rooms in a row may be wasted before some steps go by without looking for one
	longestRest  = 5 // 1<<5 steps
)

// follows reports whether s is what the ledger's last step left.
func (c *clearance) follows(s *State) bool {
	if !c.kept || s.last.ms != c.ms || s.last.place != c.place || len(s.stays) != len(c.stays) {
		return false
	}
	if len(s.stays) > 0 && &s.stays[0] != &c.stays[0] { // stays are never changed in place
		if !slices.Equal(s.stays, c.stays) {
			return false
		}
		c.stays = s.stays
	}
	return true
}

// covers reports whether the vehicle is still in the room at a time at which the same fences count.
func (c *clearance) covers(v *sight) bool {
	return c.holds && v.ms < c.until &&
		eastOf(c.room.west, v.place.x) <= c.room.width && v.place.y >= c.room.south && v.place.y <= c.room.north
}

// quiet reports whether a step in the room changes nothing but the last fix.
func (m *timers) quiet(v *sight) bool {
	return !m.busy && v.ms < m.due && !(v.speed > m.limit) // true for NaN, unknown
}

// leave remembers what a step left in the state.
func (c *clearance) leave(v *sight, stays []stay) {
	c.kept, c.ms, c.place, c.stays = true, v.ms, v.place, stays
}

// timersOf looks through stays, all of which count.
func (ix *Index) timersOf(stays []stay) timers {
	m := timers{due: math.MaxInt64, limit: math.Inf(1)}
	for i := range stays {
		y := &stays[i]
		slot, ok := ix.revision(y.fence, y.revision)
		if !ok || !y.in || y.run.fixes > 0 || y.over > 0 {
			return timers{busy: true}
		}
		f := &ix.fences[slot]
		if f.Dwell > 0 && !y.dwelt {
			m.due = min(m.due, y.since+f.Dwell.Milliseconds())
		}
		if f.SpeedLimitMps > 0 {
			m.limit = min(m.limit, f.SpeedLimitMps)
		}
	}
	return m
}

// wanted reports whether to look for a room now, after a step that none served. Where fixes are so far apart, or
// borders so close together, that rooms do not serve, it is tried more and more rarely.
// The room there was is given up: the vehicle has left it, or is another state's.
func (c *clearance) wanted() bool {
	if c.holds && !c.served && c.wasted < patientRooms+longestRest {
		c.wasted++
	}
	c.holds = false
	if c.rest > 0 {
		c.rest--
		return false
	}
	if c.wasted > patientRooms {
		c.rest = 1 << (c.wasted - patientRooms)
	}
	return true
}

// lookRoom is the rectangle in which to look for room for a vehicle that came from p to q: mostly ahead.
func lookRoom(p, q place) room {
	s := scaleAt(float64(q.y))
	r := room{at: q, scale: s}
	dx, dy := float64(lonStep(p.x, q.x)), float64(int64(q.y)-int64(p.y))
	around := aroundM + aroundSteps*hypot(dx*s.x, dy*s.y)
	side := func(d, perUnit, most float64) float64 {
		return math.Floor(min((around/perUnit)+aheadSteps*max(d, 0), farthest/perUnit, most))
	}
	r.e, r.w = side(dx, s.x, farthestLon), side(-dx, s.x, farthestLon)
	r.n = min(side(dy, s.y, farthestLon), float64(quarterTurn-int64(q.y)))
	r.s = min(side(-dy, s.y, farthestLon), float64(quarterTurn+int64(q.y)))
	return r
}

// find makes the room around the last place of a step out of entries of the index: at least those whose boxes meet r.
func (c *clearance) find(ix *Index, r room, found []int32, ms int64) {
	c.until = math.MaxInt64
	c.holds, c.served = true, false
	for _, i := range found {
		c.until = min(c.until, ix.sameUntil(i, ms))
		if !ix.counts(i, ms) {
			continue
		}
		parts := ix.fences[i].Shape.parts
		for j := range parts {
			if r.avoid(&parts[j]); r.none() {
				c.holds = false
				return
			}
		}
	}
	c.room = r.box()
	if c.holds = c.room.width > 0 && c.room.north > c.room.south; !c.holds {
		return
	}
}

// sameUntil is the time up to which an entry counts, or does not count, as it does at ms.
func (ix *Index) sameUntil(i int32, ms int64) int64 {
	until := int64(math.MaxInt64)
	for {
		if v := ix.valid[i]; ms < v.from {
			until = min(until, v.from)
		} else if ms < v.until {
			until = min(until, v.until)
		}
		if !ix.valid[i].shared {
			return until
		}
		i++ // a higher revision, which counts in its place wherever that lies
	}
}
