package spool

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"dipper/positioning/track"
)

// cursor remembers where in a segment the record with a number begins, so that reading on in order need not search. Live
// fixes and the backlog are read in turn, each with a cursor of its own.
type cursor struct {
	seg  *segment
	next track.Seq
	off  int64
}

// Read gives up to max consecutive fixes, the first of them the lowest readable number that is not below from. The batch is
// empty if there is none. It may be shorter than the numbers would allow. Damaged numbers found on the way are counted and
// passed over. Errors are ErrClosed only.
func (s *Spool) Read(from track.Seq, max int) (track.Batch, error) {
	b, err := s.read(from, max, false)
	if err != nil || len(b.Fixes) == 0 {
		return b, err
	}
	s.mu.Lock()
	defer s.unlock()
	s.handed = s.handed.Add(track.Range{First: b.First, Last: b.Last()})
	return b, nil
}

// Peek is Read for the unit's own use: it also gives fixes that are not on disk for good yet, and what it gives does not count as
// handed out to the centre.
func (s *Spool) Peek(from track.Seq, max int) (track.Batch, error) { return s.read(from, max, true) }

// read is Read without noting what was handed out; with hidden it also reads what is not on disk for good yet.
func (s *Spool) read(from track.Seq, max int, hidden bool) (track.Batch, error) {
	max = min(max, track.MaxBatchFixes)
	for {
		s.mu.Lock()
		if s.closed {
			s.unlock()
			return track.Batch{}, ErrClosed
		}
		at, count := s.nextLocked(from, hidden)
		b := track.Batch{Series: s.series, First: at}
		if at == 0 || max <= 0 {
			s.unlock()
			return b, nil
		}
		count = min(count, uint64(max))
		if b.Fixes = s.fromMemoryLocked(at, int(count)); len(b.Fixes) > 0 {
			s.unlock()
			return b, nil
		}
		seg, off := s.locateLocked(at)
		size, known := seg.size, seg.fixes
		s.unlock()

		b, end, err := readSegment(s.o.disk, seg.name, off, size, b, int(count))
		if len(b.Fixes) == 0 {
			b, end = s.salvage(seg, known, b, int(count), err)
		}
		if len(b.Fixes) > 0 {
			s.remember(at, cursor{seg, b.Last() + 1, end})
			return b, nil
		}
	}
}

// nextLocked is the lowest number from which fixes can be read, and how many follow on without a gap; 0 if there is none.
func (s *Spool) nextLocked(from track.Seq, hidden bool) (track.Seq, uint64) {
	r := s.keptLocked()
	if !hidden {
		r = s.readableLocked()
	}
	r = r.Subtract(s.pausedLocked())
	from = max(from, 1)
	for _, x := range r {
		if x.Last >= from {
			x.First = max(x.First, from)
			return x.First, x.Count()
		}
	}
	return 0, 0
}

// locateLocked finds the segment of a number that is on disk, and where to begin to search in it.
func (s *Spool) locateLocked(at track.Seq) (*segment, int64) {
	for i := range s.cursors {
		if c := s.cursors[i]; c.seg != nil && c.next == at && c.seg.fixes.Contains(at) {
			return c.seg, c.off
		}
	}
	for _, seg := range s.segments {
		if seg.fixes.Contains(at) {
			return seg, 0
		}
	}
	return s.current(), 0 // not reached: onDisk is the union of the segments' fixes
}

// remember keeps a cursor in place of the one that led to at, or of the oldest.
func (s *Spool) remember(at track.Seq, c cursor) {
	s.mu.Lock()
	defer s.unlock()
	c.seg.pause = 0
	i := 0
	for i < len(s.cursors)-1 && (s.cursors[i].seg != c.seg || s.cursors[i].next != at) {
		i++
	}
	copy(s.cursors[1:i+1], s.cursors[:i])
	s.cursors[0] = c
}

