package spool

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"syscall"

	"dipper/positioning"
	"dipper/positioning/track"
)

// writeLocked appends records of fixes, with a new segment where the present one is full.
func (s *Spool) writeLocked(records []encoded) error {
	for _, r := range records {
		if s.active == nil || s.fullLocked(len(r.data)) {
			if err := s.rotateLocked(r.fixes.First); err != nil {
				return err
			}
		}
		if err := s.appendLocked(r.data); err != nil {
			return err
		}
		s.current().fixes = s.current().fixes.Add(r.fixes)
		s.onDisk = s.onDisk.Add(r.fixes)
	}
	return nil
}

// fullLocked reports whether the active segment shall not grow by so much. One that begins with a long list of what is
// acknowledged may be longer: otherwise every record would begin another.
func (s *Spool) fullLocked(more int) bool {
	seg := s.current()
	return seg.size+int64(more) > max(s.o.segmentBytes(), 2*seg.head)
}

// current is the segment that active writes.
func (s *Spool) current() *segment { return s.segments[len(s.segments)-1] }

// appendLocked appends one record to the active segment.
func (s *Spool) appendLocked(data []byte) error {
	n, err := s.active.Write(data)
	if err == nil && n < len(data) {
		err = io.ErrShortWrite
	}
	seg := s.current()
	if err != nil {
		_ = s.active.Truncate(seg.size) // gives the room back; a rest that stays is dropped as a torn tail
		return fmt.Errorf("write %s: %w", seg.name, err)
	}
	seg.size += int64(n)
	seg.written = s.o.Now()
	return nil
}

// rotateLocked seals the active segment and begins the next, whose first fix will have number first.
func (s *Spool) rotateLocked(first track.Seq) error {
	if s.active != nil {
		if err := s.appendLocked(appendSeal(nil, s.current().fixes)); err != nil {
			return err
		}
		s.retireLocked()
	}
	seg := &segment{written: s.o.Now()}
	if n := len(s.segments); n > 0 {
		seg.index = s.segments[n-1].index + 1
	}
	seg.name = segmentName(s.series, seg.index)
	f, err := s.o.disk.create(seg.name)
	if err != nil {
		return fmt.Errorf("create segment: %w", err)
	}
	s.segments, s.active, s.newNames = append(s.segments, seg), f, true
	head := appendStateRecord(appendHeader(nil, s.series, first), s.state)
	if err := s.appendLocked(appendRangesRecord(head, kindHeld, s.acked)); err != nil {
		s.discardLocked(seg.index)
		return err
	}
	seg.head = seg.size
	s.evictLocked(s.o.Now())
	return nil
}

// discardLocked takes back the segments from index on, all of whose fixes are in memory: on a full disk they would only be in
// the way.
func (s *Spool) discardLocked(index uint32) {
	s.retireLocked()
	for n := len(s.segments) - 1; n >= 0 && s.segments[n].index >= index; n-- {
		if !s.dropLocked(n) {
			return
		}
	}
}

// retireLocked leaves the active segment to the next fsync, which closes it.
func (s *Spool) retireLocked() {
	if s.active == nil {
		return
	}
	s.current().sealed = true
	s.retired = append(s.retired, s.active)
	s.active = nil
}

// failedLocked is called when the disk took something not, or not for good. All fixes without an fsync are in memory; from
// now on they are read from there, until heal has written them to another segment.
func (s *Spool) failedLocked(err error) {
	s.failures++
	s.retireLocked()
	inMemory := s.inMemoryLocked()
	for _, seg := range s.segments {
		seg.fixes = seg.fixes.Subtract(inMemory)
	}
	s.onDisk = s.onDisk.Subtract(inMemory)
	if s.sick == nil {
		s.counts.failures++
		s.noteLocked(slog.LevelError, "spool's disk fails, fixes stay in memory", slog.String("reason", err.Error()))
	}
	s.sick = err
	s.visible = s.last
	signal(s.changed)
}

// boundMemoryLocked drops the oldest fixes from a memory that is over its limit: acknowledged ones first. Fixes that are
// written and wait for an fsync stay: should it fail, they are nowhere else.
func (s *Spool) boundMemoryLocked() {
	over := len(s.memory) - s.o.MaxMemory
	if s.sick == nil || over <= 0 {
		return
	}
	kept := s.memory[:0]
	for _, m := range s.memory {
		if over > 0 && s.acked.Contains(m.seq) {
			over--
			continue
		}
		kept = append(kept, m)
	}
	s.memory = kept
	if over <= 0 {
		return
	}
	if s.counts.dropped == 0 {
		s.noteLocked(slog.LevelError, "spool's memory is full while its disk fails, oldest fixes are dropped", slog.Uint64("seq", uint64(s.memory[0].seq)))
	}
	s.counts.dropped += uint64(over)
	s.memory = s.memory[over:]
}

// healLocked tries to write the fixes in memory to a new segment. Whether they are there for good, the fsync after it says.
func (s *Spool) healLocked() {
	if errors.Is(s.sick, syscall.ENOSPC) {
		s.makeRoomLocked()
	}
	next := uint32(0)
	if n := len(s.segments); n > 0 {
		next = s.segments[n-1].index + 1
	}
	if err := s.rewriteMemoryLocked(); err != nil {
		s.failedLocked(err)
		s.discardLocked(next)
		return
	}
	s.sick = nil
	s.noteLocked(slog.LevelInfo, "spool's disk takes fixes again", slog.Int("fixes", len(s.memory)))
}

func (s *Spool) rewriteMemoryLocked() error {
	s.retireLocked()
	first := s.last + 1
	if len(s.memory) > 0 {
		first = s.memory[0].seq
	}
	if err := s.rotateLocked(first); err != nil {
		return err
	}
	for _, x := range s.inMemoryLocked() {
		fixes := s.fromMemoryLocked(x.First, int(x.Count()))
		records, err := encode(s.series, x.First, fixes)
		if err != nil {
			return err
		}
		if err := s.writeLocked(records); err != nil {
			return err
		}
	}
	return nil
}

// fromMemoryLocked copies up to max consecutive fixes in memory from a number on; none if it is not there.
func (s *Spool) fromMemoryLocked(from track.Seq, max int) []positioning.Fix {
	var fixes []positioning.Fix
	for _, m := range s.memory {
		if m.seq == from && len(fixes) < max {
			fixes = append(fixes, m.fix)
			from++
		}
	}
	return fixes
}
