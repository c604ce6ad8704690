package main

import (
	"math"
	"math/rand/v2"
	"time"

	"dipper/positioning/geo"
)

// module is a simulated Beidou module on a vehicle: true motion plus a receiver's errors. Not safe for concurrent use.
type module struct {
	route        route
	start        time.Time // when the vehicle was at the route's beginning
	beidouTalker string    // BD or GB
	random       *rand.Rand
	north, east  float64 // error in metres
	beidou, gps  []satellite
}

// Errors of a single-frequency receiver under open sky: 1.5 m, correlated over about half a minute.
// Source: reference accuracy-filters.md, section 1 (UERE about 5 m, HDOP about 0.6, averaged by the receiver's own filter).
const (
	errorSigmaM     = 1.5
	errorTimeConstS = 30.0
)

func newModule(r route, start time.Time, beidouTalker string, seed uint64) *module {
	m := &module{route: r, start: start, beidouTalker: beidouTalker, random: rand.New(rand.NewPCG(seed, 0xbe1d00))}
	for _, prn := range []int{1, 3, 6, 9, 14, 22, 24, 26, 33, 35, 38, 42} { // BeiDou-2 and -3 over the western Pacific
		m.beidou = append(m.beidou, m.newSatellite(prn))
	}
	for _, prn := range []int{2, 5, 12, 15, 18, 25, 29} {
		m.gps = append(m.gps, m.newSatellite(prn))
	}
	return m
}

func (m *module) newSatellite(prn int) satellite {
	return satellite{prn: prn, elevationDeg: 10 + m.random.IntN(75), azimuthDeg: m.random.IntN(360), cn0: 28 + m.random.IntN(20)}
}

// appendEpoch writes the sentences of one epoch. step is the time since the epoch before.
func (m *module) appendEpoch(dst []byte, at time.Time, step time.Duration) []byte {
	truth := m.route.at(at.Sub(m.start))
	keep := math.Exp(-step.Seconds() / errorTimeConstS)
	spread := errorSigmaM * math.Sqrt(1-keep*keep)
	m.north = m.north*keep + m.random.NormFloat64()*spread
	m.east = m.east*keep + m.random.NormFloat64()*spread
	for _, sats := range [][]satellite{m.beidou, m.gps} {
		for i := range sats {
			m.wander(&sats[i])
		}
	}
	metresPerDegree := geo.EarthRadiusM * math.Pi / 180
	return appendEpoch(dst, moduleState{
		at: at,
		point: geo.Point{
			Lat: truth.point.Lat + m.north/metresPerDegree,
			Lon: truth.point.Lon + m.east/(metresPerDegree*math.Cos(truth.point.Lat*math.Pi/180)),
		},
		speedMps:  math.Abs(truth.speedMps + m.random.NormFloat64()*0.05),
		courseDeg: truth.courseDeg,
		altitudeM: 12 + m.north,
		beidou:    m.beidou,
		gps:       m.gps,
	}, m.beidouTalker)
}

// wander lets a satellite's signal change a little; below 22 dB-Hz it is lost until it comes back.
func (m *module) wander(s *satellite) {
	cn0 := s.cn0
	if cn0 == 0 {
		if m.random.IntN(20) == 0 {
			s.cn0 = 24
		}
		return
	}
	cn0 += m.random.IntN(3) - 1
	switch {
	case cn0 > 50:
		cn0 = 50
	case cn0 < 22:
		cn0 = 0
	}
	s.cn0 = cn0
}
