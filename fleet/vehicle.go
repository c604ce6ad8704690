package fleet

import (
	"cmp"
	"slices"

	"dipper/fleet/cell"
	"dipper/fleet/journey"
	"dipper/geofence"
	"dipper/positioning"
	"dipper/positioning/track"
)

// TrackFix is a fix with its number.
type TrackFix struct {
	Series track.Series
	Seq    track.Seq
	Fix    positioning.Fix
}

// compare orders fixes as the ledger sees them: by time, and at the same time by number. Of fixes at the same millisecond only the
// first in this order counts, so the order of arrival cannot matter.
func (a *TrackFix) compare(b *TrackFix) int {
	return cmp.Or(a.Fix.Time.Compare(b.Fix.Time), cmp.Compare(a.Series, b.Series), cmp.Compare(a.Seq, b.Seq))
}

// counts reports whether the fix moves anything: it was accepted by the gates on board and by the centre's clock. All other
// fixes are stored only.
func (a *TrackFix) counts() bool { return a.Fix.Verdict == positioning.Accepted }

// vehicle is the state of a unit: all that the next batch is decided on. It is a value: a decision makes the next one and
// leaves this one as it was, so slices are replaced and never changed in place.
type vehicle struct {
	held        []seriesRanges // by series
	forgotten   uint64         // how many series were held and are no more, so that the state stays small
	firstMs     int64          // Unix milliseconds of the oldest fix that counts; with last
	last        TrackFix       // the newest fix that counts, in TrackFix.compare's order the first of its time; Seq 0: none
	cell        cell.ID        // of last
	ledger      geofence.State // after last
	odometer    journey.Odometer
	checkpoints []checkpoint // ledgers and odometers at earlier times, ascending
	cut         bool         // retention dropped fixes that count; then
	cutMs       int64        // Unix milliseconds: the store has all fixes that count and are later
}

// seriesRanges is which numbers of a series are held.
type seriesRanges struct {
	series track.Series
	ranges track.Ranges
}

func (v *vehicle) find(s track.Series) (int, bool) {
	return slices.BinarySearchFunc(v.held, s, func(h seriesRanges, s track.Series) int { return cmp.Compare(h.series, s) })
}

func (v *vehicle) heldOf(s track.Series) track.Ranges {
	if i, ok := v.find(s); ok {
		return v.held[i].ranges
	}
	return nil
}

// hold adds numbers to those held.
func (v *vehicle) hold(s track.Series, r track.Range) {
	i, ok := v.find(s)
	held := make([]seriesRanges, 0, len(v.held)+1)
	held = append(held, v.held...)
	if !ok {
		held = slices.Insert(held, i, seriesRanges{series: s})
	}
	held[i].ranges = held[i].ranges.Add(r)
	v.held = held
}

// bound forgets numbers so that a state stays small, and never those of the batch that was just held: of the other series the
// oldest, and of the batch's the shortest runs. Their fixes stay in the track. If a unit sends them again they are stored
// again, to no harm; to refuse the unit would keep all that is new out for ever.
func (v *vehicle) bound(s track.Series, in track.Range, l *Limits) (series, runs int) {
	for len(v.held) > l.SeriesPerUnit && len(v.held) > 1 {
		oldest := 0
		if v.held[0].series == s {
			oldest = 1
		}
		v.held = slices.Delete(slices.Clone(v.held), oldest, oldest+1)
		series++
	}
	v.forgotten += uint64(series)
	i, ok := v.find(s)
	if !ok {
		return series, 0
	}
	ranges := slices.Clone(v.held[i].ranges)
	for len(ranges) > l.RangesPerUnit && len(ranges) > 1 {
		shortest := -1
		for k, r := range ranges {
			if r.First > in.First || r.Last < in.Last { // not the one that has the batch
				if shortest < 0 || r.Count() < ranges[shortest].Count() {
					shortest = k
				}
			}
		}
		ranges = slices.Delete(ranges, shortest, shortest+1)
		runs++
	}
	if runs > 0 {
		v.held = slices.Clone(v.held)
		v.held[i].ranges = ranges
	}
	return series, runs
}

// gaps reports whether a number is missing below one that is held: fixes that are still to come, and late.
func (v *vehicle) gaps() bool {
	for _, h := range v.held {
		if len(h.ranges) > 1 || len(h.ranges) == 1 && h.ranges[0].First > 1 {
			return true
		}
	}
	return false
}

// noteDropped looks at the days that the store has for what retention dropped since it was looked at before. Retention drops the
// oldest days, so that if the oldest that must be there is, all are; and if it is not, all up to the next that is are gone.
// This needs that it is called before anything is stored on a day that can have been dropped: else the day would be there again.
func (v *vehicle) noteDropped(days []Day) {
	last := v.last.Fix.Time.UnixMilli()
	oldest := v.firstMs
	if v.cut {
		oldest = v.cutMs + 1
	}
	i, there := slices.BinarySearch(days, DayOf(timeOfMs(oldest)))
	if there {
		return
	}
	v.cut, v.cutMs = true, last
	if i < len(days) {
		v.cutMs = min(last, startOf(days[i]).UnixMilli()-1)
	}
}

// restartable are the checkpoints from which the ledger can run again, since the store has all that follows.
func (v *vehicle) restartable() []checkpoint {
	if !v.cut {
		return v.checkpoints
	}
	n, _ := slices.BinarySearchFunc(v.checkpoints, v.cutMs, func(c checkpoint, ms int64) int { return cmp.Compare(c.ms, ms) })
	return v.checkpoints[n:]
}

// position is where the unit was last; without a cell if no fix counts yet.
func (v *vehicle) position(unit UnitID) Position {
	if v.last.Seq == 0 {
		return Position{}
	}
	f := &v.last.Fix
	return Position{
		Unit: unit, Time: f.Time, Point: f.Point, SpeedMps: f.SpeedMps, CourseDeg: f.CourseDeg, ErrM: f.ErrM,
		Series: uint32(v.last.Series), Seq: uint64(v.last.Seq), Cell: v.cell,
	}
}

// openFences are the fences with an open visit, ascending.
func (v *vehicle) openFences() []string {
	open := v.ledger.Open()
	if len(open) == 0 {
		return nil
	}
	out := make([]string, len(open))
	for i := range open {
		out[i] = open[i].Fence
	}
	return out
}
