package spool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"dipper/positioning"
	"dipper/positioning/track"
)

// ErrClosed is returned by every method of a spool that was closed.
var ErrClosed = errors.New("spool is closed")

// maxRecordFixes bounds one record, and so the memory for reading one.
const maxRecordFixes = 256

// Spool is an open spool. All methods are safe for concurrent use. It owns one goroutine, which Close ends.
type Spool struct {
	dir     string
	o       Options
	locked  *os.File
	changed chan struct{} // full when there is news that nobody looked at
	wake    chan struct{} // full when the keeper has something to do
	closing chan struct{} // closed by Close
	done    chan struct{} // closed by the keeper

	syncing sync.Mutex // held through an fsync; taken before mu

	mu        sync.Mutex
	closed    bool
	synced    chan struct{} // closed, and replaced, at the end of every fsync
	syncBegan time.Time     // of the fsync under way, monotonic; zero if there is none
	series    track.Series
	last      track.Seq // highest number given
	visible   track.Seq // highest number that may be read; never falls
	recovered track.Seq // highest number at the first Open since the last Reconcile: up to it the numbers are this disk's
	state     state
	segments  []*segment
	active    file   // the last segment, open for appending; nil if there is none
	retired   []file // finished or given up; the next fsync closes them
	newNames  bool   // the directory needs an fsync
	newState  bool   // a record of the state needs one
	failures  uint64 // how often the disk failed: an fsync that began before a failure proves nothing
	onDisk    track.Ranges
	memory    []numbered // fixes without an fsync yet, ascending
	acked     track.Ranges
	handed    track.Ranges // what Read gave out since Open
	cursors   [4]cursor
	sick      error // why the disk takes nothing; nil if it does
	counts    counts
	pending   []note // to be logged when mu is free
}

// numbered is a fix with its number.
type numbered struct {
	seq track.Seq
	fix positioning.Fix
}

type counts struct{ dropped, damaged, failures, renumbered uint64 }

// note is a line for the log.
type note struct {
	level slog.Level
	msg   string
	attrs []slog.Attr
}

// unlock releases mu and then writes the log lines that came up under it.
func (s *Spool) unlock() {
	notes := s.pending
	s.pending = nil
	s.mu.Unlock()
	for _, n := range notes {
		s.o.Log.LogAttrs(context.Background(), n.level, n.msg, n.attrs...)
	}
}

func (s *Spool) noteLocked(level slog.Level, msg string, attrs ...slog.Attr) {
	s.pending = append(s.pending, note{level, msg, append([]slog.Attr{slog.String("spool", s.dir)}, attrs...)})
}

// Series is what the numbers count in.
func (s *Spool) Series() track.Series {
	s.mu.Lock()
	defer s.unlock()
	return s.series
}

// Newest is the highest number that can be read; 0 if there is none. Numbers given but not yet on disk are not counted.
func (s *Spool) Newest() track.Seq {
	s.mu.Lock()
	defer s.unlock()
	return s.readableLocked().Highest()
}

// Oldest is the lowest number that can still be read; 0 if there is none.
func (s *Spool) Oldest() track.Seq {
	s.mu.Lock()
	defer s.unlock()
	return s.readableLocked().Lowest()
}

// Unacked is the numbers that can be read now and are not acknowledged.
func (s *Spool) Unacked() track.Ranges {
	s.mu.Lock()
	defer s.unlock()
	return s.readableLocked().Subtract(s.acked).Subtract(s.pausedLocked())
}

// Changed has an element when something became readable, or Reconcile changed what is unacknowledged, since it was last
// received from. It is for one reader.
func (s *Spool) Changed() <-chan struct{} { return s.changed }

func (s *Spool) readableLocked() track.Ranges {
	return s.keptLocked().Within(track.Range{First: 1, Last: s.visible})
}

// keptLocked is all numbers on disk or in memory.
func (s *Spool) keptLocked() track.Ranges { return s.onDisk.Merge(s.inMemoryLocked()) }

func (s *Spool) inMemoryLocked() track.Ranges {
	var r track.Ranges
	for i := 0; i < len(s.memory); {
		n := i + 1
		for n < len(s.memory) && s.memory[n].seq == s.memory[n-1].seq+1 {
			n++
		}
		r = append(r, track.Range{First: s.memory[i].seq, Last: s.memory[n-1].seq})
		i = n
	}
	return r
}

