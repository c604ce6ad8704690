package positioning

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// line gives a sentence its checksum and line end.
func line(body string) string {
	var c byte
	for i := range len(body) {
		c ^= body[i]
	}
	return fmt.Sprintf("$%s*%02X\r\n", body, c)
}

func lines(bodies ...string) string {
	var b strings.Builder
	for _, s := range bodies {
		b.WriteString(line(s))
	}
	return b.String()
}

func decode(t *testing.T, in string) ([]Fix, Stats) {
	t.Helper()
	return decodeAll([]byte(in))
}

// one decodes input that must hold exactly one fix.
func one(t *testing.T, bodies ...string) Fix {
	t.Helper()
	fixes, stats := decode(t, lines(bodies...))
	if len(fixes) != 1 {
		t.Fatalf("%d fixes, want one; %+v", len(fixes), stats)
	}
	return fixes[0]
}

func times(fixes []Fix) string {
	var s []string
	for _, f := range fixes {
		s = append(s, f.Time.Format("01-02T15:04:05.000"))
	}
	return strings.Join(s, " ")
}

const (
	rmcA = "GNRMC,040506.200,A,3604.0280,N,12022.9575,E,10.00,271.5,231126,,,A,V"
	ggaA = "GNGGA,040506.200,3604.0280,N,12022.9575,E,1,16,0.8,12.3,M,8.0,M,,"
	gsaB = "GNGSA,A,3,13,27,37,,,,,,,,,,1.5,0.9,1.2,4"
	gsaG = "GNGSA,A,3,01,02,03,04,,,,,,,,,1.5,0.9,1.2,1"
)

func TestFixOfAnEpoch(t *testing.T) {
	f := one(t, rmcA, ggaA, gsaB, gsaG, "GNVTG,90.0,T,,M,1.0,N,1.9,K,A")
	want := NewFix(time.Date(2026, 11, 23, 4, 5, 6, 200e6, time.UTC), f.Point)
	want.AltitudeM, want.SpeedMps, want.CourseDeg = 12.3, 10*1852.0/3600, 271.5 // RMC's, not VTG's
	want.HDOP, want.ErrM = 0.8, 0.8*UERESingle
	want.Mode, want.Solution = Mode3D, SolutionSingle
	want.Sats.Used[BeiDou], want.Sats.Used[GPS], want.Sats.Total = 3, 4, 16
	if !f.Equal(want) {
		t.Errorf("got  %s\nwant %s", AppendJSON(nil, f), AppendJSON(nil, want))
	}
	if math.Abs(f.Point.Lat-36.0671333333) > 1e-9 || math.Abs(f.Point.Lon-120.3826250) > 1e-9 {
		t.Errorf("at %v", f.Point)
	}
}

func TestUnknownStaysUnknown(t *testing.T) {
	f := one(t, "GNRMC,040506.00,A,3604.0280,N,12022.9575,E,,,231126,,,A")
	for name, v := range map[string]float64{"altitude": f.AltitudeM, "speed": f.SpeedMps, "course": f.CourseDeg, "HDOP": f.HDOP} {
		if Known(v) {
			t.Errorf("%s = %v, want unknown", name, v)
		}
	}
	if f.Sats != (Sats{}) || f.Mode != Mode2D || f.Solution != SolutionSingle {
		t.Errorf("got %s", AppendJSON(nil, f))
	}
}

func TestVTGFillsWhatRMCLeavesEmpty(t *testing.T) {
	f := one(t, "GNRMC,040506.00,A,3604.0280,N,12022.9575,E,,,231126,,,A", "GNVTG,90.0,T,,M,,N,36.0,K,A")
	if f.CourseDeg != 90 || math.Abs(f.SpeedMps-10) > 1e-12 {
		t.Errorf("speed %v course %v, want 10 and 90", f.SpeedMps, f.CourseDeg)
	}
	f = one(t, "GNRMC,040506.00,A,3604.0280,N,12022.9575,E,,,231126,,,A", "GNVTG,,T,,M,2.0,N,,K,A")
	if Known(f.CourseDeg) {
		t.Errorf("course %v out of nothing", f.CourseDeg)
	}
}

