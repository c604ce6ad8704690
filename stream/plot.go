package stream

import (
	"sync"
	"sync/atomic"

	"dipper/fleet"
	"dipper/fleet/cell"
	"dipper/positioning/geo"
)

// plot is the plotting table: the last position of every unit, arranged as a tree of H3 cells from the coarsest resolution
// down to cell.Working. Each change raises the plot's stamp and leaves it on the unit and on every cell above it, so that
// whoever looks at a part of the earth finds what changed there since it looked last, and passes over the rest. A fix costs
// the same however many look; a look costs what has changed on the screen.
//
// Every cell keeps the box of the positions that were ever seen in it. It is found by observation, so nothing depends on
// the outlines of H3 cells, which do not hold their children exactly.
type plot struct {
	now atomic.Uint64 // the newest stamp; changed under mu

	mu    sync.RWMutex
	units map[fleet.UnitID]*mark
	marks []*mark // by handle
	nodes [cell.Working + 1]map[cell.ID]*node
	roots []*node
}

// mark is one unit on the plot.
type mark struct {
	handle uint32 // its number on this service, from 0; what binary frames call it
	unit   fleet.UnitID
	pos    fleet.Position // the last; under the plot's lock
	moving bool
	label  label
	stamp  uint64 // of the last change
	named  uint64 // of the last change of the label
	leaf   *node
	slot   int // index in leaf.marks
}

// label is what people call a unit.
type label struct{ name, kind string }

// node is one cell of the tree.
type node struct {
	id       cell.ID
	center   geo.Point
	parent   *node
	slot     int // index in the parent's children, or among the roots
	children []*node
	marks    []*mark // at cell.Working only
	count    int     // units below
	moving   int     // of those, how many move
	box      extent
	stamp    uint64
}

// movingMps is the speed from which a unit counts as moving: above what receivers report for a parked vehicle.
const movingMps = 0.5

func newPlot() *plot {
	p := &plot{units: map[fleet.UnitID]*mark{}}
	for i := range p.nodes {
		p.nodes[i] = map[cell.ID]*node{}
	}
	return p
}

// move puts a unit where it is now. A position older than the plot's is passed over, and it says so.
func (p *plot) move(pos fleet.Position) bool {
	if pos.Cell == 0 {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.markLocked(pos.Unit)
	if m.leaf != nil && pos.Time.Before(m.pos.Time) {
		return false
	}
	if m.leaf != nil && pos.Series == m.pos.Series && pos.Seq == m.pos.Seq && pos.Time.Equal(m.pos.Time) {
		return true // the same fix, read from the store or told by another node
	}
	stamp := p.now.Add(1)
	wasMoving := m.moving
	m.moving = pos.SpeedMps >= movingMps // false for NaN
	if m.leaf == nil || m.leaf.id != pos.Cell {
		if m.leaf != nil {
			m.leaf.remove(m, wasMoving, stamp)
		}
		p.leafLocked(pos.Cell).add(m)
	} else if m.moving != wasMoving {
		m.leaf.addMoving(m.moving)
	}
	m.pos, m.stamp = pos, stamp
	m.leaf.touch(pos.Point, stamp)
	return true
}

// remove takes a unit from where it is. It stays known, and shows again when it moves.
func (p *plot) remove(unit fleet.UnitID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.units[unit]
	if m == nil || m.leaf == nil {
		return
	}
	stamp := p.now.Add(1)
	m.leaf.remove(m, m.moving, stamp)
	m.leaf, m.moving, m.stamp = nil, false, stamp
}

// strayed gives the units below a cell that are not among those there, and did not move since a stamp.
func (p *plot) strayed(id cell.ID, there map[fleet.UnitID]bool, since uint64) (units []fleet.UnitID) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	n := p.nodes[cell.Resolution(id)][id]
	if n == nil {
		return nil
	}
	n.each(func(m *mark) {
		if !there[m.unit] && m.stamp <= since {
			units = append(units, m.unit)
		}
	})
	return units
}

