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
	// minSilence and maxSilence bound how long a TCP source may be silent before it is taken for dead and dialled again; the
	// slowest setting of modules on the market is one fix in ten seconds.
	minSilence = 4 * time.Second
	maxSilence = 30 * time.Second
	// usualSilences is how many times the usual silence is too long.
	usualSilences = 4
	// maxDatagram is the most that IPv4 can carry in one.
	maxDatagram = 64 << 10
)

// errNoPeer is the loss of a TCP source whose other end said that it is finished.
var errNoPeer = errors.New("closed by the other end")

// keepAlive asks an idle peer every second whether it still knows the connection: one that was switched off and on says no.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: time.Second, Interval: time.Second, Count: int(maxSilence / time.Second)}

// tcpClient reads from a server that sends sentences: a mobile router, a serial-to-Ethernet box.
type tcpClient struct {
	addr    string
	silence silence
}

func parseTCP(spec string) (Source, error) {
	addr, err := address(spec, "tcp", true)
	if err != nil {
		return nil, err
	}
	return &tcpClient{addr: addr, silence: silence{least: minSilence, most: maxSilence}}, nil
}

func (t *tcpClient) Live() bool     { return true }
func (t *tcpClient) Ends() bool     { return false }
func (t *tcpClient) String() string { return "tcp://" + t.addr }

func (t *tcpClient) Open(ctx context.Context) (Stream, error) {
	d := net.Dialer{Timeout: dialTimeout, KeepAliveConfig: keepAlive}
	conn, err := d.DialContext(ctx, "tcp", t.addr)
	if err != nil {
		t.silence.cut()
		return nil, err
	}
	t.silence.begin(time.Now())
	return &tcpStream{conn: conn, silence: &t.silence}, nil
}

// silence says when a connection has been silent for too long. A path that broke comes back without a word: what the server
// sends again waits for longer and longer, while a new connection works at once. So a source that spoke every second is
// dialled again after seconds. That may be wrong, since modules fall silent too; then the silence was a usual one.
type silence struct {
	least, most time.Duration
	usual       time.Duration // the longest after which bytes came, be it on the next connection
	last        time.Time     // when bytes came; zero: unknown, or the path was broken since
	since       time.Time     // when bytes came on this connection, or it was opened
	spoke       bool          // bytes came on this connection
}

func (s *silence) begin(now time.Time) { s.since, s.spoke = now, false }

// cut notes that there is no way to the server: the present silence is not a usual one.
func (s *silence) cut() { s.last = time.Time{} }

func (s *silence) heard(now time.Time) {
	if !s.last.IsZero() {
		s.usual = max(s.usual, now.Sub(s.last))
	}
	s.last, s.since, s.spoke = now, now, true
}

// over reports whether it is time to dial again, and after what silence.
func (s *silence) over(now time.Time) (time.Duration, bool) {
	limit := s.most
	if s.spoke {
		limit = min(max(s.least, usualSilences*s.usual), s.most)
	}
	return limit, now.Sub(s.since) > limit
}

type tcpStream struct {
	conn    net.Conn
	silence *silence
}

func (s *tcpStream) Read(p []byte) (int, error) {
	n, err := readConn(s.conn, p)
	switch {
	case n > 0:
		s.silence.heard(time.Now())
		return n, nil
	case errors.Is(err, io.EOF):
		return 0, errNoPeer
	case err != nil:
		return 0, err
	}
	if limit, over := s.silence.over(time.Now()); over {
		return 0, fmt.Errorf("nothing came for %v", limit)
	}
	return 0, nil
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
