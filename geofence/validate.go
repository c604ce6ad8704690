package geofence

import (
	"math"
	"slices"
	"strings"

	"dipper/positioning/geo"

	"github.com/peterstace/simplefeatures/geom"
)

// validate holds polygons against the rules of OGC 06-103r4, section 6.1.11, as package geom implements them: rings are simple,
// they touch in single points at most, holes lie inside, the inside hangs together, polygons do not overlap. geom is
// asked in whole units of the lattice, which float64 holds exactly. Where rings cross, the place is looked for here,
// because geom names the ring's first point.
func (s Shape) validate() *InvalidError {
	if s.kind != PolygonShape && s.kind != MultiShape {
		return nil
	}
	polygons := make([]geom.Polygon, len(s.parts))
	west := s.seam()
	for i := range s.parts {
		q := &s.parts[i]
		path := ""
		if s.kind == MultiShape {
			path = index("", i)
		}
		shift := float64(eastOf(west, q.box.west))
		rings := make([]geom.LineString, len(q.rings))
		for j, r := range q.rings {
			rings[j] = lineString(r, shift)
		}
		polygons[i] = geom.NewPolygon(rings)
		if err := polygons[i].Validate(); err != nil {
			return q.explain(path, err)
		}
	}
	if len(polygons) > 1 {
		if err := geom.NewMultiPolygon(polygons).Validate(); err != nil {
			return s.explainOverlap(err)
		}
	}
	return nil
}

// seam is the longitude at which the earth is cut open to lay the polygons out flat: the 180° meridian, so that polygons that
// RFC 7946 section 3.1.9 has cut there do not touch; but if one goes across it, the west side of that one.
func (s Shape) seam() int32 {
	for i := range s.parts {
		if b := s.parts[i].box; int64(b.west)+b.width > halfTurn {
			return b.west
		}
	}
	return -halfTurn
}

func lineString(r []vertex, shift float64) geom.LineString {
	xy := make([]float64, 0, 2*len(r)+2)
	for _, v := range r {
		xy = append(xy, float64(v.x)+shift, float64(v.y))
	}
	xy = append(xy, xy[0], xy[1])
	return geom.NewLineString(geom.NewSequence(xy, geom.DimXY))
}

// words are the library's reason without its place, which is in units of the lattice.
func words(err error) string {
	s, _, _ := strings.Cut(err.Error(), " (at or near")
	return s
}

// explain finds where the rings of one polygon break the rules.
func (q *part) explain(path string, cause error) *InvalidError {
	var edges []edge
	for i, r := range q.rings {
		if x, ok := firstCrossing(ringEdges(r, i, nil)); ok {
			return invalidAt(q.at(x.place), index(index(path, i), x.a.index), "the ring crosses or touches itself: the edge from here meets the edge from point %d", x.b.index)
		}
		edges = ringEdges(r, i, edges)
	}
	if x, ok := firstCrossing(edges); ok {
		return invalidAt(q.at(x.place), index(index(path, x.a.ring), x.a.index), "two rings cross or touch: the edge from here meets the edge from point %d of ring %d", x.b.index, x.b.ring)
	}
	for i, r := range q.rings[1:] {
		if !q.edges[0].crossesEast(int64(r[0].x), int64(r[0].y)) {
			return invalidAt(q.at(r[0].exact()), index(path, i+1), "the hole lies outside of its polygon")
		}
	}
	return invalidAt(q.at(q.rings[0][0].exact()), path, "%s", words(cause))
}

// explainOverlap finds where two polygons overlap.
func (s Shape) explainOverlap(cause error) *InvalidError {
	seam := s.seam()
	flat := part{box: box{west: seam}} // the frame of all edges
	for i := range s.parts {
		q := &s.parts[i]
		for j := range s.parts[:i] {
			p := &s.parts[j]
			edges := p.sides(seam, j, nil)
			edges = q.sides(seam, i, edges)
			if x, ok := firstCrossing(edges); ok {
				return invalidAt(flat.at(x.place), index("", i), "the polygon meets polygon %d in more than single points", j)
			}
			for _, pair := range [2][2]*part{{p, q}, {q, p}} {
				v := pair[1].rings[0][0].exact()
				if at := pair[1].at(v); pair[0].contains(placeOf(at)) {
					return invalidAt(at, index("", i), "the polygon overlaps polygon %d", j)
				}
			}
		}
	}
	return invalid("", "%s", words(cause))
}

