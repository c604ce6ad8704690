package journey

import (
	"math"
	"time"

	"dipper/positioning"
	"dipper/positioning/geo"
)

// The rules of standing and moving are those of positioning's Hold and Gate, which work on board where each second has a fix.
const (
	StandMps      = positioning.DefaultHoldSpeedMps // below this a fix stands still
	MoveMps       = positioning.DefaultMoveSpeedMps // above this a fix is a sign of motion
	StandRadiusM  = positioning.DefaultHoldRadiusM  // farther from where the vehicle stands than this, and than three errors, a fix is a sign of motion
	standErrors   = 3
	maxStandM     = 100                            // what a bad error estimate can excuse
	MaxSpeedMps   = positioning.DefaultMaxSpeedMps // faster than this is a jump
	jumpSlackM    = positioning.DefaultJumpSlackM  // two fixes may lie as far apart whatever the time between them
	signsOfMotion = 2                              // in a row, or one fix with both: the vehicle moves

	// unknownErrM stands in for a fix that does not know its error: HDOP 1 at 5 m a satellite, as geofence.UnknownErrM.
	unknownErrM = 5

	// MaxSeen is the longest time between two fixes for which the straight way between them is what the vehicle did. 30 s at
	// 80 km/h is 667 m; after longer silence the way is anybody's guess. geofence.MaxPassGap is the same.
	MaxSeen = 2 * time.Minute
)

// Kind is what a vehicle did between two fixes.
type Kind uint8

const (
	Standing Kind = iota // in one place
	Driving              // moving
	Unseen               // it moved, and nobody knows when and how: more than MaxSeen lies between
	Jump                 // no vehicle goes so fast: one of the two fixes is wrong
)

// Leg is what a vehicle did from one fix to another. Legs follow each other without a gap.
type Leg struct {
	Kind       Kind
	From, To   time.Time
	Start, End geo.Point // of Standing, the place where it came to stand
	WayMM      int64     // counted, in millimetres; 0 for Standing and Jump
}

// Duration is how long the leg took.
func (l *Leg) Duration() time.Duration { return l.To.Sub(l.From) }

// Odometer counts the way of one vehicle. The zero Odometer has seen nothing. It is a value: a copy is a checkpoint that later steps
// do not change.
type Odometer struct {
	seen     bool
	standing bool
	doubtful bool // a sign of motion was seen that the next fix must confirm
	last     spot // the last fix that is counted; while standing, the last that stood still
	anchor   spot // where the vehicle stands, and since when
	doubt    spot
	stands   bool // with doubtful: at doubt it stood still

	total     int64 // millimetres
	estimated int64 // of them, across silence
}

// spot is what the odometer keeps of a fix, in whole numbers, so that an encoded Odometer goes on exactly like the one it was.
type spot struct {
	ms       int64 // Unix milliseconds
	lat, lon int32 // 1e-7 degrees, as fixes are stored
	errCM    int32
}

const (
	unitsPerDegree = 1e7
	// maxErrCM is 1 km: more excuses nothing.
	maxErrCM = 100_000
)

// spotOf is what is kept of a fix.
func spotOf(f *positioning.Fix) spot {
	s := spot{
		ms: f.Time.UnixMilli(), errCM: unknownErrM * 100,
		lat: int32(math.Round(f.Point.Lat * unitsPerDegree)), lon: int32(math.Round(f.Point.Lon * unitsPerDegree)),
	}
	if f.ErrM > 0 { // false where unknown
		s.errCM = int32(min(math.Round(f.ErrM*100), maxErrCM))
	}
	return s
}

func (s *spot) point() geo.Point {
	return geo.Point{Lat: float64(s.lat) / unitsPerDegree, Lon: float64(s.lon) / unitsPerDegree}
}

func (s *spot) errM() float64 { return float64(s.errCM) / 100 }

// Metres is the way so far.
func (o *Odometer) Metres() float64 { return metres(o.total) }

// EstimatedMetres is how much of it lies across silence longer than MaxSeen.
func (o *Odometer) EstimatedMetres() float64 { return metres(o.estimated) }