func TestNoFix(t *testing.T) {
	const place = "3604.0280,N,12022.9575,E"
	tests := map[string][]string{
		"status V with the last place":         {"GNRMC,040506.00,V," + place + ",,,231126,,,N,V"},
		"status V, GGA not yet told":           {"GNRMC,040506.00,V," + place + ",,,231126,,,A", "GNGGA,040506.00," + place + ",1,09,0.9,12.0,M,8.0,M,,"},
		"quality 0 with the last place":        {rmcA, "GNGGA,040506.20," + place + ",0,00,99.99,1108.8,M,,M,,"},
		"mode N":                               {"GNRMC,040506.00,A," + place + ",,,231126,,,N"},
		"GSA 1 in all systems":                 {rmcA, "GNGSA,A,1,,,,,,,,,,,,,99.99,99.99,99.99,1", "GNGSA,A,1,,,,,,,,,,,,,99.99,99.99,99.99,4"},
		"a GGA that does not say":              {"GNGGA,040506.20," + place + ",,00,1.1,,M,8.0,M,,"},
		"GNS of no system":                     {rmcA, "GNGNS,040506.20," + place + ",NNNN,00,,,0.0,,0000"},
		"GLL V":                                {rmcA, "GNGLL," + place + ",040506.20,V,N"},
		"empty place":                          {"GNRMC,040506.00,A,,N,,E,,,231126,,,A"},
		"cold start":                           {"GPRMC,,V,,,,,,,,,,N", "GPGGA,,,,,,0,,,,,,,,"},
		"cold start with an invented date, 00": {"GPRMC,235959.00,V,0000.0000,N,00000.0000,E,,,250910,,,N"},
	}
	for name, in := range tests {
		t.Run(name, func(t *testing.T) {
			fixes, stats := decode(t, lines(in...))
			if len(fixes) != 0 {
				t.Errorf("a fix: %s", AppendJSON(nil, fixes[0]))
			}
			if stats.Epochs.NoFix+stats.Epochs.NoTime == 0 {
				t.Errorf("not counted: %+v", stats.Epochs)
			}
		})
	}
}

func TestStillAFix(t *testing.T) {
	const place = "3604.0280,N,12022.9575,E"
	tests := map[string][]string{
		"nav status V":                {"GNRMC,040506.00,A," + place + ",,,231126,,,A,V"},
		"nav status U":                {"GNRMC,040506.00,A," + place + ",,,231126,,,A,U"},
		"GSA 1 of one system":         {rmcA, "GNGSA,A,1,,,,,,,,,,,,,99.99,99.99,99.99,2", gsaB},
		"GGA 0 of one system":         {rmcA, "GLGGA,040506.20," + place + ",0,00,,,M,,M,,", ggaA},
		"GSA 1 of the instant before": {rmcA, ggaA, "GNGSA,A,1,,,,,,,,,,,,,99.99,99.99,99.99"},
		"GGA without a quality":       {rmcA, "GNGGA,040506.20," + place + ",,00,1.1,,M,8.0,M,,"},
		"status D":                    {"GNRMC,040506.00,D," + place + ",,,231126,,,A"},
		"Quectel's mode caution":      {"GNRMC,040506.00,A," + place + ",,,231126,,,C"},
		"before NMEA 2.3":             {"GPRMC,040506,A," + place + ",1.0,2.0,231126,,"},
		"no checksum of others":       {rmcA[:20], ggaA, rmcA},
	}
	for name, in := range tests {
		t.Run(name, func(t *testing.T) {
			if fixes, stats := decode(t, lines(in...)); len(fixes) != 1 {
				t.Errorf("%d fixes; %+v", len(fixes), stats)
			}
		})
	}
}

