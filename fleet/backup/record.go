package backup

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"dipper/fleet"
)

// What a record is. They come in this order, and all of a unit together.
const (
	kindHeader    = 'H' // when and by what the file was made: uvarint Unix milliseconds, text
	kindUnit      = 'U' // unit, state
	kindTrack     = 'T' // unit, zigzag varint day, part of the day's track; parts are trackPart long but the last
	kindUnitEvent = 'E' // unit, event
	kindLog       = 'L' // uvarint cursor, event
	kindDocument  = 'D' // kind, id, uvarint revision, data
	kindEnd       = 'Z' // five uvarints and a SHA-256: Contents
)

// record is one record, decoded. Only the fields of its kind are set. Slices share memory with what it was read from.
type record struct {
	kind    byte
	unit    fleet.UnitID
	day     fleet.Day
	docKind string
	name    string // a document's id; the program that made the file
	number  uint64 // a document's revision, a log entry's cursor, the header's time
	event   fleet.EventRecord
	data    []byte
	end     Contents
}

var errShort = errors.New("cut off")

// append appends the record's body.
func (r *record) append(dst []byte) []byte {
	switch r.kind {
	case kindHeader:
		return append(binary.AppendUvarint(dst, r.number), r.name...)
	case kindUnit:
		return append(appendText(dst, string(r.unit)), r.data...)
	case kindTrack:
		return append(binary.AppendVarint(appendText(dst, string(r.unit)), int64(r.day)), r.data...)
	case kindUnitEvent:
		return r.event.AppendBinary(appendText(dst, string(r.unit)))
	case kindLog:
		return r.event.AppendBinary(binary.AppendUvarint(dst, r.number))
	case kindDocument:
		dst = appendText(appendText(dst, r.docKind), r.name)
		return append(binary.AppendUvarint(dst, r.number), r.data...)
	}
	return r.end.append(dst)
}

// appendFramed appends the whole record: kind, length of the body, body. The body is made in scratch.
func (r *record) appendFramed(dst []byte, scratch *[]byte) []byte {
	*scratch = r.append((*scratch)[:0])
	dst = binary.AppendUvarint(append(dst, r.kind), uint64(len(*scratch)))
	return append(dst, *scratch...)
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// decodeRecord reads a body. It refuses what append never writes.
func decodeRecord(kind byte, body []byte) (record, error) {
	r := record{kind: kind}
	in := bodyReader{src: body}
	switch kind {
	case kindHeader:
		r.number, r.name = in.uvarint(), string(in.src)
	case kindUnit:
		r.unit, r.data = in.unit(), in.src
	case kindTrack:
		r.unit, r.day, r.data = in.unit(), in.day(), in.src
		if len(r.data) == 0 || len(r.data) > trackPart {
			in.fail(fmt.Errorf("%d bytes of track", len(r.data)))
		}
	case kindUnitEvent:
		r.unit, r.event = in.unit(), in.event()
	case kindLog:
		r.number, r.event = in.uvarint(), in.event()
	case kindDocument:
		r.docKind, r.name, r.number, r.data = in.text(), in.text(), in.uvarint(), in.src
		if in.err == nil && !slices.Contains(fleet.DocumentKinds(), r.docKind) {
			in.fail(fmt.Errorf("documents of kind %.40q are not known to this version", r.docKind))
		}
	case kindEnd:
		r.end, in.err = decodeContents(body)
	default:
		in.fail(errors.New("not known to this version"))
	}
	if in.err != nil {
		return record{}, fmt.Errorf("record of type %q: %w", kind, in.err)
	}
	return r, nil
}

// bodyReader takes a body apart. After the first error all it gives is zero.
type bodyReader struct {
	src []byte
	err error
}

func (in *bodyReader) fail(err error) {
	if in.err == nil {
		in.err, in.src = err, nil
	}
}

func (in *bodyReader) uvarint() uint64 {
	v, n := binary.Uvarint(in.src)
	if n <= 0 {
		in.fail(errShort)
		return 0
	}
	in.src = in.src[n:]
	return v
}

func (in *bodyReader) day() fleet.Day {
	v, n := binary.Varint(in.src)
	if n <= 0 || int64(fleet.Day(v)) != v {
		in.fail(errors.New("no such day"))
		return 0
	}
	in.src = in.src[n:]
	return fleet.Day(v)
}

func (in *bodyReader) text() string {
	n := in.uvarint()
	if n > uint64(len(in.src)) {
		in.fail(errShort)
		return ""
	}
	s := string(in.src[:n])
	in.src = in.src[n:]
	return s
}

func (in *bodyReader) unit() fleet.UnitID {
	s := in.text()
	if err := fleet.CheckUnitID(s); err != nil {
		in.fail(err)
		return ""
	}
	return fleet.UnitID(s)
}

func (in *bodyReader) event() fleet.EventRecord {
	e, err := fleet.DecodeEventRecord(in.src)
	if err != nil {
		in.fail(fmt.Errorf("event: %w", err))
		return fleet.EventRecord{}
	}
	in.src = nil
	return e
}
