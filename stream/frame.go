package stream

import (
	"encoding/binary"
	"math"
	"strconv"
)

// Binary frames: a header, then columns, all little-endian and aligned. docs/wire.md, "Live", describes them.
const (
	frameHeader    = 24
	frameRow       = 20
	framePositions = 1
	frameVersion   = 1
	flagSnapshot   = 1
	unknown16      = math.MaxUint16
	// maxFrameRows keeps one message under 84 kB, so that a viewer that reads slowly has few rows on the way to it.
	maxFrameRows = 4096
)

// splitRows gives the longest beginning of rows that fits one frame: not too many, and not farther from the first in time
// than the column of milliseconds reaches, 24 days.
func splitRows(rows []sighting) (frame, rest []sighting) {
	n := min(len(rows), maxFrameRows)
	for i := 1; i < n; i++ {
		dt := rows[i].time.UnixMilli() - rows[0].time.UnixMilli()
		if dt > math.MaxInt32 || dt < math.MinInt32 {
			n = i
		}
	}
	return rows[:n], rows[n:]
}

// appendPositions appends a binary frame of rows that splitRows gave.
func appendPositions(dst []byte, rows []sighting, snapshot bool) []byte {
	n := len(rows)
	if n == 0 {
		return dst
	}
	var flags uint16
	if snapshot {
		flags = flagSnapshot
	}
	base := rows[0].time.UnixMilli()
	le := binary.LittleEndian
	dst = append(dst, framePositions, frameVersion)
	dst = le.AppendUint16(dst, flags)
	dst = le.AppendUint32(dst, uint32(n))
	dst = le.AppendUint64(dst, uint64(base))
	dst = le.AppendUint64(dst, 0)
	start := len(dst)
	dst = append(dst, make([]byte, n*(frameRow))...)
	handle, lat, lon, dt := dst[start:], dst[start+4*n:], dst[start+8*n:], dst[start+12*n:]
	speed, course := dst[start+16*n:], dst[start+18*n:]
	for i := range rows {
		r := &rows[i]
		le.PutUint32(handle[4*i:], r.handle)
		le.PutUint32(lat[4*i:], uint32(lattice(r.point.Lat)))
		le.PutUint32(lon[4*i:], uint32(lattice(r.point.Lon)))
		le.PutUint32(dt[4*i:], uint32(int32(r.time.UnixMilli()-base)))
		le.PutUint16(speed[2*i:], centimetres(r.speedMps))
		le.PutUint16(course[2*i:], hundredths(r.courseDeg))
	}
	return dst
}

// lattice is degrees in steps of 1e-7.
func lattice(deg float64) int32 { return int32(math.Round(deg * 1e7)) }

// centimetres is a speed in cm/s; faster than the column holds is as fast as it holds.
func centimetres(mps float64) uint16 {
	if !(mps >= 0) {
		return unknown16
	}
	return uint16(min(math.Round(mps*100), unknown16-1))
}

// hundredths is a course in 0.01 degrees, [0, 36000).
func hundredths(deg float64) uint16 {
	if !(deg >= 0 && deg < 1e6) {
		return unknown16
	}
	return uint16(math.Mod(math.Round(deg*100), 36000))
}

// appendPositionsJSON appends the frame that anyone can read.
func appendPositionsJSON(dst []byte, rows []sighting, snapshot bool) []byte {
	dst = append(dst, `{"type":"positions",`...)
	if snapshot {
		dst = append(dst, `"snapshot":true,`...)
	}
	dst = append(dst, `"units":[`...)
	for i := range rows {
		r := &rows[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendField(dst, `{"id":`, string(r.unit))
		dst = appendPoint(dst, r.point)
		dst = appendNumber(dst, `,"speed_mps":`, r.speedMps, 3)
		dst = appendNumber(dst, `,"course_deg":`, r.courseDeg, 3)
		dst = appendTime(dst, `,"time":`, r.time)
		dst = append(dst, '}')
	}
	return append(dst, `]}`...)
}

// appendNames appends what the handles stand for.
func appendNames(dst []byte, rows []sighting) []byte {
	dst = append(dst, `{"type":"names","units":[`...)
	for i := range rows {
		r := &rows[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '[')
		dst = strconv.AppendUint(dst, uint64(r.handle), 10)
		dst = appendField(dst, `,`, string(r.unit))
		dst = appendField(dst, `,`, r.label.name)
		dst = appendField(dst, `,`, r.label.kind)
		dst = append(dst, ']')
	}
	return append(dst, `]}`...)
}

func appendGone(dst []byte, gone []departure, asJSON bool) []byte {
	dst = append(dst, `{"type":"gone",`...)
	if asJSON {
		dst = append(dst, `"ids":[`...)
	} else {
		dst = append(dst, `"handles":[`...)
	}
	for i, d := range gone {
		if i > 0 {
			dst = append(dst, ',')
		}
		if asJSON {
			dst = appendText(dst, string(d.unit))
		} else {
			dst = strconv.AppendUint(dst, uint64(d.handle), 10)
		}
	}
	return append(dst, `]}`...)
}

func appendCells(dst []byte, c cellsFrame) []byte {
	dst = append(dst, `{"type":"cells","res":`...)
	dst = strconv.AppendInt(dst, int64(c.res), 10)
	dst = append(dst, `,"total":`...)
	dst = strconv.AppendInt(dst, int64(c.total), 10)
	dst = append(dst, `,"cells":[`...)
	for i, x := range c.cells {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendNumber(dst, `[`, x.center.Lat, 5)
		dst = appendNumber(dst, `,`, x.center.Lon, 5)
		dst = append(dst, ',')
		dst = strconv.AppendInt(dst, int64(x.count), 10)
		dst = append(dst, ',')
		dst = strconv.AppendInt(dst, int64(x.moving), 10)
		dst = append(dst, ']')
	}
	return append(dst, `]}`...)
}
