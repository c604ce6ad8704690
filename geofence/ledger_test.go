package geofence

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

// story writes events as one line: kind, fence, seconds after start and, in brackets, the fix that showed it.
func story(events []Event) string {
	var b strings.Builder
	for i, e := range events {
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%s %s %.1f[%d]", e.Kind, e.Fence, e.Time.Sub(start).Seconds(), e.Seq)
		if e.Reason != "" {
			b.WriteString(" " + e.Reason)
		}
	}
	return b.String()
}

func TestScenarios(t *testing.T) {
	// The yard is 200 m from west to east and 100 m from south to north: its west border is at -100, its east border at +100.
	// Fixes have an error of 2 m: the band of a moving vehicle is 6 m wide to either side, that of a parked one 10 m.
	yard := Fence{ID: "yard", Kind: Yard, Shape: block(t, yardCenter, 200, 100), Revision: 1}
	gate := Fence{ID: "gate", Kind: Gate, Shape: block(t, yardCenter, 12, 20), Revision: 1}
	slow := yard
	slow.SpeedLimitMps = 8
	slow.Dwell = 15 * time.Second

	tests := []struct {
		name  string
		fence Fence
		track *trip
		want  string
	}{
		{"drives across, a fix a second", yard, newTrip().line(-125, 0, 125, 0),
			"enter yard 2.5[5]; exit yard 22.5[25]"}, // at 15 m out, 5 m out, 5 m in (band), 15 m in
		{"drives past", yard, newTrip().line(-125, 60, 125, 60), ""},
		{"first seen inside, and leaves", yard, newTrip().line(5, 0, 125, 0),
			"inside_at_start yard 0.0[1]; exit yard 9.5[12]"},
		{"looks in and turns back within the band", yard, newTrip().fix(-110, 0, time.Second).fix(-97, 0, time.Second).fix(-110, 0, time.Second), ""},
		{"parks on the line", yard, newTrip().fix(-150, 0, time.Second).fix(-101, 0, time.Second).fix(-98, 0, time.Second).
			fix(-102, 0, time.Second).fix(-96, 0, time.Second).fix(-104, 0, time.Second).fix(-97, 0, time.Second), ""},
		{"the crossing that counts is the last before the proof", yard, newTrip().fix(-104, 0, time.Second).fix(-98, 0, time.Second).
			fix(-102, 0, time.Second).fix(-98, 0, time.Second).fix(-90, 0, time.Second),
			"enter yard 2.5[5]"},
		{"parks just inside: patience opens the visit", yard, func() *trip {
			r := newTrip().fix(-110, 0, time.Second)
			for range 7 {
				r.mps = 0
				r.fix(-97, 0, 10*time.Second)
			}
			return r
		}(), "enter yard 0.8[8]"},
		{"then wanders over the line: one visit", yard, func() *trip {
			r := newTrip().fix(-110, 0, time.Second)
			r.mps = 0
			for _, x := range []float64{-97, -103, -97, -103} {
				for range 9 {
					r.fix(x, 0, 10*time.Second)
				}
			}
			return r
		}(), "enter yard 0.8[8]"},
		{"a fix every 30 s, with one inside", yard, newTrip().fix(-300, 0, 30*time.Second).fix(0, 0, 30*time.Second).fix(300, 0, 0),
			"enter yard 20.0[2]; exit yard 40.0[3]"},
		{"a fix every 30 s, with none inside", yard, newTrip().fix(-300, 0, 30*time.Second).fix(300, 0, 0),
			"enter yard 10.0[2]; exit yard 20.0[2]"},
		{"silence with none inside: nobody knows the way", yard, newTrip().fix(-300, 0, 3*time.Minute).fix(300, 0, 0), ""},
		{"silence on the way in", yard, newTrip().fix(-300, 0, time.Hour).fix(0, 0, 0), "enter yard 2400.0[2]"},
		{"silence on the way out", yard, newTrip().fix(0, 0, 5*time.Minute).fix(200, 0, 0), "inside_at_start yard 0.0[1]; exit yard 150.0[2]"},
		{"a gate 12 m deep, a fix a second", gate, newTrip().line(-25, 0, 25, 0), "enter gate 1.9[4]; exit gate 3.1[5]"},
		{"clips a corner less than the band", yard, newTrip().fix(-103, 46, time.Second).fix(-93, 56, 0), ""},
		{"dwell and overspeed", slow, newTrip().line(-125, 0, 125, 0),
			"enter yard 2.5[5]; overspeed yard 4.0[6]; dwell yard 17.5[19]; exit yard 22.5[25]"},
		{"dwell is due between two fixes", slow, newTrip().fix(0, 0, time.Second).fix(0, 0, time.Hour).fix(0, 0, 0),
			"inside_at_start yard 0.0[1]; overspeed yard 0.0[2]; dwell yard 15.0[3]"},
		{"dwell before an exit across silence", slow, newTrip().fix(0, 0, 5*time.Minute).fix(200, 0, 0),
			"inside_at_start yard 0.0[1]; dwell yard 15.0[2]; exit yard 150.0[2]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, events := follow(NewIndex([]Fence{tt.fence}), tt.track.obs)
			if got := story(events); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestEventsBearTheirBound(t *testing.T) {
	yard := Fence{ID: "yard", Shape: block(t, yardCenter, 200, 100), Revision: 3}
	tests := []struct {
		name      string
		track     *trip
		plusMinus float64
	}{
		// 10 m/s: 0.5 s to either fix, and 4 m at 10 m/s.
		{"a fix a second", newTrip().line(-125, 0, -65, 0), 0.5 + 0.4},
		// 200 m to the border and 100 m to the deepest the fix can tell (its nearest border is 50 m away).
		{"a fix every 30 s", newTrip().fix(-300, 0, 30*time.Second).fix(0, 0, 0), 20 + 4.0/250*30},
		{"after an hour", newTrip().fix(-300, 0, time.Hour).fix(0, 0, 0), 2400 + 4.0/250*3600},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, events := follow(NewIndex([]Fence{yard}), tt.track.obs)
			if len(events) != 1 {
				t.Fatalf("events: %s", story(events))
			}
			e := events[0]
			if math.Abs(e.PlusMinusS-tt.plusMinus) > 0.01+tt.plusMinus*0.001 {
				t.Errorf("± %v s, want %v", e.PlusMinusS, tt.plusMinus)
			}
			if x := east(e.Point); math.Abs(x+100) > 0.05 {
				t.Errorf("crossed %v m east of the center, want -100", x)
			}
			if e.FenceRevision != 3 || e.Unit != "truck-7" || e.Series != 7 || e.Revision != 0 {
				t.Errorf("event %+v", e)
			}
		})
	}
}

func TestFenceRevisions(t *testing.T) {
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	shape := block(t, yardCenter, 200, 100)
	away := block(t, offset(yardCenter, 5000, 0), 200, 100)
	r1 := Fence{ID: "yard", Shape: shape, Revision: 1}
	ended := r1
	ended.ValidUntil = at(15)
	r2 := Fence{ID: "yard", Shape: shape, Revision: 2, ValidFrom: at(15)}
	moved := Fence{ID: "yard", Shape: away, Revision: 2, ValidFrom: at(15)}
	late := Fence{ID: "yard", Shape: shape, Revision: 1, ValidFrom: at(5)}

	inside := newTrip().fix(0, 0, 10*time.Second).fix(0, 0, 10*time.Second).fix(0, 0, 10*time.Second).fix(0, 0, 0).obs
	tests := []struct {
		name   string
		before []Fence // the index of the first two fixes
		after  []Fence // and of the rest
		want   string
	}{
		{"edited in place", []Fence{r1}, []Fence{ended, r2}, "inside_at_start yard 0.0[1]; exit yard 15.0[3] fence_changed; inside_at_start yard 20.0[3]"},
		{"the edit was known before", []Fence{ended, r2}, []Fence{ended, r2}, "inside_at_start yard 0.0[1]; exit yard 15.0[3] fence_changed; inside_at_start yard 20.0[3]"},
		{"the old revision has no end", []Fence{r1}, []Fence{r1, r2}, "inside_at_start yard 0.0[1]; exit yard 15.0[3] fence_changed; inside_at_start yard 20.0[3]"},
		{"the old revision is gone", []Fence{r1}, []Fence{r2}, "inside_at_start yard 0.0[1]; exit yard 20.0[3] fence_changed; inside_at_start yard 20.0[3]"},
		{"edited away", []Fence{r1}, []Fence{ended, moved}, "inside_at_start yard 0.0[1]; exit yard 15.0[3] fence_changed"},
		{"deleted", []Fence{r1}, []Fence{ended}, "inside_at_start yard 0.0[1]; exit yard 15.0[3] fence_deleted"},
		{"vanished", []Fence{r1}, nil, "inside_at_start yard 0.0[1]; exit yard 20.0[3] fence_deleted"},
		{"drawn around the vehicle", nil, []Fence{r1}, "inside_at_start yard 20.0[3]"},
		{"begins to count", []Fence{late}, []Fence{late}, "inside_at_start yard 10.0[2]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s State
			var events []Event
			for i, ob := range inside {
				ix := NewIndex(tt.before)
				if i >= 2 {
					ix = NewIndex(tt.after)
				}
				events = NewLedger("truck-7", ix).Step(&s, ob, events)
			}
			if got := story(events); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestStepIgnores(t *testing.T) {
	ix := NewIndex([]Fence{{ID: "yard", Shape: block(t, yardCenter, 200, 100), Revision: 1}})
	track := newTrip().line(-125, 0, -65, 0).obs
	last := track[len(track)-1]
	s, _ := follow(ix, track)
	before := string(s.AppendBinary(nil))

	back := last
	back.Fix.Time = last.Fix.Time.Add(-time.Millisecond)
	same := last
	same.Fix.Point = offset(yardCenter, 500, 0)
	refused := last
	refused.Fix.Time = last.Fix.Time.Add(time.Second)
	refused.Fix.Verdict = 1
	nowhere := last
	nowhere.Fix.Time = last.Fix.Time.Add(time.Second)
	nowhere.Fix.Point.Lat = math.NaN()
	farOff := last
	farOff.Fix.Time = time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, ob := range map[string]Observation{"back in time": back, "the same time": same, "refused": refused, "nowhere": nowhere, "beyond time": farOff} {
		if events := NewLedger("truck-7", ix).Step(&s, ob, nil); len(events) > 0 {
			t.Errorf("%s: %s", name, story(events))
		}
		if after := string(s.AppendBinary(nil)); after != before {
			t.Errorf("%s changed the state", name)
		}
	}
}

func TestStateIsAValue(t *testing.T) {
	ix := NewIndex([]Fence{{ID: "yard", Shape: block(t, yardCenter, 200, 100), Revision: 1, Dwell: time.Second}})
	l := NewLedger("truck-7", ix)
	var s State
	for _, ob := range newTrip().line(-125, 0, 125, 0).obs {
		checkpoint := s
		before := string(checkpoint.AppendBinary(nil))
		l.Step(&s, ob, nil)
		if string(checkpoint.AppendBinary(nil)) != before {
			t.Fatalf("step %d changed a copy of the state", ob.Seq)
		}
	}
}

func TestOpenVisits(t *testing.T) {
	ix := NewIndex([]Fence{
		{ID: "yard", Shape: block(t, yardCenter, 200, 100), Revision: 4},
		{ID: "berth", Shape: block(t, offset(yardCenter, -50, 0), 60, 60), Revision: 2},
		{ID: "far", Shape: block(t, offset(yardCenter, 5000, 0), 60, 60), Revision: 1},
	})
	var zero State
	if !zero.Time().IsZero() || zero.Open() != nil {
		t.Errorf("the zero state: %v, %v", zero.Time(), zero.Open())
	}
	track := newTrip().line(-125, 0, -45, 0).obs
	s, _ := follow(ix, track)
	if !s.Time().Equal(track[len(track)-1].Fix.Time) {
		t.Errorf("time %v", s.Time())
	}
	open := s.Open()
	if len(open) != 2 || open[0].Fence != "berth" || open[1].Fence != "yard" || open[1].FenceRevision != 4 || open[1].AtStart ||
		open[1].Since.Sub(start).Round(100*time.Millisecond) != 2500*time.Millisecond || open[1].PlusMinusS <= 0 {
		t.Errorf("open visits %+v", open)
	}
}
