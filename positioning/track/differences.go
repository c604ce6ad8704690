package track

import (
	"encoding/binary"
	"math/bits"
)

// scheme is how the numbers of a column are written. The first number is always as it is, and the second, where the order
// is two, as its difference to the first; "the rest" is what follows. All are zigzag. The values are format.
type scheme uint8

const (
	deltaVarint scheme = iota // differences as varints
	deltaRuns                 // the same, a zero followed by how many more zeros come
	deltaPacked               // one byte: width of the widest difference; then the differences in that many bits each
	deltaDeltaVarint
	deltaDeltaRuns
	deltaDeltaPacked
	numSchemes
)

// order is 1 for differences, 2 for differences of differences.
func (s scheme) order() int {
	if s >= deltaDeltaVarint {
		return 2
	}
	return 1
}

// shape is s without its order.
func (s scheme) shape() scheme { return s % deltaDeltaVarint }

func zigzag(v int64) uint64   { return uint64(v)<<1 ^ uint64(v>>63) }
func unzigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }

// difference replaces values by their zigzag differences of an order, in the memory of dst. Sums wrap around, so any values
// survive.
func difference(dst []uint64, values []int64, order int) []uint64 {
	dst = dst[:0]
	var before, slope int64
	for i, v := range values {
		d := v - before
		before = v
		if order == 2 && i > 0 {
			d, slope = d-slope, d
		}
		dst = append(dst, zigzag(d))
	}
	return dst
}

// sum undoes difference in place of values, which hold the zigzag differences.
func sum(values []int64, order int) {
	var before, slope int64
	for i := range values {
		d := unzigzag(uint64(values[i]))
		if order == 2 && i > 0 {
			d += slope
			slope = d
		}
		before += d
		values[i] = before
	}
}

// appendNumbers appends values in the scheme that takes the fewest bytes, the lowest of equals, and says which.
func appendNumbers(dst []byte, scratch []uint64, values []int64) ([]byte, scheme) {
	best, bestSize := deltaVarint, -1
	for order := 1; order <= 2; order++ {
		scratch = difference(scratch, values, order)
		for shape := deltaVarint; shape <= deltaPacked; shape++ {
			s := shape + scheme(order-1)*deltaDeltaVarint
			if size := shapedSize(scratch, order, shape); bestSize < 0 || size < bestSize {
				best, bestSize = s, size
			}
		}
	}
	scratch = difference(scratch, values, best.order())
	return appendShaped(dst, scratch, best.order(), best.shape()), best
}

// head is how many numbers come before the rest of n.
func head(n, order int) int { return min(n, order) }

func widest(diffs []uint64) int {
	var all uint64
	for _, d := range diffs {
		all |= d
	}
	return bits.Len64(all)
}

func uvarintSize(u uint64) int { return (bits.Len64(u|1) + 6) / 7 }

func shapedSize(diffs []uint64, order int, shape scheme) int {
	size, h := 0, len(diffs)
	if shape == deltaPacked {
		h = head(h, order)
		size = 1 + (widest(diffs[h:])*(len(diffs)-h)+7)/8
	}
	for i := 0; i < h; i++ {
		size += uvarintSize(diffs[i])
		if shape == deltaRuns && diffs[i] == 0 {
			run := zeroRun(diffs[i+1:])
			size += uvarintSize(uint64(run))
			i += run
		}
	}
	return size
}

func zeroRun(diffs []uint64) int {
	n := 0
	for n < len(diffs) && diffs[n] == 0 {
		n++
	}
	return n
}

func appendShaped(dst []byte, diffs []uint64, order int, shape scheme) []byte {
	h := len(diffs)
	if shape == deltaPacked {
		h = head(h, order)
	}
	for i := 0; i < h; i++ {
		dst = binary.AppendUvarint(dst, diffs[i])
		if shape == deltaRuns && diffs[i] == 0 {
			run := zeroRun(diffs[i+1:])
			dst = binary.AppendUvarint(dst, uint64(run))
			i += run
		}
	}
	if shape == deltaPacked {
		dst = appendPacked(dst, diffs[h:])
	}
	return dst
}

// appendPacked appends the width in bits and then the numbers, lowest bits first.
func appendPacked(dst []byte, diffs []uint64) []byte {
	w := widest(diffs)
	dst = append(dst, byte(w))
	var hold uint64 // bits not yet written, fewer than 8 between numbers
	var held int
	for _, d := range diffs {
		for left := w; left > 0; {
			take := min(left, 8-held)
			hold |= (d & (1<<take - 1)) << held
			d >>= take
			left -= take
			if held += take; held == 8 {
				dst = append(dst, byte(hold))
				hold, held = 0, 0
			}
		}
	}
	if held > 0 {
		dst = append(dst, byte(hold))
	}
	return dst
}

// numbers reads what appendNumbers wrote into values.
func (r *reader) numbers(values []int64, s scheme) {
	if s >= numSchemes {
		r.bad = true
		return
	}
	order, shape := s.order(), s.shape()
	h := len(values)
	if shape == deltaPacked {
		h = head(h, order)
	}
	for i := 0; i < h && !r.bad; i++ {
		u := r.uvarint()
		values[i] = int64(u)
		if shape == deltaRuns && u == 0 {
			run := r.uvarint()
			if run > uint64(h-i-1) {
				r.bad = true
				return
			}
			clear(values[i+1 : i+1+int(run)])
			i += int(run)
		}
	}
	if shape == deltaPacked {
		r.packed(values[h:])
	}
	if !r.bad {
		sum(values, order)
	}
}

func (r *reader) packed(values []int64) {
	w := int(r.byte())
	size := (w*len(values) + 7) / 8
	if r.bad || w > 64 || size > len(r.src) {
		r.bad = true
		return
	}
	in := r.src[:size]
	r.src = r.src[size:]
	at := 0 // in bits
	for i := range values {
		var u uint64
		for got := 0; got < w; {
			b := uint64(in[at/8]) >> (at % 8)
			take := min(w-got, 8-at%8)
			u |= (b & (1<<take - 1)) << got
			got += take
			at += take
		}
		values[i] = int64(u)
	}
}
