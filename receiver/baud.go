package receiver

import (
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// autoBauds are the rates that are tried, the likeliest first: 9600 is what most Beidou modules are delivered with, 115200 is
// what they are set to for 10 Hz, 38400 is u-blox's from its ninth generation on, 4800 is the standard's (NMEA 0183).
var autoBauds = []int{9600, 115200, 38400, 4800, 57600, 19200, 230400, 460800, 921600}

// Bauds are the rates of a serial line in bits a second that may be asked for by number.
func Bauds() []int {
	return []int{1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 500000, 576000, 921600, 1000000, 1500000, 2000000}
}

func checkBaud(baud int) error {
	if baud != 0 && !slices.Contains(Bauds(), baud) {
		return fmt.Errorf("baud %d: not a rate of serial lines; want one of %v", baud, Bauds())
	}
	return nil
}

const (
	// dwell is how long the first round listens at each rate: a module speaks once a second. Each further round listens
	// longer, up to maxDwell, for one that speaks seldom.
	dwell    = 1500 * time.Millisecond
	maxDwell = 12 * time.Second
	// searchNoise is how many bytes without a right checksum condemn a rate before its time is up. The longest sentence seen
	// has 205; a module that mixes binary packets in sends a kilobyte of them between two sentences at most.
	searchNoise = 1200
	// lockedNoise is how many such bytes in a row make a rate doubtful at which sentences came before.
	lockedNoise = 8 << 10
)

// autobaud is a serial port whose rate is found out by listening. It gives every byte it hears, the garbage of wrong rates
// included, so that no sentence is lost to the search.
type autobaud struct {
	*line
	log    *slog.Logger
	locked func(baud int) // called when sentences come at a rate

	rates  []int
	at     int // index of the present rate
	rounds int // how often all rates were tried
	since  time.Time
	noise  int // bytes since the last sentence, or since the rate was set
	sure   bool
	ear    ear
}

// openAutobaud begins with the rate good, if it is not 0.
func openAutobaud(path string, good int, log *slog.Logger, locked func(baud int)) (*autobaud, error) {
	rates := slices.Clone(autoBauds)
	if good != 0 {
		rates = slices.Insert(slices.DeleteFunc(rates, func(r int) bool { return r == good }), 0, good)
	}
	l, err := openLine(path, rates[0])
	if err != nil {
		return nil, err
	}
	return &autobaud{line: l, log: log, locked: locked, rates: rates, since: time.Now()}, nil
}

func (a *autobaud) Read(p []byte) (int, error) {
	n, err := a.line.Read(p)
	if err != nil {
		return n, err
	}
	if a.ear.listen(p[:n]) > 0 {
		a.noise = 0
		if !a.sure {
			a.sure = true
			a.log.Info("baud rate found", "port", a.path, "baud", a.rates[a.at])
			a.locked(a.rates[a.at])
		}
		return n, nil
	}
	a.noise += n
	switch {
	case a.sure && a.noise > lockedNoise:
		a.log.Warn("no sentences at this baud rate any more", "port", a.path, "baud", a.rates[a.at], "bytes", a.noise)
		a.sure = false
		return n, a.nextRate()
	case !a.sure && (a.noise > searchNoise || time.Since(a.since) > min(dwell*time.Duration(a.rounds+1), maxDwell)):
		return n, a.nextRate()
	}
	return n, nil
}

// nextRate opens the port a second time before it closes the first, so that the device never sees that nobody is there: that
// would drop what is on the way, and DTR, which resets some modules.
func (a *autobaud) nextRate() error {
	if a.at++; a.at == len(a.rates) {
		a.at = 0
		a.rounds++
	}
	next, err := openLine(a.path, a.rates[a.at])
	if err != nil {
		return err
	}
	old := a.line
	a.line, a.ear, a.noise, a.since = next, ear{}, 0, time.Now()
	return old.Close()
}

// ear recognises sentences with a right checksum in any stream of bytes, and only counts them: $ or !, then text, then * and
// the exclusive or of all bytes between in two hexadecimal digits.
type ear struct {
	state earState
	sum   byte // so far
	want  byte // first digit
}

type earState uint8

const (
	earOutside earState = iota
	earText
	earFirstDigit
	earSecondDigit
)

// listen returns how many sentences ended within b.
func (e *ear) listen(b []byte) (sentences int) {
	for _, c := range b {
		switch {
		case c == '$' || c == '!':
			e.state, e.sum = earText, 0
		case c < ' ' || c > '~':
			e.state = earOutside
		case e.state == earText && c == '*':
			e.state = earFirstDigit
		case e.state == earText:
			e.sum ^= c
		case e.state == earFirstDigit:
			e.want, e.state = hexDigit(c)<<4, earSecondDigit
		case e.state == earSecondDigit:
			if e.want|hexDigit(c) == e.sum {
				sentences++
			}
			e.state = earOutside
		}
	}
	return sentences
}

// hexDigit is the value of c, or 0: what is not a digit then almost never makes a right checksum, and need not never.
func hexDigit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 0
}
