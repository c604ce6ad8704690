package journey_test

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dipper/fleet/journey"
	"dipper/positioning"
	"dipper/positioning/geo"
	"dipper/positioning/track"
)

var start = time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)

// road is the place some metres east along a road at Qingdao, by geo.Distance.
func road(m float64) geo.Point { return geo.Point{Lat: 36, Lon: 120 + m/89959.0} }

// fix is a fix on the road, after some seconds.
func fix(s, m, speed float64) positioning.Fix {
	f := positioning.NewFix(start.Add(time.Duration(s*1000)*time.Millisecond), road(m))
	f.SpeedMps, f.ErrM = speed, 2
	return track.Quantize(f)
}

// way is a track that is written down step by step.
type way struct {
	fixes []positioning.Fix
	s, m  float64
}

// on goes on for some seconds at a speed, with a fix every so many seconds; NaN stands, and does not say so.
func (w *way) on(seconds, every, speed float64) *way {
	for end := w.s + seconds; w.s < end; {
		w.s += every
		if speed > 0 {
			w.m += every * speed
		}
		w.fixes = append(w.fixes, fix(w.s, w.m, speed))
	}
	return w
}

func (w *way) report(cfg journey.Config) journey.Report {
	d := journey.NewDiary(cfg)
	for i, f := range w.fixes {
		d.Add(1, uint64(i+1), f)
	}
	return d.Finish(time.Time{})
}

func (w *way) metres() (total, estimated float64) {
	var o journey.Odometer
	for _, f := range w.fixes {
		o.Step(f, nil)
	}
	return o.Metres(), o.EstimatedMetres()
}

func TestOdometer(t *testing.T) {
	park := func(w *way, seconds float64, drift func(i int) (m, speed float64)) *way {
		for i := range int(seconds) {
			m, speed := drift(i)
			w.s++
			w.fixes = append(w.fixes, fix(w.s, w.m+m, speed))
		}
		return w
	}
	for _, c := range []struct {
		name                  string
		w                     *way
		want, estimated, slop float64
	}{
		{"one fix", new(way).on(1, 1, 10), 0, 0, 0},
		{"a straight road at 1 Hz", new(way).on(101, 1, 20), 2000, 0, 8},
		{"the same, a fix each 30 s", new(way).on(3030, 30, 20), 60000, 0, 200},
		{"parked for an hour, wandering by 12 m", park(new(way).on(1, 1, 0), 3600, func(i int) (float64, float64) {
			return 12 * math.Sin(float64(i)/40), 0.3
		}), 0, 0, 0},
		{"parked, and the receiver says 2.4 kn now and then", park(new(way).on(1, 1, 0), 600, func(i int) (float64, float64) {
			return 5 * math.Sin(float64(i)/40), float64(i%2) * 1.6
		}), 0, 0, 0},
		{"parked, and one reflection 200 m away", park(new(way).on(1, 1, 0), 100, func(i int) (float64, float64) {
			return float64(i/50%2*(i%50/49)) * 200, 0
		}), 0, 0, 0},
		{"creeping at walking pace in a queue", new(way).on(1, 1, 0).on(1000, 1, 0.4), 400, 0, 26},
		{"a silence of 20 min", new(way).on(100, 1, 20).on(1200, 1200, 20).on(100, 1, 20), 1980 + 24000 + 2000, 24000, 100},
		{"a jump and back", &way{fixes: []positioning.Fix{fix(0, 0, 20), fix(1, 20, 20), fix(2, 5000, 20), fix(3, 60, 20), fix(4, 80, 20)}}, 40, 0, 1},
		{"moved while the unit was off", new(way).on(100, 1, 0).on(3600, 3600, 10).on(100, 1, 0), 36000, 36000, 150},
		{"speed unknown", new(way).on(1, 1, nan).on(100, 1, nan).on(10, 10, 15).on(1000, 20, nan), 150, 0, 30},
	} {
		t.Run(c.name, func(t *testing.T) {
			total, estimated := c.w.metres()
			if math.Abs(total-c.want) > c.slop || math.Abs(estimated-c.estimated) > c.slop {
				t.Errorf("%.1f m, %.1f m estimated, want %.0f and %.0f ± %.0f m", total, estimated, c.want, c.estimated, c.slop)
			}
		})
	}
}

