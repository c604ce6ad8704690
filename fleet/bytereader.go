package fleet

import "encoding/binary"

// byteReader takes values from the front of stored bytes. After the first that is not there, bad is set and all others are zero.
type byteReader struct {
	src []byte
	bad bool
}

func (r *byteReader) byte() byte {
	if len(r.src) == 0 {
		r.bad = true
		return 0
	}
	b := r.src[0]
	r.src = r.src[1:]
	return b
}

func (r *byteReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.src)
	if n <= 0 {
		r.bad, r.src = true, nil
		return 0
	}
	r.src = r.src[n:]
	return v
}

func (r *byteReader) varint() int64 {
	v, n := binary.Varint(r.src)
	if n <= 0 {
		r.bad, r.src = true, nil
		return 0
	}
	r.src = r.src[n:]
	return v
}

// count is how many things follow; at least a byte each, so it bounds what a reader allocates.
func (r *byteReader) count() int {
	n := r.uvarint()
	if n > uint64(len(r.src)) {
		r.bad, r.src = true, nil
		return 0
	}
	return int(n)
}

// bytes are those behind their length. They share src's memory.
func (r *byteReader) bytes() []byte {
	n := r.count()
	b := r.src[:n:n]
	r.src = r.src[n:]
	return b
}
