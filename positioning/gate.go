package positioning

import (
	"math"
	"time"

	"dipper/positioning/geo"
)

// Defaults of GateConfig. Source: reference on fix filtering (Traccar's filters, u-blox and gpsd practice) and, where
// nothing is named, engineering judgement.
const (
	// DefaultMaxHDOP refuses solutions whose geometry triples the error or worse. A UM621 that loses its satellites says
	// 10.16 and moves at 2.4 kn while it stands.
	DefaultMaxHDOP = 5
	// DefaultMinSatellites is what a position with its own clock needs.
	DefaultMinSatellites = 4
	// DefaultMaxFuture allows for a host clock that is a minute off.
	DefaultMaxFuture = time.Minute
	// DefaultMaxSpeedMps is 180 km/h: more than trucks and vessels go, less than what a reflected signal jumps.
	DefaultMaxSpeedMps = 50
	// DefaultJumpSlackM is how far two fixes may lie apart whatever the time between them: what a receiver's error does.
	DefaultJumpSlackM = 30
	// DefaultFutureConfirm is how many fixes in a row whose time runs beside the host's at one distance show that it is the host's
	// clock that is behind: a box without a battery starts at the hour at which it was last switched off.
	DefaultFutureConfirm = 10
	// maxBehind is how far behind that may be. A receiver that is a week counter's cycle ahead, 19.6 years, is wrong itself.
	maxBehind = 5 * 365 * 24 * time.Hour
	// besideSlack is how much the distance of two clocks that run alike may change: fixes wait in buffers.
	besideSlack = 2 * time.Second
	// maxJumpSlackM bounds what a bad error estimate can excuse.
	maxJumpSlackM = 300
	// DefaultJumpConfirm is how many fixes that agree among themselves make a new place credible.
	DefaultJumpConfirm = 3
)

// earliest is when Dipper can have recorded anything. Receivers without a clock say 1980, 1999 or a rollover's date.
var earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// GateConfig says which fixes are trusted. In every number 0 stands for the default and a negative value turns the test off.
type GateConfig struct {
	MaxHDOP         float64       // an unknown HDOP passes
	MinSatellites   int           // an unknown number passes
	MaxFuture       time.Duration // beyond the host's clock
	Earliest        time.Time     // the zero time stands for 2000-01-01
	MaxSpeedMps     float64       // between two fixes
	JumpSlackM      float64
	FutureConfirm   int  // fixes that show that the host's clock is behind; negative: it is believed always
	JumpConfirm     int  // at least 1; a jump, in place or back in time, is believed at this many consistent fixes, so nobody is locked out
	MinMode         Mode // ModeUnknown and Mode2D take 2D; Mode3D refuses it. A fix of unknown mode passes.
	RefuseEstimated bool // dead reckoning, accepted otherwise: a tunnel
	AllowManual     bool // quality 7, mode M
	AllowSimulator  bool // quality 8, mode S
	AllowZeroIsland bool // 0,0 as a position
}

// Gate judges the fixes of one receiver in the order in which they come. Not safe for concurrent use.
type Gate struct {
	cfg    GateConfig
	last   place // of the last accepted fix
	rival  place // of the last fix that jumped or went back in time
	rivals int   // how many in a row that agree with each other
	seen   time.Time

	behind time.Duration // of the host's clock, as FutureConfirm fixes have shown; 0 it is right
	ahead  time.Duration // of the last fix from the future
	aheads int           // how many in a row at that distance
}

type place struct {
	at    time.Time
	point geo.Point
	errM  float64
}

// NewGate is a gate with the defaults filled in.
func NewGate(cfg GateConfig) *Gate {
	if cfg.MaxHDOP == 0 {
		cfg.MaxHDOP = DefaultMaxHDOP
	}
	if cfg.MinSatellites == 0 {
		cfg.MinSatellites = DefaultMinSatellites
	}
	if cfg.MaxFuture == 0 {
		cfg.MaxFuture = DefaultMaxFuture
	}
	if cfg.Earliest.IsZero() {
		cfg.Earliest = earliest
	}
	if cfg.MaxSpeedMps == 0 {
		cfg.MaxSpeedMps = DefaultMaxSpeedMps
	}
	if cfg.JumpSlackM == 0 {
		cfg.JumpSlackM = DefaultJumpSlackM
	}
	if cfg.FutureConfirm == 0 {
		cfg.FutureConfirm = DefaultFutureConfirm
	}
	if cfg.JumpConfirm == 0 {
		cfg.JumpConfirm = DefaultJumpConfirm
	}
	return &Gate{cfg: cfg}
}

