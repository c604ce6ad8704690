package track

import (
	"dipper/positioning"
)

// column is one number of every fix of a batch, in whole steps.
type column struct {
	name     string
	optional bool  // may be unknown
	lo, hi   int64 // inclusive
	steps    func(f *positioning.Fix) int64
	set      func(f *positioning.Fix, steps int64)
	// expect, if not nil, guesses the value from the columns before; what is written is the difference to it.
	expect func(f *positioning.Fix) int64
}

func (c *column) expected(f *positioning.Fix) int64 {
	if c.expect == nil {
		return 0
	}
	return c.expect(f)
}

var (
	latColumn = column{
		name: "lat", lo: -90 * stepsPerDegree, hi: 90 * stepsPerDegree,
		steps: func(f *positioning.Fix) int64 {
			return toSteps(f.Point.Lat, stepsPerDegree, -90*stepsPerDegree, 90*stepsPerDegree)
		},
		set: func(f *positioning.Fix, s int64) { f.Point.Lat = fromSteps(s, stepsPerDegree) },
	}
	lonColumn = column{
		name: "lon", lo: -180 * stepsPerDegree, hi: 180 * stepsPerDegree,
		steps: func(f *positioning.Fix) int64 {
			return toSteps(f.Point.Lon, stepsPerDegree, -180*stepsPerDegree, 180*stepsPerDegree)
		},
		set: func(f *positioning.Fix, s int64) { f.Point.Lon = fromSteps(s, stepsPerDegree) },
	}
	altitudeColumn = column{
		name: "altitude", optional: true, lo: -maxAltitudeStep, hi: maxAltitudeStep,
		steps: func(f *positioning.Fix) int64 {
			return toSteps(f.AltitudeM, altitudeSteps, -maxAltitudeStep, maxAltitudeStep)
		},
		set: func(f *positioning.Fix, s int64) { f.AltitudeM = fromSteps(s, altitudeSteps) },
	}
	speedColumn = column{
		name: "speed", optional: true, lo: 0, hi: maxSpeedStep,
		steps: func(f *positioning.Fix) int64 { return toSteps(f.SpeedMps, speedSteps, 0, maxSpeedStep) },
		set:   func(f *positioning.Fix, s int64) { f.SpeedMps = fromSteps(s, speedSteps) },
	}
	courseColumn = column{
		name: "course", optional: true, lo: 0, hi: courseFull - 1,
		steps: func(f *positioning.Fix) int64 {
			s := toSteps(f.CourseDeg, courseSteps, 0, courseFull)
			if s == courseFull {
				return 0
			}
			return s
		},
		set: func(f *positioning.Fix, s int64) { f.CourseDeg = fromSteps(s, courseSteps) },
	}
	hdopColumn = column{
		name: "hdop", optional: true, lo: 1, hi: maxHDOPStep,
		steps: func(f *positioning.Fix) int64 { return toSteps(f.HDOP, hdopSteps, 1, maxHDOPStep) },
		set:   func(f *positioning.Fix, s int64) { f.HDOP = fromSteps(s, hdopSteps) },
	}
	errColumn = column{
		name: "err", optional: true, lo: 0, hi: maxErrStep,
		steps: func(f *positioning.Fix) int64 { return toSteps(f.ErrM, errSteps, 0, maxErrStep) },
		set:   func(f *positioning.Fix, s int64) { f.ErrM = fromSteps(s, errSteps) },
		expect: func(f *positioning.Fix) int64 {
			if h := hdopColumn.steps(f); h != unknownStep {
				return (h*errPerHDOP(f.Solution) + 50) / 100
			}
			return 0
		},
	}
)

// errPerHDOP is the error in centimetres that most fixes of a solution have for an HDOP of 1, because most errors are
// estimated from it. The numbers are format: if the estimate changes, errors take more bytes and stay right.
func errPerHDOP(s positioning.Solution) int64 {
	switch s {
	case positioning.SolutionDifferential:
		return 125
	case positioning.SolutionPPS:
		return 150
	case positioning.SolutionRTKFloat:
		return 40
	case positioning.SolutionRTKFixed:
		return 2
	}
	return 500
}

// columns are in the order of the wire, behind the statuses and the times. The order is format: see docs/wire.md.
var columns = [...]*column{&latColumn, &lonColumn, &altitudeColumn, &speedColumn, &courseColumn, &hdopColumn, &errColumn}

// Status fields in the order of their bits in a change mask; those that change most have the low bits, so that most masks
// are one byte. The order is format.
const (
	statusTotal = iota
	statusBeiDou
	statusGPS
	statusGLONASS
	statusGalileo
	statusSolution
	statusMode
	statusVerdict
	statusQZSS
	statusNavIC
	statusSBAS
	numStatus
)

// status is what a fix says in small numbers that seldom change.
type status [numStatus]uint8

// commonStatus is what a batch begins from: the status most fixes have, satellites aside.
var commonStatus = status{statusSolution: uint8(positioning.SolutionSingle), statusMode: uint8(positioning.Mode3D)}

func statusOf(f *positioning.Fix) status {
	return status{
		statusTotal:    f.Sats.Total,
		statusBeiDou:   f.Sats.Used[positioning.BeiDou],
		statusGPS:      f.Sats.Used[positioning.GPS],
		statusGLONASS:  f.Sats.Used[positioning.GLONASS],
		statusGalileo:  f.Sats.Used[positioning.Galileo],
		statusSolution: uint8(f.Solution),
		statusMode:     uint8(f.Mode),
		statusVerdict:  uint8(f.Verdict),
		statusQZSS:     f.Sats.Used[positioning.QZSS],
		statusNavIC:    f.Sats.Used[positioning.NavIC],
		statusSBAS:     f.Sats.Used[positioning.SBAS],
	}
}

func (s *status) setOn(f *positioning.Fix) {
	f.Sats.Total = s[statusTotal]
	f.Sats.Used[positioning.BeiDou] = s[statusBeiDou]
	f.Sats.Used[positioning.GPS] = s[statusGPS]
	f.Sats.Used[positioning.GLONASS] = s[statusGLONASS]
	f.Sats.Used[positioning.Galileo] = s[statusGalileo]
	f.Solution = positioning.Solution(s[statusSolution])
	f.Mode = positioning.Mode(s[statusMode])
	f.Verdict = positioning.Verdict(s[statusVerdict])
	f.Sats.Used[positioning.QZSS] = s[statusQZSS]
	f.Sats.Used[positioning.NavIC] = s[statusNavIC]
	f.Sats.Used[positioning.SBAS] = s[statusSBAS]
}

// changes is the mask of the fields in which s differs from before.
func (s *status) changes(before *status) uint64 {
	var mask uint64
	for i := range s {
		if s[i] != before[i] {
			mask |= 1 << i
		}
	}
	return mask
}
