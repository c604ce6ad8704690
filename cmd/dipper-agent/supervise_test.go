package main

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"dipper/receiver"
	"dipper/receiver/watchdog"
)

// systemd listens on a socket of its own, and gives what it is told, datagram by datagram.
func systemd(t *testing.T) (socket string, told func() string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return socket, func() string {
		t.Helper()
		var buf [1 << 10]byte
		if err := l.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := l.Read(buf[:])
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
}

// The whole program under a systemd that asks for a watchdog: ready, alive again and again, stopping.
func TestSystemd(t *testing.T) {
	socket, told := systemd(t)
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("WATCHDOG_USEC", "20000")
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer out.Close()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan int, 1)
	go func() {
		code, _, errs := call(ctx, in, "run", "--source", "-", "--server", "ws://127.0.0.1:1", "--unit", "u", "--key", "k",
			"--spool", filepath.Join(t.TempDir(), "spool"), "--drain", "10ms")
		if code != 0 {
			t.Errorf("exit code %d: %s", code, errs)
		}
		ended <- code
	}()
	if first := told(); first != "READY=1" {
		t.Fatalf("told %q first, want READY=1", first)
	}
	for range 3 {
		if sign := told(); sign != "WATCHDOG=1" {
			t.Errorf("told %q, want WATCHDOG=1", sign)
		}
		if status := told(); !strings.HasPrefix(status, "STATUS=-: no fix yet; 0 fixes to send; not connected") {
			t.Errorf("told %q, want the status", status)
		}
	}
	stop()
	for told() != "STOPPING=1" {
	}
	<-ended
}

// hanging is an agent with a deadlock.
type hanging struct{ err error }

func (h hanging) Alive() error            { return h.err }
func (h hanging) Status() receiver.Status { return receiver.Status{} }

// An agent that hangs gives no sign of life, and says why.
func TestHangingAgentStarvesTheWatchdog(t *testing.T) {
	socket, told := systemd(t)
	n, err := watchdog.Dial(socket)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	s := supervised{agent: hanging{errors.New("decoding auto hangs since 50s")}, notifier: n, every: time.Second, log: slog.New(slog.DiscardHandler)}
	s.turn()
	if got := told(); got != "STATUS=decoding auto hangs since 50s" {
		t.Errorf("told %q", got)
	}
	s.agent = hanging{}
	s.turn()
	if got := told(); got != "WATCHDOG=1" {
		t.Errorf("told %q after it went on, want WATCHDOG=1", got)
	}
}

func TestWatchdogEvery(t *testing.T) {
	self := strconv.Itoa(os.Getpid())
	tests := []struct {
		usec, pid string
		want      time.Duration
		fails     bool
	}{
		{"", "", 0, false},
		{"60000000", "", 30 * time.Second, false},
		{"60000000", self, 30 * time.Second, false},
		{"60000000", "1", 0, false}, // meant for another process
		{"0", self, 0, true},
		{"-5", "", 0, true},
		{"a minute", "", 0, true},
	}
	for _, tt := range tests {
		env := map[string]string{"WATCHDOG_USEC": tt.usec, "WATCHDOG_PID": tt.pid}
		got, err := watchdogEvery(func(name string) string { return env[name] })
		if got != tt.want || (err != nil) != tt.fails {
			t.Errorf("%v gives %v and %v, want %v", env, got, err, tt.want)
		}
	}
}

// The unit file asks for what the program does.
func TestUnitFile(t *testing.T) {
	f, err := os.Open("../../deploy/dipper-agent.service")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	settings := map[string]string{}
	for s := bufio.NewScanner(f); s.Scan(); {
		if name, value, ok := strings.Cut(s.Text(), "="); ok && !strings.HasPrefix(name, "#") {
			settings[name] = value
		}
	}
	for name, want := range map[string]string{"Type": "notify", "NotifyAccess": "main", "WatchdogSec": "60", "DynamicUser": "yes", "Restart": "always"} {
		if settings[name] != want {
			t.Errorf("%s=%s, want %s", name, settings[name], want)
		}
	}
	if families := settings["RestrictAddressFamilies"]; !strings.Contains(families, "AF_UNIX") {
		t.Errorf("RestrictAddressFamilies=%s, and systemd's socket is an AF_UNIX one", families)
	}
}
