package positioning

import (
	"math"
	"time"

	"dipper/positioning/geo"
)

// Defaults of ThinnerConfig. Source: reference on fix filtering, section simplification: 10 to 15 m for display, a report at
// turns of 15° to 30°, each minute under way and each five minutes parked.
const (
	DefaultThinErrorM        = 10
	DefaultThinTurnDeg       = 20
	DefaultThinDistanceM     = 1000
	DefaultThinInterval      = time.Minute
	DefaultThinParked        = 5 * time.Minute
	DefaultThinSpeedDeltaMps = 4
	// thinMargin is the share of MaxErrorM that is used. The rest pays for measuring on a plane within maxThinDistanceM
	// below maxThinLat: a degree of longitude changes by 0.45 % there.
	thinMargin       = 0.99
	maxThinDistanceM = 5000
	maxThinLat       = 80
	// turnSpeedMps is below which a course says nothing, and standSpeedMps below which a vehicle is parked.
	turnSpeedMps  = 2
	standSpeedMps = 0.5
)

// ThinnerConfig says which fixes can be spared. In every number 0 stands for the default and a negative value turns the
// rule off; MaxErrorM cannot be turned off.
type ThinnerConfig struct {
	MaxErrorM     float64       // how far a dropped fix may lie from the line, see Thinner
	TurnDeg       float64       // a change of course that is kept, at 2 m/s and more
	MaxDistanceM  float64       // between two kept fixes; at most 5000
	MaxInterval   time.Duration // between two kept fixes
	MaxParked     time.Duration // the same, while the speed stays below 0.5 m/s
	SpeedDeltaMps float64       // a change of speed that is kept
}

// Thinner drops the fixes of a track that the others explain. Not safe for concurrent use.
//
// The promise: every accepted fix that is dropped lies within MaxErrorM of where the straight line between the kept fixes
// before and after it is at its time (linear in time, latitude and longitude). The promise covers place and time alike, so
// a vehicle that stops on a straight road is not drawn through its stop. Besides, a fix is kept at turns, at changes of speed
// or of the kind of solution, and after a distance or a time. Refused fixes are kept.
//
// Memory is constant. For each fix since the last kept one, the velocities that pass it within MaxErrorM are a disc; a
// square within each disc is kept, and the intersection of the squares so far. A fix whose own mean velocity from the last kept
// one is in the intersection can end a line past all of them. The squares waste up to 30 % of the error allowed.
// Source: the idea of cones that are intersected is from X. Lin et al., One-pass trajectory simplification using the
// synchronous Euclidean distance (2019), with squares in place of polygons.
type Thinner struct {
	cfg     ThinnerConfig
	started bool
	kept    Fix // the last one
	pending Fix // the latest, which can end the line from kept
	waiting bool
	window  window
}

// window is a box of velocities in metres per second, east and north.
type window struct{ west, east, south, north float64 }

var anyVelocity = window{math.Inf(-1), math.Inf(1), math.Inf(-1), math.Inf(1)}

// NewThinner is a thinner with the defaults filled in.
func NewThinner(cfg ThinnerConfig) *Thinner {
	if !(cfg.MaxErrorM > 0) {
		cfg.MaxErrorM = DefaultThinErrorM
	}
	if cfg.TurnDeg == 0 {
		cfg.TurnDeg = DefaultThinTurnDeg
	}
	if cfg.MaxDistanceM == 0 {
		cfg.MaxDistanceM = DefaultThinDistanceM
	}
	if cfg.MaxDistanceM < 0 || cfg.MaxDistanceM > maxThinDistanceM {
		cfg.MaxDistanceM = maxThinDistanceM
	}
	if cfg.MaxInterval == 0 {
		cfg.MaxInterval = DefaultThinInterval
	}
	if cfg.MaxParked == 0 {
		cfg.MaxParked = DefaultThinParked
	}
	if cfg.SpeedDeltaMps == 0 {
		cfg.SpeedDeltaMps = DefaultThinSpeedDeltaMps
	}
	return &Thinner{cfg: cfg}
}

