package main

import (
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// proxy stands between the agents and the nodes, as a load balancer and a bad network do: each connection goes to one of the nodes, by
// chance, and its link can be cut, stalled and slowed.
type proxy struct {
	address  string // host:port
	listener net.Listener
	targets  []string
	running  sync.WaitGroup

	mu    sync.Mutex
	links map[*link]struct{}
	down  bool // new connections are refused
}

// link is one agent's connection.
type link struct {
	agent, node net.Conn

	mu      sync.Mutex
	changed *sync.Cond
	stalled bool
	slow    time.Duration // for each piece of data; 0 none
	closed  bool
}

func newProxy(targets ...string) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{address: l.Addr().String(), listener: l, targets: targets, links: map[*link]struct{}{}}
	p.running.Go(p.serve)
	return p, nil
}

// close ends all links and waits for them.
func (p *proxy) close() {
	_ = p.listener.Close() // there is nothing left to do about it
	p.setDown(true)
	p.running.Wait()
}

func (p *proxy) serve() {
	for {
		conn, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			p.running.Go(func() { p.connect(conn) })
		}
	}
}

// connect leads a connection to a node, to another one if that is dead.
func (p *proxy) connect(agent net.Conn) {
	const dialTimeout = 2 * time.Second
	for _, i := range rand.Perm(len(p.targets)) {
		n, err := net.DialTimeout("tcp", p.targets[i], dialTimeout)
		if err != nil {
			continue
		}
		l := &link{agent: agent, node: n}
		l.changed = sync.NewCond(&l.mu)
		if !p.add(l) {
			l.cut()
			return
		}
		var both sync.WaitGroup
		both.Go(func() { l.carry(l.node, l.agent) })
		both.Go(func() { l.carry(l.agent, l.node) })
		both.Wait()
		p.mu.Lock()
		delete(p.links, l)
		p.mu.Unlock()
		return
	}
	_ = agent.Close() // no node is there
}

func (p *proxy) add(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.down {
		p.links[l] = struct{}{}
	}
	return !p.down
}

// setDown cuts all links and refuses new ones, until it is set to false.
func (p *proxy) setDown(down bool) {
	p.mu.Lock()
	p.down = down
	p.mu.Unlock()
	if down {
		p.each(1, (*link).cut)
	}
}

// each does something to a share of the links, chosen at random.
func (p *proxy) each(share float64, do func(*link)) (links int) {
	p.mu.Lock()
	var chosen []*link
	for l := range p.links {
		if rand.Float64() < share {
			chosen = append(chosen, l)
		}
	}
	p.mu.Unlock()
	for _, l := range chosen {
		do(l)
	}
	return len(chosen)
}

// carry copies one way until the link ends. Pieces are small, so that a slow link is slow all the time.
func (l *link) carry(to, from net.Conn) {
	defer l.cut()
	buffer := make([]byte, 512)
	for {
		n, err := from.Read(buffer)
		if n > 0 && l.pass() {
			if _, e := to.Write(buffer[:n]); e != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// pass waits while the link is stalled, and as long as a slow link takes. It is false when the link was cut.
func (l *link) pass() bool {
	l.mu.Lock()
	slow := l.slow
	l.mu.Unlock()
	if slow > 0 {
		time.Sleep(slow)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.stalled && !l.closed {
		l.changed.Wait()
	}
	return !l.closed
}

func (l *link) cut() {
	l.set(func() { l.closed = true })
	_ = l.agent.Close() // it is being cut
	_ = l.node.Close()
}

func (l *link) stall() { l.set(func() { l.stalled = true }) }

func (l *link) slowDown() {
	const perPiece = 300 * time.Millisecond
	l.set(func() { l.slow = perPiece })
}

func (l *link) heal() { l.set(func() { l.stalled, l.slow = false, 0 }) }

func (l *link) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
	l.changed.Broadcast()
}
