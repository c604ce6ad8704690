package nmea

import (
	"math"
	"strings"

	gonmea "github.com/adrianmo/go-nmea"

	"dipper/positioning/geo"
)

// corrections is every place where go-nmea v1.10.0's own reading of a sentence is not enough, one line each. go-nmea splits
// the sentence and finds its type; these take the fields. Common to all of them, where the library differs:
//   - an empty field is unknown; the library makes it 0, so that an empty HDOP looks perfect and an empty position is 0,0
//   - nan and inf, minutes of 60 and more, hours over 23, days that no calendar has are refused; the library takes them
//   - a fraction of .9999 carries into the next second; the library makes 1,000 ms of it
//   - coordinates are read straight; the library tries degrees-minutes-seconds first and formats an error on the way
func (p *Parser) corrections() map[string]gonmea.ParserFunc {
	return map[string]gonmea.ParserFunc{
		gonmea.TypeRMC: p.parseRMC,  // fewer than 11 fields from old receivers; nav status letters beyond SCUV
		gonmea.TypeGGA: p.parseGGA,  // quality 7, 8 and 9, which the library refuses
		gonmea.TypeGNS: p.parseGNS,  // mode letters beyond the list, such as Quectel's C and U
		gonmea.TypeGLL: p.parseGLL,  // without time and status, before NMEA 2.0
		gonmea.TypeVTG: p.parseVTG,  // the four-field form before 2.0
		gonmea.TypeZDA: p.parseZDA,  // empty fields
		gonmea.TypeGSA: p.parseGSA,  // hexadecimal, empty or fractional system ID (SiRF's BDGSA puts 3.3 there); 24 slots
		gonmea.TypeGSV: p.parseGSV,  // the last field is the signal ID, hexadecimal (BeiDou's A, B, C), not a system ID
		gonmea.TypeTXT: p.parseTXT,  // fewer than three fields, on which the library panics
		gonmea.TypeDTM: p.parseDTM,  // cut after the second field
		"GST":          p.parseGST,  // not in the library
		TypeGBS:        p.parseGBS,  // not in the library
		addressPUBX:    p.parsePUBX, // makers' own: vendor.go
		addressPSTI:    p.parsePSTI,
		addressPGRMF:   p.parsePGRMF,
		addressKSXT:    p.parseKSXT,
		addressPGRME:   p.parsePGRME,
		addressPGRMZ:   p.parsePGRMZ,
		addressPASHR:   p.parsePASHR,
		addressPQTMEPE: p.parsePQTMEPE,
		addressPQTMPVT: p.parsePQTMPVT,
	}
}

func (p *Parser) parseRMC(s gonmea.BaseSentence) (gonmea.Sentence, error) {
	m := &p.rmc
	*m = RMC{
		BaseSentence: s,
		Time:         p.time(s, 0),
		Status:       letter(s, 1),
		Position:     p.position(s, 2),
		SpeedKnots:   p.positive(s, 6),
		CourseDeg:    p.course(s, 7),
		Date:         p.date(s, 8),
		Mode:         letter(s, 11),
		NavStatus:    letter(s, 12),
	}
	return p.done(m)
}

func (p *Parser) parseGGA(s gonmea.BaseSentence) (gonmea.Sentence, error) {
	m := &p.gga
	*m = GGA{
		BaseSentence: s,
		Time:         p.time(s, 0),
		Position:     p.position(s, 1),
		Quality:      int8(p.small(s, 5, 9)),
		Satellites:   p.small(s, 6, 255),
		HDOP:         p.positive(s, 7),
		AltitudeM:    p.number(s, 8),
		SeparationM:  p.number(s, 10),
	}
	return p.done(m)
}

func (p *Parser) parseGNS(s gonmea.BaseSentence) (gonmea.Sentence, error) {
	m := &p.gns
	*m = GNS{
		BaseSentence: s,
		Time:         p.time(s, 0),
		Position:     p.position(s, 1),
		Modes:        text(s, 5),
		Satellites:   p.small(s, 6, 255),
		HDOP:         p.positive(s, 7),
		AltitudeM:    p.number(s, 8),
		SeparationM:  p.number(s, 9),
	}
	return p.done(m)
}

func (p *Parser) parseGLL(s gonmea.BaseSentence) (gonmea.Sentence, error) {
	m := &p.gll
	*m = GLL{BaseSentence: s, Position: p.position(s, 0), Time: p.time(s, 4), Status: letter(s, 5), Mode: letter(s, 6)}
	return p.done(m)
}

