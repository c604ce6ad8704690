package positioning

import (
	"math"
	"path/filepath"
	"testing"
	"time"

	"dipper/positioning/geo"
	"dipper/positioning/nmea"
)

// TestErrorSources: GST before what other sentences state, that before HDOP.
func TestErrorSources(t *testing.T) {
	const (
		gst     = "GNGST,040506.200,32,,,,3.0,4.0,6.8"
		gbs     = "GNGBS,040506.200,0.6,0.8,6.8,,,,"
		pubx    = "PUBX,00,040506.200,3604.0280,N,12022.9575,E,-0.845,G3,2.5,6.8,0.932,235.36,0.236,,0.92,1.37,0.98,8,0,0"
		pgrme   = "PGRME,10.0,M,41.7,M,42.4,M"
		pqtmepe = "PQTMEPE,2,3.393,3.476,12.713,4.857,13.609"
	)
	tests := []struct {
		name  string
		extra []string
		want  float64
		src   ErrSource
	}{
		{"HDOP", nil, 0.8 * UERESingle, ErrFromHDOP},
		{"GST before all", []string{pubx, gst, pgrme}, 5, ErrFromGST},
		{"GBS", []string{gbs}, 1, ErrStated},
		{"PUBX", []string{pubx}, 2.5, ErrStated},
		{"PQTMEPE", []string{pqtmepe}, 4.857, ErrStated},
		{"PGRME", []string{pgrme}, 12.0112, ErrStated},
		{"PUBX before PGRME", []string{pgrme, pubx}, 2.5, ErrStated},
		{"empty estimates", []string{"PQTMEPE,2,,,,,", "PGRME,,,,,,", "GNGST,040506.200,,,,,,,"}, 0.8 * UERESingle, ErrFromHDOP},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fixes, stats := decode(t, lines(append([]string{rmcA, ggaA, gsaB}, tt.extra...)...))
			if len(fixes) != 1 || math.Abs(fixes[0].ErrM-tt.want) > 1e-3 || stats.ErrSource[tt.src] != 1 {
				t.Errorf("%d fixes, error %v, sources %v; want %v", len(fixes), fixes[0].ErrM, stats.ErrSource, tt.want)
			}
		})
	}
}

// TestVendorFixAlone: receivers that are set to their maker's sentence and nothing else.
func TestVendorFixAlone(t *testing.T) {
	tests := []struct {
		name     string
		bodies   []string
		at       time.Time
		solution Solution
		point    geo.Point
		speed    float64
	}{
		{"u-blox with PUBX,04", []string{
			"PUBX,00,023255.00,2218.07038,N,11410.73832,E,-0.845,G3,5.3,6.8,0.932,235.36,0.236,,0.92,1.37,0.98,8,0,0",
			"PUBX,04,023255.00,170521,95574.99,2158,18,354828,539.429,21"},
			time.Date(2021, 5, 17, 2, 32, 55, 0, time.UTC), SolutionSingle, geo.Point{Lat: 22.301173, Lon: 114.178972}, 0.2589},
		{"SkyTraq", []string{"PSTI,030,003832.000,A,4404.1271062,N,12118.8438377,W,1127.630,3.00,4.00,0.02,290322,F,1.000,1.100"},
			time.Date(2022, 3, 29, 0, 38, 32, 0, time.UTC), SolutionRTKFloat, geo.Point{Lat: 44.06878510, Lon: -121.31406396}, 5},
		{"Unicore", []string{"KSXT,20211016083433.00,116.31296102,39.95817066,49.4911,223.57,-11.32,330.19,0.024,,3,3,28,27"},
			time.Date(2021, 10, 16, 8, 34, 33, 0, time.UTC), SolutionRTKFixed, geo.Point{Lat: 39.95817066, Lon: 116.31296102}, math.NaN()},
		{"Garmin", []string{"PGRMF,290,293895,160305,093802,13,5213.1439,N,02100.6511,E,A,2,36,226,2,1"},
			time.Date(2005, 3, 16, 9, 38, 2, 0, time.UTC), SolutionSingle, geo.Point{Lat: 52.219065, Lon: 21.01085167}, 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := one(t, tt.bodies...)
			if !f.Time.Equal(tt.at) || f.Solution != tt.solution || geo.Distance(f.Point, tt.point) > 0.01 ||
				Known(f.SpeedMps) != Known(tt.speed) || math.Abs(f.SpeedMps-tt.speed) > 1e-3 {
				t.Errorf("%s", AppendJSON(nil, f))
			}
		})
	}
}

