package uplink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"dipper/positioning/track"
	"dipper/receiver/watchdog"
)

// Source is where a Client takes fixes from and notes what the centre has: the spool. Its methods are called by one
// goroutine.
type Source interface {
	// Series is what the numbers count in.
	Series() track.Series
	// Oldest and Newest are the lowest and highest number that can be read; 0 none.
	Oldest() track.Seq
	Newest() track.Seq
	// Unacked is the numbers that can be read and that the centre has not acknowledged.
	Unacked() track.Ranges
	// Read gives up to max consecutive fixes from the lowest readable number that is not below from.
	Read(from track.Seq, max int) (track.Batch, error)
	// Ack notes what the centre has besides what it had.
	Ack(track.Ranges) error
	// Reconcile replaces what the centre has. It is called after each connection, before anything is read.
	Reconcile(held track.Ranges) error
	// Changed has an element when Unacked may have grown.
	Changed() <-chan struct{}
}

// Defaults of Config.
const (
	DefaultBatchFixes   = 240 // four minutes at 1 Hz in about 2 kB
	DefaultWindow       = 8
	DefaultAckTimeout   = 30 * time.Second
	DefaultFlushTimeout = 5 * time.Second
	DefaultRetryMin     = 500 * time.Millisecond
	DefaultRetryMax     = time.Minute
	DefaultRefusedRetry = 2 * time.Minute
	// settled is how long a connection must have lasted, if nothing was acknowledged on it, for the next attempts to begin
	// with a short pause again.
	settled = 10 * time.Second
)

// Config of a Client. URL, Unit, Key and Source are required; for the others zero is the default.
type Config struct {
	URL    string // ws:// or wss://; Path is added if it has none
	Unit   string
	Key    string
	Agent  string // program and version, for the service's log
	Source Source
	TLS    *tls.Config  // nil: the system's roots
	Log    *slog.Logger // nil discards

	// Steering takes what the centre tells the unit; nil: the unit is not steered and sends no Report.
	Steering Steering

	// Linger is how long a new fix may wait for others to share a batch with: 10 s at 1 Hz brings 50 bytes a fix down to 10.
	// 0 sends at once.
	Linger time.Duration
	// BatchFixes is the most fixes in a batch.
	BatchFixes int
	// Window is the most batches under way without an acknowledgement; one of them is kept free for new fixes.
	Window int
	// AckTimeout is how long an acknowledgement may take before the connection is given up.
	AckTimeout time.Duration
	// FlushTimeout is how long Run goes on after its context ended to get the rest acknowledged, if it is connected.
	FlushTimeout time.Duration
	// RetryMin doubles up to RetryMax for each attempt that failed; the pause is a random part of that, so that a fleet does
	// not come back all at once.
	RetryMin, RetryMax time.Duration
	// RefusedRetry is the longest pause after a refusal that only a person can heal; the shortest is half of it.
	RefusedRetry time.Duration
	// DeadAfter is how long a link may be silent before it counts as dead.
	DeadAfter time.Duration
}

func (c Config) withDefaults() (Config, error) {
	address, err := CheckURL(c.URL)
	switch {
	case err != nil:
		return c, err
	case c.Unit == "":
		return c, errors.New("unit: missing")
	case len(c.Unit) > maxTextBytes:
		return c, fmt.Errorf("unit: %d bytes, at most %d", len(c.Unit), maxTextBytes)
	case c.Key == "":
		return c, errors.New("key: missing")
	case c.Source == nil:
		return c, errors.New("source: missing")
	}
	for i := range len(c.Key) {
		if c.Key[i] <= ' ' || c.Key[i] > '~' {
			return c, fmt.Errorf("key: byte %d is not a visible ASCII character", i)
		}
	}
	c.URL = address
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	setDefault(&c.BatchFixes, DefaultBatchFixes)
	c.BatchFixes = min(c.BatchFixes, track.MaxBatchFixes)
	setDefault(&c.Window, DefaultWindow)
	setDefault(&c.AckTimeout, DefaultAckTimeout)
	setDefault(&c.FlushTimeout, DefaultFlushTimeout)
	setDefault(&c.RetryMin, DefaultRetryMin)
	setDefault(&c.RetryMax, DefaultRetryMax)
	setDefault(&c.RefusedRetry, DefaultRefusedRetry)
	setDefault(&c.DeadAfter, DefaultDeadAfter)
	return c, nil
}

