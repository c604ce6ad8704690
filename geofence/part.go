package geofence

import (
	"math"
	"slices"
)

// polygonPart makes a polygon of rings on the lattice that are not closed. It checks all that the other methods of part rely on, but
// not that rings do not cross; validate does that.
func polygonPart(rings [][]place, path string) (part, *InvalidError) {
	if len(rings) == 0 {
		return part{}, invalid(path, "a polygon without a ring")
	}
	q := part{rings: make([][]vertex, 0, len(rings))}
	for i, r := range rings {
		at := index(path, i)
		r = merge(r)
		for len(r) > 1 && r[0] == r[len(r)-1] {
			r = r[:len(r)-1]
		}
		if len(r) < 3 {
			return part{}, invalid(at, "a ring needs at least 3 different points, not %d (points nearer than 1 cm are one)", len(r))
		}
		xs, err := unroll(r, true, at)
		if err != nil {
			return part{}, err
		}
		if i == 0 {
			if q.box = boxAround(r, xs); q.box.width >= fullTurn {
				return part{}, invalidAt(r[0].point(), at, "the ring spans 360° of longitude")
			}
		}
		shift := eastOf(q.box.west, r[0].x)
		ring := make([]vertex, len(r), len(r)+1)
		for j, p := range r {
			x := xs[j] + shift
			if x < 0 || x > q.box.width {
				return part{}, invalidAt(p.point(), at, "the hole reaches outside of its polygon")
			}
			ring[j] = vertex{x: uint32(x), y: p.y}
		}
		if flat(ring) {
			return part{}, invalidAt(r[0].point(), at, "the ring has no area: all its points lie on one line")
		}
		q.rings = append(q.rings, ring)
		q.edges = append(q.edges, newChain(append(ring, ring[0])))
	}
	q.measure()
	return q, nil
}

// linePart makes the region within reach metres of a line on the lattice without repeated points, or of a single place.
func linePart(line []place, reach float64) (part, *InvalidError) {
	xs, err := unroll(line, false, "")
	if err != nil {
		return part{}, err
	}
	q := part{box: boxAround(line, xs), reach: reach}
	north, south := float64(q.box.north), float64(q.box.south)
	const slack = 1.001 // for the distance that is measured at the middle latitude, not the extreme one
	up := math.Ceil(reach*slack/scaleAt(0).y) + 1
	if extreme := max(math.Abs(north), math.Abs(south)) + up; extreme > poleward {
		return part{}, invalidAt(line[0].point(), "", "it reaches beyond %v° of latitude, too near a pole", float64(poleward)/unitsPerDegree)
	}
	sideways := int64(math.Ceil(reach*slack/scaleAt(max(math.Abs(north), math.Abs(south))+up).x)) + 1
	q.box.width += 2 * sideways
	if q.box.width >= halfTurn {
		return part{}, invalidAt(line[0].point(), "", "it spans 180° of longitude or more")
	}
	q.box.west = turned(q.box.west, -sideways)
	q.box.south -= int32(up)
	q.box.north += int32(up)
	shift := sideways - slices.Min(xs)
	q.line = make([]vertex, len(line))
	for i, p := range line {
		q.line[i] = vertex{x: uint32(xs[i] + shift), y: p.y}
	}
	q.edges = []chain{newChain(q.line)}
	q.area = float64(math.Pi*reach*reach) + float64(2*reach*perimeter(q.line, false))
	return q, nil
}

// unroll gives the longitudes in units relative to the first, following each edge the short way round.
func unroll(ps []place, closed bool, path string) ([]int64, *InvalidError) {
	xs := make([]int64, len(ps))
	n := len(ps) - 1
	if closed {
		n = len(ps)
	}
	for i := range n {
		p, next := ps[i], ps[(i+1)%len(ps)]
		d := lonStep(p.x, next.x)
		if d > maxEdge || d < -maxEdge {
			return nil, invalidAt(p.point(), index(path, i), "the edge from here spans %.0f° of longitude, at most %d°: add points between", math.Abs(float64(d))/unitsPerDegree, maxEdge/unitsPerDegree)
		}
		switch {
		case i+1 < len(ps):
			xs[i+1] = xs[i] + d
		case xs[i]+d != xs[0]:
			return nil, invalidAt(ps[0].point(), path, "the ring goes round a pole")
		}
	}
	return xs, nil
}

// boxAround is the box of places whose unrolled longitudes are xs.
func boxAround(ps []place, xs []int64) box {
	b := box{south: ps[0].y, north: ps[0].y}
	for _, p := range ps {
		b.south, b.north = min(b.south, p.y), max(b.north, p.y)
	}
	lo := slices.Min(xs)
	b.west, b.width = turned(ps[0].x, lo), slices.Max(xs)-lo
	return b
}

// flat reports whether all vertices lie on one line.
func flat(r []vertex) bool {
	ax, ay := int64(r[1].x)-int64(r[0].x), int64(r[1].y)-int64(r[0].y)
	for _, v := range r[2:] {
		bx, by := int64(v.x)-int64(r[0].x), int64(v.y)-int64(r[0].y)
		if ax*by != ay*bx {
			return false
		}
	}
	return true
}

// measure sets area and reach of a polygon. Area / perimeter is never more than the depth of the deepest point, and for a
// convex polygon at least half of it.
func (q *part) measure() {
	s := scaleAt((float64(q.box.south) + float64(q.box.north)) / 2)
	var border float64
	for i, r := range q.rings {
		sign := -1.0
		if i == 0 {
			sign = 1
		}
		q.area += float64(sign * ringArea(r) * s.x * s.y)
		border += perimeter(r, true)
	}
	q.area = max(q.area, 0)
	q.reach = q.area / border
}

// ringArea is the area in square units.
func ringArea(r []vertex) float64 {
	var sum float64
	o := r[0]
	for i := 1; i+1 < len(r); i++ {
		ax, ay := float64(r[i].x)-float64(o.x), float64(r[i].y)-float64(o.y)
		bx, by := float64(r[i+1].x)-float64(o.x), float64(r[i+1].y)-float64(o.y)
		sum += float64(ax*by) - float64(ay*bx)
	}
	return math.Abs(sum) / 2
}

// perimeter is the length of a line or ring in metres.
func perimeter(line []vertex, closed bool) float64 {
	var sum float64
	for i := range line {
		j := i + 1
		if j == len(line) {
			if !closed {
				break
			}
			j = 0
		}
		a, b := line[i], line[j]
		sum += metres(float64(b.x)-float64(a.x), float64(b.y)-float64(a.y), float64(a.y))
	}
	return sum
}
