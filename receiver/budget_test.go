package receiver

import (
	"testing"
	"time"

	"dipper/positioning"
)

// A day's budget that is a third of what would be sent is kept to within what the steps of thrift are coarse; one that is ample
// thins nothing.
func TestBudget(t *testing.T) {
	tests := []struct {
		name    string
		perDay  uint64
		rate    float64 // bytes a second without thrift; each level halves it
		within  float64 // of perDay
		thrifty bool
	}{
		{"ample", 20_000_000, 50, 0.3, false},
		{"a third", 1_440_000, 50, 1.01, true},
		{"a tenth", 432_000, 50, 1.01, true},
		{"a hundredth is not possible", 43_200, 50, 2, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := budget{perDay: tt.perDay}
			now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
			var total float64
			for range 2 { // the second day is as the first
				from, highest := total, 0
				for range 24 * 60 {
					highest = max(highest, b.look(now, uint64(total)))
					total += tt.rate / float64(int(1)<<b.thrift) * budgetEvery.Seconds()
					now = now.Add(budgetEvery)
				}
				if used := total - from; used > tt.within*float64(tt.perDay) && tt.perDay > 50_000 {
					t.Errorf("used %.0f of %d bytes", used, tt.perDay)
				}
				if (highest > 0) != tt.thrifty {
					t.Errorf("thrift rose to %d", highest)
				}
				if tt.perDay < 50_000 && b.thrift != maxThrift {
					t.Errorf("thrift is %d where nothing is enough", b.thrift)
				}
			}
		})
	}
}

// A backlog that is sent in the first minute after the start counts for the day.
func TestBudgetFromTheStart(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	b := budget{perDay: 1_000_000, at: start}
	if thrift := b.look(start.Add(time.Minute), 1_500_000); thrift != 1 {
		t.Errorf("thrift %d after more than the day's bytes in the first minute, want 1", thrift)
	}
	if thrift := b.look(start.Add(2*time.Minute), 1_500_100); thrift != 2 {
		t.Errorf("thrift %d with nothing left, want 2", thrift)
	}
	next := start.Add(12 * time.Hour)
	if thrift := b.look(next, 1_500_200); thrift != 1 {
		t.Errorf("thrift %d on the next day with all of the budget left, want 1", thrift)
	}
}

func TestBudgetWhenTheClockIsSetBack(t *testing.T) {
	b := budget{perDay: 1000}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	b.look(now, 10)
	if thrift := b.look(now.Add(-time.Hour), 20); thrift != 0 {
		t.Errorf("thrift %d", thrift)
	}
	if thrift := b.look(now.Add(-59*time.Minute), 900); thrift != 1 {
		t.Errorf("thrift %d after 880 bytes in a minute, want 1", thrift)
	}
}

// A limit that is lifted takes the thrift along.
func TestBudgetLifted(t *testing.T) {
	b := budget{perDay: 1000, thrift: 4}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	b.look(now, 10)
	b.perDay = 0
	if thrift := b.look(now.Add(time.Minute), 1e6); thrift != 0 {
		t.Errorf("thrift %d without a limit", thrift)
	}
}

// Each level of thrift keeps fewer fixes of the same winding drive than the one before, or as few.
func TestThriftKeepsFewer(t *testing.T) {
	fixes := fixesOf(recording(t, "boat-amsterdam.nmea"))
	before := len(fixes) + 1
	for thrift := range maxThrift + 1 {
		var k Counters
		o := newOutlet(Config{Source: parse(t, "auto", SourceOptions{}), Log: testLog(t)}, &k)
		kept := &listSpool{}
		o.spool = kept
		o.save(thrift)
		for _, f := range fixes {
			o.take(0, []positioning.Fix{f}, f.Time)
		}
		o.flush(0)
		if len(kept.fixes) > before || thrift == 1 && len(kept.fixes) == len(fixes) {
			t.Errorf("thrift %d keeps %d fixes, the level before %d", thrift, len(kept.fixes), before)
		}
		before = len(kept.fixes)
	}
}
