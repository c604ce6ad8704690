package receiver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"dipper/positioning"
	"dipper/receiver/spool"
	"dipper/receiver/uplink"
	"dipper/receiver/watchdog"
)

// DefaultDrain is how long an Agent that was told to stop goes on delivering what is in its spool. What does not make it is
// sent after the next start.
const DefaultDrain = 3 * time.Second

// Config configures an Agent. The centre may put other values in the place of Interval, Hold, ThinErrorM, MaxBytesPerDay and Linger
// while it runs (uplink.UnitSettings).
type Config struct {
	Source         Source                    // required
	Backups        []Source                  // further receivers by rank, all live; each is read all the time, one is used
	Decoder        positioning.DecoderConfig // the zero value has the defaults; AsOf does not count for a file
	Setup          string                    // one of Setups: the module is told what to send; "" never writes to it
	Rate           int                       // one of Rates: the fixes a second it is told to give; 0 is 1
	Failover       time.Duration             // how long the receiver in use may give no accepted fix; 0 stands for DefaultFailover
	Interval       time.Duration             // at most one accepted fix in so much of the fixes' own time; 0 every fix
	Hold           bool                      // keep a parked vehicle in its place
	ThinErrorM     float64                   // spare the fixes that others explain to within so many metres; 0 spares none
	Spool          string                    // required: the directory of the spool
	SpoolBytes     int64                     // limit of its files; 0 stands for spool.DefaultMaxBytes
	SpoolKeep      time.Duration             // how long it keeps what is acknowledged; 0 stands for spool.DefaultKeepAcked
	Server         string                    // required: the service, ws://HOST:PORT or wss://HOST, with uplink.Path or without
	TLS            *tls.Config               // of the way there, from then on the agent's: it sets Time; nil trusts the system's roots
	Unit           string                    // required: the unit's id
	Key            string                    // required: the unit's key
	Version        string                    // of the agent, as told to the service
	MaxBytesPerDay uint64                    // of the link both ways: what is sent is thinned harder to keep within; 0 is no limit
	Linger         time.Duration             // how long a new fix may wait for others to share a message with; 0 not at all
	Status         string                    // HOST:PORT to serve Handler on; "" nowhere
	Drain          time.Duration             // 0 stands for DefaultDrain
	Ready          func()                    // called once by Run, when it has opened all that it cannot work without; nil is nobody
	Log            *slog.Logger              // nil discards
	Now            func() time.Time          // nil is time.Now; must run on, may be wrong
}

// Agent reads one receiver or several, keeps the fixes and sends them. Use New.
type Agent struct {
	cfg        Config
	counters   Counters
	started    time.Time
	sources    []Source          // Config.Source and Config.Backups
	setups     []*setup          // of sources; nil: none
	reading    []*watchdog.Pulse // of the loop that reads each source
	decoding   []*watchdog.Pulse // of the loop that decodes it
	hangsAfter time.Duration     // see Alive
	outlet     *outlet
	visits     *visits
	steering   *steering
	backlog    backlog
	clock      *clock

	bytesPerDay atomic.Uint64 // the budget in force; 0 no limit

	mu     sync.Mutex
	spool  *spool.Spool   // nil before Run has opened it
	client *uplink.Client // nil before Run
	latest []report       // what the decoder of each source said last
	rules  rules          // in force
}

