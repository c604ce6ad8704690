package cell_test

import (
	"math"
	"slices"
	"testing"

	"github.com/uber/h3-go/v4"
	"pgregory.net/rapid"

	"dipper/fleet/cell"
	"dipper/positioning/geo"
)

func drawPoint(t *rapid.T) geo.Point {
	switch rapid.IntRange(0, 4).Draw(t, "where") {
	case 0: // close to a pole
		return geo.Point{Lat: 90 - rapid.Float64Range(0, 2).Draw(t, "colat"), Lon: rapid.Float64Range(-180, 180).Draw(t, "lon")}
	case 1: // close to the 180° meridian
		return geo.Point{Lat: rapid.Float64Range(-90, 90).Draw(t, "lat"), Lon: 180 - rapid.Float64Range(0, 0.2).Draw(t, "dlon")}
	case 2: // close to the pentagon of Dalian
		return geo.Point{Lat: 39.1 + rapid.Float64Range(-1, 1).Draw(t, "lat"), Lon: 122.3 + rapid.Float64Range(-1, 1).Draw(t, "lon")}
	}
	lat := math.Asin(rapid.Float64Range(-1, 1).Draw(t, "sin")) * 180 / math.Pi
	return geo.Point{Lat: lat, Lon: rapid.Float64Range(-180, 180).Draw(t, "lon")}
}

func TestFromPointKnownCells(t *testing.T) {
	for _, c := range []struct {
		name string
		p    geo.Point
		want string
	}{
		{"Shanghai, Waigaoqiao", geo.Point{Lat: 31.247981667, Lon: 121.587403333}, "873099413ffffff"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := cell.FromPoint(c.p).String(); got != c.want {
				t.Errorf("FromPoint(%v) = %s, want %s", c.p, got, c.want)
			}
		})
	}
}

func TestFromPointOfNoPlace(t *testing.T) {
	for _, p := range []geo.Point{{Lat: 131}, {Lat: -90.1}, {Lon: 181}, {Lat: math.NaN()}, {Lon: math.Inf(1)}} {
		if got := cell.FromPoint(p); got != 0 {
			t.Errorf("FromPoint(%v) = %v, want no cell", p, got)
		}
	}
}

func TestIsValid(t *testing.T) {
	good := cell.FromPoint(geo.Point{Lat: 36, Lon: 120})
	for _, c := range []struct {
		id   cell.ID
		want bool
	}{{good, true}, {cell.Parent(good, 0), true}, {0, false}, {math.MaxUint64, false}, {good | 1<<63, false}, {good &^ 1, false}} {
		if got := cell.IsValid(c.id); got != c.want {
			t.Errorf("IsValid(%v) = %v, want %v", c.id, got, c.want)
		}
	}
}

func TestParentAgreesWithH3(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPoint(t)
		from := rapid.IntRange(0, 15).Draw(t, "from")
		c, err := h3.LatLngToCell(h3.LatLng{Lat: p.Lat, Lng: p.Lon}, from)
		if err != nil {
			t.Fatal(err)
		}
		if got := cell.Resolution(cell.ID(c)); got != from {
			t.Fatalf("Resolution(%v) = %d, want %d", c, got, from)
		}
		for r := 0; r <= from; r++ {
			want, err := c.Parent(r)
			if err != nil {
				t.Fatal(err)
			}
			if got := cell.Parent(cell.ID(c), r); got != cell.ID(want) {
				t.Fatalf("Parent(%v, %d) = %v, want %v", c, r, got, want)
			}
		}
		for _, r := range []int{-1, from + 1, 16} {
			if got := cell.Parent(cell.ID(c), r); got != 0 {
				t.Fatalf("Parent(%v, %d) = %v, want none", c, r, got)
			}
		}
	})
}

func TestCenterIsInItsCell(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := cell.FromPoint(drawPoint(t))
		if got := cell.FromPoint(cell.Center(c)); got != c {
			t.Fatalf("the centre of %v is in %v", c, got)
		}
	})
}

// drawBoxAround gives a box that holds p: a point, a street, a country, a band around the earth, or over the 180° meridian.
func drawBoxAround(t *rapid.T, p geo.Point) geo.Box {
	scale := math.Pow(10, rapid.Float64Range(-7, 2.3).Draw(t, "scale"))
	part := rapid.Float64Range(0, 1)
	width, height := scale*part.Draw(t, "width"), scale*part.Draw(t, "height")
	wrap := func(lon float64) float64 {
		switch {
		case lon > 180:
			return lon - 360
		case lon < -180:
			return lon + 360
		}
		return lon
	}
	east, north := part.Draw(t, "east"), part.Draw(t, "north")
	b := geo.Box{
		West: wrap(p.Lon - width*(1-east)), East: wrap(p.Lon + width*east),
		South: max(-90, p.Lat-height*(1-north)), North: min(90, p.Lat+height*north),
	}
	if width >= 360 {
		b.West, b.East = -180, 180
	}
	return b
}

func TestCoverMissesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPoint(t)
		b := drawBoxAround(t, p)
		if b.Check() != nil || !b.Contains(p) {
			t.Skip("rounding put the point outside")
		}
		r := rapid.SampledFrom([]int{0, 2, cell.Directory, 5, cell.Working}).Draw(t, "resolution")
		cells, ok := cell.Cover(b, r, 2000)
		if !ok {
			return
		}
		if c := cell.Parent(cell.FromPoint(p), r); !slices.Contains(cells, c) {
			t.Fatalf("Cover(%+v, %d) has %d cells without %v of %v", b, r, len(cells), c, p)
		}
		for i, c := range cells {
			if !cell.IsValid(c) || cell.Resolution(c) != r || i > 0 && cells[i-1] >= c {
				t.Fatalf("Cover(%+v, %d)[%d] = %v after %v", b, r, i, c, cells[max(i-1, 0)])
			}
		}
	})
}

// A cover that names the whole earth would miss nothing either: it must be close.
func TestCoverIsClose(t *testing.T) {
	for _, c := range []struct {
		name       string
		b          geo.Box
		resolution int
		atMost     int
	}{
		{"a point", geo.Box{West: 120.3, South: 36, East: 120.3, North: 36}, cell.Working, 5},
		{"a port of 10 km", geo.Box{West: 120.15, South: 35.97, East: 120.26, North: 36.06}, cell.Working, 60},
		{"a region of 1°", geo.Box{West: 120, South: 36, East: 121, North: 37}, cell.Working, 3200},
		{"over the 180° meridian", geo.Box{West: 179.95, South: 10, East: -179.95, North: 10.1}, cell.Working, 60},
		{"at the north pole", geo.Box{West: -180, South: 89.9, East: 180, North: 90}, cell.Working, 160},
		{"China", geo.Box{West: 73, South: 18, East: 135, North: 54}, cell.Directory, 2300},
	} {
		t.Run(c.name, func(t *testing.T) {
			cells, ok := cell.Cover(c.b, c.resolution, c.atMost)
			if !ok {
				more, _ := cell.Cover(c.b, c.resolution, 100*c.atMost)
				t.Fatalf("Cover has %d cells, want at most %d", len(more), c.atMost)
			}
			t.Logf("%d cells", len(cells))
		})
	}
}

func TestCoverOfTooMuch(t *testing.T) {
	world := geo.Box{West: -180, South: -90, East: 180, North: 90}
	if cells, ok := cell.Cover(world, cell.Working, 10_000); ok || cells != nil {
		t.Errorf("the earth was covered with %d working cells", len(cells))
	}
	if cells, ok := cell.Cover(world, 0, 122); !ok || len(cells) != 122 {
		t.Errorf("the earth has %d base cells, want 122", len(cells))
	}
	if cells, ok := cell.Cover(world, 2, 5882); !ok || len(cells) != 5882 {
		t.Errorf("the earth has %d cells of resolution 2, want 5882", len(cells))
	}
	for _, r := range []int{-1, cell.Working + 1} {
		if _, ok := cell.Cover(geo.Box{}, r, 1000); ok {
			t.Errorf("Cover at resolution %d worked", r)
		}
	}
	if _, ok := cell.Cover(geo.Box{West: math.NaN()}, 0, 1000); ok {
		t.Error("Cover of a box of no place worked")
	}
}

func BenchmarkFromPoint(b *testing.B) {
	p := geo.Point{Lat: 36.0671234, Lon: 120.3826543}
	for b.Loop() {
		cell.FromPoint(p)
	}
}

func BenchmarkParent(b *testing.B) {
	c := cell.FromPoint(geo.Point{Lat: 36.0671234, Lon: 120.3826543})
	for b.Loop() {
		cell.Parent(c, cell.Directory)
	}
}

func BenchmarkCover(b *testing.B) {
	for _, c := range []struct {
		name string
		box  geo.Box
		r    int
	}{
		{"street", geo.Box{West: 120.3, South: 36, East: 120.31, North: 36.01}, cell.Working},
		{"port", geo.Box{West: 120.15, South: 35.97, East: 120.26, North: 36.06}, cell.Working},
		{"city", geo.Box{West: 120, South: 36, East: 120.6, North: 36.4}, cell.Working},
		{"China", geo.Box{West: 73, South: 18, East: 135, North: 54}, cell.Directory},
	} {
		b.Run(c.name, func(b *testing.B) {
			n := 0
			for b.Loop() {
				cells, _ := cell.Cover(c.box, c.r, 1<<20)
				n = len(cells)
			}
			b.ReportMetric(float64(n), "cells")
		})
	}
}

func TestNearestMIsNeverTooFar(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from, p := drawPoint(t), drawPoint(t)
		if c := cell.FromPoint(p); cell.NearestM(from, c) > geo.Distance(from, p) {
			t.Fatalf("%v is %.0f m from %v, its cell %v at least %.0f m", p, geo.Distance(from, p), from, c, cell.NearestM(from, c))
		}
	})
}
