package geofence

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/peterstace/simplefeatures/geom"
	"pgregory.net/rapid"

	"dipper/positioning/geo"
)

func TestContains(t *testing.T) {
	square := func(w, s, e, n float64) []geo.Point {
		return []geo.Point{{Lat: s, Lon: w}, {Lat: s, Lon: e}, {Lat: n, Lon: e}, {Lat: n, Lon: w}, {Lat: s, Lon: w}}
	}
	holed := mustPolygon(t, square(120, 36, 121, 37), square(120.4, 36.4, 120.6, 36.6))
	across := mustPolygon(t, square(179, -1, -179, 1))
	cut, err := NewPolygons([][][]geo.Point{{square(179, -1, 180, 1)}, {square(-180, -1, -179, 1)}}, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	arctic := mustPolygon(t, square(30, 80, 60, 89.5))
	circle := mustCircle(t, yardCenter, 100)
	fiji := mustCircle(t, geo.Point{Lat: -17, Lon: 179.9995}, 100)
	road := mustCorridor(t, 20, yardCenter, offset(yardCenter, 1000, 0), offset(yardCenter, 1000, 500))

	tests := []struct {
		name  string
		shape Shape
		p     geo.Point
		want  bool
	}{
		{"inside", holed, geo.Point{Lat: 36.2, Lon: 120.2}, true},
		{"in the hole", holed, geo.Point{Lat: 36.5, Lon: 120.5}, false},
		{"west border belongs to it", holed, geo.Point{Lat: 36.5, Lon: 120}, true},
		{"south border belongs to it", holed, geo.Point{Lat: 36, Lon: 120.5}, true},
		{"east border does not", holed, geo.Point{Lat: 36.5, Lon: 121}, false},
		{"north border does not", holed, geo.Point{Lat: 37, Lon: 120.5}, false},
		{"the hole's east border does", holed, geo.Point{Lat: 36.5, Lon: 120.6}, true},
		{"south-west corner", holed, geo.Point{Lat: 36, Lon: 120}, true},
		{"north-east corner", holed, geo.Point{Lat: 37, Lon: 121}, false},
		{"level with a corner, west of it", holed, geo.Point{Lat: 36, Lon: 119}, false},
		{"the other side of the earth", holed, geo.Point{Lat: 36.5, Lon: -59.5}, false},
		{"east of the antimeridian", across, geo.Point{Lat: 0, Lon: -179.5}, true},
		{"west of the antimeridian", across, geo.Point{Lat: 0, Lon: 179.5}, true},
		{"on the antimeridian as 180", across, geo.Point{Lat: 0, Lon: 180}, true},
		{"on the antimeridian as -180", across, geo.Point{Lat: 0, Lon: -180}, true},
		{"not the rest of the world", across, geo.Point{Lat: 0, Lon: 0}, false},
		{"cut at the antimeridian", cut, geo.Point{Lat: 0, Lon: 180}, true},
		{"cut, east part", cut, geo.Point{Lat: 0, Lon: -179.9}, true},
		{"cut, west part", cut, geo.Point{Lat: 0, Lon: 179.9}, true},
		{"85 north", arctic, geo.Point{Lat: 85, Lon: 45}, true},
		{"85 north, west of it", arctic, geo.Point{Lat: 85, Lon: 29}, false},
		{"99.9 m from a circle's center", circle, offset(yardCenter, 0, 99.9), true},
		{"100.1 m from a circle's center", circle, offset(yardCenter, 100.1, 0), false},
		{"a circle across the antimeridian", fiji, geo.Point{Lat: -17, Lon: -179.9999}, true},
		{"beside a road's line", road, offset(yardCenter, 500, 9.9), true},
		{"beside a road", road, offset(yardCenter, 500, -10.1), false},
		{"a road's round end", road, offset(yardCenter, -7, 7), true},
		{"beyond the round end", road, offset(yardCenter, -7.2, 7.2), false},
		{"the outside of a road's bend is round", road, offset(yardCenter, 1007.2, -7.2), false},
		{"the second leg", road, offset(yardCenter, 1005, 400), true},
		{"the zero shape", Shape{}, yardCenter, false},
		{"no place", holed, geo.Point{Lat: math.NaN(), Lon: 120}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.shape.Contains(tt.p); got != tt.want {
				t.Errorf("Contains(%+v) = %v, want %v", tt.p, got, tt.want)
			}
		})
	}
}

