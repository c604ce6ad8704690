package geofence

import (
	"math"

	"dipper/positioning"
)

// arrive decides for a fence that the state knew nothing of: the vehicle was clearly outside at the last fix, or nothing is known
// of it. It reports whether y is to be remembered.
func (t *step) arrive(y *stay, f *Fence, slot int32) bool {
	inside := f.Shape.contains(t.cur.place)
	if t.prev == nil || !t.l.ix.counts(slot, t.prev.ms) || f.Shape.contains(t.prev.place) {
		if inside {
			y.in, y.atStart, y.since = true, true, t.cur.ms
			t.tell(y, InsideAtStart, t.cur.ms, t.cur.place, 0, "")
			t.whileIn(y, f)
		}
		return inside
	}
	if inside {
		return t.outside(y, f)
	}
	return t.pass(y, f)
}

// advance decides for a fence that the state knows. It reports whether y is still to be remembered.
func (t *step) advance(y *stay, f *Fence) bool {
	if y.in {
		return t.inside(y, f)
	}
	return t.outside(y, f)
}

// outside takes a fix of a vehicle without an open visit.
func (t *step) outside(y *stay, f *Fence) bool {
	if !f.Shape.contains(t.cur.place) {
		return y.run.fixes > 0 && t.pass(y, f)
	}
	depth, reach := f.Shape.depth(t.cur.place)
	t.extendRun(y, f, depth)
	proven := depth >= t.enterBand(reach) || t.patient(y)
	if !proven { // a fix on either side of a narrow gate: the way between them led through its middle
		_, proven = t.passed(f)
	}
	if proven {
		t.open(y)
		t.whileIn(y, f)
	}
	return true
}

// inside takes a fix of a vehicle with an open visit.
func (t *step) inside(y *stay, f *Fence) bool {
	if f.Shape.contains(t.cur.place) {
		y.run = run{}
		t.whileIn(y, f)
		return true
	}
	depth, _ := f.Shape.depth(t.cur.place)
	t.extendRun(y, f, depth)
	if y.over < overTold {
		y.over = 0
	}
	return t.stillIn(y, f, depth)
}

// stillIn closes a visit whose vehicle is out if the fix is beyond the band.
func (t *step) stillIn(y *stay, f *Fence, depth float64) bool {
	t.dwell(y, f, y.run.at)
	if -depth < t.exitBand() {
		return true
	}
	t.tell(y, Exit, y.run.at, y.run.where, t.plusMs(y.run), "")
	return false
}

// extendRun counts the fix into the run on the other side of the border; its first finds the crossing.
func (t *step) extendRun(y *stay, f *Fence, depth float64) {
	if y.run.fixes == 0 {
		y.run = t.crossing(f, y.in, depth)
	}
	if y.run.fixes < math.MaxUint32 {
		y.run.fixes++
	}
}

// patient reports whether the run inside is long enough to open a visit without passing the band.
func (t *step) patient(y *stay) bool {
	return y.run.fixes >= PatienceFixes && t.cur.ms-y.run.first >= Patience.Milliseconds()
}

// crossing interpolates where the way from the last fix to this one crosses the border.
func (t *step) crossing(f *Fence, leaving bool, depth float64) run {
	var at float64
	if leaving {
		at = f.Shape.leaves(t.prev.place, t.cur.place)
	} else {
		at = f.Shape.enters(t.prev.place, t.cur.place)
	}
	before, _ := f.Shape.depth(t.prev.place)
	return t.crossingAt(at, math.Abs(before)+math.Abs(depth))
}

