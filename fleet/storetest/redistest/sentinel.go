package redistest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// StartSentinel runs a Sentinel until the test ends, which watches a server under a name.
func StartSentinel(tb TB, watched *Server, name string) *Server {
	tb.Helper()
	s, err := launchSentinel(tb.TempDir(), watched, name)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Stop(); err != nil {
			tb.Fatal(err)
		}
	})
	return s
}

// launchSentinel writes the file that a Sentinel must have, since it keeps its state in it.
func launchSentinel(dir string, watched *Server, name string) (*Server, error) {
	host, port, err := net.SplitHostPort(watched.Addr)
	if err != nil {
		return nil, err
	}
	own, err := freePort()
	if err != nil {
		return nil, err
	}
	const quorum = 1
	conf := filepath.Join(dir, "sentinel.conf")
	text := fmt.Sprintf("bind 127.0.0.1\nport %d\ndir %s\nsentinel monitor %s %s %s %d\n", own, dir, name, host, port, quorum)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return nil, err
	}
	s := &Server{Dir: dir, Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(own)), sentinel: conf}
	s.URL = "redis://" + s.Addr + "?master=" + name
	return s, s.Restart()
}
