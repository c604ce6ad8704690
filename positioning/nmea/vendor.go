package nmea

import (
	"math"
	"strings"

	gonmea "github.com/adrianmo/go-nmea"

	"dipper/positioning/geo"
)

// Makers' sentences that carry position, time or error. All others are ErrUnsupported. Unicore's $BDSGGA is a GGA under an
// address of six letters that no standard knows. The makers' logs, which begin with '#', are in log.go.
const (
	addressPUBX    = "PUBX"
	addressPSTI    = "PSTI"
	addressPGRME   = "PGRME"
	addressPGRMF   = "PGRMF"
	addressPGRMZ   = "PGRMZ"
	addressPASHR   = "PASHR"
	addressPQTMEPE = "PQTMEPE"
	addressPQTMPVT = "PQTMPVT"
	addressKSXT    = "KSXT"
	addressBDSGGA  = "BDSGGA"
)

// TypeGBS is the type of a GBS among ErrorEstimates.
const TypeGBS = "GBS"

// vendorStarts is how the supported ones begin. u-blox and SkyTraq put a number for the kind into the first field.
var vendorStarts = [...]string{
	"$PUBX,00,", "$PUBX,04,", "$PSTI,030,", "$PASHR,POS,", "$PGRME,", "$PGRMF,", "$PGRMZ,", "$PQTMEPE,", "$PQTMPVT,", "$KSXT,", "$BDSGGA,", startBESTPOS, startBESTNAV,
}

// VendorFix is a maker's own position sentence, as far as its fields are known; what it has not is unknown.
//
// Formats, and examples from receivers:
//
//	u-blox   $PUBX,00,time,lat,N,lon,E,ellipsoid alt,status,hAcc,vAcc,km/h,course,climb,age,HDOP,VDOP,TDOP,satellites,0,DR
//	         $PUBX,00,023255.00,2218.07038,N,11410.73832,E,-0.845,G3,5.3,6.8,0.932,235.36,0.236,,0.92,1.37,0.98,8,0,0*4B
//	SkyTraq  $PSTI,030,time,A,lat,N,lon,E,alt,vE,vN,vU,ddmmyy,mode,RTK age,RTK ratio, speeds in m/s
//	         $PSTI,030,003832.000,A,4404.1271062,N,12118.8438377,W,1127.630,-0.00,-0.01,0.02,290322,O,1.000,1.100*32
//	Garmin   $PGRMF,week,second,ddmmyy,hhmmss,leap,lat,N,lon,E,A,type,km/h,course,PDOP,TDOP
//	         $PGRMF,290,293895,160305,093802,13,5213.1439,N,02100.6511,E,A,2,0,226,2,1*11
//	Unicore  $KSXT,yyyymmddhhmmss.ss,lon,lat,alt,heading,pitch,track,speed,roll,quality,heading quality,satellites,satellites,…
//	         $KSXT,20211016083433.00,116.31296102,39.95817066,49.4911,223.57,-11.32,330.19,0.024,,1,3,28,27,,,,-0.012,0.021,0.020,,*2D
//	Ashtech  $PASHR,POS,kind,satellites,hhmmss.ss,lat,N,lon,E,ellipsoid alt,age,course,knots,climb,PDOP,HDOP,VDOP,TDOP,firmware
//	         $PASHR,POS,1,10,134035.35,5700.8745400,N,00959.1551112,E,059.318,10.4,077.3,000.459,+000.069,1.7,0.9,1.4,0.9,Hp23*30
//	Quectel  $PQTMPVT,version,ms of week,yyyymmdd,hhmmss,,dimensions,satellites,leap,lat,lon,alt,separation,vN,vE,vD,m/s,course,HDOP,PDOP
//	         $PQTMPVT,1,31075000,20221225,083737.000,0,3,9,18,31.12738291,117.26372910,34.212,5.267,3.212,2.928,0.238,4.346,34.12,2.16,4.38*51
//
// KSXT has longitude first and decimal degrees. Its speed is km/h in one public source and m/s in another, its altitude is
// above nobody says what: both are left out. The altitudes of PUBX,00 and PASHR,POS are above the ellipsoid and are left out too.
// Source: u-blox protocol specifications, PUBX 00; gpsd driver_nmea0183.c, processPSTI030 and processPGRMF; public Unicore
// drivers for KSXT; Quectel LC86G and LC76G protocol specifications for PQTMPVT, by way of public drivers that quote them.
type VendorFix struct {
	gonmea.BaseSentence
	Time       TimeOfDay
	Date       Date
	Position   Position
	Valid      bool
	Mode       byte    // as RMC's
	Dimensions int8    // 2 or 3; 0 not said
	Satellites int     // used; -1 unknown
	HDOP       float64 // NaN unknown, as all below
	AltitudeM  float64 // above mean sea level
	SpeedMps   float64
	CourseDeg  float64 // true
	ErrM       float64 // horizontal error, 1 sigma of both axes together
}

