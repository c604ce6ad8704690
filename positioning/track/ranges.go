package track

import "slices"

// Range is the numbers First to Last, both included. First is at least 1 and not above Last; Range{} is no range.
type Range struct{ First, Last Seq }

// Count is how many numbers the range holds.
func (x Range) Count() uint64 {
	if !x.valid() {
		return 0
	}
	return uint64(x.Last-x.First) + 1
}

func (x Range) valid() bool { return x.First >= 1 && x.First <= x.Last }

// Ranges is a set of numbers as ranges: sorted, disjoint, and not touching each other, so that a set has one form only.
// The zero value is the empty set. Methods never change the set they are called on; what they return may share its memory.
type Ranges []Range

// Add is the set with x. A range that is not valid adds nothing.
func (r Ranges) Add(x Range) Ranges {
	if !x.valid() || r.Covers(x) {
		return r
	}
	lo := r.firstTouching(x.First)
	hi := lo
	for hi < len(r) && (x.Last == maxSeq || r[hi].First <= x.Last+1) {
		hi++
	}
	if lo < hi {
		x.First = min(x.First, r[lo].First)
		x.Last = max(x.Last, r[hi-1].Last)
	}
	out := make(Ranges, 0, len(r)-(hi-lo)+1)
	out = append(out, r[:lo]...)
	out = append(out, x)
	return append(out, r[hi:]...)
}

const maxSeq = ^Seq(0)

// firstTouching is the index of the first range that ends at first-1 or later.
func (r Ranges) firstTouching(first Seq) int {
	i, _ := slices.BinarySearchFunc(r, first, func(y Range, s Seq) int {
		if y.Last < s-1 { // s >= 1
			return -1
		}
		return 1
	})
	return i
}

// firstEndingAtOrAfter is the index of the first range with a Last of s or more.
func (r Ranges) firstEndingAtOrAfter(s Seq) int {
	i, _ := slices.BinarySearchFunc(r, s, func(y Range, s Seq) int {
		if y.Last < s {
			return -1
		}
		return 1
	})
	return i
}

// Merge is the union of both sets.
func (r Ranges) Merge(o Ranges) Ranges {
	if len(o) <= 1 || len(r) == 0 {
		if len(r) == 0 {
			return o
		}
		for _, x := range o {
			r = r.Add(x)
		}
		return r
	}
	out := make(Ranges, 0, len(r)+len(o))
	for len(r) > 0 || len(o) > 0 {
		var x Range
		if len(o) == 0 || len(r) > 0 && r[0].First <= o[0].First {
			x, r = r[0], r[1:]
		} else {
			x, o = o[0], o[1:]
		}
		if n := len(out); n > 0 && (out[n-1].Last == maxSeq || x.First <= out[n-1].Last+1) {
			out[n-1].Last = max(out[n-1].Last, x.Last)
			continue
		}
		out = append(out, x)
	}
	return out
}

// Subtract is the numbers of r that are not in o.
func (r Ranges) Subtract(o Ranges) Ranges {
	var out Ranges
	for _, x := range r {
		o = o[o.firstEndingAtOrAfter(x.First):]
		open := true
		for _, y := range o {
			if y.First > x.Last {
				break
			}
			if y.First > x.First {
				out = append(out, Range{x.First, y.First - 1})
			}
			if y.Last >= x.Last {
				open = false
				break
			}
			x.First = y.Last + 1
		}
		if open {
			out = append(out, x)
		}
	}
	return out
}

// Within is the numbers of r that lie in x.
func (r Ranges) Within(x Range) Ranges {
	if !x.valid() {
		return nil
	}
	var out Ranges
	for _, y := range r[r.firstEndingAtOrAfter(x.First):] {
		if y.First > x.Last {
			break
		}
		out = append(out, Range{max(x.First, y.First), min(x.Last, y.Last)})
	}
	return out
}

// Contains reports whether s is in the set.
func (r Ranges) Contains(s Seq) bool { return r.Covers(Range{s, s}) }

// Covers reports whether the set holds every number of x; false for a range that is not valid.
func (r Ranges) Covers(x Range) bool {
	if !x.valid() {
		return false
	}
	i := r.firstEndingAtOrAfter(x.First)
	return i < len(r) && r[i].First <= x.First && x.Last <= r[i].Last
}

// Highest is the greatest number of the set; 0 for the empty set.
func (r Ranges) Highest() Seq {
	if len(r) == 0 {
		return 0
	}
	return r[len(r)-1].Last
}

// Lowest is the smallest number of the set; 0 for the empty set.
func (r Ranges) Lowest() Seq {
	if len(r) == 0 {
		return 0
	}
	return r[0].First
}

// Missing is the numbers from 1 to upTo that are not in the set.
func (r Ranges) Missing(upTo Seq) Ranges {
	if upTo == 0 {
		return nil
	}
	return Ranges{{1, upTo}}.Subtract(r)
}

// Count is how many numbers the set holds.
func (r Ranges) Count() uint64 {
	var n uint64
	for _, x := range r {
		n += x.Count()
	}
	return n
}