var nan = math.NaN()

// describe tells a report in seconds and metres.
func describe(r journey.Report) (out []string) {
	s := func(t time.Time) float64 { return t.Sub(start).Seconds() }
	for _, x := range r.Stops {
		out = append(out, fmt.Sprintf("%05.0f-%.0f stop moved %.0f begun %v open %v", s(x.From), s(x.To), x.MovedM, x.Begun, x.Open))
	}
	for _, x := range r.Trips {
		out = append(out, fmt.Sprintf("%05.0f-%.0f trip %.0f m (%.0f) drive %.0f idle %.0f unseen %.0f begun %v open %v", s(x.From), s(x.To),
			x.DistanceM, x.EstimatedM, x.Driving.Seconds(), x.Idle.Seconds(), x.Unseen.Seconds(), x.Begun, x.Open))
	}
	slices.Sort(out)
	return out
}

func TestTripsAndStops(t *testing.T) {
	for _, c := range []struct {
		name string
		w    *way
		want []string
	}{
		{"stop, trip with a red light, stop", new(way).on(600, 10, 0).on(600, 10, 20).on(60, 10, 0).on(300, 10, 20).on(400, 10, 0), []string{
			"00010-600 stop moved 0 begun true open false",
			"00600-1570 trip 18041 m (0) drive 920 idle 50 unseen 0 begun false open false",
			"01570-1960 stop moved 0 begun false open true",
		}},
		{"moving a trailer within the yard is no trip", new(way).on(600, 10, 0).on(60, 10, 2.5).on(600, 10, 0), []string{
			"00010-1260 stop moved 150 begun true open true",
		}},
		{"a trip under way at both ends", new(way).on(600, 10, 20), []string{
			"00010-600 trip 11827 m (0) drive 590 idle 0 unseen 0 begun true open true",
		}},
		{"a minute of standing at the beginning belongs to the trip", new(way).on(60, 10, 0).on(600, 10, 20), []string{
			"00010-660 trip 12027 m (0) drive 600 idle 50 unseen 0 begun true open true",
		}},
		{"a tunnel of 10 min", new(way).on(600, 10, 20).on(600, 600, 20).on(600, 10, 20), []string{
			"00010-1800 trip 35881 m (12027) drive 1190 idle 0 unseen 600 begun true open true",
		}},
		{"two hours off, and found elsewhere", new(way).on(600, 10, 20).on(7200, 7200, 10).on(600, 10, 20), []string{
			"00010-600 trip 11827 m (0) drive 590 idle 0 unseen 0 begun true open false",
			"07800-8400 trip 12027 m (0) drive 600 idle 0 unseen 0 begun false open true",
		}},
		{"a night asleep in the same place is one stop", new(way).on(600, 10, 0).on(36000, 36000, 0).on(600, 10, 0), []string{
			"00010-37200 stop moved 0 begun true open true",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := describe(c.w.report(journey.Config{})); !slices.Equal(got, c.want) {
				t.Errorf("got\n%q\nwant\n%q", got, c.want)
			}
		})
	}
}

