package receiver

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSerialGivesEveryByte(t *testing.T) {
	noise := make([]byte, 700) // every byte value, in disorder
	for i := range noise {
		noise[i] = byte(i * 37)
	}
	tests := []struct {
		name   string
		text   string
		slices func(text string) []string
	}{
		{"byte by byte", epochs(0, 3), func(s string) []string { return strings.Split(s, "") }},
		{"bursts", epochs(0, 200), func(s string) []string {
			var parts []string
			for r := rand.New(rand.NewPCG(1, 2)); s != ""; {
				n := min(len(s), 1+r.IntN(3000))
				parts, s = append(parts, s[:n]), s[n:]
			}
			return parts
		}},
		{"garbage between sentences", epoch(0) + string(noise) + epoch(1), func(s string) []string { return []string{s} }},
	}
	for _, tt := range tests {
		for _, baud := range []int{0, 9600} {
			t.Run(tt.name, func(t *testing.T) {
				m := plug(t)
				r := read(t, parse(t, m.path(), SourceOptions{Baud: baud}))
				for _, part := range tt.slices(tt.text) {
					m.say([]byte(part))
				}
				r.waitFor(t, tt.text)
			})
		}
	}
}

// A line that is silent is not lost: no read-out of its time-out may look like an end.
func TestSerialSilence(t *testing.T) {
	m := plug(t)
	s, err := parse(t, m.path(), SourceOptions{Baud: 115200}).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var buf [64]byte
	for i := range 3 {
		if n, err := s.Read(buf[:]); n != 0 || err != nil {
			t.Fatalf("read %d of a silent line gave %d bytes and %v, want 0 and nil", i, n, err)
		}
	}
	m.say([]byte("$"))
	if n, err := s.Read(buf[:]); n != 1 || err != nil {
		t.Fatalf("after silence: %d bytes and %v, want 1 and nil", n, err)
	}
}

func TestSerialHungUp(t *testing.T) {
	m := plug(t)
	s, err := parse(t, m.path(), SourceOptions{Baud: 9600}).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	m.unplug()
	var buf [64]byte
	if n, err := s.Read(buf[:]); n != 0 || err == nil {
		t.Fatalf("a line that was hung up gave %d bytes and %v, want an error", n, err)
	}
}

func TestSerialReplug(t *testing.T) {
	for _, baud := range []int{0, 38400} {
		path := filepath.Join(t.TempDir(), "serial", "by-id", "usb-module")
		first := plug(t)
		first.link(path)
		r := read(t, parse(t, path, SourceOptions{Baud: baud}))
		first.say([]byte(epoch(0)))
		r.waitFor(t, epoch(0))

		first.unplug()
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the loss to be seen", func() bool { return r.counters.Lost.Load() == 1 })
		eventually(t, "an attempt in vain", func() bool { return r.counters.OpenFailed.Load() > 0 })

		second := plug(t)
		second.link(path)
		second.say([]byte(epoch(1)))
		r.waitFor(t, epochs(0, 2))
		if opened := r.counters.Opened.Load(); opened != 2 {
			t.Errorf("opened %d times, want 2", opened)
		}
	}
}

// A link that moves to another device while the old one is only silent is a loss too.
func TestSerialReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gnss")
	first, second := plug(t), plug(t)
	first.link(path)
	s, err := parse(t, path, SourceOptions{Baud: 9600}).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	second.link(path)
	var buf [64]byte
	if _, err := s.Read(buf[:]); !errors.Is(err, errReplaced) {
		t.Fatalf("read gave %v, want %v", err, errReplaced)
	}
}

func TestSerialOpenErrors(t *testing.T) {
	tests := []struct{ name, path, want string }{
		{"nothing there", "/dev/ttyNothing0", "no such file"},
		{"no serial port", "/dev/null", "ioctl"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, baud := range []int{0, 9600} {
				_, err := parse(t, tt.path, SourceOptions{Baud: baud}).Open(t.Context())
				if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.path) {
					t.Errorf("baud %d: error %v, want one that names %s and says %q", baud, err, tt.path, tt.want)
				}
			}
		})
	}
}
