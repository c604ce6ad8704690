package spool

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"

	"dipper/positioning/track"
)

const dirMode = 0o700

// ErrOtherUnit is returned by Open for a spool with the fixes of a unit other than Options.Unit.
var ErrOtherUnit = errors.New("spool belongs to another unit")

// Open opens the spool in dir, which it makes if it is not there, and takes up what earlier processes left. A directory
// without segments begins a new series. The error is ErrLocked while another process has it, ErrOtherUnit, or says why dir
// cannot be made or read; a disk that takes no writes is no error, see the package comment.
func Open(dir string, o Options) (*Spool, error) {
	s, err := take(dir, o)
	if err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	signal(s.wake)
	go s.keep()
	return s, nil
}

// take is Open without the keeper.
func take(dir string, o Options) (*Spool, error) {
	o = o.withDefaults(dir)
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return nil, err
	}
	locked, err := lock(dir)
	if err != nil {
		return nil, err
	}
	s := &Spool{
		dir: dir, o: o, locked: locked,
		changed: make(chan struct{}, 1), wake: make(chan struct{}, 1),
		closing: make(chan struct{}), done: make(chan struct{}), synced: make(chan struct{}),
	}
	s.mu.Lock()
	err = s.recoverLocked()
	s.unlock()
	if err != nil {
		return nil, errors.Join(err, locked.Close())
	}
	return s, nil
}

// recoverLocked takes up the segments of the newest series and makes one ready to append to.
func (s *Spool) recoverLocked() error {
	if err := s.listLocked(); err != nil {
		return err
	}
	if len(s.segments) == 0 {
		s.series = track.Series(max(1, s.o.Now().Unix()))
		s.state = state{unit: s.o.Unit, open: true}
		if err := s.rotateLocked(1); err != nil {
			s.failedLocked(err)
		}
		return nil
	}
	tail, err := s.recoverAckedLocked()
	if err != nil {
		return err
	}
	for i, seg := range s.segments {
		if i == len(s.segments)-1 {
			s.takeLocked(seg, tail)
		} else if fixes, size, ok := readSeal(s.o.disk, seg.name); ok {
			seg.fixes, seg.size = fixes.Subtract(s.onDisk), size
		} else if sc, err := scanFile(s.o.disk, seg.name, s.series, nil); err != nil {
			if tail.first == 0 {
				return err // it may hold the highest number: numbering on without it could give numbers twice
			}
			seg.unread = true
			s.pauseLocked(seg, err)
		} else {
			s.takeLocked(seg, sc)
		}
		s.onDisk = s.onDisk.Merge(seg.fixes)
	}
	s.last = max(s.onDisk.Highest(), s.acked.Highest(), tail.sealsTo)
	if tail.first > 0 {
		s.last = max(s.last, tail.first-1)
	}
	s.visible = s.last
	said := s.state
	if err := s.beginLocked(); err != nil {
		return err
	}
	s.resumeLocked(tail)
	if s.state != said {
		s.writeStateLocked()
	}
	return nil
}

// beginLocked brings the state from what the process before left to what holds from now on.
func (s *Spool) beginLocked() error {
	switch {
	case s.state.unit == "":
		s.state.unit = s.o.Unit
	case s.o.Unit != "" && s.o.Unit != s.state.unit:
		return fmt.Errorf("%s: %w: its fixes are %q's, not %q's", s.dir, ErrOtherUnit, s.state.unit, s.o.Unit)
	}
	if !s.state.open {
		s.state.open, s.state.settled = true, s.last
	}
	s.state.settled = min(s.state.settled, s.last)
	s.recovered = s.state.settled
	return nil
}

// listLocked fills segments with the files of the newest series, in order.
func (s *Spool) listLocked() error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, e := range entries { // sorted by name
		series, index, ok := parseSegmentName(e.Name())
		if !ok {
			continue
		}
		if series != s.series && len(s.segments) > 0 {
			s.noteLocked(slog.LevelWarn, "spool holds an older series, which is left alone", slog.Uint64("series", uint64(s.series)))
			s.segments = nil
		}
		seg := &segment{name: e.Name(), index: index, sealed: true}
		if info, err := e.Info(); err == nil {
			seg.written, seg.size = info.ModTime(), info.Size()
		}
		s.series = series
		s.segments = append(s.segments, seg)
	}
	return nil
}

// recoverAckedLocked finds what was acknowledged, and the state: it goes back to segments that say all of it, mostly the last
// one. It returns the scan of the last segment.
func (s *Spool) recoverAckedLocked() (tail scan, err error) {
	var later []track.Ranges // acknowledged besides, newest first
	var replaced, known bool // all of the acknowledged is in later; the state was found
	for i := len(s.segments) - 1; i >= 0; i-- {
		sc, err := scanFile(s.o.disk, s.segments[i].name, s.series, nil)
		if i == len(s.segments)-1 {
			if err != nil {
				return scan{}, err // numbering on without it could give numbers twice
			}
			tail = sc
		}
		if !replaced {
			later = append(later, sc.acked)
			replaced = sc.replaces
		}
		if !known && sc.hasState {
			s.state, known = sc.state, true
		}
		if replaced && known {
			break
		}
	}
	for _, r := range slices.Backward(later) {
		s.acked = s.acked.Merge(r)
	}
	return tail, nil
}

// takeLocked notes what a scan found in a segment.
func (s *Spool) takeLocked(seg *segment, sc scan) {
	seg.fixes, seg.size = sc.fixes.Subtract(s.onDisk), sc.size
	if sc.damaged > 0 {
		s.counts.damaged += uint64(sc.damaged)
		s.noteLocked(slog.LevelError, "spool segment is damaged, the rest of it is kept", slog.String("segment", seg.name), slog.Int("places", sc.damaged))
	}
	if sc.torn > 0 {
		s.noteLocked(slog.LevelWarn, "spool segment ends in a torn record, which is dropped", slog.String("segment", seg.name), slog.Int64("bytes", sc.torn))
	}
}

// resumeLocked brings what the process before may have left in the kernel's hands to the disk, and opens the last segment to
// append to, without its torn tail, or begins another.
func (s *Spool) resumeLocked(tail scan) {
	if err := s.syncOldLocked(); err != nil {
		s.failedLocked(err)
		return
	}
	seg := s.current()
	if tail.sealed || tail.first == 0 || seg.size >= s.o.segmentBytes() {
		if err := s.rotateLocked(s.last + 1); err != nil {
			s.failedLocked(err)
		}
		return
	}
	f, err := s.o.disk.reopen(seg.name, seg.size)
	if err != nil {
		s.failedLocked(fmt.Errorf("reopen segment: %w", err))
		return
	}
	s.active, seg.sealed = f, false
}

// syncOldLocked runs fsync on every segment; on those that are clean it costs next to nothing.
func (s *Spool) syncOldLocked() error {
	for _, seg := range s.segments {
		if err := s.o.disk.sync(seg.name); err != nil {
			return fmt.Errorf("fsync %s: %w", seg.name, err)
		}
	}
	return s.o.disk.syncDir()
}
