package positioning

import (
	"math"
	"time"

	"dipper/positioning/geo"
)

// Fix is one navigation solution. It always has a time and a position: an instant without one is no Fix at all, so no
// vehicle ever appears in the Gulf of Guinea. Every other value may be unknown, and unknown is never zero: NaN for the
// floats, ModeUnknown, SolutionUnknown, no satellites.
//
// Start from NewFix, which sets every value to unknown.
type Fix struct {
	Time      time.Time // UTC by the satellites, to the millisecond; never the host's clock
	Point     geo.Point // WGS-84
	AltitudeM float64   // metres above mean sea level; NaN unknown
	SpeedMps  float64   // metres per second over ground, >= 0; NaN unknown
	CourseDeg float64   // degrees true, [0, 360); NaN unknown, as it is at standstill on many receivers
	HDOP      float64   // pure number, > 0; NaN unknown
	ErrM      float64   // estimated horizontal error in metres, 1 sigma; a Decoder always gives one; NaN unknown
	Mode      Mode
	Solution  Solution
	Sats      Sats
	Verdict   Verdict
}

// NewFix is a fix at a time and place with everything else unknown.
func NewFix(at time.Time, p geo.Point) Fix {
	nan := math.NaN()
	return Fix{Time: at, Point: p, AltitudeM: nan, SpeedMps: nan, CourseDeg: nan, HDOP: nan, ErrM: nan}
}

// Known reports whether a float of a Fix holds a value.
func Known(v float64) bool { return !math.IsNaN(v) }

// Equal reports whether two fixes say the same; unknown equals unknown, which == on NaN would deny.
func (f Fix) Equal(g Fix) bool {
	same := func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }
	return f.Time.Equal(g.Time) && f.Point == g.Point && same(f.AltitudeM, g.AltitudeM) &&
		same(f.SpeedMps, g.SpeedMps) && same(f.CourseDeg, g.CourseDeg) && same(f.HDOP, g.HDOP) && same(f.ErrM, g.ErrM) &&
		f.Mode == g.Mode && f.Solution == g.Solution && f.Sats == g.Sats && f.Verdict == g.Verdict
}

// Mode is the dimension of the solution, as GSA writes it. The numbers are wire format.
type Mode uint8

const (
	ModeUnknown Mode = 0
	ModeNone    Mode = 1 // the receiver says that it has no fix
	Mode2D      Mode = 2
	Mode3D      Mode = 3
)

// Solution is how the position was computed. The numbers are wire format: add at the end, never renumber.
type Solution uint8

const (
	SolutionUnknown Solution = iota
	SolutionSingle
	SolutionDifferential // DGNSS or SBAS
	SolutionPPS
	SolutionRTKFixed
	SolutionRTKFloat
	SolutionDeadReckoning // estimated, without satellites: tunnels
	SolutionManual
	SolutionSimulator
	numSolutions
)

var solutionNames = [numSolutions]string{"", "single", "differential", "pps", "rtk_fixed", "rtk_float", "dead_reckoning", "manual", "simulator"}

// String is the name used in JSON; "" for unknown.
func (s Solution) String() string {
	if s < numSolutions {
		return solutionNames[s]
	}
	return ""
}

// Constellation is a satellite system. The numbers index Sats and are wire format.
type Constellation uint8

const (
	GPS Constellation = iota
	GLONASS
	Galileo
	BeiDou
	QZSS
	NavIC
	SBAS
	NumConstellations
)

var constellationNames = [NumConstellations]string{"gps", "glonass", "galileo", "beidou", "qzss", "navic", "sbas"}

// String is the name used in JSON.
func (c Constellation) String() string {
	if c < NumConstellations {
		return constellationNames[c]
	}
	return "unknown"
}

// Sats is how many satellites were used in the solution. A receiver that says only how many in all leaves Used at zero.
type Sats struct {
	Used  [NumConstellations]uint8 // per constellation, from GSA; 0 none or not said
	Total uint8                    // as GGA or GNS say, which some firmware caps at 12; 0 not said
}

// Verdict is what the gates made of a fix. The numbers are wire format: add at the end, never renumber.
type Verdict uint8

const (
	Accepted          Verdict = iota
	RefusedMode               // the receiver's own words do not make it a fix for tracking
	RefusedSatellites         // too few satellites
	RefusedHDOP               // geometry too poor
	RefusedFuture             // later than the host's clock allows
	RefusedPast               // before any time at which Dipper can have recorded it
	RefusedJump               // farther from the last fix than the vehicle can have gone
	RefusedSimulator          // quality 8, mode S
	RefusedManual             // quality 7, mode M
	RefusedZeroIsland         // 0,0 as receivers write it for "unknown"
	RefusedSameTime           // another fix of the same instant came before
	RefusedDatum              // the receiver is set to a datum that is not WGS-84 within our error
	RefusedBackward           // not later than the last accepted fix
	numVerdicts
)

var verdictNames = [numVerdicts]string{"", "mode", "satellites", "hdop", "future", "past", "jump", "simulator", "manual", "zero_island", "same_time", "datum", "backward"}

// String is the reason as in decode's output; "" for Accepted.
func (v Verdict) String() string {
	if v < numVerdicts {
		return verdictNames[v]
	}
	return "unknown"
}
