package geofence

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// storageVersion is the first byte of a stored fence.
const storageVersion = 1

// MarshalFence encodes a fence for storage, with its revision and validity (to the millisecond). The only error is for a fence
// without a shape.
func MarshalFence(f Fence) ([]byte, error) {
	if f.Shape.kind == NoShape {
		return nil, fmt.Errorf("fence %s: %w", f.ID, errNoShape)
	}
	b := []byte{storageVersion}
	b = appendText(b, f.ID)
	b = appendText(b, f.Name)
	b = appendText(b, string(f.Kind))
	b = appendFloat(b, f.SpeedLimitMps)
	b = binary.AppendVarint(b, f.Dwell.Milliseconds())
	b = binary.AppendUvarint(b, f.Revision)
	b = appendTime(b, f.ValidFrom)
	b = appendTime(b, f.ValidUntil)
	b = append(b, byte(f.Shape.kind))
	b = binary.AppendUvarint(b, uint64(len(f.Shape.parts)))
	for i := range f.Shape.parts {
		b = f.Shape.parts[i].appendBinary(b)
	}
	return b, nil
}

// appendBinary encodes vertices as steps from one to the next on the lattice.
func (q *part) appendBinary(b []byte) []byte {
	rings := q.rings
	if q.line != nil {
		b = appendFloat(b, q.reach)
		rings = [][]vertex{q.line}
	}
	b = binary.AppendUvarint(b, uint64(len(rings)))
	var last place
	for _, r := range rings {
		b = binary.AppendUvarint(b, uint64(len(r)))
		for _, v := range r {
			p := place{x: turned(q.box.west, int64(v.x)), y: v.y}
			b = binary.AppendVarint(b, lonStep(last.x, p.x))
			b = binary.AppendVarint(b, int64(p.y)-int64(last.y))
			last = p
		}
	}
	return b
}

// UnmarshalFence reads what MarshalFence wrote. Bytes that it cannot have written give an *InvalidError. It trusts rings
// not to cross, which ParseFeature saw to, and checks all else.
func UnmarshalFence(data []byte) (Fence, error) {
	d := decoder{b: data}
	if v := d.byte(); d.err == nil && v != storageVersion {
		return Fence{}, invalid("", "stored with version %d, this is version %d", v, storageVersion)
	}
	f := Fence{ID: d.text(), Name: d.text(), Kind: Kind(d.text())}
	f.SpeedLimitMps = d.float()
	f.Dwell = time.Duration(d.varint()) * time.Millisecond
	f.Revision = d.uvarint()
	f.ValidFrom, f.ValidUntil = d.time(), d.time()
	f.Shape = d.shape()
	if d.err == nil && len(d.b) > 0 {
		d.fail("%d bytes too many", len(d.b))
	}
	if d.err == nil {
		d.err = f.check()
	}
	if d.err != nil {
		var bad *InvalidError
		if !errors.As(d.err, &bad) {
			bad = invalid("", "stored bytes: %v", d.err)
		}
		return Fence{}, bad
	}
	return f, nil
}

// check says what no parsed fence can have.
func (f Fence) check() error {
	switch {
	case !(f.SpeedLimitMps >= 0 && f.SpeedLimitMps <= MaxSpeedLimitMps):
		return fmt.Errorf("speed limit %v", f.SpeedLimitMps)
	case f.Dwell < 0 || f.Dwell > MaxDwell:
		return fmt.Errorf("dwell %v", f.Dwell)
	case !f.Kind.valid():
		return fmt.Errorf("kind %.40q", f.Kind)
	}
	return CheckID(f.ID)
}

func (d *decoder) shape() Shape {
	s := Shape{kind: ShapeKind(d.byte())}
	n := d.count(1)
	lines := s.kind == CircleShape || s.kind == CorridorShape
	if d.err == nil && (s.kind == NoShape || s.kind > CorridorShape || n == 0 || s.kind != MultiShape && n != 1) {
		d.fail("shape of kind %d with %d parts", s.kind, n)
	}
	for range n {
		var q part
		if lines {
			q = d.linePart(s.kind)
		} else {
			q = d.polygonPart()
		}
		if d.err != nil {
			return Shape{}
		}
		s.parts = append(s.parts, q)
	}
	return s
}

func (d *decoder) linePart(k ShapeKind) part {
	reach := d.float()
	if bad := checkReach(reach, "reach"); d.err == nil && bad != nil {
		d.err = bad
	}
	lines := d.places()
	if d.err != nil {
		return part{}
	}
	if len(lines) != 1 || (len(merge(lines[0])) == 1) != (k == CircleShape) || len(lines[0]) == 0 {
		d.fail("a line of the wrong number of points")
		return part{}
	}
	q, bad := linePart(merge(lines[0]), reach)
	if bad != nil {
		d.err = bad
	}
	return q
}

func (d *decoder) polygonPart() part {
	rings := d.places()
	if d.err != nil {
		return part{}
	}
	q, bad := polygonPart(rings, "")
	if bad != nil {
		d.err = bad
	}
	return q
}

func (d *decoder) places() [][]place {
	rings := make([][]place, 0, min(d.count(1), 64))
	n := d.last
	var last place
	for range n {
		m := d.count(2)
		r := make([]place, 0, m)
		for range m {
			dx, dy := d.varint(), d.varint()
			y := int64(last.y) + dy
			if d.err == nil && (dx < -fullTurn || dx > fullTurn || dy < -halfTurn || dy > halfTurn || y < -quarterTurn || y > quarterTurn) {
				d.fail("vertex out of range")
			}
			if d.err != nil {
				return nil
			}
			last = place{x: turned(last.x, dx), y: int32(y)}
			r = append(r, last)
		}
		rings = append(rings, r)
	}
	return rings
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendFloat(b []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
}

// appendTime encodes Unix milliseconds plus one, and 0 for no time.
func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return binary.AppendUvarint(b, 0)
	}
	return binary.AppendVarint(append(b, 1), t.UnixMilli())
}
