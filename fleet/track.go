package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"dipper/positioning/track"
)

// Track gives a unit's fixes with from <= time <= to, in the order of time and each number once: at most limit of them, the oldest, and
// truncated says that there are more. Refused fixes are among them, with their verdict. It is empty for a unit that never sent.
func (f *Fleet) Track(ctx context.Context, id UnitID, from, to time.Time, limit int) (fixes []TrackFix, truncated bool, err error) {
	if err := CheckUnitID(string(id)); err != nil {
		return nil, false, err
	}
	if limit <= 0 {
		return nil, false, &InvalidError{Field: "limit", Reason: "must be above 0"}
	}
	days, err := f.store.Days(ctx, id)
	if err != nil {
		return nil, false, fmt.Errorf("track of %s: %w", id, err)
	}
	for _, day := range days {
		if day < DayOf(from) || day > DayOf(to) {
			continue
		}
		if fixes, _, err = f.inOrder(ctx, id, day, from, to, fixes); err != nil {
			return nil, false, fmt.Errorf("track of %s: %w", id, err)
		}
		if len(fixes) > limit {
			return slices.Clip(fixes[:limit]), true, nil
		}
	}
	return fixes, false, nil
}

// inOrder appends a day's fixes with from <= time <= to, in the order of time and each number once. read is how many bytes the day has.
func (f *Fleet) inOrder(ctx context.Context, unit UnitID, day Day, from, to time.Time, fixes []TrackFix) (_ []TrackFix, read int, err error) {
	start := len(fixes)
	read, err = f.eachBatch(ctx, unit, day, from, to, func(b track.Batch) {
		for i := range b.Fixes {
			if t := b.Fixes[i].Time; !t.Before(from) && !t.After(to) {
				fixes = append(fixes, TrackFix{Series: b.Series, Seq: b.First + track.Seq(i), Fix: b.Fixes[i]})
			}
		}
	})
	sortFixes(fixes[start:])
	return append(fixes[:start], slices.CompactFunc(fixes[start:], sameNumber)...), read, err
}

func sameNumber(a, b TrackFix) bool { return a.Series == b.Series && a.Seq == b.Seq }

// Completeness says which numbers of a unit's fixes are held, and so which are not.
type Completeness struct {
	Unit    UnitID         // whose
	Series  track.Series   // the newest run of numbers; 0 for a unit that never sent
	Highest track.Seq      // of Series
	Held    track.Ranges   // of Series
	Missing track.Ranges   // from 1 to Highest
	Earlier []SeriesRanges // the runs before, the oldest first

	EarlierDropped uint64 // runs before those, which are no longer kept count of
}

// SeriesRanges is what is held of one series.
type SeriesRanges struct {
	Series  track.Series `json:"series"`
	Highest track.Seq    `json:"highest"`
	Held    track.Ranges `json:"held"`
	Missing track.Ranges `json:"missing"`
}

// Completeness says what is held of a unit; ErrNotFound for one that is not registered and never sent.
func (f *Fleet) Completeness(ctx context.Context, id UnitID) (Completeness, error) {
	v, exists, err := f.vehicle(ctx, id)
	if err != nil {
		return Completeness{}, err
	}
	if !exists {
		if _, err := f.Registered(ctx, id); err != nil {
			return Completeness{}, err
		}
	}
	c := Completeness{Unit: id, EarlierDropped: v.forgotten}
	for i, h := range v.held {
		if i > 0 {
			c.Earlier = append(c.Earlier, SeriesRanges{c.Series, c.Highest, c.Held, c.Missing})
		}
		c.Series, c.Highest, c.Held = h.series, h.ranges.Highest(), h.ranges
		c.Missing = h.ranges.Missing(c.Highest)
	}
	return c, nil
}

// MarshalJSON writes {"unit","highest","held":[[1,500]],"missing":[],"series"}, and "earlier" if the unit ever began anew, "earlier_dropped" if
// it did so too often.
func (c Completeness) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Unit    UnitID         `json:"unit"`
		Highest track.Seq      `json:"highest"`
		Held    track.Ranges   `json:"held"`
		Missing track.Ranges   `json:"missing"`
		Series  track.Series   `json:"series"`
		Earlier []SeriesRanges `json:"earlier,omitempty"`
		Dropped uint64         `json:"earlier_dropped,omitempty"`
	}{c.Unit, c.Highest, c.Held, c.Missing, c.Series, c.Earlier, c.EarlierDropped})
}
