package positioning

import (
	"math"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dipper/positioning/geo"
)

// holds steps a fix at s seconds, east metres and a speed, and says whether it was held.
func holds(h *Hold, s, east, speed float64) bool {
	f := fixAt(s, east)
	f.SpeedMps, f.CourseDeg = speed, 90
	_, ok := h.Step(f)
	return ok
}

// parked is a hold that has taken hold of the start.
func parked(t *testing.T, cfg HoldConfig) *Hold {
	t.Helper()
	h := NewHold(cfg)
	for s := range 6 {
		holds(h, float64(s), 0, 0.1)
	}
	if !h.holding {
		t.Fatal("six fixes that stand still are not held")
	}
	return h
}

func TestHoldTakes(t *testing.T) {
	type in struct{ s, east, speed float64 }
	unknown := math.NaN()
	tests := []struct {
		name string
		cfg  HoldConfig
		in   []in
		want string // a letter for each: h held, . not
	}{
		{"stands", HoldConfig{}, []in{{0, 0, 0}, {1, 1, 0.2}, {2, 0, 0.1}, {3, -1, 0}, {4, 0, 0.4}, {5, 1, 0.1}, {6, 2, 0}}, ".....hh"},
		{"stands at 10 Hz", HoldConfig{}, []in{{0, 0, 0}, {0.1, 0, 0}, {0.2, 0, 0}, {0.3, 0, 0}, {0.4, 0, 0}, {0.5, 0, 0}}, "......"},
		{"a fix a minute", HoldConfig{}, []in{{0, 0, 0}, {60, 3, 0}, {120, -2, 0}, {180, 1, 0}, {240, 2, 0}}, "....h"},
		{"shorter by choice", HoldConfig{Fixes: 2, For: time.Second}, []in{{0, 0, 0}, {1, 0.2, 0}}, ".h"},
		{"a speed between starts anew", HoldConfig{}, []in{{0, 0, 0}, {1, 0, 0}, {2, 0, 0}, {3, 0, 0}, {4, 1, 0.6}, {5, 0, 0}, {6, 0, 0}}, "......."},
		{"speed unknown, stands", HoldConfig{}, []in{{0, 0, unknown}, {1, 1, unknown}, {2, 0, unknown}, {3, 1, unknown}, {4, 0, unknown}, {5, 1, unknown}}, ".....h"},
		{"speed unknown, walks", HoldConfig{}, []in{{0, 0, unknown}, {2, 3, unknown}, {4, 6, unknown}, {6, 9, unknown}, {8, 12, unknown}, {10, 15, unknown}, {12, 18, unknown}}, "......."},
		{"speed stuck at 0 on a drive", HoldConfig{}, []in{{0, 0, 0}, {1, 10, 0}, {2, 20, 0}, {3, 30, 0}, {4, 40, 0}, {5, 50, 0}, {6, 60, 0}, {7, 70, 0}}, "........"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := NewHold(tt.cfg)
			got := ""
			for _, in := range tt.in {
				if holds(h, in.s, in.east, in.speed) {
					got += "h"
				} else {
					got += "."
				}
			}
			if got != tt.want {
				t.Errorf("held %s, want %s", got, tt.want)
			}
		})
	}
}

func TestHoldLeaves(t *testing.T) {
	type in struct{ s, east, speed float64 }
	tests := []struct {
		name string
		in   []in
		want string
	}{
		{"drives off", []in{{6, 1, 1.8}, {7, 4, 3.5}}, "h."},
		{"drives off slowly", []in{{6, 1, 1.6}, {7, 2, 1.7}}, "h."},
		{"one speed alone", []in{{6, 1, 2}, {7, 1, 0.2}, {8, 1, 2}, {9, 1, 0.1}}, "hhhh"},
		{"one place alone", []in{{6, 60, 0.1}, {7, 1, 0.1}, {8, -60, 0.1}, {9, 0, 0}}, "hhhh"},
		{"creeps away", []in{{6, 10, 1}, {16, 20, 1}, {26, 30, 1}, {36, 40, 1}}, "hhh."},
		{"far and fast", []in{{600, 9000, 20}}, "."},
		{"far, after a ferry", []in{{6000, 90000, 0}, {6001, 90000, 0}}, "h."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := parked(t, HoldConfig{})
			got := ""
			for _, in := range tt.in {
				if holds(h, in.s, in.east, in.speed) {
					got += "h"
				} else {
					got += "."
				}
			}
			if got != tt.want {
				t.Errorf("held %s, want %s", got, tt.want)
			}
		})
	}
}

