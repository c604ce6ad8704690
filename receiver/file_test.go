package receiver

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

func packed(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestFile(t *testing.T) {
	text := epochs(0, 500)
	tests := []struct{ name, content, want, wantErr string }{
		{name: "plain", content: text, want: text},
		{name: "packed", content: packed(t, text), want: text},
		{name: "empty"},
		{name: "one byte", content: "$", want: "$"},
		{name: "packed and cut", content: packed(t, text)[:200], want: "any", wantErr: "unexpected EOF"},
		{name: "packed and cut in its head", content: packed(t, text)[:5], wantErr: "unexpected EOF"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "recording.nmea")
			if err := os.WriteFile(path, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			r := read(t, parse(t, "file:"+path, SourceOptions{}))
			err := <-r.err
			switch {
			case tt.wantErr == "" && err != nil:
				t.Errorf("ended with %v", err)
			case tt.wantErr != "" && (err == nil || !strings.Contains(err.Error(), tt.wantErr)):
				t.Errorf("ended with %v, want %q", err, tt.wantErr)
			}
			if tt.want != "any" {
				r.waitFor(t, tt.want)
			}
		})
	}
}

func TestFileErrors(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{dir: "not a regular file", pipe: "not a regular file", filepath.Join(dir, "none"): "no such file"} {
		r := read(t, parse(t, "file:"+path, SourceOptions{}))
		if err := <-r.err; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

func TestStandardInput(t *testing.T) {
	t.Run("pipe", func(t *testing.T) {
		in, out, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		r := read(t, parse(t, "-", SourceOptions{Stdin: in}))
		for n := range 3 {
			if _, err := out.WriteString(epoch(n)); err != nil {
				t.Fatal(err)
			}
			r.waitFor(t, epochs(0, n+1))
		}
		out.Close()
		if err := <-r.err; err != nil {
			t.Errorf("ended with %v", err)
		}
	})
	t.Run("stops while nothing comes", func(t *testing.T) {
		in, out, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		defer out.Close()
		r := read(t, parse(t, "-", SourceOptions{Stdin: in}))
		eventually(t, "the stream to be open", func() bool { return r.counters.Opened.Load() == 1 })
		r.stop()
		if err := <-r.err; err != nil {
			t.Errorf("ended with %v", err)
		}
	})
	t.Run("any reader", func(t *testing.T) {
		r := read(t, parse(t, "-", SourceOptions{Stdin: strings.NewReader(epochs(0, 9))}))
		if err := <-r.err; err != nil {
			t.Errorf("ended with %v", err)
		}
		r.waitFor(t, epochs(0, 9))
	})
}

// Time is synctest's: it passes only while all sleep.
func TestPace(t *testing.T) {
	rmc := func(at string) string { return sentence("GNRMC," + at + ",V,,,,,,,,,,N") }
	gga := func(at string) string { return sentence("GNGGA," + at + ",,,,,0,,,,,,,,") }
	zda := func(at string) string { return sentence("GNZDA," + at + ",23,11,2026,,") }
	gsv := sentence("BDGSV,1,1,00")
	tests := []struct {
		name  string
		lines []string
		want  []time.Duration // since the start, when each line comes
	}{
		{"one a second", []string{rmc("000000.00"), gga("000000.00"), rmc("000001.00"), gsv, rmc("000002.00")}, []time.Duration{0, 0, 1000, 1000, 2000}},
		{"ten a second", []string{rmc("000000.0"), rmc("000000.1"), rmc("000000.2")}, []time.Duration{0, 100, 200}},
		{"no fraction", []string{gga("235959"), gga("000000"), zda("000001")}, []time.Duration{0, 1000, 2000}},
		{"a gap is cut short", []string{rmc("000000"), rmc("120000"), rmc("120001")}, []time.Duration{0, 5000, 6000}},
		{"a jump back is not waited for", []string{rmc("120000"), rmc("060000"), rmc("060001")}, []time.Duration{0, 0, 1000}},
		{"a sentence of the second before", []string{rmc("000001"), gga("000000"), rmc("000002"), gga("000001")}, []time.Duration{0, 0, 1000, 1000}},
		{"no stamps at all", []string{gsv, rmc(""), "garbage\n", "$GPRMC,99\n", "$GPRMC,996060\n"}, []time.Duration{0, 0, 0, 0, 0}},
		{"noise in front", []string{"\xb5b\x00" + rmc("000000"), "$GPGS" + rmc("000001")}, []time.Duration{0, 1000}},
		{"a line that never ends", []string{rmc("000000"), strings.Repeat("x", 3*maxPacedLine) + rmc("000001")}, []time.Duration{0, 1000}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				p := newPacer(strings.NewReader(strings.Join(tt.lines, "")), time.Now)
				var got []byte
				buf := make([]byte, 64)
				for i, line := range tt.lines {
					want := got
					want = append(want[:len(want):len(want)], line...)
					for asked := time.Now(); len(got) < len(want); asked = time.Now() {
						n, err := p.Read(buf[:min(len(buf), len(want)-len(got))])
						if err != nil {
							t.Fatal(err)
						}
						if waited := time.Since(asked); waited > patience {
							t.Fatalf("a read took %v, longer than a stream may", waited)
						}
						got = append(got, buf[:n]...)
					}
					if !bytes.Equal(got, want) {
						t.Fatalf("line %d came out as %q", i, got[len(want)-len(line):])
					}
					if at := time.Since(start); at != tt.want[i]*time.Millisecond {
						t.Errorf("line %d came after %v, want %v", i, at, tt.want[i]*time.Millisecond)
					}
				}
				for range 2 {
					if n, err := p.Read(buf); n != 0 || err != nil && err != io.EOF {
						t.Errorf("after the end: %d bytes and %v", n, err)
					}
				}
				if _, err := p.Read(buf); err != io.EOF {
					t.Errorf("after the end: %v, want %v", err, io.EOF)
				}
			})
		})
	}
}

// A reader that was away for long does not get all it missed at once.
func TestPaceAfterPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(strings.NewReader(epochs(0, 60)), time.Now)
		buf := make([]byte, 4<<10)
		if _, err := p.Read(buf); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		start, epochs := time.Now(), 0
		for {
			n, err := p.Read(buf)
			if err == io.EOF {
				break
			}
			epochs += bytes.Count(buf[:n], []byte("RMC"))
		}
		if took := time.Since(start); epochs != 60 || took < 57*time.Second {
			t.Errorf("%d epochs took %v, want 60 at their own pace", epochs, took)
		}
	})
}
