package uplink

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"

	"dipper/positioning/track"
)

// fields takes the fields of one message off its front. After the first fault all further fields are zero and err is set.
type fields struct {
	typ Type
	src []byte
	err error
}

func open(msg []byte, t Type) *fields {
	in := &fields{typ: t}
	if TypeOf(msg) != t {
		in.fail(fmt.Sprintf("type is %d, want %d", TypeOf(msg), t))
		return in
	}
	in.src = msg[1:]
	return in
}

var typeNames = map[Type]string{TypeHello: "hello", TypeBatch: "batch", TypeWelcome: "welcome", TypeAck: "ack", TypeRefusal: "refusal"}

func (in *fields) fail(reason string) {
	if in.err == nil {
		in.err = fmt.Errorf("%w: %s: %s", ErrMessage, typeNames[in.typ], reason)
	}
}

// number reads a uvarint of at most limit; 0 means no limit.
func (in *fields) number(field string, limit uint64) uint64 {
	if in.err != nil {
		return 0
	}
	u, n := binary.Uvarint(in.src)
	if n <= 0 {
		in.fail(field + ": cut off")
		return 0
	}
	in.src = in.src[n:]
	if limit > 0 && u > limit {
		in.fail(fmt.Sprintf("%s: %d is above %d", field, u, limit))
		return 0
	}
	return u
}

func (in *fields) series() track.Series { return track.Series(in.number("series", math.MaxUint32)) }

func (in *fields) text(field string) string {
	n := in.number(field, maxTextBytes)
	if in.err != nil {
		return ""
	}
	if n > uint64(len(in.src)) {
		in.fail(field + ": cut off")
		return ""
	}
	s := string(in.src[:n])
	in.src = in.src[n:]
	if !utf8.ValidString(s) {
		in.fail(field + ": not UTF-8")
		return ""
	}
	return s
}

func (in *fields) ranges() track.Ranges {
	if in.err != nil {
		return nil
	}
	r, rest, err := track.DecodeRanges(in.src)
	if err != nil {
		in.err = fmt.Errorf("%w: %s: %w", ErrMessage, typeNames[in.typ], err)
		return nil
	}
	in.src = rest
	return r
}

// end is the first fault; bytes that are left over are one.
func (in *fields) end() error {
	if len(in.src) > 0 {
		in.fail(fmt.Sprintf("%d bytes behind the end", len(in.src)))
	}
	return in.err
}
