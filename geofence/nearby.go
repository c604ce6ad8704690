package geofence

import (
	"cmp"
	"math"
	"slices"
	"time"

	"dipper/positioning/geo"
)

// Neighbour is a fence near a point.
type Neighbour struct {
	Fence     Fence
	DistanceM float64 // from the point to the fence in metres; 0 inside
}

// nearbyWidenings is how often the search doubles its radius: in a port it ends after the first, and looks at a few times the
// fences that it gives, not at all within the radius.
const nearbyWidenings = 5

// Nearby gives the most fences nearest to p and no farther than a radius in metres, by distance, then ID and revision. It gives
// the revisions that count at a time and those that may count later, each for itself; what has ended is left out. No fence of
// another is nearer than the last if there are as many as asked for. None for a p that is not Valid.
func (ix *Index) Nearby(p geo.Point, radiusM float64, at time.Time, most int) []Neighbour {
	if !p.Valid() || !(radiusM >= 0) || most <= 0 {
		return nil
	}
	q, ms := placeOf(p), at.UnixMilli()
	type candidate struct {
		distance float64
		slot     int32 // the order of slots is that of ID and revision
	}
	var found []candidate
	var near neighbours
	for i := range nearbyWidenings {
		r := math.Ldexp(radiusM, i+1-nearbyWidenings)
		found = found[:0]
		for _, slot := range near.of(ix, boxWithin(q, r)) {
			if v := ix.valid[slot]; v.until <= ms || v.until <= v.from {
				continue
			}
			depth, _ := ix.fences[slot].Shape.depth(q)
			if d := max(0, -depth); d <= r {
				found = append(found, candidate{d, slot})
			}
		}
		if len(found) >= most {
			break
		}
	}
	slices.SortFunc(found, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.slot, b.slot))
	})
	out := make([]Neighbour, min(most, len(found)))
	for i := range out {
		out[i] = Neighbour{Fence: ix.fences[found[i].slot], DistanceM: found[i].distance}
	}
	return out
}

// boxWithin is a box with everything within r metres of p, and a little more.
func boxWithin(p place, r float64) box {
	const slack = 1.001 // for distances that are measured at the middle latitude
	up := int64(math.Ceil(r*slack/scaleAt(0).y)) + 1
	b := box{
		west: -halfTurn, width: fullTurn - 1,
		south: int32(max(int64(p.y)-up, -quarterTurn)), north: int32(min(int64(p.y)+up, quarterTurn)),
	}
	extreme := max(math.Abs(float64(b.south)), math.Abs(float64(b.north)))
	if sideways := r*slack/scaleAt(extreme).x + 1; sideways < halfTurn/2 { // near a pole it is all the way round
		b.west, b.width = turned(p.x, -int64(math.Ceil(sideways))), 2*int64(math.Ceil(sideways))
	}
	return b
}
