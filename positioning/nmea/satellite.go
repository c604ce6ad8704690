package nmea

// System is a satellite system by its NMEA 4.10 system ID. GSV has none: there the talker says it.
// Source: gpsd www/NMEA.adoc, "NMEA 4.11 System ID and Signal ID".
type System uint8

const (
	SystemUnknown System = 0
	SystemGPS     System = 1
	SystemGLONASS System = 2
	SystemGalileo System = 3
	SystemBeiDou  System = 4
	SystemQZSS    System = 5
	SystemNavIC   System = 6
	SystemSBAS    System = 7 // not an NMEA ID: SBAS satellites are listed under GPS
	NumSystems           = 8
)

// talkerSystem is the system that a talker speaks for, SystemUnknown for GN and for everyone else. BD is the Chinese
// standard's talker (BD 410004-2015), GB is NMEA 4.11's; PQ is Quectel's, for BeiDou unless a system ID says QZSS.
// Source: gpsd www/NMEA.adoc, talkers; driver_nmea0183.c.
func talkerSystem(talker string) System {
	switch talker {
	case "GP":
		return SystemGPS
	case "GL":
		return SystemGLONASS
	case "GA":
		return SystemGalileo
	case "GB", "BD", "PQ":
		return SystemBeiDou
	case "GQ", "QZ":
		return SystemQZSS
	case "GI", "IM":
		return SystemNavIC
	}
	return SystemUnknown
}

// Satellite is one satellite: its system, and its number within the system, from 1, whatever base the maker adds.
type Satellite struct {
	System System
	Number uint8 // 1 to 63
}

// Identify brings a maker's satellite number into a system's own count. sys is what the sentence says, or SystemUnknown;
// then the number's range decides as far as it can. ok is false for a number that names no satellite.
//
// Source: gpsd driver_nmea0183.c, table of satellite number ranges, and the recordings in its test/daemon.
func Identify(sys System, n int) (s Satellite, ok bool) {
	if sys == SystemUnknown || sys == SystemGPS {
		sys = rangeSystem(sys, n)
	}
	for _, r := range numberRanges {
		if r.system == sys && n >= r.first && n <= r.last {
			return Satellite{System: sys, Number: uint8(n - r.first + 1)}, true
		}
	}
	if sys == SystemBeiDou && n >= 64 && n <= 87 {
		return Satellite{System: sys, Number: uint8(n - 50)}, true // 50 + PRN; below 64 the number may be BDS-3's own
	}
	return Satellite{}, false
}

// rangeSystem tells the system from the number alone: for GN without a system ID, and for GP, under which older firmware
// lists SBAS, QZSS and everything else.
func rangeSystem(sys System, n int) System {
	switch {
	case n >= 1 && n <= 32:
		return SystemGPS
	case n >= 33 && n <= 64, n >= 120 && n <= 158: // NMEA's SBAS numbers (PRN - 87), and the PRN itself
		return SystemSBAS
	case n >= 65 && n <= 96:
		return SystemGLONASS
	case n >= 193 && n <= 200:
		return SystemQZSS
	case n >= 201 && n <= 263, n >= 401 && n <= 463:
		return SystemBeiDou
	case n >= 101 && n <= 119, n >= 301 && n <= 336:
		return SystemGalileo
	case n >= 901 && n <= 918:
		return SystemNavIC
	}
	return sys
}

// numberRanges lists, per system, the ranges that makers use for its satellites 1, 2, 3 … The first that fits counts.
var numberRanges = [...]struct {
	system      System
	first, last int
}{
	{SystemGPS, 1, 32},
	{SystemSBAS, 33, 64},
	{SystemSBAS, 120, 158},
	{SystemGLONASS, 65, 96},
	{SystemGLONASS, 1, 32},
	{SystemGalileo, 1, 36},
	{SystemGalileo, 301, 336}, // NMEA up to 4.0, u-blox
	{SystemGalileo, 101, 136}, // Quectel, Qualcomm
	{SystemBeiDou, 1, 63},     // NMEA 4.11, CASIC, Unicore, Septentrio; 33 to 63 are BDS-3
	{SystemBeiDou, 201, 263},  // SiRF, SkyTraq, Telit, Quectel
	{SystemBeiDou, 401, 463},  // u-blox and Jackson Labs before 4.11
	{SystemBeiDou, 161, 197},  // 160 + PRN, older Chinese firmware
	{SystemBeiDou, 141, 160},  // 140 + PRN, as far as 160 + PRN leaves it
	{SystemQZSS, 1, 10},
	{SystemQZSS, 193, 202},
	{SystemNavIC, 1, 15},
	{SystemNavIC, 901, 918}, // Allystar
}
