package geofence

import (
	"math"

	"dipper/positioning/geo"
)

// ShapeKind is the geometry of a Shape. The numbers are storage format.
type ShapeKind uint8

const (
	NoShape       ShapeKind = iota
	PolygonShape            // one polygon, maybe with holes
	MultiShape              // several polygons that do not overlap
	CircleShape             // all that is nearer to a point than a radius
	CorridorShape           // all that is nearer to a line than half a width
)

// Shape is a region of the earth. It is an immutable value: copies share memory and may be used concurrently. The zero Shape
// contains nothing. Shapes are made by NewPolygons, NewCircle and NewCorridor, which refuse what is not valid.
type Shape struct {
	kind  ShapeKind
	parts []part // one for each polygon; exactly one for a circle or corridor
}

// Kind is the shape's geometry.
func (s Shape) Kind() ShapeKind { return s.kind }

// Contains reports whether p is in the shape. Of a polygon's border, its west and south sides are in it; a circle's and a
// corridor's border is not.
func (s Shape) Contains(p geo.Point) bool { return p.Valid() && s.contains(placeOf(p)) }

// Depth is the distance from p to the nearest border in metres: positive inside, negative outside, -Inf for the zero Shape and
// for a p that is not Valid. Inside one of several polygons it is the distance to the border of that polygon.
func (s Shape) Depth(p geo.Point) float64 {
	if !p.Valid() {
		return math.Inf(-1)
	}
	d, _ := s.depth(placeOf(p))
	return d
}

// Box is the smallest rectangle around the shape, for a circle or a corridor one that is a little larger. It is zero for the
// zero Shape.
func (s Shape) Box() geo.Box {
	if len(s.parts) == 0 {
		return geo.Box{}
	}
	b := s.parts[0].box
	for _, p := range s.parts[1:] {
		b = b.union(p.box)
	}
	return b.geoBox()
}

// AreaM2 is the area in square metres, to about 1 % for shapes up to 300 km. Overlaps of a corridor with itself count twice.
func (s Shape) AreaM2() float64 {
	var sum float64
	for i := range s.parts {
		sum += s.parts[i].area
	}
	return sum
}

// ReachM says how deep the shape is: no more than the depth of its deepest point in metres. It is the radius of a circle, half
// the width of a corridor, and area / perimeter of a polygon; of several polygons, that of the deepest.
func (s Shape) ReachM() float64 {
	var best float64
	for i := range s.parts {
		best = max(best, s.parts[i].reach)
	}
	return best
}

// Vertices is the number of vertices that were given, without those that close a ring.
func (s Shape) Vertices() int {
	n := 0
	for i := range s.parts {
		n += len(s.parts[i].line)
		for _, r := range s.parts[i].rings {
			n += len(r)
		}
	}
	return n
}

func (s Shape) contains(p place) bool {
	for i := range s.parts {
		if s.parts[i].contains(p) {
			return true
		}
	}
	return false
}

// depth gives Depth and the reach of the part that it was measured in.
func (s Shape) depth(p place) (depth, reach float64) {
	depth = math.Inf(-1)
	for i := range s.parts {
		q := &s.parts[i]
		d := q.depth(p)
		if d > depth {
			depth, reach = d, q.reach
		}
		if d > 0 {
			break
		}
	}
	return depth, reach
}

// vertex is a corner of a part: x units east of the part's west side, y the latitude. With x in whole numbers from the
// west side a part that crosses the 180° meridian is like any other.
type vertex struct {
	x uint32 // [0, fullTurn)
	y int32
}

// part is one connected region: a polygon (rings, the first is the outer one) or all within reach of a line (a circle has one
// vertex).
type part struct {
	box   box
	rings [][]vertex // not closed: the last vertex is not the first again
	line  []vertex
	edges []chain // of the rings, closed, or of the line
	reach float64 // metres; see Shape.ReachM; of a line, the exact distance of the border
	area  float64 // square metres
}

// contains decides in whole numbers for polygons.
func (q *part) contains(p place) bool {
	dx := eastOf(q.box.west, p.x)
	if dx > q.box.width || p.y < q.box.south || p.y > q.box.north {
		return false
	}
	if q.line != nil {
		return q.distance(p) < q.reach
	}
	in := false
	for i := range q.edges {
		if q.edges[i].crossesEast(dx, int64(p.y)) {
			in = !in
		}
	}
	return in
}

// depth is Shape.Depth for one part.
func (q *part) depth(p place) float64 {
	d := q.distance(p)
	if q.line != nil {
		return q.reach - d
	}
	if q.contains(p) {
		return d
	}
	return -d
}

// distance is how far p is from the rings or the line in metres. The nearest point is found in the plane at p's latitude, and the
// distance to it measured at the middle latitude of the two.
func (q *part) distance(p place) float64 {
	n := nearest{x: float64(q.box.frame(p)), y: float64(p.y), best: math.Inf(1)}
	n.scale = scaleAt(n.y)
	for i := range q.edges {
		n.chain(&q.edges[i])
	}
	return metres(n.dx, n.dy, n.y)
}
