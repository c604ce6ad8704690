package redistest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ErrMissing: there is no redis-server on this machine's PATH.
var ErrMissing = errors.New("redis-server not found: install it (Debian: apt-get install redis-server), version 7.0 or newer")

// TB is what this package needs of a *testing.T or *testing.B.
type TB interface {
	Helper()
	Fatal(args ...any)
	Cleanup(func())
	TempDir() string
}

// Options of a server. The zero value keeps an append-only file with fsync on every write in a directory of the test: the
// setting in which nothing that was acknowledged can be lost. (With everysec, Redis answers while a slow background fsync holds
// the write back, so even SIGKILL of the process alone can lose up to two seconds.)
type Options struct {
	Dir      string   // data directory, must exist; "": a temporary one (Start), required by Launch
	Port     int      // 0: a free one
	Fsync    string   // appendfsync: "always" (""), "everysec", "no"
	NoAOF    bool     // keep nothing: after Kill and Restart the server is empty
	Replicas int      // of each master of a cluster
	Args     []string // more arguments for redis-server, e.g. "--maxmemory", "64mb"
}

// Server is one redis-server process. Its methods are safe for concurrent use.
type Server struct {
	Addr string // host:port
	URL  string // redis://host:port
	Dir  string

	opts     Options
	cluster  bool
	busPort  int
	sentinel string // its configuration file, of a Sentinel

	mu   sync.Mutex
	proc *process // nil while it is not running
}

// startTimeout bounds the wait for a server that was started to answer; loading a large append-only file counts.
const startTimeout = 20 * time.Second

// Start runs a server until the test ends.
func Start(tb TB, o Options) *Server {
	tb.Helper()
	if o.Dir == "" {
		o.Dir = tb.TempDir()
	}
	s, err := Launch(o)
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

// Launch runs a server until Stop. It returns when the server answers.
func Launch(o Options) (*Server, error) {
	return launch(o, false)
}

func launch(o Options, cluster bool) (*Server, error) {
	if o.Dir == "" {
		return nil, errors.New("redistest: no directory given")
	}
	var last error
	const tries = 5 // somebody else may take a free port between our look and the server's
	for range tries {
		s := &Server{Dir: o.Dir, opts: o, cluster: cluster}
		port := o.Port
		if port == 0 {
			var err error
			if port, err = freePort(); err != nil {
				return nil, err
			}
		}
		if cluster {
			var err error
			if s.busPort, err = freePort(); err != nil {
				return nil, err
			}
		}
		s.Addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		s.URL = "redis://" + s.Addr
		if last = s.Restart(); last == nil {
			return s, nil
		}
		if o.Port != 0 || !strings.Contains(last.Error(), "in use") {
			break
		}
	}
	return nil, last
}

// Restart starts the server again after Kill or Stop, on the same port and directory, and returns when it answers. A server
// that is running is killed first.
func (s *Server) Restart() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endLocked(syscall.SIGKILL)
	p, err := startProcess(s.Dir, s.arguments())
	if err != nil {
		return err
	}
	if err := awaitReady(s.Addr, p); err != nil {
		p.end(syscall.SIGKILL)
		return err
	}
	s.proc = p
	return nil
}

// Kill ends the server with SIGKILL, as a crash would, and returns when it is gone.
func (s *Server) Kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endLocked(syscall.SIGKILL)
	return nil
}

// Stop ends the server in order (SIGTERM) and returns when it is gone.
func (s *Server) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endLocked(syscall.SIGTERM)
	return nil
}

// Pid is the process's number, 0 while it is not running.
func (s *Server) Pid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil {
		return 0
	}
	return s.proc.cmd.Process.Pid
}

func (s *Server) endLocked(sig syscall.Signal) {
	if s.proc != nil {
		s.proc.end(sig)
		s.proc = nil
	}
}

func (s *Server) arguments() []string {
	if s.sentinel != "" {
		return []string{s.sentinel, "--sentinel"}
	}
	host, port, _ := net.SplitHostPort(s.Addr)
	args := []string{"--bind", host, "--port", port, "--dir", s.Dir, "--save", "", "--daemonize", "no", "--loglevel", "notice"}
	if s.opts.NoAOF {
		args = append(args, "--appendonly", "no")
	} else {
		fsync := s.opts.Fsync
		if fsync == "" {
			fsync = "always"
		}
		args = append(args, "--appendonly", "yes", "--appendfsync", fsync)
	}
	if s.cluster {
		args = append(args, "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf",
			"--cluster-node-timeout", "2000", "--cluster-port", strconv.Itoa(s.busPort))
	}
	return append(args, s.opts.Args...)
}

// process is a running redis-server and what it said.
type process struct {
	cmd  *exec.Cmd
	out  bytes.Buffer // read it only after done
	done chan struct{}
}

func startProcess(dir string, args []string) (*process, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, ErrMissing
	}
	if _, err := os.Stat(filepath.Clean(dir)); err != nil {
		return nil, fmt.Errorf("redis-server's directory: %w", err)
	}
	p := &process{cmd: exec.Command(path, args...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	dieWithParent(p.cmd)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start redis-server: %w", err)
	}
	go func() { // ends with the process, which end waits for
		_ = p.cmd.Wait() // how it ended is in out
		close(p.done)
	}()
	return p, nil
}

// end signals the process and waits until it is gone. SIGTERM is followed by SIGKILL if it does not help.
func (p *process) end(sig syscall.Signal) {
	_ = p.cmd.Process.Signal(sig) // an error means that it is gone
	select {
	case <-p.done:
	case <-time.After(startTimeout):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// awaitReady polls until the server answers commands, or its process ended.
func awaitReady(addr string, p *process) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	return poll(ctx, func() error {
		select {
		case <-p.done:
			return final{fmt.Errorf("redis-server on %s ended: %s", addr, lastLines(p.out.String(), 3))}
		default:
			return ping(ctx, addr)
		}
	})
}

// ping asks for a PONG by hand: the client library would log every try that fails.
func ping(ctx context.Context, addr string) error {
	const patience = 5 * time.Second
	d := net.Dialer{Timeout: patience}
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := c.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	answer, err := bufio.NewReader(c).ReadString('\n')
	if err == nil && answer != "+PONG\r\n" && !strings.HasPrefix(answer, "-NOAUTH") { // it wants a password: it is up
		err = fmt.Errorf("redis on %s says %q", addr, strings.TrimSpace(answer))
	}
	return err
}

// final is an error after which polling is pointless.
type final struct{ error }

// poll calls ready every few milliseconds until it says nil or something final, or ctx ends.
func poll(ctx context.Context, ready func() error) error {
	const every = 10 * time.Millisecond
	for {
		err := ready()
		var end final
		if err == nil || errors.As(err, &end) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not ready after %v: %w", startTimeout, err)
		case <-time.After(every):
		}
	}
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], " | ")
}

// freePort is a TCP port of loopback that nobody listened on a moment ago.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
