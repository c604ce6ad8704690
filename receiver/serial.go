package receiver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/tarm/serial"
	"golang.org/x/sys/unix"
)

// errReplaced is the loss of a serial port whose path leads to another device now: it was pulled out and put in again.
var errReplaced = errors.New("the path leads to another device")

// serialPort is a serial line by its path, which may be a symbolic link and may be a pseudo-terminal.
type serialPort struct {
	path string
	baud int // 0 finds it out
	good int // the rate at which sentences came last; 0 none did
	log  *slog.Logger
}

func (s *serialPort) Live() bool     { return true }
func (s *serialPort) Ends() bool     { return false }
func (s *serialPort) String() string { return s.path }

func (s *serialPort) Open(context.Context) (Stream, error) {
	if s.baud != 0 {
		return openLine(s.path, s.baud)
	}
	return openAutobaud(s.path, s.good, s.log, func(baud int) { s.good = baud })
}

// line is an open serial port at one baud rate.
type line struct {
	port *serial.Port // has set the line up, and is written to
	// in is the same line opened once more, to be read from: the library's reads block in the kernel, and a thread that does so
	// fifty times a second costs Go's scheduler more than all the decoding.
	in     *os.File
	path   string
	device os.FileInfo // what path led to when it was opened
}

func openLine(path string, baud int) (*line, error) {
	port, err := serial.OpenPort(&serial.Config{Name: path, Baud: baud, ReadTimeout: patience})
	if err != nil {
		return nil, fmt.Errorf("serial port %s: %w", path, err)
	}
	in, err := os.OpenFile(path, unix.O_RDONLY|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("serial port: %w", err), port.Close())
	}
	l := &line{port: port, in: in, path: path}
	if l.device, err = in.Stat(); err != nil {
		return nil, errors.Join(fmt.Errorf("serial port: %w", err), l.Close())
	}
	return l, nil
}

// Read is a Stream's. A line that was hung up gives io.EOF or an error.
func (l *line) Read(p []byte) (int, error) {
	if err := l.in.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	n, err := l.in.Read(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return 0, l.check()
	}
	return n, err
}

// check says whether a silent line is still there. Writing nothing sends nothing, but the kernel refuses even that on a line
// that was hung up.
func (l *line) check() error {
	if _, err := l.port.Write(nil); err != nil {
		return fmt.Errorf("hung up: %w", err)
	}
	device, err := os.Stat(l.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return err
	case err == nil && !os.SameFile(l.device, device):
		return errReplaced
	}
	return nil // what stat cannot tell, the line itself will
}

// Write sends a command to the module.
func (l *line) Write(p []byte) (int, error) { return l.port.Write(p) }

func (l *line) Close() error { return errors.Join(l.in.Close(), l.port.Close()) }
