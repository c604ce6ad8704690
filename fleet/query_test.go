package fleet_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dipper/fleet"
	"dipper/positioning"
	"dipper/positioning/geo"
	"dipper/positioning/track"
)

// place makes units with one fix each.
func place(t testing.TB, f *fleet.Fleet, points map[fleet.UnitID]geo.Point) {
	t.Helper()
	for id, p := range points {
		b := track.Batch{Series: 1, First: 1, Fixes: []positioning.Fix{positioning.NewFix(testStart, p)}}
		if err := f.Accept(t.Context(), id, b); err != nil {
			t.Fatal(err)
		}
	}
}

func TestUnitsInAgreesWithLookingAtAll(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := run(t, fleet.Config{Store: newModelStore()})
		defer f.stop()
		around := func(what string, center, spread float64) float64 {
			return center + rapid.Float64Range(-spread, spread).Draw(rt, what)
		}
		points := map[fleet.UnitID]geo.Point{}
		for i := range rapid.IntRange(1, 12).Draw(rt, "units") {
			p := geo.Point{Lat: around("lat", 36, 0.3), Lon: around("lon", 120, 0.3)}
			if rapid.Bool().Draw(rt, "far") {
				p = geo.Point{Lat: around("lat", 0, 90), Lon: around("lon", 0, 180)}
			}
			points[fleet.UnitID(fmt.Sprintf("u%02d", i))] = track.Quantize(positioning.NewFix(testStart, p)).Point
		}
		place(t, f.Fleet, points)
		var box geo.Box
		switch rapid.IntRange(0, 3).Draw(rt, "box") {
		case 0:
			box = geo.Box{West: around("w", 119.9, 0.2), South: around("s", 35.9, 0.2), East: around("e", 120.1, 0.2), North: around("n", 36.1, 0.2)}
		case 1:
			box = geo.Box{West: around("w", 0, 180), South: around("s", -45, 45), East: around("e", 0, 180), North: around("n", 45, 45)}
		case 2:
			box = geo.Box{West: -180, South: -90, East: 180, North: 90}
		default: // one unit's very point
			p := points["u00"]
			box = geo.Box{West: p.Lon, South: p.Lat, East: p.Lon, North: p.Lat}
		}
		if box.South > box.North {
			box.South, box.North = box.North, box.South
		}
		var want []fleet.UnitID
		for id, p := range points {
			if box.Contains(p) {
				want = append(want, id)
			}
		}
		slices.Sort(want)
		got, truncated, err := f.UnitsIn(t.Context(), box, 1000)
		if err != nil || truncated {
			rt.Fatalf("truncated %v, %v", truncated, err)
		}
		if !slices.Equal(ids(got), want) {
			rt.Fatalf("UnitsIn(%+v) = %v, want %v", box, ids(got), want)
		}
		if len(want) > 1 {
			few, truncated, err := f.UnitsIn(t.Context(), box, len(want)-1)
			if err != nil || !truncated || len(few) != len(want)-1 {
				rt.Fatalf("limited: %d units, truncated %v, %v", len(few), truncated, err)
			}
		}
		all, err := f.AllUnits(t.Context())
		if err != nil || len(all) != len(points) {
			rt.Fatalf("AllUnits: %v, %v", ids(all), err)
		}
	})
}

func ids(positions []fleet.Position) []fleet.UnitID {
	var out []fleet.UnitID
	for _, p := range positions {
		out = append(out, p.Unit)
	}
	return out
}

func TestQueriesRefuse(t *testing.T) {
	_, f, _ := newDriver(t)
	ctx := t.Context()
	var invalid *fleet.InvalidError
	if _, _, err := f.UnitsIn(ctx, geo.Box{South: 1, North: -1}, 10); !errors.As(err, &invalid) || invalid.Field != "bbox" {
		t.Errorf("a box upside down: %v", err)
	}
	if _, _, err := f.UnitsIn(ctx, geo.Box{}, 0); !errors.As(err, &invalid) || invalid.Field != "limit" {
		t.Errorf("limit 0: %v", err)
	}
	if _, _, err := f.Track(ctx, "u", testStart, testNow, 0); !errors.As(err, &invalid) {
		t.Errorf("limit 0: %v", err)
	}
	for name, err := range map[string]error{
		"Unit":         second(f.Unit(ctx, "nobody")),
		"Completeness": second(f.Completeness(ctx, "nobody")),
		"Inside":       second(f.Inside(ctx, "nowhere")),
		"Fence":        second(f.Fence(ctx, "nowhere")),
		"Registered":   second(f.Registered(ctx, "nobody")),
		"ReplaceKey":   second(f.ReplaceKey(ctx, "nobody")),
	} {
		if !errors.Is(err, fleet.ErrNotFound) {
			t.Errorf("%s: %v, want ErrNotFound", name, err)
		}
	}
	for name, err := range map[string]error{"Unit": second(f.Unit(ctx, "a b")), "Held": second(f.Held(ctx, "", 1))} {
		if !errors.Is(err, fleet.ErrBadUnitID) {
			t.Errorf("%s: %v, want ErrBadUnitID", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestTrackLimitAndBounds(t *testing.T) {
	f := run(t, fleet.Config{Store: newModelStore()})
	defer f.stop()
	fixes := fixesAt(testStart, time.Hour, 100) // five days
	if err := f.Accept(t.Context(), "u", batchOf(numbered(fixes))); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		from, to, limit int // hours
		want            []track.Seq
		truncated       bool
	}{
		{10, 12, 100, []track.Seq{11, 12, 13}, false},
		{10, 12, 3, []track.Seq{11, 12, 13}, false},
		{10, 50, 2, []track.Seq{11, 12}, true},
		{200, 300, 2, nil, false},
		{50, 40, 2, nil, false},
	} {
		hour := func(h int) time.Time { return testStart.Add(time.Duration(h) * time.Hour) }
		got, truncated, err := f.Track(t.Context(), "u", hour(c.from), hour(c.to), c.limit)
		if err != nil {
			t.Fatal(err)
		}
		var seqs []track.Seq
		for _, x := range got {
			seqs = append(seqs, x.Seq)
		}
		if !slices.Equal(seqs, c.want) || truncated != c.truncated {
			t.Errorf("Track(%d h, %d h, %d) = %v, truncated %v, want %v, %v", c.from, c.to, c.limit, seqs, truncated, c.want, c.truncated)
		}
	}
}

func TestCompletenessJSON(t *testing.T) {
	f := run(t, fleet.Config{Store: newModelStore()})
	defer f.stop()
	send := func(series track.Series, first track.Seq, n int) {
		t.Helper()
		b := track.Batch{Series: series, First: first, Fixes: fixesAt(testStart, time.Second, n)}
		if err := f.Accept(t.Context(), "u", b); err != nil {
			t.Fatal(err)
		}
	}
	send(8, 1, 500)
	send(8, 504, 1)
	want := func(text string) {
		t.Helper()
		c, err := f.Completeness(t.Context(), "u")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := json.Marshal(c); err != nil || string(got) != text {
			t.Errorf("%s, %v, want\n%s", got, err, text)
		}
	}
	want(`{"unit":"u","highest":504,"held":[[1,500],[504,504]],"missing":[[501,503]],"series":8}`)
	send(9, 1, 2)
	want(`{"unit":"u","highest":2,"held":[[1,2]],"missing":[],"series":9,"earlier":[{"series":8,"highest":504,"held":[[1,500],[504,504]],"missing":[[501,503]]}]}`)
}
