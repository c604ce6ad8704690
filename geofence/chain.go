package geofence

import "math"

// chain is the edges of a ring or a line: from each vertex to the next. A ring ends with its first vertex again. Blocks of
// consecutive edges with their boxes let every question pass over most of a long chain.
type chain struct {
	v      []vertex
	blocks []edgeBlock
}

// edgeBlock is the box of the edges from vertex index k*blockEdges on.
type edgeBlock struct {
	west, east   uint32
	south, north int32
}

// blockEdges is about the root of 300, the median of Chinese districts: as many boxes to look at as edges in one.
const blockEdges = 16

func newChain(v []vertex) chain {
	c := chain{v: v}
	for from := 0; from < len(v)-1 || from == 0; from += blockEdges {
		b := edgeBlock{west: v[from].x, east: v[from].x, south: v[from].y, north: v[from].y}
		for _, p := range v[from:min(from+blockEdges+1, len(v))] {
			b.west, b.east = min(b.west, p.x), max(b.east, p.x)
			b.south, b.north = min(b.south, p.y), max(b.north, p.y)
		}
		c.blocks = append(c.blocks, b)
	}
	return c
}

// edges gives the vertices of block k, the last of which is the first of the next.
func (c *chain) edges(k int) []vertex {
	from := k * blockEdges
	return c.v[from:min(from+blockEdges+1, len(c.v))]
}

// crossesEast reports whether a ray from (x, y) to the east crosses the chain an odd number of times. An edge counts if it
// has one end at or south of y and the other north of it, and meets the ray strictly east of x.
func (c *chain) crossesEast(x, y int64) bool {
	odd := false
	for k := range c.blocks {
		b := &c.blocks[k]
		if int64(b.south) > y || int64(b.north) <= y || int64(b.east) <= x {
			continue
		}
		vs := c.edges(k)
		if int64(b.west) > x { // every crossing is east: only the ends of the block matter
			if (int64(vs[0].y) > y) != (int64(vs[len(vs)-1].y) > y) {
				odd = !odd
			}
			continue
		}
		for i, a := range vs[:len(vs)-1] {
			if edgeCrossesEast(a, vs[i+1], x, y) {
				odd = !odd
			}
		}
	}
	return odd
}

// edgeCrossesEast takes the cross product from the south end to the north end whichever way the ring goes, in 64 bits that
// cannot overflow: differences are at most 3.6e9 and 1.8e9. So two rings that share an edge always agree about it.
func edgeCrossesEast(a, b vertex, x, y int64) bool {
	if (int64(a.y) > y) == (int64(b.y) > y) {
		return false
	}
	if a.y > b.y {
		a, b = b, a
	}
	dx, dy := int64(b.x)-int64(a.x), int64(b.y)-int64(a.y)
	return dx*(y-int64(a.y)) > (x-int64(a.x))*dy
}

// nearest looks for the point of chains that is nearest to (x, y), in the plane of scale.
type nearest struct {
	scale
	x, y   float64 // from here
	best   float64 // square metres
	dx, dy float64 // to there, in units
}

func (n *nearest) chain(c *chain) {
	if len(c.v) == 1 {
		n.edge(c.v[0], c.v[0])
		return
	}
	first, least := 0, math.Inf(1)
	for k := range c.blocks {
		if d := n.toBlock(&c.blocks[k]); d < least {
			first, least = k, d
		}
	}
	if least >= n.best {
		return
	}
	n.edges(c.edges(first))
	for k := range c.blocks {
		if k != first && n.toBlock(&c.blocks[k]) < n.best {
			n.edges(c.edges(k))
		}
	}
}

// toBlock is the square of the distance to a box.
func (n *nearest) toBlock(b *edgeBlock) float64 {
	dx := max(float64(b.west)-n.x, n.x-float64(b.east), 0) * n.scale.x
	dy := max(float64(b.south)-n.y, n.y-float64(b.north), 0) * n.scale.y
	return float64(dx*dx) + float64(dy*dy)
}

func (n *nearest) edges(vs []vertex) {
	for i, a := range vs[:len(vs)-1] {
		n.edge(a, vs[i+1])
	}
}

func (n *nearest) edge(a, b vertex) {
	ax, ay := float64(a.x)-n.x, float64(a.y)-n.y
	ex, ey := float64(b.x)-float64(a.x), float64(b.y)-float64(a.y)
	mx, my := float64(ex*n.scale.x), float64(ey*n.scale.y)
	t := 0.0
	if length2 := float64(mx*mx) + float64(my*my); length2 > 0 {
		t = -(float64(ax*n.scale.x*mx) + float64(ay*n.scale.y*my)) / length2
		t = min(max(t, 0), 1)
	}
	dx, dy := ax+float64(t*ex), ay+float64(t*ey)
	px, py := float64(dx*n.scale.x), float64(dy*n.scale.y)
	if d := float64(px*px) + float64(py*py); d < n.best {
		n.best, n.dx, n.dy = d, dx, dy
	}
}