// TestHoldReports: the anchor, speed 0, no course; all else as the receiver says.
func TestHoldReports(t *testing.T) {
	h := parked(t, HoldConfig{})
	in := fixAt(6, 8)
	in.SpeedMps, in.CourseDeg, in.AltitudeM = 0.4, 123, 7
	out, ok := h.Step(in)
	want := in
	want.Point, want.SpeedMps, want.CourseDeg = start, 0, math.NaN()
	if !ok || geo.Distance(out.Point, start) > 1e-6 {
		t.Fatalf("held %v at %v, want %v", ok, out.Point, start)
	}
	if out.Point = start; !out.Equal(want) {
		t.Errorf("Step = %s, want %s", AppendJSON(nil, out), AppendJSON(nil, want))
	}

	refused := fixAt(7, 5000)
	refused.SpeedMps, refused.Verdict = 40, RefusedJump
	if out, ok := h.Step(refused); ok || !out.Equal(refused) {
		t.Errorf("a refused fix came out as %s", AppendJSON(nil, out))
	}
	if !holds(h, 8, 0, 0) {
		t.Error("a refused fix ended the hold")
	}
}

// TestHoldRadiusFollowsError: a fix of 20 m error may be 61 m off an anchor of 4.5 m, and one of 1 km error not more than 100 m.
func TestHoldRadiusFollowsError(t *testing.T) {
	for _, tt := range []struct {
		errM, east float64
		away       bool
	}{{4.5, 24, false}, {4.5, 26, true}, {20, 61, false}, {20, 62, true}, {1000, 99, false}, {1000, 101, true}, {math.NaN(), 26, true}} {
		h := parked(t, HoldConfig{})
		f := fixAt(6, tt.east)
		f.ErrM = tt.errM
		if got := h.away(f, h.mean, h.errM); got != tt.away {
			t.Errorf("%v m off at %v m error: away %v", tt.east, tt.errM, got)
		}
	}
}

// TestHoldProperties: what wanders within the radius below walking speed never moves, however long; and whoever then drives
// is let go at the second fix.
func TestHoldProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := NewHold(HoldConfig{})
		rate := rapid.SampledFrom([]float64{0.1, 0.2, 1, 10, 60}).Draw(t, "interval")
		n := int(max(5, 5/rate)) + 1
		for i := range n {
			holds(h, float64(i)*rate, 0, 0)
		}
		anchor := h.mean
		at := float64(n) * rate
		for _, east := range rapid.SliceOf(rapid.Float64Range(-24, 24)).Draw(t, "drift") {
			f := fixAt(at, east)
			f.SpeedMps = rapid.Float64Range(0, 1.4).Draw(t, "noise")
			if out, ok := h.Step(f); !ok || out.Point != anchor {
				t.Fatalf("wanders: held %v at %v, anchor %v", ok, out.Point, anchor)
			}
			at += rate
		}
		speed := rapid.Float64Range(1.6, 40).Draw(t, "speed")
		holds(h, at, speed*rate, speed)
		if holds(h, at+rate, 2*speed*rate, speed) {
			t.Fatal("the second fix that moves is still held")
		}
	})
}

// travelled is the sum of the ways from fix to fix, of those accepted.
func travelled(fixes []Fix) float64 {
	sum := 0.0
	for i := 1; i < len(fixes); i++ {
		sum += geo.Distance(fixes[i-1].Point, fixes[i].Point)
	}
	return sum
}

func stepAll(fixes []Fix) (out []Fix, heldFixes int) {
	h := NewHold(HoldConfig{})
	for _, f := range fixes {
		if f.Verdict != Accepted {
			continue
		}
		o, ok := h.Step(f)
		if ok {
			heldFixes++
		}
		out = append(out, o)
	}
	return out, heldFixes
}

// TestHoldMooredBoat: a boat at its mooring in Amsterdam for four minutes. Its receiver makes 92 m of it.
func TestHoldMooredBoat(t *testing.T) {
	fixes, _ := decodeAll(readRecording(t, recordings+"boat-amsterdam.nmea"))
	out, n := stepAll(fixes)
	from := len(out) - n
	raw, wander := travelled(fixes[from:]), travelled(out[from:])
	t.Logf("%d fixes, the last %d held; %.1f m become %.1f m", len(fixes), n, raw, wander)
	if raw < 75 || n < 230 {
		t.Errorf("%d fixes held, with %.1f m of drift", n, raw)
	}
	if wander != 0 {
		t.Errorf("the boat still wanders %.1f m", wander)
	}
}

// TestHoldMovingVehicles: drives are not disturbed. Hangzhou at 97 km/h is never held.
func TestHoldMovingVehicles(t *testing.T) {
	fixes, _ := decodeAll(readRecording(t, recordings+"hangzhou-bds-gps-drive.nmea"))
	out, n := stepAll(fixes)
	if n != 0 || len(out) < 30 {
		t.Errorf("%d of %d fixes of a drive are held", n, len(out))
	}

	car, _ := decodeAll(readRecording(t, filepath.Join(sharedData(t, "nmea/recordings"), "garmin-car-nevada-2005.nmea.gz")))
	out, n = stepAll(car)
	raw, left := travelled(car), travelled(out)
	t.Logf("car: %d fixes, %d held; %.0f m become %.0f m", len(car), n, raw, left)
	if n == 0 || math.Abs(raw-left) > 0.01*raw {
		t.Errorf("%d fixes held, %.0f m become %.0f m", n, raw, left)
	}
}
