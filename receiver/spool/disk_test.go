package spool

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"dipper/positioning/track"
)

func TestFailingDiskKeepsFixesInMemoryAndHeals(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  error
		ops  []string
	}{
		{"full", syscall.ENOSPC, []string{"write"}},
		{"read-only", syscall.EROFS, nil},
		{"fsync fails", syscall.EIO, []string{"sync"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			var log logBuffer
			d := newBrokenDisk(dir)
			o := quick()
			o.disk, o.Log = d, log.logger()
			s := mustOpen(t, dir, o)
			mustAppend(t, s, fixesFrom(1, 3)...)
			d.set(tc.err, tc.ops...)
			for n := 4; n <= 8; n++ {
				if _, err := s.Append(fixesFrom(n, 1)); err != nil {
					t.Fatal(err)
				}
			}
			eventually(t, "alarm", func() bool { return s.Stats().Failing != "" || s.Stats().Failures > 0 })
			eventually(t, "fixes readable from memory", func() bool { return s.Newest() == 8 })
			if err := s.Ack(upTo(2)); err != nil {
				t.Fatal(err)
			}
			wantFixes(t, s, upTo(8))
			d.set(nil)
			eventually(t, "healing", func() bool { return s.Stats().Failing == "" && s.Stats().InMemory == 0 })
			mustAppend(t, s, fixAt(9))
			if !strings.Contains(log.String(), "disk fails") || !strings.Contains(log.String(), "takes fixes again") {
				t.Errorf("log: %s", log.String())
			}
			if st := s.Stats(); st.Dropped != 0 || st.Failures == 0 {
				t.Errorf("stats %+v", st)
			}
			s.Close()
			s = mustOpen(t, dir, quick())
			wantFixes(t, s, upTo(9))
			if got, want := s.Unacked(), (track.Ranges{{First: 3, Last: 9}}); !slices.Equal(got, want) {
				t.Errorf("unacked %v, want %v", got, want)
			}
		})
	}
}

