package uplink_test

import (
	"bytes"
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dipper/positioning"
	"dipper/positioning/geo"
	"dipper/positioning/track"
	"dipper/receiver/spool"
	"dipper/receiver/uplink"
)

func fixAt(n int) positioning.Fix {
	f := positioning.NewFix(time.Unix(1_700_000_000+int64(n), 0).UTC(), geo.Point{Lat: 36 + float64(n%1000)/1e4, Lon: 120})
	return track.Quantize(f)
}

func fixesFrom(n, count int) []positioning.Fix {
	out := make([]positioning.Fix, count)
	for i := range out {
		out[i] = fixAt(n + i)
	}
	return out
}

func openSpool(tb testing.TB, dir string) *spool.Spool {
	tb.Helper()
	s, err := spool.Open(dir, spool.Options{SyncEvery: -1})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	return s
}

func appendFixes(tb testing.TB, s *spool.Spool, fixes []positioning.Fix) {
	tb.Helper()
	if _, err := s.Append(fixes); err != nil {
		tb.Fatal(err)
	}
	if err := s.Sync(); err != nil {
		tb.Fatal(err)
	}
}

// config is for a test against c: like the default, but impatient.
func config(c *centre, s uplink.Source) uplink.Config {
	return uplink.Config{
		URL: c.url(), Unit: unit, Key: key, Agent: "test", Source: s,
		RetryMin: time.Millisecond, RetryMax: 10 * time.Millisecond, RefusedRetry: 20 * time.Millisecond,
	}
}

// start runs a client until stop is called, which waits for its end.
func start(tb testing.TB, cfg uplink.Config) (client *uplink.Client, stop func()) {
	tb.Helper()
	client, err := uplink.NewClient(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- client.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			tb.Errorf("Run: %v", err)
		}
	})
	tb.Cleanup(stop)
	return client, stop
}

func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			tb.Fatalf("%s did not come about", what)
		}
		<-time.After(time.Millisecond)
	}
}

func upTo(n int) track.Ranges { return track.Ranges{{First: 1, Last: track.Seq(n)}} }

// Whatever goes wrong on the way, in the end the centre holds every fix once under its number, and the spool knows it.
func TestEverythingIsHeldInTheEnd(t *testing.T) {
	for seed := range uint64(6) {
		c := newCentre(t)
		var mu sync.Mutex
		rng := rand.New(rand.NewPCG(seed, 1))
		one := func(in int) func() bool {
			return func() bool {
				mu.Lock()
				defer mu.Unlock()
				return rng.IntN(in) == 0
			}
		}
		c.wrong = wrong{killBefore: one(7), killAfter: one(7), loseAck: one(15), doubleAck: one(3)}
		dir := t.TempDir()
		s := openSpool(t, dir)
		cfg := config(c, s)
		cfg.BatchFixes, cfg.Window, cfg.AckTimeout, cfg.DeadAfter = 7, 3, 20*time.Millisecond, 300*time.Millisecond
		cfg.FlushTimeout = time.Millisecond
		_, stop := start(t, cfg)
		given := 0
		for round := range 30 {
			n := 1 + int(seed)*3
			appendFixes(t, s, fixesFrom(given+1, n))
			given += n
			switch round {
			case 10: // the service restarts and has lost some of what it had acknowledged
				c.change(func(c *centre) {
					for seq := range c.held {
						if seq%3 == 0 {
							delete(c.held, seq)
						}
					}
				})
				c.cut()
			case 20: // the agent restarts
				stop()
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				s = openSpool(t, dir)
				cfg.Source = s
				_, stop = start(t, cfg)
			}
		}
		eventually(t, "every fix at the centre", func() bool { return slices.Equal(c.ranges(), upTo(given)) })
		c.change(func(c *centre) { c.wrong = wrong{} })
		eventually(t, "every acknowledgement", func() bool { return len(s.Unacked()) == 0 })
		stop()
		c.change(func(c *centre) {
			for seq, f := range c.held {
				if !f.Equal(fixAt(int(seq))) {
					t.Errorf("seed %d: number %d is the fix of %v", seed, seq, f.Time)
				}
			}
		})
		if t.Failed() {
			return
		}
	}
}

func TestNewestGoesFirst(t *testing.T) {
	c := newCentre(t)
	hold := true
	c.wrong.loseAck = func() bool { return hold }
	s := openSpool(t, t.TempDir())
	appendFixes(t, s, fixesFrom(1, 1000))
	cfg := config(c, s)
	cfg.BatchFixes, cfg.Window = 100, 3
	start(t, cfg)

	eventually(t, "two batches", func() bool { return len(c.batches()) == 2 })
	appendFixes(t, s, fixesFrom(1001, 5)) // the third place in the window is for these
	eventually(t, "the live batch", func() bool { return len(c.batches()) == 3 })
	want := []track.Range{{First: 901, Last: 1000}, {First: 1, Last: 100}, {First: 1001, Last: 1005}}
	if got := c.batches(); !slices.Equal(got, want) {
		t.Fatalf("batches %v, want %v", got, want)
	}
	if got := len(c.batches()); got > cfg.Window {
		t.Fatalf("%d batches without an acknowledgement, the window is %d", got, cfg.Window)
	}
	c.change(func(c *centre) { hold = false })
	c.cut() // the acknowledgements are lost, so the centre says at the next connection what it has
	eventually(t, "the backlog", func() bool { return len(s.Unacked()) == 0 })
	rest := c.batches()[3:]
	for i, x := range rest {
		if i > 1 && x.First <= rest[i-1].Last {
			t.Errorf("backlog out of order: %v", rest)
		}
	}
	if rest[0].Last != 900 {
		t.Errorf("on the second connection %v went first, want the newest the centre does not have, up to 900", rest[0])
	}
}