// Judge says whether f is accepted, and if not, the first reason against it. now is the host's clock; with the zero time
// nothing is in the future. A fix must be judged once.
func (g *Gate) Judge(f Fix, now time.Time) Verdict {
	repeated := f.Time.Equal(g.seen)
	g.seen = f.Time
	if v := g.words(f); v != Accepted {
		return v
	}
	switch {
	case f.Time.Before(g.cfg.Earliest):
		return RefusedPast
	case g.future(f.Time, now):
		return RefusedFuture
	case repeated:
		return RefusedSameTime
	}
	if v := g.quality(f); v != Accepted {
		return v
	}
	return g.motion(f)
}

// future judges whether a fix is of a time that has not come. Nobody is locked out by a host's clock that is behind: satellites
// know the time better, unless a receiver is years ahead.
func (g *Gate) future(at, now time.Time) bool {
	if now.IsZero() || g.cfg.MaxFuture < 0 {
		return false
	}
	ahead := at.Sub(now)
	switch {
	case ahead <= g.cfg.MaxFuture:
		g.behind, g.aheads = 0, 0
		return false
	case g.behind > 0 && (ahead-g.behind).Abs() <= g.cfg.MaxFuture:
		return false
	case g.aheads > 0 && (ahead-g.ahead).Abs() <= besideSlack:
		g.aheads++
	default:
		g.aheads = 1
	}
	g.ahead = ahead
	if g.cfg.FutureConfirm < 0 || g.aheads < g.cfg.FutureConfirm || ahead > maxBehind {
		return true
	}
	g.behind, g.aheads = ahead, 0
	return false
}

// words judges what the receiver itself says of the solution.
func (g *Gate) words(f Fix) Verdict {
	switch {
	case f.Solution == SolutionSimulator && !g.cfg.AllowSimulator:
		return RefusedSimulator
	case f.Solution == SolutionManual && !g.cfg.AllowManual:
		return RefusedManual
	case f.Solution == SolutionDeadReckoning && g.cfg.RefuseEstimated,
		f.Mode == ModeNone, f.Mode == Mode2D && g.cfg.MinMode == Mode3D:
		return RefusedMode
	case f.Point == geo.Point{} && !g.cfg.AllowZeroIsland, !f.Point.Valid():
		return RefusedZeroIsland
	}
	return Accepted
}

// quality judges satellites and geometry. Dead reckoning has neither, and is not asked.
func (g *Gate) quality(f Fix) Verdict {
	if f.Solution == SolutionDeadReckoning {
		return Accepted
	}
	if n := f.Sats.Count(); n > 0 && n < g.cfg.MinSatellites {
		return RefusedSatellites
	}
	if g.cfg.MaxHDOP > 0 && f.HDOP > g.cfg.MaxHDOP { // NaN passes
		return RefusedHDOP
	}
	return Accepted
}

// motion judges whether the vehicle can have come here from where it was, and whether time goes on: a receiver that corrects its
// leap seconds tells some of them again. A fix that fails is held against the ones before it that failed: as soon as JumpConfirm
// of them agree among themselves, the old place or the old time was the wrong one.
func (g *Gate) motion(f Fix) Verdict {
	here := place{at: f.Time, point: f.Point, errM: f.ErrM}
	known := !g.last.at.IsZero()
	back := known && !here.at.After(g.last.at)
	if !known || !back && g.reachable(g.last, here) {
		g.last, g.rivals = here, 0
		return Accepted
	}
	if g.rivals > 0 && here.at.After(g.rival.at) && g.reachable(g.rival, here) {
		g.rivals++
	} else {
		g.rivals = 1
	}
	g.rival = here
	switch {
	case g.rivals >= g.cfg.JumpConfirm:
		g.last, g.rivals = here, 0
		return Accepted
	case back:
		return RefusedBackward
	}
	return RefusedJump
}

// reachable allows for the speed over the time between, for the errors of both fixes (3 sigma), and for JumpSlackM.
func (g *Gate) reachable(a, b place) bool {
	if g.cfg.MaxSpeedMps < 0 {
		return true
	}
	dt := math.Abs(b.at.Sub(a.at).Seconds())
	slack := max(0, g.cfg.JumpSlackM)
	if e := 3 * math.Hypot(a.errM, b.errM); e > slack { // false where one is unknown
		slack = min(e, max(slack, maxJumpSlackM))
	}
	return geo.Distance(a.point, b.point) <= g.cfg.MaxSpeedMps*dt+slack
}

// Count is how many satellites were used: the total where the receiver says it, else the sum over constellations, which
// can be more where firmware caps the total at 12. 0 unknown.
func (s Sats) Count() int {
	sum := 0
	for _, n := range s.Used {
		sum += int(n)
	}
	return max(sum, int(s.Total))
}
