package spool

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dipper/positioning/track"
)

// A power cut may end the last segment at any byte, or leave zeros behind that byte where the file had grown already: every
// whole record is there again, acknowledgements too, and nothing else.
func TestTailTornAtAnyByte(t *testing.T) {
	for _, tc := range []struct {
		name    string
		earlier int  // finished segments before the last
		sealed  bool // the last is finished too: the next had no directory entry yet
	}{
		{"only segment", 0, false}, {"third segment", 2, false}, {"sealed segment", 1, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir, ends := fillForCut(t, tc.earlier, tc.sealed)
			names := segmentNames(t, dir)
			name := names[tc.earlier]
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			for cut := range len(data) + 1 {
				want := ends[0]
				for _, e := range ends {
					if e.size <= int64(cut) {
						want = e
					}
				}
				reopenTorn(t, dir, name, data[:cut], want)
				if rest := make([]byte, len(data)-cut); len(rest) > 0 && cut%7 == 0 {
					reopenTorn(t, dir, name, append(bytes.Clone(data[:cut]), rest...), want)
				}
			}
		})
	}
}

// recordEnd is what is on the disk up to a byte of the last segment: the highest number, and what was acknowledged.
type recordEnd struct {
	size  int64
	last  track.Seq
	acked track.Ranges
}

// fillForCut writes a spool of some segments, with acknowledgements between the fixes, and says where each record of the last
// segment ends; first comes what holds without that segment.
func fillForCut(t *testing.T, earlier int, sealed bool) (dir string, ends []recordEnd) {
	t.Helper()
	dir = t.TempDir()
	s := mustOpen(t, dir, ofUnit("net-1"))
	n := track.Seq(0)
	var acked track.Ranges
	for range earlier {
		n = mustAppend(t, s, fixesFrom(int(n)+1, 3)...).Last
		acked = acked.Add(track.Range{First: n, Last: n})
		if err := s.Ack(acked); err != nil {
			t.Fatal(err)
		}
		nextSegment(t, s)
	}
	ends = append(ends, recordEnd{0, n, acked}, recordEnd{s.current().size, n, acked})
	for _, count := range []int{1, 1, 5, 1, 2} {
		r := mustAppend(t, s, fixesFrom(int(n)+1, count)...)
		n = r.Last
		ends = append(ends, recordEnd{s.current().size, n, acked})
		if err := s.Ack(track.Ranges{{First: n, Last: n}}); err != nil {
			t.Fatal(err)
		}
		acked = acked.Add(track.Range{First: n, Last: n})
		ends = append(ends, recordEnd{s.current().size, n, acked})
	}
	if sealed {
		nextSegment(t, s)
		next := s.current().name
		s.Close()
		if err := os.Remove(filepath.Join(dir, next)); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	return dir, ends
}

// reopenTorn opens a copy of the spool whose last segment is data, and fails the test unless it holds what want says, gives the
// next number to the next fix, and has all of it after another restart.
func reopenTorn(t *testing.T, from, name string, data []byte, want recordEnd) {
	t.Helper()
	dir := copyDir(t, from)
	defer os.RemoveAll(dir) // there are thousands
	if err := os.WriteFile(filepath.Join(dir, name), data, fileMode); err != nil {
		t.Fatal(err)
	}
	o := quick()
	o.disk = newBrokenDisk(dir) // spares thousands of fsyncs
	s := mustOpen(t, dir, o)
	var whole track.Ranges
	if want.last > 0 {
		whole = upTo(want.last)
	}
	wantFixes(t, s, whole)
	if got := s.Unacked(); !slices.Equal(got, whole.Subtract(want.acked)) {
		t.Fatalf("%d bytes: unacked %v, want %v less %v", len(data), got, whole, want.acked)
	}
	if r := mustAppend(t, s, fixAt(int(want.last)+1)); r.First != want.last+1 {
		t.Fatalf("%d bytes: next number %d, want %d", len(data), r.First, want.last+1)
	}
	s.Close()
	s = mustOpen(t, dir, o)
	wantFixes(t, s, upTo(want.last+1))
	s.Close()
}

// Any wrong bit costs at most the record it is in, is told, and never invents or changes a fix or an acknowledgement.
func TestDamagedRecordIsToldAndSteppedOver(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, quick())
	for n := 1; n <= 9; n += 3 {
		mustAppend(t, s, fixesFrom(n, 3)...)
		if err := s.Ack(track.Ranges{{First: track.Seq(n), Last: track.Seq(n)}}); err != nil {
			t.Fatal(err)
		}
	}
	acked := track.Ranges{{First: 1, Last: 1}, {First: 4, Last: 4}, {First: 7, Last: 7}}
	s.Close()
	name := segmentName(s.Series(), 0)
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	for bit := range 8 * len(data) {
		bad := bytes.Clone(data)
		bad[bit/8] ^= 1 << (bit % 8)
		damaged := copyDir(t, dir)
		if err := os.WriteFile(filepath.Join(damaged, name), bad, fileMode); err != nil {
			t.Fatal(err)
		}
		var log logBuffer
		o := quick()
		o.disk, o.Log = newBrokenDisk(damaged), log.logger()
		s := mustOpen(t, damaged, o)
		got := all(t, s)
		if len(got) != 9 && len(got) != 6 {
			t.Fatalf("bit %d: %d fixes are left of 9", bit, len(got))
		}
		for seq, f := range got {
			if !f.Equal(fixAt(int(seq))) {
				t.Fatalf("bit %d: fix %d became %+v", bit, seq, f)
			}
			if !s.Unacked().Contains(seq) && !acked.Contains(seq) {
				t.Fatalf("bit %d: fix %d counts as acknowledged", bit, seq)
			}
		}
		if !strings.Contains(log.String(), "damaged") && !strings.Contains(log.String(), "torn") {
			t.Fatalf("bit %d: nothing was said: %s", bit, log.String())
		}
		s.Close()
		os.RemoveAll(damaged)
	}
}

