package receiver

import (
	"bufio"
	"bytes"
	"io"
	"time"
)

const (
	// maxPause is the longest wait that a paced recording makes: where it has a gap of hours, it goes on after this.
	maxPause = 5 * time.Second
	// sameEpoch is how far back a stamp may be and still belong to the present epoch: some modules send GGA for the past
	// second after RMC for this one.
	sameEpoch = 2 * time.Second
	day       = 24 * time.Hour
	// maxPacedLine is the longest run of bytes without a line end that is held back for its stamp.
	maxPacedLine = 4 << 10
)

// pacer gives a recording line by line at the pace of its own time stamps.
type pacer struct {
	lines *bufio.Reader
	now   func() time.Time

	line  []byte        // read, and not given yet
	err   error         // what ended the lines
	due   time.Time     // when line may be given
	stamp time.Duration // the latest time of day seen
	begun bool          // stamp and due are set
}

func newPacer(r io.Reader, now func() time.Time) *pacer {
	return &pacer{lines: bufio.NewReaderSize(r, maxPacedLine), now: now}
}

// Read is a Stream's: while the next line's time has not come, it waits for at most patience and gives nothing.
func (p *pacer) Read(b []byte) (int, error) {
	if len(p.line) == 0 {
		if p.err != nil {
			return 0, p.err
		}
		p.next()
	}
	if wait := p.due.Sub(p.now()); wait > 0 {
		time.Sleep(min(wait, patience))
		if wait > patience {
			return 0, nil
		}
	}
	n := copy(b, p.line)
	p.line = p.line[n:]
	return n, nil
}

// next reads a line and sets when it is due.
func (p *pacer) next() {
	p.line, p.err = p.lines.ReadSlice('\n')
	if p.err == bufio.ErrBufferFull {
		p.err = nil
	}
	stamp, ok := timeOfDay(p.line)
	if !ok {
		return
	}
	now := p.now()
	if !p.begun || p.due.Before(now.Add(-maxPause)) { // the first, or the reader was away: start counting here
		p.due = now
	}
	if !p.begun {
		p.begun, p.stamp = true, stamp
		return
	}
	step := stamp - p.stamp
	switch { // over midnight, either way
	case step > day/2:
		step -= day
	case step < -day/2:
		step += day
	}
	switch {
	case step > 0:
		p.due = p.due.Add(min(step, maxPause))
	case step > -sameEpoch:
		return // of an epoch that has begun: no wait, and the clock stays
	}
	p.stamp = stamp
}

// timeOfDay is the UTC time in field 1 of an RMC, GGA or ZDA sentence. Its checksum is not looked at: a wrong stamp costs a
// pause of maxPause at most.
func timeOfDay(line []byte) (time.Duration, bool) {
	if i := bytes.LastIndexByte(line, '$'); i >= 0 {
		line = line[i+1:]
	} else {
		return 0, false
	}
	const field = len("GNRMC,")
	if len(line) < field+len("hhmmss") || line[field-1] != ',' {
		return 0, false
	}
	switch string(line[2:5]) {
	case "RMC", "GGA", "ZDA":
	default:
		return 0, false
	}
	line = line[field:]
	h, ok1 := twoDigits(line[0:])
	m, ok2 := twoDigits(line[2:])
	s, ok3 := twoDigits(line[4:])
	if !ok1 || !ok2 || !ok3 || h > 23 || m > 59 || s > 60 {
		return 0, false
	}
	t := time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second
	if len(line) > 6 && line[6] == '.' {
		unit := time.Second / 10
		for _, c := range line[7:] {
			if c < '0' || c > '9' || unit == 0 {
				break
			}
			t += time.Duration(c-'0') * unit
			unit /= 10
		}
	}
	return t, true
}

func twoDigits(b []byte) (int, bool) {
	if b[0] < '0' || b[0] > '9' || b[1] < '0' || b[1] > '9' {
		return 0, false
	}
	return int(b[0]-'0')*10 + int(b[1]-'0'), true
}
