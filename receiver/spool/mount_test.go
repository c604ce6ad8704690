package spool

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"dipper/positioning/track"
)

// mountDisk gives a disk of its own, of so many bytes in the kernel's memory. That takes root and a kernel that lets it.
func mountDisk(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("no disk can be mounted here (%v); tests with a disk that is told to fail stand in for this one", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// A real disk that somebody else has filled: the alarm comes, fixes are in memory and can be read, and when there is room again
// they are on the disk.
func TestRealDiskRunsFull(t *testing.T) {
	dir := mountDisk(t, "size=512k")
	var log logBuffer
	o := quick()
	o.Log = log.logger()
	s := mustOpen(t, dir, o)
	mustAppend(t, s, fixesFrom(1, 10)...)
	hog := filepath.Join(dir, "somebody-elses.log")
	if err := os.WriteFile(hog, make([]byte, 1<<20), fileMode); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("filling the disk: %v", err)
	}
	n := 10
	for ; s.Stats().Failing == "" && n < 1000; n++ { // the last block of the segment has room left
		if _, err := s.Append(fixesFrom(n+1, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if st := s.Stats(); !strings.Contains(st.Failing, "no space") || st.InMemory == 0 {
		t.Fatalf("on a full disk: %+v", st)
	}
	wantFixes(t, s, upTo(track.Seq(n)))
	if err := os.Remove(hog); err != nil {
		t.Fatal(err)
	}
	eventually(t, "healing", func() bool { return s.Stats().Failing == "" && s.Stats().InMemory == 0 })
	mustAppend(t, s, fixAt(n+1))
	if st := s.Stats(); st.Dropped != 0 || !strings.Contains(log.String(), "takes fixes again") {
		t.Errorf("stats %+v, log %s", st, log.String())
	}
	s.Close()
	wantFixes(t, mustOpen(t, dir, quick()), upTo(track.Seq(n+1)))
}

// A disk smaller than the spool's own limit, for ever: the memory keeps its limit, the newest fixes are kept, the others are
// counted.
func TestRealDiskIsTooSmall(t *testing.T) {
	dir := mountDisk(t, "size=128k")
	o := quick()
	o.MaxMemory = 500
	s := mustOpen(t, dir, o)
	const n = 20_000
	for i := 1; i <= n; i += 10 {
		if _, err := s.Append(fixesFrom(i, 10)); err != nil {
			t.Fatal(err)
		}
		if got := s.Stats().InMemory; got > o.MaxMemory+10 {
			t.Fatalf("%d fixes in memory, want %d at most", got, o.MaxMemory)
		}
	}
	eventually(t, "the newest fix", func() bool { return s.Newest() == n })
	st := s.Stats()
	if st.Newest != n || st.Dropped == 0 || st.Failures == 0 || st.Unacked+st.Dropped != n {
		t.Fatalf("after %d fixes: %+v", n, st)
	}
	if b, err := s.Read(n, 1); err != nil || len(b.Fixes) != 1 || !b.Fixes[0].Equal(fixAt(n)) {
		t.Fatalf("newest fix: %+v, %v", b, err)
	}
}

// A card that the kernel mounted read-only, as it does after errors: fixes are in memory and can be read, what was on the card
// too, and when it can be written again all of it is there.
func TestRealDiskIsReadOnly(t *testing.T) {
	dir := mountDisk(t, "size=1m")
	s := mustOpen(t, dir, quick())
	mustAppend(t, s, fixesFrom(1, 10)...)
	s.Close()
	remount := func(flags uintptr) {
		t.Helper()
		if err := unix.Mount("", dir, "", unix.MS_REMOUNT|flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	remount(unix.MS_RDONLY)
	s = mustOpen(t, dir, quick())
	if _, err := s.Append(fixesFrom(11, 5)); err != nil {
		t.Fatal(err)
	}
	if st := s.Stats(); !strings.Contains(st.Failing, "read-only") || st.InMemory != 5 {
		t.Fatalf("on a read-only disk: %+v", st)
	}
	wantFixes(t, s, upTo(15))
	remount(0)
	eventually(t, "healing", func() bool { return s.Stats().Failing == "" && s.Stats().InMemory == 0 })
	s.Close()
	wantFixes(t, mustOpen(t, dir, quick()), upTo(15))
}