func TestSolution(t *testing.T) {
	for mode, want := range map[string]Solution{"A": SolutionSingle, "D": SolutionDifferential, "P": SolutionPPS, "R": SolutionRTKFixed,
		"F": SolutionRTKFloat, "E": SolutionDeadReckoning, "M": SolutionManual, "S": SolutionSimulator, "U": SolutionSingle, "": SolutionUnknown} {
		if f := one(t, "GNRMC,040506.00,A,3604.0280,N,12022.9575,E,,,231126,,,"+mode); f.Solution != want {
			t.Errorf("mode %q is %v, want %v", mode, f.Solution, want)
		}
	}
	for quality, want := range map[int]Solution{1: SolutionSingle, 2: SolutionDifferential, 3: SolutionPPS, 4: SolutionRTKFixed,
		5: SolutionRTKFloat, 6: SolutionDeadReckoning, 7: SolutionManual, 8: SolutionSimulator, 9: SolutionDifferential} {
		gga := fmt.Sprintf("GNGGA,040506.200,3604.0280,N,12022.9575,E,%d,16,0.8,12.3,M,8.0,M,,", quality)
		if f := one(t, gga, strings.TrimSuffix(rmcA, ",A,V")); f.Solution != want {
			t.Errorf("quality %d is %v, want %v", quality, f.Solution, want)
		}
	}
	if f := one(t, ggaA, strings.Replace(rmcA, ",A,V", ",E,V", 1)); f.Solution != SolutionDeadReckoning {
		t.Errorf("mode E beside quality 1 is %v", f.Solution)
	}
	if f := one(t, "GNRMC,040506.00,A,3604.0280,N,12022.9575,E,,,231126,,,", "GNGNS,040506.00,3604.0280,N,12022.9575,E,ANRN,07,1.2,153.8,8.3,,0000"); f.Solution != SolutionRTKFixed || f.Sats.Total != 7 {
		t.Errorf("GNS: %s", AppendJSON(nil, f))
	}
}

func TestErrorEstimate(t *testing.T) {
	tests := []struct {
		name string
		in   []string
		want float64
		src  ErrSource
	}{
		{"GST before HDOP", []string{rmcA, ggaA, "GNGST,040506.20,32,9,9,97,3.0,4.0,5"}, 5, ErrFromGST},
		{"GST's ellipse", []string{rmcA, ggaA, "GNGST,040506.20,32,3.0,4.0,97,,,"}, 5, ErrFromGST},
		{"GST of zeros", []string{rmcA, ggaA, "GNGST,040506.20,0,0,0,0,0.0,0.0,0"}, 0.8 * UERESingle, ErrFromHDOP},
		{"GST empty", []string{rmcA, ggaA, "GNGST,040506.20,,,,,,,"}, 0.8 * UERESingle, ErrFromHDOP},
		{"differential", []string{rmcA, strings.Replace(ggaA, "E,1,", "E,2,", 1)}, 0.8 * UEREDifferential, ErrFromHDOP},
		{"RTK", []string{rmcA, strings.Replace(ggaA, "E,1,", "E,4,", 1)}, 0.8 * UERERTKFixed, ErrFromHDOP},
		{"HDOP of GSA", []string{rmcA, gsaB}, 0.9 * UERESingle, ErrFromHDOP},
		{"HDOP as a mark for none", []string{rmcA, strings.Replace(ggaA, ",0.8,", ",99.99,", 1)}, 50 * UERESingle, ErrFromHDOP},
		{"dead reckoning from nowhere", []string{rmcA, strings.Replace(ggaA, "E,1,", "E,6,", 1)}, 100, ErrFromDeadReckoning},
		{"simulator", []string{rmcA, strings.Replace(ggaA, "E,1,", "E,8,", 1)}, 0.8 * UERESingle, ErrFromHDOP},
		{"nothing", []string{rmcA}, 1.1 * UERESingle, ErrAssumed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fixes, stats := decode(t, lines(tt.in...))
			if len(fixes) != 1 {
				t.Fatalf("%d fixes", len(fixes))
			}
			if got := fixes[0].ErrM; math.Abs(got-tt.want) > 1e-9 || math.IsNaN(got) != math.IsNaN(tt.want) {
				t.Errorf("ErrM = %v, want %v", got, tt.want)
			}
			if stats.ErrSource[tt.src] != 1 {
				t.Errorf("source counted %v", stats.ErrSource)
			}
		})
	}
}

