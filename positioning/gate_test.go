package positioning

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dipper/positioning/geo"
)

// start is where and when the tests' vehicle is: Qianwan port, Qingdao.
var (
	start   = geo.Point{Lat: 36.0067, Lon: 120.2219}
	instant = time.Date(2026, 11, 23, 4, 5, 6, 0, time.UTC)
)

// fixAt is a good fix s seconds after the start, east of it by some metres.
func fixAt(s, eastM float64) Fix {
	lon := start.Lon + eastM/(geo.EarthRadiusM*math.Pi/180*math.Cos(start.Lat*math.Pi/180))
	f := NewFix(instant.Add(time.Duration(s*float64(time.Second))), geo.Point{Lat: start.Lat, Lon: lon})
	f.Mode, f.Solution, f.HDOP, f.ErrM = Mode3D, SolutionSingle, 0.9, 4.5
	f.Sats.Used[BeiDou] = 9
	return f
}

func TestGateOneFix(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Fix)
		cfg    GateConfig
		now    time.Time
		want   Verdict
	}{
		{name: "good", want: Accepted},
		{name: "simulator", change: func(f *Fix) { f.Solution = SolutionSimulator }, want: RefusedSimulator},
		{name: "simulator allowed", change: func(f *Fix) { f.Solution = SolutionSimulator }, cfg: GateConfig{AllowSimulator: true}, want: Accepted},
		{name: "manual", change: func(f *Fix) { f.Solution = SolutionManual }, want: RefusedManual},
		{name: "manual allowed", change: func(f *Fix) { f.Solution = SolutionManual }, cfg: GateConfig{AllowManual: true}, want: Accepted},
		{name: "dead reckoning", change: func(f *Fix) { f.Solution, f.Sats, f.HDOP = SolutionDeadReckoning, Sats{Total: 1}, 50 }, want: Accepted},
		{name: "dead reckoning refused", change: func(f *Fix) { f.Solution = SolutionDeadReckoning }, cfg: GateConfig{RefuseEstimated: true}, want: RefusedMode},
		{name: "mode none", change: func(f *Fix) { f.Mode = ModeNone }, want: RefusedMode},
		{name: "2D", change: func(f *Fix) { f.Mode = Mode2D }, want: Accepted},
		{name: "2D where 3D is asked", change: func(f *Fix) { f.Mode = Mode2D }, cfg: GateConfig{MinMode: Mode3D}, want: RefusedMode},
		{name: "unknown mode where 3D is asked", change: func(f *Fix) { f.Mode = ModeUnknown }, cfg: GateConfig{MinMode: Mode3D}, want: Accepted},
		{name: "zero island", change: func(f *Fix) { f.Point = geo.Point{} }, want: RefusedZeroIsland},
		{name: "zero island allowed", change: func(f *Fix) { f.Point = geo.Point{} }, cfg: GateConfig{AllowZeroIsland: true}, want: Accepted},
		{name: "equator", change: func(f *Fix) { f.Point.Lat = 0 }, want: Accepted},
		{name: "before Dipper", change: func(f *Fix) { f.Time = time.Date(1999, 8, 22, 0, 0, 0, 0, time.UTC) }, want: RefusedPast},
		{name: "earliest moved", cfg: GateConfig{Earliest: instant.Add(time.Hour)}, want: RefusedPast},
		{name: "a minute ahead", now: instant.Add(-time.Minute), want: Accepted},
		{name: "future", now: instant.Add(-time.Minute - time.Millisecond), want: RefusedFuture},
		{name: "future not judged", cfg: GateConfig{MaxFuture: -1}, now: instant.Add(-time.Hour), want: Accepted},
		{name: "old recording", now: instant.Add(10 * 365 * 24 * time.Hour), want: Accepted},
		{name: "three satellites", change: func(f *Fix) { f.Sats = Sats{Total: 3} }, want: RefusedSatellites},
		{name: "four satellites", change: func(f *Fix) { f.Sats = Sats{Total: 4} }, want: Accepted},
		{name: "unknown satellites", change: func(f *Fix) { f.Sats = Sats{} }, want: Accepted},
		{name: "total capped below the sum", change: func(f *Fix) { f.Sats.Total = 2 }, want: Accepted},
		{name: "three allowed", change: func(f *Fix) { f.Sats = Sats{Total: 3} }, cfg: GateConfig{MinSatellites: 3}, want: Accepted},
		{name: "satellites not judged", change: func(f *Fix) { f.Sats = Sats{Total: 1} }, cfg: GateConfig{MinSatellites: -1}, want: Accepted},
		{name: "HDOP at the limit", change: func(f *Fix) { f.HDOP = 5 }, want: Accepted},
		{name: "UM621 on loss", change: func(f *Fix) { f.HDOP = 10.16 }, want: RefusedHDOP},
		{name: "HDOP unknown", change: func(f *Fix) { f.HDOP = math.NaN() }, want: Accepted},
		{name: "HDOP for gate events", change: func(f *Fix) { f.HDOP = 2.6 }, cfg: GateConfig{MaxHDOP: 2.5}, want: RefusedHDOP},
		{name: "HDOP not judged", change: func(f *Fix) { f.HDOP = 99 }, cfg: GateConfig{MaxHDOP: -1}, want: Accepted},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := fixAt(0, 0)
			if tt.change != nil {
				tt.change(&f)
			}
			if got := NewGate(tt.cfg).Judge(f, tt.now); got != tt.want {
				t.Errorf("Judge = %q, want %q", got, tt.want)
			}
		})
	}
}

