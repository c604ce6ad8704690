package positioning

import (
	"math"

	"dipper/positioning/geo"
	"dipper/positioning/nmea"
)

// epoch is what the sentences of one instant have said so far.
type epoch struct {
	key   nmea.TimeOfDay
	date  nmea.Date // of this epoch's RMC or ZDA
	place nmea.Position
	score int // of place: see locate

	gllPlace nmea.Position

	rmc, gga, gns, gll word // what each kind says of the fix
	unsaid             bool // a GGA did not say its quality
	own                word // what a maker's own sentence says
	vendor             nmea.VendorFix

	quality    int8 // GGA; -1 not said
	letter     byte // FAA mode of RMC, else of GNS or GLL; 0 not said
	satellites int
	hdop       float64
	altitudeM  float64
	speedMps   float64 // of RMC
	courseDeg  float64
	gst        gstError

	loose         // GSA and VTG that belong here
	tail    loose // those since the last timed sentence: the next epoch's where GSA come first
	gbsErrM float64
	counts  [16]uint8 // sentences by kind
	last    mark      // the latest sentence
	timed   mark      // the latest timed sentence
	length  int       // timed sentences
}

// word is what one kind of sentence says of the fix in an epoch. One yes among several of the kind counts: receivers send a
// GGA for each system.
type word uint8

const (
	silent word = iota
	no
	yes
)

func (w *word) say(valid bool) {
	if valid {
		*w = yes
	} else if *w == silent {
		*w = no
	}
}

// loose is what sentences without a time have said: GSA and VTG.
type loose struct {
	n         int // sentences
	gsas      int
	mode      Mode // the best of the GSAs: a system without satellites may say 1 beside one that says 3
	gsaHDOP   float64
	used      [nmea.NumSystems]uint64 // bit sets of satellite numbers
	vtgSpeed  float64                 // m/s
	vtgCourse float64
	errM      float64 // PGRME's or PQTMEPE's
	altM      float64 // PGRMZ's, by satellites
}

// gstError is a receiver's own 1-sigma error, north and east.
type gstError struct{ latM, lonM float64 }

// mark is a place in a cycle of sentences: the count-th of its kind.
type mark struct {
	kind  kind
	count uint8
}

// kind is a type of sentence that takes part in epochs.
type kind uint8

const (
	kindNone kind = iota
	kindRMC
	kindGGA
	kindGNS
	kindGLL
	kindZDA
	kindGST
	kindGSA
	kindVTG
	kindVendor
	kindError
	kindAltitude
)

func newEpoch(key nmea.TimeOfDay, lead loose) epoch {
	nan := math.NaN()
	return epoch{
		key: key, score: -1, quality: -1, satellites: -1, hdop: nan, altitudeM: nan, speedMps: nan, courseDeg: nan,
		gst: gstError{nan, nan}, gbsErrM: nan, loose: lead, tail: newLoose(),
	}
}

func newLoose() loose {
	nan := math.NaN()
	return loose{gsaHDOP: nan, vtgSpeed: nan, vtgCourse: nan, errM: nan, altM: nan}
}

// Units of NMEA speeds in metres per second, exact by definition of the knot.
const (
	mpsPerKnot = 1852.0 / 3600
	mpsPerKmh  = 1000.0 / 3600
)

func (e *epoch) addRMC(m *nmea.RMC) {
	valid := (m.Status == 'A' || m.Status == 'D') && m.Mode != 'N' // D is differential. Source: gpsd driver_nmea0183.c, processRMC
	e.rmc.say(valid)
	if !valid {
		return
	}
	e.locate(m.Position, kindRMC, m.Talker)
	if !e.date.Known() {
		e.date = m.Date
	}
	if m.Mode != 0 {
		e.letter = m.Mode
	}
	if Known(m.SpeedKnots) {
		e.speedMps = m.SpeedKnots * mpsPerKnot
	}
	if Known(m.CourseDeg) {
		e.courseDeg = m.CourseDeg
	}
}

