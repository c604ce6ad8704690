package geofence

import (
	"math"
	"time"

	"dipper/positioning"
	"dipper/positioning/geo"
)

// yardCenter is where the tests' fences lie: Qianwan, Qingdao.
var yardCenter = geo.Point{Lat: 36.01, Lon: 120.21}

// start is the time of the first fix of most tests.
var start = time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)

// offset is the point some metres east and north of p.
func offset(p geo.Point, east, north float64) geo.Point {
	const degree = math.Pi / 180 * 6378137
	s2 := math.Pow(math.Sin(p.Lat*math.Pi/180), 2)
	w := math.Sqrt(1 - 6.69437999014e-3*s2)
	lat := p.Lat + north/(degree*(1-6.69437999014e-3)/(w*w*w))
	lon := p.Lon + east/(degree/w*math.Cos(p.Lat*math.Pi/180))
	return geo.Point{Lat: lat, Lon: lon}
}

// block is a rectangle around p in metres.
func block(t failer, p geo.Point, east, north float64) Shape {
	t.Helper()
	c := func(x, y float64) geo.Point { return offset(p, x*east/2, y*north/2) }
	return mustPolygon(t, []geo.Point{c(-1, -1), c(1, -1), c(1, 1), c(-1, 1), c(-1, -1)})
}

func mustPolygon(t failer, rings ...[]geo.Point) Shape {
	t.Helper()
	s, err := NewPolygons([][][]geo.Point{rings}, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustCircle(t failer, p geo.Point, radius float64) Shape {
	t.Helper()
	s, err := NewCircle(p, radius)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustCorridor(t failer, width float64, line ...geo.Point) Shape {
	t.Helper()
	s, err := NewCorridor(line, width, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// trip makes observations: a fix every interval, with seq 1, 2, 3 …
type trip struct {
	obs  []Observation
	at   time.Time
	errM float64
	mps  float64
}

func newTrip() *trip { return &trip{at: start, errM: 2, mps: 10} }

// fix adds one at some metres east and north of the yard's center, and lets time pass after it.
func (r *trip) fix(east, north float64, then time.Duration) *trip {
	f := positioning.NewFix(r.at, offset(yardCenter, east, north))
	f.ErrM, f.SpeedMps = r.errM, r.mps
	r.obs = append(r.obs, Observation{Series: 7, Seq: uint64(len(r.obs) + 1), Fix: f})
	r.at = r.at.Add(then)
	return r
}

// line adds fixes every second from one place to another at the trip's speed, both ends included.
func (r *trip) line(x0, y0, x1, y1 float64) *trip {
	n := int(math.Max(1, math.Round(math.Hypot(x1-x0, y1-y0)/r.mps)))
	for i := range n + 1 {
		k := float64(i) / float64(n)
		r.fix(x0+(x1-x0)*k, y0+(y1-y0)*k, time.Second)
	}
	return r
}

// follow steps a fresh state through observations.
func follow(ix *Index, obs []Observation) (State, []Event) {
	l := NewLedger("truck-7", ix)
	var s State
	var events []Event
	for _, ob := range obs {
		events = l.Step(&s, ob, events)
	}
	return s, events
}

// east is the metres east of the yard's center.
func east(p geo.Point) float64 {
	return metresBetween(place{x: placeOf(yardCenter).x, y: placeOf(p).y}, placeOf(p)) * sign(p.Lon-yardCenter.Lon)
}

func sign(v float64) float64 { return math.Copysign(1, v) }

// failer is what *testing.T, *testing.B and *rapid.T have in common here.
type failer interface {
	Helper()
	Fatal(args ...any)
}
