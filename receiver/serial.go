package receiver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/tarm/serial"
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
	port   *serial.Port
	path   string
	device os.FileInfo // what path led to when it was opened
}

func openLine(path string, baud int) (*line, error) {
	port, err := serial.OpenPort(&serial.Config{Name: path, Baud: baud, ReadTimeout: patience})
	if err != nil {
		return nil, fmt.Errorf("serial port %s: %w", path, err)
	}
	device, err := os.Stat(path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("serial port %s: %w", path, err), port.Close())
	}
	return &line{port: port, path: path, device: device}, nil
}

// Read is a Stream's. The driver gives up after patience with no bytes at all, which the library shows as io.EOF; a line that
// was hung up reads the same way, but at once and for ever.
func (l *line) Read(p []byte) (int, error) {
	n, err := l.port.Read(p)
	switch {
	case n > 0:
		return n, nil
	case err == nil || errors.Is(err, io.EOF):
		return 0, l.check()
	}
	return 0, err
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

func (l *line) Close() error { return l.port.Close() }
