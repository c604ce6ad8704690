package geofence

import (
	"math"

	"dipper/positioning/geo"
)

// The lattice: whole numbers of 1e-7 degrees.
const (
	unitsPerDegree = 10_000_000
	halfTurn       = 180 * unitsPerDegree
	fullTurn       = 360 * unitsPerDegree
	quarterTurn    = 90 * unitsPerDegree
)

// place is a point on the lattice: x in [-halfTurn, halfTurn), so that 180° east is -180°, y in [-quarterTurn, quarterTurn].
type place struct {
	x, y int32
}

// placeOf rounds p, which must be valid, to the lattice.
func placeOf(p geo.Point) place {
	x := int64(math.Round(p.Lon * unitsPerDegree))
	if x >= halfTurn {
		x -= fullTurn
	}
	return place{x: int32(x), y: int32(math.Round(p.Lat * unitsPerDegree))}
}

// point is the place in degrees.
func (p place) point() geo.Point {
	return geo.Point{Lat: float64(p.y) / unitsPerDegree, Lon: float64(p.x) / unitsPerDegree}
}

// eastOf is how far x lies east of west, in [0, fullTurn).
func eastOf(west, x int32) int64 {
	d := int64(x) - int64(west)
	if d < 0 {
		d += fullTurn
	}
	return d
}

// lonStep is to-from the short way round, in [-halfTurn, halfTurn).
func lonStep(from, to int32) int64 {
	d := int64(to) - int64(from)
	switch {
	case d >= halfTurn:
		return d - fullTurn
	case d < -halfTurn:
		return d + fullTurn
	}
	return d
}

// along is the place at the fraction t of the straight way from p to q.
func along(p, q place, t float64) place {
	dx := math.Round(float64(lonStep(p.x, q.x)) * t)
	dy := math.Round(float64(int64(q.y)-int64(p.y)) * t)
	return place{x: turned(p.x, int64(dx)), y: int32(int64(p.y) + int64(dy))}
}

// turned is x moved d units to the east, and brought into [-halfTurn, halfTurn).
func turned(x int32, d int64) int32 {
	s := (int64(x) + d + halfTurn) % fullTurn
	if s < 0 {
		s += fullTurn
	}
	return int32(s - halfTurn)
}

// Axes of the WGS-84 ellipsoid. Source: NIMA TR8350.2, table 3.1.
const (
	equatorialRadiusM = 6378137.0
	eccentricity2     = 6.69437999014e-3
)

// scale is metres per lattice unit, eastwards and northwards, near a latitude.
type scale struct {
	x, y float64
}

// scaleAt gives the scale at latitude y. Source: Snyder, Map Projections, USGS 1395, equations 4-18 and 4-20: the radii of
// curvature. Each product is rounded by a conversion, which keeps compilers from fusing it with the sum after it, so that
// every platform gets the same bits.
func scaleAt(y float64) scale {
	const radians = math.Pi / halfTurn
	s := sin(y * radians)
	s2 := float64(s * s)
	w2 := 1 - float64(eccentricity2*s2)
	w := math.Sqrt(w2)
	n := equatorialRadiusM / w
	m := equatorialRadiusM * (1 - eccentricity2) / float64(w2*w)
	return scale{x: float64(n*math.Sqrt(1-s2)) * radians, y: m * radians}
}

// sin is the sine of x in [-π/2, π/2] to 1e-13: Taylor's series, because math.Sin may be another machine instruction, with
// other last bits, elsewhere.
func sin(x float64) float64 {
	z := float64(x * x)
	r := 1.0
	for _, c := range [...]float64{1. / (18 * 19), 1. / (16 * 17), 1. / (14 * 15), 1. / (12 * 13), 1. / (10 * 11), 1. / (8 * 9), 1. / (6 * 7), 1. / (4 * 5), 1. / (2 * 3)} {
		r = 1 - float64(float64(z*c)*r)
	}
	return float64(x * r)
}

// metres is the distance of two points of the lattice that are dx and dy units apart, the first at latitude y. It is the length
// in the plane with the scale of the middle latitude.
func metres(dx, dy, y float64) float64 {
	s := scaleAt(y + dy/2)
	return hypot(dx*s.x, dy*s.y)
}

func metresBetween(p, q place) float64 {
	return metres(float64(lonStep(p.x, q.x)), float64(int64(q.y)-int64(p.y)), float64(p.y))
}

func hypot(a, b float64) float64 { return math.Sqrt(float64(a*a) + float64(b*b)) }
