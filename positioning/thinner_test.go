package positioning

import (
	"math"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dipper/positioning/geo"
)

func thinAll(cfg ThinnerConfig, fixes []Fix) []Fix {
	t := NewThinner(cfg)
	var kept []Fix
	for _, f := range fixes {
		kept = t.Step(f, kept)
	}
	return t.Flush(kept)
}

// lineError is how far the worst dropped fix lies from the line between the accepted kept ones around it, in metres. Kept must
// be a subsequence of all with the same ends.
func lineError(t interface{ Fatalf(string, ...any) }, all, kept []Fix) float64 {
	worst, k := 0.0, 0
	if len(all) == 0 {
		return 0
	}
	if len(kept) == 0 || !kept[0].Equal(all[0]) || !kept[len(kept)-1].Equal(all[len(all)-1]) {
		t.Fatalf("the ends are not kept: %d of %d", len(kept), len(all))
	}
	for _, f := range all {
		if k < len(kept) && f.Equal(kept[k]) {
			k++
			continue
		}
		if f.Verdict != Accepted {
			t.Fatalf("a refused fix was dropped")
		}
		before, after := k-1, k
		for before >= 0 && kept[before].Verdict != Accepted {
			before--
		}
		for after < len(kept) && kept[after].Verdict != Accepted {
			after++
		}
		if before < 0 || after == len(kept) {
			t.Fatalf("no kept fix on both sides of %v", f.Time)
		}
		a, b := kept[before], kept[after]
		share := f.Time.Sub(a.Time).Seconds() / b.Time.Sub(a.Time).Seconds()
		p := geo.Point{
			Lat: a.Point.Lat + (b.Point.Lat-a.Point.Lat)*share,
			Lon: a.Point.Lon + geo.LonDelta(a.Point.Lon, b.Point.Lon)*share,
		}
		worst = max(worst, geo.Distance(p, f.Point))
	}
	if k != len(kept) {
		t.Fatalf("%d kept fixes are not of the track", len(kept)-k)
	}
	return worst
}

// drawTrack is a vehicle that drives, turns, stops, jumps and falls silent anywhere on earth.
func drawTrack(t *rapid.T) []Fix {
	lat := rapid.Float64Range(-89.9, 89.9).Draw(t, "lat")
	lon := rapid.Float64Range(-180, 180).Draw(t, "lon")
	at := instant
	course := rapid.Float64Range(0, 360).Draw(t, "course")
	var track []Fix
	for range rapid.IntRange(1, 12).Draw(t, "legs") {
		speed := rapid.SampledFrom([]float64{0, 0.3, 3, 14, 25, 300}).Draw(t, "speed")
		turn := rapid.Float64Range(-6, 6).Draw(t, "turn")
		noise := rapid.SampledFrom([]float64{0, 0.5, 5, 50}).Draw(t, "noise")
		step := rapid.SampledFrom([]float64{0.1, 1, 30, 3000}).Draw(t, "step")
		told := rapid.Bool().Draw(t, "told")
		for range rapid.IntRange(1, 25).Draw(t, "fixes") {
			if rapid.IntRange(0, 30).Draw(t, "backwards") != 0 {
				at = at.Add(time.Duration(step * float64(time.Second)))
			}
			course += turn * step
			sin, cos := math.Sincos(course * math.Pi / 180)
			const degree = geo.EarthRadiusM * math.Pi / 180
			lat = max(-89.99, min(89.99, lat+cos*speed*step/degree))
			lon = geo.LonDelta(0, lon+sin*speed*step/degree/math.Cos(lat*math.Pi/180))
			f := NewFix(at, geo.Point{
				Lat: max(-90, min(90, lat+noise/degree*rapid.Float64Range(-1, 1).Draw(t, "n"))),
				Lon: geo.LonDelta(0, lon+noise/degree/math.Cos(lat*math.Pi/180)*rapid.Float64Range(-1, 1).Draw(t, "e")),
			})
			if told {
				f.SpeedMps, f.CourseDeg = speed, math.Mod(math.Mod(course, 360)+360, 360)
			}
			if rapid.IntRange(0, 40).Draw(t, "refused") == 0 {
				f.Verdict = RefusedJump
			}
			track = append(track, f)
		}
	}
	return track
}

// TestThinnerKeepsItsPromise: whatever the track, no dropped fix is farther from the line than MaxErrorM, with the other
// rules on or off.
func TestThinnerKeepsItsPromise(t *testing.T) {
	dropped := 0
	rapid.Check(t, func(t *rapid.T) {
		track := drawTrack(t)
		cfg := ThinnerConfig{MaxErrorM: rapid.SampledFrom([]float64{0.5, 5, 10, 100}).Draw(t, "MaxErrorM")}
		if rapid.Bool().Draw(t, "error only") {
			cfg.TurnDeg, cfg.MaxDistanceM, cfg.MaxInterval, cfg.MaxParked, cfg.SpeedDeltaMps = -1, -1, -1, -1, -1
		}
		kept := thinAll(cfg, track)
		dropped += len(track) - len(kept)
		if e := lineError(t, track, kept); e > cfg.MaxErrorM {
			t.Fatalf("a dropped fix is %v m off, promised %v m", e, cfg.MaxErrorM)
		}
	})
	if dropped == 0 {
		t.Error("no fix of any track was dropped")
	}
}

