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
