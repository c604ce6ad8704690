package main

import (
	"fmt"
	"math"
	"time"

	"dipper/positioning/geo"
)

// knotsPerMps is how many knots make a metre per second: 3600/1852.
const knotsPerMps = 3600.0 / 1852

// appendSentence frames a sentence's body: $, body, *checksum, CR LF.
func appendSentence(dst []byte, body string) []byte {
	var sum byte
	for i := range len(body) {
		sum ^= body[i]
	}
	return fmt.Appendf(dst, "$%s*%02X\r\n", body, sum)
}

// moduleState is what a simulated module knows at one epoch.
type moduleState struct {
	at        time.Time // UTC
	point     geo.Point
	speedMps  float64
	courseDeg float64
	altitudeM float64
	beidou    []satellite // in view
	gps       []satellite
}

type satellite struct {
	prn, elevationDeg, azimuthDeg int
	cn0                           int // dB-Hz; 0 not tracked
}

// appendEpoch writes one epoch as a CASIC-like module of the talker does: RMC late, a GSA for each system, BeiDou under BD
// (Chinese standard) or GB (NMEA 4.11).
func appendEpoch(dst []byte, s moduleState, beidouTalker string) []byte {
	clock := s.at.Format("150405.000")
	lat, lon := latField(s.point.Lat), lonField(s.point.Lon)
	used := countUsed(s.beidou) + countUsed(s.gps)
	hdop := hdopFor(used)
	dst = appendSentence(dst, fmt.Sprintf("GNGGA,%s,%s,%s,1,%02d,%.2f,%.1f,M,7.1,M,,", clock, lat, lon, used, hdop, s.altitudeM))
	dst = appendGSA(dst, s.gps, hdop, 1)
	dst = appendGSA(dst, s.beidou, hdop, 4)
	if s.at.Second()%5 == 0 && s.at.Nanosecond() == 0 { // the sky changes slowly
		dst = appendGSV(dst, "GP", s.gps)
		dst = appendGSV(dst, beidouTalker, s.beidou)
	}
	course := fmt.Sprintf("%.2f", s.courseDeg)
	if s.speedMps < 0.3 {
		course = "" // as u-blox and others at standstill
	}
	dst = appendSentence(dst, fmt.Sprintf("GNRMC,%s,A,%s,%s,%.3f,%s,%s,,,A,V", clock, lat, lon, s.speedMps*knotsPerMps, course, s.at.Format("020106")))
	return appendSentence(dst, fmt.Sprintf("GNVTG,%s,T,,M,%.3f,N,%.3f,K,A", course, s.speedMps*knotsPerMps, s.speedMps*3.6))
}

// appendGSA lists the first 12 satellites in use of one system. system is the NMEA 4.10 system id: 1 GPS, 4 BeiDou.
func appendGSA(dst []byte, sats []satellite, hdop float64, system int) []byte {
	body := "GNGSA,A,3"
	slots := 0
	for _, s := range sats {
		if s.cn0 > 0 && slots < 12 {
			body += fmt.Sprintf(",%02d", s.prn)
			slots++
		}
	}
	for ; slots < 12; slots++ {
		body += ","
	}
	return appendSentence(dst, fmt.Sprintf("%s,%.2f,%.2f,%.2f,%d", body, hdop*1.6, hdop, hdop*1.3, system))
}

func appendGSV(dst []byte, talker string, sats []satellite) []byte {
	total := (len(sats) + 3) / 4
	for i := range total {
		body := fmt.Sprintf("%sGSV,%d,%d,%02d", talker, total, i+1, len(sats))
		for _, s := range sats[i*4 : min(i*4+4, len(sats))] {
			cn0 := ""
			if s.cn0 > 0 {
				cn0 = fmt.Sprintf("%02d", s.cn0)
			}
			body += fmt.Sprintf(",%02d,%02d,%03d,%s", s.prn, s.elevationDeg, s.azimuthDeg, cn0)
		}
		dst = appendSentence(dst, body+",1")
	}
	return dst
}

func countUsed(sats []satellite) int {
	n := 0
	for _, s := range sats {
		if s.cn0 > 0 {
			n++
		}
	}
	return n
}

// hdopFor is a plausible HDOP for a number of satellites: about 1 with 9, 0.6 with 20.
func hdopFor(used int) float64 { return 3 / math.Sqrt(float64(max(used, 1))) }

// latField is "ddmm.mmmmm,N". Rounding happens on the whole value so that minutes never read 60.
func latField(lat float64) string {
	degrees, minutes := degreesMinutes(lat)
	hemisphere := "N"
	if lat < 0 {
		hemisphere = "S"
	}
	return fmt.Sprintf("%02d%08.5f,%s", degrees, minutes, hemisphere)
}

// lonField is "dddmm.mmmmm,E".
func lonField(lon float64) string {
	degrees, minutes := degreesMinutes(lon)
	hemisphere := "E"
	if lon < 0 {
		hemisphere = "W"
	}
	return fmt.Sprintf("%03d%08.5f,%s", degrees, minutes, hemisphere)
}

func degreesMinutes(v float64) (int, float64) {
	const unitsPerMinute = 1e5
	units := int64(math.Round(math.Abs(v) * 60 * unitsPerMinute))
	return int(units / (60 * unitsPerMinute)), float64(units%(60*unitsPerMinute)) / unitsPerMinute
}