// drive is fixes a second apart, speed along the way east; turned and slowed by the functions.
func drive(n int, change func(s int, f *Fix)) []Fix {
	var track []Fix
	for s := range n {
		f := fixAt(float64(s), 10*float64(s))
		f.SpeedMps, f.CourseDeg = 10, 90
		if change != nil {
			change(s, &f)
		}
		track = append(track, f)
	}
	return track
}

func TestThinnerRules(t *testing.T) {
	off := ThinnerConfig{TurnDeg: -1, MaxDistanceM: -1, MaxInterval: -1, MaxParked: -1, SpeedDeltaMps: -1}
	with := func(change func(*ThinnerConfig)) ThinnerConfig { c := off; change(&c); return c }
	stand := func(s int, f *Fix) { f.Point, f.SpeedMps = start, 0 }
	tests := []struct {
		name  string
		cfg   ThinnerConfig
		track []Fix
		want  []int // seconds kept
	}{
		{"straight", off, drive(100, nil), []int{0, 99}},
		{"one", off, drive(1, nil), []int{0}},
		{"distance", with(func(c *ThinnerConfig) { c.MaxDistanceM = 299.9 }), drive(100, nil), []int{0, 30, 60, 90, 99}},
		{"interval", with(func(c *ThinnerConfig) { c.MaxInterval = 40 * time.Second }), drive(100, nil), []int{0, 40, 80, 99}},
		{"parked", with(func(c *ThinnerConfig) { c.MaxInterval, c.MaxParked = 10*time.Second, 45*time.Second }), drive(100, stand), []int{0, 45, 90, 99}},
		{"turn", with(func(c *ThinnerConfig) { c.TurnDeg = 20 }), drive(20, func(s int, f *Fix) { f.CourseDeg = 350 + 3*float64(s) - 360*float64((350+3*s)/360) }), []int{0, 7, 14, 19}},
		{"no turn at standstill", with(func(c *ThinnerConfig) { c.TurnDeg = 20 }), drive(20, func(s int, f *Fix) { f.SpeedMps, f.CourseDeg = 1, float64(s*17) }), []int{0, 19}},
		{"speed", with(func(c *ThinnerConfig) { c.SpeedDeltaMps = 4 }), drive(20, func(s int, f *Fix) { f.SpeedMps = float64(s) }), []int{0, 4, 8, 12, 16, 19}},
		{"solution", off, drive(20, func(s int, f *Fix) {
			if s >= 9 {
				f.Solution = SolutionDeadReckoning
			}
		}), []int{0, 9, 19}},
		{"a corner", off, drive(40, func(s int, f *Fix) {
			if s > 20 { // north from second 20 on
				f.Point.Lon = fixAt(0, 200).Point.Lon
				f.Point.Lat += float64(s-20) * 10 / 111195.08
			}
		}), []int{0, 20, 39}},
		{"a stop on the way", off, drive(60, func(s int, f *Fix) {
			if s > 20 {
				*f = fixAt(float64(s), 10*float64(max(20, s-20)))
			}
		}), []int{0, 20, 40, 59}},
		{"refused", off, drive(20, func(s int, f *Fix) {
			if s == 10 {
				f.Verdict = RefusedHDOP
			}
		}), []int{0, 9, 10, 19}},
		{"a spike", off, drive(20, func(s int, f *Fix) {
			if s == 10 {
				f.Point.Lat += 0.001
			}
		}), []int{0, 9, 10, 11, 19}},
		{"time stands", off, drive(20, func(s int, f *Fix) {
			if s == 10 {
				f.Time = f.Time.Add(-time.Second)
			}
		}), []int{0, 9, 10, 15, 19}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			kept := thinAll(tt.cfg, tt.track)
			var got []int
			for _, k := range kept {
				got = append(got, slices.IndexFunc(tt.track, k.Equal))
			}
			if tt.name == "a corner" || tt.name == "a stop on the way" {
				// The corner's fix itself may be a second off; what counts is their number and the error.
				if e := lineError(t, tt.track, kept); e > DefaultThinErrorM || len(kept) > len(tt.want)+1 {
					t.Errorf("kept %v with %.1f m error, want about %v", got, e, tt.want)
				}
				return
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("kept %v, want %v", got, tt.want)
			}
		})
	}
}

// TestThinnerRecordings holds the promise on real tracks, and shows what it saves.
func TestThinnerRecordings(t *testing.T) {
	dir := sharedData(t, "nmea/recordings")
	for name, most := range map[string]float64{ // share of the fixes that may be left
		"garmin-car-nevada-2005.nmea.gz":      0.25,
		"boat-gps-amsterdam-2014.nmea.gz":     0.25,
		"urbannav-hk-medium-urban-part1.nmea": 0.5,
		"phone-zhejiang-wgs84-1.nmea":         0.5,
	} {
		fixes, _ := decodeAll(readRecording(t, filepath.Join(dir, name)))
		kept := thinAll(ThinnerConfig{}, fixes)
		e := lineError(t, fixes, kept)
		t.Logf("%-40s %5d fixes, %4d kept, %.1f m at most", name, len(fixes), len(kept), e)
		if e > DefaultThinErrorM || len(fixes) == 0 || float64(len(kept)) > most*float64(len(fixes)) {
			t.Errorf("%s: %d of %d kept, %v m", name, len(kept), len(fixes), e)
		}
	}
}

func BenchmarkThinner(b *testing.B) {
	track := drive(1000, nil)
	t := NewThinner(ThinnerConfig{})
	var kept []Fix
	i := 0
	for b.Loop() {
		kept = t.Step(track[i%len(track)], kept[:0])
		i++
	}
}
