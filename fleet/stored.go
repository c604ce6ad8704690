package fleet

import (
	"encoding/binary"
	"errors"
	"math"
	"time"

	"dipper/fleet/cell"
	"dipper/positioning/geo"
)

// The binary forms in which both stores keep positions and events. They are big-endian, so that times and numbers sort as bytes.
// Source: docs/decisions/0001-shards-and-event-log.md.

// PositionSize is the length of a Position's binary form: cell 8, time 12, lat, lon, speed, course, error 8 each, series 4, seq 8.
const PositionSize = 72

// ErrStored: bytes of the store are not what a store wrote.
var ErrStored = errors.New("damaged record")

// AppendBinary appends p without its unit, which is the key under which it is kept. The cell comes first, so that a store can
// compare it without decoding the rest.
func (p Position) AppendBinary(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(p.Cell))
	dst = AppendTime(dst, p.Time)
	for _, v := range [...]float64{p.Point.Lat, p.Point.Lon, p.SpeedMps, p.CourseDeg, p.ErrM} {
		dst = binary.BigEndian.AppendUint64(dst, math.Float64bits(v))
	}
	dst = binary.BigEndian.AppendUint32(dst, p.Series)
	return binary.BigEndian.AppendUint64(dst, p.Seq)
}

// DecodePosition reads what AppendBinary wrote from the front of src, which may be longer.
func DecodePosition(unit UnitID, src []byte) (Position, error) {
	if len(src) < PositionSize {
		return Position{}, ErrStored
	}
	float := func(i int) float64 { return math.Float64frombits(binary.BigEndian.Uint64(src[20+8*i:])) }
	return Position{
		Unit:      unit,
		Time:      DecodeTime(src[8:]),
		Point:     geo.Point{Lat: float(0), Lon: float(1)},
		SpeedMps:  float(2),
		CourseDeg: float(3),
		ErrM:      float(4),
		Series:    binary.BigEndian.Uint32(src[60:]),
		Seq:       binary.BigEndian.Uint64(src[64:]),
		Cell:      cell.ID(binary.BigEndian.Uint64(src)),
	}, nil
}

// timeSize is the length of a time's binary form.
const timeSize = 12

// AppendTime appends t in 12 bytes, to the nanosecond, that sort in the order of time.
func AppendTime(dst []byte, t time.Time) []byte {
	const flipSign = 1 << 63
	dst = binary.BigEndian.AppendUint64(dst, uint64(t.Unix())^flipSign)
	return binary.BigEndian.AppendUint32(dst, uint32(t.Nanosecond()))
}

// DecodeTime reads what AppendTime wrote from the front of src, which holds at least 12 bytes, in UTC.
func DecodeTime(src []byte) time.Time {
	const flipSign = 1 << 63
	return time.Unix(int64(binary.BigEndian.Uint64(src)^flipSign), int64(binary.BigEndian.Uint32(src[8:]))).UTC()
}

// AppendBinary appends e: time, revision, the id with its length before it, and the rest is the data.
func (e EventRecord) AppendBinary(dst []byte) []byte {
	dst = AppendTime(dst, e.FixTime)
	dst = binary.BigEndian.AppendUint32(dst, e.Revision)
	dst = binary.AppendUvarint(dst, uint64(len(e.ID)))
	dst = append(dst, e.ID...)
	return append(dst, e.Data...)
}

// DecodeEventRecord reads what AppendBinary wrote. Data shares src's memory.
func DecodeEventRecord(src []byte) (EventRecord, error) {
	const fixed = timeSize + 4
	if len(src) < fixed {
		return EventRecord{}, ErrStored
	}
	n, used := binary.Uvarint(src[fixed:])
	rest := src[fixed:]
	if used <= 0 || n > uint64(len(rest)-used) {
		return EventRecord{}, ErrStored
	}
	id, data := rest[used:used+int(n)], rest[used+int(n):]
	return EventRecord{
		ID:       string(id),
		Revision: binary.BigEndian.Uint32(src[timeSize:]),
		FixTime:  DecodeTime(src),
		Data:     data,
	}, nil
}