func TestWindowIsBounded(t *testing.T) {
	c := newCentre(t)
	c.wrong.loseAck = func() bool { return true }
	s := openSpool(t, t.TempDir())
	appendFixes(t, s, fixesFrom(1, 500))
	cfg := config(c, s)
	cfg.BatchFixes, cfg.Window, cfg.FlushTimeout = 10, 4, 20*time.Millisecond
	client, stop := start(t, cfg)
	eventually(t, "a full window", func() bool { return client.Status().Sent == 30 })
	for n := 501; n <= 505; n++ { // one place is left for new fixes, and one only
		appendFixes(t, s, fixesFrom(n, 1))
	}
	eventually(t, "a live batch", func() bool { return len(c.batches()) == 4 })
	appendFixes(t, s, fixesFrom(506, 1))
	stop() // which would send the rest if it could
	c.change(func(c *centre) {
		if c.most != cfg.Window {
			t.Fatalf("%d batches on one connection without an acknowledgement, the window is %d", c.most, cfg.Window)
		}
	})
}

func TestLingerFillsBatches(t *testing.T) {
	c := newCentre(t)
	s := openSpool(t, t.TempDir())
	appendFixes(t, s, fixesFrom(1, 1))
	cfg := config(c, s)
	cfg.Linger, cfg.BatchFixes = time.Hour, 10
	_, stop := start(t, cfg)
	eventually(t, "the first fix", func() bool { return len(s.Unacked()) == 0 })
	for n := 2; n <= 14; n++ {
		appendFixes(t, s, fixesFrom(n, 1))
	}
	eventually(t, "a full batch", func() bool { return len(c.batches()) >= 2 }) // or three, when the sender looks late
	stop()                                                                      // the rest goes at the end
	want := []track.Range{{First: 1, Last: 1}, {First: 2, Last: 11}, {First: 12, Last: 14}}
	got := c.batches()
	var sum track.Ranges
	for _, x := range got {
		sum = sum.Add(x)
	}
	if len(got) != len(want) || !slices.Equal(sum, upTo(14)) {
		t.Fatalf("batches %v, want three like %v", got, want)
	}
}

// The centre may change how long fixes wait for company while the link is up.
func TestLingerChanges(t *testing.T) {
	c := newCentre(t)
	s := openSpool(t, t.TempDir())
	appendFixes(t, s, fixesFrom(1, 1))
	cfg := config(c, s)
	cfg.Linger = time.Hour
	client, stop := start(t, cfg)
	eventually(t, "the first fix", func() bool { return len(s.Unacked()) == 0 })
	appendFixes(t, s, fixesFrom(2, 1))
	client.SetLinger(0)
	appendFixes(t, s, fixesFrom(3, 1))
	eventually(t, "all fixes", func() bool { return len(s.Unacked()) == 0 && s.Newest() == 3 })
	stop()
}

func TestRefusedKeyIsTriedAgainSlowlyAndToldClearly(t *testing.T) {
	for _, tc := range []struct {
		name   string
		refuse func(c *centre)
	}{
		{"by HTTP", func(c *centre) { c.status = http.StatusUnauthorized }},
		{"by message", func(c *centre) {
			c.refusal = &uplink.Refusal{Code: uplink.CodeBadKey, Field: "key", Message: "no such key"}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newCentre(t)
			c.change(tc.refuse)
			var mu sync.Mutex
			var log bytes.Buffer
			s := openSpool(t, t.TempDir())
			appendFixes(t, s, fixesFrom(1, 3))
			cfg := config(c, s)
			cfg.Log = slog.New(slog.NewTextHandler(lockedWriter{&mu, &log}, nil))
			client, _ := start(t, cfg)
			eventually(t, "a refusal", func() bool { return strings.Contains(client.Status().LastError, "bad_key: key: no such key") })
			eventually(t, "a line in the log", func() bool {
				mu.Lock()
				defer mu.Unlock()
				return strings.Contains(log.String(), "level=ERROR") && strings.Contains(log.String(), "refuses this unit")
			})
			if got := client.Status(); got.Connected || got.Connects != 0 {
				t.Errorf("status %+v", got)
			}
			c.change(func(c *centre) { c.status, c.refusal = 0, nil })
			eventually(t, "all sent once the key is good", func() bool { return len(s.Unacked()) == 0 })
		})
	}
}