func (p *Parser) parseVTG(s gonmea.BaseSentence) (gonmea.Sentence, error) {
	m := &p.vtg
	if len(s.Fields) <= 4 && text(s, 1) != "T" {
		*m = VTG{BaseSentence: s, CourseDeg: p.course(s, 0), SpeedKnots: p.positive(s, 2), SpeedKmh: p.positive(s, 3)}
	} else {
		*m = VTG{BaseSentence: s, CourseDeg: p.course(s, 0), SpeedKnots: p.positive(s, 4), SpeedKmh: p.positive(s, 6), Mode: letter(s, 8)}
	}
	return p.done(m)
}

// firstYear is GPS time's first; no receiver says an earlier one and means it. lastYear is one that a clock gone wild passes.
const (
	firstYear = 1980
	lastYear  = 2099
)

func (p *Parser) parseZDA(s gonmea.BaseSentence) (gonmea.Sentence, error) {
	m := &p.zda
	*m = ZDA{BaseSentence: s, Time: p.time(s, 0)}
	day, month, year := p.small(s, 1, 31), p.small(s, 2, 12), p.small(s, 3, 9999)
	if day > 0 && month > 0 && year > 0 {
		var ok bool
		if m.Date, ok = calendar(year, month, day); !ok || year < firstYear || year > lastYear {
			m.Date = Date{}
			p.stats.BadFields++
		}
	}
	return p.done(m)
}

func (p *Parser) parseGST(s gonmea.BaseSentence) (gonmea.Sentence, error) {
	m := &p.gst
	*m = GST{
		BaseSentence: s,
		Time:         p.time(s, 0),
		MajorM:       p.positive(s, 2),
		MinorM:       p.positive(s, 3),
		LatM:         p.positive(s, 5),
		LonM:         p.positive(s, 6),
		AltM:         p.positive(s, 7),
	}
	return p.done(m)
}

func (p *Parser) parseGSA(s gonmea.BaseSentence) (gonmea.Sentence, error) {
	m := &p.gsa
	// Two fields before the slots, three or four after them; the slots come in dozens.
	slots := min(max((len(s.Fields)-5)/12, 1)*12, MaxGSASlots)
	*m = GSA{
		BaseSentence: s,
		Mode:         int8(max(0, p.small(s, 1, 3))),
		Sys:          talkerSystem(s.Talker),
		Used:         m.Used[:0],
		PDOP:         p.positive(s, 2+slots),
		HDOP:         p.positive(s, 3+slots),
		VDOP:         p.positive(s, 4+slots),
	}
	if id := text(s, 5+slots); len(id) == 1 && id[0] >= '1' && id[0] <= '6' {
		m.Sys = System(id[0] - '0')
	}
	for i := 2; i < min(2+slots, len(s.Fields)); i++ {
		if n, ok := digits(s.Fields[i]); ok {
			if sat, ok := Identify(m.Sys, n); ok {
				m.Used = append(m.Used, sat)
			}
		}
	}
	return p.done(m)
}

func (p *Parser) parseGSV(s gonmea.BaseSentence) (gonmea.Sentence, error) {
	m := &p.gsv
	*m = GSV{
		BaseSentence: s,
		Sys:          talkerSystem(s.Talker),
		Total:        max(0, p.small(s, 0, 99)),
		Index:        max(0, p.small(s, 1, 99)),
		InView:       max(0, p.small(s, 2, 999)),
		Visible:      m.Visible[:0],
	}
	last := len(s.Fields)
	switch (last - 3) % 4 { // after three fields, blocks of four, then nothing, the signal, or signal and system
	case 1:
		last--
		m.Signal = signal(text(s, last))
	case 2:
		last -= 2
		m.Signal = signal(text(s, last))
		if id := text(s, last+1); len(id) == 1 && id[0] >= '1' && id[0] <= '6' {
			m.Sys = System(id[0] - '0')
		}
	}
	for i := 3; i+3 < last && i < 3+4*4; i += 4 {
		if n, ok := digits(s.Fields[i]); ok {
			if sat, ok := Identify(m.Sys, n); ok {
				m.Visible = append(m.Visible, Visible{sat, p.small(s, i+1, 90), p.small(s, i+2, 360), max(0, p.small(s, i+3, 99))})
			}
		}
	}
	return p.done(m)
}

func (p *Parser) parseTXT(s gonmea.BaseSentence) (gonmea.Sentence, error) {
	m := &p.txt
	*m = TXT{BaseSentence: s, Severity: p.small(s, 2, 99)}
	if len(s.Fields) > 3 {
		m.Text = strings.Join(s.Fields[3:], gonmea.FieldSep)
	}
	return p.done(m)
}

