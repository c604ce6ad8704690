package nmea

import (
	"hash/crc32"
	"unicode/utf8"
)

// MaxLineLen bounds one sentence from its '$' to the end of its checksum. The standard says 82; recordings show 205, and
// vendor lines can be longer still. A longer one is dropped and the Framer waits for the next start.
// Source: receiver captures in gpsd test/daemon.
const MaxLineLen = 1024

// FramerStats counts what a Framer made of its bytes. Every byte and every discarded sentence is in here.
type FramerStats struct {
	Bytes       uint64 // all bytes written
	Sentences   uint64 // let through: checksum right
	BadChecksum uint64 // "*hh" there but wrong
	NoChecksum  uint64 // the line ended without "*hh"
	Cut         uint64 // another sentence started inside
	Overlong    uint64 // more than MaxLineLen bytes
	LongSum     uint64 // "*" with eight hex digits, the CRC-32 form of Unicore and NovAtel, but not the CRC of the line
	TagBlocks   uint64 // NMEA 4 tag blocks, \s:x*hh\, stepped over
	Comments    uint64 // lines that start with '#' and are no Unicore or NovAtel log: notes in recordings
	NoiseBytes  uint64 // in no sentence and no comment; line ends and NULs are not counted
}

// Framer finds sentences in a byte stream given in any slicing. The zero value is ready.
//
// A sentence runs from '$' or '!' to "*hh". What stands before the last start is noise or the rest of a cut line, so a
// binary message that runs straight into a sentence costs nothing. Line ends are not needed, only respected: the last
// sentence of a stream counts without one. Tag blocks (\s:x*hh\) precede the start and are stepped over, whatever their own
// checksum says: they tell who listened and when, not what was heard. NUL bytes are taken out wherever they stand; a UART
// makes them from breaks. Eight hex digits after the "*" are a CRC-32, which Unicore and ComNav put after $KSXT, and after
// their logs, which begin with '#' at the start of a line.
type Framer struct {
	state   frameState
	line    []byte // from the first start seen on this line
	digits  int    // hex digits seen after '*'
	sum     byte   // the checksum they say
	longSum uint32 // the same, of up to eight
	text    int    // bytes of the tag block so far
	inLine  bool   // some byte came since the last line end
	stats   FramerStats
}

type frameState uint8

const (
	between  frameState = iota // waiting for a start
	hashLine                   // after '#' at the start of a line: a log or a comment
	body                       // after a start
	checksum                   // after '*' in a body
	wrongSum                   // after "*hh" that did not fit: more hex digits make it a CRC-32
	tagBlock                   // after a backslash between sentences
)

// maxTagBlock bounds a tag block with its backslashes. NMEA 4 allows 80 characters. Source: gpsd www/NMEA.adoc, tag blocks.
const maxTagBlock = 82

// Stats is what was counted so far.
func (f *Framer) Stats() FramerStats { return f.stats }

// Write takes the next bytes and calls emit for each sentence they complete, in order. The slice given to emit runs from
// '$', '!' or '#' to the last hex digit, two or eight, and is valid until emit returns.
func (f *Framer) Write(p []byte, emit func(sentence []byte)) {
	f.stats.Bytes += uint64(len(p))
	for _, c := range p {
		switch f.state {
		case body:
			if c > '*' { // the common case: letters, digits, commas and dots
				f.keep(c)
				continue
			}
			f.bodyByte(c)
		case checksum:
			f.sumByte(c, emit)
		case wrongSum:
			f.wrongSumByte(c, emit)
		case hashLine:
			f.hashByte(c, emit)
		case tagBlock:
			f.tagByte(c)
		default:
			f.betweenByte(c)
		}
	}
}

// Close ends the stream and counts a sentence that was cut by it.
func (f *Framer) Close() {
	switch f.state {
	case body, checksum, wrongSum:
		f.lineEnd()
	case hashLine:
		f.hashByte('\n', nil)
	case tagBlock:
		f.stats.NoiseBytes += uint64(f.text)
	}
	f.reset()
	f.inLine = false
}