// each calls fn with the marks below n.
func (n *node) each(fn func(*mark)) {
	for _, m := range n.marks {
		fn(m)
	}
	for _, c := range n.children {
		c.each(fn)
	}
}

// areaOf is the area in which a unit is; 0 for one without a position.
func (p *plot) areaOf(m *mark) cell.ID {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if m.leaf == nil {
		return 0
	}
	return cell.Parent(m.leaf.id, cell.Area)
}

// name gives a unit a label. It need not have a position yet.
func (p *plot) name(unit fleet.UnitID, l label) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.markLocked(unit)
	if m.label == l {
		return
	}
	m.label = l
	stamp := p.now.Add(1)
	m.named, m.stamp = stamp, stamp
	for n := m.leaf; n != nil; n = n.parent {
		n.stamp = stamp
	}
}

// find gives the mark of a unit, nil for one that the plot does not know.
func (p *plot) find(unit fleet.UnitID) *mark {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.units[unit]
}

// size is how many units have a position.
func (p *plot) size() (n int) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, r := range p.roots {
		n += r.count
	}
	return n
}

// prune removes cells that hold no unit and that everybody who looks has seen empty: those unchanged since the given stamp.
func (p *plot) prune(seen uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for res := cell.Working; res >= 0; res-- {
		for id, n := range p.nodes[res] {
			if n.count > 0 || len(n.children) > 0 || n.stamp > seen {
				continue
			}
			delete(p.nodes[res], id)
			siblings := &p.roots
			if n.parent != nil {
				siblings = &n.parent.children
			}
			last := len(*siblings) - 1
			moved := (*siblings)[last]
			(*siblings)[n.slot], moved.slot = moved, n.slot
			(*siblings)[last] = nil
			*siblings = (*siblings)[:last]
		}
	}
}

func (p *plot) markLocked(unit fleet.UnitID) *mark {
	m := p.units[unit]
	if m == nil {
		m = &mark{handle: uint32(len(p.marks)), unit: unit}
		p.units[unit] = m
		p.marks = append(p.marks, m)
	}
	return m
}

// leafLocked gives the node of a working cell, and makes it and its parents where they are missing.
func (p *plot) leafLocked(id cell.ID) *node {
	return p.nodeLocked(id, cell.Working)
}

func (p *plot) nodeLocked(id cell.ID, res int) *node {
	if n := p.nodes[res][id]; n != nil {
		return n
	}
	n := &node{id: id, center: cell.Center(id), box: nowhere}
	p.nodes[res][id] = n
	if res == 0 {
		n.slot = len(p.roots)
		p.roots = append(p.roots, n)
		return n
	}
	n.parent = p.nodeLocked(cell.Parent(id, res-1), res-1)
	n.slot = len(n.parent.children)
	n.parent.children = append(n.parent.children, n)
	return n
}

func (n *node) add(m *mark) {
	m.leaf, m.slot = n, len(n.marks)
	n.marks = append(n.marks, m)
	for ; n != nil; n = n.parent {
		n.count++
		if m.moving {
			n.moving++
		}
	}
}

func (n *node) remove(m *mark, wasMoving bool, stamp uint64) {
	last := len(n.marks) - 1
	moved := n.marks[last]
	n.marks[m.slot], moved.slot = moved, m.slot
	n.marks[last] = nil
	n.marks = n.marks[:last]
	for ; n != nil; n = n.parent {
		n.count--
		if wasMoving {
			n.moving--
		}
		n.stamp = stamp
	}
}

func (n *node) addMoving(moving bool) {
	d := -1
	if moving {
		d = 1
	}
	for ; n != nil; n = n.parent {
		n.moving += d
	}
}

func (n *node) touch(at geo.Point, stamp uint64) {
	for ; n != nil; n = n.parent {
		n.stamp = stamp
		n.box.include(at)
	}
}
