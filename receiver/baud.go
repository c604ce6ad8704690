package receiver

import (
	"fmt"
	"log/slog"
	"slices"
	"time"
)

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

// autobaud is a serial port whose rate a tuner finds out. It gives every byte it hears, the garbage of wrong rates included,
// so that no sentence is lost to the search.
type autobaud struct {
	*line
	log    *slog.Logger
	locked func(baud int) // called when sentences come at a rate
	tuner  *tuner
	open   func(path string, baud int) (*line, error) // openLine
}

// openAutobaud begins with the rate good, if it is not 0.
func openAutobaud(path string, good int, log *slog.Logger, locked func(baud int)) (*autobaud, error) {
	t := newTuner(good, time.Now())
	l, err := openLine(path, t.rate)
	if err != nil {
		return nil, err
	}
	return &autobaud{line: l, log: log, locked: locked, tuner: t, open: openLine}, nil
}

func (a *autobaud) Read(p []byte) (int, error) {
	n, err := a.line.Read(p)
	if err != nil {
		return n, err
	}
	rate, sure := a.tuner.rate, a.tuner.sure
	a.tuner.hear(p[:n], time.Now())
	switch {
	case a.tuner.sure && !sure:
		a.log.Info("baud rate found", "port", a.path, "baud", rate)
		a.locked(rate)
	case sure && !a.tuner.sure:
		a.log.Warn("no sentences at this baud rate any more", "port", a.path, "baud", rate)
	}
	for tries := 0; a.tuner.rate != rate && tries < len(autoBauds); tries++ {
		if err := a.set(a.tuner.rate); err == nil {
			return n, nil
		} else if lost := a.check(); lost != nil {
			return n, lost
		} else {
			a.log.Debug("the port does not take this baud rate", "port", a.path, "baud", a.tuner.rate, "err", err)
		}
		a.tuner.skip(time.Now())
	}
	return n, nil
}

// set opens the port a second time before it closes the first, so that the device never sees that nobody is there: that would
// drop what is on the way, and DTR, which resets some modules. After an error the port is at the old rate.
func (a *autobaud) set(rate int) error {
	next, err := a.open(a.path, rate)
	if err != nil {
		return err
	}
	old := a.line
	a.line = next
	return old.Close()
}