func (e *epoch) addGGA(m *nmea.GGA) {
	if m.Quality < 0 { // neither yes nor no: the others decide
		e.unsaid = true
	} else {
		e.gga.say(m.Quality > 0)
	}
	if m.Quality == 0 {
		return
	}
	if !e.locate(m.Position, kindGGA, m.Talker) && e.quality >= 0 {
		return // another system's GGA of this epoch was better
	}
	e.quality = max(e.quality, m.Quality)
	e.satellites = max(e.satellites, m.Satellites)
	if m.HDOP > 0 {
		e.hdop = m.HDOP
	}
	if Known(m.AltitudeM) {
		e.altitudeM = m.AltitudeM
	}
}

func (e *epoch) addGNS(m *nmea.GNS) {
	letter := bestLetter(m.Modes)
	e.gns.say(letter != 'N')
	if letter == 'N' {
		return
	}
	e.locate(m.Position, kindGNS, m.Talker)
	if e.letter == 0 {
		e.letter = letter
	}
	e.satellites = max(e.satellites, m.Satellites)
	if !Known(e.hdop) && m.HDOP > 0 {
		e.hdop = m.HDOP
	}
	if !Known(e.altitudeM) {
		e.altitudeM = m.AltitudeM
	}
}

func (e *epoch) addGLL(m *nmea.GLL) {
	valid := m.Status != 'V' && m.Mode != 'N'
	e.gll.say(valid)
	if !valid {
		return
	}
	e.locate(m.Position, kindGLL, m.Talker)
	if e.letter == 0 {
		e.letter = m.Mode
	}
}

// addZDA prefers ZDA's date, for its four-digit year.
func (e *epoch) addZDA(m *nmea.ZDA) {
	if m.Date.Known() {
		e.date = m.Date
	}
}

func (e *epoch) addGST(m *nmea.GST) {
	if Known(m.LatM) && Known(m.LonM) {
		e.gst = gstError{m.LatM, m.LonM}
	} else if Known(m.MajorM) && Known(m.MinorM) {
		e.gst = gstError{m.MajorM, m.MinorM}
	}
}

// addVendor keeps a maker's own fix; what it says counts where the standard's sentences say nothing.
func (e *epoch) addVendor(m *nmea.VendorFix) {
	e.own.say(m.Valid && m.Position.Known)
	if m.Valid {
		e.vendor = *m
	}
}

func (l *loose) addError(m *nmea.ErrorEstimate) {
	l.n++
	if m.ErrM > 0 {
		l.errM = m.ErrM
	}
}

// addAltitude takes an altitude that satellites gave; one that the user entered says that the fix is 2D.
func (l *loose) addAltitude(m *nmea.Altitude) {
	l.n++
	l.mode = max(l.mode, Mode(m.Dimensions))
	if m.Dimensions == 3 {
		l.altM = m.AltitudeM
	}
}

func (l *loose) addGSA(m *nmea.GSA) {
	l.n++
	l.gsas++
	l.mode = max(l.mode, Mode(m.Mode))
	if m.HDOP > 0 {
		l.gsaHDOP = m.HDOP
	}
	for _, s := range m.Used {
		l.used[s.System] |= 1 << s.Number
	}
}

func (l *loose) addVTG(m *nmea.VTG) {
	l.n++
	switch {
	case m.Mode == 'N':
		return
	case Known(m.SpeedKnots):
		l.vtgSpeed = m.SpeedKnots * mpsPerKnot
	case Known(m.SpeedKmh):
		l.vtgSpeed = m.SpeedKmh * mpsPerKmh
	}
	if Known(m.CourseDeg) {
		l.vtgCourse = m.CourseDeg
	}
}

