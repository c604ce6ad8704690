package redistest

import (
	"errors"
	"io"
	"net"
	"sync"
)

// Gate is an address that stays the same while the server behind it changes, as the one that a failover moves.
type Gate struct {
	Addr string // host:port
	URL  string // redis://host:port

	listener net.Listener
	running  sync.WaitGroup

	mu     sync.Mutex
	target string
	open   map[net.Conn]struct{} // both ends of each connection
	closed bool
}

// StartGate opens a gate to a server until the test ends.
func StartGate(tb TB, to *Server) *Gate {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	addr := l.Addr().String()
	g := &Gate{Addr: addr, URL: "redis://" + addr, listener: l, target: to.Addr, open: map[net.Conn]struct{}{}}
	g.running.Go(g.serve)
	tb.Cleanup(func() {
		g.mu.Lock()
		g.closed = true
		g.mu.Unlock()
		err := l.Close()
		g.cut()
		g.running.Wait()
		if err != nil {
			tb.Fatal(err)
		}
	})
	return g
}

// Lead sends connections to another server from now on, and breaks those that are open.
func (g *Gate) Lead(to *Server) {
	g.mu.Lock()
	g.target = to.Addr
	g.mu.Unlock()
	g.cut()
}

func (g *Gate) cut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for c := range g.open {
		_ = c.Close() // the copying ends
	}
}

func (g *Gate) serve() {
	for {
		c, err := g.listener.Accept()
		if err != nil {
			return
		}
		g.running.Go(func() { _ = g.pass(c) }) // the client sees that it ended
	}
}

// pass connects a client with the server of the moment until one of them ends.
func (g *Gate) pass(client net.Conn) error {
	defer client.Close()
	g.mu.Lock()
	target := g.target
	g.mu.Unlock()
	server, err := net.Dial("tcp", target)
	if err != nil {
		return err
	}
	defer server.Close()
	if !g.enter(target, client, server) {
		return errors.New("the gate leads elsewhere by now")
	}
	defer g.leave(client, server)
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(client, server)
		_ = client.Close()
	})
	_, err = io.Copy(server, client)
	_ = server.Close()
	back.Wait()
	return err
}

func (g *Gate) enter(target string, conns ...net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range conns {
		g.open[c] = struct{}{}
	}
	return target == g.target && !g.closed
}

func (g *Gate) leave(conns ...net.Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range conns {
		delete(g.open, c)
	}
}