// ErrorEstimate is what the receiver thinks of its error, from a sentence that has nothing else.
//
//	GBS      $--GBS,time,lat,lon,alt,satellite,…           $GPGBS,194907.00,3.0,1.9,4.2,,,,*4E
//	Garmin   $PGRME,horizontal,M,vertical,M,sphere,M       $PGRME,7.6,M,41.7,M,42.4,M*2F
//	Quectel  $PQTMEPE,2,north,east,down,2D,3D              $PQTMEPE,2,3.393,3.476,12.713,4.857,13.609*5D
type ErrorEstimate struct {
	gonmea.BaseSentence
	Time TimeOfDay // NoTime for makers' sentences
	ErrM float64   // horizontal, 1 sigma of both axes together; NaN unknown
}

// cepPerSigma brings the radius that holds half of all positions to 1 sigma of both axes together: for errors that are equal in
// both axes the radius is sqrt(2 ln 2) sigma of one.
var cepPerSigma = math.Sqrt2 / math.Sqrt(2*math.Ln2)

func (p *Parser) newVendor(s gonmea.BaseSentence) *VendorFix {
	nan := math.NaN()
	p.vendor = VendorFix{BaseSentence: s, Time: NoTime, Satellites: -1, HDOP: nan, AltitudeM: nan, SpeedMps: nan, CourseDeg: nan, ErrM: nan}
	return &p.vendor
}

const kmhPerMps = 3.6

// parsePUBX reads PUBX,00, and PUBX,04 as the ZDA that it is. hAcc is 1 sigma of both axes together: in recordings it equals
// the root of GST's squares (5.3 m for 3.6 and 3.8 m).
func (p *Parser) parsePUBX(s gonmea.BaseSentence) (gonmea.Sentence, error) {
	if text(s, 0) == "04" {
		p.zda = ZDA{BaseSentence: s, Time: p.time(s, 1), Date: p.date(s, 2)}
		return p.done(&p.zda)
	}
	m := p.newVendor(s)
	m.Time = p.time(s, 1)
	m.Position = p.position(s, 2)
	status := text(s, 7)
	switch status {
	case "G2", "G3", "RK":
		m.Valid, m.Mode = true, 'A'
	case "D2", "D3":
		m.Valid, m.Mode = true, 'D'
	case "DR":
		m.Valid, m.Mode = true, 'E'
	default: // NF no fix, TT time only
		m.Mode = 'N'
	}
	switch status {
	case "G2", "D2":
		m.Dimensions = 2
	case "G3", "D3":
		m.Dimensions = 3
	}
	m.ErrM = p.positive(s, 8)
	m.SpeedMps = p.positive(s, 10) / kmhPerMps
	m.CourseDeg = p.course(s, 11)
	m.HDOP = p.positive(s, 14)
	m.Satellites = p.small(s, 17, 255)
	return p.done(m)
}

