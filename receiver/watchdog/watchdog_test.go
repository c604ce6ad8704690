package watchdog

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestPulse(t *testing.T) {
	p := NewPulse()
	if busy := p.Busy(); busy != 0 {
		t.Errorf("busy for %v before its first turn", busy)
	}
	p.begun = p.begun.Add(-time.Hour)
	p.Work()
	p.begun = p.begun.Add(-time.Minute)
	if busy := p.Busy(); busy < time.Minute || busy > 2*time.Minute {
		t.Errorf("after a minute of one turn: busy for %v", busy)
	}
	p.Work()
	if busy := p.Busy(); busy > time.Minute {
		t.Errorf("in a new turn: busy for %v", busy)
	}
	p.Rest()
	if busy := p.Busy(); busy != 0 {
		t.Errorf("at rest: busy for %v", busy)
	}
}

func TestNotifier(t *testing.T) {
	for _, name := range []string{filepath.Join(t.TempDir(), "notify"), fmt.Sprintf("@dipper-test-%d", os.Getpid())} {
		l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		n, err := Dial(name)
		if err != nil {
			t.Fatal(err)
		}
		defer n.Close()
		tests := []struct {
			send func() error
			want string
		}{
			{n.Ready, "READY=1"},
			{func() error { return n.Status("3 fixes wait\nREADY=0") }, "STATUS=3 fixes wait READY=0"},
			{n.Alive, "WATCHDOG=1"},
			{n.Stopping, "STOPPING=1"},
		}
		for _, tt := range tests {
			if err := tt.send(); err != nil {
				t.Fatal(err)
			}
			var buf [256]byte
			got, err := l.Read(buf[:])
			if err != nil || string(buf[:got]) != tt.want {
				t.Errorf("%s: got %q and %v, want %q", name, buf[:got], err, tt.want)
			}
		}
	}
	if _, err := Dial(filepath.Join(t.TempDir(), "nobody")); err == nil {
		t.Error("a socket that is not there gave no error")
	}
	none, err := Dial("")
	if err != nil || none.Ready() != nil || none.Status("x") != nil || none.Close() != nil {
		t.Error("without a socket it is not silent")
	}
}

// A systemd that reads nothing must not hold the program up.
func TestNotifierDoesNotHang(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	n, err := Dial(name)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	for range 10_000 {
		if err := n.Alive(); err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%v, want the deadline", err)
			}
			return
		}
	}
	t.Error("the socket takes everything")
}
