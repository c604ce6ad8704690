package spool

import (
	"math"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"dipper/positioning"
	"dipper/positioning/geo"
	"dipper/positioning/track"
)

// The test writes a month, 2.6 million fixes, which takes seconds; a whole year, 31.5 million and 250 MB on the disk, where
// DIPPER_SPOOL_YEAR is set (make spool-year).
const (
	aDay  = 24 * 3600 // fixes at 1 Hz
	month = 30 * aDay
	year  = 365 * aDay
)

// batches are the sizes in which fixes reach the spool, in turn: one at a time from a module at work, more where they were held
// back or come from a recording.
var batches = []int{1, 1, 10, 60}

// yearFix is second n of a year on the road, from its number alone: trips of four hours, out and home in three and parked for
// the fourth.
func yearFix(n int) positioning.Fix {
	const trip, drive = 4 * 3600, 3 * 3600
	at := min(n%trip, drive)
	turn := 2 * math.Pi * float64(at) / drive
	f := positioning.NewFix(time.Unix(1_767_225_600+int64(n), 0).UTC(), geo.Point{ // from 2026-01-01
		Lat: 36 + 0.2*(1-math.Cos(turn)) + 1e-5*noise(n, 1),
		Lon: 120.2 + 0.2*math.Sin(turn) + 1e-5*noise(n, 2),
	})
	f.AltitudeM = float64(10+at/100) + noise(n, 3)
	f.HDOP, f.ErrM = 0.8+0.1*float64(n/97%6), 3
	f.Sats.Used[positioning.BeiDou] = uint8(8 + n/61%6)
	if at < drive {
		f.SpeedMps, f.CourseDeg = 20+noise(n, 4), float64(at/30)+0.5+0.5*noise(n, 5)
	}
	return track.Quantize(f)
}

// noise is between -1 and 1, a different one for every n and what.
func noise(n, what int) float64 {
	x := uint64(n)<<3 | uint64(what)
	x = (x ^ x>>31) * 0x9E3779B97F4A7C15 // the golden ratio, as in Fibonacci hashing
	return float64(x>>11)/(1<<52) - 1
}

// evenHours is the numbers of every other hour in n fixes, which the centre acknowledges.
func evenHours(n int) track.Ranges {
	var r track.Ranges
	for from := 0; from < n; from += 2 * 3600 {
		r = append(r, track.Range{First: track.Seq(from + 1), Last: track.Seq(min(from+3600, n))})
	}
	return r
}

// A year at 1 Hz is read back with every number, place and time; what is acknowledged and what is not survives a restart in the
// middle. The heap stays that of a small spool, while writing and while reading.
func TestYearReadsBackRight(t *testing.T) {
	total := month
	if os.Getenv("DIPPER_SPOOL_YEAR") != "" {
		total = year
	}
	if testing.Short() {
		total = aDay
	}
	dir := t.TempDir()
	o := Options{MaxBytes: 512 << 20, KeepAcked: 2 * 365 * 24 * time.Hour}
	s := mustOpen(t, dir, o)
	heap := newHeapLimit(t)
	writeYear(t, s, heap, 0, total/2)
	if err := s.Ack(evenHours(total / 2)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, dir, o)
	writeYear(t, s, heap, total/2, total)
	if err := s.Ack(evenHours(total)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, dir, o)
	if got, want := s.Unacked(), upTo(track.Seq(total)).Subtract(evenHours(total)); !slices.Equal(got, want) {
		t.Fatalf("%d ranges are unacknowledged, want %d: every other hour", len(got), len(want))
	}
	readYear(t, s, heap, total)
	st := s.Stats()
	if st.Damaged != 0 || st.Dropped != 0 || st.Failures != 0 {
		t.Fatalf("stats %+v", st)
	}
	t.Logf("%d fixes in %d segments, %d bytes, %.1f a fix; heap %.1f MB at most", total, st.Segments, st.Bytes, float64(st.Bytes)/float64(total), heap.peak)
}

func writeYear(t *testing.T, s *Spool, heap *heapLimit, from, to int) {
	t.Helper()
	fixes := make([]positioning.Fix, 0, 60)
	for n, turn := from, 0; n < to; turn++ {
		fixes = fixes[:0]
		for range min(batches[turn%len(batches)], to-n) {
			fixes = append(fixes, yearFix(n))
			n++
		}
		r, err := s.Append(fixes)
		if err != nil || r.Last != track.Seq(n) {
			t.Fatalf("fix %d was given number %d, %v", n, r.Last, err)
		}
		if turn%20_000 == 0 {
			heap.check("writing")
		}
	}
}

func readYear(t *testing.T, s *Spool, heap *heapLimit, total int) {
	t.Helper()
	n := 0
	for turn := 0; n < total; turn++ {
		b, err := s.Read(track.Seq(n+1), 600)
		if err != nil || b.First != track.Seq(n+1) || len(b.Fixes) == 0 {
			t.Fatalf("Read(%d) gave %d fixes from %d, %v", n+1, len(b.Fixes), b.First, err)
		}
		for _, f := range b.Fixes {
			if want := yearFix(n); !f.Equal(want) {
				t.Fatalf("fix %d is %+v, want %+v", n+1, f, want)
			}
			n++
		}
		if turn%1000 == 0 {
			heap.check("reading")
		}
	}
	if b, err := s.Read(track.Seq(total+1), 1); err != nil || len(b.Fixes) > 0 {
		t.Fatalf("behind the last there is fix %d, %v", b.First, err)
	}
}

// heapLimit fails a test whose heap grows by more than the spool may need: its memory of DefaultMaxMemory fixes, a batch, and
// what it knows of each segment.
type heapLimit struct {
	t     *testing.T
	begin uint64
	peak  float64 // MB over begin
}

func newHeapLimit(t *testing.T) *heapLimit {
	h := &heapLimit{t: t}
	h.begin = h.inUse()
	return h
}

func (h *heapLimit) inUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func (h *heapLimit) check(doing string) {
	h.t.Helper()
	const limit = 8 // MB
	grown := float64(int64(h.inUse()-h.begin)) / 1e6
	h.peak = max(h.peak, grown)
	if grown > limit {
		h.t.Fatalf("%s: the heap has grown by %.1f MB, want %d at most", doing, grown, limit)
	}
}
