package receiver

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dipper/positioning"
	"dipper/positioning/track"
	"dipper/receiver/spool"
)

const drive = "hangzhou-bds-gps-drive.nmea" // 36 fixes

// working is an Agent's Run.
type working struct {
	*Agent
	stop context.CancelFunc
	done chan error // cap 1
}

func config(t testing.TB, c *centre, src Source) Config {
	return Config{
		Source: src, Spool: filepath.Join(t.TempDir(), "spool"), Server: c.url(), Unit: testUnit, Key: testKey,
		Version: "test", Drain: 200 * time.Millisecond, Log: testLog(t),
	}
}

func work(t testing.TB, cfg Config) *working {
	t.Helper()
	a, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	w := &working{Agent: a, stop: stop, done: make(chan error, 1)}
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		w.done <- a.Run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-finished
	})
	return w
}

// end stops the agent and waits for it.
func (w *working) end(t testing.TB) {
	t.Helper()
	w.stop()
	if err := <-w.done; err != nil {
		t.Errorf("run ended with %v", err)
	}
}

// fixesOf is what a recording holds, decoded in one piece and rounded as the agent does.
func fixesOf(text []byte) []positioning.Fix {
	d := positioning.NewDecoder(positioning.DecoderConfig{})
	fixes := append([]positioning.Fix(nil), d.Write(text, time.Time{})...)
	fixes = append(fixes, d.Flush()...)
	for i := range fixes {
		fixes[i] = track.Quantize(fixes[i])
	}
	return fixes
}

// sameTrack compares times and places, which do not hang on how the bytes were cut.
func sameTrack(t *testing.T, got, want []positioning.Fix) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d fixes, want %d", len(got), len(want))
	}
	for i, g := range got {
		if w := want[i]; !g.Time.Equal(w.Time) || g.Point != w.Point || g.Verdict != w.Verdict {
			t.Errorf("fix %d is %s, want %s", i+1, positioning.AppendJSON(nil, g), positioning.AppendJSON(nil, w))
		}
	}
}

func agrees(t *testing.T, name string, got []positioning.Fix) {
	t.Helper()
	expected := recording(t, strings.TrimSuffix(name, ".nmea")+".expected.jsonl")
	var i int
	for s := bufio.NewScanner(bytes.NewReader(expected)); s.Scan(); i++ {
		var want struct{ Time time.Time }
		if err := json.Unmarshal(s.Bytes(), &want); err != nil {
			t.Fatal(err)
		}
		if i >= len(got) || !got[i].Time.Equal(want.Time) {
			t.Fatalf("fix %d of %d is not the expected one of %v", i+1, len(got), want.Time)
		}
	}
	if i != len(got) {
		t.Fatalf("%d fixes, want %d", len(got), i)
	}
}

// The whole way: a recording of a real module through a pseudo-terminal, which is pulled out in the middle, while the link
// breaks twice; every fix arrives once.
func TestAgentFromPortToCentre(t *testing.T) {
	text := recording(t, drive)
	c := openCentre(t)
	path := filepath.Join(t.TempDir(), "gnss")
	first := plug(t)
	first.link(path)
	w := work(t, config(t, c, parse(t, path, SourceOptions{})))

	const begins = "$GNGGA"
	seconds := strings.SplitAfter(string(text), begins)[1:]
	if len(seconds) != 36 {
		t.Fatalf("the recording has %d seconds, want 36", len(seconds))
	}
	m, said := first, 0
	for i, second := range seconds {
		e := []byte(begins + strings.TrimSuffix(second, begins))
		switch i {
		case 8, 22:
			eventually(t, "fixes at the centre", func() bool { return c.count() > i/2 })
			c.hangUp(false)
		case 15: // pulled out between two epochs, and into another socket
			eventually(t, "all bytes to be read", func() bool { return w.Counters().Bytes.Load() == uint64(said) })
			first.unplug()
			eventually(t, "the loss to be seen", func() bool { return w.Counters().Lost.Load() == 1 })
			m = plug(t)
			m.link(path)
		}
		m.say(e)
		said += len(e)
	}
	want := fixesOf(text)
	eventually(t, "all fixes at the centre", func() bool { return c.count() == len(want) }) // the last by silence
	w.end(t)
	sameTrack(t, c.track(), want)
	agrees(t, drive, c.track())
}