// The last segment is finished, and its last fixes are damaged: their numbers, which may have been sent, are not given again.
func TestDamagedEndGivesNoNumberTwice(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, quick())
	mustAppend(t, s, fixesFrom(1, 3)...)
	mustAppend(t, s, fixesFrom(4, 3)...)
	name, end := s.current().name, s.current().size
	nextSegment(t, s)
	next := s.current().name
	s.Close()
	if err := os.Remove(filepath.Join(dir, next)); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	data[end-10] ^= 1 // in the second batch; the seal behind it is sound
	if err := os.WriteFile(filepath.Join(dir, name), data, fileMode); err != nil {
		t.Fatal(err)
	}
	for n := 7; n <= 8; n++ {
		s := mustOpen(t, dir, quick())
		if r := mustAppend(t, s, fixAt(n)); r.First != track.Seq(n) {
			t.Fatalf("next number %d, want %d", r.First, n)
		}
		s.Close()
	}
	wantFixes(t, mustOpen(t, dir, quick()), track.Ranges{{First: 1, Last: 3}, {First: 7, Last: 8}})
}

// Damage in a finished segment is found when it is read: what lies behind it is still read, and reading never hangs.
func TestDamageInFinishedSegmentIsFoundByReading(t *testing.T) {
	dir := t.TempDir()
	o := quick()
	o.MaxBytes = MinMaxBytes
	s := mustOpen(t, dir, o)
	n := 0
	for ; len(s.segments) < 3; n += 50 {
		mustAppend(t, s, fixesFrom(n+1, 50)...)
	}
	s.Close()
	path := filepath.Join(dir, segmentName(s.Series(), 0))
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 2000; i < 2010; i++ {
		data[i] ^= 0xff
	}
	if err := os.WriteFile(path, data, fileMode); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, dir, o)
	got := all(t, s)
	lost := n - len(got)
	if st := s.Stats(); lost < 50 || lost > 100 || st.Damaged == 0 || st.Unacked != uint64(len(got)) {
		t.Fatalf("%d of %d fixes are lost, stats %+v", lost, n, st)
	}
	if !got[track.Seq(n)].Equal(fixAt(n)) || !got[1].Equal(fixAt(1)) {
		t.Fatal("fixes before or behind the damage are not there")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	first := s.segments[1].fixes.Lowest()
	s.cursors = [4]cursor{}
	s.mu.Unlock()
	if b, err := s.Read(1, 10); err != nil || b.First != first {
		t.Fatalf("with its file gone, Read(1) gave %d, %v, want %d", b.First, err, first)
	}
}

