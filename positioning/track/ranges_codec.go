package track

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
)

// MarshalJSON writes [[1,500],[504,504]]; [] for the empty set.
func (r Ranges) MarshalJSON() ([]byte, error) {
	dst := append(make([]byte, 0, 2+16*len(r)), '[')
	for i, x := range r {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = fmt.Appendf(dst, "[%d,%d]", x.First, x.Last)
	}
	return append(dst, ']'), nil
}

// UnmarshalJSON reads what MarshalJSON writes, in any order and overlapping. It refuses a range that begins below 1 or ends
// before it begins.
func (r *Ranges) UnmarshalJSON(data []byte) error {
	var pairs [][]Seq
	if err := json.Unmarshal(data, &pairs); err != nil {
		return fmt.Errorf("ranges: %w", err)
	}
	var out Ranges
	for i, p := range pairs {
		if len(p) != 2 || !(Range{p[0], p[1]}).valid() {
			return fmt.Errorf("ranges[%d]: %v is not [first,last] with 1 <= first <= last", i, p)
		}
		out = out.Merge(Ranges{{p[0], p[1]}})
	}
	*r = out
	return nil
}

// AppendRanges appends the binary form: the number of ranges, then for each how far it begins behind the earliest place at
// which it can begin (1; later, two behind the end of the one before) and its length less one, all as uvarints. Every such
// sequence is a valid set.
func AppendRanges(dst []byte, r Ranges) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(r)))
	earliest := Seq(1)
	for _, x := range r {
		dst = binary.AppendUvarint(dst, uint64(x.First-earliest))
		dst = binary.AppendUvarint(dst, uint64(x.Last-x.First))
		earliest = x.Last + 2
	}
	return dst
}

// DecodeRanges reads what AppendRanges wrote and returns what follows it. The error wraps ErrCorrupt. Memory is bounded by
// the length of src.
func DecodeRanges(src []byte) (r Ranges, rest []byte, err error) {
	in := reader{src: src}
	n := in.uvarint()
	if in.bad || n > uint64(len(in.src))/2 { // a range takes two bytes or more
		return nil, nil, fmt.Errorf("%w: ranges: count does not fit", ErrCorrupt)
	}
	if n > 0 {
		r = make(Ranges, 0, n)
	}
	last, earliest := Seq(0), Seq(1)
	for i := range n {
		first := earliest + Seq(in.uvarint())
		overflow := first < earliest || i > 0 && earliest < last
		last = first + Seq(in.uvarint())
		if in.bad || overflow || last < first {
			return nil, nil, fmt.Errorf("%w: range %d of %d: cut off or above the highest number", ErrCorrupt, i+1, n)
		}
		r = append(r, Range{first, last})
		earliest = last + 2
	}
	return r, in.src, nil
}