// rings draws star-shaped rings of lattice places round a center: an outer one and maybe a hole.
func rings(t *rapid.T) [][]geo.Point {
	center := rapid.SampledFrom([]geo.Point{{Lat: 36, Lon: 120}, {Lat: 0, Lon: 180}, {Lat: -17, Lon: -179.999}, {Lat: 80, Lon: 30}, {Lat: 0, Lon: 0}, {Lat: -80, Lon: 179.5}}).Draw(t, "center")
	size := rapid.SampledFrom([]float64{2e-6, 1e-4, 0.01, 1, 5}).Draw(t, "size") // degrees
	ring := func(label string, lo, hi float64) []geo.Point {
		n := rapid.IntRange(3, 24).Draw(t, label)
		ps := make([]geo.Point, n, n+1)
		for i := range ps {
			r := size * rapid.Float64Range(lo, hi).Draw(t, "radius")
			a := 2 * math.Pi * float64(i) / float64(n)
			ps[i] = placeOf(geo.Point{Lat: center.Lat + r*math.Sin(a), Lon: wrap(center.Lon + r*math.Cos(a))}).point()
		}
		return append(ps, ps[0])
	}
	out := [][]geo.Point{ring("outer", 0.5, 1)}
	if rapid.Bool().Draw(t, "holed") {
		out = append(out, ring("hole", 0.05, 0.2))
	}
	return out
}

func wrap(lon float64) float64 {
	switch {
	case lon > 180:
		return lon - 360
	case lon < -180:
		return lon + 360
	}
	return lon
}

// units are coordinates in whole units relative to a longitude, for the independent library.
func units(p geo.Point, origin geo.Point) geom.XY {
	q := placeOf(p)
	return geom.XY{X: float64(lonStep(placeOf(origin).x, q.x)), Y: float64(q.y)}
}

func libraryPolygon(t failer, rs [][]geo.Point) geom.Geometry {
	t.Helper()
	var lines []geom.LineString
	for _, r := range rs {
		var xy []float64
		for _, p := range r {
			u := units(p, rs[0][0])
			xy = append(xy, u.X, u.Y)
		}
		lines = append(lines, geom.NewLineString(geom.NewSequence(xy, geom.DimXY)))
	}
	return geom.NewPolygon(lines).AsGeometry()
}

// TestContainsAgreesWithLibrary holds containment against simplefeatures, on points at random, on vertices, on edges, level with
// vertices and next to all of these.
func TestContainsAgreesWithLibrary(t *testing.T) {
	decided := 0
	rapid.Check(t, func(t *rapid.T) {
		rs := rings(t)
		shape, err := NewPolygons([][][]geo.Point{rs}, Limits{})
		if err != nil {
			t.Skip("not valid:", err)
		}
		library := libraryPolygon(t, rs)
		border := library.Boundary()
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		for range 50 {
			p := adversary(rng, rs)
			point := units(p, rs[0][0]).AsPoint().AsGeometry()
			if geom.Intersects(point, border) {
				continue // on the border: TestSharedBorderIsDecidedOnce
			}
			decided++
			if got, want := shape.Contains(p), geom.Intersects(point, library); got != want {
				t.Fatalf("Contains(%+v) = %v, the library says %v; rings %v", p, got, want, rs)
			}
		}
	})
	if decided == 0 {
		t.Error("no point was compared")
	}
}

// adversary makes a point where implementations go wrong.
func adversary(rng *rand.Rand, rs [][]geo.Point) geo.Point {
	r := rs[rng.IntN(len(rs))]
	i := rng.IntN(len(r) - 1)
	a, b := placeOf(r[i]), placeOf(r[i+1])
	p := a
	switch rng.IntN(5) {
	case 0: // on or beside an edge
		p = along(a, b, rng.Float64())
	case 1: // level with a vertex
		p.x = turned(p.x, int64(rng.IntN(4*unitsPerDegree)-2*unitsPerDegree))
	case 2: // above or below one
		p.y = min(max(b.y+int32(rng.IntN(4*unitsPerDegree)-2*unitsPerDegree), -quarterTurn), quarterTurn)
	case 3: // inside the hull
		c := placeOf(r[rng.IntN(len(r))])
		p = along(along(a, b, rng.Float64()), c, rng.Float64())
	}
	p.x, p.y = turned(p.x, int64(rng.IntN(3)-1)), min(max(p.y+int32(rng.IntN(3)-1), -quarterTurn), quarterTurn)
	return p.point()
}

