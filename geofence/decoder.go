package geofence

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

var errShort = errors.New("ends early")

// decoder takes values off the front of b. After the first error it gives zeros.
type decoder struct {
	b    []byte
	last int // what count gave
	err  error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf(format, args...)
	}
	d.b, d.last = nil, 0
}

func (d *decoder) take(n int) []byte {
	if d.err != nil || n > len(d.b) {
		d.fail("%w", errShort)
		return nil
	}
	v := d.b[:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail("bad number")
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail("bad number")
		return 0
	}
	d.b = d.b[n:]
	return v
}

// count reads how many elements follow, each of at least size bytes, so that no short input makes a large allocation.
func (d *decoder) count(size int) int {
	v := d.uvarint()
	if v > uint64(len(d.b)/size) {
		d.fail("%d elements in %d bytes", v, len(d.b))
		return 0
	}
	d.last = int(v)
	return d.last
}

func (d *decoder) text() string { return string(d.take(d.count(1))) }

func (d *decoder) float() float64 {
	if b := d.take(8); b != nil {
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
	return 0
}

// time reads what appendTime wrote, in UTC.
func (d *decoder) time() time.Time {
	switch flag := d.byte(); flag {
	case 0:
	case 1:
		ms := d.varint()
		if ms < minMillis || ms > maxMillis {
			d.fail("time %d ms is not in the years 1 to 9999", ms)
			return time.Time{}
		}
		return time.UnixMilli(ms).UTC()
	default:
		d.fail("time flag %d", flag)
	}
	return time.Time{}
}

// The years 1 to 9999 in Unix milliseconds, but for the first instant, which is the zero time.Time.
const (
	minMillis = -62_135_596_800_000 + 1
	maxMillis = 253_402_300_799_999
)
