package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"dipper/geofence"
	"dipper/positioning/geo"
)

// How a unit between two fixes is taken to be in an area, and what one call of WasHere may cost.
const (
	// MaxStayGap is the longest time between two fixes, both in an area, for which a unit counts as being there all the while: the
	// longest interval that a unit can be told to keep to. Parked vehicles send every five minutes.
	MaxStayGap = time.Hour
	// MaxWasHere is the longest time that WasHere looks at.
	MaxWasHere = 31 * 24 * time.Hour
	// DefaultWasHereBytes of tracks are read by one call: 6,000 days of a fix each 30 s.
	DefaultWasHereBytes = 64 << 20

	unitsAtATime  = 64 // of them some are read at once
	tracksAtATime = 8
)

// WasHereQuery asks who was in an area between two times.
type WasHereQuery struct {
	Area     Area
	From, To time.Time // fix time, both included; at most MaxWasHere apart
	After    UnitID    // go on behind this unit: what Next said; "" from the beginning
	Limit    int       // units in the answer
	MaxBytes int64     // of tracks to read; 0 is DefaultWasHereBytes. At least one round of units is looked at whatever it costs.
}

// Presence is a unit that was in an area. First and Last are the first and the last time for which that is known: of a fix in it, of a
// stay between two of them, or of a way between two fixes through it, then good to the time between those two.
type Presence struct {
	Unit        UnitID
	First, Last time.Time
	Fixes       int // in the area and the time; 0: it passed, or stayed from before until after
}

// WasHere is one page of an answer.
type WasHere struct {
	Units    []Presence // by id
	Next     UnitID     // ask again After it; "" when all units were looked at
	Examined int        // units of which the tracks were read
	Left     int        // units that are still to be looked at
}

// WasHere tells which units were in an area between two times. A unit was there
//
//   - if an accepted fix lies in the area and in the time;
//   - if two accepted fixes that follow each other lie in the area, not more than MaxStayGap apart, and the time between them and
//     the time asked for overlap;
//   - if the straight way between two that follow each other, not more than geofence.MaxPassGap apart, has a place in the area, at a
//     steady speed within the time.
//
// No index of tracks by place is kept, which would cost every fix: the tracks of all units that sent then or later are read, by
// unit. What retention dropped is not there to be looked at. So an answer comes in pages; each is bounded by the bytes it reads, and says how much is left.
func (f *Fleet) WasHere(ctx context.Context, q WasHereQuery) (WasHere, error) {
	if err := q.check(); err != nil {
		return WasHere{}, err
	}
	candidates, err := f.heardSince(ctx, &q)
	if err != nil {
		return WasHere{}, fmt.Errorf("who was here: %w", err)
	}
	out := WasHere{Left: len(candidates)}
	var read int64
	for some := range slices.Chunk(candidates, unitsAtATime) {
		if len(out.Units) >= q.Limit || read >= q.MaxBytes {
			break
		}
		found := make([]Presence, len(some))
		sizes := make([]int64, len(some))
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(tracksAtATime)
		for i, unit := range some {
			g.Go(func() (err error) {
				found[i], sizes[i], err = f.presence(ctx, unit, &q)
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return WasHere{}, fmt.Errorf("who was here: %w", err)
		}
		for i, p := range found {
			if len(out.Units) >= q.Limit {
				break
			}
			out.Next = some[i]
			out.Examined++
			read += sizes[i]
			if !p.First.IsZero() {
				out.Units = append(out.Units, p)
			}
		}
	}
	if out.Left -= out.Examined; out.Left == 0 {
		out.Next = ""
	}
	return out, nil
}

func (q *WasHereQuery) check() error {
	if q.MaxBytes <= 0 {
		q.MaxBytes = DefaultWasHereBytes
	}
	switch {
	case q.Limit <= 0:
		return &InvalidError{Field: "limit", Reason: "must be above 0"}
	case q.To.Before(q.From):
		return &InvalidError{Field: "to", Reason: "is before from"}
	case q.To.Sub(q.From) > MaxWasHere:
		return &InvalidError{Field: "to", Reason: fmt.Sprintf("is more than %d days after from", MaxWasHere/(24*time.Hour))}
	}
	return nil
}

// heardSince are the units that sent at or after the beginning of the time asked for, by id.
func (f *Fleet) heardSince(ctx context.Context, q *WasHereQuery) ([]UnitID, error) {
	var units []UnitID
	err := f.store.EachRecord(ctx, func(id UnitID, r Record) error {
		if id <= q.After {
			return nil
		}
		v, err := decodeVehicle(r.State)
		if err != nil || v.last.Seq != 0 && !v.last.Fix.Time.Before(q.From) { // the track may be readable
			units = append(units, id)
		}
		return nil
	})
	slices.SortFunc(units, func(a, b UnitID) int { return cmp.Compare(a, b) })
	return units, err
}

// presence looks at the track of one unit.
func (f *Fleet) presence(ctx context.Context, unit UnitID, q *WasHereQuery) (p Presence, size int64, err error) {
	from, to := q.From.Add(-MaxStayGap), q.To.Add(MaxStayGap)
	w := watch{area: &q.Area, from: q.From, to: q.To, found: Presence{Unit: unit}}
	var fixes []TrackFix
	for day := DayOf(from); day <= DayOf(to); day++ {
		var read int
		fixes, read, err = f.inOrder(ctx, unit, day, from, to, fixes[:0])
		size += int64(read)
		if errors.Is(err, ErrStored) { // what can be read of it counts
			f.log.Warn("a day of a track is read in part", "unit", unit, "error", err)
		} else if err != nil {
			return Presence{}, size, err
		}
		for i := range fixes {
			if fixes[i].counts() {
				w.see(fixes[i].Fix.Time, fixes[i].Fix.Point)
			}
		}
	}
	return w.found, size, nil
}

// watch is a look at one unit's fixes in the order of time.
type watch struct {
	area     *Area
	from, to time.Time
	found    Presence

	seen   bool
	at     time.Time // of the last fix
	point  geo.Point
	inside bool
}

func (w *watch) see(at time.Time, p geo.Point) {
	if w.seen && !at.After(w.at) {
		return // another of the same time came before it in order
	}
	inside := w.area.contains(p)
	if inside && !at.Before(w.from) && !at.After(w.to) {
		w.found.Fixes++
		w.note(at, at)
	}
	if w.seen {
		w.between(at, p, inside)
	}
	w.seen, w.at, w.point, w.inside = true, at, p, inside
}

// between looks at the time between the last fix and this one, as far as it was asked for.
func (w *watch) between(at time.Time, p geo.Point, inside bool) {
	first, last := later(w.at, w.from), earlier(at, w.to)
	gap := at.Sub(w.at)
	switch {
	case last.Before(first):
	case w.inside && inside && gap <= MaxStayGap:
		w.note(first, last)
	case gap <= geofence.MaxPassGap:
		part := func(t time.Time) geo.Point {
			share := float64(t.Sub(w.at)) / float64(gap)
			return geo.Point{
				Lat: w.point.Lat + (p.Lat-w.point.Lat)*share,
				Lon: geo.LonDelta(0, w.point.Lon+geo.LonDelta(w.point.Lon, p.Lon)*share),
			}
		}
		if w.area.meets(part(first), part(last)) {
			w.note(first, last)
		}
	}
}

func (w *watch) note(first, last time.Time) {
	if w.found.First.IsZero() || first.Before(w.found.First) {
		w.found.First = first
	}
	w.found.Last = later(w.found.Last, last)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
