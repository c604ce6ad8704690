package positioning

import "math"

// ErrSource is where a fix's ErrM comes from.
type ErrSource uint8

const (
	ErrUnknown  ErrSource = iota // neither GST nor HDOP, or dead reckoning, whose error grows with every second
	ErrFromGST                   // the receiver's own estimate
	ErrFromHDOP                  // HDOP times the range error that is usual for the kind of solution
	ErrStated                    // the receiver's own estimate in GBS, PUBX, PQTMEPE or PGRME
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
	// MaxHDOP is where an HDOP is a mark for "none" (25.5, 50.0, 99.9 and 99.99 by maker) or as good as none.
	maxMeaningfulHDOP = 50.0
)

// estimateError is the horizontal error in metres, 1 sigma, of both axes together: the root of north² + east².
// The receiver's own word goes first: GST, then stated, from any other sentence, which nmea brings to the same measure.
func estimateError(s Solution, hdop float64, gst gstError, stated float64) (float64, ErrSource) {
	if e := math.Hypot(gst.latM, gst.lonM); e > 0 { // NaN and an all-zero GST fail
		return e, ErrFromGST
	}
	if stated > 0 {
		return stated, ErrStated
	}
	uere := uereOf(s)
	if !(hdop > 0 && hdop < maxMeaningfulHDOP) || math.IsNaN(uere) {
		return math.NaN(), ErrUnknown
	}
	return hdop * uere, ErrFromHDOP
}

func uereOf(s Solution) float64 {
	switch s {
	case SolutionDeadReckoning, SolutionManual, SolutionSimulator:
		return math.NaN()
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
