package watchdog

import (
	"fmt"
	"net"
	"strings"
	"time"
)

// sendTimeout bounds the wait for a systemd that reads nothing: the socket takes a few datagrams, then it blocks.
const sendTimeout = 100 * time.Millisecond

// Notifier tells systemd how the service is. A nil one tells nobody.
//
// Source: sd_notify(3). Each message is one datagram of NAME=VALUE lines to the Unix socket that NOTIFY_SOCKET names, in the file
// system or, with @ in front, in the abstract name space.
type Notifier struct{ conn *net.UnixConn }

// Dial connects to the socket named by NOTIFY_SOCKET; "" gives a nil Notifier.
func Dial(socket string) (*Notifier, error) {
	if socket == "" {
		return nil, nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"}) // it knows @
	if err != nil {
		return nil, fmt.Errorf("notify socket: %w", err)
	}
	return &Notifier{conn}, nil
}

// Ready says that the service is up.
func (n *Notifier) Ready() error { return n.send("READY=1") }

// Stopping says that it is on its way down.
func (n *Notifier) Stopping() error { return n.send("STOPPING=1") }

// Alive keeps the watchdog away until its time is up again.
func (n *Notifier) Alive() error { return n.send("WATCHDOG=1") }

// Status is one line for a person, which systemctl status shows.
func (n *Notifier) Status(text string) error {
	return n.send("STATUS=" + strings.ReplaceAll(text, "\n", " "))
}

// Close hangs up.
func (n *Notifier) Close() error {
	if n == nil {
		return nil
	}
	return n.conn.Close()
}

func (n *Notifier) send(message string) error {
	if n == nil {
		return nil
	}
	err := n.conn.SetWriteDeadline(time.Now().Add(sendTimeout))
	if err == nil {
		_, err = n.conn.Write([]byte(message))
	}
	if err != nil {
		return fmt.Errorf("notify systemd: %w", err)
	}
	return nil
}
