package geofence

import (
	"fmt"
	"math"

	"dipper/positioning/geo"
)

// Limits bound what a fence may be. A zero field has the default.
type Limits struct {
	MaxBytes    int // of a GeoJSON feature; default 4 MiB
	MaxVertices int // of a fence, all rings together; default 10,000: the largest province of Natural Earth 50m has 7,013
}

// Bounds that no Limits can lift: beyond them the geometry is not what its author means, or not accurate.
const (
	MinReachM = 0.1     // of a radius or half a width: ten times the lattice
	MaxReachM = 100_000 // of a radius or half a width
	// maxEdge is the longest edge in longitude, the short way round. A box drawn from 100° W to 100° E would come out as
	// its complement; it is refused instead.
	maxEdge = 90 * unitsPerDegree
	// poleward is the latitude that a circle or corridor may not pass: metres eastwards lose their meaning at the pole.
	poleward = 899 * unitsPerDegree / 10
)

func (l Limits) withDefaults() Limits {
	if l.MaxBytes <= 0 {
		l.MaxBytes = 4 << 20
	}
	if l.MaxVertices <= 0 {
		l.MaxVertices = 10_000
	}
	return l
}

// NewPolygons makes one polygon or several that do not overlap. Each is its outer ring and then its holes; a ring ends with the
// point it starts with, in either direction of turn. Repeated points are merged. The error is an *InvalidError.
func NewPolygons(polygons [][][]geo.Point, lim Limits) (Shape, error) {
	s, err := newPolygons(polygons, len(polygons) != 1, lim.withDefaults())
	if err != nil {
		return Shape{}, err
	}
	return s, nil
}

// NewCircle makes the circle around a point. The error is an *InvalidError.
func NewCircle(center geo.Point, radiusM float64) (Shape, error) {
	if err := checkPoint(center, ""); err != nil {
		return Shape{}, err
	}
	if err := checkReach(radiusM, "radius"); err != nil {
		return Shape{}, err
	}
	q, err := linePart([]place{placeOf(center)}, radiusM)
	if err != nil {
		return Shape{}, err
	}
	return Shape{kind: CircleShape, parts: []part{q}}, nil
}

// NewCorridor makes the corridor of a width, in metres, along a line. The error is an *InvalidError.
func NewCorridor(line []geo.Point, widthM float64, lim Limits) (Shape, error) {
	lim = lim.withDefaults()
	if len(line) > lim.MaxVertices {
		return Shape{}, invalid("", "%d vertices, at most %d", len(line), lim.MaxVertices)
	}
	places := make([]place, 0, len(line))
	for i, p := range line {
		if err := checkPoint(p, index("", i)); err != nil {
			return Shape{}, err
		}
		places = append(places, placeOf(p))
	}
	if err := checkReach(widthM/2, "half of the width"); err != nil {
		return Shape{}, err
	}
	if places = merge(places); len(places) < 2 {
		return Shape{}, invalid("", "a line needs at least 2 different points, not %d", len(places))
	}
	q, err := linePart(places, widthM/2)
	if err != nil {
		return Shape{}, err
	}
	return Shape{kind: CorridorShape, parts: []part{q}}, nil
}

func newPolygons(polygons [][][]geo.Point, multi bool, lim Limits) (Shape, *InvalidError) {
	s := Shape{kind: PolygonShape, parts: make([]part, 0, len(polygons))}
	if multi {
		s.kind = MultiShape
	}
	if err := checkVertices(polygons, multi, lim); err != nil {
		return Shape{}, err
	}
	for i, rings := range polygons {
		path := ""
		if multi {
			path = index("", i)
		}
		places, err := ringPlaces(rings, path)
		if err != nil {
			return Shape{}, err
		}
		q, err := polygonPart(places, path)
		if err != nil {
			return Shape{}, err
		}
		s.parts = append(s.parts, q)
	}
	if err := s.validate(); err != nil {
		return Shape{}, err
	}
	return s, nil
}

func checkVertices(polygons [][][]geo.Point, multi bool, lim Limits) *InvalidError {
	if len(polygons) == 0 {
		return invalid("", "no polygon")
	}
	n := 0
	for i, rings := range polygons {
		if len(rings) == 0 && multi {
			return invalid(index("", i), "a polygon without a ring")
		} else if len(rings) == 0 {
			return invalid("", "a polygon without a ring")
		}
		for _, r := range rings {
			n += max(0, len(r)-1)
		}
	}
	if n > lim.MaxVertices {
		return invalid("", "%d vertices, at most %d", n, lim.MaxVertices)
	}
	return nil
}

// ringPlaces checks the points of a polygon's rings and brings them to the lattice, without the closing point.
func ringPlaces(rings [][]geo.Point, path string) ([][]place, *InvalidError) {
	out := make([][]place, len(rings))
	for i, r := range rings {
		at := index(path, i)
		for j, p := range r {
			if err := checkPoint(p, index(at, j)); err != nil {
				return nil, err
			}
		}
		if len(r) < 4 {
			return nil, invalid(at, "a ring needs at least 4 points, the last equal to the first, not %d", len(r))
		}
		if first, last := r[0], r[len(r)-1]; first.Lat != last.Lat || math.Mod(first.Lon-last.Lon, 360) != 0 {
			return nil, invalidAt(last, index(at, len(r)-1), "the ring is open: its last point differs from its first, lon %v, lat %v", first.Lon, first.Lat)
		}
		ps := make([]place, 0, len(r))
		for _, p := range r {
			ps = append(ps, placeOf(p))
		}
		out[i] = ps[:len(ps)-1]
	}
	return out, nil
}

func index(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

func checkPoint(p geo.Point, path string) *InvalidError {
	switch {
	case math.IsNaN(p.Lon) || math.IsInf(p.Lon, 0):
		return invalid(path+"[0]", "longitude %v is not a finite number", p.Lon)
	case math.IsNaN(p.Lat) || math.IsInf(p.Lat, 0):
		return invalid(path+"[1]", "latitude %v is not a finite number", p.Lat)
	case math.Abs(p.Lon) > 180:
		return invalid(path+"[0]", "longitude %v is not in -180..180", p.Lon)
	case math.Abs(p.Lat) > 90 && math.Abs(p.Lat) <= 180 && math.Abs(p.Lon) <= 90:
		return invalid(path+"[1]", "latitude %v is not in -90..90; longitude comes first: are they swapped?", p.Lat)
	case math.Abs(p.Lat) > 90:
		return invalid(path+"[1]", "latitude %v is not in -90..90", p.Lat)
	}
	return nil
}

func checkReach(m float64, what string) *InvalidError {
	switch {
	case math.IsNaN(m) || math.IsInf(m, 0):
		return invalid("", "%s %v is not a finite number", what, m)
	case m < 0:
		return invalid("", "%s %v m is negative", what, m)
	case m < MinReachM:
		return invalid("", "%s %v m is below %v m", what, m, MinReachM)
	case m > MaxReachM:
		return invalid("", "%s %v m is above %v m", what, m, float64(MaxReachM))
	}
	return nil
}

// merge drops places equal to the one before, in place.
func merge(ps []place) []place {
	out := ps[:0]
	for i, p := range ps {
		if i == 0 || p != out[len(out)-1] {
			out = append(out, p)
		}
	}
	return out
}
