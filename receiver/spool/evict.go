package spool

import (
	"log/slog"
	"slices"
	"time"
)

func (s *Spool) bytesLocked() int64 {
	var n int64
	for _, seg := range s.segments {
		n += seg.size
	}
	return n
}

// evictLocked drops acknowledged segments past Options.KeepAcked, and then, over Options.MaxBytes, the oldest acknowledged
// segment, or if there is none the oldest. The last segment stays: it carries the numbering on.
func (s *Spool) evictLocked(now time.Time) {
	if s.sick != nil {
		return // it may be read-only; a full one is makeRoomLocked's
	}
	for i := 0; i < len(s.segments)-1; {
		seg := s.segments[i]
		if !s.isAckedLocked(seg) || timeSince(now, seg.written) <= s.o.KeepAcked || !s.dropLocked(i) {
			i++
		}
	}
	for s.bytesLocked()+s.roomLocked() > s.o.MaxBytes && s.dropOldestLocked(len(s.segments)-1, true) {
	}
}

// roomLocked is what the last segment may still grow by.
func (s *Spool) roomLocked() int64 {
	if len(s.segments) == 0 {
		return 0
	}
	return max(0, s.o.segmentBytes()-s.current().size)
}

// makeRoomLocked drops one segment on a disk that is full though the spool is not: an acknowledged one, or, when the memory
// is about to overflow, the oldest. It may be the last, for nobody writes to it any more, and the numbering is in memory.
func (s *Spool) makeRoomLocked() {
	s.dropOldestLocked(len(s.segments), len(s.memory) >= s.o.MaxMemory/2)
}

// dropOldestLocked drops the oldest acknowledged one of the first n segments; failing that, and if even is true, the oldest.
// It reports whether one went.
func (s *Spool) dropOldestLocked(n int, even bool) bool {
	for i := range n {
		if s.isAckedLocked(s.segments[i]) {
			return s.dropLocked(i)
		}
	}
	return n > 0 && even && s.dropLocked(0)
}

func (s *Spool) isAckedLocked(seg *segment) bool {
	if seg.unread {
		return false
	}
	for _, x := range seg.fixes {
		if !s.acked.Covers(x) {
			return false
		}
	}
	return true
}

// dropLocked removes segment i and its file. It reports false if the file cannot be removed; then all stays as it is.
func (s *Spool) dropLocked(i int) bool {
	seg := s.segments[i]
	if err := s.o.disk.remove(seg.name); err != nil {
		s.noteLocked(slog.LevelWarn, "remove segment", slog.String("reason", err.Error()))
		return false
	}
	s.newNames = true
	s.segments = slices.Delete(s.segments, i, i+1)
	s.onDisk = s.onDisk.Subtract(seg.fixes)
	if seg.unread {
		s.noteLocked(slog.LevelError, "spool is full, a segment that could not be read is dropped", slog.String("segment", seg.name))
	}
	if lost := seg.fixes.Subtract(s.acked); len(lost) > 0 {
		s.counts.dropped += lost.Count()
		s.noteLocked(slog.LevelError, "spool is full, oldest unacknowledged fixes are dropped",
			slog.Uint64("seq", uint64(lost.Lowest())), slog.Uint64("fixes", lost.Count()))
	}
	return true
}
