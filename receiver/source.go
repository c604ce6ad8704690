package receiver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// patience is how long a Stream's Read may wait for bytes before it says that there are none. It bounds how long the agent
// needs to stop. It is also the shortest time-out of a serial line, whose driver counts in tenths of a second.
const patience = 100 * time.Millisecond

// Source is where a receiver's bytes come from. It can be opened again after its stream was lost.
type Source interface {
	// Open waits until there is something to read from, or gives the reason why there is not. It returns soon after ctx
	// ends. The stream must be closed before the next Open.
	Open(ctx context.Context) (Stream, error)
	// Live reports whether bytes come as the receiver makes them, so that the host's clock tells when. A recording that is
	// read as fast as it can be is not live.
	Live() bool
	// Ends reports whether the source is one that ends, such as a file. An error of such a source is final: opening it
	// again would give the same bytes again, or none.
	Ends() bool
	// String is the source as a person would write it.
	String() string
}

// Stream is an open source. One goroutine at a time uses it.
type Stream interface {
	// Read waits for bytes, but not much longer than a tenth of a second: silence is (0, nil), and no error. io.EOF is
	// the end of a source that has one, a file; every other error means that the source is lost.
	Read(p []byte) (int, error)
	Close() error
}

// SourceOptions are what a source needs beside its name. The zero value works.
type SourceOptions struct {
	Baud    int          // of serial ports, one of Bauds; 0 finds it out by listening
	Pace    bool         // give a file at the speed of the time stamps in it, not as fast as it can be read
	Stdin   io.Reader    // what "-" reads; nil is os.Stdin
	Log     *slog.Logger // nil discards
	Devices Devices      // where auto looks for ports
}

// ParseSource makes the source that spec names:
//
//	auto               the serial port on which a module talks
//	/dev/ttyUSB0       a serial port, by any path with a slash in it
//	tcp://HOST:PORT    a server that sends sentences
//	gpsd://HOST[:PORT] a gpsd server, which has the receiver
//	udp://[HOST]:PORT  datagrams sent to this port
//	file:PATH          a recording, also one packed by gzip
//	-                  standard input
func ParseSource(spec string, o SourceOptions) (Source, error) {
	if err := checkBaud(o.Baud); err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	path, isFile := strings.CutPrefix(spec, "file:")
	if o.Pace && !isFile {
		return nil, fmt.Errorf("source %q: only a file can be paced", spec)
	}
	switch {
	case isFile && path == "":
		return nil, fmt.Errorf("source %q: file: without a path", spec)
	case isFile:
		return &file{path: path, pace: o.Pace}, nil
	case spec == "auto":
		return newAuto(o), nil
	case spec == "-" && o.Stdin == nil:
		return &standardInput{in: os.Stdin}, nil
	case spec == "-":
		return &standardInput{in: o.Stdin}, nil
	case strings.HasPrefix(spec, "tcp://"):
		return parseTCP(spec)
	case strings.HasPrefix(spec, "gpsd://"):
		return parseGpsd(spec)
	case strings.HasPrefix(spec, "udp://"):
		return parseUDP(spec)
	case strings.ContainsRune(spec, filepath.Separator) && !strings.Contains(spec, "://"):
		return &serialPort{path: spec, baud: o.Baud, log: o.Log}, nil
	}
	return nil, fmt.Errorf("source %q: want auto, a path in /dev, tcp://HOST:PORT, gpsd://HOST, udp://:PORT, file:PATH, or - for standard input", spec)
}

// address takes HOST:PORT from scheme://HOST:PORT.
func address(spec, scheme string, needHost bool) (string, error) {
	addr := strings.TrimPrefix(spec, scheme+"://")
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("source %q: %w", spec, err)
	}
	if needHost && host == "" {
		return "", fmt.Errorf("source %q: no host", spec)
	}
	if n, err := net.LookupPort(scheme, port); err != nil || needHost && n == 0 {
		return "", fmt.Errorf("source %q: bad port %q", spec, port)
	}
	return addr, nil
}

// sharePorts sees to it that auto leaves the ports alone that other sources name.
func sharePorts(sources []Source) error {
	var all *auto
	var named []string
	for _, src := range sources {
		switch src := src.(type) {
		case *auto:
			if all != nil {
				return errors.New("source auto: given twice; both would take the same port")
			}
			all = src
		case *serialPort:
			named = append(named, src.path)
		}
	}
	if all != nil {
		all.taken = named
	}
	return nil
}
