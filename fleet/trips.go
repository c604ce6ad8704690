package fleet

import (
	"context"
	"fmt"
	"time"

	"dipper/fleet/journey"
	"dipper/positioning/track"
)

const (
	// journeyMargin is how much before and behind the time that is asked for is read, so that what lies across its ends is told
	// whole: a day, in which nearly every vehicle stands once.
	journeyMargin = 24 * time.Hour
	// MaxJourney is the longest time that Journey looks at.
	MaxJourney = 31 * 24 * time.Hour
)

// JourneyQuery asks what a unit's track means.
type JourneyQuery struct {
	From, To time.Time     // fix time; at most MaxJourney apart
	Expected time.Duration // how often the unit was told to send a fix; 0: it was not
}

// Journey tells the trips, stops and silences of a unit that lie in part between two times, and sums over the time between. It is
// read from the track, so late fixes are in it as soon as they are stored, at the cost of reading the days: 3 ms for one of
// 2,880 fixes. Trips and stops are told whole, up to a day before and behind; beyond that they are marked as begun or
// open. It is empty for a unit that never sent.
func (f *Fleet) Journey(ctx context.Context, id UnitID, q JourneyQuery) (journey.Report, error) {
	switch {
	case q.To.Before(q.From):
		return journey.Report{}, &InvalidError{Field: "to", Reason: "is before from"}
	case q.To.Sub(q.From) > MaxJourney:
		return journey.Report{}, &InvalidError{Field: "to", Reason: fmt.Sprintf("is more than %d days after from", MaxJourney/(24*time.Hour))}
	}
	v, _, err := f.vehicle(ctx, id)
	if err != nil {
		return journey.Report{}, err
	}
	days, err := f.store.Days(ctx, id)
	if err != nil {
		return journey.Report{}, fmt.Errorf("journey of %s: %w", id, err)
	}
	diary := journey.NewDiary(journey.Config{
		Expected: q.Expected, Missing: v.missing, Begin: q.From, End: q.To,
	})
	from, to := q.From.Add(-journeyMargin), q.To.Add(journeyMargin)
	var fixes []TrackFix
	for _, day := range days {
		if day < DayOf(from) || day > DayOf(to) {
			continue
		}
		if fixes, _, err = f.inOrder(ctx, id, day, from, to, fixes[:0]); err != nil {
			return journey.Report{}, fmt.Errorf("journey of %s: %w", id, err)
		}
		for i := range fixes {
			diary.Add(uint32(fixes[i].Series), uint64(fixes[i].Seq), fixes[i].Fix)
		}
	}
	heardUntil := q.To
	if now := f.now(); now.Before(heardUntil) {
		heardUntil = now
	}
	return diary.Finish(heardUntil), nil
}

// missing is how many of some numbers are not held.
func (v *vehicle) missing(series uint32, first, last uint64) uint64 {
	asked := track.Ranges{{First: track.Seq(first), Last: track.Seq(last)}}
	return asked.Subtract(v.heldOf(track.Series(series))).Count()
}
