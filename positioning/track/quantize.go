package track

import (
	"math"
	"time"

	"dipper/positioning"
	"dipper/positioning/geo"
)

// The wire's resolution: how many steps one unit has. A receiver's own last digit is as coarse or the noise is far above.
const (
	stepsPerDegree  = 1e7 // latitude, longitude: 1.1 cm
	altitudeSteps   = 10  // per metre
	speedSteps      = 100 // per metre per second
	courseSteps     = 10  // per degree
	hdopSteps       = 100 // per 1
	errSteps        = 100 // per metre
	courseFull      = 360 * courseSteps
	maxAltitudeStep = 1_000_000 * altitudeSteps // ±1000 km
	maxSpeedStep    = 20_000 * speedSteps       // 20 km/s
	maxHDOPStep     = 10_000 * hdopSteps
	maxErrStep      = 20_000_000 * errSteps // half way round the earth
)

// Fix times that a batch can hold: years 1 to 9999, what RFC 3339 can write.
var (
	minTimeMs = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	maxTimeMs = time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC).UnixMilli()
)

// Quantize rounds a fix to what a batch holds: time to 1 ms, latitude and longitude to 1e-7°, altitude to 0.1 m, speed to
// 0.01 m/s, course to 0.1°, HDOP to 0.01 and the error to 0.01 m. An altitude, speed, course, HDOP or error that no vehicle
// on earth can have becomes unknown. The agent quantizes a fix before anything else sees it, so that every place works with
// the same values. Quantizing twice changes nothing.
func Quantize(f positioning.Fix) positioning.Fix {
	quantize(&f)
	return f
}

// QuantizeAll is Quantize of each fix in its place. Nothing is allocated.
func QuantizeAll(fixes []positioning.Fix) {
	for i := range fixes {
		quantize(&fixes[i])
	}
}

func quantize(f *positioning.Fix) {
	if f.Point.Valid() {
		f.Point = geo.Point{
			Lat: math.Round(f.Point.Lat*stepsPerDegree)/stepsPerDegree + 0, // + 0 makes -0 into 0
			Lon: math.Round(f.Point.Lon*stepsPerDegree)/stepsPerDegree + 0,
		}
	}
	f.Time = f.Time.Round(time.Millisecond).UTC()
	f.AltitudeM = fromSteps(altitudeColumn.steps(f), altitudeSteps)
	f.SpeedMps = fromSteps(speedColumn.steps(f), speedSteps)
	f.CourseDeg = fromSteps(courseColumn.steps(f), courseSteps)
	f.HDOP = fromSteps(hdopColumn.steps(f), hdopSteps)
	f.ErrM = fromSteps(errColumn.steps(f), errSteps)
}

// unknownStep stands for a value that is not known.
const unknownStep = math.MinInt64

// toSteps is v in steps; unknownStep if v is NaN or outside lo..hi after rounding.
func toSteps(v float64, perUnit, lo, hi float64) int64 {
	s := math.Round(v * perUnit)
	if !(s >= lo && s <= hi) {
		return unknownStep
	}
	return int64(s)
}

func fromSteps(s int64, perUnit float64) float64 {
	if s == unknownStep {
		return math.NaN()
	}
	return float64(s) / perUnit
}