// TestDeadReckoningDrifts: the error of an estimated place grows by a tenth of the way since the satellites were lost.
func TestDeadReckoningDrifts(t *testing.T) {
	at := func(clock, letter string, knots float64) string {
		return fmt.Sprintf("GNRMC,%s,A,3604.0280,N,12022.9575,E,%.2f,271.5,231126,,,%s,V", clock, knots, letter)
	}
	const knots = 3600.0 / 1852 // 1 m/s
	fixes, stats := decode(t, lines(at("235958.00", "A", 20*knots), at("235959.00", "E", 20*knots), at("000004.00", "E", 10*knots),
		strings.Replace(at("000005.00", "E", 0), "0.00", "", 1), at("000006.00", "A", 20*knots)))
	want := []float64{5.5, 7.5, 12.5, 14.5, 5.5}
	for i, f := range fixes {
		if math.Abs(f.ErrM-want[i]) > 0.01 {
			t.Errorf("fix %d: error %.2f m, want %.2f", i, f.ErrM, want[i])
		}
	}
	if len(fixes) != len(want) || stats.ErrSource[ErrFromDeadReckoning] != 3 {
		t.Errorf("%d fixes, sources %v", len(fixes), stats.ErrSource)
	}
}

// cycle is the order in which a receiver sends the sentences of an instant; %s stands for its time.
type cycle []string

var cycles = map[string]cycle{
	"CASIC": {"GNGGA,%s,3604.0280,N,12022.9575,E,1,16,0.8,12.3,M,8.0,M,,", "GNGLL,3604.0280,N,12022.9575,E,%s,A,A", gsaB, gsaG,
		"GNRMC,%s,A,3604.0280,N,12022.9575,E,10.00,271.5,231126,,,A,V", "GNVTG,90.0,T,,M,1.0,N,1.9,K,A", "GNZDA,%s,23,11,2026,00,00"},
	"UM621": {"GNRMC,%s,A,3604.0280,N,12022.9575,E,10.00,271.5,231126,,,A,V", "GNGGA,%s,3604.0280,N,12022.9575,E,1,16,0.8,12.3,M,8.0,M,,", gsaB, gsaG},
	"u-blox": {"GNRMC,%s,A,3604.0280,N,12022.9575,E,10.00,271.5,231126,,,A,V", "GNVTG,90.0,T,,M,1.0,N,1.9,K,A",
		"GNGGA,%s,3604.0280,N,12022.9575,E,1,16,0.8,12.3,M,8.0,M,,", gsaB, gsaG, "GNGLL,3604.0280,N,12022.9575,E,%s,A,A"},
	"LC79D": {gsaB, gsaG, "GNVTG,90.0,T,,M,1.0,N,1.9,K,A", "GNRMC,%s,A,3604.0280,N,12022.9575,E,10.00,271.5,231126,,,A,V",
		"GNGGA,%s,3604.0280,N,12022.9575,E,1,16,0.8,12.3,M,8.0,M,,", "GNGLL,3604.0280,N,12022.9575,E,%s,A,A"},
}

// at is the cycle's sentences of second n after 04:00; in odd seconds it uses one BeiDou satellite less, which shows
// whether GSA got to its own instant.
func (c cycle) at(n int) string {
	clock := fmt.Sprintf("%02d%02d%02d.00", 4+n/3600, n/60%60, n%60)
	var b strings.Builder
	for _, s := range c {
		if n%2 == 1 && s == gsaB {
			s = strings.Replace(s, "13,27,37", "13,27,", 1)
		}
		b.WriteString(line(strings.Replace(s, "%s", clock, 1)))
	}
	return b.String()
}

// wantCycle checks fix n of a cycle.
func wantCycle(t *testing.T, f Fix, n int) {
	t.Helper()
	if want := time.Date(2026, 11, 23, 4, 0, n, 0, time.UTC); !f.Time.Equal(want) {
		t.Fatalf("fix %d at %v, want %v", n, f.Time, want)
	}
	if got, want := f.Sats.Used[BeiDou], uint8(3-n%2); got != want {
		t.Errorf("fix %d: %d BeiDou satellites, want %d: a GSA of another instant", n, got, want)
	}
	if f.Sats.Used[GPS] != 4 || f.AltitudeM != 12.3 || !Known(f.SpeedMps) {
		t.Errorf("fix %d is not whole: %s", n, AppendJSON(nil, f))
	}
}

