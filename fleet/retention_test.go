package fleet_test

import (
	"fmt"
	"testing"
	"time"

	"dipper/fleet"
	"dipper/positioning"
	"dipper/positioning/geo"
	"dipper/positioning/track"
)

// Retention drops the oldest days of a track. What was told of them must neither be taken back nor told otherwise, whatever is late.

var keptStart = time.Date(2026, 11, 1, 0, 30, 0, 0, time.UTC)

// parked is a unit that stands beside the fences until it enters the berth, and stays.
func parked(start time.Time, every time.Duration, n int, enter time.Time) []positioning.Fix {
	fixes := make([]positioning.Fix, n)
	for i := range fixes {
		at := start.Add(time.Duration(i) * every)
		place := geo.Point{Lat: testPlace.Lat + 0.05, Lon: testPlace.Lon}
		if !at.Before(enter) {
			place = geo.Point{Lat: testPlace.Lat, Lon: testPlace.Lon + 0.004}
		}
		fixes[i] = positioning.NewFix(at, place)
		fixes[i].ErrM = 2
	}
	return fixes
}

// keptUnit has sent an hourly fix for some days, and entered the berth on one of them.
func keptUnit(t *testing.T, days, enterDay int) (running, *modelStore, []positioning.Fix) {
	t.Helper()
	store := newModelStore()
	f := run(t, fleet.Config{Store: store, Now: func() time.Time { return keptStart.AddDate(0, 0, 40) }})
	putFences(t, f.Fleet)
	all := parked(keptStart, time.Hour, days*24, keptStart.Add(time.Duration(enterDay)*24*time.Hour+5*time.Hour))
	for i := 0; i < len(all); i += 2 {
		if err := f.Accept(t.Context(), testUnit, track.Batch{Series: 1, First: track.Seq(i + 1), Fixes: all[i : i+2]}); err != nil {
			t.Fatal(err)
		}
	}
	return f, store, all
}

// drop is what a store's retention does.
func (m *modelStore) drop(before time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for day := range m.tracks[testUnit] {
		if day < fleet.DayOf(before) {
			delete(m.tracks[testUnit], day)
		}
	}
}

// told is the whole log of events.
func told(t *testing.T, f running) string {
	t.Helper()
	entries, _, err := f.Events(t.Context(), "", 10_000)
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, e := range entries {
		text += fmt.Sprintf("%s %s %s revision %d retracted %v\n", e.Event.Fence, e.Event.Kind, e.Event.Time, e.Event.Revision, e.Event.Retracted)
	}
	return text
}

func TestCheckpointFromBeforeTheKeptTrackIsNotUsed(t *testing.T) {
	for _, keep := range []int{2, 3, 5, 7} {
		for _, days := range []int{11, 14, 18, 20} {
			for enter := 1; enter < days-keep; enter += 2 {
				for _, age := range []time.Duration{20 * time.Hour, 30 * time.Hour, 47 * time.Hour, 96 * time.Hour} {
					if age > time.Duration(keep-1)*24*time.Hour {
						continue
					}
					f, store, all := keptUnit(t, days, enter)
					end := all[len(all)-1].Time
					store.drop(end.AddDate(0, 0, -keep))
					before := told(t, f)
					late := track.Batch{Series: 2, First: 1, Fixes: parked(end.Add(10*time.Minute-age), time.Hour, 1, keptStart)}
					if err := f.Accept(t.Context(), testUnit, late); err != nil {
						t.Fatal(err)
					}
					if after := told(t, f); after != before {
						t.Fatalf("%d of %d days kept, entered on day %d, late by %v: told\n%swas\n%s", keep, days, enter, age, after, before)
					}
					f.stop()
				}
			}
		}
	}
}

// The first late batch is stored on a day that was dropped, which must not make the second believe that the day is whole.
func TestLateFixesOnDroppedDaysAreStoredOnly(t *testing.T) {
	f, store, _ := keptUnit(t, 9, 1)
	defer f.stop()
	store.drop(keptStart.AddDate(0, 0, 7))
	before := told(t, f)
	for i, at := range []time.Duration{-6 * time.Hour, time.Hour, 75 * time.Hour} { // before the first fix, on its day, on one between
		for k := range 3 {
			b := track.Batch{Series: track.Series(2 + i), First: track.Seq(k + 1)}
			b.Fixes = parked(keptStart.Add(at+time.Duration(k)*11*time.Minute), time.Hour, 1, keptStart.AddDate(1, 0, 0))
			if err := f.Accept(t.Context(), testUnit, b); err != nil {
				t.Fatal(err)
			}
			if after := told(t, f); after != before {
				t.Fatalf("%v after the first fix, batch %d: told\n%swas\n%s", at, k+1, after, before)
			}
		}
	}
}

// Nothing at all is kept, as of a unit that was away for long: what comes next goes on from where it was, and what is
// older than that is stored only.
func TestUnitGoesOnWhenAllOfItsTrackWasDropped(t *testing.T) {
	f, store, all := keptUnit(t, 9, 1)
	defer f.stop()
	end := all[len(all)-1].Time
	store.drop(end.AddDate(0, 0, 2))
	before := told(t, f)
	away := end.Add(100 * 24 * time.Hour) // from here on it stands outside
	both := append(parked(end.Add(-30*time.Minute), time.Hour, 1, away), parked(end.Add(10*time.Minute), time.Minute, 5, away)...)
	if err := f.Accept(t.Context(), testUnit, track.Batch{Series: 1, First: track.Seq(len(all) + 1), Fixes: both}); err != nil {
		t.Fatal(err)
	}
	v, err := f.Unit(t.Context(), testUnit)
	if err != nil || !v.Fix.Time.Equal(both[5].Time) || len(v.Visits) != 0 {
		t.Errorf("last fix %v, visits %v, %v, want the newest, outside", v.Fix.Time, v.Visits, err)
	}
	after := told(t, f)
	if len(after) <= len(before) || after[:len(before)] != before {
		t.Fatalf("told\n%swas\n%s", after, before)
	}
	late := parked(end.Add(12*time.Minute+30*time.Second), time.Second, 1, away) // the day that is there again
	if err := f.Accept(t.Context(), testUnit, track.Batch{Series: 2, First: 1, Fixes: late}); err != nil {
		t.Fatal(err)
	}
	if again := told(t, f); again != after {
		t.Errorf("told\n%swas\n%s", again, after)
	}
}
