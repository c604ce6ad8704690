package track

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"dipper/positioning"
)

var (
	// ErrCorrupt is returned for bytes that no AppendBatch or AppendRanges wrote: cut off, changed, or nonsense under a
	// right checksum. Nothing of them was used.
	ErrCorrupt = errors.New("corrupt")
	// ErrVersion is returned for a batch that begins with a version this program does not know; a newer one wrote it.
	ErrVersion = errors.New("unknown batch version")
)

// BatchSize is how long the batch at the beginning of src is, in bytes. It looks at the first bytes only and checks no more
// than that they can be a batch's and that src is long enough.
func BatchSize(src []byte) (int, error) {
	if len(src) == 0 {
		return 0, fmt.Errorf("%w: batch: no bytes", ErrCorrupt)
	}
	if src[0] != BatchVersion1 {
		return 0, fmt.Errorf("%w %#02x", ErrVersion, src[0])
	}
	n, used := binary.Uvarint(src[1:])
	if used <= 0 || n > MaxBatchBytes {
		return 0, fmt.Errorf("%w: batch: length cut off or above %d", ErrCorrupt, MaxBatchBytes)
	}
	size := 1 + used + int(n) + checksumSize
	if size > len(src) {
		return 0, fmt.Errorf("%w: batch: %d bytes, %d there", ErrCorrupt, size, len(src))
	}
	return size, nil
}

// DecodeBatch reads one batch from the beginning of src and returns what follows it. The error wraps ErrCorrupt or
// ErrVersion. It allocates at most MaxBatchFixes fixes, and nothing before the checksum was right.
func DecodeBatch(src []byte) (b Batch, rest []byte, err error) {
	size, err := BatchSize(src)
	if err != nil {
		return Batch{}, nil, err
	}
	body, err := openBatch(src[:size])
	if err != nil {
		return Batch{}, nil, err
	}
	b, err = decodeBody(body)
	if err != nil {
		return Batch{}, nil, err
	}
	return b, src[size:], nil
}

func decodeBody(body []byte) (Batch, error) {
	b, n, in, err := decodeHeader(body)
	if err != nil {
		return Batch{}, err
	}
	if n > 0 {
		b.Fixes = make([]positioning.Fix, n)
		if err := decodeColumns(&in, b); err != nil {
			return Batch{}, err
		}
	}
	if len(in.src) > 0 {
		return Batch{}, corrupt("bytes behind the end")
	}
	return b, nil
}

func decodeColumns(in *reader, b Batch) error {
	if len(in.src) < nibbleBytes {
		return corrupt("column table")
	}
	table := in.src[:nibbleBytes]
	in.src = in.src[nibbleBytes:]
	nibble := func(column int) byte { return table[column/2] >> (column % 2 * 4) & 15 }

	var small [64]int64
	values := small[:]
	if len(b.Fixes) > len(small) {
		values = make([]int64, len(b.Fixes))
	}
	values = values[:len(b.Fixes)]
	if !decodeStatuses(in, b.Fixes) {
		return corrupt("status")
	}
	if !decodeTimes(in, nibble(0), values, b) {
		return corrupt("time")
	}
	for i, c := range columns {
		if !c.decode(in, nibble(i+1), values, b.Fixes) {
			return corrupt(c.name)
		}
	}
	return nil
}

func corrupt(what string) error { return fmt.Errorf("%w: batch: %s", ErrCorrupt, what) }

func decodeTimes(in *reader, nibble byte, values []int64, b Batch) bool {
	if !readTimes(in, nibble, values, b.Series) {
		return false
	}
	for i, ms := range values {
		b.Fixes[i].Time = time.UnixMilli(ms).UTC()
	}
	return true
}

// readTimes fills values with the times of the fixes in Unix milliseconds.
func readTimes(in *reader, nibble byte, values []int64, series Series) bool {
	unit := int64(1)
	if nibble >= timesInSeconds {
		unit, nibble = 1000, nibble-timesInSeconds
	}
	in.numbers(values, scheme(nibble))
	if in.bad {
		return false
	}
	for i, v := range values {
		if v > maxTimeMs/unit || v < minTimeMs/unit-maxTimeMs/unit { // far outside; keeps the sum from overflowing
			return false
		}
		values[i] = v*unit + int64(series)*1000
		if values[i] < minTimeMs || values[i] > maxTimeMs {
			return false
		}
	}
	return true
}

