package spool

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dipper/positioning"
	"dipper/positioning/track"
)

func TestNumbersGoOnThroughRestarts(t *testing.T) {
	dir := t.TempDir()
	var series track.Series
	next := track.Seq(1)
	for range 5 {
		s := mustOpen(t, dir, quick())
		if series == 0 {
			series = s.Series()
		}
		if s.Series() != series {
			t.Fatalf("series %d became %d", series, s.Series())
		}
		for range 3 {
			if r := mustAppend(t, s, fixesFrom(int(next), 2)...); r != (track.Range{First: next, Last: next + 1}) {
				t.Fatalf("numbers %v, want %d and the next", r, next)
			}
			next += 2
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	wantFixes(t, mustOpen(t, dir, quick()), upTo(30))
}

func TestOneProcessAtATime(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, quick())
	if _, err := Open(dir, quick()); !errors.Is(err, ErrLocked) {
		t.Fatalf("second Open: %v, want ErrLocked", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, dir, quick())
}

func TestClosedSpool(t *testing.T) {
	s := mustOpen(t, t.TempDir(), quick())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, appendErr := s.Append(fixesFrom(1, 1))
	_, readErr := s.Read(1, 1)
	for _, err := range []error{appendErr, readErr, s.Ack(upTo(1)), s.Reconcile(nil)} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("error %v, want ErrClosed", err)
		}
	}
	if err := s.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func TestAppendRefusesWhatCannotBeStored(t *testing.T) {
	s := mustOpen(t, t.TempDir(), quick())
	bad := fixesFrom(1, 2)
	bad[1].Point.Lat = math.NaN()
	if _, err := s.Append(bad); !errors.Is(err, track.ErrInvalid) {
		t.Fatalf("error %v, want ErrInvalid", err)
	}
	if r := mustAppend(t, s, fixAt(1)); r.First != 1 {
		t.Fatalf("a refused fix used a number: the next is %d", r.First)
	}
}

func TestAcksSurviveAndLeaveTheRest(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, quick())
	if err := s.Reconcile(nil); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s, fixesFrom(1, 10)...)
	for _, x := range []track.Range{{First: 9, Last: 10}, {First: 1, Last: 3}, {First: 3, Last: 4}, {First: 11, Last: 99}} {
		if err := s.Ack(track.Ranges{x}); err != nil {
			t.Fatal(err)
		}
	}
	want := track.Ranges{{First: 5, Last: 8}}
	if got := s.Unacked(); !slices.Equal(got, want) {
		t.Fatalf("unacked %v, want %v", got, want)
	}
	s.Close()
	s = mustOpen(t, dir, quick())
	if got := s.Unacked(); !slices.Equal(got, want) {
		t.Fatalf("after a restart unacked %v, want %v", got, want)
	}
	// The centre lost 9 and 10, and has 5.
	if err := s.Reconcile(track.Ranges{{First: 1, Last: 5}}); err != nil {
		t.Fatal(err)
	}
	want = track.Ranges{{First: 6, Last: 10}}
	s.Close()
	s = mustOpen(t, dir, quick())
	if got := s.Unacked(); !slices.Equal(got, want) {
		t.Fatalf("after Reconcile unacked %v, want %v", got, want)
	}
	wantFixes(t, s, upTo(10))
}

func TestReadGivesWhatIsAsked(t *testing.T) {
	s := mustOpen(t, t.TempDir(), quick())
	mustAppend(t, s, fixesFrom(1, 300)...)
	for i := 301; i <= 310; i++ {
		mustAppend(t, s, fixAt(i))
	}
	for _, tc := range []struct {
		from  track.Seq
		max   int
		first track.Seq
		count int
	}{
		{0, 5, 1, 5}, {1, 5, 1, 5}, {254, 10, 254, 10}, {299, 5, 299, 5}, {305, 100, 305, 6}, {310, 1, 310, 1}, {311, 5, 0, 0}, {5, 0, 0, 0},
	} {
		b, err := s.Read(tc.from, tc.max)
		if err != nil || len(b.Fixes) != tc.count || tc.count > 0 && b.First != tc.first {
			t.Errorf("Read(%d, %d): %d fixes from %d, error %v, want %d from %d", tc.from, tc.max, len(b.Fixes), b.First, err, tc.count, tc.first)
		}
		for i, f := range b.Fixes {
			if want := fixAt(int(b.First) + i); !f.Equal(want) {
				t.Errorf("Read(%d, %d): fix %d is %+v", tc.from, tc.max, int(b.First)+i, f)
			}
		}
	}
}

