package positioning

import (
	"math"
	"time"

	"dipper/positioning/geo"
)

// Defaults of HoldConfig. Source: reference on fix filtering, static hold (u-blox's CFG-MOT-GNSSSPEED_THRS and
// GNSSDIST_THRS, off by default there, and practice).
const (
	DefaultHoldFixes    = 5
	DefaultHoldFor      = 5 * time.Second
	DefaultHoldSpeedMps = 0.5
	DefaultMoveSpeedMps = 1.5
	DefaultHoldRadiusM  = 25
	// holdSigmas is how many sigma of both errors together a fix may be off the anchor; maxHoldRadiusM bounds what a bad
	// estimate can excuse.
	holdSigmas     = 3
	maxHoldRadiusM = 100
	// moveEvidence is how many signs of motion end a hold: speed is one, distance another. So one fix with both, or two
	// fixes in a row with one each.
	moveEvidence = 2
)

// HoldConfig says when a vehicle is parked. In every number 0 stands for the default.
type HoldConfig struct {
	Fixes        int           // so many fixes in a row must stand still before the place is held
	For          time.Duration // and for so long
	HoldSpeedMps float64       // below this a fix stands still
	MoveSpeedMps float64       // above this a fix moves
	RadiusM      float64       // farther from the anchor than this and than three sigma, a fix moves
}

// Hold keeps a parked vehicle in its place: receivers that stand still wander by metres and report speeds of a fifth of a
// metre per second and courses of any direction. Not safe for concurrent use.
//
// The place is the mean of the fixes that stood still; it is given up at the second fix in a row that moves, or at the
// first that is both fast and far. A vehicle that creeps below MoveSpeedMps leaves by distance.
type Hold struct {
	cfg      HoldConfig
	run      int       // fixes that stood still in a row
	first    Fix       // of the run
	mean     geo.Point // of the run; the anchor while holding
	errM     float64   // the first fix's, which the mean shares: a receiver's error lasts for minutes
	holding  bool
	evidence int // signs of motion in the latest fixes
}

// NewHold is a hold with the defaults filled in.
func NewHold(cfg HoldConfig) *Hold {
	if cfg.Fixes <= 0 {
		cfg.Fixes = DefaultHoldFixes
	}
	if cfg.For <= 0 {
		cfg.For = DefaultHoldFor
	}
	if !(cfg.HoldSpeedMps > 0) {
		cfg.HoldSpeedMps = DefaultHoldSpeedMps
	}
	if !(cfg.MoveSpeedMps > 0) {
		cfg.MoveSpeedMps = DefaultMoveSpeedMps
	}
	cfg.MoveSpeedMps = max(cfg.MoveSpeedMps, cfg.HoldSpeedMps)
	if !(cfg.RadiusM > 0) {
		cfg.RadiusM = DefaultHoldRadiusM
	}
	return &Hold{cfg: cfg}
}

// Step takes the next fix, in the order of time, and returns what is to be reported: while the vehicle is parked, f at the
// anchor with speed 0 and an unknown course. held says whether it is. A refused fix passes as it is and changes nothing.
func (h *Hold) Step(f Fix) (out Fix, held bool) {
	if f.Verdict != Accepted {
		return f, false
	}
	if h.holding {
		h.leave(f)
	} else {
		h.enter(f)
	}
	if !h.holding {
		return f, false
	}
	f.Point, f.SpeedMps, f.CourseDeg = h.mean, 0, math.NaN()
	return f, true
}

// enter counts a fix that stands still, and takes hold when there are enough.
func (h *Hold) enter(f Fix) {
	if f.SpeedMps >= h.cfg.HoldSpeedMps { // unknown goes on: the mean speed below decides
		h.run = 0
		return
	}
	if h.run == 0 || h.away(f, h.first.Point, h.first.ErrM) || f.Time.Before(h.first.Time) {
		h.run, h.first, h.mean, h.errM = 1, f, f.Point, f.ErrM
		return
	}
	h.run++
	share := 1 / float64(h.run)
	h.mean.Lat += (f.Point.Lat - h.mean.Lat) * share
	h.mean.Lon = geo.LonDelta(0, h.mean.Lon+geo.LonDelta(h.mean.Lon, f.Point.Lon)*share)
	elapsed := f.Time.Sub(h.first.Time)
	if h.run < h.cfg.Fixes || elapsed < h.cfg.For {
		return
	}
	h.holding = geo.Distance(h.first.Point, f.Point) < h.cfg.HoldSpeedMps*elapsed.Seconds()
	h.evidence = 0
}

// leave gathers the signs of motion. A fix without any clears them.
func (h *Hold) leave(f Fix) {
	before := h.evidence
	if f.SpeedMps > h.cfg.MoveSpeedMps {
		h.evidence++
	}
	if h.away(f, h.mean, h.errM) {
		h.evidence++
	}
	if h.evidence == before {
		h.evidence = 0
	}
	if h.evidence >= moveEvidence {
		h.holding, h.run, h.evidence = false, 0, 0
	}
}

// away reports whether f is farther from a place than the errors of both explain.
func (h *Hold) away(f Fix, from geo.Point, fromErrM float64) bool {
	radius := h.cfg.RadiusM
	if e := holdSigmas * math.Hypot(f.ErrM, fromErrM); e > radius { // false where one is unknown
		radius = min(e, max(radius, maxHoldRadiusM))
	}
	return geo.Distance(from, f.Point) > radius
}
