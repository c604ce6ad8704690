package track

import "encoding/binary"

// reader takes numbers off the front of src. After the first that is not there whole, bad is set and all further are 0.
type reader struct {
	src []byte
	bad bool
}

func (r *reader) uvarint() uint64 {
	if r.bad {
		return 0
	}
	u, n := binary.Uvarint(r.src)
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.src = r.src[n:]
	return u
}

func (r *reader) byte() byte {
	if r.bad || len(r.src) == 0 {
		r.bad = true
		return 0
	}
	b := r.src[0]
	r.src = r.src[1:]
	return b
}