// TestSharedBorderIsDecidedOnce cuts a rectangle along a random line; every point of it is in exactly one of the two parts.
func TestSharedBorderIsDecidedOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		west := rapid.SampledFrom([]float64{120, 179.5, -180, -0.5}).Draw(t, "west")
		n := rapid.IntRange(2, 12).Draw(t, "corners")
		line := make([]geo.Point, n)
		for i := range line {
			x := 0.1 + 0.8*rapid.Float64Range(0, 1).Draw(t, "x")
			line[i] = placeOf(geo.Point{Lat: 30 + float64(i)/float64(n-1), Lon: wrap(west + x)}).point()
		}
		sw, nw := geo.Point{Lat: 30, Lon: west}, geo.Point{Lat: 31, Lon: west}
		se, ne := geo.Point{Lat: 30, Lon: wrap(west + 1)}, geo.Point{Lat: 31, Lon: wrap(west + 1)}
		left := append(append([]geo.Point{sw}, line...), nw, sw)
		right := []geo.Point{se, ne}
		for i := range line {
			right = append(right, line[n-1-i])
		}
		right = append(right, se)
		a, b := mustPolygon(t, left), mustPolygon(t, right)
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 2))
		for range 100 {
			k := rng.IntN(n - 1)
			p := along(placeOf(line[k]), placeOf(line[k+1]), float64(rng.IntN(5))/4).point()
			if p.Lat >= 31 {
				continue // the north border belongs to neither
			}
			if a.Contains(p) == b.Contains(p) {
				t.Fatalf("%+v: west part %v, east part %v", p, a.Contains(p), b.Contains(p))
			}
		}
	})
}

// ecef is the place on the WGS-84 ellipsoid in metres: an independent way to measure short distances.
func ecef(p geo.Point) [3]float64 {
	lat, lon := p.Lat*math.Pi/180, p.Lon*math.Pi/180
	n := 6378137 / math.Sqrt(1-6.69437999014e-3*math.Sin(lat)*math.Sin(lat))
	return [3]float64{n * math.Cos(lat) * math.Cos(lon), n * math.Cos(lat) * math.Sin(lon), n * (1 - 6.69437999014e-3) * math.Sin(lat)}
}

func straight(p, q geo.Point) float64 {
	a, b := ecef(p), ecef(q)
	return math.Sqrt((a[0]-b[0])*(a[0]-b[0]) + (a[1]-b[1])*(a[1]-b[1]) + (a[2]-b[2])*(a[2]-b[2]))
}

// slowDistance is the distance to rings or a line by a search along every edge.
func slowDistance(p geo.Point, lines [][]geo.Point) float64 {
	best := math.Inf(1)
	for _, l := range lines {
		for i := range l[:len(l)-1] {
			a, b := l[i], l[i+1]
			dLon := wrap(b.Lon - a.Lon)
			at := func(t float64) float64 {
				return straight(p, geo.Point{Lat: a.Lat + t*(b.Lat-a.Lat), Lon: a.Lon + t*dLon})
			}
			lo, hi := 0.0, 1.0
			for range 100 {
				m1, m2 := lo+(hi-lo)/3, hi-(hi-lo)/3
				if at(m1) < at(m2) {
					hi = m2
				} else {
					lo = m1
				}
			}
			best = min(best, at(lo))
		}
	}
	return best
}

// TestDepthIsInMetres holds distances against the straight line in space, to which the way on the ellipsoid is equal within a
// millimetre at 1 km, within the stated error.
func TestDepthIsInMetres(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rs := rings(t)
		shape, err := NewPolygons([][][]geo.Point{rs}, Limits{})
		if err != nil {
			t.Skip("not valid:", err)
		}
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 3))
		for range 10 {
			p := adversary(rng, rs)
			got, want := shape.Depth(p), slowDistance(p, rs)
			if want > 10_000 || math.Abs(p.Lat) > 81 {
				continue
			}
			tolerance := 0.002 + 0.3*want*want/6371000*(1+math.Tan(math.Abs(p.Lat)*math.Pi/180))
			if math.Abs(math.Abs(got)-want) > tolerance {
				t.Fatalf("Depth(%+v) = %v m, want ±%v ± %v m; rings %v", p, got, want, tolerance, rs)
			}
			if shape.Contains(p) != (got > 0) && want > 0.001 {
				t.Fatalf("Depth(%+v) = %v m, but Contains says %v", p, got, shape.Contains(p))
			}
		}
	})
}