// New checks cfg. It opens nothing: Run does.
func New(cfg Config) (*Agent, error) {
	switch {
	case cfg.Source == nil:
		return nil, errors.New("agent: source: missing")
	case cfg.Spool == "":
		return nil, errors.New("agent: spool: missing")
	}
	if err := CheckSetup(cfg.Setup, cfg.Rate); err != nil {
		return nil, fmt.Errorf("agent: %w", err)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Drain == 0 {
		cfg.Drain = DefaultDrain
	}
	if cfg.Failover == 0 {
		cfg.Failover = DefaultFailover
	}
	a := &Agent{cfg: cfg, hangsAfter: hangsAfter, started: cfg.Now(), sources: append([]Source{cfg.Source}, cfg.Backups...)}
	a.clock = newClock(&cfg)
	if a.cfg.TLS == nil {
		a.cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	a.cfg.TLS.Time = a.clock.Now
	a.outlet = newOutlet(cfg, &a.counters)
	a.visits = newVisits(cfg.Unit, &a.counters, a.clock.Now)
	a.steering = newSteering(&cfg, &a.counters, a.visits)
	a.outlet.numbered = a.visits.observe
	a.rules = cfg.rules()
	a.latest = make([]report, len(a.sources))
	a.setups = make([]*setup, len(a.sources))
	for i, src := range a.sources {
		a.reading, a.decoding = append(a.reading, watchdog.NewPulse()), append(a.decoding, watchdog.NewPulse())
		if len(a.sources) > 1 && (src.Ends() || !src.Live()) {
			return nil, fmt.Errorf("agent: source %v: ends, and can be neither a second receiver nor have one", src)
		}
		if cfg.Setup != "" {
			a.setups[i] = newSetup(cfg.Setup, cfg.Rate, cfg.Log.With("source", src))
		}
	}
	if err := sharePorts(a.sources); err != nil {
		return nil, fmt.Errorf("agent: %w", err)
	}
	if _, err := a.newClient(nil); err != nil { // only to have it look at the configuration
		return nil, err
	}
	return a, nil
}

func (a *Agent) newClient(sp *spool.Spool) (*uplink.Client, error) {
	return uplink.NewClient(uplink.Config{
		URL: a.cfg.Server, TLS: a.cfg.TLS, Unit: a.cfg.Unit, Key: a.cfg.Key, Agent: a.cfg.Version, Source: sp,
		Steering: a.steering, Linger: a.cfg.Linger, FlushTimeout: a.cfg.Drain, Log: a.cfg.Log,
	})
}

// Counters are what happened so far.
func (a *Agent) Counters() *Counters { return &a.counters }

// Run reads, keeps and sends until ctx ends; then it puts what it has read into the spool, goes on sending for Config.Drain
// at most, and returns nil. With a source that ends it also returns when all of it is acknowledged. Run may be called once.
//
// An error means that the agent cannot do its work at all: the spool cannot be opened, the status address is taken, a
// recording cannot be read. A lost source or link is none.
func (a *Agent) Run(ctx context.Context) (err error) {
	sp, err := spool.Open(a.cfg.Spool, spool.Options{
		MaxBytes: a.cfg.SpoolBytes, KeepAcked: a.cfg.SpoolKeep, Unit: a.cfg.Unit, Log: a.cfg.Log, Now: a.cfg.Now,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sp.Close()) }()
	client, err := a.newClient(sp)
	if err != nil {
		return err
	}
	a.mu.Lock()
	a.spool, a.client = sp, client
	a.mu.Unlock()
	a.outlet.spool = sp
	a.steering.adopt, a.steering.sync = a.adopt, sp.Sync
	if err := a.steering.resume(sp); err != nil {
		return err
	}
	var listener net.Listener
	if a.cfg.Status != "" {
		if listener, err = net.Listen("tcp", a.cfg.Status); err != nil {
			return fmt.Errorf("status address: %w", err)
		}
	}

	a.cfg.Log.Info("agent", "version", a.cfg.Version, "sources", a.sources, "spool", a.cfg.Spool, "unacked", sp.Unacked().Count())

	if a.cfg.Ready != nil {
		a.cfg.Ready()
	}

	// Sending and the status page outlive ctx: they end after all that was read is in the spool. What the centre says is
	// put into force as long as it may say something.
	sending, stop := context.WithCancel(context.WithoutCancel(ctx))
	steered, release := context.WithCancel(context.WithoutCancel(ctx))
	var background, keeping sync.WaitGroup
	keeping.Go(func() { a.steering.run(steered) })
	background.Go(func() {
		if err := client.Run(sending); err != nil {
			a.cfg.Log.Error("the uplink ended", "err", err)
		}
	})
	background.Go(func() { a.spend(sending) })
	if listener != nil {
		background.Go(func() { a.serveStatus(sending, listener) })
	}
	err = a.read(ctx, sp)
	if err == nil {
		a.awaitAcks(ctx, sp)
	}
	stop()
	background.Wait() // the client goes on for Config.Drain
	release()
	keeping.Wait()
	err = errors.Join(err, sp.Close()) // a last attempt at a disk that failed
	a.tellLeft(sp.Stats())
	return err
}

// tellLeft says what becomes of the fixes that the service has not said it holds, now that the spool is closed.
func (a *Agent) tellLeft(s spool.Stats) {
	if kept := s.Unacked - min(s.Unacked, s.Unsaved); kept > 0 {
		a.cfg.Log.Warn("stopped with fixes in the spool; they are sent after the next start", "fixes", kept)
	}
	if s.Unsaved > 0 {
		a.cfg.Log.Error("stopped with fixes that were only in memory; they are lost", "fixes", s.Unsaved, "disk", s.Failing)
	}
}

// read takes the sources to their end, or to ctx's, and all that they gave to the disk.
func (a *Agent) read(ctx context.Context, sp *spool.Spool) error {
	fed := make([]error, len(a.sources))
	var working sync.WaitGroup
	for n, src := range a.sources {
		f := newFeed(src, a.cfg.Log, &a.counters, a.cfg.Now)
		f.setup, f.pulse = a.setups[n], a.reading[n]
		working.Go(func() { fed[n] = f.run(ctx) })
		working.Go(func() { a.decode(n, f) })
	}
	working.Wait()
	if err := sp.Sync(); err != nil {
		a.cfg.Log.Error("the disk takes no fixes; they are lost unless they can be sent now", "err", err)
	}
	return errors.Join(fed...)
}

// awaitAcks waits until the service has everything, or ctx ends.
func (a *Agent) awaitAcks(ctx context.Context, sp *spool.Spool) {
	const look = 20 * time.Millisecond
	for sp.Unacked().Count() > 0 && sleep(ctx, look) {
	}
}
