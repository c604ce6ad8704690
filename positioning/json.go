package positioning

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// jsonTime is RFC 3339 in UTC with milliseconds always there, so that lines sort as text.
const jsonTime = "2006-01-02T15:04:05.000Z"

// AppendJSON appends f as one line of decode's output, without a newline. Unknown values are absent, never 0; accepted and
// reason are always there. Degrees have 7 decimals (11 mm on the ground), other numbers up to 3.
//
//	{"time":"2026-11-23T04:05:06.200Z","lat":36.0671234,"lon":120.3826543,"alt_m":12.3,"speed_mps":8.4,"course_deg":271.5,
//	 "mode":3,"solution":"single","sats":{"beidou":9,"gps":7},"hdop":0.8,"err_m":2.1,"accepted":true,"reason":""}
//
// sats counts the satellites used by constellation. A receiver that says only how many there are in all gets
// {"total":n}.
func AppendJSON(dst []byte, f Fix) []byte {
	dst = append(dst, `{"time":"`...)
	dst = appendTime(dst, f.Time)
	dst = append(dst, `","lat":`...)
	dst = appendDegrees(dst, f.Point.Lat)
	dst = append(dst, `,"lon":`...)
	dst = appendDegrees(dst, f.Point.Lon)
	dst = appendNumber(dst, `,"alt_m":`, f.AltitudeM)
	dst = appendNumber(dst, `,"speed_mps":`, f.SpeedMps)
	dst = appendNumber(dst, `,"course_deg":`, f.CourseDeg)
	if f.Mode != ModeUnknown {
		dst = append(dst, `,"mode":`...)
		dst = strconv.AppendUint(dst, uint64(f.Mode), 10)
	}
	if s := f.Solution.String(); s != "" {
		dst = append(dst, `,"solution":"`...)
		dst = append(dst, s...)
		dst = append(dst, '"')
	}
	dst = appendSats(dst, f.Sats)
	dst = appendNumber(dst, `,"hdop":`, f.HDOP)
	dst = appendNumber(dst, `,"err_m":`, f.ErrM)
	dst = append(dst, `,"accepted":`...)
	dst = strconv.AppendBool(dst, f.Verdict == Accepted)
	dst = append(dst, `,"reason":"`...)
	dst = append(dst, f.Verdict.String()...)
	return append(dst, `"}`...)
}

// AppendJSONWithSky appends f as AppendJSON does, and what the sky looked like then, by constellation: the signals on which
// satellites were tracked, where the receiver tells them apart, and how many were tracked at which C/N0 in dB-Hz.
//
//	… "reason":"","signals":{"beidou":["B1I","B1C"]},"cn0_dbhz":{"beidou":{"tracked":9,"mean":38,"max":45}}}
func AppendJSONWithSky(dst []byte, f Fix, sky *Sky) []byte {
	dst = AppendJSON(dst, f)
	dst = dst[:len(dst)-len("}")]
	dst = appendByConstellation(dst, "signals", func(dst []byte, c Constellation) []byte {
		names := sky.Signals[c].Names(c)
		if len(names) == 0 {
			return dst
		}
		dst = append(append(dst, '['), '"')
		dst = append(dst, strings.Join(names, `","`)...)
		return append(append(dst, '"'), ']')
	})
	dst = appendByConstellation(dst, "cn0_dbhz", func(dst []byte, c Constellation) []byte {
		if sky.Tracked[c] == 0 {
			return dst
		}
		return fmt.Appendf(dst, `{"tracked":%d,"mean":%d,"max":%d}`, sky.Tracked[c], sky.MeanCN0[c], sky.MaxCN0[c])
	})
	return append(dst, '}')
}

// appendByConstellation appends an object with a member for each constellation of which value appends something, and nothing
// where there is none.
func appendByConstellation(dst []byte, name string, value func([]byte, Constellation) []byte) []byte {
	key := `,"` + name + `":{"`
	any := false
	for _, c := range jsonOrder {
		start := len(dst)
		dst = append(append(append(dst, key...), c.String()...), `":`...)
		mark := len(dst)
		if dst = value(dst, c); len(dst) == mark {
			dst = dst[:start]
			continue
		}
		key, any = `,"`, true
	}
	if any {
		dst = append(dst, '}')
	}
	return dst
}

func appendTime(dst []byte, t time.Time) []byte { return t.UTC().AppendFormat(dst, jsonTime) }

// appendDegrees writes 7 decimals, and no sign before a zero.
func appendDegrees(dst []byte, deg float64) []byte {
	scaled := math.Round(deg * 1e7)
	return strconv.AppendFloat(dst, scaled/1e7+0, 'f', 7, 64)
}

// appendNumber writes nothing for an unknown value.
func appendNumber(dst []byte, key string, v float64) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return dst
	}
	dst = append(dst, key...)
	return strconv.AppendFloat(dst, math.Round(v*1000)/1000+0, 'f', -1, 64)
}

// jsonOrder is the constellations by name, so that the output does not depend on their numbers.
var jsonOrder = [...]Constellation{BeiDou, Galileo, GLONASS, GPS, NavIC, QZSS, SBAS}

func appendSats(dst []byte, s Sats) []byte {
	key := `,"sats":{`
	for _, c := range jsonOrder {
		if s.Used[c] == 0 {
			continue
		}
		dst = append(dst, key...)
		dst = append(dst, '"')
		dst = append(dst, c.String()...)
		dst = append(dst, `":`...)
		dst = strconv.AppendUint(dst, uint64(s.Used[c]), 10)
		key = ","
	}
	if key != "," {
		if s.Total == 0 {
			return dst
		}
		dst = append(dst, `,"sats":{"total":`...)
		dst = strconv.AppendUint(dst, uint64(s.Total), 10)
	}
	return append(dst, '}')
}