func (f *Framer) betweenByte(c byte) {
	switch c {
	case '$', '!':
		f.start(c)
	case '\r', '\n':
		f.inLine = false
		return
	case 0:
	case '\\':
		f.state, f.text = tagBlock, 1
	case '#':
		if !f.inLine {
			f.state, f.line = hashLine, append(f.line[:0], c)
			break
		}
		f.stats.NoiseBytes++
	default:
		f.stats.NoiseBytes++
	}
	f.inLine = true
}

// hashByte reads a line that began with '#' until a CRC-32 that fits makes it a log, or the line ends and it was a comment. A
// byte that no text has, or a length that no note has, shows that the '#' was part of a binary message: then the search for
// a start goes on.
func (f *Framer) hashByte(c byte, emit func([]byte)) {
	switch {
	case c == '\n' || c == '\r':
		if isLog(f.line) {
			f.stats.LongSum++
		} else {
			f.stats.Comments++
		}
		f.reset()
		f.inLine = false
	case c == '$' && isLog(f.line): // a log that was cut, with a sentence behind it
		f.stats.Cut++
		f.start(c)
	case c == '$' && !utf8.Valid(f.line): // a binary message, with a sentence behind it
		f.stats.NoiseBytes += uint64(len(f.line))
		f.start(c)
	case c < ' ' && c != '\t' || c == 0x7f || len(f.line) == MaxLineLen:
		f.stats.NoiseBytes += uint64(len(f.line))
		f.reset()
	default:
		f.line = append(f.line, c)
		if logSumFits(f.line) {
			f.stats.Sentences++
			emit(f.line)
			f.reset()
		}
	}
}

