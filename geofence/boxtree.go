package geofence

import (
	"cmp"
	"slices"
)

// boxTree finds the rectangles that meet another: an R-tree that is packed once, because an Index never changes. The rectangles lie in
// the order of a Hilbert curve, and every fanOut of a level, one after the other in memory, are a node of the next. In whole
// numbers and without pointers it takes 21 bytes a rectangle. Source: Kamel and Faloutsos, On packing R-trees, CIKM 1993.
type boxTree struct {
	slots  []int32  // of the rectangles of the lowest level
	levels [][]rect // lowest first; the highest is one node
}

// fanOut times 16 bytes are four lines of cache.
const fanOut = 16

// rect is a box that does not cross the 180° meridian, its sides included.
type rect struct{ west, south, east, north int32 }

func (r *rect) meets(q *rect) bool {
	return r.west <= q.east && q.west <= r.east && r.south <= q.north && q.south <= r.north
}

// entry is a rectangle to be packed.
type entry struct {
	rect
	slot  int32
	order uint64
}

// newBoxTree packs entries, whose order it changes.
func newBoxTree(entries []entry) boxTree {
	for i := range entries {
		e := &entries[i]
		x, y := (int64(e.west)+int64(e.east))/2+halfTurn, (int64(e.south)+int64(e.north))/2+halfTurn
		e.order = hilbert(uint32(x), uint32(y))
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.slot, b.slot)) })
	t := boxTree{slots: make([]int32, len(entries))}
	level := make([]rect, len(entries))
	for i := range entries {
		t.slots[i], level[i] = entries[i].slot, entries[i].rect
	}
	t.levels = append(t.levels, level)
	for len(level) > fanOut {
		next := make([]rect, 0, (len(level)+fanOut-1)/fanOut)
		for node := range slices.Chunk(level, fanOut) {
			r := node[0]
			for _, s := range node[1:] {
				r = rect{min(r.west, s.west), min(r.south, s.south), max(r.east, s.east), max(r.north, s.north)}
			}
			next = append(next, r)
		}
		t.levels = append(t.levels, next)
		level = next
	}
	return t
}

// search appends the slots of the rectangles that meet q, a slot as often as it was packed.
func (t *boxTree) search(q rect, dst []int32) []int32 {
	return t.searchNode(len(t.levels)-1, 0, &q, dst)
}

func (t *boxTree) searchNode(level, node int, q *rect, dst []int32) []int32 {
	from := node * fanOut
	rects := t.levels[level]
	rects = rects[from:min(from+fanOut, len(rects))]
	for i := range rects {
		if !rects[i].meets(q) {
			continue
		}
		if level == 0 {
			dst = append(dst, t.slots[from+i])
		} else {
			dst = t.searchNode(level-1, from+i, q, dst)
		}
	}
	return dst
}

// hilbert is how far along a Hilbert curve of order 32 a cell lies. Source: Hamilton's compact form of the curve by one quadrant
// a step, as in Warren, Hacker's Delight, section 16-2.
func hilbert(x, y uint32) uint64 {
	var d uint64
	for bit := uint32(1) << 31; bit > 0; bit >>= 1 {
		rx, ry := x&bit != 0, y&bit != 0
		switch {
		case rx && ry:
			d = d<<2 | 2
		case rx:
			d = d<<2 | 3
		case ry:
			d = d<<2 | 1
		default:
			d <<= 2
		}
		if !ry { // the lower quadrants lie turned, the right one also upside down
			if rx {
				x, y = ^x, ^y
			}
			x, y = y, x
		}
	}
	return d
}