func TestSilences(t *testing.T) {
	drive := func(d *journey.Diary, from float64, series uint32, seq uint64) {
		for i := range 10 {
			d.Add(series, seq+uint64(i), fix(from+float64(i), 20*from+20*float64(i), 20))
		}
	}
	refused := fix(100, 2000, 20)
	refused.Verdict = positioning.RefusedJump
	missing := func(_ uint32, first, last uint64) uint64 {
		if first <= 15 && 15 <= last {
			return 1
		}
		return 0
	}
	for _, c := range []struct {
		name string
		cfg  journey.Config
		run  func(d *journey.Diary)
		want journey.Reason // "" none
	}{
		{"3 min are no silence", journey.Config{}, func(d *journey.Diary) { drive(d, 0, 1, 1); drive(d, 189, 1, 11) }, ""},
		{"numbers go on", journey.Config{}, func(d *journey.Diary) { drive(d, 0, 1, 1); drive(d, 190, 1, 11) }, journey.NotRecorded},
		{"the unit reports each minute and a half", journey.Config{Expected: 90 * time.Second}, func(d *journey.Diary) { drive(d, 0, 1, 1); drive(d, 190, 1, 11) }, ""},
		{"numbers are still to come", journey.Config{Missing: missing}, func(d *journey.Diary) { drive(d, 0, 1, 1); drive(d, 1000, 1, 20) }, journey.LinkLate},
		{"numbers are there, at other times", journey.Config{Missing: missing}, func(d *journey.Diary) { drive(d, 0, 1, 1); drive(d, 1000, 1, 13) }, journey.NotRecorded},
		{"gates refused what came", journey.Config{}, func(d *journey.Diary) { drive(d, 0, 1, 1); d.Add(1, 11, refused); drive(d, 1000, 1, 12) }, journey.NoFix},
		{"a new series", journey.Config{}, func(d *journey.Diary) { drive(d, 0, 1, 1); drive(d, 1000, 2, 1) }, journey.Restarted},
		{"parked, 15 min", journey.Config{}, func(d *journey.Diary) { d.Add(1, 1, fix(0, 0, 0)); d.Add(1, 2, fix(900, 0, 0)) }, ""},
		{"parked, longer", journey.Config{}, func(d *journey.Diary) { d.Add(1, 1, fix(0, 0, 0)); d.Add(1, 2, fix(901, 0, 0)) }, journey.NotRecorded},
		{"outside the bounds", journey.Config{Begin: start.Add(time.Hour)}, func(d *journey.Diary) { drive(d, 0, 1, 1); drive(d, 1000, 1, 11) }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := journey.NewDiary(c.cfg)
			c.run(d)
			got := d.Finish(time.Time{}).Silences
			if c.want == "" && len(got) > 0 || c.want != "" && (len(got) != 1 || got[0].Reason != c.want) {
				t.Errorf("%+v, want %q", got, c.want)
			}
		})
	}
	d := journey.NewDiary(journey.Config{})
	drive(d, 0, 1, 1)
	got := d.Finish(start.Add(time.Hour)).Silences
	if len(got) != 1 || !got[0].Open || got[0].Reason != journey.Unknown || !got[0].To.Equal(start.Add(time.Hour)) {
		t.Errorf("nothing since: %+v", got)
	}
}

// drawFixes gives a track with everything that receivers do.
func drawFixes(t *rapid.T) []positioning.Fix {
	var fixes []positioning.Fix
	s, m, speed := 0.0, 0.0, 0.0
	for range rapid.IntRange(1, 120).Draw(t, "fixes") {
		if rapid.IntRange(0, 5).Draw(t, "change") == 0 {
			speed = rapid.SampledFrom([]float64{0, 0, 0.3, 1, 2, 15, 30}).Draw(t, "speed")
		}
		dt := rapid.SampledFrom([]float64{0.1, 1, 10, 30, 60, 130, 400, 5000}).Draw(t, "dt")
		s, m = s+dt, m+speed*dt
		f := fix(s, m+rapid.Float64Range(-30, 30).Draw(t, "error"), speed)
		f.ErrM = rapid.SampledFrom([]float64{nan, 1, 5, 40}).Draw(t, "err")
		if rapid.IntRange(0, 9).Draw(t, "what") == 0 {
			f.SpeedMps = rapid.SampledFrom([]float64{nan, 0, 3}).Draw(t, "said")
			f.Point = road(m + rapid.SampledFrom([]float64{0, 200, 90_000}).Draw(t, "reflected"))
		}
		fixes = append(fixes, track.Quantize(f))
	}
	return fixes
}

// An odometer that was stored and read goes on as if it had not been.
func TestOdometerGoesOnFromItsEncoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fixes := drawFixes(t)
		var whole, kept journey.Odometer
		stored := rapid.SliceOfN(rapid.Bool(), len(fixes), len(fixes)).Draw(t, "stored")
		for i, f := range fixes {
			a, b := whole.Step(f, nil), kept.Step(f, nil)
			if !reflect.DeepEqual(a, b) {
				t.Fatalf("fix %d: legs %+v, want %+v", i, b, a)
			}
			if !stored[i] {
				continue
			}
			base := f.Time.Add(time.Duration(rapid.IntRange(0, 1000).Draw(t, "later")) * time.Millisecond)
			data := kept.AppendBinary(nil, base)
			var err error
			if kept, err = journey.DecodeOdometer(data, base); err != nil || kept != whole {
				t.Fatalf("decoded %+v, %v, want %+v", kept, err, whole)
			}
			if len(data) > 60 {
				t.Fatalf("%d bytes", len(data))
			}
		}
	})
}

