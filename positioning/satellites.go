package positioning

import (
	"math/bits"

	"dipper/positioning/nmea"
)

// constellation translates a system of the NMEA sentences.
func constellation(s nmea.System) (Constellation, bool) {
	switch s {
	case nmea.SystemGPS:
		return GPS, true
	case nmea.SystemGLONASS:
		return GLONASS, true
	case nmea.SystemGalileo:
		return Galileo, true
	case nmea.SystemBeiDou:
		return BeiDou, true
	case nmea.SystemQZSS:
		return QZSS, true
	case nmea.SystemNavIC:
		return NavIC, true
	case nmea.SystemSBAS:
		return SBAS, true
	}
	return 0, false
}

// sats counts the satellites used. A satellite that several GSA list, one a signal, counts once.
func (e *epoch) sats() Sats {
	var s Sats
	for sys, set := range e.used {
		if c, ok := constellation(nmea.System(sys)); ok {
			s.Used[c] = uint8(bits.OnesCount64(set))
		}
	}
	s.Total = uint8(min(max(e.satellites, 0), 255))
	return s
}

// Sky is the satellites in view, by the latest complete group of GSV of each talker. It serves diagnosis: an antenna
// under a roof sees satellites and tracks none.
type Sky struct {
	InView  [NumConstellations]uint8 // satellites listed, each once, whatever the number of signals
	Tracked [NumConstellations]uint8 // of these, with a signal
	MaxCN0  [NumConstellations]uint8 // dB-Hz, of the strongest; 0 none tracked
	groups  [NumConstellations]skyGroup
}

// skyGroup gathers one constellation's GSV while its groups, one a signal, come in.
type skyGroup struct {
	listed, tracked uint64
	max             uint8
	signal          int
}

func (s *Sky) add(m *nmea.GSV) {
	c, ok := constellation(m.Sys)
	if !ok {
		return
	}
	g := &s.groups[c]
	if m.Index == 1 && m.Signal <= g.signal { // the first signal again: a new list
		*g = skyGroup{}
	}
	g.signal = m.Signal
	for _, v := range m.Visible {
		bit := uint64(1) << v.Number
		g.listed |= bit
		if v.CN0 > 0 {
			g.tracked |= bit
			g.max = max(g.max, uint8(v.CN0))
		}
	}
	if m.Index >= m.Total {
		s.InView[c] = uint8(bits.OnesCount64(g.listed))
		s.Tracked[c] = uint8(bits.OnesCount64(g.tracked))
		s.MaxCN0[c] = g.max
	}
}
