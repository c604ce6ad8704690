package fleet

import (
	"context"
	"time"

	"dipper/fleet/cell"
	"dipper/geofence"
	"dipper/positioning/track"
)

// rebuild makes a unit's state anew from its track: for a state that this version cannot read. Events are not told again; a late
// batch will compare them. Numbers whose track was dropped by retention are held no more.
func (f *Fleet) rebuild(ctx context.Context, unit UnitID) (vehicle, error) {
	days, err := f.store.Days(ctx, unit)
	if err != nil {
		return vehicle{}, err
	}
	var v vehicle
	p := pass{ledger: geofence.NewLedger(string(unit), f.index())}
	var fixes []TrackFix
	for _, day := range days {
		fixes = fixes[:0]
		_, err := f.eachBatch(ctx, unit, day, time.Time{}, endOfTime, func(b track.Batch) {
			v.hold(b.Series, track.Range{First: b.First, Last: b.Last()})
			for i := range b.Fixes {
				if x := (TrackFix{Series: b.Series, Seq: b.First + track.Seq(i), Fix: b.Fixes[i]}); x.counts() {
					fixes = append(fixes, x)
				}
			}
		})
		if err != nil {
			return vehicle{}, err
		}
		sortFixes(fixes)
		for i := range fixes {
			if p.last.Seq == 0 {
				v.firstMs = fixes[i].Fix.Time.UnixMilli()
			}
			p.show(&fixes[i])
		}
	}
	p.into(&v)
	if v.last.Seq != 0 {
		v.cell = cell.FromPoint(v.last.Fix.Point)
	}
	return v, nil
}
