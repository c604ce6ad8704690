package track

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"time"
)

// BatchTimes gives the oldest and the newest time in the batch at the beginning of src, and the batch's size, reading its times
// only: about a tenth of what DecodeBatch takes. Who looks for fixes of some time in a long track skips batches by it. The
// checksum is not looked at. Both times are zero for a batch without fixes.
func BatchTimes(src []byte) (oldest, newest time.Time, size int, err error) {
	if size, err = BatchSize(src); err != nil {
		return time.Time{}, time.Time{}, 0, err
	}
	_, used := binary.Uvarint(src[1:])
	body := src[1+used : size-checksumSize]
	if len(body) < seriesSize {
		return time.Time{}, time.Time{}, 0, corrupt("series")
	}
	in := reader{src: body[seriesSize:]}
	in.uvarint() // first
	n := in.uvarint()
	switch {
	case in.bad || n > MaxBatchFixes:
		return time.Time{}, time.Time{}, 0, corrupt("first or count")
	case n == 0:
		return time.Time{}, time.Time{}, size, nil
	case len(in.src) < nibbleBytes:
		return time.Time{}, time.Time{}, 0, corrupt("column table")
	}
	nibble := in.src[0] & 15
	in.src = in.src[nibbleBytes:]
	if !skipStatuses(&in, n) {
		return time.Time{}, time.Time{}, 0, corrupt("status")
	}
	var small [64]int64
	values := small[:min(n, uint64(len(small)))]
	if n > uint64(len(small)) {
		values = make([]int64, n)
	}
	if !readTimes(&in, nibble, values, Series(binary.LittleEndian.Uint32(body))) {
		return time.Time{}, time.Time{}, 0, corrupt("time")
	}
	return time.UnixMilli(slices.Min(values)).UTC(), time.UnixMilli(slices.Max(values)).UTC(), size, nil
}

// skipStatuses passes over the status runs of some fixes.
func skipStatuses(in *reader, fixes uint64) bool {
	for fixes > 0 {
		mask := in.uvarint()
		changed := bits.OnesCount64(mask)
		if in.bad || mask >= 1<<numStatus || changed > len(in.src) {
			return false
		}
		in.src = in.src[changed:]
		run := in.uvarint()
		if in.bad || run >= fixes {
			return false
		}
		fixes -= run + 1
	}
	return true
}
