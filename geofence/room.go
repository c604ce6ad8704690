package geofence

import "math"

// room is a rectangle around a place, in units to its four sides, all >= 0. It is cut down until no border meets it, at each cut so that
// much is left: what lies behind a vehicle shall not narrow the way ahead.
type room struct {
	at         place
	scale      scale // near it
	w, e, s, n float64
}

// margin is taken off every side in the end. The fractions below are good to 1e-6 units.
const margin = 1

func (r *room) none() bool { return !(r.w+r.e > 4*margin && r.s+r.n > 4*margin) }

// box is the room in whole numbers.
func (r *room) box() box {
	cut := func(side float64) int64 { return int64(math.Ceil(side)) - 1 - margin }
	w, e, s, n := cut(r.w), cut(r.e), cut(r.s), cut(r.n)
	if w < 0 || e < 0 || s < 0 || n < 0 { // the place itself is at a border
		return box{}
	}
	y := int64(r.at.y)
	return box{west: turned(r.at.x, -w), width: w + e, south: int32(y - s), north: int32(y + n)}
}

// around is the box to search the index in.
func (r *room) around() box {
	y := int64(r.at.y)
	return box{
		west: turned(r.at.x, -int64(r.w)), width: int64(r.w + r.e),
		south: int32(y - int64(r.s)), north: int32(y + int64(r.n)),
	}
}

// avoid cuts the room down until the border of a part does not meet it.
func (r *room) avoid(q *part) {
	if q.box.width > fullTurn-4*farthestLon {
		r.w, r.e = 0, 0 // it may be met from both sides
		return
	}
	x, y := float64(q.box.frame(r.at)), float64(r.at.y)
	b := span4{-x, float64(q.box.width) - x, float64(q.box.south) - y, float64(q.box.north) - y}
	if !r.meets(b) {
		return
	}
	if q.line != nil {
		r.avoidLine(q, b)
		return
	}
	for i := range q.edges {
		r.avoidChain(&q.edges[i], x, y)
	}
}

// span4 is a rectangle relative to a room's place.
type span4 struct{ west, east, south, north float64 }

func (r *room) meets(b span4) bool {
	return b.west <= r.e+margin && b.east >= -r.w-margin && b.south <= r.n+margin && b.north >= -r.s-margin
}

// avoidChain avoids edges; the room's place is at (x, y) in their frame.
func (r *room) avoidChain(c *chain, x, y float64) {
	for k := range c.blocks {
		b := &c.blocks[k]
		if !r.meets(span4{float64(b.west) - x, float64(b.east) - x, float64(b.south) - y, float64(b.north) - y}) {
			continue
		}
		vs := c.edges(k)
		ax, ay := float64(vs[0].x)-x, float64(vs[0].y)-y
		for _, v := range vs[1:] {
			bx, by := float64(v.x)-x, float64(v.y)-y
			if r.meets(span4{min(ax, bx), max(ax, bx), min(ay, by), max(ay, by)}) {
				r.avoidEdge(ax, ay, bx, by)
			}
			ax, ay = bx, by
		}
	}
}

// avoidEdge avoids the edge from a to b.
func (r *room) avoidEdge(ax, ay, bx, by float64) {
	dx, dy := bx-ax, by-ay
	in, out := 0.0, 1.0
	if !clip(-dx, ax+r.w, &in, &out) || !clip(dx, r.e-ax, &in, &out) || !clip(-dy, ay+r.s, &in, &out) || !clip(dy, r.n-ay, &in, &out) {
		return
	}
	px, py, qx, qy := ax+in*dx, ay+in*dy, ax+out*dx, ay+out*dy
	if r.cut(span4{min(px, qx), max(px, qx), min(py, qy), max(py, qy)}) {
		return
	}
	r.cutCorner(ax, ay, dx, dy)
}

// clip narrows the stretch of a line from in to out to where t·p <= q, and reports whether any is left. Source: Liang and Barsky, A new
// concept and method for line clipping, ACM TOG 3 (1984).
func clip(p, q float64, in, out *float64) bool {
	switch {
	case p < 0:
		*in = max(*in, q/p)
	case p > 0:
		*out = min(*out, q/p)
	default:
		return q >= 0
	}
	return *in <= *out
}

