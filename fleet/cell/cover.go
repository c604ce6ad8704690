package cell

import (
	"math"
	"slices"

	"dipper/positioning/geo"
)

// reachM says how far, in metres, the centre of a cell of a resolution can be from a place in a working cell below it. It is more than
// the distance to the cell's corners, since the finer cells stick out of the coarser. Measured over the corners of all cells and
// over 300,000 places, a third of them close to the twelve pentagons where the cells are most uneven, and enlarged by 3 %;
// TestReach measures it anew.
var reachM = [Working + 1]float64{1_480_000, 565_000, 215_000, 81_000, 30_500, 11_500, 4_250, 1_610}

// Cover gives the cells of a resolution (0 to Working) under which units in the box can be indexed: each cell with a working cell
// below it that meets the box, and some close by. It says false, and gives none, for more than limit cells or a resolution
// out of range; then a coarser resolution is the way. The box may cross the 180° meridian, hold a pole, be a point or
// the whole earth. The cells are in ascending order.
func Cover(b geo.Box, resolution, limit int) ([]ID, bool) {
	if resolution < 0 || resolution > Working || b.Check() != nil {
		return nil, false
	}
	cells := make([]ID, 0, numBase)
	for base := range ID(numBase) {
		cells = append(cells, 1<<59|base<<baseShift|(1<<baseShift-1))
	}
	for r := 0; ; r++ {
		cells = slices.DeleteFunc(cells, func(c ID) bool { return distanceM(Center(c), b) > reachM[r] })
		switch {
		case r == resolution && len(cells) > limit, r < resolution && len(cells) > limit+slack:
			return nil, false
		case r == resolution:
			slices.Sort(cells)
			return cells, true
		}
		cells = children(cells)
	}
}

const (
	numBase = 122
	// slack is how many cells near a small box, but not with it, a coarser resolution may still hold.
	slack = numBase
)

// pentagons are the base cells with five sides, by bit.
// Source: H3 documentation, "Base cells".
var pentagons = func() (bits [2]uint64) {
	for _, base := range [...]int{4, 14, 24, 38, 49, 58, 63, 72, 83, 97, 107, 117} {
		bits[base/64] |= 1 << (base % 64)
	}
	return bits
}()

// Children are the cells of the next finer resolution that have c as parent: seven, or six of a pentagon.
func Children(c ID) []ID { return children([]ID{c}) }

// children are the cells one resolution below.
func children(cells []ID) []ID {
	const digits = 7
	out := make([]ID, 0, digits*len(cells))
	for _, c := range cells {
		r := Resolution(c) + 1
		first := (c &^ resolutionMask &^ (digitMask << digitShift(r))) | ID(r)<<resolutionShift
		for d := range ID(digits) {
			if d == 1 && isPentagon(c) { // the direction that a pentagon lacks
				continue
			}
			out = append(out, first|d<<digitShift(r))
		}
	}
	return out
}

// isPentagon reports whether c is the cell in the middle of a base cell with five sides.
func isPentagon(c ID) bool {
	base := c >> baseShift & 127
	if pentagons[base/64]>>(base%64)&1 == 0 {
		return false
	}
	used := c & (1<<baseShift - 1) >> digitShift(Resolution(c))
	return used == 0
}

// distanceM is how far a place is from the nearest place of a box, in metres; 0 inside.
func distanceM(p geo.Point, b geo.Box) float64 {
	if b.Contains(p) {
		return 0
	}
	if b.Contains(geo.Point{Lat: b.South, Lon: p.Lon}) { // straight north or south of it
		return geo.EarthRadiusM * radians(max(b.South-p.Lat, p.Lat-b.North))
	}
	return min(meridianM(p, b.West, b), meridianM(p, b.East, b))
}

// meridianM is how far a place is from the edge of a box along a meridian. A parallel edge is nearest at its end if the place is not
// straight north or south of it.
func meridianM(p geo.Point, lon float64, b geo.Box) float64 {
	sin, cos := math.Sincos(radians(p.Lat))
	foot := math.Atan2(sin, cos*math.Cos(radians(geo.LonDelta(p.Lon, lon)))) * 180 / math.Pi
	if foot < b.South || foot > b.North { // also on the far side of a pole
		return min(geo.Distance(p, geo.Point{Lat: b.South, Lon: lon}), geo.Distance(p, geo.Point{Lat: b.North, Lon: lon}))
	}
	return geo.Distance(p, geo.Point{Lat: foot, Lon: lon})
}

func radians(deg float64) float64 { return deg * math.Pi / 180 }

// NearestM is how near a place in a working cell can be to p, in metres by geo.Distance: no place in it is nearer. It is below 0 for
// cells around p, and the least for the one whose centre is nearest.
func NearestM(p geo.Point, working ID) float64 {
	return geo.Distance(p, Center(working)) - reachM[Working]
}