func (p *Parser) parsePSTI(s gonmea.BaseSentence) (gonmea.Sentence, error) {
	m := p.newVendor(s)
	m.Time = p.time(s, 1)
	m.Position = p.position(s, 3)
	m.AltitudeM = p.number(s, 7)
	east, north := p.number(s, 8), p.number(s, 9)
	m.SpeedMps = math.Hypot(east, north)
	if m.SpeedMps >= courseSpeedMps {
		m.CourseDeg = math.Mod(math.Atan2(east, north)*180/math.Pi+360, 360)
	}
	m.Date = p.date(s, 11)
	m.Mode = letter(s, 12)
	m.Valid = letter(s, 2) == 'A' && m.Mode != 'N'
	return p.done(m)
}

// courseSpeedMps is below which the direction of a velocity is noise.
const courseSpeedMps = 0.5

func (p *Parser) parsePGRMF(s gonmea.BaseSentence) (gonmea.Sentence, error) {
	m := p.newVendor(s)
	m.Date = p.date(s, 2)
	m.Time = p.time(s, 3)
	m.Position = p.position(s, 5)
	kind := p.small(s, 10, 2) // 1 is 2D, 2 is 3D
	m.Valid, m.Mode = kind > 0, 'A'
	if m.Dimensions = int8(kind) + 1; !m.Valid {
		m.Mode, m.Dimensions = 'N', 0
	}
	m.SpeedMps = p.positive(s, 11) / kmhPerMps
	m.CourseDeg = p.course(s, 12)
	return p.done(m)
}

// parsePASHR reads PASHR,POS. The receiver sends it only with a fix in three dimensions.
// Source: gpsd driver_nmea0183.c, processPASHR; Ashtech MB100 reference manual by way of it.
func (p *Parser) parsePASHR(s gonmea.BaseSentence) (gonmea.Sentence, error) {
	m := p.newVendor(s)
	m.Time = p.time(s, 3)
	m.Position = p.position(s, 4)
	m.Valid, m.Dimensions = m.Position.Known, 3
	switch kind := p.small(s, 1, 9); {
	case !m.Valid || kind < 0:
		m.Valid, m.Mode, m.Dimensions = false, 'N', 0
	case kind == 0:
		m.Mode = 'A'
	case kind == 2:
		m.Mode = 'F'
	case kind == 3:
		m.Mode = 'R'
	default: // 1 and 9, by beacon and by satellite
		m.Mode = 'D'
	}
	m.Satellites = p.small(s, 2, 255)
	m.CourseDeg = p.course(s, 10)
	m.SpeedMps = p.positive(s, 11) * mpsPerKnot
	m.HDOP = p.positive(s, 14)
	return p.done(m)
}

const mpsPerKnot = 1852.0 / 3600

// Altitude is Garmin's altitude in a sentence of its own, without a time.
//
//	$PGRMZ,93,f,3*21   feet above mean sea level; 2: as the user entered it, 3: by satellites
type Altitude struct {
	gonmea.BaseSentence
	AltitudeM  float64 // NaN unknown
	Dimensions int8    // 2 or 3; 0 not said
}

// parsePGRMZ reads feet into metres. Source: gpsd driver_nmea0183.c, processPGRMZ.
func (p *Parser) parsePGRMZ(s gonmea.BaseSentence) (gonmea.Sentence, error) {
	const metresPerFoot = 0.3048
	p.altitude = Altitude{BaseSentence: s, AltitudeM: math.NaN()}
	if text(s, 1) == "f" {
		p.altitude.AltitudeM = p.number(s, 0) * metresPerFoot
	}
	if n := p.small(s, 2, 3); n >= 2 {
		p.altitude.Dimensions = int8(n)
	}
	return p.done(&p.altitude)
}

func (p *Parser) parseKSXT(s gonmea.BaseSentence) (gonmea.Sentence, error) {
	m := p.newVendor(s)
	if t := text(s, 0); t != "" {
		day, clock := t[:min(8, len(t))], t[min(8, len(t)):]
		m.Date = dateOf(day)
		var ok bool
		if m.Time, ok = parseTime(clock); !ok {
			p.fault(s, 0, "not a time yyyymmddhhmmss.ss")
		}
	}
	m.Position = p.decimalPosition(s, 2, 1)
	quality := p.small(s, 9, 3)
	m.Valid = quality > 0
	m.Mode = [...]byte{'N', 'A', 'F', 'R'}[max(0, quality)]
	m.Satellites = p.small(s, 12, 255)
	return p.done(m)
}