// merge adds what came later.
func (l *loose) merge(o loose) {
	l.n += o.n
	l.gsas += o.gsas
	l.mode = max(l.mode, o.mode)
	for i := range l.used {
		l.used[i] |= o.used[i]
	}
	for _, v := range [...]struct {
		to   *float64
		from float64
	}{{&l.gsaHDOP, o.gsaHDOP}, {&l.vtgSpeed, o.vtgSpeed}, {&l.vtgCourse, o.vtgCourse}, {&l.errM, o.errM}, {&l.altM, o.altM}} {
		if Known(v.from) {
			*v.to = v.from
		}
	}
}

// locate takes a position if it is the best of the epoch so far: the finest in resolution, then GN's, which speaks for all
// systems, then the latest. It reports whether the position was taken.
//
// Receivers write one position into all sentences of an instant. Only plotters that solve ten times a second and write whole
// seconds move on in between, and a GGA of theirs that follows GLL has the place of the second that comes: GLL's stays.
// Source: gpsd test/daemon/bundg-zeus-9.log, where GGA of 09:48:16 stands at GLL's and RMC's place of 09:48:17.
func (e *epoch) locate(p nmea.Position, k kind, talker string) bool {
	if !p.Known {
		return false
	}
	switch {
	case k == kindGLL:
		e.gllPlace = p
	case k == kindGGA && e.gllPlace.Known && e.gllPlace.Decimals == p.Decimals:
		p = e.gllPlace
	}
	score := int(p.Decimals) * 2
	if talker == "GN" {
		score++
	}
	if score < e.score {
		return false
	}
	e.place, e.score = p, score
	return true
}

// bestLetter is the strongest of a GNS's modes: N only if no system has a fix.
func bestLetter(modes string) byte {
	best, rank := byte('N'), 0
	for i := range len(modes) {
		if r := letterRank(modes[i]); r > rank {
			best, rank = modes[i], r
		}
	}
	return best
}

func letterRank(c byte) int {
	const weakest = "NMSEUCADPFR"
	for i := range len(weakest) {
		if weakest[i] == c {
			return i
		}
	}
	return 0
}

// hasFix reports whether the receiver stands by the position: one kind of sentence does and none denies it. A denial wins because
// on loss of the fix a receiver keeps writing the last position beside it. Only GSA's yields to RMC and GGA together: it has no
// time, and may be of the instant before. A maker's own sentence is asked where no other has spoken.
func (e *epoch) hasFix() bool {
	switch {
	case !e.standard():
		return e.own == yes && e.mode != ModeNone
	case !e.place.Known || e.rmc == no || e.gga == no || e.gns == no || e.gll == no:
		return false
	case e.rmc == yes && (e.gga == yes || e.gns == yes):
		return true
	}
	return (e.rmc == yes || e.gga == yes || e.gns == yes || e.gll == yes) && e.mode != ModeNone
}

// standard reports whether the epoch had one of the standard's sentences that could have held a fix.
func (e *epoch) standard() bool {
	return e.rmc != silent || e.gga != silent || e.gns != silent || e.gll != silent || e.unsaid
}

// positional reports whether the epoch had a sentence that could have held a fix.
func (e *epoch) positional() bool { return e.standard() || e.own != silent }

// fix makes a Fix of the epoch but for its date; mode is the last GSA's, for an epoch without one.
func (e *epoch) fix(carried Mode) (Fix, ErrSource) {
	e.fill()
	f := NewFix(nmea.Date{Year: 1970, Month: 1, Day: 1}.At(e.key), geo.Point{Lat: e.place.Lat, Lon: e.place.Lon})
	if !Known(e.altitudeM) {
		e.altitudeM = e.altM
	}
	f.AltitudeM = e.altitudeM
	f.SpeedMps, f.CourseDeg = e.speedMps, e.courseDeg
	if !Known(f.SpeedMps) {
		f.SpeedMps = e.vtgSpeed
	}
	if !Known(f.CourseDeg) {
		f.CourseDeg = e.vtgCourse
	}
	if f.HDOP = e.hdop; !Known(f.HDOP) {
		f.HDOP = e.gsaHDOP
	}
	f.Solution = e.solution()
	f.Mode = e.dimension(carried)
	f.Sats = e.sats()
	var src ErrSource
	f.ErrM, src = estimateError(f.Solution, f.HDOP, e.gst, e.statedError())
	return f, src
}

