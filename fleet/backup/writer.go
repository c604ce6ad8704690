package backup

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/zstd"
)

// magic begins a file; its number is the version of the format.
const magic = "dipper export 1\n"

// Bounds. A reader needs the memory of one block at a time.
const (
	trackPart = 1 << 20  // bytes of track in one record
	blockSize = 1 << 20  // a block with more is closed
	maxRecord = 64 << 20 // the body of one record: the largest documents and states have some hundred kilobytes
	maxBlock  = blockSize + maxRecord + 16
	// maxPacked is what zstd can make of a block at worst. Source: ZSTD_COMPRESSBOUND in zstd.h.
	maxPacked = maxBlock + maxBlock>>8 + 64
)

// blockHead is what stands before a block: its packed length, and the CRC-32C of that length and the packed bytes. Little-endian.
const blockHead = 8

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// writer packs records into blocks.
type writer struct {
	to    io.Writer
	zstd  *zstd.Encoder
	block []byte
	out   []byte
	body  []byte
	tally *tally
}

func newWriter(to io.Writer) (*writer, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(to, magic); err != nil {
		return nil, err
	}
	return &writer{to: to, zstd: enc, tally: newTally()}, nil
}

// write appends a record.
func (w *writer) write(r *record) error {
	start := len(w.block)
	w.block = r.appendFramed(w.block, &w.body)
	if len(w.body) > maxRecord {
		return fmt.Errorf("record of type %q (%s%s) has %d bytes, at most %d can be exported", r.kind, r.unit, r.name, len(w.body), maxRecord)
	}
	if r.kind != kindHeader && r.kind != kindEnd {
		if err := w.tally.add(r, w.block[start:]); err != nil {
			return err
		}
	}
	if len(w.block) < blockSize {
		return nil
	}
	return w.flush()
}

// flush writes the block that is open.
func (w *writer) flush() error {
	if len(w.block) == 0 {
		return nil
	}
	w.out = w.zstd.EncodeAll(w.block, append(w.out[:0], make([]byte, blockHead)...))
	binary.LittleEndian.PutUint32(w.out, uint32(len(w.out)-blockHead))
	binary.LittleEndian.PutUint32(w.out[4:], blockSum(w.out[:4], w.out[blockHead:]))
	w.block = w.block[:0]
	_, err := w.to.Write(w.out)
	return err
}

// end writes the end record.
func (w *writer) end() (Contents, error) {
	c := w.tally.contents()
	if err := w.write(&record{kind: kindEnd, end: c}); err != nil {
		return Contents{}, err
	}
	return c, w.flush()
}

func blockSum(length, packed []byte) uint32 {
	return crc32.Update(crc32.Checksum(length, castagnoli), castagnoli, packed)
}