// step is a fix by seconds and metres east, and what the gate should say.
type step struct {
	s, east float64
	want    Verdict
}

func TestGateMotion(t *testing.T) {
	tests := []struct {
		name  string
		cfg   GateConfig
		steps []step
	}{
		{"a truck", GateConfig{}, []step{{0, 0, 0}, {1, 25, 0}, {2, 50, 0}, {12, 300, 0}}},
		{"the reference's jump, 100 m/s", GateConfig{}, []step{{0, 0, 0}, {10, 1000, RefusedJump}, {11, 10, 0}}},
		{"jitter at 10 Hz", GateConfig{}, []step{{0, 0, 0}, {0.1, 12, 0}, {0.2, -9, 0}}},
		{"same time", GateConfig{}, []step{{0, 0, 0}, {0, 0, RefusedSameTime}, {0, 5, RefusedSameTime}, {1, 5, 0}}},
		{"a real move, believed at the third", GateConfig{}, []step{{0, 0, 0}, {1, 5000, RefusedJump}, {2, 5010, RefusedJump}, {3, 5020, 0}, {4, 5030, 0}}},
		{"believed at once", GateConfig{JumpConfirm: 1}, []step{{0, 0, 0}, {1, 5000, 0}}},
		{"jumps that do not agree", GateConfig{}, []step{{0, 0, 0}, {1, 5000, RefusedJump}, {2, -5000, RefusedJump}, {3, 9000, RefusedJump}, {4, 20, 0}}},
		{"a return in between starts again", GateConfig{}, []step{{0, 0, 0}, {1, 5000, RefusedJump}, {2, 5010, RefusedJump}, {3, 10, 0}, {4, 5000, RefusedJump}}},
		{"a leap second corrected", GateConfig{}, []step{{10, 0, 0}, {11, 10, 0}, {10, 20, RefusedBackward}, {11, 30, RefusedBackward}, {12, 40, 0}}},
		{"the clock set back", GateConfig{}, []step{{1e8, 0, 0}, {0, 9000, RefusedBackward}, {1, 9010, RefusedBackward}, {2, 9020, 0}, {3, 9030, 0}}},
		{"one fix of an old time", GateConfig{}, []step{{10, 0, 0}, {5, 0, RefusedBackward}, {11, 10, 0}, {5, 0, RefusedBackward}, {12, 20, 0}}},
		{"back in time, whatever the place", GateConfig{MaxSpeedMps: -1}, []step{{10, 0, 0}, {5, 50000, RefusedBackward}, {6, 0, RefusedBackward}, {7, 0, 0}}},
		{"a ferry of the air", GateConfig{MaxSpeedMps: 300}, []step{{0, 0, 0}, {1, 250, 0}}},
		{"not judged", GateConfig{MaxSpeedMps: -1}, []step{{0, 0, 0}, {1, 50000, 0}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := NewGate(tt.cfg)
			for i, s := range tt.steps {
				if got := g.Judge(fixAt(s.s, s.east), time.Time{}); got != s.want {
					t.Errorf("step %d: %q, want %q", i, got, s.want)
				}
			}
		})
	}
}

