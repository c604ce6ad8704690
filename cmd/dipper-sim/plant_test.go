package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"dipper/fleet/storetest/redistest"
)

// binaries is the directory with dipper and dipper-agent, built once for all tests of this package.
var binaries string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "dipper-binaries")
	if err == nil {
		build := exec.Command("go", "build", "-o", dir, "dipper/cmd/dipper", "dipper/cmd/dipper-agent")
		build.Stderr = os.Stderr
		err = build.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "build the binaries:", err)
		os.Exit(1)
	}
	binaries = dir
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// backend is a store under a service: what to say on the command line, and how to kill it.
type backend struct {
	name    string
	start   func(t *testing.T) (redisURL string)
	kill    func() error // nil: there is no process to kill
	restart func() error
}

func backends() []*backend {
	redis, cluster := &backend{name: "redis"}, &backend{name: "cluster"}
	redis.start = func(t *testing.T) string {
		server := redistest.Start(t, redistest.Options{})
		redis.kill, redis.restart = server.Kill, server.Restart
		return server.URL
	}
	cluster.start = func(t *testing.T) string {
		c := redistest.StartCluster(t, redistest.Options{})
		cluster.kill, cluster.restart = c.Kill, c.Restart
		return c.URL
	}
	return []*backend{{name: "embedded", start: func(*testing.T) string { return "" }}, redis, cluster}
}

// plant is a service on one store with its agents, all of them real processes.
type plant struct {
	t       *testing.T
	dir     string
	address string
	store   []string // flags that name the store
	token   string
	log     *os.File
	service *process
}

func newPlant(t *testing.T, b *backend) *plant {
	dir := t.TempDir()
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	p := &plant{t: t, dir: dir, address: freeAddress(t), log: log, store: []string{"--data", filepath.Join(dir, "service")}}
	if url := b.start(t); url != "" {
		p.store = append(p.store, "--redis", url)
	}
	t.Cleanup(func() {
		if p.service != nil {
			p.service.kill()
		}
		if t.Failed() {
			p.showLog()
		}
		_ = log.Close()
	})
	p.startService()
	p.token = p.command("token", "add", "--role", "admin", "tester")
	return p
}

// startService starts the service and waits until it is ready.
func (p *plant) startService() {
	p.t.Helper()
	p.service = p.start("dipper", append([]string{"serve", "--listen", p.address}, p.store...)...)
	p.eventually("the service is ready", func() error {
		if p.service.ended() {
			return errors.New("it ended")
		}
		_, err := p.request(http.MethodGet, "/readyz", nil)
		return err
	})
}

// command runs dipper with arguments and gives the last word that it prints: a key or a token.
func (p *plant) command(args ...string) string {
	p.t.Helper()
	cmd := exec.CommandContext(p.t.Context(), filepath.Join(binaries, "dipper"), append(args, p.store...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		p.t.Fatalf("dipper %v: %v: %s", args, err, stderr.String())
	}
	words := strings.Fields(string(out))
	if len(words) == 0 {
		p.t.Fatalf("dipper %v printed nothing", args)
	}
	return words[len(words)-1]
}

// startAgent starts an agent on a serial port.
func (p *plant) startAgent(unit, key, source string) *process {
	return p.start("dipper-agent", "run", "--source", source, "--server", "ws://"+p.address, "--unit", unit, "--key", key, "--spool", p.spoolDir(unit))
}

func (p *plant) spoolDir(unit string) string { return filepath.Join(p.dir, "spool-"+unit) }

// request asks the API; an answer of 400 or more is an error.
func (p *plant) request(method, path string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(p.t.Context(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, "http://"+p.address+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= 400 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, response.Status, answer)
	}
	return answer, err
}

// get decodes a JSON answer.
func (p *plant) get(path string, into any) error {
	answer, err := p.request(http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	return json.Unmarshal(answer, into)
}

// eventually polls until check is content; it fails the test with check's last word after a minute.
func (p *plant) eventually(what string, check func() error) {
	p.t.Helper()
	deadline := time.Now().Add(time.Minute)
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("waiting until %s: %v", what, err)
		}
		<-ticker.C
	}
}

func (p *plant) showLog() {
	data, err := os.ReadFile(p.log.Name())
	if err != nil {
		p.t.Log(err)
		return
	}
	const tail = 8000
	p.t.Logf("the end of the processes' log:\n%s", data[max(0, len(data)-tail):])
}

// process is a running binary.
type process struct {
	cmd     *exec.Cmd
	started time.Time
	done    chan struct{} // closed when it has ended and err is set
	err     error
}

func (p *plant) start(name string, args ...string) *process {
	p.t.Helper()
	cmd := exec.Command(filepath.Join(binaries, name), args...)
	cmd.Stdout, cmd.Stderr = p.log, p.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	pr := &process{cmd: cmd, started: time.Now(), done: make(chan struct{})}
	go func() { pr.err = cmd.Wait(); close(pr.done) }()
	return pr
}

func (pr *process) ended() bool {
	select {
	case <-pr.done:
		return true
	default:
		return false
	}
}

// kill is SIGKILL: no last words.
func (pr *process) kill() {
	_ = pr.cmd.Process.Kill() // it may have ended already
	<-pr.done
}

// stop is SIGTERM; the process must end by itself, with exit code 0.
func (pr *process) stop(t *testing.T) {
	t.Helper()
	const untilItListens = time.Second // before, a signal ends it like any program
	<-time.After(time.Until(pr.started.Add(untilItListens)))
	if err := pr.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-pr.done:
		if pr.err != nil {
			t.Errorf("%s after SIGTERM: %v", pr.cmd.Path, pr.err)
		}
	case <-time.After(time.Minute):
		t.Errorf("%s did not end within a minute of SIGTERM", pr.cmd.Path)
		pr.kill()
	}
}

// freeAddress is on a loopback address that nobody connects from: while the service is dead, no outgoing connection can take
// its port.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.77:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
