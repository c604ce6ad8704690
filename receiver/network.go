package receiver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

const (
	// dialTimeout bounds one attempt, so that a source which comes back is found within two seconds.
	dialTimeout = 1500 * time.Millisecond
	// tcpSilence is how long a TCP source may be silent before it is taken for dead and dialled again. A module speaks
	// every second; the slowest setting on the market is one fix in ten seconds.
	tcpSilence = 30 * time.Second
	// maxDatagram is the most that IPv4 can carry in one.
	maxDatagram = 64 << 10
)

// errNoPeer is the loss of a TCP source whose other end said that it is finished.
var errNoPeer = errors.New("closed by the other end")

// tcpClient reads from a server that sends sentences: a mobile router, a serial-to-Ethernet box.
type tcpClient struct {
	addr    string
	silence time.Duration
}

func parseTCP(spec string) (Source, error) {
	addr, err := address(spec, "tcp", true)
	if err != nil {
		return nil, err
	}
	return &tcpClient{addr: addr, silence: tcpSilence}, nil
}

func (t *tcpClient) Live() bool     { return true }
func (t *tcpClient) Ends() bool     { return false }
func (t *tcpClient) String() string { return "tcp://" + t.addr }

func (t *tcpClient) Open(ctx context.Context) (Stream, error) {
	d := net.Dialer{Timeout: dialTimeout, KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3}}
	conn, err := d.DialContext(ctx, "tcp", t.addr)
	if err != nil {
		return nil, err
	}
	return &tcpStream{conn: conn, silence: t.silence, heard: time.Now()}, nil
}

type tcpStream struct {
	conn    net.Conn
	silence time.Duration
	heard   time.Time // when the last byte came
}

func (s *tcpStream) Read(p []byte) (int, error) {
	n, err := readConn(s.conn, p)
	switch {
	case n > 0:
		s.heard = time.Now()
		return n, nil
	case errors.Is(err, io.EOF):
		return 0, errNoPeer
	case err == nil && time.Since(s.heard) > s.silence:
		return 0, fmt.Errorf("nothing came for %v", s.silence)
	}
	return 0, err
}

// Write sends a command to a module behind a serial-to-Ethernet box.
func (s *tcpStream) Write(p []byte) (int, error) {
	if err := s.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	return s.conn.Write(p)
}

func (s *tcpStream) Close() error { return s.conn.Close() }

// udpListener reads the datagrams that are sent to a port, from whomever. Each holds whole sentences by custom, but nothing
// depends on that.
type udpListener struct{ addr string }

func parseUDP(spec string) (Source, error) {
	addr, err := address(spec, "udp", false)
	if err != nil {
		return nil, err
	}
	return &udpListener{addr: addr}, nil
}

func (u *udpListener) Live() bool     { return true }
func (u *udpListener) Ends() bool     { return false }
func (u *udpListener) String() string { return "udp://" + u.addr }

func (u *udpListener) Open(ctx context.Context) (Stream, error) {
	var lc net.ListenConfig
	conn, err := lc.ListenPacket(ctx, "udp", u.addr)
	if err != nil {
		return nil, err
	}
	return &udpStream{conn: conn.(*net.UDPConn), buf: make([]byte, maxDatagram)}, nil
}

type udpStream struct {
	conn *net.UDPConn
	buf  []byte
	rest []byte // of the last datagram, in buf
}

func (s *udpStream) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		n, err := readConn(s.conn, s.buf)
		if err != nil {
			return 0, err
		}
		s.rest = s.buf[:n]
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

func (s *udpStream) Close() error { return s.conn.Close() }

// readConn reads from conn and returns (0, nil) when nothing came within patience.
func readConn(conn net.Conn, p []byte) (int, error) {
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	n, err := conn.Read(p)
	if n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		return n, nil
	}
	return 0, err
}