func TestCyclesFromAFile(t *testing.T) {
	const seconds = 20
	for name, c := range cycles {
		t.Run(name, func(t *testing.T) {
			var in strings.Builder
			for n := range seconds {
				in.WriteString(c.at(n))
			}
			fixes, stats := decode(t, in.String())
			if len(fixes) != seconds {
				t.Fatalf("%d fixes, want %d; %+v", len(fixes), seconds, stats.Epochs)
			}
			for n, f := range fixes {
				wantCycle(t, f, n)
			}
			if stats.Epochs.ByEnder < seconds-enderConfirm-2 {
				t.Errorf("only %d instants closed by their last sentence", stats.Epochs.ByEnder)
			}
		})
	}
}

// TestCyclesLive feeds bursts with pauses, and asks for each fix before the next burst.
func TestCyclesLive(t *testing.T) {
	for name, c := range cycles {
		t.Run(name, func(t *testing.T) {
			d := NewDecoder(DecoderConfig{})
			now := time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)
			for n := range 10 {
				burst := c.at(n)
				var got []Fix
				for len(burst) > 0 { // 16 ms apart, as a USB adapter delivers
					size := min(200, len(burst))
					got = append(got, d.Write([]byte(burst[:size]), now)...)
					burst, now = burst[size:], now.Add(16*time.Millisecond)
				}
				for range 12 {
					now = now.Add(20 * time.Millisecond)
					got = append(got, d.Idle(now)...)
				}
				if len(got) != 1 {
					t.Fatalf("second %d: %d fixes within a quarter of a second, want one", n, len(got))
				}
				wantCycle(t, got[0], n)
				now = time.Date(2026, 11, 23, 4, 0, n+1, 0, time.UTC)
			}
		})
	}
}

// TestRateChange: a module that is told to give ten fixes a second in place of one goes on giving each fix with its own last
// sentence; what was learnt of the cycle still holds.
func TestRateChange(t *testing.T) {
	for name, c := range cycles {
		t.Run(name, func(t *testing.T) {
			d := NewDecoder(DecoderConfig{})
			at := time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)
			for n := range 60 {
				var burst strings.Builder
				for _, s := range c {
					burst.WriteString(line(strings.Replace(s, "%s", at.Format("150405.00"), 1)))
				}
				got := len(d.Write([]byte(burst.String()), at))
				if n > enderConfirm && got != 1 { // the one before comes with the first
					t.Fatalf("instant %d at %v: %d fixes with its last sentence, want one", n, at, got)
				}
				step := time.Second
				if n >= 20 {
					step /= 10
				}
				at = at.Add(step)
			}
			if s := d.Stats(); s.Epochs.Late != 0 || s.Epochs.BySilence != enderConfirm {
				t.Errorf("%+v", s.Epochs)
			}
		})
	}
}

// TestLostSentences: one sentence in fifty is lost on a bad line. The ender that was learnt is not given up for that.
func TestLostSentences(t *testing.T) {
	const seconds = 500
	for name, c := range cycles {
		lost := 0
		var in strings.Builder
		for n := range seconds {
			for _, s := range strings.SplitAfter(c.at(n), "\n") {
				if lost++; lost%50 != 0 {
					in.WriteString(s)
				}
			}
		}
		fixes, stats := decode(t, in.String())
		if len(fixes) != seconds {
			t.Errorf("%s: %d fixes, want %d", name, len(fixes), seconds)
		}
		if stats.Epochs.ByEnder < seconds*3/4 {
			t.Errorf("%s: only %d of %d instants closed by their last sentence", name, stats.Epochs.ByEnder, seconds)
		}
	}
}

// TestZDALags: Trimble's R2 stamps ZDA with the time of sending, 50 ms after the instant; it is the same instant's.
func TestZDALags(t *testing.T) {
	data := string(readRecording(t, filepath.Join(sharedData(t, "nmea/recordings"), "trimble-r2-2017.nmea")))
	fixes, stats := decode(t, data)
	if len(fixes) != 34 || stats.Epochs.ByEnder < 30 {
		t.Errorf("%d fixes, %+v", len(fixes), stats.Epochs)
	}
}