// cut moves one side so that the room no longer meets a rectangle, if the rectangle lies wholly on one side of the place; the one
// that leaves the most.
func (r *room) cut(b span4) bool {
	x, y := r.w+r.e, r.s+r.n
	best, side := -1.0, 0
	try := func(left float64, k int) {
		if left > best {
			best, side = left, k
		}
	}
	if b.west > 0 {
		try((r.w+b.west)*y, 1)
	}
	if b.east < 0 {
		try((r.e-b.east)*y, 2)
	}
	if b.south > 0 {
		try((r.s+b.south)*x, 3)
	}
	if b.north < 0 {
		try((r.n-b.north)*x, 4)
	}
	switch side {
	case 1:
		r.e = min(r.e, b.west)
	case 2:
		r.w = min(r.w, -b.east)
	case 3:
		r.n = min(r.n, b.south)
	case 4:
		r.s = min(r.s, -b.north)
	}
	return side != 0
}

// cutCorner avoids a line that runs from one axis through the place to the other, by a corner on the line between the two.
func (r *room) cutCorner(ax, ay, dx, dy float64) {
	if dx == 0 || dy == 0 { // it leads through the place
		r.w, r.e, r.s, r.n = 0, 0, 0, 0
		return
	}
	x, y := ax-ay/dy*dx, ay-ax/dx*dy // where it meets the axes
	a, b := math.Abs(x), math.Abs(y)
	if !(a > margin && b > margin) {
		r.w, r.e, r.s, r.n = 0, 0, 0, 0
		return
	}
	u, v := r.w, r.s // the sides that stay
	if x < 0 {
		u = r.e
	}
	if y < 0 {
		v = r.n
	}
	t := (a*v + a*b - b*u) / (2 * a * b) // of the most area
	t = min(max(t, 0.1), 0.9)
	if x > 0 {
		r.e = min(r.e, t*a)
	} else {
		r.w = min(r.w, t*a)
	}
	if y > 0 {
		r.n = min(r.n, (1-t)*b)
	} else {
		r.s = min(r.s, (1-t)*b)
	}
}

// avoidLine avoids the border of a circle or corridor, whose box is b: from outside its box as an edge, or as lineRoom says.
func (r *room) avoidLine(q *part, b span4) {
	m := q.lineRoom(r.at)
	square := *r
	side := m / math.Sqrt2
	square.w, square.e = min(r.w, side/r.scale.x), min(r.e, side/r.scale.x)
	square.s, square.n = min(r.s, side/r.scale.y), min(r.n, side/r.scale.y)
	if b.west <= 0 && b.east >= 0 && b.south <= 0 && b.north >= 0 { // what is outside the box is outside
		square.w, square.e = min(square.w, -b.west), min(square.e, b.east)
		square.s, square.n = min(square.s, -b.south), min(square.n, b.north)
		*r = square
		return
	}
	if r.cut(b); square.area() > r.area() {
		*r = square
	}
}

func (r *room) area() float64 { return (r.w + r.e) * (r.s + r.n) }

// lineRoom is how far a vehicle at p may move, in metres by the scale at p, so that its distance to the line stays on the same side of
// the reach. For two reasons distance changes by more than the way: the scale eastwards grows towards the equator,
// by a share of tan(latitude) / R a metre; and of two places of the line that seem equally near from p, it may come to take the other,
// with the distance at another middle latitude. Let rho bound what the scale changes by over half of the distance d and over the
// room. Then the distance is at most (1+rho)/(1-rho) times the least one, the least one changes by at most m (1+2 rho) over a way of
// m metres, and so, for rho up to 0.1, the distance by at most m (1+5 rho) + 2.5 rho d.
func (q *part) lineRoom(p place) float64 {
	const lattice = 0.05 // metres, for the rounding of places and numbers
	d := q.distance(p)
	far := d + 3*farthest
	y := math.Abs(float64(p.y))/halfTurn*math.Pi + far/(equatorialRadiusM*(1-eccentricity2))
	if y > 85*math.Pi/180 {
		return 0
	}
	rho := far * (math.Tan(y) + 0.02) / (2 * equatorialRadiusM * (1 - eccentricity2))
	if rho > 0.1 {
		return 0
	}
	return max(0, (math.Abs(d-q.reach)-float64(2.5*rho*d)-lattice)/(1+5*rho))
}
