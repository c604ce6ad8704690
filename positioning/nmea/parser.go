package nmea

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unsafe"

	gonmea "github.com/adrianmo/go-nmea"
)

// ErrUnsupported is returned for a sentence that says nothing about position, time or satellites, such as AIS and
// makers' own. It is not a fault: count it and go on.
var ErrUnsupported = errors.New("nmea: sentence not supported")

// SyntaxError reports a field that does not follow its sentence's grammar.
type SyntaxError struct {
	Sentence string // talker and type, "GNGGA"
	Field    int    // from 1, as in the format line; 0 the sentence as a whole
	Value    string
	Reason   string
}

func (e *SyntaxError) Error() string {
	if e.Field == 0 {
		return fmt.Sprintf("nmea: %s: %s", e.Sentence, e.Reason)
	}
	return fmt.Sprintf("nmea: %s field %d %q: %s", e.Sentence, e.Field, e.Value, e.Reason)
}

// ParserStats counts what a Parser made of its sentences.
type ParserStats struct {
	Parsed      uint64
	Unsupported uint64
	Malformed   uint64 // a field that the position hangs on breaks the grammar: the sentence is not used
	BadFields   uint64 // other fields that break the grammar: taken as unknown, the sentence is used
	Panics      uint64 // go-nmea panicked; the sentence is not used
}

// Sentence is a parsed sentence: one of *RMC, *GGA, *GNS, *GLL, *VTG, *ZDA, *GST, *GSA, *GSV, *TXT, *DTM,
// *VendorFix, *ErrorEstimate, *Altitude.
type Sentence = gonmea.Sentence

// Parser gives sentences their types. It keeps one go-nmea SentenceParser and one struct of each type, which the next
// sentence of that type overwrites. Not safe for concurrent use.
type Parser struct {
	lib   gonmea.SentenceParser
	line  []byte // the sentence in hand; strings of the result lie in it
	stats ParserStats
	err   *SyntaxError // the first grave fault of the sentence in hand

	rmc RMC
	gga GGA
	gns GNS
	gll GLL
	vtg VTG
	zda ZDA
	gst GST
	gsa GSA
	gsv GSV
	txt TXT
	dtm DTM

	vendor   VendorFix
	errors   ErrorEstimate
	altitude Altitude
}

// NewParser is a parser for one wire.
func NewParser() *Parser {
	p := &Parser{}
	p.lib = gonmea.SentenceParser{
		CustomParsers: p.corrections(),
		ParsePrefix:   splitAddress,
		CheckCRC:      checkSum,
	}
	return p
}

// Stats is what was counted so far.
func (p *Parser) Stats() ParserStats { return p.stats }

// Parse reads one sentence from '$' or '#' to the checksum, as a Framer gives it. The result and its strings are valid until the
// next call, which writes over them: clone what is to be kept. The error, which may be kept, is ErrUnsupported, a *SyntaxError, or go-nmea's own; a value never comes with an error.
func (p *Parser) Parse(sentence []byte) (s Sentence, err error) {
	if !supported(sentence) {
		p.stats.Unsupported++
		return nil, ErrUnsupported
	}
	defer func() {
		if r := recover(); r != nil {
			p.stats.Panics++
			s, err = nil, &SyntaxError{Sentence: addressOf(sentence), Reason: fmt.Sprint("the library panicked: ", r)}
		}
	}()
	p.err = nil
	if sentence[0] == '#' {
		return p.count(p.parseLog(sentence))
	}
	p.line = append(p.line[:0], sentence...)
	line := unsafe.String(&p.line[0], len(p.line)) // go-nmea wants a string, and one made for each sentence is a third of all memory
	if strings.IndexByte(line, gonmea.TagBlockSep) >= 0 {
		// go-nmea takes a backslash anywhere for a tag block. The Framer has stepped over those; here it is text.
		p.stats.Malformed++
		return nil, &SyntaxError{Sentence: addressOf(sentence), Reason: "holds a backslash"}
	}
	return p.count(p.lib.Parse(line))
}

// count counts what became of a sentence. go-nmea gives half-filled values with its errors; here nothing comes with an error.
func (p *Parser) count(s Sentence, err error) (Sentence, error) {
	if err != nil {
		p.stats.Malformed++
		return nil, err
	}
	p.stats.Parsed++
	return s, nil
}

// supported looks only at the address, so that a stream full of AIS or makers' sentences costs next to nothing.
func supported(sentence []byte) bool {
	if len(sentence) < 7 || sentence[0] == '!' {
		return false
	}
	if c := sentence[1]; c == 'P' || c == 'K' || c == 'B' {
		for _, start := range vendorStarts {
			if len(sentence) > len(start) && string(sentence[:len(start)]) == start {
				return true
			}
		}
	}
	if sentence[0] != '$' {
		return false
	}
	if sentence[6] != ',' {
		return false
	}
	switch string(sentence[3:6]) {
	case "RMC", "GGA", "GNS", "GLL", "VTG", "ZDA", "GST", "GSA", "GSV", "TXT", "DTM", "GBS":
		return true
	}
	return false
}

// splitAddress divides an address into talker and type. All that are supported have five characters but for the
// makers' own, which have no talker. go-nmea's own rule
// makes a proprietary sentence of everything that starts with P, and so of Quectel's PQGSV and PQGSA; and a query of every
// five letters that end in Q, and so of the Beidou short-message sentence CCTCQ.
func splitAddress(address string) (talker, typ string, err error) {
	switch address {
	case addressPUBX, addressPSTI, addressPASHR, addressPGRME, addressPGRMF, addressPGRMZ, addressPQTMEPE, addressPQTMPVT, addressKSXT:
		return "", address, nil
	case addressBDSGGA:
		return "BD", gonmea.TypeGGA, nil
	}
	if len(address) != 5 {
		return "", "", ErrUnsupported
	}
	return address[:2], address[2:], nil
}

// checkSum compares numbers where go-nmea formats text for each sentence.
func checkSum(s gonmea.BaseSentence, fields string) error {
	var sum byte
	for i := range len(fields) {
		sum ^= fields[i]
	}
	if len(s.Checksum) == 8 {
		if v, err := strconv.ParseUint(s.Checksum, 16, 32); err == nil && uint32(v) == longSum(fields) {
			return nil
		}
	}
	if len(s.Checksum) == 2 {
		hi, ok1 := hexDigit(s.Checksum[0])
		lo, ok2 := hexDigit(s.Checksum[1])
		if ok1 && ok2 && hi<<4|lo == sum {
			return nil
		}
	}
	return &SyntaxError{Sentence: strings.Clone(s.Prefix()), Reason: "checksum does not fit"}
}

func addressOf(sentence []byte) string {
	end := 1
	for end < len(sentence) && end < 10 && sentence[end] != ',' && sentence[end] != '*' {
		end++
	}
	return string(sentence[min(1, len(sentence)):min(end, len(sentence))])
}