// What a diary tells fits together.
func TestReportAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := way{fixes: drawFixes(t)}
		r := w.report(journey.Config{})
		var o journey.Odometer
		var legs []journey.Leg
		for _, f := range w.fixes {
			legs = o.Step(f, legs)
		}
		var sum int64
		for i, l := range legs {
			if sum += l.WayMM; i > 0 && !l.From.Equal(legs[i-1].To) || l.Duration() <= 0 || l.WayMM < 0 {
				t.Fatalf("leg %d: %+v after %+v", i, l, legs[max(i-1, 0)])
			}
		}
		if got := r.Totals.DistanceM; got != o.Metres() || math.Abs(got-float64(sum)/1000) > 1e-9 {
			t.Fatalf("totals %v m, odometer %v m, legs %v m", got, o.Metres(), float64(sum)/1000)
		}
		type span struct{ from, to time.Time }
		var spans []span
		trips := 0.0
		for _, x := range r.Trips {
			if x.To.Sub(x.From) != x.Driving+x.Idle+x.Unseen || x.DistanceM < journey.DefaultTripM || x.To.Sub(x.From) < journey.DefaultTrip {
				t.Fatalf("trip %+v", x)
			}
			trips += x.DistanceM
			spans = append(spans, span{x.From, x.To})
		}
		for _, x := range r.Stops {
			if !x.Open && x.To.Sub(x.From) < journey.DefaultStop {
				t.Fatalf("stop %+v", x)
			}
			spans = append(spans, span{x.From, x.To})
		}
		if trips > r.Totals.DistanceM+1e-6 {
			t.Fatalf("trips of %v m, totals %v m", trips, r.Totals.DistanceM)
		}
		slices.SortFunc(spans, func(a, b span) int { return a.from.Compare(b.from) })
		for i := 1; i < len(spans); i++ {
			if spans[i].from.Before(spans[i-1].to) {
				t.Fatalf("%v begins before %v ends", spans[i], spans[i-1])
			}
		}
		// Two windows that meet add up to one that holds both.
		cut := w.fixes[rapid.IntRange(0, len(w.fixes)-1).Draw(t, "cut")].Time
		a, b := w.report(journey.Config{End: cut}).Totals, w.report(journey.Config{Begin: cut}).Totals
		if math.Abs(a.DistanceM+b.DistanceM-r.Totals.DistanceM) > 1e-6 || a.Driving+b.Driving != r.Totals.Driving ||
			a.Standing+b.Standing != r.Totals.Standing || a.Unseen+b.Unseen != r.Totals.Unseen {
			t.Fatalf("%+v and %+v, want %+v", a, b, r.Totals)
		}
	})
}

func FuzzDecodeOdometer(f *testing.F) {
	var o journey.Odometer
	f.Add(o.AppendBinary(nil, start))
	for _, x := range []positioning.Fix{fix(0, 0, 0), fix(60, 100, 0), fix(90, 900, 10)} {
		o.Step(x, nil)
		f.Add(o.AppendBinary(nil, start.Add(time.Hour)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := journey.DecodeOdometer(data, start.Add(time.Hour))
		if err != nil {
			return
		}
		again, err := journey.DecodeOdometer(o.AppendBinary(nil, start.Add(time.Hour)), start.Add(time.Hour))
		if err != nil || again != o {
			t.Fatalf("%+v, %v, want %+v", again, err, o)
		}
		o.Step(fix(1e9, 0, 10), nil)
	})
}

func BenchmarkOdometer(b *testing.B) {
	var w way
	for range 10 {
		w.on(600, 1, 0).on(3000, 1, 20)
	}
	var legs []journey.Leg
	for b.Loop() {
		var o journey.Odometer
		for i := range w.fixes {
			legs = o.Step(w.fixes[i], legs[:0])
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(w.fixes)), "ns/fix")
}