// TestColdStart: receivers that begin in 1980 or years ago, as their recordings show, give no fix of then.
func TestColdStart(t *testing.T) {
	for _, tt := range []struct {
		file  string
		fixes int
		day   string // of all of them
	}{
		{"nmea/gpsd/rgm3800.log", 2, "2008-08-21"},                              // status V on 1980-01-05
		{"nmea/gpsd/geos-1m.log", 7, "2010-07-09"},                              // status V on 2008-01-01
		{"nmea/recordings/phone-agps-coldstart-2016.nmea.gz", 49, "2016-03-14"}, // status V on 2012-07-01
	} {
		fixes, _ := decode(t, string(readRecording(t, filepath.Join(sharedData(t, ""), tt.file))))
		if len(fixes) != tt.fixes {
			t.Errorf("%s: %d fixes, want %d", tt.file, len(fixes), tt.fixes)
		}
		for _, f := range fixes {
			if got := f.Time.Format(time.DateOnly); got != tt.day {
				t.Errorf("%s: a fix of %s, want %s", tt.file, got, tt.day)
			}
		}
	}
}

// TestPauseWithinAnEpoch: a receiver that pauses in the middle of its instants gives one fix for each all the same, and
// after some patience a whole one.
func TestPauseWithinAnEpoch(t *testing.T) {
	d := NewDecoder(DecoderConfig{})
	now := time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)
	var last Fix
	for n := range 10 {
		clock := fmt.Sprintf("0400%02d.00", n)
		var got []Fix
		got = append(got, d.Write([]byte(line("GNRMC,"+clock+",A,3604.0280,N,12022.9575,E,10.00,271.5,231126,,,A")), now)...)
		for range 10 {
			now = now.Add(25 * time.Millisecond)
			got = append(got, d.Idle(now)...)
		}
		got = append(got, d.Write([]byte(line("GNGGA,"+clock+",3604.0280,N,12022.9575,E,1,16,0.8,12.3,M,8.0,M,,")), now)...)
		for range 26 {
			now = now.Add(25 * time.Millisecond)
			got = append(got, d.Idle(now)...)
		}
		if len(got) != 1 {
			t.Fatalf("second %d: %d fixes", n, len(got))
		}
		last = got[0]
		now = time.Date(2026, 11, 23, 4, 0, n+1, 0, time.UTC)
	}
	if last.AltitudeM != 12.3 {
		t.Errorf("still cut in the middle: %s", AppendJSON(nil, last))
	}
	if d.Stats().Epochs.Late == 0 {
		t.Error("late sentences are not counted")
	}
}

func TestWrongEnderIsUnlearnt(t *testing.T) {
	var in strings.Builder
	sec := func(n int, bodies ...string) {
		for _, b := range bodies {
			in.WriteString(line(strings.ReplaceAll(b, "%s", fmt.Sprintf("0400%02d.00", n))))
		}
	}
	const r = "GNRMC,%s,A,3604.0280,N,12022.9575,E,10.00,271.5,231126,,,A"
	const g = "GNGGA,%s,3604.0280,N,12022.9575,E,1,16,0.8,12.3,M,8.0,M,,"
	for n := range 8 {
		sec(n, r)
	}
	for n := 8; n < 20; n++ { // the receiver was told to send GGA too
		sec(n, r, g)
	}
	fixes, stats := decode(t, in.String())
	if len(fixes) != 20 {
		t.Fatalf("%d fixes, want 20: %s", len(fixes), times(fixes))
	}
	if stats.Epochs.Late == 0 || fixes[19].AltitudeM != 12.3 {
		t.Errorf("did not learn: %+v %s", stats.Epochs, AppendJSON(nil, fixes[19]))
	}
}

// TestDenialStands: a sentence that comes after its instant was closed as one without a fix must not make it one.
func TestDenialStands(t *testing.T) {
	var in strings.Builder
	for n := range 6 {
		in.WriteString(line(fmt.Sprintf("GNRMC,0400%02d.00,A,3604.0280,N,12022.9575,E,,,231126,,,A", n)))
	}
	in.WriteString(line("GNRMC,040006.00,V,3604.0280,N,12022.9575,E,,,231126,,,N"))
	in.WriteString(line("GNGGA,040006.00,3604.0280,N,12022.9575,E,1,16,0.8,12.3,M,8.0,M,,"))
	fixes, stats := decode(t, in.String())
	if len(fixes) != 6 || stats.Epochs.Late != 1 {
		t.Errorf("%d fixes, want 6: %s; %+v", len(fixes), times(fixes), stats.Epochs)
	}
}