func TestAgentFromFile(t *testing.T) {
	for _, name := range []string{drive, "quectel-l76k-dual.nmea", "boat-amsterdam.nmea"} {
		t.Run(name, func(t *testing.T) {
			c := openCentre(t)
			cfg := config(t, c, parse(t, "file:"+filepath.Join("..", "testdata", "nmea", name), SourceOptions{}))
			if err := <-work(t, cfg).done; err != nil { // by itself
				t.Fatal(err)
			}
			sameTrack(t, c.track(), fixesOf(recording(t, name)))
			agrees(t, name, c.track())
		})
	}
}

// At its own pace a recording is taken as live: it gives the same fixes, the last of them too.
func TestAgentFromPacedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "paced.nmea")
	text := []byte(epochs(0, 3))
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	c := openCentre(t)
	src := parse(t, "file:"+path, SourceOptions{Pace: true})
	if !src.Live() {
		t.Error("a paced file is not live")
	}
	if err := <-work(t, config(t, c, src)).done; err != nil {
		t.Fatal(err)
	}
	sameTrack(t, c.track(), fixesOf(text))
}

func TestAgentFromStandardInput(t *testing.T) {
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	c := openCentre(t)
	w := work(t, config(t, c, parse(t, "-", SourceOptions{Stdin: in})))
	if _, err := out.WriteString(epochs(0, 20)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "fixes before the input ends", func() bool { return c.count() >= 19 })
	out.Close()
	if err := <-w.done; err != nil {
		t.Fatal(err)
	}
	sameTrack(t, c.track(), fixesOf([]byte(epochs(0, 20))))
}

// Without a centre the fixes stay on disk, over a restart, and are numbered on.
func TestAgentOffline(t *testing.T) {
	c := openCentre(t)
	c.hangUp(true)
	m := plug(t)
	cfg := config(t, c, parse(t, m.path(), SourceOptions{Baud: 9600}))

	w := work(t, cfg)
	m.say([]byte(epochs(0, 10)))
	eventually(t, "ten fixes in the spool", func() bool { return w.Counters().Spooled.Load() == 10 })
	w.end(t)
	if n := c.count(); n != 0 {
		t.Fatalf("%d fixes came to a centre that takes none", n)
	}

	c.hangUp(false)
	w = work(t, cfg)
	m.say([]byte(epochs(10, 20)))
	eventually(t, "twenty fixes", func() bool { return c.count() == 20 })
	w.end(t)
	sameTrack(t, c.track(), fixesOf([]byte(epochs(0, 20))))
}