// isLog reports whether a line begins as a log in ASCII does: '#', a name in capitals that ends in A, a comma.
func isLog(line []byte) bool {
	for i := 1; i < len(line); i++ {
		switch c := line[i]; {
		case c == ',':
			return i > 2 && line[i-1] == 'A'
		case !(c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'):
			return false
		}
	}
	return false
}

// logSumFits reports whether a line that began with '#' ends in "*" and eight hex digits that are its CRC-32.
func logSumFits(line []byte) bool {
	star := len(line) - 9
	if star < 1 || line[star] != '*' {
		return false
	}
	var said uint32
	for _, c := range line[star+1:] {
		d, ok := hexDigit(c)
		if !ok {
			return false
		}
		said = said<<4 | uint32(d)
	}
	return said == longSum(line[1:star])
}

// tagByte steps over a tag block to its closing backslash. What cannot stand in one shows that the backslash was noise.
func (f *Framer) tagByte(c byte) {
	f.text++
	switch {
	case c == '\\':
		f.stats.TagBlocks++
		f.reset()
	case c < ' ' || c >= 0x7f || c == '$' || c == '!' || f.text >= maxTagBlock:
		f.stats.NoiseBytes += uint64(f.text - 1)
		f.reset()
		f.betweenByte(c)
	}
}

func (f *Framer) bodyByte(c byte) {
	switch c {
	case '$', '!':
		f.keep(c)
	case '*':
		f.keep(c)
		if f.state == body {
			f.state, f.digits, f.sum = checksum, 0, 0
		}
	case '\r', '\n':
		f.lineEnd()
	case 0:
	default:
		f.keep(c)
	}
}

func (f *Framer) sumByte(c byte, emit func([]byte)) {
	d, ok := hexDigit(c)
	if !ok { // the '*' was text, or the sentence was cut here
		f.state = body
		f.bodyByte(c)
		return
	}
	f.keep(c)
	if f.state == between { // too long
		return
	}
	f.sum = f.sum<<4 | d
	if f.digits++; f.digits < 2 {
		return
	}
	if s, ok := f.sentence(); ok {
		f.stats.Sentences++
		emit(s)
		f.reset()
		return
	}
	f.state, f.longSum = wrongSum, uint32(f.sum)
}

func (f *Framer) wrongSumByte(c byte, emit func([]byte)) {
	d, ok := hexDigit(c)
	if !ok {
		f.giveUp()
		f.betweenByte(c)
		return
	}
	if f.keep(c); f.state != wrongSum { // too long
		return
	}
	f.longSum = f.longSum<<4 | uint32(d)
	if f.digits++; f.digits < 8 {
		return
	}
	if s, ok := f.longSentence(); ok {
		f.stats.Sentences++
		emit(s)
		f.reset()
		return
	}
	f.giveUp()
}

// longSentence is the part of the line whose CRC-32 fits, from its last start.
func (f *Framer) longSentence() ([]byte, bool) {
	star := len(f.line) - 9
	for i := star - 1; i >= 0; i-- {
		if f.line[i] != '$' {
			continue
		}
		if longSum(f.line[i+1:star]) != f.longSum {
			return nil, false
		}
		f.countLead(f.line[:i])
		return f.line[i:], true
	}
	return nil, false
}

// longSum is the CRC-32 of Unicore's and NovAtel's ASCII messages: the common polynomial, but from 0 and not inverted.
// Source: NovAtel OEM7 manual, 32-bit CRC; a $KSXT with *33736701 as in the tests.
func longSum[T string | []byte](text T) uint32 {
	var c uint32
	for i := range len(text) {
		c = crcTable[byte(c)^text[i]] ^ c>>8
	}
	return c
}

var crcTable = crc32.MakeTable(crc32.IEEE)

// sentence is the part of the line whose checksum fits, searched from the last start backwards: what precedes a start is
// mostly noise, but a '$' may also stand in the text of a TXT sentence.
func (f *Framer) sentence() ([]byte, bool) {
	var sum byte
	for i := len(f.line) - 4; i >= 0; i-- { // the last three bytes are "*hh"
		c := f.line[i]
		if (c == '$' || c == '!') && sum == f.sum {
			f.countLead(f.line[:i])
			return f.line[i:], true
		}
		sum ^= c
	}
	return nil, false
}

// countLead counts what stood between an earlier start and the sentence.
func (f *Framer) countLead(lead []byte) {
	switch {
	case len(lead) == 0:
	case addressed(lead):
		f.stats.Cut++
	default:
		f.stats.NoiseBytes += uint64(len(lead))
	}
}

// lineEnd gives up a sentence that reached the end of its line.
func (f *Framer) lineEnd() {
	f.giveUp()
	f.inLine = false
}

// giveUp counts why the bytes since the first start made no sentence.
func (f *Framer) giveUp() {
	switch {
	case !addressed(f.line):
		f.stats.NoiseBytes += uint64(len(f.line))
	case f.state == wrongSum && f.digits == 8:
		f.stats.LongSum++
	case f.state == wrongSum:
		f.stats.BadChecksum++
	default:
		f.stats.NoChecksum++
	}
	f.reset()
}

// addressed reports whether the last start in line is followed by what an address looks like, three upper-case letters or
// digits, so that a stray '$' in a binary message is not counted as a damaged sentence.
func addressed(line []byte) bool {
	i := len(line) - 1
	for i >= 0 && line[i] != '$' && line[i] != '!' {
		i--
	}
	if i < 0 || len(line) < i+4 {
		return false
	}
	for _, c := range line[i+1 : i+4] {
		if !(c >= 'A' && c <= 'Z' || c >= '0' && c <= '9') {
			return false
		}
	}
	return true
}

func (f *Framer) start(c byte) {
	f.state = body
	f.line = append(f.line[:0], c)
}

// keep adds a byte to the line. A line that grows too long starts again at its last start, if that is not all of it.
func (f *Framer) keep(c byte) {
	if len(f.line) < MaxLineLen {
		f.line = append(f.line, c)
		return
	}
	f.stats.Overlong++
	for i := len(f.line) - 1; i > 0; i-- {
		if f.line[i] == '$' || f.line[i] == '!' {
			f.line = append(f.line[:copy(f.line, f.line[i:])], c)
			return
		}
	}
	f.reset()
}

func (f *Framer) reset() { f.state, f.line = between, f.line[:0] }

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	}
	return 0, false
}