// TestVendorFixBeside: the standard's sentences decide; the maker's fills what they leave open.
func TestVendorFixBeside(t *testing.T) {
	const elsewhere = "PUBX,00,040506.200,2218.07038,N,11410.73832,E,-0.845,G3,5.3,6.8,36,235.36,0.236,,0.92,1.37,0.98,8,0,0"
	f := one(t, rmcA, ggaA, elsewhere)
	if math.Abs(f.Point.Lat-36.06713333) > 1e-6 || math.Abs(f.SpeedMps-5.1444) > 1e-3 || f.HDOP != 0.8 {
		t.Errorf("RMC and GGA are overruled: %s", AppendJSON(nil, f))
	}
	if f := one(t, "GNRMC,040506.200,A,3604.0280,N,12022.9575,E,,,231126,,,A,V", elsewhere); f.SpeedMps != 10 || f.CourseDeg != 235.36 || f.HDOP != 0.92 {
		t.Errorf("speed, course and HDOP are not filled in: %s", AppendJSON(nil, f))
	}
	const fixed = "PSTI,030,040506.200,A,3604.0280,N,12022.9575,E,12.3,0,0,0,231126,R,1.0,4.0"
	if f := one(t, "GPRMC,040506.200,A,3604.0280,N,12022.9575,E,,,231126,,,D", fixed); f.Solution != SolutionRTKFixed {
		t.Errorf("RTK is not seen: %s", AppendJSON(nil, f))
	}
	for _, denied := range [][]string{
		{"GNRMC,040506.200,V,3604.0280,N,12022.9575,E,,,231126,,,N,V", elsewhere},
		{"PUBX,00,040506.200,0000.00000,N,00000.00000,E,0.000,NF,5303302,3750001,0.000,0.00,0.000,,99.99,99.99,99.99,0,0,0", "PUBX,04,040506.200,231126,1,2,18,3,4,21"},
		{"PUBX,00,040506.200,,,,,,TT,,,,,,,,,,,,", "PUBX,04,040506.200,231126,1,2,18,3,4,21"},
	} {
		if fixes, stats := decode(t, lines(denied...)); len(fixes) != 0 || stats.Epochs.NoFix != 1 {
			t.Errorf("%q: %d fixes, %+v", denied, len(fixes), stats.Epochs)
		}
	}
}

// TestUrbanNav: a u-blox among the towers of Hong Kong. Its line was too slow for all its sentences, so GST is there for every
// other fix. The gate refuses what jumps and is never locked out.
func TestUrbanNav(t *testing.T) {
	data := readRecording(t, filepath.Join(sharedData(t, "nmea/recordings"), "urbannav-hk-medium-urban-part1.nmea"))
	fixes, stats := decodeAll(data)
	t.Logf("%d fixes, verdicts %v, errors from %v", len(fixes), stats.Verdicts, stats.ErrSource)
	if stats.ErrSource[ErrFromGST] < 150 {
		t.Errorf("errors from %v", stats.ErrSource)
	}
	if n := stats.Verdicts[RefusedJump]; n == 0 || n > 10 {
		t.Errorf("%d jumps refused", n)
	}
	gate := NewGate(GateConfig{})
	lockedOut, longest := 0, 0
	var last Fix
	for _, f := range fixes {
		if f.Verdict == RefusedJump {
			lockedOut++
			longest = max(longest, lockedOut)
			continue
		}
		if f.Verdict != Accepted {
			continue
		}
		lockedOut = 0
		if Known(last.ErrM) && !last.Time.IsZero() {
			dt, d := f.Time.Sub(last.Time).Seconds(), geo.Distance(f.Point, last.Point)
			if d > gate.cfg.MaxSpeedMps*dt+maxJumpSlackM && longest < DefaultJumpConfirm-1 {
				t.Errorf("%v: accepted after a jump of %.0f m in %.0f s", f.Time, d, dt)
			}
		}
		last = f
	}
	if longest >= DefaultJumpConfirm {
		t.Errorf("%d fixes in a row refused as jumps", longest)
	}
}

// TestPUBXErrorIsGSTs: u-blox does not say what hAcc means. Beside 150 GST of the same instant it is the root of lat² + lon².
func TestPUBXErrorIsGSTs(t *testing.T) {
	data := readRecording(t, filepath.Join(sharedData(t, "nmea/recordings"), "urbannav-hk-medium-urban-part1.nmea"))
	var framer nmea.Framer
	parser := nmea.NewParser()
	gst := make(map[nmea.TimeOfDay]float64)
	pairs, agree := 0, 0
	framer.Write(data, func(line []byte) {
		s, err := parser.Parse(line)
		if err != nil {
			return
		}
		switch m := s.(type) {
		case *nmea.GST:
			gst[m.Time] = math.Hypot(m.LatM, m.LonM)
		case *nmea.VendorFix:
			if want, ok := gst[m.Time]; ok && Known(m.ErrM) {
				pairs++
				if math.Abs(m.ErrM-want) <= 0.1+0.06*want { // both are rounded to a digit or two
					agree++
				}
			}
		}
	})
	if pairs < 100 || agree < pairs*95/100 {
		t.Errorf("%d of %d agree", agree, pairs)
	}
}

// TestGSTRecordings: where a receiver sends GST, its error is the fix's, and within reason of HDOP's.
func TestGSTRecordings(t *testing.T) {
	dir := sharedData(t, "nmea/recordings")
	for _, name := range []string{"gps-beidou-gb-2018.nmea", "trimble-r2-2017.nmea"} {
		fixes, stats := decodeAll(readRecording(t, filepath.Join(dir, name)))
		if n := stats.ErrSource[ErrFromGST]; n < uint64(len(fixes)-2) || n == 0 {
			t.Errorf("%s: %d of %d errors from GST", name, n, len(fixes))
		}
		for _, f := range fixes {
			if f.ErrM > 100 || f.ErrM < 0.001 {
				t.Errorf("%s: %s", name, AppendJSON(nil, f))
			}
		}
	}
}