// crossingAt is the crossing at a fraction of the way between the fixes, which brought the vehicle closer to the border by some
// metres and then away from it.
func (t *step) crossingAt(at, closing float64) run {
	gap := t.cur.ms - t.prev.ms
	ms := t.prev.ms + int64(math.Round(at*float64(gap)))
	r := run{
		first: t.cur.ms, at: ms, where: along(t.prev.place, t.cur.place, at),
		gapMs: max(ms-t.prev.ms, t.cur.ms-ms), slipMs: maxMillis,
	}
	if v := max(t.prev.speed, t.cur.speed); closing > v*float64(gap)/1000 { // never for NaN, unknown
		closing = v * float64(gap) / 1000 // the rest is noise
	}
	slip := BoundErrors * max(t.prev.errM, t.cur.errM) / closing * float64(gap)
	if slip < maxMillis { // not for a closing of 0
		r.slipMs = int64(math.Ceil(slip))
	}
	return r
}

// plusMs is the bound of a crossing that is proven now. The error of the fixes cannot move it farther than the time the
// proof took.
func (t *step) plusMs(r run) int64 {
	return r.gapMs + min(r.slipMs, max(r.gapMs, t.cur.ms-r.at))
}

// open begins a visit at the crossing of the run.
func (t *step) open(y *stay) {
	plus := t.plusMs(y.run)
	t.tell(y, Enter, y.run.at, y.run.where, plus, "")
	*y = stay{fence: y.fence, revision: y.revision, in: true, since: y.run.at, plusMs: plus}
}

// passed finds the first stretch of the way from the last fix to this one that goes deeper in than the band, unless the silence
// between them was too long to know the way.
func (t *step) passed(f *Fence) (span, bool) {
	if t.prev == nil || t.cur.ms-t.prev.ms > MaxPassGap.Milliseconds() {
		return span{}, false
	}
	return f.Shape.passes(t.prev.place, t.cur.place, t.enterBand)
}

// pass opens a visit that no fix proves, only the way between the last two, and closes it if this fix is far enough outside. It reports
// whether the visit is open.
func (t *step) pass(y *stay, f *Fence) bool {
	sp, ok := t.passed(f)
	if !ok {
		return false
	}
	before, _ := f.Shape.depth(t.prev.place)
	middle, _ := f.Shape.depth(along(t.prev.place, t.cur.place, (sp.in+sp.out)/2))
	after, _ := f.Shape.depth(t.cur.place)
	if y.run.fixes == 0 {
		y.run = t.crossingAt(sp.in, math.Abs(before)+middle)
	}
	t.open(y)
	y.run = t.crossingAt(sp.out, middle-after)
	y.run.fixes = 1
	return t.stillIn(y, f, after)
}

// whileIn looks for what can happen during a visit at a fix inside.
func (t *step) whileIn(y *stay, f *Fence) {
	t.dwell(y, f, t.cur.ms)
	switch {
	case f.SpeedLimitMps <= 0:
		y.over = 0
	case !positioning.Known(t.cur.speed):
		if y.over < overTold {
			y.over = 0
		}
	case t.cur.speed <= f.SpeedLimitMps:
		y.over = 0
	case y.over < overTold:
		if y.over++; y.over == overTold {
			t.tell(y, Overspeed, t.prev.ms, t.prev.place, t.cur.ms-t.prev.ms, "")
		}
	}
}

// dwell tells of a visit that lasted until a time, if that is long enough.
func (t *step) dwell(y *stay, f *Fence, until int64) {
	if f.Dwell <= 0 || y.dwelt || until-y.since < f.Dwell.Milliseconds() {
		return
	}
	y.dwelt = true
	due := y.since + f.Dwell.Milliseconds()
	t.tell(y, Dwell, due, t.placeAt(due), y.plusMs, "")
}

// end closes a visit in a revision that no longer counts.
func (t *step) end(y *stay, slot int32, known bool) {
	ms, plus := t.cur.ms, t.cur.ms-t.prev.ms
	if known {
		if e := t.l.ix.endOf(slot, t.cur.ms); e <= t.cur.ms {
			ms, plus = max(e, y.since), 0
		}
		t.dwell(y, &t.l.ix.fences[slot], ms)
	}
	reason := ReasonDeleted
	if _, ok := t.l.ix.effective(y.fence, t.cur.ms); ok {
		reason = ReasonChanged
	}
	t.tell(y, Exit, ms, t.placeAt(ms), plus, reason)
}
