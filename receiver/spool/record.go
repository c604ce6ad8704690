package spool

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"dipper/positioning/track"
)

// A segment is a header and records. A record begins with its kind; a batch is one as it is (track.BatchVersion1). The
// others are: kind, length of the body as uvarint, body, CRC-32C of all before it, little-endian. The kinds are format.
const (
	kindAcked = 0xA1 // body: ranges acknowledged besides those before
	kindHeld  = 0xA2 // body: ranges acknowledged in place of all before; begins every segment, so that older ones can go
	kindSeal  = 0xA3 // body: ranges of the fixes in the segment; the last record of a finished one
	kindState = 0xA4 // body: state, in place of the one before; in the head of every segment
	batchKind = track.BatchVersion1

	checksumBytes = 4
	maxRecordBody = track.MaxBatchBytes
	// sealFooter follows the seal: the length of the seal record as 4 bytes little-endian, and sealMagic.
	sealFooter = 8
	sealMagic  = 0x4C414553 // "SEAL"
	// maxRecordBytes is more than any record has.
	maxRecordBytes = 1 + binary.MaxVarintLen64 + maxRecordBody + checksumBytes + sealFooter
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	errTorn    = errors.New("record is cut off or damaged")
)

// record is one record of a segment, its checksum right.
type record struct {
	kind   byte
	size   int          // bytes
	batch  track.Header // of a batch
	ranges track.Ranges // of the others
	state  state        // of kindState
}

// state is what is to be known of the spool beside its fixes. Its body is 0, or settled + 1 if it is open, as uvarint, and the
// unit.
type state struct {
	unit    string    // whose fixes these are; "" is not known
	open    bool      // the spool was opened and the centre has not said yet what it holds
	settled track.Seq // if open: the highest number when the spool was opened for the first time since
}

func appendStateRecord(dst []byte, s state) []byte {
	var n uint64
	if s.open {
		n = uint64(s.settled) + 1
	}
	return appendRecord(dst, kindState, append(binary.AppendUvarint(nil, n), s.unit...))
}

func parseState(body []byte) (state, error) {
	n, used := binary.Uvarint(body)
	if used <= 0 {
		return state{}, errTorn
	}
	s := state{unit: string(body[used:]), open: n > 0}
	if s.open {
		s.settled = track.Seq(n - 1)
	}
	return s, nil
}

func appendRangesRecord(dst []byte, kind byte, r track.Ranges) []byte {
	return appendRecord(dst, kind, track.AppendRanges(nil, r))
}

func appendRecord(dst []byte, kind byte, body []byte) []byte {
	start := len(dst)
	dst = append(dst, kind)
	dst = binary.AppendUvarint(dst, uint64(len(body)))
	dst = append(dst, body...)
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

func appendSeal(dst []byte, fixes track.Ranges) []byte {
	start := len(dst)
	dst = appendRangesRecord(dst, kindSeal, fixes)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(dst)-start))
	return binary.LittleEndian.AppendUint32(dst, sealMagic)
}

// recordSize is how long the record at the beginning of src says it is, if src has enough bytes to say so and the kind is
// known; else 0. It may be longer than src.
func recordSize(src []byte) int {
	if len(src) < 2 {
		return 0
	}
	switch src[0] {
	case batchKind, kindAcked, kindHeld, kindSeal, kindState:
	default:
		return 0
	}
	n, used := binary.Uvarint(src[1:])
	if used <= 0 || n > maxRecordBody {
		return 0
	}
	size := 1 + used + int(n) + checksumBytes
	if src[0] == kindSeal {
		size += sealFooter
	}
	return size
}

// parseRecord reads the record at the beginning of src; errTorn if there is none.
func parseRecord(src []byte) (record, error) {
	size := recordSize(src)
	if size == 0 || size > len(src) {
		return record{}, errTorn
	}
	r := record{kind: src[0], size: size}
	if r.kind == batchKind {
		h, err := track.PeekBatch(src[:size])
		if err != nil {
			return record{}, errTorn
		}
		r.batch = h
		return r, nil
	}
	sealed := src[:size]
	if r.kind == kindSeal {
		sealed = sealed[:size-sealFooter]
	}
	sealed, sum := sealed[:len(sealed)-checksumBytes], sealed[len(sealed)-checksumBytes:]
	if crc32.Checksum(sealed, castagnoli) != binary.LittleEndian.Uint32(sum) {
		return record{}, errTorn
	}
	_, used := binary.Uvarint(sealed[1:])
	if r.kind == kindState {
		var err error
		r.state, err = parseState(sealed[1+used:])
		return r, err
	}
	ranges, rest, err := track.DecodeRanges(sealed[1+used:])
	if err != nil || len(rest) > 0 {
		return record{}, errTorn
	}
	r.ranges = ranges
	return r, nil
}
