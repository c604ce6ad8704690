package spool

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"dipper/positioning/track"
)

// ofUnit are quick options for a unit.
func ofUnit(unit string) Options {
	o := quick()
	o.Unit = unit
	return o
}

func TestSpoolBelongsToOneUnit(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, ofUnit("net-1"))
	mustAppend(t, s, fixesFrom(1, 3)...)
	if err := s.Reconcile(nil); err != nil {
		t.Fatal(err)
	}
	nextSegment(t, s)
	s.mu.Lock()
	s.dropLocked(0)
	s.unlock()
	mustAppend(t, s, fixesFrom(4, 2)...)
	s.Close()
	path := filepath.Join(dir, segmentNames(t, dir)[0])
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(dir, ofUnit("truck-8"))
	if !errors.Is(err, ErrOtherUnit) || !strings.Contains(err.Error(), "net-1") || !strings.Contains(err.Error(), "truck-8") {
		t.Fatalf("opened for another unit: %v", err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Fatalf("the spool changed, %v", err)
	}
	for _, unit := range []string{"", "net-1"} { // a tool looks into any
		s = mustOpen(t, dir, ofUnit(unit))
		wantFixes(t, s, track.Ranges{{First: 4, Last: 5}})
		s.Close()
	}
	if _, err = Open(dir, ofUnit("truck-8")); !errors.Is(err, ErrOtherUnit) {
		t.Fatalf("opened for another unit after a tool: %v", err)
	}
}

// A spool without a unit, or from before there were any, takes the first.
func TestSpoolAdoptsItsFirstUnit(t *testing.T) {
	nameless := t.TempDir()
	s := mustOpen(t, nameless, quick())
	mustAppend(t, s, fixAt(1))
	s.Close()
	old := t.TempDir()
	data, err := track.AppendBatch(appendRangesRecord(appendHeader(nil, 7, 1), kindHeld, nil), track.Batch{Series: 7, First: 1, Fixes: fixesFrom(1, 1)})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(old, segmentName(7, 0)), data, fileMode); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{nameless, old} {
		s := mustOpen(t, dir, ofUnit("net-1"))
		wantFixes(t, s, upTo(1))
		s.Close()
		if _, err := Open(dir, ofUnit("truck-8")); !errors.Is(err, ErrOtherUnit) {
			t.Fatalf("opened for a second unit: %v", err)
		}
		mustOpen(t, dir, ofUnit("net-1"))
	}
}

// The disk loses numbers that the centre has, and before the next Welcome the box starts again and again, numbering other
// fixes with them: all of these are sent.
func TestLostNumbersAreFoundAfterMoreRestarts(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, quick())
	if err := s.Reconcile(nil); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s, fixesFrom(1, 100)...)
	s.Close() // and the centre has 101 to 110 as well
	var size int64
	for life := range 4 {
		s = mustOpen(t, dir, quick())
		if life > 0 && s.current().size != size {
			t.Fatalf("a restart without news made the segment %d bytes long, it had %d", s.current().size, size)
		}
		if life == 0 {
			mustAppend(t, s, fixesFrom(5000, 20)...)
			nextSegment(t, s)
		}
		size = s.current().size
		s.Close()
	}
	s = mustOpen(t, dir, quick())
	if err := s.Reconcile(upTo(110)); err != nil {
		t.Fatal(err)
	}
	want := track.Ranges{{First: 111, Last: 130}}
	if got := s.Unacked(); !slices.Equal(got, want) || s.Stats().Renumbered != 10 {
		t.Fatalf("unacked %v, renumbered %d, want %v", got, s.Stats().Renumbered, want)
	}
	s.Close()

	// The centre takes two of them; that is known, and nothing to be numbered anew.
	s = mustOpen(t, dir, quick())
	if err := s.Reconcile(upTo(112)); err != nil {
		t.Fatal(err)
	}
	want[0].First = 113
	if got := s.Unacked(); !slices.Equal(got, want) || s.Stats().Renumbered != 0 {
		t.Fatalf("unacked %v, renumbered %d, want %v", got, s.Stats().Renumbered, want)
	}
}

// A power cut right after Reconcile does not take back that the numbers so far are settled, nor what was numbered anew.
func TestPowerCutAfterReconcile(t *testing.T) {
	dir := t.TempDir()
	d := newBrokenDisk(dir)
	o := quick()
	o.disk = d
	s := mustTake(t, dir, o)
	mustAppend(t, s, fixesFrom(1, 10)...)
	if err := s.Reconcile(upTo(4)); err != nil { // of an earlier life
		t.Fatal(err)
	}
	dir = d.powerCut(t, func(int64) int64 { return 0 })
	s = mustOpen(t, dir, quick())
	if err := s.Reconcile(upTo(12)); err != nil { // sent since: 5 to 12
		t.Fatal(err)
	}
	if got := s.Unacked(); !slices.Equal(got, track.Ranges{{First: 13, Last: 14}}) || s.Stats().Renumbered != 0 {
		t.Fatalf("unacked %v, renumbered %d", got, s.Stats().Renumbered)
	}
}

// Fixes to be numbered anew that cannot be read at the moment are not taken for acknowledged.
func TestReconcileWaitsForWhatItMustRead(t *testing.T) {
	dir := t.TempDir()
	d := newBrokenDisk(dir)
	o := quick()
	o.disk, o.HealEvery = d, 50*time.Millisecond
	s := mustOpen(t, dir, o)
	mustAppend(t, s, fixesFrom(1, 10)...)
	d.set(syscall.EMFILE, "open")
	if err := s.Reconcile(upTo(4)); err == nil {
		t.Fatal("no error")
	}
	d.set(nil, "open")
	eventually(t, "reading", func() bool { return s.Unacked().Contains(1) })
	if err := s.Reconcile(upTo(4)); err != nil {
		t.Fatal(err)
	}
	if got := s.Unacked(); !slices.Equal(got, track.Ranges{{First: 5, Last: 14}}) || s.Stats().Renumbered != 4 {
		t.Fatalf("unacked %v, renumbered %d", got, s.Stats().Renumbered)
	}
}