// Step takes the next fix and appends to dst what is now known to be kept: nothing, f, the fix before it, or both, in
// order. A fix is decided when the next one comes, or at once by the rules of turn, distance, time and speed.
func (t *Thinner) Step(f Fix, dst []Fix) []Fix {
	if f.Verdict != Accepted {
		return append(t.Flush(dst), f)
	}
	if !t.started {
		return t.keep(f, dst)
	}
	if !t.reaches(f) {
		dst = t.Flush(dst)
	}
	if !f.Time.After(t.kept.Time) || math.Abs(f.Point.Lat) > maxThinLat || t.telling(f) {
		return t.keep(f, dst)
	}
	t.pending, t.waiting = f, true
	t.window = t.window.narrowed(t.kept, f, t.cfg.MaxErrorM*thinMargin/math.Sqrt2)
	return dst
}

// Flush appends the fix that waits for the next one, at the end of a track or when the next is long in coming.
func (t *Thinner) Flush(dst []Fix) []Fix {
	if !t.waiting {
		return dst
	}
	return t.keep(t.pending, dst)
}

func (t *Thinner) keep(f Fix, dst []Fix) []Fix {
	t.kept, t.started, t.waiting, t.window = f, true, false, anyVelocity
	return append(dst, f)
}

// reaches reports whether the line from the last kept fix to f passes all fixes between. Times that do not go on end a line.
func (t *Thinner) reaches(f Fix) bool {
	if !t.waiting {
		return true
	}
	if !f.Time.After(t.pending.Time) {
		return false
	}
	east, north, seconds := offset(t.kept, f)
	w := t.window
	return east >= w.west*seconds && east <= w.east*seconds && north >= w.south*seconds && north <= w.north*seconds
}

// telling reports whether f says something that the line does not.
func (t *Thinner) telling(f Fix) bool {
	k := t.kept
	if f.Mode != k.Mode || f.Solution != k.Solution {
		return true
	}
	if geo.Distance(k.Point, f.Point) >= t.cfg.MaxDistanceM {
		return true
	}
	limit := t.cfg.MaxInterval
	if f.SpeedMps < standSpeedMps && k.SpeedMps < standSpeedMps {
		limit = t.cfg.MaxParked
	}
	if limit > 0 && f.Time.Sub(k.Time) >= limit {
		return true
	}
	if d := math.Abs(f.SpeedMps - k.SpeedMps); t.cfg.SpeedDeltaMps > 0 && d >= t.cfg.SpeedDeltaMps {
		return true
	}
	turn := math.Abs(geo.LonDelta(k.CourseDeg, f.CourseDeg)) // the short way round, as of longitudes; false if unknown
	return t.cfg.TurnDeg > 0 && turn >= t.cfg.TurnDeg && f.SpeedMps >= turnSpeedMps && k.SpeedMps >= turnSpeedMps
}

// narrowed leaves the velocities that from k pass f within a square of 2*half metres.
func (w window) narrowed(k, f Fix, half float64) window {
	east, north, seconds := offset(k, f)
	return window{
		west:  max(w.west, (east-half)/seconds),
		east:  min(w.east, (east+half)/seconds),
		south: max(w.south, (north-half)/seconds),
		north: min(w.north, (north+half)/seconds),
	}
}

// offset is from k to f in metres, on the plane that touches the earth at k, and in seconds.
func offset(k, f Fix) (east, north, seconds float64) {
	const metresPerDegree = geo.EarthRadiusM * math.Pi / 180
	east = geo.LonDelta(k.Point.Lon, f.Point.Lon) * metresPerDegree * math.Cos(k.Point.Lat*math.Pi/180)
	north = (f.Point.Lat - k.Point.Lat) * metresPerDegree
	return east, north, f.Time.Sub(k.Time).Seconds()
}