// Step takes the next accepted fix, later than all before, and appends what is now known of the vehicle's way. A leg that the
// next fix has to confirm is told with it.
func (o *Odometer) Step(f positioning.Fix, legs []Leg) []Leg {
	s := spotOf(&f)
	fast := f.SpeedMps > MoveMps // false where unknown
	if !o.seen {
		o.seen, o.last = true, s
		o.stand(s, !(f.SpeedMps >= StandMps))
		return legs
	}
	if o.standing {
		return o.stay(s, f.SpeedMps, fast, legs)
	}
	return o.drive(s, f.SpeedMps, legs)
}

// stand begins to stand at s, or not.
func (o *Odometer) stand(s spot, slow bool) {
	o.standing, o.anchor = slow, spot{}
	if slow {
		o.anchor = s
	}
}

// stay takes a fix while the vehicle stands.
func (o *Odometer) stay(s spot, speed float64, fast bool, legs []Leg) []Leg {
	signs := 0
	if fast {
		signs++
	}
	if geo.Distance(o.anchor.point(), s.point()) > standRadius(o.anchor.errM(), s.errM()) {
		signs++
	}
	switch {
	case signs == 0: // what was doubtful was an error
		legs = append(legs, Leg{Kind: Standing, From: timeOf(o.last.ms), To: timeOf(s.ms), Start: o.anchor.point(), End: o.anchor.point()})
		o.last = s
		o.trust()
		return legs
	case !o.doubtful && signs < signsOfMotion:
		o.doubtful, o.doubt, o.stands = true, s, s.isSlow(speed, &o.last)
		return legs
	}
	o.last.lat, o.last.lon, o.last.errCM = o.anchor.lat, o.anchor.lon, o.anchor.errCM // the way begins where it stood
	o.stand(spot{}, false)
	if !o.doubtful {
		return o.drive(s, speed, legs)
	}
	doubt, stands := o.doubt, o.stands
	o.trust()
	legs = o.way(doubt, legs)
	o.stand(doubt, stands)
	if o.standing {
		return o.stay(s, speed, fast, legs)
	}
	return o.drive(s, speed, legs)
}

// trust ends the doubt.
func (o *Odometer) trust() { o.doubtful, o.doubt, o.stands = false, spot{}, false }

// drive takes a fix while the vehicle moves.
func (o *Odometer) drive(s spot, speed float64, legs []Leg) []Leg {
	slow := s.isSlow(speed, &o.last)
	legs = o.way(s, legs)
	o.stand(s, slow)
	return legs
}

// way counts the way from the last place to s.
func (o *Odometer) way(s spot, legs []Leg) []Leg {
	l := Leg{Kind: Driving, From: timeOf(o.last.ms), To: timeOf(s.ms), Start: o.last.point(), End: s.point()}
	m := geo.Geodesic(l.Start, l.End)
	switch {
	case m > jumpSlackM && m > MaxSpeedMps*l.Duration().Seconds():
		l.Kind = Jump
	case l.Duration() > MaxSeen:
		l.Kind = Unseen
	}
	if l.Kind != Jump {
		l.WayMM = int64(math.Round(m * 1000))
	}
	o.total += l.WayMM
	if l.Kind == Unseen {
		o.estimated += l.WayMM
	}
	o.last = s
	return append(legs, l)
}

// isSlow reports whether the vehicle stands still at s. Where its speed is not known, it does if its errors explain the way
// since the fix before.
func (s *spot) isSlow(speed float64, before *spot) bool {
	if positioning.Known(speed) {
		return speed < StandMps
	}
	way := geo.Distance(before.point(), s.point()) - standErrors*(before.errM()+s.errM())
	return way < StandMps*float64(s.ms-before.ms)/1000
}

// standRadius is how far from where it stands a vehicle may be seen, by the errors of the two fixes.
func standRadius(a, b float64) float64 {
	return max(StandRadiusM, min(standErrors*math.Hypot(a, b), maxStandM))
}

func timeOf(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