// Told to stop, the agent still delivers what the module has just said.
// Months without a link on a small card: the spool keeps to its limit and says what it gave up.
func TestAgentKeepsToTheLimitOfItsSpool(t *testing.T) {
	c := openCentre(t)
	c.hangUp(true)
	const fixes = 20_000
	var said []byte
	for n := range fixes {
		said = append(said, burst(n)...)
	}
	path := filepath.Join(t.TempDir(), "months.nmea")
	if err := os.WriteFile(path, said, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := config(t, c, parse(t, "file:"+path, SourceOptions{}))
	cfg.SpoolBytes = spool.MinMaxBytes
	w := work(t, cfg)
	eventually(t, "the file in the spool", func() bool {
		s := w.Status().Spool
		return s != nil && s.Newest == fixes
	})
	s := w.Status().Spool
	if s.Bytes > cfg.SpoolBytes || s.Dropped == 0 || s.Unacked+s.Dropped != fixes {
		t.Errorf("spool of %d bytes at most: %+v", cfg.SpoolBytes, *s)
	}
	w.end(t)
}

func TestAgentDeliversWhenStopped(t *testing.T) {
	c := openCentre(t)
	m := plug(t)
	cfg := config(t, c, parse(t, m.path(), SourceOptions{Baud: 9600}))
	cfg.Drain = time.Minute
	w := work(t, cfg)
	m.say([]byte(epochs(0, 4)))
	eventually(t, "the link", func() bool { return c.count() >= 3 })
	m.say([]byte(epochs(4, 6)))
	eventually(t, "all bytes to be read", func() bool { return w.Counters().Bytes.Load() == uint64(len(epochs(0, 6))) })
	w.end(t)
	sameTrack(t, c.track(), fixesOf([]byte(epochs(0, 6))))
}

// A centre that takes the fixes but does not say that it holds them cannot keep the agent from stopping.
func TestAgentStopsInTime(t *testing.T) {
	c := openCentre(t)
	c.setMute(true)
	m := plug(t)
	w := work(t, config(t, c, parse(t, m.path(), SourceOptions{Baud: 9600})))
	m.say([]byte(epochs(0, 5)))
	eventually(t, "fixes in the spool", func() bool { return w.Counters().Spooled.Load() >= 4 })
	w.end(t)
}

// A box without a battery clock starts in 1970. That is no reason to call every fix one of the future.
func TestAgentWithoutClock(t *testing.T) {
	offset := time.Since(time.Unix(1000, 0))
	c := openCentre(t)
	m := plug(t)
	cfg := config(t, c, parse(t, m.path(), SourceOptions{Baud: 9600}))
	cfg.Now = func() time.Time { return time.Now().Add(-offset) }
	w := work(t, cfg)
	m.say([]byte(epochs(0, 3)))
	eventually(t, "three fixes", func() bool { return c.count() == 3 })
	w.end(t)
	for i, f := range c.track() {
		if f.Verdict != positioning.Accepted {
			t.Errorf("fix %d is refused: %v", i+1, f.Verdict)
		}
	}
}

// A host whose clock stands where it was switched off hours ago is not believed for long, and its log and status say so.
func TestAgentClockBehind(t *testing.T) {
	c := openCentre(t)
	m := plug(t)
	cfg := config(t, c, parse(t, m.path(), SourceOptions{Baud: 9600}))
	first := fixesOf([]byte(epochs(0, 1)))[0].Time
	begun := time.Now()
	cfg.Now = func() time.Time { return first.Add(time.Since(begun) - 8*time.Hour) }
	w := work(t, cfg)
	for n := range 12 { // a second each, as its own time goes; the host's stands nearly still
		m.say([]byte(epochs(n, n+1)))
	}
	eventually(t, "twelve fixes", func() bool { return c.count() == 12 })
	s := w.Status()
	w.end(t)
	var accepted int
	for _, f := range c.track() {
		if f.Verdict == positioning.Accepted {
			accepted++
		}
	}
	if accepted == 0 || s.Behind < 7*3600 {
		t.Errorf("%d fixes accepted, clock %v s behind", accepted, s.Behind)
	}
}

func TestAgentStatus(t *testing.T) {
	c := openCentre(t)
	m := plug(t)
	cfg := config(t, c, parse(t, m.path(), SourceOptions{Baud: 9600}))
	cfg.Status = freeAddress(t)
	w := work(t, cfg)
	m.say([]byte("$GPGGA,broken*00\r\n" + epochs(0, 3)))
	eventually(t, "three fixes", func() bool { return c.count() == 3 })
	eventually(t, "all to be acknowledged", func() bool { return w.Status().Spool.Unacked == 0 })

	var s Status
	if err := json.Unmarshal(get(t, "http://"+cfg.Status+"/status"), &s); err != nil {
		t.Fatal(err)
	}
	var f fixLine
	if err := json.Unmarshal(s.Fix, &f); err != nil {
		t.Fatal(err)
	}
	if s.Unit != testUnit || s.Source.Name != m.path() || f.Time != "2024-11-23T04:00:02.000Z" || !f.Accepted || s.FixAge == nil || *s.FixAge < 0 {
		t.Errorf("status %+v, fix %+v", s, f)
	}
	if s.Spool == nil || s.Spool.Newest != 3 || s.Link == nil || !s.Link.Connected {
		t.Errorf("spool %+v, link %+v", s.Spool, s.Link)
	}
	for name, want := range map[string]uint64{"sentences": 6, "sentences_bad_checksum": 1, "fixes_spooled": 3, "fixes_accepted": 3, "source_opened": 1} {
		if got := s.Counted[name]; got != want {
			t.Errorf("counter %s is %d, want %d", name, got, want)
		}
	}
	if n := s.Counted["link_bytes"]; n < 300 || n > 5000 { // a handshake and three fixes
		t.Errorf("link_bytes is %d", n)
	}
	metrics := string(get(t, "http://"+cfg.Status+"/metrics"))
	for _, line := range []string{"dipper_agent_fixes_accepted_total 3\n", "dipper_agent_spool_unacked_fixes 0\n", "dipper_agent_link_connected 1\n", "# TYPE dipper_agent_sentences_total counter\n"} {
		if !strings.Contains(metrics, line) {
			t.Errorf("metrics lack %q:\n%s", line, metrics)
		}
	}
	w.end(t)
}

type fixLine struct {
	Time     string
	Accepted bool
}

// Before anything has come, status says so by leaving it out.
func TestAgentStatusAtFirst(t *testing.T) {
	c := openCentre(t)
	a, err := New(config(t, c, parse(t, "/dev/ttyUSB0", SourceOptions{})))
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	a.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8081/status", nil))
	for _, absent := range []string{`"fix"`, `"fix_age_s"`, `"spool"`, `"link"`, `"silent_s"`} {
		if strings.Contains(w.Body.String(), absent) {
			t.Errorf("status has %s: %s", absent, w.Body)
		}
	}
}

func TestNewErrors(t *testing.T) {
	good := Config{Source: parse(t, "-", SourceOptions{}), Spool: "spool", Server: "ws://centre", Unit: "u", Key: "k"}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	tests := map[string]func(*Config){
		"source: missing":     func(c *Config) { c.Source = nil },
		"spool: missing":      func(c *Config) { c.Spool = "" },
		"server address \"\"": func(c *Config) { c.Server = "" },
		"unit: missing":       func(c *Config) { c.Unit = "" },
		"key: missing":        func(c *Config) { c.Key = "" },
		"server address":      func(c *Config) { c.Server = "http://centre" },
	}
	for want, spoil := range tests {
		bad := good
		spoil(&bad)
		if _, err := New(bad); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New gave %v, want %q", err, want)
		}
	}
}