type lockedWriter struct {
	mu  *sync.Mutex
	buf *bytes.Buffer
}

func (w lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.Write(p)
}

func TestDeadLinkIsFound(t *testing.T) {
	c := newCentre(t)
	deaf := true
	c.wrong.deaf = func() bool { return deaf }
	s := openSpool(t, t.TempDir())
	appendFixes(t, s, fixesFrom(1, 3))
	cfg := config(c, s)
	cfg.DeadAfter = 60 * time.Millisecond
	client, _ := start(t, cfg)
	eventually(t, "a new connection", func() bool { return c.connected() >= 2 })
	if got := client.Status().LastError; !strings.Contains(got, "timeout") {
		t.Errorf("last error %q, want a timeout", got)
	}
	c.change(func(c *centre) { deaf = false })
	eventually(t, "all sent", func() bool { return len(s.Unacked()) == 0 })
}

func TestShutdownFlushes(t *testing.T) {
	c := newCentre(t)
	s := openSpool(t, t.TempDir())
	cfg := config(c, s)
	cfg.BatchFixes, cfg.Window = 10, 2
	cfg.FlushTimeout = 20 * time.Second
	client, stop := start(t, cfg)
	eventually(t, "a connection", func() bool { return client.Status().Connected })
	appendFixes(t, s, fixesFrom(1, 500))
	stop()
	if got := c.ranges(); !slices.Equal(got, upTo(500)) {
		t.Fatalf("after Run the centre holds %v", got)
	}
	if got := s.Unacked(); len(got) > 0 {
		t.Fatalf("after Run %v is not acknowledged", got)
	}
}

func TestShutdownEndsAtItsDeadline(t *testing.T) {
	c := newCentre(t)
	c.wrong.loseAck = func() bool { return true }
	s := openSpool(t, t.TempDir())
	appendFixes(t, s, fixesFrom(1, 5))
	cfg := config(c, s)
	cfg.FlushTimeout = 10 * time.Millisecond
	_, stop := start(t, cfg)
	eventually(t, "a batch", func() bool { return len(c.batches()) == 1 })
	stop() // returns though nothing is acknowledged
	if got := s.Unacked(); !slices.Equal(got, upTo(5)) {
		t.Fatalf("unacked %v", got)
	}
}

func TestHelloSaysWhatThereIs(t *testing.T) {
	c := newCentre(t)
	s := openSpool(t, t.TempDir())
	appendFixes(t, s, fixesFrom(1, 5))
	start(t, config(c, s))
	eventually(t, "all sent", func() bool { return len(s.Unacked()) == 0 })
	c.change(func(c *centre) {
		want := uplink.Hello{Version: 1, Unit: unit, Series: s.Series(), Oldest: 1, Newest: 5, Agent: "test"}
		if c.hello != want {
			t.Errorf("hello %+v, want %+v", c.hello, want)
		}
	})
}

func TestNewClientNamesWhatIsWrong(t *testing.T) {
	s := openSpool(t, t.TempDir())
	good := uplink.Config{URL: "ws://127.0.0.1:1", Unit: "u", Key: "k", Source: s}
	for _, tc := range []struct {
		name, want string
		change     func(c *uplink.Config)
	}{
		{"scheme", "want ws or wss", func(c *uplink.Config) { c.URL = "http://x" }},
		{"no host", "no host", func(c *uplink.Config) { c.URL = "ws:///x" }},
		{"unit", "unit: missing", func(c *uplink.Config) { c.Unit = "" }},
		{"no key", "key: missing", func(c *uplink.Config) { c.Key = "" }},
		{"key of two lines", "key: byte 1", func(c *uplink.Config) { c.Key = "k\nX: y" }},
		{"source", "source: missing", func(c *uplink.Config) { c.Source = nil }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := good
			tc.change(&cfg)
			if _, err := uplink.NewClient(cfg); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("error %v, want %q", err, tc.want)
			}
		})
	}
}

// A simulated unit needs no spool and no client.
func TestConnAlone(t *testing.T) {
	c := newCentre(t)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	conn, err := uplink.Dial(ctx, uplink.DialOptions{URL: c.url(), Key: key, Buffers: &sync.Pool{}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	w, err := conn.Hello(ctx, uplink.Hello{Version: uplink.ProtocolVersion, Unit: unit, Series: 7, Newest: 2, Oldest: 1})
	if err != nil || w.Series != 7 || len(w.Held) > 0 {
		t.Fatalf("welcome %+v, error %v", w, err)
	}
	if err := conn.SendBatch(track.Batch{Series: 7, First: 1, Fixes: fixesFrom(1, 2)}); err != nil {
		t.Fatal(err)
	}
	a, err := conn.ReadAck()
	if err != nil || a.Series != 7 || !slices.Equal(a.Ranges, upTo(2)) {
		t.Fatalf("ack %+v, error %v", a, err)
	}
	if err := conn.Ping(); err != nil {
		t.Fatal(err)
	}
	if err := conn.SendBatch(track.Batch{Series: 7}); err == nil {
		t.Fatal("a batch from number 0 was sent")
	}
}