func setDefault[T int | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// Client keeps a Source and the centre in step. Make one with NewClient, and call Run once.
type Client struct {
	cfg Config

	traffic atomic.Uint64
	linger  atomic.Int64    // nanoseconds
	pulse   *watchdog.Pulse // of the loop that sends
	mu      sync.Mutex
	status  Status
}

// Status is what a status page shows of the link. The counters are since NewClient; fixes sent again count again.
type Status struct {
	Connected bool
	Since     time.Time // of Connected
	LastError string    // why it is not connected, or was not before; "" nothing went wrong yet
	Connects  uint64    // connections on which the service said welcome
	Sent      uint64    // fixes
	Acked     uint64    // fixes
	Bytes     uint64    // both ways, with all that HTTP and TLS add
}

// NewClient checks a configuration. The error names the field.
func NewClient(cfg Config) (*Client, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("uplink: %w", err)
	}
	cfg.Log = cfg.Log.With(slog.String("unit", cfg.Unit), slog.String("server", cfg.URL))
	c := &Client{cfg: cfg, pulse: watchdog.NewPulse(), status: Status{Since: time.Now()}}
	c.SetLinger(cfg.Linger)
	return c, nil
}

// SetLinger changes Config.Linger; a fix that waits already may do so for as long as it was to. Safe from any goroutine.
func (c *Client) SetLinger(d time.Duration) { c.linger.Store(int64(d)) }

// Status gives the present state. Safe from any goroutine.
func (c *Client) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.status
	s.Bytes = c.traffic.Load()
	return s
}

// Busy is how long the loop that sends has been at one turn; 0 while it waits for the link, for fixes or for acknowledgements.
// A turn ends within Config.DeadAfter unless the source hangs. Safe from any goroutine.
func (c *Client) Busy() time.Duration { return c.pulse.Busy() }

func (c *Client) note(change func(s *Status)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.status)
}

// Run connects, sends and connects again until ctx ends; no failure of the link or refusal by the service ends it. If it is
// connected then, it goes on for up to Config.FlushTimeout until everything readable is acknowledged. It returns nil, with
// the connection closed and no goroutine left.
func (c *Client) Run(ctx context.Context) error {
	for failed := 0; ctx.Err() == nil; {
		began := time.Now()
		acked := c.Status().Acked
		err := c.connection(ctx)
		c.note(func(s *Status) {
			if s.Connected {
				s.Connected, s.Since = false, time.Now()
			}
			if err != nil {
				s.LastError = err.Error()
			}
		})
		if ctx.Err() != nil {
			break
		}
		if c.Status().Acked > acked || time.Since(began) > settled {
			failed = 0
		}
		pause := c.pause(failed, err)
		c.logRetry(err, pause)
		failed++
		sleep(ctx, pause)
	}
	return nil
}

// pause is how long to wait before the next attempt: back-off with full jitter.
func (c *Client) pause(failed int, err error) time.Duration {
	if refusal := (*Refusal)(nil); errors.As(err, &refusal) && refusal.Lasting() {
		half := c.cfg.RefusedRetry / 2
		return half + rand.N(half+1)
	}
	limit := c.cfg.RetryMax
	if failed < 32 && c.cfg.RetryMin<<failed < limit && c.cfg.RetryMin<<failed > 0 {
		limit = c.cfg.RetryMin << failed
	}
	return rand.N(limit + 1)
}

func (c *Client) logRetry(err error, pause time.Duration) {
	if refusal := (*Refusal)(nil); errors.As(err, &refusal) && refusal.Lasting() {
		c.cfg.Log.Error("the service refuses this unit; fixes stay in the spool until that is put right",
			slog.String("code", refusal.Code), slog.String("field", refusal.Field), slog.String("reason", refusal.Message), slog.Duration("retry_in", pause))
		return
	}
	c.cfg.Log.Warn("no uplink", slog.Any("reason", err), slog.Duration("retry_in", pause))
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// connection is one connection from dial to close. The error is why it ended; nil only after an orderly end of ctx.
func (c *Client) connection(ctx context.Context) error {
	conn, err := Dial(ctx, DialOptions{URL: c.cfg.URL, Key: c.cfg.Key, Agent: c.cfg.Agent, TLS: c.cfg.TLS, DeadAfter: c.cfg.DeadAfter, Traffic: &c.traffic})
	if err != nil {
		return err
	}
	src := c.cfg.Source
	welcome, err := conn.Hello(ctx, Hello{
		Version: ProtocolVersion, Unit: c.cfg.Unit, Agent: c.cfg.Agent,
		Series: src.Series(), Oldest: src.Oldest(), Newest: src.Newest(),
	})
	if err == nil {
		err = src.Reconcile(welcome.Held)
	}
	if err != nil {
		return errors.Join(err, ignoreClosed(conn.Close()))
	}
	c.note(func(s *Status) {
		s.Connected, s.Since = true, time.Now()
		s.Connects++
	})
	c.cfg.Log.Info("uplink", slog.Uint64("held", welcome.Held.Count()), slog.Uint64("unacked", src.Unacked().Count()))
	s := session{client: c, conn: conn, series: welcome.Series, steer: newSteer(c.cfg.Steering, conn), news: make(chan struct{}, 1)}
	return s.run(ctx)
}
