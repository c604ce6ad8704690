package receiver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// module plays a Beidou module on a pseudo-terminal in raw mode.
type module struct {
	t      testing.TB
	master *os.File
	slave  *os.File // open, so that the line outlives its readers
	hush   func()   // ends what speak began; nil: nothing
}

func plug(t testing.TB) *module {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	state, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	state.Iflag, state.Oflag, state.Lflag = 0, 0, 0
	if err := unix.IoctlSetTermios(int(slave.Fd()), unix.TCSETS, state); err != nil {
		t.Fatal(err)
	}
	m := &module{t: t, master: master, slave: slave}
	t.Cleanup(m.unplug)
	return m
}

func (m *module) path() string { return m.slave.Name() }

// say writes b, which must fit into the line's buffer or be read meanwhile.
func (m *module) say(b []byte) {
	m.t.Helper()
	if _, err := m.master.Write(b); err != nil {
		m.t.Error(err)
	}
}

// unplug hangs the line up. Twice is once.
func (m *module) unplug() {
	if m.hush != nil {
		m.hush()
		m.hush = nil
	}
	for _, f := range []*os.File{m.master, m.slave} {
		if err := f.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			m.t.Error(err)
		}
	}
}

// rate is what the reader has set, in bits a second; 0 if that is none of autoBauds, or the module is unplugged.
func (m *module) rate() int {
	state, err := unix.IoctlGetTermios(int(m.slave.Fd()), unix.TCGETS)
	if err != nil {
		return 0
	}
	return map[uint32]int{
		unix.B4800: 4800, unix.B9600: 9600, unix.B19200: 19200, unix.B38400: 38400, unix.B57600: 57600,
		unix.B115200: 115200, unix.B230400: 230400, unix.B460800: 460800, unix.B921600: 921600,
	}[state.Cflag&unix.CBAUD]
}

// link points path at the module, as udev does.
func (m *module) link(path string) {
	m.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		m.t.Fatal(err)
	}
	if err := os.Symlink(m.path(), path); err != nil {
		m.t.Fatal(err)
	}
}

// sentence frames text with its checksum.
func sentence(text string) string {
	var sum byte
	for _, c := range []byte(text) {
		sum ^= c
	}
	return fmt.Sprintf("$%s*%02X\r\n", text, sum)
}

// epoch is what a module says in one second, n seconds after 04:00 on 2024-11-23: before the host's clock, whatever it is.
func epoch(n int) string {
	at := fmt.Sprintf("%02d%02d%02d.00", 4+n/3600, n/60%60, n%60)
	lat := fmt.Sprintf("%09.4f", 3600+4.0+float64(n)*0.005)
	return sentence("BDGGA,"+at+","+lat+",N,12022.9500,E,1,09,0.9,12.0,M,8.0,M,,") +
		sentence("GNRMC,"+at+",A,"+lat+",N,12022.9500,E,18.0,0.0,231124,,,A")
}

// recording is a file of testdata/nmea.
func recording(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "testdata", "nmea", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// eventually fails the test if ok does not come true.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// testLog writes to the test's log.
func testLog(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// reading is a feed at work, and all the bytes it has given.
type reading struct {
	*feed
	got  chan []byte // everything so far; cap 1
	err  chan error
	stop context.CancelFunc
}

func read(t *testing.T, src Source) *reading { return readWith(t, src, nil) }

// readWith also sets the module up, unless s is nil.
func readWith(t *testing.T, src Source, s *setup) *reading {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	r := &reading{feed: newFeed(src, testLog(t), &Counters{}, time.Now), got: make(chan []byte, 1), err: make(chan error, 1), stop: stop}
	r.setup = s
	r.got <- nil
	go func() { r.err <- r.run(ctx) }()
	collected := make(chan struct{})
	go func() {
		defer close(collected)
		for c := range r.chunks {
			if c.lost {
				continue
			}
			r.got <- append(<-r.got, c.bytes...)
			r.free <- c.bytes[:chunkSize]
		}
	}()
	t.Cleanup(func() {
		stop()
		<-collected
	})
	return r
}

func (r *reading) bytes() []byte {
	b := <-r.got
	r.got <- b
	return b
}

// waitFor waits until the bytes of want have come, and fails the test on any others.
func (r *reading) waitFor(t *testing.T, want string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d bytes", len(want)), func() bool { return len(r.bytes()) >= len(want) })
	if got := r.bytes(); !bytes.Equal(got, []byte(want)) {
		t.Fatalf("got %d bytes that are not the %d sent:\n%q\nwant\n%q", len(got), len(want), tail(string(got)), tail(want))
	}
}

func tail(s string) string { return s[max(0, len(s)-200):] }

func epochs(from, to int) string {
	var b strings.Builder
	for n := from; n < to; n++ {
		b.WriteString(epoch(n))
	}
	return b.String()
}

func parse(t testing.TB, spec string, o SourceOptions) Source {
	t.Helper()
	o.Log = testLog(t)
	src, err := ParseSource(spec, o)
	if err != nil {
		t.Fatal(err)
	}
	return src
}
