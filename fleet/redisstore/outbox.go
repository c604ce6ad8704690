package redisstore

import (
	"encoding/binary"

	"dipper/fleet"
	"dipper/fleet/cell"
)

// entry is what a unit's outbox holds: the version of the last step in it (8 bytes), then a frame of each step that has
// not been carried out, oldest first.
type entry struct {
	unit fleet.UnitID
	data string
	step int // the place in Commit's steps; of no meaning in a sweep
}

// frame is what one step has to tell other slots.
type frame struct {
	version        uint64 // that the step made
	from, to       cell.ID
	closed, opened []string
	events         []fleet.EventRecord
}

// appendFrame appends the frame of a step with its length before it.
func appendFrame(dst []byte, st *fleet.Step) []byte {
	body := binary.BigEndian.AppendUint64(nil, st.Expect+1)
	body = binary.BigEndian.AppendUint64(body, uint64(st.PrevCell))
	body = binary.BigEndian.AppendUint64(body, uint64(st.Position.Cell))
	body = appendNames(body, st.Closed)
	body = appendNames(body, st.Opened)
	body = binary.AppendUvarint(body, uint64(len(st.Events)))
	for _, e := range st.Events {
		body = appendBytes(body, e.AppendBinary(nil))
	}
	return appendBytes(dst, body)
}

func appendNames(dst []byte, names []string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(names)))
	for _, n := range names {
		dst = appendBytes(dst, []byte(n))
	}
	return dst
}

func appendBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// version is that of the last step in the entry.
func (e entry) version() string { return e.data[:min(8, len(e.data))] }

// frames takes an entry apart; fleet.ErrStored if it is damaged.
func (e entry) frames() ([]frame, error) {
	r := byteReader{rest: []byte(e.data)}
	r.take(8)
	var frames []frame
	for len(r.rest) > 0 && !r.failed {
		f := byteReader{rest: r.bytes()}
		frames = append(frames, f.frame())
		r.failed = r.failed || f.failed || len(f.rest) > 0
	}
	if r.failed {
		return nil, fleet.ErrStored
	}
	return frames, nil
}

// byteReader reads from the front of rest; failed stays set once there was too little.
type byteReader struct {
	rest   []byte
	failed bool
}

func (r *byteReader) take(n int) []byte {
	if n < 0 || n > len(r.rest) {
		r.failed, r.rest = true, nil
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *byteReader) uint64() uint64 {
	b := r.take(8)
	if b == nil {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

// length reads a count or a length, which cannot be more than the bytes that are left.
func (r *byteReader) length() int {
	n, used := binary.Uvarint(r.rest)
	if used <= 0 || n > uint64(len(r.rest)-used) {
		r.failed, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[used:]
	return int(n)
}

func (r *byteReader) bytes() []byte { return r.take(r.length()) }

func (r *byteReader) names() []string {
	var names []string
	for range r.length() {
		names = append(names, string(r.bytes()))
	}
	return names
}

func (r *byteReader) frame() frame {
	f := frame{version: r.uint64(), from: cell.ID(r.uint64()), to: cell.ID(r.uint64())}
	f.closed, f.opened = r.names(), r.names()
	for range r.length() {
		e, err := fleet.DecodeEventRecord(r.bytes())
		r.failed = r.failed || err != nil
		f.events = append(f.events, e)
	}
	return f
}