func (p *Parser) parseDTM(s gonmea.BaseSentence) (gonmea.Sentence, error) {
	m := &p.dtm
	*m = DTM{BaseSentence: s, Code: text(s, 0)}
	return p.done(m)
}

// done hands a sentence on unless a grave fault was found in it.
func (p *Parser) done(m gonmea.Sentence) (gonmea.Sentence, error) {
	if p.err != nil {
		return nil, p.err
	}
	return m, nil
}

func (p *Parser) fault(s gonmea.BaseSentence, i int, reason string) {
	if p.err == nil {
		p.err = &SyntaxError{Sentence: strings.Clone(s.Prefix()), Field: i + 1, Value: strings.Clone(text(s, i)), Reason: reason}
	}
}

// text is field i without padding, "" where the sentence is shorter.
func text(s gonmea.BaseSentence, i int) string {
	if i >= len(s.Fields) {
		return ""
	}
	return strings.TrimSpace(s.Fields[i])
}

func letter(s gonmea.BaseSentence, i int) byte {
	if t := text(s, i); len(t) == 1 {
		return t[0]
	}
	return 0
}

// time is grave: with a wrong time the sentence would join another instant.
func (p *Parser) time(s gonmea.BaseSentence, i int) TimeOfDay {
	t := text(s, i)
	if t == "" {
		return NoTime
	}
	tod, ok := parseTime(t)
	if !ok {
		p.fault(s, i, "not a time hhmmss.ss")
	}
	return tod
}

// position reads four fields: latitude, hemisphere, longitude, hemisphere. Some receivers keep the letters while the
// numbers are empty; that is no position and no fault.
func (p *Parser) position(s gonmea.BaseSentence, i int) Position {
	lat, lon := text(s, i), text(s, i+2)
	if lat == "" || lon == "" {
		return Position{}
	}
	latDeg, ok := parseAngle(lat)
	if !ok || latDeg > 90 {
		p.fault(s, i, "not a latitude ddmm.mm")
	}
	lonDeg, ok := parseAngle(lon)
	if !ok || lonDeg > 180 {
		p.fault(s, i+2, "not a longitude dddmm.mm")
	}
	switch letter(s, i+1) {
	case 'N':
	case 'S':
		latDeg = 0 - latDeg // not -latDeg: the equator has no sign
	default:
		p.fault(s, i+1, "not N or S")
	}
	switch letter(s, i+3) {
	case 'E':
	case 'W':
		lonDeg = 0 - lonDeg
	default:
		p.fault(s, i+3, "not E or W")
	}
	decimals := int8(0)
	if dot := strings.IndexByte(lat, '.'); dot >= 0 {
		decimals = int8(min(len(lat)-dot-1, math.MaxInt8))
	}
	return Position{Point: geo.Point{Lat: latDeg, Lon: lonDeg}, Known: true, Decimals: decimals}
}

func (p *Parser) date(s gonmea.BaseSentence, i int) Date {
	t := text(s, i)
	if t == "" {
		return Date{}
	}
	d, ok := parseDate(t)
	if !ok {
		p.stats.BadFields++
	}
	return d
}

// number is NaN where the field is empty or broken.
func (p *Parser) number(s gonmea.BaseSentence, i int) float64 {
	t := text(s, i)
	if t == "" {
		return math.NaN()
	}
	v, ok := parseDecimal(t)
	if !ok {
		p.stats.BadFields++
		return math.NaN()
	}
	return v
}

func (p *Parser) positive(s gonmea.BaseSentence, i int) float64 {
	v := p.number(s, i)
	if v < 0 {
		p.stats.BadFields++
		return math.NaN()
	}
	return v
}

// course is in [0, 360): 360 is north as some receivers write it, -90 is west as others do.
func (p *Parser) course(s gonmea.BaseSentence, i int) float64 {
	v := p.number(s, i)
	switch {
	case v == 360:
		return 0
	case v < 0 && v >= -180:
		return v + 360
	case v < -180 || v > 360:
		p.stats.BadFields++
		return math.NaN()
	}
	return v
}

// small is a whole number up to most, -1 where the field is empty or broken.
func (p *Parser) small(s gonmea.BaseSentence, i, most int) int {
	t := text(s, i)
	if t == "" {
		return -1
	}
	n, ok := digits(t)
	if !ok || n > most {
		p.stats.BadFields++
		return -1
	}
	return n
}

func signal(s string) int {
	if len(s) == 1 {
		if d, ok := hexDigit(s[0]); ok {
			return int(d)
		}
	}
	return 0
}
