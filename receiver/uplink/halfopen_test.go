package uplink_test

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"dipper/receiver/uplink"
)

// path is a network between the agent and the centre: a TCP proxy that can fall silent without closing anything, as a radio link
// does behind a router that forgets its connections.
type path struct {
	listener net.Listener
	target   string
	going    sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
	dead  chan struct{} // of the present connections: closed, they carry nothing more
}

func newPath(t *testing.T, target string) *path {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &path{listener: l, target: target, dead: make(chan struct{})}
	p.going.Go(p.accept)
	t.Cleanup(func() {
		l.Close()
		p.mu.Lock()
		for _, c := range p.conns {
			c.Close()
		}
		p.mu.Unlock()
		p.going.Wait()
	})
	return p
}

func (p *path) accept() {
	for {
		near, err := p.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", p.target)
		if err != nil {
			near.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, near, far)
		dead := p.dead
		p.mu.Unlock()
		p.going.Go(func() { carry(far, near, dead) })
		p.going.Go(func() { carry(near, far, dead) })
	}
}

// carry copies until dead; after that it takes bytes and gives none, and closes nothing.
func carry(to io.Writer, from io.Reader, dead <-chan struct{}) {
	buf := make([]byte, 1<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		select {
		case <-dead:
			continue
		default:
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// die lets the present connections carry nothing more. New ones work.
func (p *path) die() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.dead)
	p.dead = make(chan struct{})
}

// A link on which nothing is carried any more, though nobody closed it, is given up within DeadAfter, whether fixes are on the way or
// not, and the next one works.
func TestHalfOpenLinkIsFound(t *testing.T) {
	for _, busy := range []bool{false, true} {
		c := newCentre(t)
		p := newPath(t, strings.TrimPrefix(c.srv.URL, "http://"))
		s := openSpool(t, t.TempDir())
		appendFixes(t, s, fixesFrom(1, 3))
		cfg := config(c, s)
		cfg.URL = "ws://" + p.listener.Addr().String()
		cfg.DeadAfter = 100 * time.Millisecond
		client, _ := start(t, cfg)
		eventually(t, "all sent", func() bool { return len(s.Unacked()) == 0 })
		connects := c.connected()
		p.die()
		if busy {
			appendFixes(t, s, fixesFrom(4, 3))
		}
		eventually(t, "a new connection", func() bool { return c.connected() > connects })
		if got := client.Status().LastError; !strings.Contains(got, "timeout") {
			t.Errorf("last error %q, want a timeout", got)
		}
		eventually(t, "all sent on it", func() bool { return len(s.Unacked()) == 0 })
	}
	if uplink.DefaultDeadAfter > 15*time.Second {
		t.Errorf("a dead link is found after %v only", uplink.DefaultDeadAfter)
	}
}