func TestMidnight(t *testing.T) {
	const gga = "GNGGA,%s,3604.0280,N,12022.9575,E,1,16,0.8,12.3,M,8.0,M,,"
	at := func(clock string) string { return fmt.Sprintf(gga, clock) }
	rmc := func(clock, date string) string {
		return "GNRMC," + clock + ",A,3604.0280,N,12022.9575,E,,," + date + ",,,A"
	}
	tests := []struct {
		name string
		in   []string
		want string
	}{
		{"GGA before RMC of the new day", []string{at("235959"), rmc("235959", "311226"), at("000000"), rmc("000000", "010127"), at("000001"), rmc("000001", "010127")},
			"12-31T23:59:59.000 01-01T00:00:00.000 01-01T00:00:01.000"},
		{"GGA alone after the date", []string{rmc("235958", "311226"), at("235959"), at("000000"), at("000001")},
			"12-31T23:59:58.000 12-31T23:59:59.000 01-01T00:00:00.000 01-01T00:00:01.000"},
		{"a late one of the old day", []string{rmc("000000", "010127"), at("235959")}, "01-01T00:00:00.000 12-31T23:59:59.000"},
		{"GGA alone before the date", []string{at("235959"), at("000000"), rmc("000001", "010127")},
			"12-31T23:59:59.000 01-01T00:00:00.000 01-01T00:00:01.000"},
		{"rounded up to midnight", []string{rmc("235959.9997", "311226")}, "01-01T00:00:00.000"},
		{"leap second", []string{rmc("235959.00", "311226"), rmc("235960.00", "311226"), rmc("000000.00", "010127")},
			"12-31T23:59:59.000 12-31T23:59:59.999 01-01T00:00:00.000"},
		{"ZDA has the date", []string{at("120000"), "GNZDA,120000,05,08,2026,00,00"}, "08-05T12:00:00.000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fixes, stats := decode(t, lines(tt.in...))
			if got := times(fixes); got != tt.want {
				t.Errorf("got  %s\nwant %s\n%+v", got, tt.want, stats.Epochs)
			}
		})
	}
}

func TestNoDateAnywhere(t *testing.T) {
	var in strings.Builder
	const n = 3 * maxUndated
	for i := range n {
		in.WriteString(line(fmt.Sprintf("GPGGA,04%02d%02d.00,3604.0280,N,12022.9575,E,1,16,0.8,12.3,M,8.0,M,,", i/60, i%60)))
	}
	fixes, stats := decode(t, in.String())
	if len(fixes) != 0 || stats.Epochs.NoDate != n {
		t.Errorf("%d fixes, %d counted as undated; want none and %d", len(fixes), stats.Epochs.NoDate, n)
	}
}

// TestDateOfAWarning: the date of a sentence with status V is a clock's guess.
func TestDateOfAWarning(t *testing.T) {
	fixes, stats := decode(t, lines("GPRMC,040506,V,,,,,,,250910,,,N", "GPGGA,040507,3604.0280,N,12022.9575,E,1,16,0.8,12.3,M,8.0,M,,"))
	if len(fixes) != 0 || stats.Epochs.NoDate != 1 {
		t.Errorf("a date out of a warning: %s", times(fixes))
	}
}

func TestFinerPlaceWins(t *testing.T) {
	fine := "GNGGA,040506.20,3604.0280123,N,12022.9575456,E,1,16,0.8,12.3,M,8.0,M,,"
	for _, in := range [][]string{{rmcA, fine}, {fine, rmcA}} {
		if f := one(t, in...); math.Abs(f.Point.Lat-36.06713353833) > 1e-10 {
			t.Errorf("latitude %.10f, want the finer one", f.Point.Lat)
		}
	}
}

const (
	rmcAt = "GNRMC,%s,A,3604.0280,N,12022.9575,E,10.00,271.5,231126,,,A"
	ggaAt = "GNGGA,%s,3604.0280,N,12022.9575,E,1,16,0.8,12.3,M,8.0,M,,"
	// undated is of a receiver that sends no RMC.
	undated = "GNGGA,%s,3604.0280,N,12022.9575,E,1,16,0.8,,M,8.0,M,,"
)

