package spool

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
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
	o.MaxBytes = minMaxBytes
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
			o.disk, o.MaxBytes, o.SyncEvery = d, 8*minMaxBytes, time.Hour
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
	o.disk, o.MaxBytes = d, minMaxBytes
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
}

func FuzzScan(f *testing.F) {
	whole := appendHeader(nil, 7, 1)
	whole = appendRangesRecord(whole, kindHeld, nil)
	b, err := track.AppendBatch(nil, track.Batch{Series: 7, First: 1, Fixes: fixesFrom(1, 3)})
	if err != nil {
		f.Fatal(err)
	}
	whole = append(whole, b...)
	whole = appendRangesRecord(whole, kindAcked, upTo(2))
	whole = appendSeal(whole, upTo(3))
	f.Add(whole)
	f.Add(whole[5:])
	f.Add(append(bytes.Clone(whole[:40]), whole[20:]...))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := scanAll(t, data)
		if s.size+s.torn != int64(len(data)) {
			t.Fatalf("size %d + torn %d is not %d", s.size, s.torn, len(data))
		}
		again := scanAll(t, data[:s.size])
		if again.torn != 0 || !slices.Equal(again.fixes, s.fixes) || !slices.Equal(again.acked, s.acked) {
			t.Fatalf("without the torn tail: %+v, with it %+v", again, s)
		}
		in := recordReader{r: bytes.NewReader(data)}
		for {
			rec, err := in.next()
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, errTorn) {
					t.Fatal(err)
				}
				break
			}
			if len(rec) == 0 {
				t.Fatal("empty record")
			}
		}
	})
}

// Whatever the last segment has become: the segment before it is read back, every fix has a number of its own, and the next one
// is new; nothing appeared or went when the spool is opened once more.
func FuzzOpen(f *testing.F) {
	tail := appendRangesRecord(appendStateRecord(appendHeader(nil, 7, 4), state{unit: "net-1", open: true}), kindHeld, upTo(2))
	b, err := track.AppendBatch(nil, track.Batch{Series: 7, First: 4, Fixes: fixesFrom(4, 3)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(bytes.Clone(tail), b...), true)
	f.Add(appendSeal(append(bytes.Clone(tail), b...), track.Ranges{{First: 4, Last: 6}}), true)
	f.Add(append(appendRangesRecord(append(bytes.Clone(tail), b...), kindAcked, track.Ranges{{First: 5, Last: 900}}), b[:20]...), false)
	first, err := track.AppendBatch(appendRangesRecord(appendHeader(nil, 7, 1), kindHeld, nil), track.Batch{Series: 7, First: 1, Fixes: fixesFrom(1, 3)})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte, right bool) {
		last := bytes.Clone(data)
		if right {
			sumRight(last)
		}
		if lyingSeal(t, last) {
			t.Skip("a seal with a right checksum that leaves fixes out is not what a disk makes of one")
		}
		dir := t.TempDir()
		for i, data := range [][]byte{appendSeal(bytes.Clone(first), upTo(3)), last} {
			if err := os.WriteFile(filepath.Join(dir, segmentName(7, uint32(i))), data, fileMode); err != nil {
				t.Fatal(err)
			}
		}
		o := quick()
		o.disk = newBrokenDisk(dir)
		s := mustOpen(t, dir, o)
		before := all(t, s)
		for seq := range track.Seq(3) {
			if !before[seq+1].Equal(fixAt(int(seq + 1))) {
				t.Fatalf("fix %d of the finished segment is %+v", seq+1, before[seq+1])
			}
		}
		r, err := s.Append(fixesFrom(5000, 1))
		if errors.Is(err, track.ErrInvalid) {
			return // the last number there can be was given
		}
		if err != nil {
			t.Fatal(err)
		}
		for seq := range before {
			if seq >= r.First {
				t.Fatalf("number %d is given again: fix %d is there", r.First, seq)
			}
		}
		s.Close()
		after := all(t, mustOpen(t, dir, o))
		if !after[r.First].Equal(fixAt(5000)) || len(after) != len(before)+1 {
			t.Fatalf("%d fixes and one more became %d, the one more is %+v", len(before), len(after), after[r.First])
		}
		for seq, f := range before {
			if !after[seq].Equal(f) {
				t.Fatalf("fix %d was %+v and became %+v", seq, f, after[seq])
			}
		}
	})
}

// lyingSeal reports whether a segment of series 7 ends in a seal that does not name all fixes in it.
func lyingSeal(tb testing.TB, data []byte) bool {
	tb.Helper()
	var seal track.Ranges
	s, err := scanFrom(bytes.NewReader(data), 7, func(r record, _ []byte, _ int64) { seal = r.ranges })
	if err != nil {
		tb.Fatal(err)
	}
	return s.sealed && len(s.fixes.Subtract(seal)) > 0
}

// sumRight puts the checksums of the header and of the records behind it right; hardly any mutation would be a record
// otherwise.
func sumRight(data []byte) {
	for size := headerBytes; size > checksumBytes && size <= len(data); size = recordSize(data) {
		sum := data[size-checksumBytes:]
		if data[0] == kindSeal {
			sum = data[size-checksumBytes-sealFooter:]
		}
		binary.LittleEndian.PutUint32(sum, crc32.Checksum(data[:len(data)-len(sum)], castagnoli))
		data = data[size:]
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

// scanAll scans in memory, for series 7.
func scanAll(tb testing.TB, data []byte) scan {
	tb.Helper()
	s, err := scanFrom(bytes.NewReader(data), 7, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return s
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
