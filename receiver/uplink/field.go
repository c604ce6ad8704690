package uplink

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
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

var typeNames = map[Type]string{
	TypeHello: "hello", TypeBatch: "batch", TypeWelcome: "welcome", TypeAck: "ack", TypeRefusal: "refusal", TypeReport: "report",
	TypeSettings: "settings", TypeFences: "fences", TypeNotice: "notice", TypeTold: "told", TypeToldAck: "told ack",
}

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

// signed reads a zigzag varint.
func (in *fields) signed(field string) int64 {
	if in.err != nil {
		return 0
	}
	v, n := binary.Varint(in.src)
	if n <= 0 {
		in.fail(field + ": cut off")
		return 0
	}
	in.src = in.src[n:]
	return v
}

// The years 1 to 9999, what RFC 3339 can write, in Unix milliseconds. The first instant is the zero time.Time: not known.
const (
	minMillis = -62_135_596_800_000
	maxMillis = 253_402_300_799_999
)

// time reads Unix milliseconds.
func (in *fields) time(field string) time.Time {
	ms := in.signed(field)
	if in.err == nil && (ms < minMillis || ms > maxMillis) {
		in.fail(fmt.Sprintf("%s: %d ms is not in the years 1 to 9999", field, ms))
	}
	if in.err != nil {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// bytes reads up to limit bytes behind their number. They are a part of the message.
func (in *fields) bytes(field string, limit uint64) []byte {
	n := in.number(field, limit)
	if in.err != nil {
		return nil
	}
	if n > uint64(len(in.src)) {
		in.fail(field + ": cut off")
		return nil
	}
	b := in.src[:n:n]
	in.src = in.src[n:]
	return b
}

func (in *fields) text(field string) string {
	s := string(in.bytes(field, maxTextBytes))
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