// decode sets the column's value on all fixes. values is scratch of the same length.
func (c *column) decode(in *reader, nibble byte, values []int64, fixes []positioning.Fix) bool {
	if nibble == noneKnown {
		for i := range fixes {
			c.set(&fixes[i], unknownStep)
		}
		return c.optional
	}
	if nibble >= someKnown {
		nibble -= someKnown
		known, ok := c.decodePresence(in, fixes)
		if !ok || !c.optional {
			return false
		}
		values = values[:known]
	}
	in.numbers(values, scheme(nibble))
	if in.bad {
		return false
	}
	next := 0
	for i := range fixes {
		if len(values) < len(fixes) && c.steps(&fixes[i]) == unknownStep {
			continue // as decodePresence left it
		}
		v := values[next] + c.expected(&fixes[i])
		if v < c.lo || v > c.hi {
			return false
		}
		c.set(&fixes[i], v)
		next++
	}
	return true
}

// decodePresence sets unknown values to unknown and the others to the lowest known, and says how many are known: at least
// one, and not all.
func (c *column) decodePresence(in *reader, fixes []positioning.Fix) (known int, ok bool) {
	is := true
	for i := 0; i < len(fixes); is = !is {
		run := in.uvarint()
		if in.bad || run > uint64(len(fixes)-i) || run == 0 && i > 0 {
			return 0, false
		}
		v := int64(unknownStep)
		if is {
			v, known = c.lo, known+int(run)
		}
		for range run {
			c.set(&fixes[i], v)
			i++
		}
	}
	return known, known > 0 && known < len(fixes)
}

func decodeStatuses(in *reader, fixes []positioning.Fix) bool {
	now := commonStatus
	for i := 0; i < len(fixes); {
		mask := in.uvarint()
		if mask >= 1<<numStatus {
			return false
		}
		for j := range now {
			if mask>>j&1 != 0 {
				now[j] = in.byte()
			}
		}
		run := in.uvarint()
		if in.bad || run >= uint64(len(fixes)-i) {
			return false
		}
		for range run + 1 {
			now.setOn(&fixes[i])
			i++
		}
	}
	return true
}

// Header is what a batch says about itself before its fixes.
type Header struct {
	Series Series
	First  Seq
	Count  int // fixes
	Size   int // bytes of the whole batch
}

// Contains reports whether the batch has the fix with number n.
func (h Header) Contains(n Seq) bool { return n >= h.First && n-h.First < Seq(h.Count) }

// PeekBatch checks the batch at the beginning of src as far as its checksum and reads its header, but not its fixes. The
// error wraps ErrCorrupt or ErrVersion.
func PeekBatch(src []byte) (Header, error) {
	size, err := BatchSize(src)
	if err != nil {
		return Header{}, err
	}
	body, err := openBatch(src[:size])
	if err != nil {
		return Header{}, err
	}
	b, n, _, err := decodeHeader(body)
	return Header{Series: b.Series, First: b.First, Count: n, Size: size}, err
}

// openBatch is the body of a whole batch whose checksum is right.
func openBatch(src []byte) ([]byte, error) {
	sealed := src[:len(src)-checksumSize]
	if crc32.Checksum(sealed, castagnoli) != binary.LittleEndian.Uint32(src[len(sealed):]) {
		return nil, corrupt("checksum")
	}
	_, used := binary.Uvarint(sealed[1:])
	return sealed[1+used:], nil
}

// decodeHeader gives a batch without fixes, how many follow, and the rest of the body.
func decodeHeader(body []byte) (Batch, int, reader, error) {
	if len(body) < seriesSize {
		return Batch{}, 0, reader{}, corrupt("series")
	}
	in := reader{src: body[seriesSize:]}
	b := Batch{Series: Series(binary.LittleEndian.Uint32(body)), First: Seq(in.uvarint())}
	n := in.uvarint()
	if in.bad || b.First == 0 || n > MaxBatchFixes || n > 0 && b.First+Seq(n)-1 < b.First {
		return Batch{}, 0, reader{}, corrupt("first or count")
	}
	return b, int(n), in, nil
}