// parsePQTMPVT reads Quectel's own fix. Its altitude is above mean sea level, its course that of the motion.
func (p *Parser) parsePQTMPVT(s gonmea.BaseSentence) (gonmea.Sentence, error) {
	m := p.newVendor(s)
	m.Date = dateOf(text(s, 2))
	m.Time = p.time(s, 3)
	dimensions := p.small(s, 5, 3)
	m.Valid, m.Mode = dimensions >= 2, 'A'
	if m.Dimensions = int8(dimensions); !m.Valid {
		m.Mode, m.Dimensions = 'N', 0
	}
	m.Satellites = p.small(s, 6, 255)
	m.Position = p.decimalPosition(s, 8, 9)
	m.AltitudeM = p.number(s, 10)
	m.SpeedMps = p.positive(s, 15)
	if m.SpeedMps >= courseSpeedMps {
		m.CourseDeg = p.course(s, 16)
	}
	m.HDOP = p.positive(s, 17)
	return p.done(m)
}

// dateOf reads yyyymmdd; the zero Date for what is none.
func dateOf(s string) Date {
	n, ok := digits(s)
	if !ok || len(s) != 8 || n/10000 < firstYear || n/10000 > lastYear {
		return Date{}
	}
	d, _ := calendar(n/10000, n/100%100, n%100)
	return d
}

// decimalPosition reads signed decimal degrees from two fields.
func (p *Parser) decimalPosition(s gonmea.BaseSentence, latField, lonField int) Position {
	lat, lon := text(s, latField), text(s, lonField)
	if lat == "" || lon == "" {
		return Position{}
	}
	latDeg, ok := parseDecimal(lat)
	if !ok || math.Abs(latDeg) > 90 {
		p.fault(s, latField, "not a latitude in degrees")
	}
	lonDeg, ok := parseDecimal(lon)
	if !ok || math.Abs(lonDeg) > 180 {
		p.fault(s, lonField, "not a longitude in degrees")
	}
	_, fraction, _ := strings.Cut(lat, ".")
	return Position{Point: geo.Point{Lat: latDeg, Lon: lonDeg}, Known: true, Decimals: int8(min(len(fraction), math.MaxInt8))}
}

// parseGBS reads the expected errors, which are 1 sigma an axis. Source: gpsd driver_nmea0183.c, processGBS.
func (p *Parser) parseGBS(s gonmea.BaseSentence) (gonmea.Sentence, error) {
	p.errors = ErrorEstimate{BaseSentence: s, Time: p.time(s, 0), ErrM: math.Hypot(p.positive(s, 1), p.positive(s, 2))}
	return p.done(&p.errors)
}

// parsePGRME reads a radius that, by general belief, holds half of all positions; Garmin does not say.
// Source: gpsd driver_nmea0183.c, processPGRME.
func (p *Parser) parsePGRME(s gonmea.BaseSentence) (gonmea.Sentence, error) {
	p.errors = ErrorEstimate{BaseSentence: s, Time: NoTime, ErrM: math.NaN()}
	if text(s, 1) == "M" {
		p.errors.ErrM = p.positive(s, 0) * cepPerSigma
	}
	return p.done(&p.errors)
}

// parsePQTMEPE reads the 2D error, which is the root of north² + east². Source: Quectel LC29H GNSS protocol specification,
// as quoted in the reference page; vector 44 there.
func (p *Parser) parsePQTMEPE(s gonmea.BaseSentence) (gonmea.Sentence, error) {
	p.errors = ErrorEstimate{BaseSentence: s, Time: NoTime, ErrM: p.positive(s, 4)}
	return p.done(&p.errors)
}
