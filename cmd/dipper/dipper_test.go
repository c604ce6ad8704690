package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"dipper/cmd/internal/command"
	"dipper/fleet/storetest/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of these tests.
const patience = 30 * time.Second

// dipper runs the program with arguments in this process.
func dipper(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs syncBuffer
	p := command.Program{Name: "dipper", Help: "Test.", Root: &root{}, Streams: command.Streams{In: strings.NewReader(""), Out: &out, Err: &errs}}
	code = p.Run(ctx, args)
	return code, out.String(), errs.String()
}

// syncBuffer can be read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// serve runs dipper serve until the test or stop ends it, and waits until it is ready.
func serve(t *testing.T, data string, args ...string) (url string, stop func()) {
	t.Helper()
	listen := freeAddress(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		code, _, stderr := dipper(ctx, append([]string{"serve", "--listen", listen, "--data", data}, args...)...)
		if code != command.ExitOK {
			t.Errorf("serve ended with %d: %s", code, stderr)
		}
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	c := newControl(data)
	defer c.close()
	if err := c.waitReady(t.Context(), patience); err != nil {
		t.Fatal(err)
	}
	return "http://" + listen, stop
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// status asks a service for its session with a token.
func status(t *testing.T, url, path, token string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// line is the single line that a command printed.
func line(t *testing.T, args ...string) string {
	t.Helper()
	code, out, errs := dipper(t.Context(), args...)
	if code != command.ExitOK || strings.Count(out, "\n") != 1 || errs != "" {
		t.Fatalf("dipper %v: code %d, stdout %q, stderr %q", args, code, out, errs)
	}
	return strings.TrimSpace(out)
}

func TestUnitsAndTokensWithAndWithoutService(t *testing.T) {
	data := filepath.Join(t.TempDir(), strings.Repeat("a-directory-with-a-long-name/", 4)+"data") // longer than a socket's address
	before := line(t, "token", "add", "--role", "admin", "--data", data, "Li Wei")
	key := line(t, "unit", "add", "鲁B12345", "--name", "Truck 1", "--kind", "truck", "--data", data)
	if key == before || len(key) < 40 {
		t.Fatalf("key %q", key)
	}
	url, stop := serve(t, data)
	if got := status(t, url, "/api/v1/units/鲁B12345", before); got != http.StatusOK {
		t.Errorf("a token made before the service ran gives %d", got)
	}
	during := line(t, "token", "add", "--role", "dispatcher", "--data", data, "Wang Fang")
	line(t, "unit", "add", "t2", "--data", data)
	if got := status(t, url, "/api/v1/units/t2", during); got != http.StatusOK {
		t.Errorf("a token made while the service runs gives %d", got)
	}
	code, _, errs := dipper(t.Context(), "unit", "add", "t2", "--data", data)
	if code != command.ExitFailure || !strings.Contains(errs, "t2") || strings.Count(errs, "\n") != 1 {
		t.Errorf("adding a unit twice: code %d, %q", code, errs)
	}
	info, err := os.Stat(controlPath(data))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("control socket %v, %v", info, err)
	}
	code, _, errs = dipper(t.Context(), "serve", "--listen", freeAddress(t), "--data", data)
	if code != command.ExitFailure || strings.Count(errs, "\n") != 1 {
		t.Errorf("a second service on the same data: code %d, %q", code, errs)
	}
	stop()
	if _, err := os.Stat(controlPath(data)); !os.IsNotExist(err) {
		t.Errorf("the control socket stays behind: %v", err)
	}
	code, _, errs = dipper(t.Context(), "unit", "add", "t2", "--data", data)
	if code != command.ExitFailure || !strings.Contains(errs, "t2") {
		t.Errorf("adding a unit twice without a service: code %d, %q", code, errs)
	}
}

// A service that was killed leaves its socket behind; the next one takes its place.
func TestSocketLeftBehind(t *testing.T) {
	data := t.TempDir()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: controlPath(data), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	token := line(t, "token", "add", "--role", "operator", "--data", data, "x")
	url, _ := serve(t, data, "--open-loopback", "--tiles", "https://t.example/{z}/{x}/{y}.png")
	if got := status(t, url, "/api/v1/session", token); got != http.StatusOK {
		t.Errorf("session gives %d", got)
	}
	for _, path := range []string{"/", "/healthz", "/metrics"} {
		if got := status(t, url, path, ""); got != http.StatusOK {
			t.Errorf("%s gives %d", path, got)
		}
	}
}

func TestRedisIsSharedByCommandAndService(t *testing.T) {
	r := redistest.Start(t, redistest.Options{})
	token := line(t, "token", "add", "--role", "admin", "--redis", r.URL, "x")
	data := t.TempDir()
	url, _ := serve(t, data, "--redis", r.URL)
	line(t, "unit", "add", "t1", "--redis", r.URL)
	if got := status(t, url, "/api/v1/units/t1", token); got != http.StatusOK {
		t.Errorf("unit gives %d", got)
	}
}

func TestMistakesAreOneLine(t *testing.T) {
	data := t.TempDir()
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	tests := []struct {
		name string
		args []string
		code int
		want string
	}{
		{"unknown flag", []string{"serve", "--lisen", "x"}, command.ExitUsage, "--lisen"},
		{"no port", []string{"serve", "--listen", "localhost"}, command.ExitUsage, "--listen"},
		{"a port by nobody's name", []string{"serve", "--listen", "localhost:x"}, command.ExitUsage, "--listen"},
		{"tiles without z", []string{"serve", "--tiles", "https://t.example/"}, command.ExitUsage, "{z}"},
		{"replicas of nothing", []string{"serve", "--redis-wait-replicas", "1"}, command.ExitUsage, "--redis-wait-replicas"},
		{"a wait too long", []string{"serve", "--redis", "redis://x", "--redis-wait-timeout", "9s"}, command.ExitUsage, "--redis-wait-timeout"},
		{"another scheme", []string{"serve", "--redis", "http://x"}, command.ExitUsage, "--redis"},
		{"retention of an hour", []string{"serve", "--retention", "1h"}, command.ExitUsage, "--retention"},
		{"a bad unit", []string{"unit", "add", "a b", "--data", data}, command.ExitUsage, "unit id"},
		{"no unit", []string{"unit", "add"}, command.ExitUsage, "<id>"},
		{"no role", []string{"token", "add", "x"}, command.ExitUsage, "--role"},
		{"a bad role", []string{"token", "add", "--role", "god", "x"}, command.ExitUsage, "--role"},
		{"a bad kind", []string{"unit", "add", "x", "--kind", "TRUCK", "--data", data}, command.ExitUsage, "kind"},
		{"redis is not there", []string{"serve", "--listen", "127.0.0.1:0", "--data", data, "--redis", "redis://127.0.0.1:1"}, command.ExitFailure, "127.0.0.1:1"},
		{"redis is not there for a unit", []string{"unit", "add", "x", "--redis", "redis://127.0.0.1:1"}, command.ExitFailure, "127.0.0.1:1"},
		{"a certificate without its key", []string{"serve", "--tls-cert", "/x.pem", "--data", data}, command.ExitUsage, "--tls-key"},
		{"no certificate", []string{"serve", "--listen", "127.0.0.1:0", "--tls-cert", "/x.pem", "--tls-key", "/y.pem", "--data", data}, command.ExitFailure, "/x.pem"},
		{"a busy port", []string{"serve", "--listen", busy.Addr().String(), "--data", data}, command.ExitFailure, "in use"},
		{"data in a file", []string{"serve", "--listen", "127.0.0.1:0", "--data", "/dev/null/x"}, command.ExitFailure, "/dev/null"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, _, errs := dipper(t.Context(), tt.args...)
			if code != tt.code || !strings.Contains(errs, tt.want) || strings.Count(errs, "\n") != 1 {
				t.Errorf("code %d, %q; want %d, one line with %q", code, errs, tt.code, tt.want)
			}
		})
	}
}
