package positioning

import (
	"strings"
	"time"

	"dipper/positioning/nmea"
)

// DecoderConfig configures a Decoder. The zero value has the defaults.
type DecoderConfig struct {
	Gate GateConfig
	// AsOf is a day (UTC) before which the receiver cannot have been, such as the build date of the program: an earlier date
	// is taken for one of a wrapped week counter and advanced by multiples of 1024 weeks to the first that is not earlier.
	// The zero time leaves all dates as the receiver sent them.
	AsOf time.Time
	// Skies keeps the sky of each fix for Decoder.Skies.
	Skies bool
}

// Stats counts what a Decoder made of its bytes. Whatever is discarded is in one of these.
type Stats struct {
	Frames    nmea.FramerStats
	Sentences nmea.ParserStats
	Epochs    EpochStats
	Fixes     uint64              // returned
	Verdicts  [numVerdicts]uint64 // Fixes by verdict; index 0 accepted
	ErrSource [numErrSources]uint64
}

// Decoder turns the bytes of one receiver into fixes. Not safe for concurrent use.
//
// The receiver's sentences come in bursts, one burst an instant. A fix is given out when its instant is over: when a
// sentence of another time comes, or the sentence that always is the last of a burst, or silence.
type Decoder struct {
	framer    nmea.Framer
	parser    *nmea.Parser
	assembler assembler
	gate      *Gate
	stats     Stats
	now       time.Time
	fixes     []Fix
	sentence  func([]byte) // d.take, bound once
	sky       skyLists
	keepSkies bool
	skies     []Sky
	antenna   string
	datum     string
}

// NewDecoder is a decoder for one receiver.
func NewDecoder(cfg DecoderConfig) *Decoder {
	d := &Decoder{parser: nmea.NewParser(), gate: NewGate(cfg.Gate)}
	d.assembler.init()
	d.assembler.asOf = cfg.AsOf.UTC().Truncate(24 * time.Hour)
	d.keepSkies = cfg.Skies
	d.sentence = d.take
	return d
}

// Write takes the next bytes, in any slicing, and returns the fixes they complete, refused ones included. The slice is
// valid until the next call. now is the host's clock when the bytes came; the zero time stands for a file read without its
// pace, and then neither silence nor the future is judged.
func (d *Decoder) Write(p []byte, now time.Time) []Fix {
	d.begin()
	d.now = now
	d.assembler.heard(now)
	d.collect()
	d.framer.Write(p, d.sentence)
	return d.fixes
}

// Idle closes an instant that the receiver has finished, as its silence shows. Call it every 20 ms or so while no bytes
// come. The slice is valid until the next call.
func (d *Decoder) Idle(now time.Time) []Fix {
	d.begin()
	d.now = now
	d.assembler.silence(now)
	d.collect()
	return d.fixes
}

// Flush ends the input and returns the fix of the instant that was open. The slice is valid until the next call.
func (d *Decoder) Flush() []Fix {
	d.begin()
	d.framer.Close()
	d.assembler.flush()
	d.collect()
	return d.fixes
}

func (d *Decoder) begin() { d.fixes, d.skies = d.fixes[:0], d.skies[:0] }

// Skies are the skies at the time of the fixes that the latest call of Write, Idle or Flush returned, one each, if
// DecoderConfig.Skies asked for them. They are the evidence of what a fix rests on: constellations, signals, C/N0. The slice is
// valid until the next call.
func (d *Decoder) Skies() []Sky { return d.skies }

// Stats is what was counted so far.
func (d *Decoder) Stats() Stats {
	s := d.stats
	s.Frames = d.framer.Stats()
	s.Sentences = d.parser.Stats()
	s.Epochs = d.assembler.stats
	return s
}

// Sky sums up the satellites in view by the latest complete lists of GSV, and those in use by the latest epoch with a GSA.
func (d *Decoder) Sky() Sky { return d.sky.sky(&d.assembler.used) }

// AppendSatellites appends the satellites in view, those of a talker in the order in which it lists them.
func (d *Decoder) AppendSatellites(dst []SkySatellite) []SkySatellite {
	d.sky.each(&d.assembler.used, func(s SkySatellite) { dst = append(dst, s) })
	return dst
}

// Antenna is the receiver's latest word on its antenna, "OK", "OPEN" or "SHORT" on CASIC and u-blox modules; "" not said.
func (d *Decoder) Antenna() string { return d.antenna }

func (d *Decoder) take(line []byte) {
	s, err := d.parser.Parse(line)
	if err != nil {
		return // counted by the parser
	}
	switch m := s.(type) {
	case *nmea.GSV:
		d.sky.add(m)
	case *nmea.TXT:
		d.text(m)
	case *nmea.DTM:
		keep(&d.datum, m.Code)
	default:
		d.assembler.add(s)
		d.collect()
	}
}

// antennaTexts is how messages about the antenna begin: CASIC's, sent once an epoch or on change, and u-blox's, sent at start and on
// change. Source: ATGM336H and L76K recordings in gpsd test/daemon: $GPTXT,01,01,01,ANTENNA OK*35; u-blox M8 receiver
// description, antenna supervisor.
var antennaTexts = [...]string{"ANTENNA ", "ANTSTATUS="}

func (d *Decoder) text(m *nmea.TXT) {
	for _, start := range antennaTexts {
		if state, ok := strings.CutPrefix(m.Text, start); ok {
			keep(&d.antenna, state)
		}
	}
}

// keep stores a text out of a sentence, whose memory the next one takes.
func keep(to *string, text string) {
	if *to != text {
		*to = strings.Clone(text)
	}
}

// Datum is the code of the datum that the receiver said last in DTM: "W84", "P90" …; "" not said, which means WGS-84.
func (d *Decoder) Datum() string { return d.datum }

// isWGS84 reports whether coordinates in a datum can be taken for WGS-84's: P90 is PZ-90.11, within centimetres; a name that begins
// with CG is CGCS2000, for which there is no agreed code. W72 is off by up to 17 m, S85 by a few, 999 by what the user entered,
// Beijing 54 and other national datums by a hundred. Source: gpsd www/NMEA.adoc, DTM; reference on geodesy, 1.
func isWGS84(code string) bool {
	return code == "" || code == "W84" || code == "P90" || strings.HasPrefix(code, "CG")
}

// collect judges the fixes that the assembler has finished.
func (d *Decoder) collect() {
	for i := range d.assembler.done {
		f := &d.assembler.done[i]
		if f.Verdict = RefusedDatum; isWGS84(d.datum) {
			f.Verdict = d.gate.Judge(*f, d.now)
		}
		d.stats.Fixes++
		d.stats.Verdicts[f.Verdict]++
		d.stats.ErrSource[d.assembler.sources[i]]++
		d.fixes = append(d.fixes, *f)
		if d.keepSkies {
			d.skies = append(d.skies, d.Sky())
		}
	}
	d.assembler.done = d.assembler.done[:0]
	d.assembler.sources = d.assembler.sources[:0]
}