// Append gives fixes the next numbers and returns these. It writes them and does not wait for their fsync: they can be read
// after the next one, or at once while the disk takes nothing. Only when Options.MaxMemory fixes wait for an fsync already, as
// when a long recording is read, does Append wait for that. A fix that a batch cannot hold (track.ErrInvalid) refuses
// all of them, and no number is used; apart from that and ErrClosed there is no error. The zero Range is for no fixes.
func (s *Spool) Append(fixes []positioning.Fix) (track.Range, error) {
	if len(fixes) == 0 {
		return track.Range{}, nil
	}
	s.awaitRoom()
	s.mu.Lock()
	defer s.unlock()
	if s.closed {
		return track.Range{}, ErrClosed
	}
	records, err := encode(s.series, s.last+1, fixes)
	if err != nil {
		return track.Range{}, fmt.Errorf("append to spool: %w", err)
	}
	given := track.Range{First: s.last + 1, Last: s.last + track.Seq(len(fixes))}
	for i, f := range fixes {
		s.memory = append(s.memory, numbered{given.First + track.Seq(i), track.Quantize(f)})
	}
	s.last = given.Last
	if s.sick == nil {
		if err := s.writeLocked(records); err != nil {
			s.failedLocked(err)
		}
	}
	if s.sick != nil {
		s.visible = s.last
		signal(s.changed)
	}
	s.boundMemoryLocked()
	signal(s.wake)
	return given, nil
}

// encoded is one record and the numbers in it.
type encoded struct {
	data  []byte
	fixes track.Range
}

func encode(series track.Series, first track.Seq, fixes []positioning.Fix) ([]encoded, error) {
	var out []encoded
	for len(fixes) > 0 {
		n := min(len(fixes), maxRecordFixes)
		b := track.Batch{Series: series, First: first, Fixes: fixes[:n]}
		data, err := track.AppendBatch(nil, b)
		if err != nil {
			return nil, err
		}
		out = append(out, encoded{data, track.Range{First: first, Last: b.Last()}})
		first, fixes = first+track.Seq(n), fixes[n:]
	}
	return out, nil
}

// Ack notes numbers that the centre has durably. It is written without an fsync of its own: what a power cut takes of it, the
// centre says again (Reconcile).
func (s *Spool) Ack(r track.Ranges) error {
	s.mu.Lock()
	defer s.unlock()
	if s.closed {
		return ErrClosed
	}
	r = r.Within(track.Range{First: 1, Last: s.last}).Subtract(s.acked)
	if len(r) == 0 {
		return nil
	}
	s.acked = s.acked.Merge(r)
	s.writeAckedLocked(kindAcked, r)
	s.evictLocked(s.o.Now())
	return nil
}

// writeAckedLocked writes a record of ranges, which are in acked already, if the disk takes it and there is a segment. A new
// segment begins with all of acked.
func (s *Spool) writeAckedLocked(kind byte, r track.Ranges) {
	if s.sick != nil || s.active == nil {
		return
	}
	data := appendRangesRecord(nil, kind, r)
	var err error
	if s.fullLocked(len(data)) {
		err = s.rotateLocked(s.last + 1)
	} else {
		err = s.appendLocked(data)
	}
	if err != nil {
		s.failedLocked(err)
	}
}

// writeStateLocked writes the state, as writeAckedLocked does.
func (s *Spool) writeStateLocked() {
	if s.sick != nil || s.active == nil {
		return
	}
	s.newState = true
	if err := s.appendLocked(appendStateRecord(nil, s.state)); err != nil {
		s.failedLocked(err)
	}
}

// Stats is what a status page shows.
type Stats struct {
	Series     track.Series
	Oldest     track.Seq // as Oldest, 0 none
	Newest     track.Seq
	Unacked    uint64 // fixes, also those that cannot be read now
	Bytes      int64  // of all segments
	Segments   int
	InMemory   int    // fixes without an fsync yet
	Unsaved    uint64 // of these, fixes that are not acknowledged: if the process ends now, they are lost
	Failing    string // why the disk takes nothing, "" if it does: fixes are in memory only
	Failures   uint64 // how often it stopped taking anything
	Dropped    uint64 // unacknowledged fixes given up because neither disk nor memory had room
	Damaged    uint64 // damaged places in segments
	Renumbered uint64 // fixes whose number the centre knew from elsewhere
}

// Stats gives the present figures; the counters are since Open.
func (s *Spool) Stats() Stats {
	s.mu.Lock()
	defer s.unlock()
	readable := s.readableLocked()
	st := Stats{
		Series: s.series, Oldest: readable.Lowest(), Newest: readable.Highest(),
		Unacked: readable.Subtract(s.acked).Count(), Bytes: s.bytesLocked(), Segments: len(s.segments), InMemory: len(s.memory),
		Unsaved:  s.inMemoryLocked().Subtract(s.acked).Count(),
		Failures: s.counts.failures, Dropped: s.counts.dropped, Damaged: s.counts.damaged, Renumbered: s.counts.renumbered,
	}
	if s.sick != nil {
		st.Failing = s.sick.Error()
	}
	return st
}

// Close brings what was appended to the disk, as far as that works, and releases the directory. The error says what did not
// work. Further calls do nothing.
func (s *Spool) Close() error {
	s.mu.Lock()
	if s.closed {
		s.unlock()
		return nil
	}
	s.closed = true
	s.unlock()
	close(s.closing)
	<-s.done
	s.mu.Lock()
	defer s.unlock()
	return errors.Join(s.sick, s.locked.Close())
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // there is one already
	}
}

// timeSince is never negative, whatever the host's clock does.
func timeSince(now, then time.Time) time.Duration { return max(0, now.Sub(then)) }
