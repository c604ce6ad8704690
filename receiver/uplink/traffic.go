package uplink

import (
	"context"
	"net"
	"sync/atomic"
)

// countingDial dials as the net package does, and adds to n each byte that comes or goes: TLS and HTTP included, the headers of
// TCP and IP not.
func countingDial(n *atomic.Uint64) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &countedConn{Conn: conn, n: n}, nil
	}
}

type countedConn struct {
	net.Conn
	n *atomic.Uint64
}

func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.n.Add(uint64(n))
	return n, err
}

func (c *countedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.n.Add(uint64(n))
	return n, err
}