// What was read could have been sent. A power cut at any moment takes none of it, so no number is given twice.
func TestPowerCutTakesNothingThatCouldBeRead(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir := t.TempDir()
		var read track.Seq
		given := 0
		for range rapid.IntRange(1, 4).Draw(rt, "lives") {
			d := newBrokenDisk(dir)
			d.knowAll(t)
			o := quick()
			o.disk, o.MaxBytes, o.SyncEvery = d, 8*MinMaxBytes, time.Hour
			s, err := Open(dir, o)
			if err != nil {
				rt.Fatal(err)
			}
			if s.Newest() < read {
				rt.Fatalf("fix %d was read and is gone, newest is %d", read, s.Newest())
			}
			wantFixes(rt, s, upTo(track.Seq(given)).Within(track.Range{First: 1, Last: s.Newest()}))
			given = int(s.Newest())
			for range rapid.IntRange(0, 30).Draw(rt, "appends") {
				n := rapid.SampledFrom([]int{1, 2, 40, 300}).Draw(rt, "n")
				r, err := s.Append(fixesFrom(given+1, n))
				if err != nil || r.First <= read {
					rt.Fatalf("number %d was read before, error %v", r.First, err)
				}
				given = int(r.Last)
				if rapid.IntRange(0, 3).Draw(rt, "sync") == 0 {
					if err := s.Sync(); err != nil {
						rt.Fatal(err)
					}
				}
				if b, err := s.Read(r.First, n); err != nil {
					rt.Fatal(err)
				} else if len(b.Fixes) > 0 {
					read = max(read, b.Last())
				}
			}
			after := d.powerCut(t, func(max int64) int64 { return rapid.Int64Range(0, max).Draw(rt, "kept") })
			if err := s.Close(); err != nil {
				rt.Fatal(err)
			}
			dir = after
		}
	})
}

// Kill -9 in the middle of appending, again and again: what could be read is there, and numbers go on without a gap.
func TestKilledProcess(t *testing.T) {
	dir := t.TempDir()
	for range 5 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestHelperAppendsForEver$")
		cmd.Env = append(os.Environ(), "SPOOL_DIR="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		readable := 0
		for range 20 {
			if !lines.Scan() {
				break
			}
			if _, err := fmt.Sscanf(lines.Text(), "readable %d", &readable); err != nil {
				t.Fatalf("helper said %q", lines.Text())
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() { // said before it died
			if _, err := fmt.Sscanf(lines.Text(), "readable %d", &readable); err != nil && lines.Text() != "" {
				break // cut off
			}
		}
		_ = cmd.Wait() // killed
		s := mustOpen(t, dir, quick())
		if readable == 0 || s.Newest() < track.Seq(readable) {
			t.Fatalf("fix %d could be read before the kill, newest is %d", readable, s.Newest())
		}
		wantFixes(t, s, upTo(s.Newest()))
		s.Close()
	}
}

// TestHelperAppendsForEver is the process that TestKilledProcess kills.
func TestHelperAppendsForEver(t *testing.T) {
	dir := os.Getenv("SPOOL_DIR")
	if dir == "" {
		t.Skip("runs only as the child of TestKilledProcess")
	}
	s, err := Open(dir, quick())
	if err != nil {
		t.Fatal(err)
	}
	for n := int(s.Newest()) + 1; ; n++ {
		if _, err := s.Append(fixesFrom(n, 1)); err != nil {
			t.Fatal(err)
		}
		if newest := s.Newest(); newest > 0 {
			if _, err := fmt.Printf("readable %d\n", newest); err != nil {
				return // nobody listens any more
			}
		}
	}
}
