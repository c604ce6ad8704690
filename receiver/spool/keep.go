package spool

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"dipper/positioning/track"
)

// keep is the spool's goroutine: it brings what was written to the disk, tries a failed disk again, and drops what is old.
func (s *Spool) keep() {
	defer close(s.done)
	timer := time.NewTimer(upkeepEvery)
	defer timer.Stop()
	var synced, healed, tidied time.Time // monotonic
	healPause := s.o.HealEvery
	for {
		select {
		case <-s.closing:
			s.finish()
			return
		case <-s.wake:
		case <-timer.C:
		}
		now := time.Now()
		switch {
		case s.failing():
			if now.Sub(healed) >= healPause {
				healed = now
				healPause = min(2*healPause, maxHealPauses*s.o.HealEvery)
				s.heal()
			}
		case now.Sub(synced) >= s.o.SyncEvery || s.waiting() >= s.o.MaxMemory/2:
			if s.sync() {
				synced, healPause = time.Now(), s.o.HealEvery
			}
		}
		if now.Sub(tidied) >= upkeepEvery {
			tidied = now
			s.tidy()
		}
		s.retryReads()
		timer.Reset(s.nextTurn(synced, healed, healPause))
	}
}

// maxHealPauses bounds how much the pause between attempts at a failed disk grows.
const maxHealPauses = 12

// nextTurn is how long the keeper may sleep if nobody wakes it.
func (s *Spool) nextTurn(synced, healed time.Time, healPause time.Duration) time.Duration {
	s.mu.Lock()
	defer s.unlock()
	d := upkeepEvery
	switch {
	case s.sick != nil:
		d = min(d, healPause-time.Since(healed))
	case s.dirtyLocked():
		d = min(d, s.o.SyncEvery-time.Since(synced))
	}
	for _, seg := range s.segments {
		if !seg.retry.IsZero() {
			d = min(d, time.Until(seg.retry))
		}
	}
	return max(d, 0)
}

func (s *Spool) failing() bool {
	s.mu.Lock()
	defer s.unlock()
	return s.sick != nil
}

// dirtyLocked reports whether an fsync would bring fixes to the disk.
func (s *Spool) dirtyLocked() bool {
	return len(s.memory) > 0 || len(s.retired) > 0 || s.newNames || s.newState
}

// waiting is how many fixes wait for an fsync.
func (s *Spool) waiting() int {
	s.mu.Lock()
	defer s.unlock()
	return len(s.memory)
}

var errStalled = errors.New("an fsync does not end")

// awaitRoom waits while the memory is full of fixes that wait for an fsync. An fsync that takes Options.stall is a failure of the
// disk, also with room left: then fixes can be sent from the memory, which drops its oldest when it is full.
func (s *Spool) awaitRoom() {
	for {
		s.mu.Lock()
		left := s.o.stall
		if !s.syncBegan.IsZero() {
			left -= time.Since(s.syncBegan)
		}
		if s.sick == nil && left <= 0 {
			s.failedLocked(errStalled)
		}
		full, synced := s.sick == nil && !s.closed && len(s.memory) >= s.o.MaxMemory, s.synced
		s.unlock()
		if !full {
			return
		}
		signal(s.wake)
		timer := time.NewTimer(left)
		select {
		case <-synced:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// Sync brings all that was appended to the disk before it returns, or says why that is not possible now.
func (s *Spool) Sync() error {
	s.sync()
	s.mu.Lock()
	defer s.unlock()
	return s.sick
}

// sync runs one fsync, if there is something for it, and makes readable what it made durable. It reports whether all went
// well and there was something.
func (s *Spool) sync() bool {
	s.syncing.Lock()
	defer s.syncing.Unlock()

	s.mu.Lock()
	if !s.dirtyLocked() || s.sick != nil && len(s.retired) == 0 {
		s.unlock()
		return false
	}
	retired, active, names := s.retired, s.active, s.newNames
	upTo, failures, wasSick := s.last, s.failures, s.sick != nil
	s.retired, s.newNames, s.newState = nil, false, false
	s.syncBegan = time.Now()
	s.unlock()

	err := syncFiles(s.o.disk, retired, active, names)

	s.mu.Lock()
	defer s.unlock()
	s.syncBegan = time.Time{}
	close(s.synced)
	s.synced = make(chan struct{})
	switch {
	case wasSick || s.sick != nil || s.failures != failures: // a failure came before or meanwhile: the fixes in memory stay there
		return false
	case err != nil:
		s.failedLocked(err)
		return false
	}
	s.forgetLocked(upTo)
	if upTo > s.visible {
		s.visible = upTo
		signal(s.changed)
	}
	return true
}

// syncFiles also closes the retired ones.
func syncFiles(d disk, retired []file, active file, names bool) error {
	var errs []error
	for _, f := range retired {
		errs = append(errs, f.Sync(), f.Close())
	}
	if active != nil {
		errs = append(errs, active.Sync())
	}
	if names {
		errs = append(errs, d.syncDir())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("fsync: %w", err)
	}
	return nil
}

// forgetLocked drops from memory the fixes that are on disk for good.
func (s *Spool) forgetLocked(upTo track.Seq) {
	n := 0
	for n < len(s.memory) && s.memory[n].seq <= upTo {
		n++
	}
	s.memory = append(s.memory[:0], s.memory[n:]...)
	if len(s.memory) == 0 && cap(s.memory) > maxRecordFixes {
		s.memory = nil // what a failed disk made it grow to
	}
}

func (s *Spool) heal() {
	s.mu.Lock()
	s.healLocked()
	s.unlock()
	s.sync()
}

// tidy drops acknowledged segments that are old enough.
func (s *Spool) tidy() {
	s.mu.Lock()
	defer s.unlock()
	s.evictLocked(s.o.Now())
}

// finish is the keeper's last act: one more attempt at a failed disk, the last fsync, and every file closed.
func (s *Spool) finish() {
	if s.failing() {
		s.heal()
	}
	s.sync()
	s.syncing.Lock()
	defer s.syncing.Unlock()
	s.mu.Lock()
	defer s.unlock()
	s.retireLocked()
	for _, f := range s.retired {
		if err := f.Close(); err != nil {
			s.noteLocked(slog.LevelWarn, "close segment", slog.String("reason", err.Error()))
		}
	}
	s.retired = nil
	if s.sick == nil && s.counts.dropped > 0 {
		s.noteLocked(slog.LevelWarn, "spool dropped fixes since it was opened", slog.Uint64("fixes", s.counts.dropped))
	}
}
