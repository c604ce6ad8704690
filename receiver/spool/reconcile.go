package spool

import (
	"fmt"
	"log/slog"

	"dipper/positioning/track"
)

// Reconcile tells the spool what the centre holds of the series, as its Welcome says on every connection, before anything is
// read to be sent. It replaces all that was acknowledged before: what the centre lost is unacknowledged again and will be
// sent again, if it is still kept.
//
// A number that the centre holds although this disk did not have it at Open and this process never handed it out was given
// to another fix, by an earlier process whose work the disk lost. Open means the first one since the last Reconcile: what
// processes appended that never reached the centre proves nothing. Fixes that got such a number are numbered anew, behind all
// that the centre holds; their order stays. If they cannot be read at the moment, that is the error, and nothing may be sent.
func (s *Spool) Reconcile(held track.Ranges) error {
	s.mu.Lock()
	if s.closed {
		s.unlock()
		return ErrClosed
	}
	first := s.state.open
	var ours track.Ranges
	foreign := held.Subtract(s.handed)
	if s.recovered > 0 {
		foreign = foreign.Subtract(track.Ranges{{First: 1, Last: s.recovered}})
	}
	if len(foreign) > 0 {
		ours = intersect(s.keptLocked(), foreign)
		s.last = max(s.last, held.Highest()) // from here on nobody gets a number the centre knows
		s.noteLocked(slog.LevelError, "the centre holds numbers that this spool never sent; its disk lost fixes it had confirmed, or was copied",
			slog.Uint64("seq", uint64(foreign.Lowest())), slog.Uint64("numbers", foreign.Count()), slog.Uint64("renumbered", ours.Count()))
	}
	s.unlock()
	if err := s.renumber(ours); err != nil {
		return err
	}
	if len(ours) > 0 {
		s.sync() // before their old numbers count as acknowledged
	}
	s.mu.Lock()
	s.handed = s.handed.Merge(foreign) // settled: not to be found again on the next connection
	s.acked = held.Within(track.Range{First: 1, Last: s.last})
	s.state.open, s.state.settled = false, 0
	s.writeAckedLocked(kindHeld, s.acked)
	if first {
		s.writeStateLocked()
	}
	s.evictLocked(s.o.Now())
	signal(s.changed)
	s.unlock()
	if first {
		s.sync() // before anything is sent: at the next Open what was sent must count as this disk's
	}
	return nil
}

// renumber appends copies of fixes under new numbers.
func (s *Spool) renumber(r track.Ranges) error {
	for _, x := range r {
		for at := x.First; at <= x.Last; {
			b, err := s.read(at, int(min(uint64(x.Last-at)+1, maxRecordFixes)), true)
			if err != nil {
				return err
			}
			if (len(b.Fixes) == 0 || b.First > at) && s.comesBack(at) {
				return fmt.Errorf("renumber: the disk does not give fix %d now", at)
			}
			if len(b.Fixes) == 0 || b.First > x.Last {
				break // what was there is damaged
			}
			b.Fixes = b.Fixes[:min(uint64(len(b.Fixes)), uint64(x.Last-b.First)+1)]
			if _, err := s.Append(b.Fixes); err != nil {
				return fmt.Errorf("renumber: %w", err)
			}
			s.mu.Lock()
			s.counts.renumbered += uint64(len(b.Fixes))
			s.handed = s.handed.Add(track.Range{First: b.First, Last: b.Last()}) // done, should the rest fail
			s.unlock()
			at = b.Last() + 1
		}
	}
	return nil
}

// comesBack reports whether a fix is in a segment that the disk did not give, but not often enough to give it up.
func (s *Spool) comesBack(at track.Seq) bool {
	s.mu.Lock()
	defer s.unlock()
	for _, seg := range s.segments {
		if !seg.retry.IsZero() && seg.pause < s.maxPause() && seg.fixes.Contains(at) {
			return true
		}
	}
	return false
}

// intersect is the numbers in both sets.
func intersect(a, b track.Ranges) track.Ranges { return a.Subtract(a.Subtract(b)) }
