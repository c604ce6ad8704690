package positioning

import (
	"math/bits"
	"slices"

	"dipper/positioning/nmea"
)

// Sky sums up the satellites in view by constellation: the evidence that a constellation was received, on which signals and
// how well. It also tells an antenna under a roof, which sees satellites and tracks none.
type Sky struct {
	InView  [NumConstellations]uint8  // satellites listed, each once, whatever the number of its signals
	Tracked [NumConstellations]uint8  // of these, with a signal
	Used    [NumConstellations]uint8  // of these, in the latest solution, by GSA
	MaxCN0  [NumConstellations]uint8  // dB-Hz, of the strongest; 0 none tracked
	MeanCN0 [NumConstellations]uint8  // dB-Hz, over those tracked, each by its strongest signal; 0 none tracked
	Signals [NumConstellations]Signal // those on which one was tracked; none where the receiver does not tell signals apart
}

// SkySatellite is one satellite in view.
type SkySatellite struct {
	System       Constellation
	Number       uint8  // within the constellation, from 1, whatever base the maker adds
	ElevationDeg int8   // -1 unknown
	AzimuthDeg   int16  // from true north, 0 to 359; -1 unknown
	CN0          uint8  // dB-Hz of the strongest signal; 0 not tracked
	Signals      Signal // on which it is tracked
	Used         bool   // in the latest solution, by GSA
}

// Signal is a set of signals of one constellation: bit n stands for the NMEA 4.11 signal ID n, 1 to 15.
type Signal uint16

// signalNames gives the signals of a constellation by their NMEA 4.11 signal ID; "" has no name.
// Source: gpsd www/NMEA.adoc, "NMEA 4.11 System ID and Signal ID". In NMEA 4.10 u-blox used BeiDou's 3 for B2I, which 4.11
// calls B1C; the number alone does not tell.
var signalNames = [NumConstellations][16]string{
	GPS:     {1: "L1 C/A", 2: "L1 P(Y)", 3: "L1 M", 4: "L2 P(Y)", 5: "L2C-M", 6: "L2C-L", 7: "L5-I", 8: "L5-Q"},
	GLONASS: {1: "L1 C/A", 2: "L1 P", 3: "L2 C/A", 4: "L2 P"},
	Galileo: {1: "E5a", 2: "E5b", 3: "E5a+b", 4: "E6-A", 5: "E6-BC", 6: "L1-A", 7: "L1-BC"},
	BeiDou: {1: "B1I", 2: "B1Q", 3: "B1C", 4: "B1A", 5: "B2a", 6: "B2b", 7: "B2a+b", 8: "B3I", 9: "B3Q", 10: "B3A",
		11: "B2I", 12: "B2Q"},
	QZSS:  {1: "L1 C/A", 2: "L1C(D)", 3: "L1C(P)", 4: "LIS", 5: "L2C-M", 6: "L2C-L", 7: "L5-I", 8: "L5-Q", 9: "L6D", 10: "L6E"},
	NavIC: {1: "L5-SPS", 2: "S-SPS", 3: "L5-RS", 4: "S-RS", 5: "L1-SPS"},
}

// Names lists the signals of a set by the names that constellation c gives them, lowest ID first; one without a name is left
// out.
func (s Signal) Names(c Constellation) []string {
	var names []string
	for id := 1; id < 16 && c < NumConstellations; id++ {
		if s&(1<<id) != 0 && signalNames[c][id] != "" {
			names = append(names, signalNames[c][id])
		}
	}
	return names
}

// skyLists gathers GSV. Each talker, GN included, lists its satellites in groups of sentences, often one group a signal, and a
// list replaces the one before when it is complete, so that nobody sees half of one.
type skyLists struct {
	lists [nmea.NumSystems]skyList // by the system that the talker speaks for
	round uint32                   // groups completed by any talker
}

type skyList struct {
	growing []SkySatellite // of the groups that have come so far
	whole   []SkySatellite // as of the latest complete group
	signal  int            // of the latest group
	round   uint32         // when whole was made
}

const (
	// maxListed bounds one list: more satellites than a constellation has. Source: BeiDou has 63 numbers.
	maxListed = 64
	// skyRounds is how many groups others complete until a list that no longer comes is forgotten: several cycles of a
	// receiver with two dozen signals.
	skyRounds = 100
)

func (k *skyLists) add(m *nmea.GSV) {
	l := &k.lists[m.Sys]
	if m.Index == 1 && m.Signal <= l.signal { // the first signal again: a new list
		l.growing = l.growing[:0]
	}
	l.signal = m.Signal
	for i := range m.Visible {
		l.see(&m.Visible[i], m.Signal)
	}
	if m.Index >= m.Total {
		k.round++
		l.whole, l.round = append(l.whole[:0], l.growing...), k.round
	}
}

// see adds a satellite, or a further signal of one.
func (l *skyList) see(v *nmea.Visible, signal int) {
	c, ok := constellation(v.System)
	if !ok {
		return
	}
	i := slices.IndexFunc(l.growing, func(s SkySatellite) bool { return s.System == c && s.Number == v.Number })
	if i < 0 {
		if len(l.growing) == maxListed {
			return
		}
		i = len(l.growing)
		l.growing = append(l.growing, SkySatellite{System: c, Number: v.Number, ElevationDeg: -1, AzimuthDeg: -1})
	}
	s := &l.growing[i]
	if v.ElevationDeg >= 0 {
		s.ElevationDeg = int8(v.ElevationDeg)
	}
	if v.AzimuthDeg >= 0 {
		s.AzimuthDeg = int16(v.AzimuthDeg % 360)
	}
	if v.CN0 > 0 {
		s.CN0 = max(s.CN0, uint8(v.CN0))
		if signal > 0 {
			s.Signals |= 1 << signal
		}
	}
}

// each calls fn for every satellite in view, with Used as by the latest GSA.
func (k *skyLists) each(used *[nmea.NumSystems]uint64, fn func(SkySatellite)) {
	for i := range k.lists {
		l := &k.lists[i]
		if k.round-l.round > skyRounds {
			l.whole = l.whole[:0]
		}
		for _, s := range l.whole {
			s.Used = used[system(s.System)]&(1<<s.Number) != 0
			fn(s)
		}
	}
}

// system is the other way of constellation.
func system(c Constellation) nmea.System {
	return [NumConstellations]nmea.System{
		GPS: nmea.SystemGPS, GLONASS: nmea.SystemGLONASS, Galileo: nmea.SystemGalileo, BeiDou: nmea.SystemBeiDou,
		QZSS: nmea.SystemQZSS, NavIC: nmea.SystemNavIC, SBAS: nmea.SystemSBAS,
	}[c]
}

func (k *skyLists) sky(used *[nmea.NumSystems]uint64) Sky {
	var s Sky
	var sum [NumConstellations]int
	k.each(used, func(v SkySatellite) {
		c := v.System
		s.InView[c]++
		if v.CN0 > 0 {
			s.Tracked[c]++
			sum[c] += int(v.CN0)
			s.MaxCN0[c] = max(s.MaxCN0[c], v.CN0)
			s.Signals[c] |= v.Signals
		}
	})
	for c := range NumConstellations {
		s.Used[c] = uint8(bits.OnesCount64(used[system(c)]))
		if n := int(s.Tracked[c]); n > 0 {
			s.MeanCN0[c] = uint8((sum[c] + n/2) / n)
		}
	}
	return s
}
