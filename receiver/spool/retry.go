package spool

import (
	"log/slog"
	"slices"
	"time"

	"dipper/positioning/track"
)

// pauseLocked is called when the disk did not give a segment: for want of file descriptors or memory, or because a block of it
// cannot be read. It is passed over until retryReads, longer each time.
func (s *Spool) pauseLocked(seg *segment, err error) {
	if seg.pause == 0 {
		s.noteLocked(slog.LevelError, "spool segment cannot be read, it is tried again", slog.String("segment", seg.name), slog.String("reason", err.Error()))
	}
	seg.pause = min(max(2*seg.pause, s.o.HealEvery), s.maxPause())
	seg.retry = time.Now().Add(seg.pause)
	signal(s.wake)
}

func (s *Spool) maxPause() time.Duration { return maxHealPauses * s.o.HealEvery }

// pausedLocked is the numbers in segments that are passed over now.
func (s *Spool) pausedLocked() track.Ranges {
	var r track.Ranges
	for _, seg := range s.segments {
		if !seg.retry.IsZero() {
			r = r.Merge(seg.fixes)
		}
	}
	if len(r) == 0 {
		return nil
	}
	return r.Subtract(s.inMemoryLocked())
}

// retryReads lets segments be read again whose pause is over, and looks into those that could not be read at Open.
func (s *Spool) retryReads() {
	var unread []*segment
	s.mu.Lock()
	now := time.Now()
	for _, seg := range s.segments {
		if seg.retry.IsZero() || now.Before(seg.retry) {
			continue
		}
		seg.retry = time.Time{}
		if seg.unread {
			unread = append(unread, seg)
		} else {
			signal(s.changed)
		}
	}
	s.unlock()
	for _, seg := range unread {
		sc, err := scanFile(s.o.disk, seg.name, s.series, nil)
		s.mu.Lock()
		switch {
		case !slices.Contains(s.segments, seg): // evicted meanwhile
		case err != nil:
			s.pauseLocked(seg, err)
		default:
			s.takeLocked(seg, sc)
			s.onDisk = s.onDisk.Merge(seg.fixes)
			seg.unread, seg.pause = false, 0
			signal(s.changed)
		}
		s.unlock()
	}
}