func TestChangedTellsWhenAFixCanBeRead(t *testing.T) {
	s := mustOpen(t, t.TempDir(), quick())
	if _, err := s.Append(fixesFrom(1, 1)); err != nil {
		t.Fatal(err)
	}
	<-s.Changed()
	if got := s.Newest(); got != 1 {
		t.Fatalf("newest %d after the news, want 1", got)
	}
}

func TestNothingIsReadableBeforeItsFsync(t *testing.T) {
	dir := t.TempDir()
	d := newBrokenDisk(dir)
	o := quick()
	o.disk = d
	s := mustOpen(t, dir, o)
	mustAppend(t, s, fixAt(1))
	release := d.holdSyncs()
	if _, err := s.Append(fixesFrom(2, 3)); err != nil {
		t.Fatal(err)
	}
	if got := s.Unacked(); !slices.Equal(got, upTo(1)) {
		t.Fatalf("unacked %v while the fsync of 2 to 4 has not returned", got)
	}
	if b, err := s.Read(2, 10); err != nil || len(b.Fixes) > 0 {
		t.Fatalf("read fix %d, %v, while its fsync has not returned", b.First, err)
	}
	release()
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	wantFixes(t, s, upTo(4))
}

func TestLimitTakesOldestAckedThenOldest(t *testing.T) {
	dir := t.TempDir()
	var log logBuffer
	o := quick()
	o.MaxBytes, o.Log = MinMaxBytes, log.logger()
	s := mustOpen(t, dir, o)
	n := 0
	fill := func(segments int) {
		for goal := s.current().index + uint32(segments); s.current().index < goal; n += 50 {
			mustAppend(t, s, fixesFrom(n+1, 50)...)
		}
	}
	fill(4)
	middle := s.segments[2].fixes // the third segment, not the oldest
	if err := s.Ack(middle); err != nil {
		t.Fatal(err)
	}
	fill(4)
	st := s.Stats()
	if st.Dropped != 0 || st.Bytes > o.MaxBytes {
		t.Fatalf("dropped %d with an acknowledged segment to go, %d bytes of %d", st.Dropped, st.Bytes, o.MaxBytes)
	}
	if b, err := s.Read(middle.Lowest(), 1); err != nil || b.First <= middle.Highest() {
		t.Fatalf("acknowledged fixes are still there: read %d, %v", b.First, err)
	}
	if st.Oldest != 1 {
		t.Fatalf("oldest is %d: unacknowledged fixes went before acknowledged ones", st.Oldest)
	}
	fill(4)
	st = s.Stats()
	if st.Dropped == 0 || st.Oldest == 1 || st.Bytes > o.MaxBytes || !strings.Contains(log.String(), "oldest unacknowledged fixes are dropped") {
		t.Fatalf("stats %+v, log %s", st, log.String())
	}
	if got := s.Unacked().Count() + st.Dropped + middle.Count(); got != uint64(n) {
		t.Fatalf("%d unacked + dropped + acked, want %d", got, n)
	}
	s.Close()
	s = mustOpen(t, dir, o)
	if r := mustAppend(t, s, fixAt(n+1)); r.First != track.Seq(n+1) {
		t.Fatalf("numbering goes on at %d, want %d", r.First, n+1)
	}
}

func TestAckedIsKeptForItsTime(t *testing.T) {
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	o := quick()
	o.MaxBytes, o.KeepAcked, o.Now = MinMaxBytes, time.Hour, func() time.Time { return now }
	dir := t.TempDir()
	s := mustOpen(t, dir, o)
	n := 0
	for ; len(s.segments) < 3; n += 50 {
		mustAppend(t, s, fixesFrom(n+1, 50)...)
	}
	if err := s.Ack(upTo(track.Seq(n))); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	now = now.Add(59 * time.Minute)
	s.mu.Unlock()
	s.tidy()
	if got := s.Oldest(); got != 1 {
		t.Fatalf("oldest %d before the time is over", got)
	}
	s.mu.Lock()
	now = now.Add(2 * time.Minute)
	s.mu.Unlock()
	s.tidy()
	if got := len(s.segments); got != 1 {
		t.Fatalf("%d segments after the time is over, want the last", got)
	}
	s.Close()
	s = mustOpen(t, dir, o)
	if r := mustAppend(t, s, fixAt(n+1)); r.First != track.Seq(n+1) {
		t.Fatalf("numbering goes on at %d, want %d", r.First, n+1)
	}
}

