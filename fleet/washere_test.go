package fleet_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dipper/fleet"
	"dipper/geofence"
	"dipper/positioning"
	"dipper/positioning/geo"
	"dipper/positioning/track"
)

// A yard of 100 m and fixes on a line through it, at some metres east of its middle.
func TestWasHereRules(t *testing.T) {
	yard, err := geofence.NewCircle(testPlace, 50)
	if err != nil {
		t.Fatal(err)
	}
	area, err := fleet.ShapeArea(yard)
	if err != nil {
		t.Fatal(err)
	}
	type at struct{ s, m float64 } // seconds after noon, metres
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	after := func(s float64) time.Time { return noon.Add(time.Duration(s * float64(time.Second))) }
	refused := map[float64]bool{}
	for _, c := range []struct {
		name     string
		fixes    []at
		from, to float64
		want     string // first, last and fixes; "" was not there
	}{
		{"a fix in it", []at{{0, 500}, {600, 0}, {1200, 500}}, 0, 1200, "600-600 1"},
		{"a fix in it at another time", []at{{0, 500}, {600, 0}, {1200, 500}}, 601, 1200, ""},
		{"the ends are included", []at{{600, 0}}, 600, 600, "600-600 1"},
		{"a refused fix", []at{{0, 500}, {-1, 0}, {1200, 500}}, -100, 1200, ""},
		{"passed between two fixes", []at{{0, -500}, {60, 500}}, 0, 60, "0-60 0"},
		{"passed before", []at{{0, -500}, {60, 500}}, 40, 60, ""},
		{"passed then", []at{{0, -500}, {60, 500}}, 29, 31, "29-31 0"},
		{"the way is anybody's guess", []at{{0, -500}, {121, 500}}, 0, 121, ""},
		{"parked, a fix each 5 min", []at{{0, 10}, {300, 10}}, 100, 110, "100-110 0"},
		{"parked, reported hourly", []at{{0, 10}, {3600, 10}}, 1000, 1010, "1000-1010 0"},
		{"two hours are too long to know", []at{{0, 10}, {7200, 10}}, 1000, 1010, ""},
		{"nothing since", []at{{0, 10}}, 1000, 1010, ""},
		{"over midnight", []at{{43190, 10}, {43500, 10}}, 43300, 43310, "43300-43310 0"},
		{"from before until after", []at{{0, 500}, {60, 0}, {3000, 0}, {3060, 500}}, 100, 3050, "100-3050 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			refused[-1] = true
			f := run(t, fleet.Config{Store: newModelStore()})
			defer f.stop()
			b := track.Batch{Series: 1, First: 1}
			for _, x := range c.fixes {
				fix := positioning.NewFix(after(x.s), geo.Point{Lat: testPlace.Lat, Lon: testPlace.Lon + x.m/90163})
				if refused[x.s] {
					fix.Verdict = positioning.RefusedJump
				}
				b.Fixes = append(b.Fixes, fix)
			}
			if err := f.Accept(t.Context(), "u", b); err != nil {
				t.Fatal(err)
			}
			r, err := f.WasHere(t.Context(), fleet.WasHereQuery{Area: area, From: after(c.from), To: after(c.to), Limit: 10})
			if err != nil || r.Next != "" || r.Left != 0 {
				t.Fatalf("%+v, %v", r, err)
			}
			got := ""
			for _, p := range r.Units {
				got += fmt.Sprintf("%v-%v %d", p.First.Sub(noon).Seconds(), p.Last.Sub(noon).Seconds(), p.Fixes)
			}
			if got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// Whatever the order of arrival, the answer is that of standing at the area and looking at each moment.
func TestWasHereAgreesWithLookingAtEachMoment(t *testing.T) {
	var seen, notSeen int
	rapid.Check(t, func(rt *rapid.T) {
		f := run(t, fleet.Config{Store: newModelStore()})
		defer f.stop()
		fixes := drawTrack(rt)
		for _, b := range drawArrival(rt, fixes) {
			if err := f.Accept(t.Context(), testUnit, b); err != nil {
				rt.Fatal(err)
			}
		}
		from := testStart.Add(time.Duration(rapid.IntRange(-60, 3000).Draw(rt, "from")) * time.Second)
		to := from.Add(time.Duration(rapid.IntRange(0, 200).Draw(rt, "for")) * time.Second)
		x := rapid.Float64Range(-0.003, 0.01).Draw(rt, "x")
		box := geo.Box{West: testPlace.Lon + x, South: 35.9, East: testPlace.Lon + x + rapid.Float64Range(0, 0.002).Draw(rt, "width"), North: 36.1}
		area, err := fleet.BoxArea(box)
		if err != nil {
			rt.Fatal(err)
		}
		r, err := f.WasHere(t.Context(), fleet.WasHereQuery{Area: area, From: from, To: to, Limit: 10})
		if err != nil {
			rt.Fatal(err)
		}
		wide := box
		wide.West, wide.East = box.West-1e-6, box.East+1e-6
		sure, maybe := thereAtAnyMoment(expect(t, testUnit, fixes, indexOf(f.Fleet)).track, box, from, to), thereAtAnyMoment(fixes, wide, from, to)
		switch got := len(r.Units) == 1; {
		case sure && !got:
			rt.Fatalf("was not there, looking says it was: %+v", r)
		case got && !sure && !maybe && box.East-box.West > 1e-4: // what is narrower may lie between two moments
			rt.Fatalf("was there, looking says it was not: %+v", r)
		case got:
			seen++
			if p := r.Units[0]; p.First.Before(from) || p.Last.After(to) || p.Last.Before(p.First) {
				rt.Fatalf("%+v is not within %v and %v", p, from, to)
			}
		default:
			notSeen++
		}
	})
	if seen == 0 || notSeen == 0 {
		t.Errorf("was there %d times, was not %d times: the test shows nothing", seen, notSeen)
	}
}

// thereAtAnyMoment looks at every tenth of a second.
func thereAtAnyMoment(sorted []fleet.TrackFix, box geo.Box, from, to time.Time) bool {
	var before *positioning.Fix
	for i := range sorted {
		f := &sorted[i].Fix
		if f.Verdict != positioning.Accepted || before != nil && !f.Time.After(before.Time) {
			continue
		}
		if !f.Time.Before(from) && !f.Time.After(to) && box.Contains(f.Point) {
			return true
		}
		if before != nil {
			gap := f.Time.Sub(before.Time)
			stays := box.Contains(before.Point) && box.Contains(f.Point) && gap <= fleet.MaxStayGap
			for at := from; !at.After(to) && (stays || gap <= geofence.MaxPassGap); at = at.Add(100 * time.Millisecond) {
				share := at.Sub(before.Time).Seconds() / gap.Seconds()
				if share < 0 || share > 1 {
					continue
				}
				lon := before.Point.Lon + (f.Point.Lon-before.Point.Lon)*share
				if stays || box.Contains(geo.Point{Lat: before.Point.Lat, Lon: lon}) {
					return true
				}
			}
		}
		before = f
	}
	return false
}

func TestWasHereByPages(t *testing.T) {
	f := run(t, fleet.Config{Store: newModelStore()})
	defer f.stop()
	points := map[fleet.UnitID]geo.Point{}
	var want []fleet.UnitID
	for i := range 150 {
		id := fleet.UnitID(fmt.Sprintf("u%03d", i))
		points[id] = geo.Point{Lat: 36, Lon: 120 + float64(i%2)}
		if i%2 == 1 {
			want = append(want, id)
		}
	}
	place(t, f.Fleet, points)
	area, err := fleet.BoxArea(geo.Box{West: 120.5, South: 35, East: 121.5, North: 37})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		limit int
		bytes int64
		pages int
	}{{"all at once", 1000, 0, 1}, {"ten units a page", 10, 0, 8}, {"few bytes a page", 1000, 1, 3}} {
		t.Run(c.name, func(t *testing.T) {
			q := fleet.WasHereQuery{Area: area, From: testStart.Add(-time.Hour), To: testStart.Add(time.Hour), Limit: c.limit, MaxBytes: c.bytes}
			var got []fleet.UnitID
			pages, examined := 0, 0
			for {
				r, err := f.WasHere(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range r.Units {
					got = append(got, p.Unit)
				}
				pages++
				if examined += r.Examined; examined+r.Left != 150 {
					t.Fatalf("page %d: %d looked at, %d left", pages, examined, r.Left)
				}
				if r.Next == "" {
					break
				}
				q.After = r.Next
			}
			if !slices.Equal(got, want) || pages != c.pages {
				t.Errorf("%d pages with %v, want %d with %v", pages, got, c.pages, want)
			}
		})
	}
	r, err := f.WasHere(t.Context(), fleet.WasHereQuery{Area: area, From: testStart.Add(time.Minute), To: testNow, Limit: 1})
	if err != nil || r.Examined != 0 {
		t.Errorf("a time in which nobody sent: %+v, %v", r, err)
	}
}

func TestWasHereRefuses(t *testing.T) {
	_, f, _ := newDriver(t)
	for field, q := range map[string]fleet.WasHereQuery{
		"limit": {From: testStart, To: testStart},
		"to":    {From: testStart, To: testStart.Add(-1), Limit: 1},
	} {
		var invalid *fleet.InvalidError
		if _, err := f.WasHere(t.Context(), q); !errors.As(err, &invalid) || invalid.Field != field {
			t.Errorf("%v, want field %q", err, field)
		}
	}
	var invalid *fleet.InvalidError
	if _, err := f.WasHere(t.Context(), fleet.WasHereQuery{From: testStart, To: testStart.AddDate(0, 2, 0), Limit: 1}); !errors.As(err, &invalid) {
		t.Errorf("two months: %v", err)
	}
	if _, err := fleet.BoxArea(geo.Box{West: math.NaN()}); !errors.As(err, &invalid) || invalid.Field != "bbox" {
		t.Errorf("a box of no place: %v", err)
	}
}
