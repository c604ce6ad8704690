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
// to another fix, by an earlier process whose work the disk lost. Fixes of this process that got such a number are numbered
// anew, behind all that the centre holds; their order stays.
func (s *Spool) Reconcile(held track.Ranges) error {
	s.mu.Lock()
	if s.closed {
		s.unlock()
		return ErrClosed
	}
	var ours track.Ranges
	foreign := held.Subtract(s.handed)
	if s.recovered > 0 {
		foreign = foreign.Subtract(track.Ranges{{First: 1, Last: s.recovered}})
	}
	if len(foreign) > 0 {
		ours = intersect(s.keptLocked(), foreign)
		s.last = max(s.last, held.Highest()) // from here on nobody gets a number the centre knows
		s.handed = s.handed.Merge(foreign)   // settled: not to be found again on the next connection
		s.noteLocked(slog.LevelError, "the centre holds numbers that this spool never sent; its disk lost fixes it had confirmed, or was copied",
			slog.Uint64("seq", uint64(foreign.Lowest())), slog.Uint64("numbers", foreign.Count()), slog.Uint64("renumbered", ours.Count()))
	}
	s.unlock()
	if err := s.renumber(ours); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.unlock()
	s.acked = held.Within(track.Range{First: 1, Last: s.last})
	s.writeAckedLocked(kindHeld, s.acked)
	s.evictLocked(s.o.Now())
	signal(s.changed)
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
			if len(b.Fixes) == 0 || b.First > x.Last {
				break // what was there is damaged
			}
			if _, err := s.Append(b.Fixes); err != nil {
				return fmt.Errorf("renumber: %w", err)
			}
			s.mu.Lock()
			s.counts.renumbered += uint64(len(b.Fixes))
			s.unlock()
			at = b.Last() + 1
		}
	}
	return nil
}

// intersect is the numbers in both sets.
func intersect(a, b track.Ranges) track.Ranges { return a.Subtract(a.Subtract(b)) }
