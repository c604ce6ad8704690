package geofence

import (
	"math"
	"slices"
)

// span is a stretch of the straight way from a to b, in fractions of it, that lies inside.
type span struct{ in, out float64 }

// enters is where the way from a, outside, to b, inside, first comes in.
func (s Shape) enters(a, b place) float64 {
	first := 1.0
	var buf [8]span
	for i := range s.parts {
		if sp := s.parts[i].spans(a, b, buf[:0]); len(sp) > 0 {
			first = min(first, sp[0].in)
		}
	}
	return first
}

// leaves is where the way from a, inside, to b, outside, first goes out of all parts.
func (s Shape) leaves(a, b place) float64 {
	var all []span
	for i := range s.parts {
		all = s.parts[i].spans(a, b, all)
	}
	slices.SortFunc(all, func(p, q span) int { return cmpFloat(p.in, q.in) })
	const touching = 1e-9 // where one part ends and the next begins
	t := 0.0
	for _, sp := range all {
		if sp.in > t+touching {
			break
		}
		t = max(t, sp.out)
	}
	return t
}

// passes finds the first stretch of the way from a to b inside a part whose middle is deeper in than a band.
func (s Shape) passes(a, b place, band func(reach float64) float64) (span, bool) {
	var buf [8]span
	way := boxOf(a, b)
	found := span{in: 2}
	for i := range s.parts {
		q := &s.parts[i]
		if !q.box.meets(way) {
			continue
		}
		for _, sp := range q.spans(a, b, buf[:0]) {
			if sp.in < found.in && q.depth(along(a, b, (sp.in+sp.out)/2)) >= band(q.reach) {
				found = sp
			}
		}
	}
	return found, found.in <= 1
}

// spans appends the stretches of the way from a to b inside q, in order.
func (q *part) spans(a, b place, dst []span) []span {
	if a == b {
		return dst
	}
	if q.line != nil {
		return q.march(a, b, dst)
	}
	var buf [16]float64
	cuts := q.cuts(a, b, append(buf[:0], 0))
	if len(cuts) == 1 && !q.contains(a) {
		return dst
	}
	cuts = append(cuts, 1)
	slices.Sort(cuts)
	from := len(dst)
	for i, in := range cuts[:len(cuts)-1] {
		out := cuts[i+1]
		if out == in || !q.contains(along(a, b, (in+out)/2)) {
			continue
		}
		if n := len(dst); n > from && dst[n-1].out == in {
			dst[n-1].out = out
			continue
		}
		dst = append(dst, span{in, out})
	}
	return dst
}

// cuts appends where the way from a to b meets the edges of a polygon.
func (q *part) cuts(a, b place, dst []float64) []float64 {
	w := way{x: float64(q.box.frame(a)), y: float64(a.y), dx: float64(lonStep(a.x, b.x)), dy: float64(int64(b.y) - int64(a.y))}
	west, east := min(w.x, w.x+w.dx), max(w.x, w.x+w.dx)
	south, north := min(a.y, b.y), max(a.y, b.y)
	for i := range q.edges {
		c := &q.edges[i]
		for k, box := range c.blocks {
			if box.north < south || box.south > north || float64(box.east) < west || float64(box.west) > east {
				continue
			}
			vs := c.edges(k)
			for j, e := range vs[:len(vs)-1] {
				if t, ok := w.meets(e, vs[j+1]); ok {
					dst = append(dst, t)
				}
			}
		}
	}
	return dst
}

// way is a straight way in the frame of a part.
type way struct{ x, y, dx, dy float64 }

// meets gives the fraction of the way at which it meets the edge from e to f, unless it runs along it: then the edges before and
// after are met.
func (w way) meets(e, f vertex) (float64, bool) {
	sx, sy := float64(f.x)-float64(e.x), float64(f.y)-float64(e.y)
	qx, qy := float64(e.x)-w.x, float64(e.y)-w.y
	den := float64(w.dx*sy) - float64(w.dy*sx)
	if den == 0 {
		return 0, false
	}
	t := (float64(qx*sy) - float64(qy*sx)) / den
	u := (float64(qx*w.dy) - float64(qy*w.dx)) / den
	return t, t > 0 && t < 1 && u >= 0 && u <= 1
}

// march walks from a to b in steps of the distance to the border, which no step can overstep, and halves the step that
// changes sides. Near the border a step is at least 5 cm and 1/500 of the way, so a shorter stretch may be missed.
func (q *part) march(a, b place, dst []span) []span {
	length := metresBetween(a, b)
	least := max(0.05/length, 1.0/500)
	depthAt := func(t float64) float64 { return q.depth(along(a, b, t)) }
	t, d := 0.0, depthAt(0)
	in := 0.0
	for t < 1 {
		next := min(1, t+max(math.Abs(d)*0.999/length, least))
		e := depthAt(next)
		if (d > 0) != (e > 0) {
			border := bisect(depthAt, t, next, d > 0)
			if d > 0 {
				dst = append(dst, span{in, border})
			} else {
				in = border
			}
		}
		t, d = next, e
	}
	if d > 0 {
		dst = append(dst, span{in, 1})
	}
	return dst
}

// bisect narrows the change of sides between t and u to a millionth of the step.
func bisect(depth func(float64) float64, t, u float64, inside bool) float64 {
	for range 20 {
		m := (t + u) / 2
		if (depth(m) > 0) == inside {
			t = m
		} else {
			u = m
		}
	}
	return u
}