func TestFullMemoryDropsOldestAndCounts(t *testing.T) {
	dir := t.TempDir()
	d := newBrokenDisk(dir)
	o := quick()
	o.disk, o.MaxMemory = d, 10
	s := mustOpen(t, dir, o)
	mustAppend(t, s, fixesFrom(1, 2)...)
	d.set(syscall.EROFS)
	for n := 3; n <= 15; n++ {
		if _, err := s.Append(fixesFrom(n, 1)); err != nil {
			t.Fatal(err)
		}
		if n == 6 {
			if err := s.Ack(track.Ranges{{First: 5, Last: 6}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	// 13 fixes for 10 places: the acknowledged 5 and 6 go first, and then 3.
	want := track.Ranges{{First: 1, Last: 2}, {First: 4, Last: 4}, {First: 7, Last: 15}}
	wantFixes(t, s, want)
	if st := s.Stats(); st.Dropped != 1 {
		t.Errorf("dropped %d, want 1", st.Dropped)
	}
	d.set(nil)
	eventually(t, "healing", func() bool { return s.Stats().Failing == "" })
	mustAppend(t, s, fixAt(16))
	s.Close()
	wantFixes(t, mustOpen(t, dir, quick()), want.Add(track.Range{First: 16, Last: 16}))
}

func TestFullDiskGivesUpWhatIsAcked(t *testing.T) {
	dir := t.TempDir()
	d := newBrokenDisk(dir)
	o := quick()
	o.disk, o.MaxBytes = d, MinMaxBytes
	s := mustOpen(t, dir, o)
	n := 0
	for ; len(s.segments) < 3; n += 50 {
		mustAppend(t, s, fixesFrom(n+1, 50)...)
	}
	if err := s.Ack(s.segments[0].fixes); err != nil {
		t.Fatal(err)
	}
	d.set(syscall.ENOSPC, "write")
	if _, err := s.Append(fixesFrom(n+1, 1)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the acknowledged segment's removal", func() bool { return s.Oldest() > 1 })
	if st := s.Stats(); st.Dropped != 0 {
		t.Fatalf("dropped %d", st.Dropped)
	}
}

// A disk that is full long before the spool's own limit: the spool goes on with the newest fixes and counts the others.
func TestDiskFullBeforeItsLimit(t *testing.T) {
	dir := t.TempDir()
	d := newBrokenDisk(dir)
	d.room = 40_000 // less than one segment
	o := quick()
	o.disk, o.MaxMemory = d, 400
	s := mustOpen(t, dir, o)
	const n = 5000
	for i := 1; i <= n; i++ {
		if _, err := s.Append(fixesFrom(i, 1)); err != nil {
			t.Fatal(err)
		}
		if s.Stats().InMemory > o.MaxMemory*3/4 {
			eventually(t, "room", func() bool { return s.Stats().InMemory < o.MaxMemory/2 })
		}
	}
	d.mu.Lock()
	d.room = 0 // whoever filled the disk is gone
	d.mu.Unlock()
	eventually(t, "healing", func() bool { return s.Stats().Failing == "" && s.Stats().InMemory == 0 })
	st := s.Stats()
	if st.Newest != n || st.Dropped == 0 || st.Unacked+st.Dropped != n {
		t.Fatalf("after %d fixes: %+v", n, st)
	}
	wantFixes(t, s, track.Ranges{{First: st.Oldest, Last: n}})
	if names := segmentNames(t, dir); len(names) != st.Segments {
		t.Errorf("files %v, the spool knows %d", names, st.Segments)
	}
	s.Close()
	wantFixes(t, mustOpen(t, dir, o), track.Ranges{{First: st.Oldest, Last: n}})
}

func TestOpenOnReadOnlyDisk(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, quick())
	mustAppend(t, s, fixesFrom(1, 3)...)
	s.Close()
	d := newBrokenDisk(dir)
	d.set(syscall.EROFS)
	o := quick()
	o.disk = d
	s = mustOpen(t, dir, o)
	if _, err := s.Append(fixesFrom(4, 1)); err != nil {
		t.Fatal(err)
	}
	wantFixes(t, s, upTo(4))
	if s.Stats().Failing == "" {
		t.Fatal("no alarm on a read-only disk")
	}
	if err := s.Close(); !errors.Is(err, syscall.EROFS) {
		t.Fatalf("Close says %v, want that fixes did not get to the disk", err)
	}
	if st := s.Stats(); st.Unacked != 4 || st.Unsaved != 1 {
		t.Errorf("%d unacknowledged, of which %d are lost, want 4 and 1", st.Unacked, st.Unsaved)
	}
}

// An fsync that began while the disk failed says nothing of the fixes that were written again while it ran.
func TestFsyncBegunOnAFailedDiskProvesNothing(t *testing.T) {
	dir := t.TempDir()
	d := newBrokenDisk(dir)
	o := quick()
	o.disk = d
	s := mustTake(t, dir, o)
	if _, err := s.Append(fixesFrom(1, 3)); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	s.failedLocked(syscall.EIO)
	s.unlock()
	release := d.holdSyncs()
	done := make(chan bool)
	go func() { done <- s.sync() }()
	eventually(t, "the fsync's beginning", func() bool {
		s.mu.Lock()
		defer s.unlock()
		return len(s.retired) == 0
	})
	s.mu.Lock()
	s.healLocked()
	s.unlock()
	release()
	if <-done || s.Stats().InMemory != 3 {
		t.Fatalf("%d fixes are left in memory before an fsync of what heal wrote, want 3", s.Stats().InMemory)
	}
	if !s.sync() || s.Stats().InMemory != 0 {
		t.Fatalf("%d fixes are in memory after it", s.Stats().InMemory)
	}
}

// More fixes than the memory holds wait for an fsync, which fails: all of them are in memory only, and none may be taken for
// one that the disk has.
func TestFixesThatWaitForTheirFsyncStayInMemory(t *testing.T) {
	dir := t.TempDir()
	d := newBrokenDisk(dir)
	o := quick()
	o.disk, o.MaxMemory = d, 10
	s := mustTake(t, dir, o)
	if _, err := s.Append(fixesFrom(1, 25)); err != nil {
		t.Fatal(err)
	}
	d.set(syscall.EIO, "sync")
	if s.sync() {
		t.Fatal("fsync did not fail")
	}
	s.mu.Lock()
	onDisk := s.onDisk
	s.unlock()
	if st := s.Stats(); len(onDisk) > 0 || st.InMemory != 25 {
		t.Fatalf("%v count as on disk, %d in memory", onDisk, st.InMemory)
	}
}

// An fsync that does not end is a failure of the disk: the alarm comes, fixes can be sent from a memory with a limit, and what
// is in it gets to the disk when that works again.
func TestStalledFsyncIsAFailure(t *testing.T) {
	dir := t.TempDir()
	d := newBrokenDisk(dir)
	o := quick()
	o.disk, o.MaxMemory, o.stall = d, 10, 20*time.Millisecond
	s := mustOpen(t, dir, o)
	mustAppend(t, s, fixesFrom(1, 5)...)
	release := d.holdSyncs()
	const n = 40
	for i := 6; i <= n; i++ { // from the tenth on, Append waits for the fsync and gives it up
		if _, err := s.Append(fixesFrom(i, 1)); err != nil {
			t.Fatal(err)
		}
	}
	st := s.Stats()
	if !strings.Contains(st.Failing, "fsync") || st.Failures != 1 || st.InMemory != o.MaxMemory || st.Newest != n {
		t.Fatalf("with an fsync that hangs: %+v", st)
	}
	if want := uint64(n - 5 - o.MaxMemory); st.Dropped != want {
		t.Fatalf("dropped %d, want %d", st.Dropped, want)
	}
	want := track.Ranges{{First: 1, Last: 5}, {First: n - 9, Last: n}}
	wantFixes(t, s, want)
	release()
	eventually(t, "healing", func() bool { return s.Stats().Failing == "" && s.Stats().InMemory == 0 })
	s.Close()
	got := all(t, mustOpen(t, dir, quick())) // and what was written before the fsync hung, if the disk has it after all
	for seq, f := range got {
		if !f.Equal(fixAt(int(seq))) {
			t.Fatalf("fix %d is %+v", seq, f)
		}
	}
	for _, x := range want {
		for seq := x.First; seq <= x.Last; seq++ {
			if _, ok := got[seq]; !ok {
				t.Errorf("fix %d is not on the disk after it healed", seq)
			}
		}
	}
}

// Fixes that come faster than the disk takes them wait for it; the memory keeps its limit and nothing is dropped.
func TestAppendWaitsForTheDiskWhenTheMemoryIsFull(t *testing.T) {
	dir := t.TempDir()
	d := newBrokenDisk(dir)
	o := quick()
	o.disk, o.MaxMemory, o.SyncEvery = d, 50, time.Hour
	s := mustOpen(t, dir, o)
	for i := 1; i <= 5000; i += 10 {
		if _, err := s.Append(fixesFrom(i, 10)); err != nil {
			t.Fatal(err)
		}
		if got := s.Stats().InMemory; got >= o.MaxMemory+10 {
			t.Fatalf("%d fixes in memory, want %d and one Append at most", got, o.MaxMemory)
		}
	}
	if st := s.Stats(); st.Dropped != 0 || st.Failures != 0 {
		t.Fatalf("stats %+v", st)
	}
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	wantFixes(t, s, upTo(5000))
}