// timed puts a time into each sentence: "040506.00 GNRMC,%s,…".
func timed(sentences ...string) string {
	var b strings.Builder
	for _, s := range sentences {
		clock, body, _ := strings.Cut(s, " ")
		b.WriteString(line(strings.Replace(body, "%s", clock, 1)))
	}
	return b.String()
}

// TestModeStands: an instant that says nothing of the dimension has the last fix's, until there is none.
func TestModeStands(t *testing.T) {
	fixes, _ := decode(t, timed("040506.00 "+rmcAt, "040506.00 "+ggaAt, "040506.20 "+rmcAt, "040546.40 "+rmcAt,
		"040547.00 GNRMC,%s,V,,,,,,,231126,,,N", "040548.00 "+rmcAt))
	var modes []Mode
	for _, f := range fixes {
		modes = append(modes, f.Mode)
	}
	if want := []Mode{Mode3D, Mode3D, Mode3D, Mode2D}; !slices.Equal(modes, want) {
		t.Errorf("modes %v, want %v", modes, want)
	}
}

// TestZDAOfAnotherTime: behind a pulse, ZDA names the second that comes. Its date counts all the same, but only beside fixes.
func TestZDAOfAnotherTime(t *testing.T) {
	const zda = "GPZDA,%s,23,11,2026,00,00"
	for name, tt := range map[string]struct{ in, want string }{
		"ahead":       {timed("000000.00 "+zda, "235959.00 "+undated, "000001.00 "+zda, "000000.00 "+undated), "11-22T23:59:59.000 11-23T00:00:00.000"},
		"seldom":      {timed("040506.20 "+undated, "040506.40 "+undated, "040507.00 "+zda, "040507.20 "+undated), "11-23T04:05:06.200 11-23T04:05:06.400 11-23T04:05:07.200"},
		"without fix": {timed("040506.00 GPZDA,%s,01,01,2006,00,00", "040507.00 "+undated), ""},
	} {
		fixes, _ := decode(t, tt.in)
		if got := times(fixes); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

// TestLongSilence: an undated instant is of the day on which its time comes next, not of the day before.
func TestLongSilence(t *testing.T) {
	for clock, want := range map[string]string{"235320.00": "11-23T23:53:20.000", "040505.00": "11-23T04:05:05.000", "030000.00": "11-24T03:00:00.000"} {
		fixes, _ := decode(t, timed("040506.00 "+rmcAt, clock+" "+ggaAt))
		if got := times(fixes); got != "11-23T04:05:06.000 "+want {
			t.Errorf("%s became %s", clock, got)
		}
	}
}

// TestColdStartTeachesNothing: a receiver that sends RMC alone until it has a fix does not make RMC the last sentence of an instant.
func TestColdStartTeachesNothing(t *testing.T) {
	var in strings.Builder
	for n := range 6 {
		in.WriteString(timed(fmt.Sprintf("0400%02d.00 GNRMC,%%s,V,,,,,,,010180,,,N", n)))
	}
	in.WriteString(timed("040006.00 "+rmcAt, "040006.00 "+ggaAt))
	fixes, stats := decode(t, in.String())
	if len(fixes) != 1 || fixes[0].AltitudeM != 12.3 || stats.Epochs.Late != 0 {
		t.Errorf("%d fixes, %+v", len(fixes), stats.Epochs)
	}
}

// TestDatum: places in another datum are kept and refused; names of WGS-84 and of its equals are not.
func TestDatum(t *testing.T) {
	for code, want := range map[string]Verdict{
		"W84": Accepted, "P90": Accepted, "CGS": Accepted, "": Accepted, "W72": RefusedDatum, "S85": RefusedDatum, "999": RefusedDatum,
	} {
		fixes, _ := decode(t, lines("GNDTM,"+code+",,0.0,N,0.0,E,0.0,W84", rmcA, ggaA))
		if len(fixes) != 1 || fixes[0].Verdict != want {
			t.Errorf("datum %q: %d fixes, the first %v, want %v", code, len(fixes), fixes[0].Verdict, want)
		}
	}
}