// salvage is called when the fix b.First could not be read from its segment. It looks through the whole segment, past what
// is damaged. Of the fixes known to be in it, those that turn out to be lost are not in the spool any more afterwards, so that
// reading goes on behind them. If the disk does not give the segment, nothing is lost, and all of it is passed over for a while.
func (s *Spool) salvage(seg *segment, known track.Ranges, b track.Batch, count int, cause error) (track.Batch, int64) {
	end := int64(0)
	sc, err := scanFile(s.o.disk, seg.name, b.Series, func(r record, data []byte, at int64) {
		if r.kind != batchKind || len(b.Fixes) > 0 || r.batch.Series != b.Series || !r.batch.Contains(b.First) {
			return
		}
		if got, _, err := track.DecodeBatch(data); err == nil {
			b.Fixes = got.Fixes[b.First-got.First:]
			b.Fixes = b.Fixes[:min(count, len(b.Fixes))]
			end = at
		}
	})
	s.mu.Lock()
	defer s.unlock()
	switch {
	case !slices.Contains(s.segments, seg) || !seg.fixes.Contains(b.First):
		return track.Batch{}, 0 // evicted meanwhile
	case err != nil:
		s.pauseLocked(seg, err)
		return track.Batch{}, 0
	}
	lost := intersect(seg.fixes, known.Subtract(sc.fixes))
	if len(b.Fixes) == 0 {
		lost = lost.Add(track.Range{First: b.First, Last: b.First})
	}
	if len(lost) > 0 {
		s.onDisk = s.onDisk.Subtract(lost)
		seg.fixes = seg.fixes.Subtract(lost)
		s.counts.damaged++
		s.noteLocked(slog.LevelError, "spool segment is damaged, fixes are lost", slog.String("segment", seg.name),
			slog.Uint64("seq", uint64(lost.Lowest())), slog.Uint64("fixes", lost.Count()), slog.Any("reason", cause))
	}
	return b, end
}

// readSegment fills b with up to count fixes from b.First on, out of the records from off to size, and says where the record
// with the next number begins or is to come. Off 0 is the beginning of the segment.
func readSegment(d disk, name string, off, size int64, b track.Batch, count int) (track.Batch, int64, error) {
	f, err := d.open(name)
	if err != nil {
		return b, 0, err
	}
	defer f.Close()
	if off == 0 {
		off = int64(headerBytes)
	}
	in := recordReader{r: io.NewSectionReader(f, off, size-off)}
	want := b.First
	for len(b.Fixes) < count {
		data, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return b, off, fmt.Errorf("%s at %d: %w", name, off, err)
		}
		if data[0] == batchKind {
			h, err := track.PeekBatch(data)
			if err != nil {
				return b, off, fmt.Errorf("%s at %d: %w", name, off, err)
			}
			if h.Series == b.Series && h.Contains(want) {
				got, _, err := track.DecodeBatch(data)
				if err != nil {
					return b, off, fmt.Errorf("%s at %d: %w", name, off, err)
				}
				part := got.Fixes[want-got.First:]
				part = part[:min(len(part), count-len(b.Fixes))]
				b.Fixes = append(b.Fixes, part...)
				want += track.Seq(len(part))
				if h.Contains(want) {
					break
				}
			}
		}
		off += int64(len(data))
	}
	if len(b.Fixes) == 0 {
		return b, off, fmt.Errorf("%s: fix %d is not there", name, want)
	}
	return b, off, nil
}

// recordReader cuts a file into records without having all of it in memory.
type recordReader struct {
	r    io.Reader
	buf  []byte // read and not yet given
	done bool   // r has no more
	used int    // of buf, by the record given last
}

const readChunk = 8 << 10

// next gives the next record, its checksum not verified, valid until the next call. io.EOF is the end, errTorn a part of
// a record or bytes that are none.
func (in *recordReader) next() ([]byte, error) {
	in.buf = in.buf[in.used:]
	in.used = 0
	for {
		size := recordSize(in.buf)
		if size > 0 && size <= len(in.buf) {
			in.used = size
			return in.buf[:size], nil
		}
		if in.done {
			if len(in.buf) == 0 {
				return nil, io.EOF
			}
			return nil, errTorn
		}
		if size == 0 && len(in.buf) >= 1+10 { // kind and the longest length
			return nil, errTorn
		}
		if err := in.fill(max(size, readChunk)); err != nil {
			return nil, err
		}
	}
}

// fill makes buf at least n bytes long, or done.
func (in *recordReader) fill(n int) error {
	bigger := make([]byte, len(in.buf), max(n, len(in.buf)+1))
	copy(bigger, in.buf)
	for len(bigger) < cap(bigger) && !in.done {
		got, err := in.r.Read(bigger[len(bigger):cap(bigger)])
		bigger = bigger[:len(bigger)+got]
		if errors.Is(err, io.EOF) {
			in.done = true
		} else if err != nil {
			return err
		}
	}
	in.buf = bigger
	return nil
}
