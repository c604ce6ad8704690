package track

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"dipper/positioning"
)

const (
	// BatchVersion1 is the first byte of a batch of the present version.
	BatchVersion1 = 0xD1
	// MaxBatchFixes is how many fixes a batch can hold. At 1 Hz it is more than an hour.
	MaxBatchFixes = 4096
	// MaxBatchBytes is more than the largest batch can take.
	MaxBatchBytes = 256 << 10
	checksumSize  = 4
	seriesSize    = 4
)

// castagnoli is CRC-32C, for which most processors have an instruction.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrInvalid is returned by AppendBatch for a batch that the format cannot hold: a number 0 or too high, too many fixes, a
// time outside years 1 to 9999, or a point that is not on the earth. The fault is the caller's; nothing was appended.
var ErrInvalid = errors.New("invalid batch")

// AppendBatch appends the encoding of b, whose values are rounded as Quantize does. The result describes its own length, so
// batches can follow each other in a file or message. Safe for concurrent use, like all of the package's functions.
func AppendBatch(dst []byte, b Batch) ([]byte, error) {
	if err := checkBatch(b); err != nil {
		return dst, err
	}
	var small [1 << 10]byte
	body := appendBody(small[:0], b)
	start := len(dst)
	out := append(dst, BatchVersion1)
	out = binary.AppendUvarint(out, uint64(len(body)))
	out = append(out, body...)
	return binary.LittleEndian.AppendUint32(out, crc32.Checksum(out[start:], castagnoli)), nil
}

func checkBatch(b Batch) error {
	switch n := len(b.Fixes); {
	case n > MaxBatchFixes:
		return fmt.Errorf("%w: %d fixes, at most %d", ErrInvalid, n, MaxBatchFixes)
	case b.First == 0:
		return fmt.Errorf("%w: first number is 0", ErrInvalid)
	case n > 0 && b.Last() < b.First:
		return fmt.Errorf("%w: numbers beyond the highest: %d fixes from %d", ErrInvalid, n, b.First)
	}
	for i := range b.Fixes {
		f := &b.Fixes[i]
		if !f.Point.Valid() {
			return fmt.Errorf("%w: fix %d: point %v,%v is not on the earth", ErrInvalid, b.First+Seq(i), f.Point.Lat, f.Point.Lon)
		}
		if s := f.Time.Unix(); s < minTimeMs/1000 || s > maxTimeMs/1000 || timeMs(f) > maxTimeMs {
			return fmt.Errorf("%w: fix %d: time %v is not in years 1 to 9999", ErrInvalid, b.First+Seq(i), f.Time)
		}
	}
	return nil
}

func timeMs(f *positioning.Fix) int64 {
	const half = 500_000 // nanoseconds of half a millisecond
	s, ns := f.Time.Unix(), int64(f.Time.Nanosecond())
	return s*1000 + (ns+half)/1_000_000
}

// appendBody appends series, first, count, the nibbles that say how each column is written, the statuses,
// and the columns.
func appendBody(dst []byte, b Batch) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(b.Series))
	dst = binary.AppendUvarint(dst, uint64(b.First))
	dst = binary.AppendUvarint(dst, uint64(len(b.Fixes)))
	if len(b.Fixes) == 0 {
		return dst
	}
	nibbles := len(dst)
	dst = append(dst, make([]byte, nibbleBytes)...)
	dst = appendStatuses(dst, b.Fixes)
	set := func(column int, nibble byte) { dst[nibbles+column/2] |= nibble << (column % 2 * 4) }

	var smallValues [64]int64
	var smallDiffs [64]uint64
	values, diffs := smallValues[:0], smallDiffs[:0]
	var how byte
	values, how = appendTimes(values, b)
	var s scheme
	dst, s = appendNumbers(dst, diffs, values)
	set(0, how+byte(s))
	for i, c := range columns {
		values = values[:0]
		for j := range b.Fixes {
			if v := c.steps(&b.Fixes[j]); v != unknownStep {
				values = append(values, v-c.expected(&b.Fixes[j]))
			}
		}
		switch {
		case len(values) == len(b.Fixes):
			how = allKnown
		case len(values) == 0:
			set(i+1, noneKnown)
			continue
		default:
			how = someKnown
			dst = appendPresence(dst, c, b.Fixes)
		}
		dst, s = appendNumbers(dst, diffs, values)
		set(i+1, how+byte(s))
	}
	return dst
}

// A column's nibble is one of these plus its scheme.
const (
	allKnown  = 0
	someKnown = 6 // numSchemes: presence runs come before the numbers
	noneKnown = 15
	// times are always known; theirs say the unit instead
	timesInMs      = 0
	timesInSeconds = 6

	nibbleBytes = (1 + len(columns) + 1) / 2
)

// appendTimes appends each fix's time less the series' beginning, in seconds if all are whole, else in milliseconds.
func appendTimes(values []int64, b Batch) (times []int64, nibble byte) {
	whole := true
	for i := range b.Fixes {
		ms := timeMs(&b.Fixes[i]) - int64(b.Series)*1000
		whole = whole && ms%1000 == 0
		values = append(values, ms)
	}
	if !whole {
		return values, timesInMs
	}
	for i := range values {
		values[i] /= 1000
	}
	return values, timesInSeconds
}

// appendPresence appends the lengths of alternating runs of known and unknown values, known first, until all fixes are told.
func appendPresence(dst []byte, c *column, fixes []positioning.Fix) []byte {
	known, run := true, 0
	for i := range fixes {
		if (c.steps(&fixes[i]) != unknownStep) != known {
			dst = binary.AppendUvarint(dst, uint64(run))
			known, run = !known, 0
		}
		run++
	}
	return binary.AppendUvarint(dst, uint64(run))
}

// appendStatuses appends runs of fixes with the same status: the mask of the fields that changed, their new values, and how
// many further fixes have the same.
func appendStatuses(dst []byte, fixes []positioning.Fix) []byte {
	before := commonStatus
	for i := 0; i < len(fixes); {
		now := statusOf(&fixes[i])
		n := i + 1
		for n < len(fixes) && statusOf(&fixes[n]) == now {
			n++
		}
		mask := now.changes(&before)
		dst = binary.AppendUvarint(dst, mask)
		for j := range now {
			if mask>>j&1 != 0 {
				dst = append(dst, now[j])
			}
		}
		dst = binary.AppendUvarint(dst, uint64(n-i-1))
		before, i = now, n
	}
	return dst
}
