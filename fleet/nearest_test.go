package fleet_test

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"dipper/fleet"
	"dipper/geofence"
	"dipper/positioning"
	"dipper/positioning/geo"
	"dipper/positioning/track"
)

// drawAnywhere gives a place: close to one of a few, among them where an index goes wrong, or anywhere.
func drawAnywhere(t *rapid.T, name string) geo.Point {
	around := rapid.SampledFrom([]geo.Point{
		{Lat: 36, Lon: 120}, {Lat: 39.1, Lon: 122.3} /* the pentagon of Dalian */, {Lat: -17, Lon: 180}, {Lat: 89.99, Lon: 10}, {Lat: -90, Lon: 0},
	}).Draw(t, name+" around")
	spread := math.Pow(10, rapid.Float64Range(-4, 1.5).Draw(t, name+" spread"))
	part := rapid.Float64Range(-1, 1)
	p := geo.Point{
		Lat: min(90, max(-90, around.Lat+spread*part.Draw(t, name+" north"))),
		Lon: geo.LonDelta(0, around.Lon+spread*part.Draw(t, name+" east")*min(1e3, 1/math.Cos(around.Lat*math.Pi/180))),
	}
	return track.Quantize(positioning.NewFix(testStart, p)).Point
}

func TestNearestAgreesWithLookingAtAll(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := run(t, fleet.Config{Store: newModelStore()})
		defer f.stop()
		points := map[fleet.UnitID]geo.Point{}
		for i := range rapid.IntRange(0, 15).Draw(rt, "units") {
			id := fleet.UnitID(fmt.Sprintf("u%02d", i))
			points[id] = drawAnywhere(rt, string(id))
			if i > 0 && rapid.Bool().Draw(rt, "as the first") { // equally far
				points[id] = points["u00"]
			}
		}
		place(t, f.Fleet, points)
		from := drawAnywhere(rt, "from")
		count := rapid.IntRange(1, 18).Draw(rt, "count")
		radius := rapid.SampledFrom([]float64{0, 500, 20_000, 3e6, 3e7}).Draw(rt, "radius")
		type near struct {
			id fleet.UnitID
			m  float64
		}
		var want []near
		for id, p := range points {
			if m := geo.Geodesic(from, p); radius == 0 || m <= radius {
				want = append(want, near{id, m})
			}
		}
		slices.SortFunc(want, func(a, b near) int { return cmp.Or(cmp.Compare(a.m, b.m), cmp.Compare(a.id, b.id)) })
		want = want[:min(count, len(want))]
		found, err := f.Nearest(t.Context(), from, count, radius)
		if err != nil {
			rt.Fatal(err)
		}
		var got []near
		for _, n := range found {
			got = append(got, near{n.Unit, n.DistanceM})
		}
		if !slices.Equal(got, want) {
			rt.Fatalf("the %d nearest to %+v within %v m are %v, want %v", count, from, radius, got, want)
		}
	})
}

func TestNearestRefuses(t *testing.T) {
	_, f, _ := newDriver(t)
	for _, c := range []struct {
		p      geo.Point
		count  int
		radius float64
		field  string
	}{
		{geo.Point{Lat: 91}, 1, 0, "lat"}, {geo.Point{}, 0, 0, "limit"}, {geo.Point{}, 1, -1, "radius_m"}, {geo.Point{}, 1, math.NaN(), "radius_m"},
	} {
		var invalid *fleet.InvalidError
		if _, err := f.Nearest(t.Context(), c.p, c.count, c.radius); !errors.As(err, &invalid) || invalid.Field != c.field {
			t.Errorf("Nearest(%v, %d, %v): %v, want field %q", c.p, c.count, c.radius, err, c.field)
		}
	}
	if got, err := f.Nearest(t.Context(), geo.Point{Lat: 36, Lon: 120}, 5, 0); err != nil || len(got) != 0 {
		t.Errorf("an empty fleet: %v, %v", got, err)
	}
}

func TestUnitsWithinAgreesWithLookingAtAll(t *testing.T) {
	ring := func(w, s, e, n float64) []geo.Point {
		return []geo.Point{{Lat: s, Lon: w}, {Lat: s, Lon: e}, {Lat: n, Lon: e}, {Lat: n, Lon: w}, {Lat: s, Lon: w}}
	}
	polygons := func(p ...[][]geo.Point) geofence.Shape {
		s, err := geofence.NewPolygons(p, geofence.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	circle, err := geofence.NewCircle(geo.Point{Lat: 39.1, Lon: 122.3}, 40_000)
	if err != nil {
		t.Fatal(err)
	}
	shapes := []geofence.Shape{
		polygons([][]geo.Point{ring(119.5, 35.5, 120.5, 36.5), ring(119.9, 35.9, 120.1, 36.1)}), // with a hole
		polygons([][]geo.Point{ring(179, -18, -179, -16)}),
		polygons([][]geo.Point{ring(119.99, 35.99, 120, 36)}, [][]geo.Point{ring(122, 39, 122.5, 39.2)}),
		polygons([][]geo.Point{ring(0, 85, 80, 90)}),
		circle,
	}
	rapid.Check(t, func(rt *rapid.T) {
		f := run(t, fleet.Config{Store: newModelStore()})
		defer f.stop()
		points := map[fleet.UnitID]geo.Point{}
		for i := range rapid.IntRange(1, 12).Draw(rt, "units") {
			id := fleet.UnitID(fmt.Sprintf("u%02d", i))
			points[id] = drawAnywhere(rt, string(id))
		}
		place(t, f.Fleet, points)
		shape := rapid.SampledFrom(shapes).Draw(rt, "shape")
		var want []fleet.UnitID
		for id, p := range points {
			if shape.Contains(p) {
				want = append(want, id)
			}
		}
		slices.Sort(want)
		area, err := fleet.ShapeArea(shape)
		if err != nil {
			rt.Fatal(err)
		}
		got, truncated, err := f.UnitsWithin(t.Context(), area, 100)
		if err != nil || truncated || !slices.Equal(ids(got), want) {
			rt.Fatalf("UnitsWithin = %v, truncated %v, %v, want %v", ids(got), truncated, err, want)
		}
	})
	var invalid *fleet.InvalidError
	if _, err := fleet.ShapeArea(geofence.Shape{}); !errors.As(err, &invalid) || invalid.Field != "within" {
		t.Errorf("no shape: %v", err)
	}
}