func TestReachAndArea(t *testing.T) {
	tests := []struct {
		name        string
		shape       Shape
		reach, area float64
	}{
		{"block", block(t, yardCenter, 200, 100), 20000.0 / 600, 20000},
		{"circle", mustCircle(t, yardCenter, 50), 50, math.Pi * 2500},
		{"corridor", mustCorridor(t, 20, yardCenter, offset(yardCenter, 1000, 0)), 10, 20*1000 + math.Pi*100},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.shape.ReachM(); math.Abs(got/tt.reach-1) > 1e-3 {
				t.Errorf("ReachM() = %v, want %v", got, tt.reach)
			}
			if got := tt.shape.AreaM2(); math.Abs(got/tt.area-1) > 1e-3 {
				t.Errorf("AreaM2() = %v, want %v", got, tt.area)
			}
		})
	}
}

func TestShapeBox(t *testing.T) {
	across := mustPolygon(t, []geo.Point{{Lat: -1, Lon: 179}, {Lat: -1, Lon: -179}, {Lat: 1, Lon: -179}, {Lat: -1, Lon: 179}})
	if got, want := across.Box(), (geo.Box{West: 179, South: -1, East: -179, North: 1}); got != want {
		t.Errorf("box %+v, want %+v", got, want)
	}
	c := mustCircle(t, geo.Point{Lat: 80, Lon: 179.99}, 1000)
	b := c.Box()
	for deg := range 360 {
		a := float64(deg) * math.Pi / 180
		p := offset(geo.Point{Lat: 80, Lon: 179.99}, 999*math.Cos(a), 999*math.Sin(a))
		p.Lon = wrap(p.Lon)
		if !b.Contains(p) || !c.Contains(p) {
			t.Errorf("%d°: in the box %v, in the circle %v", deg, b.Contains(p), c.Contains(p))
		}
	}
}

// TestSpansAgreeWithContains walks a way in small steps and compares sides with the stretches that were found.
func TestSpansAgreeWithContains(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := anyPart(t)
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 4))
		end := func() place {
			return place{x: turned(q.box.west, rng.Int64N(q.box.width*3+3)-q.box.width), y: q.box.south + int32(rng.Int64N(int64(q.box.north-q.box.south)*3+3)) - (q.box.north - q.box.south)}
		}
		a, b := end(), end()
		spans := q.spans(a, b, nil)
		for i := range 200 {
			f := (float64(i) + 0.5) / 200
			p := along(a, b, f)
			near, in := false, false
			for _, s := range spans {
				near = near || math.Abs(f-s.in) < 1e-3 || math.Abs(f-s.out) < 1e-3
				in = in || f > s.in && f < s.out
			}
			if !near && in != q.contains(p) && q.distanceToBorder(p) > max(1, metresBetween(a, b)/400) {
				t.Fatalf("at %v of the way %v: inside %v, spans %v, depth %v", f, fmt.Sprint(a, b), q.contains(p), spans, q.depth(p))
			}
		}
	})
}

func (q *part) distanceToBorder(p place) float64 { return math.Abs(q.depth(p)) }

// anyPart draws a polygon, a circle or a corridor.
func anyPart(t *rapid.T) *part {
	var s Shape
	var err error
	center := geo.Point{Lat: rapid.SampledFrom([]float64{36, -60, 0}).Draw(t, "lat"), Lon: rapid.SampledFrom([]float64{120, 179.999}).Draw(t, "lon")}
	switch rapid.IntRange(0, 2).Draw(t, "kind") {
	case 0:
		s, err = NewPolygons([][][]geo.Point{rings(t)}, Limits{})
	case 1:
		s, err = NewCircle(center, rapid.Float64Range(1, 5000).Draw(t, "radius"))
	default:
		var line []geo.Point
		for range rapid.IntRange(2, 6).Draw(t, "corners") {
			p := offset(center, rapid.Float64Range(-3000, 3000).Draw(t, "x"), rapid.Float64Range(-3000, 3000).Draw(t, "y"))
			p.Lon = wrap(p.Lon)
			line = append(line, p)
		}
		s, err = NewCorridor(line, rapid.Float64Range(2, 500).Draw(t, "width"), Limits{})
	}
	if err != nil {
		t.Skip("not valid:", err)
	}
	return &s.parts[0]
}