func TestRunErrors(t *testing.T) {
	c := openCentre(t)
	m := plug(t)
	taken := listenTCP(t, "127.0.0.1:0").Addr().String()
	good := config(t, c, parse(t, m.path(), SourceOptions{Baud: 9600}))
	w := work(t, good)
	eventually(t, "the spool to be open", func() bool { return w.Status().Spool != nil })
	tests := map[string]func(*Config){
		"in use":         func(*Config) {},
		"status address": func(cfg *Config) { cfg.Spool, cfg.Status = t.TempDir(), taken },
		"no such file": func(cfg *Config) {
			cfg.Spool, cfg.Source = t.TempDir(), parse(t, "file:"+filepath.Join(t.TempDir(), "none"), SourceOptions{})
		},
	}
	for want, spoil := range tests {
		bad := good
		spoil(&bad)
		if err := <-work(t, bad).done; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Run gave %v, want %q", err, want)
		}
	}
	w.end(t)
}

// brokenSpool takes nothing.
type brokenSpool struct{}

func (brokenSpool) Append([]positioning.Fix) (track.Range, error) {
	return track.Range{}, errors.New("no")
}

func TestFixesThatTheSpoolRefusesAreCounted(t *testing.T) {
	a, err := New(Config{Source: parse(t, "-", SourceOptions{}), Spool: "s", Server: "ws://c", Unit: "u", Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	a.outlet.spool = brokenSpool{}
	a.outlet.take(0, make([]positioning.Fix, 3), time.Now())
	if n := a.Counters().Dropped.Load(); n != 3 || a.Counters().Spooled.Load() != 0 {
		t.Errorf("%d dropped, %d spooled, want 3 and 0", n, a.Counters().Spooled.Load())
	}
}

// freeAddress is a loopback address that nobody listens on; another process could take it, but none does.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func get(t *testing.T, url string) []byte {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, r.Status, err)
	}
	return body
}

// What was only in memory is not said to be sent later.
func TestAgentSaysWhatIsLost(t *testing.T) {
	tests := []struct {
		stats spool.Stats
		want  []string
	}{
		{spool.Stats{}, nil},
		{spool.Stats{Unacked: 5}, []string{"level=WARN", "fixes=5"}},
		{spool.Stats{Unacked: 76, Unsaved: 76, Failing: "read-only file system"}, []string{"level=ERROR", "lost", "fixes=76", "read-only"}},
		{spool.Stats{Unacked: 80, Unsaved: 76}, []string{"level=WARN", "fixes=4", "level=ERROR", "fixes=76"}},
	}
	for _, tt := range tests {
		var said strings.Builder
		a := Agent{cfg: Config{Log: slog.New(slog.NewTextHandler(&said, nil))}}
		a.tellLeft(tt.stats)
		if n := strings.Count(said.String(), "level="); (n == 0) != (tt.want == nil) || tt.stats.Unacked == tt.stats.Unsaved && n > 1 {
			t.Errorf("%+v: %s", tt.stats, said.String())
		}
		for _, w := range tt.want {
			if !strings.Contains(said.String(), w) {
				t.Errorf("%+v: %s, want %s", tt.stats, said.String(), w)
			}
		}
	}
}