func TestReconcileNumbersAnewWhatTheCentreKnowsFromElsewhere(t *testing.T) {
	for _, tc := range []struct {
		name             string
		before           int          // fixes on the disk when the spool is opened
		after            int          // appended then
		sent             int          // of these, handed out
		held             track.Ranges // by the centre
		renumbered, next int
	}{
		{"all is well", 10, 5, 5, upTo(13), 0, 16},
		{"disk lost 11 to 13", 10, 5, 0, upTo(13), 3, 19},
		{"disk lost 11 to 20", 10, 5, 0, upTo(20), 5, 26},
		{"lost with holes", 10, 5, 0, track.Ranges{{First: 1, Last: 10}, {First: 12, Last: 12}}, 1, 17},
		{"a series that was there before", 0, 4, 0, upTo(100), 4, 105},
		{"centre is behind", 10, 0, 0, upTo(3), 0, 11},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			s := mustOpen(t, dir, quick())
			if tc.before > 0 {
				mustAppend(t, s, fixesFrom(1, tc.before)...)
				if err := s.Reconcile(nil); err != nil {
					t.Fatal(err)
				}
				s.Close()
				s = mustOpen(t, dir, quick())
			}
			if tc.after > 0 {
				mustAppend(t, s, fixesFrom(1001, tc.after)...)
			}
			if tc.sent > 0 {
				if _, err := s.Read(track.Seq(tc.before+1), tc.sent); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Reconcile(tc.held); err != nil {
				t.Fatal(err)
			}
			if err := s.Reconcile(tc.held); err != nil { // the next connection finds all in order
				t.Fatal(err)
			}
			if err := s.Sync(); err != nil {
				t.Fatal(err)
			}
			if got := s.Stats().Renumbered; got != uint64(tc.renumbered) {
				t.Errorf("renumbered %d, want %d", got, tc.renumbered)
			}
			// What is held and what is still to be sent: every fix of this process once.
			times := map[int64]int{}
			for _, x := range s.Unacked() {
				for at := x.First; at <= x.Last; at++ {
					b, err := s.Read(at, 1)
					if err != nil || b.First != at {
						t.Fatalf("Read(%d) gave %d, %v", at, b.First, err)
					}
					times[b.Fixes[0].Time.Unix()]++
				}
			}
			if tc.sent == 0 {
				for i := range tc.after {
					if n := times[fixAt(1001+i).Time.Unix()]; n != 1 {
						t.Errorf("fix %d of this process will be sent %d times, want once", i, n)
					}
				}
			}
			if r := mustAppend(t, s, fixAt(5000)); r.First != track.Seq(tc.next) {
				t.Errorf("next number %d, want %d", r.First, tc.next)
			}
		})
	}
}

// A spool does what a list in memory does, through restarts.
func TestSpoolAgreesWithModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp("", "spool")
		if err != nil {
			rt.Fatal(err)
		}
		defer os.RemoveAll(dir)
		o := quick()
		o.MaxBytes, o.disk = 1<<20, newBrokenDisk(dir) // which does not fail here, and spares the fsyncs
		s, err := Open(dir, o)
		if err != nil {
			rt.Fatal(err)
		}
		defer func() { s.Close() }()
		var last track.Seq
		var acked track.Ranges
		draw := func() track.Ranges {
			a := rapid.Uint64Range(1, uint64(last)).Draw(rt, "a")
			b := rapid.Uint64Range(a, min(a+20, uint64(last))).Draw(rt, "b")
			return track.Ranges{{First: track.Seq(a), Last: track.Seq(b)}}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"append": func(rt *rapid.T) {
				n := rapid.SampledFrom([]int{1, 1, 1, 7, 300, 1200}).Draw(rt, "n")
				r, err := s.Append(fixesFrom(int(last)+1, n))
				if err != nil || r.First != last+1 {
					rt.Fatalf("numbers %v, error %v, want %d", r, err, last+1)
				}
				last = r.Last
			},
			"ack": func(rt *rapid.T) {
				if last > 0 {
					r := draw()
					acked = acked.Merge(r)
					if err := s.Ack(r); err != nil {
						rt.Fatal(err)
					}
				}
			},
			"reconcile": func(rt *rapid.T) {
				if err := s.Sync(); err != nil {
					rt.Fatal(err)
				}
				if last > 0 {
					all := track.Seq(1)
					for all <= last { // hand all out: what the centre holds must have been sent
						b, err := s.Read(all, 4096)
						if err != nil {
							rt.Fatal(err)
						}
						all = b.Last() + 1
					}
					acked = draw()
					if err := s.Reconcile(acked); err != nil {
						rt.Fatal(err)
					}
				}
			},
			"restart": func(rt *rapid.T) {
				if err := s.Close(); err != nil {
					rt.Fatal(err)
				}
				if s, err = Open(dir, o); err != nil {
					rt.Fatal(err)
				}
			},
			"": func(rt *rapid.T) {
				if err := s.Sync(); err != nil {
					rt.Fatal(err)
				}
				if last == 0 {
					return
				}
				if got, want := s.Unacked(), upTo(last).Subtract(acked); !slices.Equal(got, want) {
					rt.Fatalf("unacked %v, want %v", got, want)
				}
				at := draw()[0]
				b, err := s.Read(at.First, int(at.Count()))
				if err != nil || b.First != at.First || len(b.Fixes) == 0 {
					rt.Fatalf("Read(%v): %d fixes from %d, %v", at, len(b.Fixes), b.First, err)
				}
				for i, f := range b.Fixes {
					if !f.Equal(fixAt(int(b.First) + i)) {
						rt.Fatalf("fix %d is %+v", int(b.First)+i, f)
					}
				}
			},
		})
	})
}

func TestOtherFilesAndOlderSeriesAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	old := segmentName(5, 0)
	for _, name := range []string{old, "notes.txt", "zz-zz.seg"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("not ours"), fileMode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, segmentName(7, 0)), appendHeader(nil, 7, 1), fileMode); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, dir, quick())
	if s.Series() != 7 {
		t.Fatalf("series %d, want the newest, 7", s.Series())
	}
	mustAppend(t, s, fixAt(1))
	if data, err := os.ReadFile(filepath.Join(dir, old)); err != nil || string(data) != "not ours" {
		t.Fatalf("older series: %q, %v", data, err)
	}
}

func BenchmarkAppend(b *testing.B) {
	s := mustOpen(b, b.TempDir(), Options{})
	fix := []positioning.Fix{fixAt(1)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Append(fix); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "fixes/s")
}

// manyRanges is every third number, as an uplink that loses much leaves them.
func manyRanges(n int) track.Ranges {
	var r track.Ranges
	for i := range n {
		r = append(r, track.Range{First: track.Seq(3*i + 1), Last: track.Seq(3*i + 1)})
	}
	return r
}

// A receiver that is silent and a link that comes and goes: every Welcome is written, and the files keep their limit.
func TestAcknowledgementsAloneKeepTheLimit(t *testing.T) {
	dir := t.TempDir()
	o := quick()
	o.MaxBytes, o.disk = MinMaxBytes, newBrokenDisk(dir)
	s := mustOpen(t, dir, o)
	mustAppend(t, s, fixesFrom(1, 12000)...)
	if _, err := s.Read(1, track.MaxBatchFixes); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	s.handed = upTo(12000)
	s.unlock()
	held := manyRanges(3000) // takes almost a segment
	for range 100 {
		if err := s.Reconcile(held); err != nil {
			t.Fatal(err)
		}
	}
	st := s.Stats()
	if limit := o.MaxBytes + 2*o.segmentBytes(); st.Bytes > limit {
		t.Fatalf("%d bytes in %d segments, want %d at most", st.Bytes, st.Segments, limit)
	}
	for range 1000 {
		if err := s.Ack(track.Ranges{{First: 2, Last: 2}}); err != nil {
			t.Fatal(err)
		}
		if err := s.Reconcile(held); err != nil {
			t.Fatal(err)
		}
	}
	want := s.Unacked()
	s.Close()
	s = mustOpen(t, dir, o)
	if got := s.Unacked(); !slices.Equal(got, want) {
		t.Fatalf("after a restart %d fixes are unacknowledged, want %d", got.Count(), want.Count())
	}
}

// A file that grew long is no reason not to start.
func TestLongSegmentIsOpened(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, quick())
	mustAppend(t, s, fixesFrom(1, 5)...)
	s.Close()
	path := filepath.Join(dir, segmentName(s.Series(), 0))
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for held := appendRangesRecord(nil, kindHeld, manyRanges(4000).Merge(upTo(3))); len(data) < 8<<20; {
		data = append(data, held...)
	}
	if err := os.WriteFile(path, data, fileMode); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, dir, quick())
	wantFixes(t, s, upTo(5))
	if got := s.Unacked(); !slices.Equal(got, track.Ranges{{First: 5, Last: 5}}) {
		t.Fatalf("unacked %v", got)
	}
}