// fill takes from a maker's own sentence what the standard's have not said.
func (e *epoch) fill() {
	if e.own != yes {
		return
	}
	v := &e.vendor
	if !e.place.Known {
		e.place = v.Position
	}
	if e.letter == 0 {
		e.letter = v.Mode
	}
	e.satellites = max(e.satellites, v.Satellites)
	for _, x := range [...]struct {
		to   *float64
		from float64
	}{{&e.altitudeM, v.AltitudeM}, {&e.speedMps, v.SpeedMps}, {&e.courseDeg, v.CourseDeg}} {
		if !Known(*x.to) {
			*x.to = x.from
		}
	}
	if !Known(e.hdop) && !Known(e.gsaHDOP) && v.HDOP > 0 {
		e.hdop = v.HDOP
	}
}

// statedError is the error by the sentences that exist to tell it, the finest first; NaN for none.
func (e *epoch) statedError() float64 {
	for _, m := range [...]float64{e.gbsErrM, e.vendor.ErrM, e.errM} {
		if m > 0 {
			return m
		}
	}
	return math.NaN()
}

// dimension is 3D for an instant that has an altitude, else what GSA says, else 2D.
//
// So GSA's 2 yields to an altitude of the same instant, as it does in gpsd: GSA has no time and in many cycles stands for the
// instant before. The price is that a receiver that holds the last altitude on three satellites shows as 3D; its
// satellites are counted, and the gate refuses it for them.
// Source: gpsd driver_nmea0183.c, processGGA and processRMC; each recording in its test/daemon agrees.
func (e *epoch) dimension(carried Mode) Mode {
	switch {
	case Known(e.altitudeM):
		return Mode3D
	case e.mode >= Mode2D:
		return e.mode
	case e.own == yes && e.vendor.Dimensions >= 2:
		return Mode(e.vendor.Dimensions)
	case carried >= Mode2D:
		return carried
	}
	return Mode2D
}

// solution is what GGA says, unless the FAA mode says that the position is none of the satellites'.
func (e *epoch) solution() Solution {
	s := letterSolution(e.letter)
	if s == SolutionDeadReckoning || s == SolutionManual || s == SolutionSimulator {
		return s
	}
	q := qualitySolution(e.quality)
	if own := letterSolution(e.vendor.Mode); q <= SolutionDifferential && (own == SolutionRTKFixed || own == SolutionRTKFloat) {
		return own // a receiver set to NMEA 2 says D and 2 for RTK, and the truth in its own sentence
	}
	if q != SolutionUnknown {
		return q
	}
	return s
}

// qualitySolution reads GGA's quality. 9 is NovAtel's for WAAS.
func qualitySolution(q int8) Solution {
	switch q {
	case 1:
		return SolutionSingle
	case 2, 9:
		return SolutionDifferential
	case 3:
		return SolutionPPS
	case 4:
		return SolutionRTKFixed
	case 5:
		return SolutionRTKFloat
	case 6:
		return SolutionDeadReckoning
	case 7:
		return SolutionManual
	case 8:
		return SolutionSimulator
	}
	return SolutionUnknown
}

// letterSolution reads an FAA mode. C and U are Quectel's caution and unsafe, plain solutions otherwise.
// Source: gpsd driver_nmea0183.c, faa_mode.
func letterSolution(c byte) Solution {
	switch c {
	case 'A', 'C', 'U':
		return SolutionSingle
	case 'D':
		return SolutionDifferential
	case 'P':
		return SolutionPPS
	case 'R':
		return SolutionRTKFixed
	case 'F':
		return SolutionRTKFloat
	case 'E':
		return SolutionDeadReckoning
	case 'M':
		return SolutionManual
	case 'S':
		return SolutionSimulator
	}
	return SolutionUnknown
}
