package nmea

import (
	"math"
	"strings"
	"time"

	gonmea "github.com/adrianmo/go-nmea"
)

// Logs in ASCII, as Unicore's, NovAtel's and ComNav's receivers send them in place of sentences or beside them: '#', a header
// whose time is of the GPS or the BeiDou week, ';', a body, a CRC-32. go-nmea does not read them. Only the position is read
// here; all other logs are ErrUnsupported.
const (
	startBESTPOS = "#BESTPOSA,"
	startBESTNAV = "#BESTNAVA," // Unicore's, with the velocity behind the fields of BESTPOS
)

// parseLog reads BESTPOSA and BESTNAVA as a VendorFix:
//
//	NovAtel  #BESTPOSA,port,sequence,idle,time status,week,seconds of week,…;
//	Unicore  #BESTNAVA,idle,GPS or BDS,time status,week,milliseconds of week,…,…,leap seconds,delay;
//	both     solution status,type,lat,lon,altitude,undulation,datum,σ lat,σ lon,σ alt,station,ages,satellites,satellites used,…
//	Unicore  … status,type,latency,age,m/s,course,climb,…
//
//	#BESTPOSA,COM1,0,83.5,FINESTEERING,2163,329760.000,02400000,b1f6,65535;SOL_COMPUTED,SINGLE,51.15043874397,-114.03066788586,
//	1097.6822,-17.0000,WGS84,1.3648,1.1806,3.1112,"",0.000,0.000,18,18,18,0,00,02,11,01*c3194e35
//
// Source: NovAtel OEM7 manual, BESTPOS; Unicore command and log reference, tables 6-15 and 6-16, and public drivers for
// BESTNAV.
func (p *Parser) parseLog(line []byte) (gonmea.Sentence, error) {
	if !logSumFits(line) {
		return nil, &SyntaxError{Sentence: addressOf(line), Reason: "checksum does not fit"}
	}
	head, body, ok := strings.Cut(string(line[:len(line)-len("*xxxxxxxx")]), ";")
	header := strings.Split(head, ",")
	s := gonmea.BaseSentence{Type: header[0][1:], Fields: strings.Split(body, ",")}
	if !ok {
		return nil, &SyntaxError{Sentence: s.Type, Reason: "no body behind a ';'"}
	}
	m := p.newVendor(s)
	at, known, ok := logTime(header)
	if !ok {
		return nil, &SyntaxError{Sentence: s.Type, Reason: "no time in the header " + head}
	}
	if known {
		y, month, d := at.Date()
		m.Date = Date{Year: y, Month: month, Day: d}
		m.Time = TimeOfDay(at.Sub(at.Truncate(24 * time.Hour)).Milliseconds())
	}
	m.Mode = logMode(text(s, 1))
	m.Valid = text(s, 0) == "SOL_COMPUTED" && m.Mode != 'N'
	m.Position = p.decimalPosition(s, 2, 3)
	m.AltitudeM = p.number(s, 4)
	if e := math.Hypot(p.positive(s, 7), p.positive(s, 8)); e > 0 {
		m.ErrM = e
	}
	m.Satellites = p.small(s, 14, 255)
	if s.Type == "BESTNAVA" && text(s, 21) == "SOL_COMPUTED" {
		m.SpeedMps = p.positive(s, 25)
		if m.SpeedMps >= courseSpeedMps {
			m.CourseDeg = p.course(s, 26)
		}
	}
	return p.done(m)
}

const (
	// gpsLeap is GPS time less UTC since 2017-01-01. NovAtel's header does not carry it; none was announced up to 2026.
	gpsLeap = 18
	// bdsLag is GPS time less BeiDou time, for good: BeiDou's began without the 14 leap seconds that there were by then.
	// Source: BeiDou open service signal ICD, time system.
	bdsLag    = 14
	weekMilli = 7 * 24 * 3600 * 1000
	maxWeek   = 8191 // 13 bits, as BeiDou counts; GPS in the modern messages too
)

var (
	gpsOrigin = time.Date(1980, 1, 6, 0, 0, 0, 0, time.UTC)
	bdsOrigin = time.Date(2006, 1, 1, 0, 0, 0, 0, time.UTC)
)

// logTime reads the time in a header, in UTC. known is false while the receiver says that it does not know it.
func logTime(header []string) (at time.Time, known, ok bool) {
	if len(header) < 7 {
		return time.Time{}, false, false
	}
	status, week, span := header[4], header[5], header[6]
	origin, leap, perUnit := gpsOrigin, gpsLeap, 1000.0
	if ref := header[2]; ref == "GPS" || ref == "BDS" {
		status, week, span, perUnit = header[3], header[4], header[5], 1
		if n, ok := digits(field(header, 8)); ok && n > 0 {
			leap = n
		}
		if ref == "BDS" {
			origin, leap = bdsOrigin, leap-bdsLag
		}
	}
	n, ok1 := digits(week)
	v, ok2 := parseDecimal(span)
	ms := math.Round(v * perUnit)
	if !ok1 || !ok2 || n > maxWeek || !(ms >= 0 && ms <= weekMilli) {
		return time.Time{}, false, false
	}
	at = origin.AddDate(0, 0, 7*n).Add(time.Duration(ms)*time.Millisecond - time.Duration(leap)*time.Second)
	return at, status != "UNKNOWN" && status != "APPROXIMATE", true
}

func field(list []string, i int) string {
	if i >= len(list) {
		return ""
	}
	return list[i]
}

// logMode is the FAA mode of a position type. Source: NovAtel OEM7 manual, table of position or velocity types.
func logMode(typ string) byte {
	switch typ {
	case "SINGLE", "INS_PSRSP":
		return 'A'
	case "PSRDIFF", "SBAS", "WAAS", "INS_PSRDIFF", "INS_SBAS", "CDGPS", "OMNISTAR":
		return 'D'
	case "NARROW_INT", "WIDE_INT", "L1_INT", "INS_RTKFIXED":
		return 'R'
	case "NARROW_FLOAT", "IONOFREE_FLOAT", "L1_FLOAT", "FLOATCONV", "INS_RTKFLOAT", "PPP", "PPP_CONVERGING", "INS_PPP", "INS_PPP_CONVERGING":
		return 'F'
	case "PROPAGATED", "INS":
		return 'E'
	case "FIXEDPOS":
		return 'M'
	}
	return 'N'
}
