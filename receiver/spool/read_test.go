package spool

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"dipper/positioning/track"
)

// nextSegment ends the active segment.
func nextSegment(tb testing.TB, s *Spool) {
	tb.Helper()
	s.mu.Lock()
	defer s.unlock()
	if err := s.rotateLocked(s.last + 1); err != nil {
		tb.Fatal(err)
	}
}

// A segment that the disk does not give for a while is passed over, and neither lost nor taken for acknowledged.
func TestFailedReadLosesNothing(t *testing.T) {
	for op, reason := range map[string]error{"open": syscall.EMFILE, "read": syscall.EIO} {
		t.Run(op, func(t *testing.T) {
			dir := t.TempDir()
			var log logBuffer
			d := newBrokenDisk(dir)
			o := quick()
			o.disk, o.KeepAcked, o.Log = d, -1, log.logger()
			s := mustOpen(t, dir, o)
			mustAppend(t, s, fixesFrom(1, 200)...)
			nextSegment(t, s)
			mustAppend(t, s, fixAt(201))
			d.set(reason, op)
			if b, err := s.Read(1, 10); err != nil || len(b.Fixes) > 0 {
				t.Fatalf("read fix %d, %v", b.First, err)
			}
			if st := s.Stats(); st.Unacked != 201 || st.Damaged > 0 || st.Oldest != 1 {
				t.Fatalf("after a failed read: %+v", st)
			}
			if err := s.Ack(track.Ranges{{First: 201, Last: 201}}); err != nil {
				t.Fatal(err)
			}
			for len(s.Changed()) > 0 {
				<-s.Changed()
			}
			d.set(nil, op)
			<-s.Changed()
			eventually(t, "reading", func() bool {
				s.mu.Lock()
				defer s.unlock()
				return len(s.pausedLocked()) == 0
			})
			wantFixes(t, s, upTo(201))
			if n := strings.Count(log.String(), "cannot be read"); n != 2 { // one for each segment
				t.Errorf("log: %s", log.String())
			}
		})
	}
}

func TestSegmentThatCannotBeReadAtOpen(t *testing.T) {
	dir := t.TempDir()
	o := quick()
	o.MaxBytes = MinMaxBytes
	s := mustOpen(t, dir, o)
	n := 0
	for ; len(s.segments) < 3; n += 50 {
		mustAppend(t, s, fixesFrom(n+1, 50)...)
	}
	first := s.segments[0].name
	s.Close()

	var log logBuffer
	d := newBrokenDisk(dir)
	d.set(syscall.EIO, "open "+first)
	o.disk, o.KeepAcked, o.Log = d, -1, log.logger()
	s = mustOpen(t, dir, o)
	if s.Unacked().Contains(1) || s.Unacked().Count() == 0 {
		t.Fatalf("unacked %v", s.Unacked())
	}
	if err := s.Ack(s.Unacked()); err != nil {
		t.Fatal(err)
	}
	s.tidy()
	if _, err := os.Stat(filepath.Join(dir, first)); err != nil {
		t.Fatalf("segment that could not be read: %v", err)
	}
	d.set(nil, "open "+first)
	eventually(t, "the segment", func() bool { return s.Unacked().Contains(1) })
	if b, err := s.Read(1, 1); err != nil || len(b.Fixes) != 1 || !b.Fixes[0].Equal(fixAt(1)) {
		t.Fatalf("read %d fixes, %v", len(b.Fixes), err)
	}
	s.Close()

	// As the last resort, over the limit and with the alarm, it goes.
	d.set(syscall.EIO, "open "+first)
	s = mustOpen(t, dir, o)
	for i := 0; s.Stats().Dropped == 0; i += 50 {
		mustAppend(t, s, fixesFrom(n+i+1, 50)...)
	}
	if _, err := os.Stat(filepath.Join(dir, first)); err == nil || !strings.Contains(log.String(), "could not be read is dropped") {
		t.Errorf("segment over the limit: %v, log %s", err, log.String())
	}
}

// The last segment is torn off and the one before, with the highest number, cannot be read: no number may be given.
func TestNoNumbersWithoutTheHighest(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, quick())
	mustAppend(t, s, fixesFrom(1, 20)...)
	first := s.segments[0].name
	nextSegment(t, s)
	second := s.segments[1].name
	s.Close()
	if err := os.Truncate(filepath.Join(dir, second), 0); err != nil {
		t.Fatal(err)
	}
	d := newBrokenDisk(dir)
	d.set(syscall.EMFILE, "open "+first)
	o := quick()
	o.disk = d
	if s, err := Open(dir, o); err == nil {
		s.Close()
		t.Fatal("opened")
	}
	d.set(nil, "open "+first)
	if r := mustAppend(t, mustOpen(t, dir, o), fixAt(21)); r.First != 21 {
		t.Fatalf("next number %d", r.First)
	}
}

// While a damaged segment is looked through, a fix is appended to it: that one is not lost.
func TestAppendedWhileDamageIsLookedAt(t *testing.T) {
	dir := t.TempDir()
	d := newBrokenDisk(dir)
	o := quick()
	o.disk = d
	s := mustOpen(t, dir, o)
	mustAppend(t, s, fixAt(1))
	from := s.current().size
	mustAppend(t, s, fixAt(2))
	f, err := os.OpenFile(filepath.Join(dir, s.current().name), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(make([]byte, 10), from+5); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	reads := 0
	d.closed = func() {
		if reads++; reads == 2 { // the first one finds the damage
			mustAppend(t, s, fixAt(3))
		}
	}
	if b, err := s.Read(2, 1); err != nil || b.First != 3 {
		t.Fatalf("read %d, %v", b.First, err)
	}
	wantFixes(t, s, track.Ranges{{First: 1, Last: 1}, {First: 3, Last: 3}})
}
