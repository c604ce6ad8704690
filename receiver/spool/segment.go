package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"
	"time"

	"dipper/positioning/track"
)

// A segment file is named <series>-<index>.seg in hex, so that names sort in the order in which they were written. It begins
// with a header: "DIPSPOOL", version 1, series (4 bytes) and the number its first fix would have (8 bytes), both
// little-endian, CRC-32C of these.
const (
	segmentMagic   = "DIPSPOOL"
	segmentVersion = 1
	headerBytes    = len(segmentMagic) + 1 + 4 + 8 + checksumBytes
	segmentSuffix  = ".seg"
)

// segment is what is known of one file.
type segment struct {
	name    string
	index   uint32
	fixes   track.Ranges // the numbers that can be read from it and from no earlier segment
	size    int64        // bytes of whole records
	head    int64        // of these, bytes that it was begun with; 0 if an earlier process did
	written time.Time    // when something was last written to it
	sealed  bool         // nothing more is written to it by this process

	unread bool          // the disk did not give it at Open: what is in it is not known
	retry  time.Time     // monotonic: when to read it again, after the disk did not give it; zero if it may be read
	pause  time.Duration // before retry; 0 if it was read last time
}

func segmentName(series track.Series, index uint32) string {
	return fmt.Sprintf("%08x-%08x%s", uint32(series), index, segmentSuffix)
}

func parseSegmentName(name string) (series track.Series, index uint32, ok bool) {
	base, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok || len(base) != 8+1+8 || base[8] != '-' {
		return 0, 0, false
	}
	a, errA := strconv.ParseUint(base[:8], 16, 32)
	b, errB := strconv.ParseUint(base[9:], 16, 32)
	return track.Series(a), uint32(b), errA == nil && errB == nil && a > 0
}

func appendHeader(dst []byte, series track.Series, first track.Seq) []byte {
	start := len(dst)
	dst = append(append(dst, segmentMagic...), segmentVersion)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(series))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(first))
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

// scan is what a segment file holds.
type scan struct {
	first    track.Seq // as the header says; 0 if it is damaged
	fixes    track.Ranges
	sealsTo  track.Seq    // highest number that the seal says is in it, also if that is damaged; 0 without a seal
	acked    track.Ranges // as after the last record
	hasAcked bool         // some record said what is acknowledged, else acked means nothing
	replaces bool         // acked replaces what earlier segments said
	state    state        // as the last record of it says
	hasState bool         // there is one
	size     int64        // up to the end of the last whole record
	damaged  int          // places that had to be stepped over; a torn tail is none
	torn     int64        // bytes behind size
	sealed   bool
}

// scanFile reads a whole segment and checks every record, for visit too if it is not nil. An error means that the disk does
// not give it; what is in it is no reason for one.
func scanFile(d disk, name string, series track.Series, visit visitor) (scan, error) {
	f, err := d.open(name)
	if err != nil {
		return scan{}, err
	}
	s, err := scanFrom(f, series, visit)
	return s, errors.Join(err, f.Close())
}

// visitor is given every sound record of a segment: its bytes, which are valid until it returns, and where it begins.
type visitor func(r record, data []byte, at int64)

// scanFrom needs memory for a few records, however long the segment is.
func scanFrom(r io.Reader, series track.Series, visit visitor) (scan, error) {
	var s scan
	w := window{r: r}
	if err := w.fill(headerBytes); err != nil {
		return scan{}, err
	}
	at := int64(0) // where w is
	if first, ok := parseHeader(w.buf, series); ok {
		s.first, at = first, int64(headerBytes)
		w.buf = w.buf[headerBytes:]
	}
	s.size = at
	damage := at == 0 // whether bytes before at are damaged, if a record follows
	for {
		if err := w.fillRecord(); err != nil {
			return scan{}, err
		}
		if len(w.buf) == 0 {
			s.torn = at - s.size
			return s, nil
		}
		r, err := parseRecord(w.buf)
		if err != nil || r.kind == batchKind && r.batch.Series != series {
			damage = true
			at++
			w.buf = w.buf[1:]
			continue
		}
		if damage {
			s.damaged++
			damage = false
		}
		s.add(r)
		if visit != nil {
			visit(r, w.buf[:r.size], at)
		}
		at += int64(r.size)
		w.buf = w.buf[r.size:]
		s.size = at
	}
}

// window is what lies ahead in a reader.
type window struct {
	r    io.Reader
	buf  []byte // read and not yet used
	done bool   // r has no more
}

// fillRecord makes buf hold the record that it begins with, if it does.
func (w *window) fillRecord() error {
	if err := w.fill(1 + binary.MaxVarintLen64); err != nil {
		return err
	}
	return w.fill(recordSize(w.buf))
}

// fill makes buf at least n bytes long, or done. It reads more at once, so that it seldom has something to do.
func (w *window) fill(n int) error {
	if len(w.buf) >= n || w.done {
		return nil
	}
	bigger := make([]byte, len(w.buf), max(2*n, readChunk))
	copy(bigger, w.buf)
	for len(bigger) < cap(bigger) && !w.done {
		got, err := w.r.Read(bigger[len(bigger):cap(bigger)])
		bigger = bigger[:len(bigger)+got]
		if errors.Is(err, io.EOF) {
			w.done = true
		} else if err != nil {
			return err
		}
	}
	w.buf = bigger
	return nil
}

// parseHeader gives the first number; ok is false if the header is not sound or of another series.
func parseHeader(data []byte, series track.Series) (first track.Seq, ok bool) {
	if len(data) < headerBytes {
		return 0, false
	}
	first = track.Seq(binary.LittleEndian.Uint64(data[headerBytes-checksumBytes-8:]))
	return first, string(data[:headerBytes]) == string(appendHeader(nil, series, first))
}

func (s *scan) add(r record) {
	s.sealed = r.kind == kindSeal
	switch r.kind {
	case batchKind:
		if r.batch.Count > 0 {
			s.fixes = s.fixes.Add(track.Range{First: r.batch.First, Last: r.batch.First + track.Seq(r.batch.Count) - 1})
		}
	case kindAcked:
		s.acked, s.hasAcked = s.acked.Merge(r.ranges), true
	case kindHeld:
		s.acked, s.hasAcked, s.replaces = r.ranges, true, true
	case kindSeal:
		s.sealsTo = max(s.sealsTo, r.ranges.Highest())
	case kindState:
		s.state, s.hasState = r.state, true
	}
}

// readSeal gives the ranges of a finished segment from its end alone; ok is false if it has no sound seal.
func readSeal(d disk, name string) (fixes track.Ranges, size int64, ok bool) {
	f, err := d.open(name)
	if err != nil {
		return nil, 0, false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() < int64(headerBytes+sealFooter) {
		return nil, 0, false
	}
	var footer [sealFooter]byte
	if _, err := f.ReadAt(footer[:], info.Size()-sealFooter); err != nil || binary.LittleEndian.Uint32(footer[4:]) != sealMagic {
		return nil, 0, false
	}
	n := int64(binary.LittleEndian.Uint32(footer[:])) + sealFooter
	if n > info.Size() || n > maxRecordBytes {
		return nil, 0, false
	}
	buf := make([]byte, n)
	if _, err := f.ReadAt(buf, info.Size()-n); err != nil {
		return nil, 0, false
	}
	r, err := parseRecord(buf)
	if err != nil || r.kind != kindSeal || int64(r.size) != n {
		return nil, 0, false
	}
	return r.ranges, info.Size(), true
}
