package positioning

import (
	"math"

	"dipper/positioning/nmea"
)

// ErrSource is where a fix's ErrM comes from.
type ErrSource uint8

const (
	ErrFromGST           ErrSource = iota // the receiver's own estimate
	ErrFromHDOP                           // HDOP times the range error that is usual for the kind of solution
	ErrStated                             // the receiver's own estimate in a sentence other than GST
	ErrAssumed                            // neither: the usual HDOP takes the place of the one that is not told
	ErrFromDeadReckoning                  // grows with the way since the satellites were lost
	numErrSources
)

// Range errors (UERE, 1 sigma, metres) by the kind of solution, to be multiplied by HDOP.
const (
	// UERESingle: 3 to 6 m is usual for one frequency.
	UERESingle = 5.0
	// UEREDifferential: gpsd takes a quarter of the single one (H_UERE_WITH_DGPS 3.75 m against H_UERE_NO_DGPS 15 m, both 95 %).
	UEREDifferential = UERESingle / 4
	// UEREPPS: two frequencies and the precise code take the ionosphere out.
	UEREPPS = 1.5
	// UERERTKFloat: decimetres while the ambiguities are open.
	UERERTKFloat = 0.4
	// UERERTKFixed: a hundredth of the wave, and the base's own error.
	UERERTKFixed = 0.02
	// maxMeaningfulHDOP is where an HDOP is a mark for "none" (50.0, 99.9 and 99.99 by maker) or as good as none: the error
	// is at least what it gives.
	maxMeaningfulHDOP = 50.0
	// assumedHDOP stands in for an HDOP that the receiver does not tell: the median of the accepted fixes in some sixty
	// receivers' recordings (gpsd test/daemon and others); 95 in 100 are at or below 2.2.
	assumedHDOP = 1.1
)

// Dead reckoning.
const (
	// driftShare is how much the error grows with the way travelled, without a sensor on the wheels.
	// Source: u-blox NEO-M8U data sheet, untethered dead reckoning: 10 % of the distance.
	driftShare = 0.1
	// driftMps stands in for a speed that is not told: 20 m/s, of which driftShare.
	driftMps = 20 * driftShare
	// driftStartM is the error of a receiver that begins with dead reckoning, from a place it remembers.
	driftStartM = 100.0
	// driftMaxM is where it stops growing: half the way round the earth.
	driftMaxM = 20_000_000.0
)

// estimateError is the horizontal error in metres, 1 sigma, of both axes together: the root of north² + east².
// The receiver's own word goes first: GST, then stated, from any other sentence, which nmea brings to the same measure.
// Then it is HDOP × UERE. Source of the formula: E. Kaplan, C. Hegarty, Understanding GPS, chapter 7. For dead reckoning
// the answer is only the receiver's own word, else NaN: see drift.
func estimateError(s Solution, hdop float64, gst gstError, stated float64) (float64, ErrSource) {
	if e := math.Hypot(gst.latM, gst.lonM); e > 0 { // NaN and an all-zero GST fail
		return e, ErrFromGST
	}
	if stated > 0 {
		return stated, ErrStated
	}
	if s == SolutionDeadReckoning {
		return math.NaN(), ErrFromDeadReckoning
	}
	if !(hdop > 0) {
		return assumedHDOP * uereOf(s), ErrAssumed
	}
	return min(hdop, maxMeaningfulHDOP) * uereOf(s), ErrFromHDOP
}

// uereOf is the range error by the kind of solution; a place entered by hand or simulated is taken for a single solution.
func uereOf(s Solution) float64 {
	switch s {
	case SolutionDifferential:
		return UEREDifferential
	case SolutionPPS:
		return UEREPPS
	case SolutionRTKFloat:
		return UERERTKFloat
	case SolutionRTKFixed:
		return UERERTKFixed
	}
	return UERESingle
}

// drift estimates the error of dead reckoning from the last solution by satellites on.
type drift struct {
	errM float64 // so far; 0 nothing is known
	key  nmea.TimeOfDay
}

// anchor notes a solution by satellites.
func (d *drift) anchor(errM float64, key nmea.TimeOfDay) { d.errM, d.key = errM, key }

// grow is the error at a dead-reckoned instant, whose speed may be unknown.
func (d *drift) grow(speedMps float64, key nmea.TimeOfDay) float64 {
	if d.errM == 0 {
		d.errM, d.key = driftStartM, key
	}
	seconds := float64((key-d.key+nmea.Day)%nmea.Day) / 1000
	rate := speedMps * driftShare
	if !Known(speedMps) {
		rate = driftMps
	}
	d.errM, d.key = min(d.errM+rate*seconds, driftMaxM), key
	return d.errM
}
