package geofence

import (
	"cmp"
	"math"
	"slices"
	"time"

	"dipper/positioning/geo"
)

// Index is many fences, asked for the few near a point. It is immutable and safe for concurrent use; an edit builds a new one
// (about 1 µs a fence). It may hold several revisions of a fence: at any time that one counts which is valid then, and of several
// the highest.
type Index struct {
	fences []Fence // by ID, then revision
	valid  []validity
	first  map[string]int32 // of a fence's entries
	tree   boxTree          // of the boxes of parts; slots are entries of fences
}

// validity is the time for which an entry of fences counts, in Unix milliseconds, until exclusive.
type validity struct {
	from, until int64
	shared      bool // the next entry is a higher revision of the same fence
}

// NewIndex makes an index. Of fences with the same ID and revision the last one counts; a fence without a shape does not.
func NewIndex(fences []Fence) *Index {
	ix := &Index{fences: make([]Fence, 0, len(fences))}
	for _, f := range fences {
		if f.Shape.kind != NoShape {
			ix.fences = append(ix.fences, f)
		}
	}
	slices.SortStableFunc(ix.fences, func(a, b Fence) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Revision, b.Revision))
	})
	ix.fences = lastOfEach(ix.fences)
	ix.valid = make([]validity, len(ix.fences))
	ix.first = make(map[string]int32, len(ix.fences))
	entries := make([]entry, 0, len(ix.fences))
	for i, f := range ix.fences {
		if i == 0 || ix.fences[i-1].ID != f.ID {
			ix.first[f.ID] = int32(i)
		}
		ix.valid[i] = validity{from: math.MinInt64, until: math.MaxInt64, shared: i+1 < len(ix.fences) && ix.fences[i+1].ID == f.ID}
		if !f.ValidFrom.IsZero() {
			ix.valid[i].from = f.ValidFrom.UnixMilli()
		}
		if !f.ValidUntil.IsZero() {
			ix.valid[i].until = f.ValidUntil.UnixMilli()
		}
		for j := range f.Shape.parts {
			b, c, two := f.Shape.parts[j].box.halves()
			entries = append(entries, entry{rect: b, slot: int32(i)})
			if two {
				entries = append(entries, entry{rect: c, slot: int32(i)})
			}
		}
	}
	ix.tree = newBoxTree(entries)
	return ix
}

func lastOfEach(sorted []Fence) []Fence {
	out := sorted[:0]
	for i, f := range sorted {
		if i+1 < len(sorted) && sorted[i+1].ID == f.ID && sorted[i+1].Revision == f.Revision {
			continue
		}
		out = append(out, f)
	}
	return out
}

// Fences gives all revisions, by ID and revision. The caller must not change the slice.
func (ix *Index) Fences() []Fence { return ix.fences }

// Fence gives the revision of a fence that counts at a time, or false.
func (ix *Index) Fence(id string, at time.Time) (Fence, bool) {
	i, ok := ix.effective(id, at.UnixMilli())
	if !ok {
		return Fence{}, false
	}
	return ix.fences[i], true
}

// At appends the fences that contain p at a time, by ID.
func (ix *Index) At(p geo.Point, at time.Time, dst []Fence) []Fence {
	if !p.Valid() {
		return dst
	}
	q := placeOf(p)
	var n neighbours
	for _, i := range n.of(ix, boxOf(q, q)) {
		if ix.counts(i, at.UnixMilli()) && ix.fences[i].Shape.contains(q) {
			dst = append(dst, ix.fences[i])
		}
	}
	return dst
}

// counts reports whether an entry is the revision of its fence that counts at a time.
func (ix *Index) counts(i int32, ms int64) bool {
	v := ix.valid[i]
	if ms < v.from || ms >= v.until {
		return false
	}
	return !v.shared || !ix.laterCounts(i, ms)
}

// laterCounts reports whether a higher revision of the same fence is valid.
func (ix *Index) laterCounts(i int32, ms int64) bool {
	for ix.valid[i].shared {
		i++
		if v := ix.valid[i]; ms >= v.from && ms < v.until {
			return true
		}
	}
	return false
}

// endOf is when an entry stopped to count for good: at the end of its validity, or when the first higher revision that is valid at
// ms began.
func (ix *Index) endOf(i int32, ms int64) int64 {
	end := ix.valid[i].until
	for ix.valid[i].shared {
		i++
		if v := ix.valid[i]; ms >= v.from && ms < v.until {
			end = min(end, v.from)
		}
	}
	return end
}

// effective finds the entry of a fence that counts at a time.
func (ix *Index) effective(id string, ms int64) (int32, bool) {
	i, ok := ix.first[id]
	for ; ok; i++ {
		if ix.counts(i, ms) {
			return i, true
		}
		ok = ix.valid[i].shared
	}
	return 0, false
}

// revision finds an entry whether it counts or not.
func (ix *Index) revision(id string, revision uint64) (int32, bool) {
	i, ok := ix.first[id]
	for ; ok; i++ {
		if ix.fences[i].Revision == revision {
			return i, true
		}
		ok = ix.valid[i].shared
	}
	return 0, false
}

// neighbours finds entries by their boxes. It keeps its memory from one search to the next.
type neighbours struct {
	found []int32
}

// of gives the entries with a part whose box meets b, ascending, each once. The slice is valid until the next call.
func (n *neighbours) of(ix *Index, b box) []int32 {
	r, s, two := b.halves()
	n.found = ix.tree.search(r, n.found[:0])
	if two {
		n.found = ix.tree.search(s, n.found)
	}
	slices.Sort(n.found)
	n.found = slices.Compact(n.found)
	return n.found
}

// halves is b as one rectangle, or as two where it crosses the 180° meridian.
func (b box) halves() (r, s rect, two bool) {
	east := int64(b.west) + b.width
	r = rect{west: b.west, south: b.south, east: int32(min(east, halfTurn-1)), north: b.north}
	if east < halfTurn {
		return r, s, false
	}
	return r, rect{west: -halfTurn, south: b.south, east: int32(east - fullTurn), north: b.north}, true
}
