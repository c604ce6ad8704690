package receiver

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"
)

func listenTCP(t *testing.T, addr string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func accept(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func send(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

// The server hangs up, is gone for a while, and comes back on the same port.
func TestTCPComesBack(t *testing.T) {
	l := listenTCP(t, "127.0.0.1:0")
	addr := l.Addr().String()
	r := read(t, parse(t, "tcp://"+addr, SourceOptions{}))
	c := accept(t, l)
	send(t, c, epoch(0)[:30])
	send(t, c, epoch(0)[30:])
	r.waitFor(t, epoch(0))

	c.Close()
	l.Close()
	eventually(t, "attempts in vain", func() bool { return r.counters.OpenFailed.Load() > 1 })
	l = listenTCP(t, addr)
	send(t, accept(t, l), epoch(1))
	r.waitFor(t, epochs(0, 2))
	if lost := r.counters.Lost.Load(); lost != 1 {
		t.Errorf("counted %d losses, want 1", lost)
	}
}

// A server that says nothing at all is dialled again: the path to it may be dead without a word.
func TestTCPSilence(t *testing.T) {
	l := listenTCP(t, "127.0.0.1:0")
	src := parse(t, "tcp://"+l.Addr().String(), SourceOptions{}).(*tcpClient)
	src.silence.most = time.Millisecond
	s, err := src.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c := accept(t, l)
	var buf [64]byte
	if n, err := s.Read(buf[:]); n != 0 || err == nil || !strings.Contains(err.Error(), "nothing came") {
		t.Errorf("a silent server gave %d bytes and %v, want the loss", n, err)
	}
	send(t, c, "$")
	c.Close()
	eventually(t, "the byte", func() bool { n, _ := s.Read(buf[:]); return n == 1 })
	if _, err := s.Read(buf[:]); !errors.Is(err, errNoPeer) {
		t.Errorf("after the server's end: %v, want %v", err, errNoPeer)
	}
}

// A connection that spoke and died without a word is replaced long before maxSilence.
func TestTCPHalfOpen(t *testing.T) {
	l := listenTCP(t, "127.0.0.1:0")
	src := parse(t, "tcp://"+l.Addr().String(), SourceOptions{}).(*tcpClient)
	src.silence.least = patience // else this takes seconds
	r := read(t, src)
	send(t, accept(t, l), epoch(0)) // stays open, and says nothing more
	send(t, accept(t, l), epoch(1))
	r.waitFor(t, epochs(0, 2))
}

func TestSilence(t *testing.T) {
	tests := []struct {
		name string
		// Each letter is one second: b bytes, - nothing, o a connection was opened, x none could be.
		play string
		want int // seconds after which the present connection is given up
	}{
		{"nothing yet", "o", 30},
		{"every second", "obbbbb", 4},
		{"a greeting alone", "ob", 4},
		{"every ten seconds", "ob---------b---------b", 30},
		{"every two seconds", "ob-b-b", 8},
		{"silent on the next connection too", "obbb----o", 30},
		{"silent for a while, and dialled for nothing", "obbb----ob", 24},
		{"the path was broken", "obbb----xxxxxxob", 4},
		{"an hour of nothing", "obb" + strings.Repeat("-", 3600) + "b", 30},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := silence{least: minSilence, most: maxSilence}
			now := time.Unix(1e9, 0)
			for _, c := range tt.play {
				switch c {
				case 'b':
					s.heard(now)
				case 'o':
					s.begin(now)
				case 'x':
					s.cut()
				}
				now = now.Add(time.Second)
			}
			last := now.Add(-time.Second)
			want := time.Duration(tt.want) * time.Second
			if _, over := s.over(last.Add(want)); over {
				t.Errorf("given up within %v", want)
			}
			if limit, over := s.over(last.Add(want + 1)); !over || limit != want {
				t.Errorf("given up after %v (%v), want after %v", limit, over, want)
			}
		})
	}
}

func TestUDP(t *testing.T) {
	// A free port: another process could take it before the source does, but on loopback none does.
	probe, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := probe.LocalAddr().String()
	probe.Close()

	r := read(t, parse(t, "udp://"+addr, SourceOptions{}))
	eventually(t, "the port to be open", func() bool { return r.counters.Opened.Load() == 1 })
	c, err := net.Dial("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	large := epochs(0, 100) // more than one read takes
	send(t, c, large)
	r.waitFor(t, large)
	send(t, c, epoch(100))
	r.waitFor(t, epochs(0, 101))
}

// A port that another program has is tried again until it is free.
func TestUDPPortTaken(t *testing.T) {
	taken, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := read(t, parse(t, "udp://"+taken.LocalAddr().String(), SourceOptions{}))
	eventually(t, "an attempt in vain", func() bool { return r.counters.OpenFailed.Load() > 0 })
	taken.Close()
	eventually(t, "the port to be open", func() bool { return r.counters.Opened.Load() == 1 })
}
