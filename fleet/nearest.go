package fleet

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"dipper/fleet/cell"
	"dipper/positioning/geo"
)

// How the nearest units are looked for.
const (
	firstRadiusM = 3000 // of the first circle: the working cell of the place and those around it
	radiusGrowth = 4    // from one circle to the next, so that the last is most of the work
	// farthestM is more than any two places are apart.
	farthestM = 20_100_000
	// sphereError is more than geo.Distance differs from geo.Geodesic. Source: the ellipsoid's radii of curvature are within
	// 0.6 % of the mean radius.
	sphereError = 0.006
)

// Near is a unit and how far away its last position is.
type Near struct {
	Position
	DistanceM float64 // by geo.Geodesic
}

// Nearest gives the count units whose last positions are nearest to a place and not farther than a radius in metres (0: anywhere),
// the nearest first, and by id where they are equally far: fewer if there are no more. Circles that grow are asked, and of each
// the cells from the nearest on, until no cell that is left can hold a nearer unit.
func (f *Fleet) Nearest(ctx context.Context, place geo.Point, count int, radiusM float64) ([]Near, error) {
	switch {
	case !place.Valid():
		return nil, &InvalidError{Field: "lat", Reason: fmt.Sprintf("%v, %v is no place on the earth", place.Lat, place.Lon)}
	case count <= 0:
		return nil, &InvalidError{Field: "limit", Reason: "must be above 0"}
	case !(radiusM >= 0):
		return nil, &InvalidError{Field: "radius_m", Reason: "must not be below 0"}
	case radiusM == 0 || radiusM > farthestM:
		radiusM = farthestM
	}
	s := nearestSearch{fleet: f, place: place, count: count, radiusM: radiusM, asked: map[cell.ID]bool{}}
	for circleM := float64(firstRadiusM); ; circleM *= radiusGrowth {
		circleM = min(circleM, radiusM)
		if err := s.circle(ctx, circleM); err != nil {
			return nil, fmt.Errorf("nearest units: %w", err)
		}
		if s.boundM() <= circleM || circleM >= radiusM {
			return s.found, nil
		}
	}
}

// nearestSearch is one call of Nearest under way.
type nearestSearch struct {
	fleet   *Fleet
	place   geo.Point
	count   int
	radiusM float64
	asked   map[cell.ID]bool
	found   []Near // the nearest so far, at most count
}

// boundM is the distance beyond which nobody is looked for any more.
func (s *nearestSearch) boundM() float64 {
	if len(s.found) < s.count {
		return s.radiusM
	}
	return s.found[len(s.found)-1].DistanceM
}

// circle looks at all cells with a place nearer than a distance that were not looked at before.
func (s *nearestSearch) circle(ctx context.Context, circleM float64) error {
	all, err := s.fleet.cellsOf(ctx, geo.BoxAround(s.place, circleM*(1+sphereError)))
	if err != nil {
		return err
	}
	type ring struct {
		cell    cell.ID
		atLeast float64
	}
	var rings []ring
	for _, c := range all {
		if atLeast := cell.NearestM(s.place, c) * (1 - sphereError); !s.asked[c] && atLeast <= circleM {
			rings = append(rings, ring{c, atLeast})
		}
	}
	slices.SortFunc(rings, func(a, b ring) int { return cmp.Or(cmp.Compare(a.atLeast, b.atLeast), cmp.Compare(a.cell, b.cell)) })
	const atFirst, growth = 1, 6 // in a port the cell of the place alone holds more than is asked for
	for n := atFirst; len(rings) > 0; n = min(n*growth, cellsAtATime) {
		n = min(n, len(rings))
		var cells []cell.ID
		for _, r := range rings[:n] {
			if r.atLeast <= s.boundM() {
				cells = append(cells, r.cell)
				s.asked[r.cell] = true
			}
		}
		if len(cells) == 0 { // nor is any behind them near enough
			return nil
		}
		positions, err := s.fleet.store.InCells(ctx, cells)
		if err != nil {
			return err
		}
		s.add(positions)
		rings = rings[n:]
	}
	return nil
}

// add keeps the nearest of those found and those given.
func (s *nearestSearch) add(positions []Position) {
	known := make(map[UnitID]int, len(s.found))
	for i := range s.found {
		known[s.found[i].Unit] = i
	}
	bound := s.boundM()
	for _, p := range positions {
		if geo.Distance(s.place, p.Point)*(1-sphereError) > bound {
			continue
		}
		n := Near{Position: p, DistanceM: geo.Geodesic(s.place, p.Point)}
		if n.DistanceM > s.radiusM {
			continue
		}
		if i, seen := known[p.Unit]; seen { // it moved to another cell while we asked
			if p.Time.After(s.found[i].Time) {
				s.found[i] = n
			}
			continue
		}
		known[p.Unit] = len(s.found)
		s.found = append(s.found, n)
	}
	slices.SortFunc(s.found, func(a, b Near) int {
		return cmp.Or(cmp.Compare(a.DistanceM, b.DistanceM), cmp.Compare(a.Unit, b.Unit))
	})
	s.found = s.found[:min(len(s.found), s.count)]
}
