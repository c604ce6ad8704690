package stream

import (
	"slices"
	"time"

	"dipper/fleet"
	"dipper/fleet/cell"
	"dipper/positioning/geo"
)

// sighting is what a viewer is told of one unit.
type sighting struct {
	handle    uint32
	unit      fleet.UnitID
	time      time.Time
	point     geo.Point
	speedMps  float64 // NaN unknown
	courseDeg float64 // NaN unknown
	label     label
	named     uint64 // the stamp of the label
}

// dropped adds to g the units that an earlier look at another view has told and l has not.
func (l *look) dropped(earlier *look, g *glance) {
	now := map[*mark]bool{}
	for _, told := range l.shown {
		for _, m := range told {
			now[m] = true
		}
	}
	for _, told := range earlier.shown {
		for _, m := range told {
			if !now[m] {
				g.gone = append(g.gone, m.depart())
			}
		}
	}
}

func (m *mark) sight() sighting {
	return sighting{
		handle: m.handle, unit: m.unit, time: m.pos.Time, point: m.pos.Point,
		speedMps: m.pos.SpeedMps, courseDeg: m.pos.CourseDeg, label: m.label, named: m.named,
	}
}

// countIn is how many units are in a view, counted exactly. It stops above limit, if that is not 0.
func (p *plot) countIn(view geo.Box, limit int) (n int) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, r := range p.roots {
		c, _ := r.tally(view)
		n += c
		if limit > 0 && n > limit {
			break
		}
	}
	return n
}

// tally counts the units of n in a view, and of those the moving ones.
func (n *node) tally(view geo.Box) (count, moving int) {
	switch n.box.in(view) {
	case apart:
		return 0, 0
	case within:
		return n.count, n.moving
	}
	for _, c := range n.children {
		a, b := c.tally(view)
		count, moving = count+a, moving+b
	}
	for _, m := range n.marks {
		if view.Contains(m.pos.Point) {
			count++
			if m.moving {
				moving++
			}
		}
	}
	return count, moving
}

// cellCount is how many units of a cell are in a view.
type cellCount struct {
	center geo.Point
	count  int
	moving int
}

// cellsIn counts the units in a view by cells: of the given resolution, or of the next coarser ones until there are at most
// limit of them. The counts add up to the number of units in the view. stamp is what the counts include.
func (p *plot) cellsIn(view geo.Box, res, limit int) (cells []cellCount, used int, stamp uint64) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	stamp = p.now.Load()
	for {
		for _, r := range p.roots {
			cells = r.countCells(view, res, cells)
		}
		if len(cells) <= limit || res == 0 {
			return cells, res, stamp
		}
		cells = cells[:0]
		res--
	}
}

func (n *node) countCells(view geo.Box, depth int, dst []cellCount) []cellCount {
	if n.count == 0 || n.box.in(view) == apart {
		return dst
	}
	if depth > 0 {
		for _, c := range n.children {
			dst = c.countCells(view, depth-1, dst)
		}
		return dst
	}
	if count, moving := n.tally(view); count > 0 {
		dst = append(dst, cellCount{n.center, count, moving})
	}
	return dst
}

// changedIn reports whether anything in the view may have changed since a stamp.
func (p *plot) changedIn(view geo.Box, since uint64) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, r := range p.roots {
		if r.changed(view, since, cell.Directory) {
			return true
		}
	}
	return false
}

// changed looks depth levels down, and takes a change below them for one in the view.
func (n *node) changed(view geo.Box, since uint64, depth int) bool {
	if n.stamp <= since {
		return false
	}
	switch n.box.in(view) {
	case apart:
		return false
	case within:
		return true
	}
	if depth == 0 || len(n.children) == 0 {
		return true
	}
	for _, c := range n.children {
		if c.changed(view, since, depth-1) {
			return true
		}
	}
	return false
}

// look is a view that is kept up to date: it remembers which units it has told of, by cell. It is not safe for concurrent
// use.
type look struct {
	view  geo.Box
	since uint64 // the stamp up to which it has told; 0 nothing yet
	shown map[*node][]*mark
	total int   // units shown
	watch *mark // a unit of which holds is kept
	holds bool  // watch is among the units shown
}

func newLook(view geo.Box) *look { return &look{view: view, shown: map[*node][]*mark{}} }

// watchFor makes m the unit of which holds is kept; nil for none.
func (l *look) watchFor(m *mark) {
	l.watch, l.holds = m, m != nil && l.has(m)
}

// has reports whether m was told as in the view.
func (l *look) has(m *mark) bool {
	for _, told := range l.shown {
		if slices.Contains(told, m) {
			return true
		}
	}
	return false
}

// glance is what changed in a view since the last glance: who is to be shown where, and who is to be shown no more. Nobody is
// in both, and nobody twice in either.
type glance struct {
	seen []sighting
	gone []departure
}

// departure is a unit that is to be shown no more.
type departure struct {
	handle uint32
	unit   fleet.UnitID
}

func (m *mark) depart() departure { return departure{m.handle, m.unit} }

func (g *glance) reset() { g.seen, g.gone = g.seen[:0], g.gone[:0] }

// next adds to g what changed since the last call. The first call adds every unit in the view.
func (l *look) next(p *plot, g *glance) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	now := p.now.Load()
	if now == l.since && l.since > 0 {
		return
	}
	for _, r := range p.roots {
		l.walk(r, g)
	}
	l.since = now
}

func (l *look) walk(n *node, g *glance) {
	if n.stamp <= l.since {
		return
	}
	rel := n.box.in(l.view)
	if rel == apart {
		return
	}
	for _, c := range n.children {
		l.walk(c, g)
	}
	if len(n.children) == 0 {
		l.leaf(n, rel, g)
	}
}

// leaf compares a cell that changed with what was told of it. A unit that left the cell but not the view is told by the cell
// it is in now: that one changed too.
func (l *look) leaf(n *node, rel relation, g *glance) {
	told := l.shown[n]
	for _, m := range told {
		if m.leaf == nil || !l.view.Contains(m.pos.Point) {
			g.gone = append(g.gone, m.depart())
			l.holds = l.holds && m != l.watch
		}
	}
	l.total -= len(told)
	told = told[:0]
	for _, m := range n.marks {
		if rel != within && !l.view.Contains(m.pos.Point) {
			continue
		}
		told = append(told, m)
		l.holds = l.holds || m == l.watch
		if m.stamp > l.since {
			g.seen = append(g.seen, m.sight())
		}
	}
	l.total += len(told)
	if len(told) == 0 {
		delete(l.shown, n)
		return
	}
	l.shown[n] = told
}