// TestGateHostBehind: a host's clock that runs beside the satellites' at one distance is wrong itself, at any distance up to years;
// one that a receiver leaves behind by fits and starts is not, nor where the receiver is a week counter's cycle ahead.
func TestGateHostBehind(t *testing.T) {
	tests := []struct {
		name   string
		behind func(n int) time.Duration
		from   int // the first accepted; -1 none
	}{
		{"eight hours", func(int) time.Duration { return 8 * time.Hour }, 9},
		{"two minutes", func(int) time.Duration { return 2 * time.Minute }, 9},
		{"three years", func(int) time.Duration { return 3 * 365 * 24 * time.Hour }, 9},
		{"1024 weeks", func(int) time.Duration { return 7168 * 24 * time.Hour }, -1},
		{"to and fro", func(n int) time.Duration { return time.Hour + time.Duration(n%2)*time.Minute }, -1},
		{"set while it runs", func(n int) time.Duration { return max(0, time.Hour*time.Duration(5-n)) }, 5},
	}
	for _, tt := range tests {
		g := NewGate(GateConfig{})
		first := -1
		for n := range 30 {
			f := fixAt(float64(n), 0)
			v := g.Judge(f, f.Time.Add(-tt.behind(n)))
			switch {
			case v == Accepted && first < 0:
				first = n
			case v != Accepted && v != RefusedFuture, v != Accepted && first >= 0:
				t.Errorf("%s: fix %d: %v", tt.name, n, v)
			}
		}
		if first != tt.from {
			t.Errorf("%s: accepted from fix %d on, want %d", tt.name, first, tt.from)
		}
	}
}

func TestGateErrorsExcuseDistance(t *testing.T) {
	for errM, want := range map[float64]Verdict{4.5: RefusedJump, 20: Accepted, 5000: Accepted} {
		g := NewGate(GateConfig{})
		a, b := fixAt(0, 0), fixAt(1, 120)
		a.ErrM, b.ErrM = errM, errM
		g.Judge(a, time.Time{})
		if got := g.Judge(b, time.Time{}); got != want {
			t.Errorf("120 m in 1 s at ±%v m: %q, want %q", errM, got, want)
		}
	}
	g := NewGate(GateConfig{})
	a, b := fixAt(0, 0), fixAt(1, 1000)
	a.ErrM, b.ErrM = 5000, 5000
	g.Judge(a, time.Time{})
	if got := g.Judge(b, time.Time{}); got != RefusedJump {
		t.Errorf("1000 m in 1 s at ±5000 m: %q: an error estimate excuses anything", got)
	}
}

// TestGateNeverLocksOut: whatever came before, a vehicle that sends good fixes that agree with each other is believed after
// JumpConfirm of them.
func TestGateNeverLocksOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := GateConfig{JumpConfirm: rapid.IntRange(1, 5).Draw(t, "confirm")}
		g := NewGate(cfg)
		s := 0.0
		for range rapid.IntRange(0, 20).Draw(t, "before") {
			s += rapid.Float64Range(-10, 100).Draw(t, "seconds")
			g.Judge(fixAt(s, rapid.Float64Range(-1e6, 1e6).Draw(t, "east")), time.Time{})
		}
		s += 1
		east := rapid.Float64Range(-1e6, 1e6).Draw(t, "home")
		for i := 1; ; i++ {
			v := g.Judge(fixAt(s, east), time.Time{})
			if v == Accepted {
				return
			}
			if v != RefusedSameTime && i >= cfg.JumpConfirm+1 {
				t.Fatalf("still %q at the %dth fix", v, i)
			}
			s, east = s+1, east+20
		}
	})
}
