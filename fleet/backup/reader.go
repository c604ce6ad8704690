package backup

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// DamagedError says where a file is not what an export wrote: cut off, changed, or of another version.
type DamagedError struct {
	Offset int64  // bytes from the beginning of the file to the block in which it is damaged
	Record uint64 // which record it is or would be, from 1
	Reason string
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("damaged export: at byte %d, record %d: %s", e.Offset, e.Record, e.Reason)
}

// reader gives the records of a file in order, each checked.
type reader struct {
	from   io.Reader
	zstd   *zstd.Decoder
	packed bytes.Buffer
	block  []byte // unpacked
	rest   []byte // of block
	at     int64  // where the block begins
	next   int64  // where the one after it does
	count  uint64
	tally  *tally
	header record
}

// newReader reads the beginning of a file. Call close.
func newReader(from io.Reader) (*reader, error) {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBlock))
	if err != nil {
		return nil, err
	}
	r := &reader{from: from, zstd: dec, tally: newTally()}
	if err := r.begin(); err != nil {
		dec.Close()
		return nil, err
	}
	return r, nil
}

func (r *reader) close() { r.zstd.Close() }

func (r *reader) begin() error {
	var head [len(magic)]byte
	n, err := io.ReadFull(r.from, head[:])
	if err != nil && !cutOff(err) {
		return err
	}
	if string(head[:n]) != magic {
		return r.damaged("does not begin with %q: not an export, or of another version", magic)
	}
	r.next = int64(n)
	first, _, err := r.read()
	if err != nil {
		return err
	}
	if first.kind != kindHeader {
		return r.damaged("the header is missing")
	}
	r.header = first
	return nil
}

func cutOff(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

func (r *reader) damaged(format string, args ...any) error {
	return &DamagedError{Offset: r.at, Record: r.count + 1, Reason: fmt.Sprintf(format, args...)}
}

// record gives the next record between header and end; io.EOF after the last, when all of the file was checked. The record
// holds until the next call.
func (r *reader) record() (record, error) {
	rec, raw, err := r.read()
	if err != nil {
		return record{}, err
	}
	if rec.kind == kindEnd {
		return record{}, r.atEnd(rec.end)
	}
	if err := r.tally.add(&rec, raw); err != nil {
		r.count--
		return record{}, r.damaged("%v", err)
	}
	return rec, nil
}

// atEnd gives io.EOF if the file has what the end record says, and nothing behind it.
func (r *reader) atEnd(want Contents) error {
	if got := r.tally.contents(); got != want {
		return r.damaged("the end record says %v, the file has %v", want, got)
	}
	if len(r.rest) > 0 {
		return r.damaged("there is more behind the end record")
	}
	var more [1]byte
	switch _, err := io.ReadFull(r.from, more[:]); {
	case err == nil:
		return r.damaged("there is more behind the end record")
	case !errors.Is(err, io.EOF):
		return err
	}
	return io.EOF
}

// read gives the next record, whatever it is, and its bytes.
func (r *reader) read() (rec record, raw []byte, err error) {
	if len(r.rest) == 0 {
		if err := r.unpack(); err != nil {
			return record{}, nil, err
		}
	}
	kind := r.rest[0]
	n, used := binary.Uvarint(r.rest[1:])
	if used <= 0 || n > uint64(len(r.rest)-1-used) {
		return record{}, nil, r.damaged("record reaches beyond its block")
	}
	if n > maxRecord {
		return record{}, nil, r.damaged("record of %d bytes, at most %d", n, maxRecord)
	}
	size := 1 + used + int(n)
	raw, r.rest = r.rest[:size], r.rest[size:]
	rec, err = decodeRecord(kind, raw[1+used:])
	if err != nil {
		return record{}, nil, r.damaged("%v", err)
	}
	r.count++
	return rec, raw, nil
}

// unpack reads the next block. Nothing is unpacked before its checksum was found right.
func (r *reader) unpack() error {
	r.at = r.next
	var head [blockHead]byte
	n, err := io.ReadFull(r.from, head[:])
	switch {
	case cutOff(err):
		return r.damaged("cut off: %d bytes where a block begins, and the end record did not come", n)
	case err != nil:
		return err
	}
	length := binary.LittleEndian.Uint32(head[:])
	if length == 0 || length > maxPacked {
		return r.damaged("block of %d bytes", length)
	}
	r.packed.Reset()
	got, err := io.CopyN(&r.packed, r.from, int64(length)) // grows with what comes, not with what is promised
	switch {
	case cutOff(err):
		return r.damaged("cut off: block has %d of %d bytes", got, length)
	case err != nil:
		return err
	}
	if blockSum(head[:4], r.packed.Bytes()) != binary.LittleEndian.Uint32(head[4:]) {
		return r.damaged("checksum of the block is wrong")
	}
	r.next = r.at + blockHead + int64(length)
	r.block, err = r.zstd.DecodeAll(r.packed.Bytes(), r.block[:0])
	if err != nil {
		return r.damaged("block does not unpack: %v", err)
	}
	if r.rest = r.block; len(r.rest) == 0 {
		return r.damaged("empty block")
	}
	return nil
}