// edge is one side of a ring, with whole units in floats.
type edge struct {
	ax, ay, bx, by float64
	ring, index    int // of the point it starts from
	last           int // index of the ring's last edge
}

func ringEdges(r []vertex, ring int, edges []edge) []edge {
	for i, a := range r {
		b := r[(i+1)%len(r)]
		edges = append(edges, edge{float64(a.x), float64(a.y), float64(b.x), float64(b.y), ring, i, len(r) - 1})
	}
	return edges
}

// sides appends the edges of all rings with longitudes east of the seam, as one ring number n.
func (q *part) sides(seam int32, n int, edges []edge) []edge {
	shift := float64(eastOf(seam, q.box.west))
	from := len(edges)
	for _, r := range q.rings {
		edges = ringEdges(r, n, edges)
	}
	for i := from; i < len(edges); i++ {
		edges[i].ax += shift
		edges[i].bx += shift
	}
	return edges
}

type crossing struct {
	a, b  edge
	place vertexF
}

// vertexF is a place of a part between the points of the lattice.
type vertexF struct{ x, y float64 }

func (v vertex) exact() vertexF { return vertexF{x: float64(v.x), y: float64(v.y)} }

// at is the point on the earth of a place in the frame of q.
func (q *part) at(v vertexF) geo.Point {
	return place{x: turned(q.box.west, int64(math.Round(v.x))), y: int32(math.Round(v.y))}.point()
}

// firstCrossing finds the westernmost pair of edges that meet other than where one follows the other; of edges of different
// rings, other than in a common corner, which single touching rings may have.
func firstCrossing(edges []edge) (crossing, bool) {
	order := slices.Clone(edges)
	slices.SortFunc(order, func(e, f edge) int { return cmpFloat(min(e.ax, e.bx), min(f.ax, f.bx)) })
	for i, e := range order {
		for _, f := range order[i+1:] {
			if min(f.ax, f.bx) > max(e.ax, e.bx) {
				break
			}
			if p, ok := meet(e, f); ok && !follows(e, f) && !follows(f, e) {
				if f.ring < e.ring || f.ring == e.ring && f.index < e.index {
					e, f = f, e
				}
				return crossing{a: e, b: f, place: p}, true
			}
		}
	}
	return crossing{}, false
}

func cmpFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// follows reports whether f starts where e ends and the two share no more than that corner.
func follows(e, f edge) bool {
	if e.bx != f.ax || e.by != f.ay {
		return false
	}
	if e.ring == f.ring && f.index != e.index+1 && (e.index != e.last || f.index != 0) {
		return false // a corner that the ring passes twice
	}
	ux, uy, vx, vy := e.bx-e.ax, e.by-e.ay, f.bx-f.ax, f.by-f.ay
	return ux*vy != uy*vx || ux*vx+uy*vy > 0 // not back over itself
}

// meet gives a common point of two edges.
func meet(e, f edge) (vertexF, bool) {
	rx, ry, sx, sy := e.bx-e.ax, e.by-e.ay, f.bx-f.ax, f.by-f.ay
	qx, qy := f.ax-e.ax, f.ay-e.ay
	den := rx*sy - ry*sx
	if den == 0 {
		if qx*ry != qy*rx { // parallel lines
			return vertexF{}, false
		}
		for _, p := range [2]vertexF{{f.ax, f.ay}, {f.bx, f.by}} {
			if onEdge(e, p) {
				return p, true
			}
		}
		if p := (vertexF{e.ax, e.ay}); onEdge(f, p) {
			return p, true
		}
		return vertexF{}, false
	}
	t, u := (qx*sy-qy*sx)/den, (qx*ry-qy*rx)/den
	if t < 0 || t > 1 || u < 0 || u > 1 {
		return vertexF{}, false
	}
	return vertexF{e.ax + t*rx, e.ay + t*ry}, true
}

// onEdge reports whether p, which lies on e's line, lies between its ends.
func onEdge(e edge, p vertexF) bool {
	return min(e.ax, e.bx) <= p.x && p.x <= max(e.ax, e.bx) && min(e.ay, e.by) <= p.y && p.y <= max(e.ay, e.by)
}
