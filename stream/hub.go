package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sync/errgroup"

	"dipper/fleet"
	"dipper/fleet/cell"
)

// Defaults of HubConfig.
const (
	DefaultFlush      = 100 * time.Millisecond // faster than the eye follows dots, slower than any batch comes
	DefaultMaxUnits   = 2000                   // arrows on one screen; more are a carpet
	DefaultMaxCells   = 4000
	DefaultCellsEvery = time.Second
	DefaultEventLag   = 10_000
	DefaultMaxViewers = 5000
	writeTimeout      = 10 * time.Second
	checkEvery        = 30 * time.Second
	pruneEvery        = time.Minute
)

// HubConfig sets up a Hub. Log and Metrics are required; a zero value elsewhere means the default.
type HubConfig struct {
	Log     *slog.Logger
	Metrics *Metrics

	Flush      time.Duration // how often a viewer is told what changed
	MaxUnits   int           // more units in a view are told as cells
	MaxCells   int           // cells in one view; more are told at a coarser resolution
	CellsEvery time.Duration // how often cells are counted again
	EventLag   fleet.Cursor  // a viewer that had caught up and falls this many events behind is closed
	MaxViewers int           // connected at once; more are refused

	WriteTimeout time.Duration // a viewer that takes nothing for so long is closed
	CheckEvery   time.Duration // how often a viewer's right to be there is asked again
}

func (c *HubConfig) setDefaults() {
	setDefault(&c.Flush, DefaultFlush)
	setDefault(&c.MaxUnits, DefaultMaxUnits)
	setDefault(&c.MaxCells, DefaultMaxCells)
	setDefault(&c.CellsEvery, DefaultCellsEvery)
	setDefault(&c.EventLag, DefaultEventLag)
	setDefault(&c.MaxViewers, DefaultMaxViewers)
	setDefault(&c.WriteTimeout, writeTimeout)
	setDefault(&c.CheckEvery, checkEvery)
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Hub shows the fleet to live viewers. It is the fleet's Listener: make the Hub first, the Fleet with it, then Run the Hub
// with the Fleet.
type Hub struct {
	cfg      HubConfig
	log      *slog.Logger
	metrics  *Metrics
	upgrader websocket.Upgrader
	plot     *plot
	relay    *relay
	feed     feed
	fences   atomic.Uint64 // raised when fences changed
	fleet    *fleet.Fleet  // set before open

	mu      sync.Mutex // guards the following
	open    bool       // Run has loaded the fleet and not ended
	ctx     context.Context
	viewers map[*viewer]struct{}
	running sync.WaitGroup
}

// NewHub makes a hub that shows nothing until Run.
func NewHub(cfg HubConfig) *Hub {
	cfg.setDefaults()
	plot := newPlot()
	return &Hub{
		cfg: cfg, log: cfg.Log, metrics: cfg.Metrics, plot: plot, relay: newRelay(plot, cfg.Log, cfg.Metrics),
		viewers: map[*viewer]struct{}{},
		upgrader: websocket.Upgrader{
			HandshakeTimeout: cfg.WriteTimeout,
			ReadBufferSize:   512,
			WriteBufferSize:  4096,
			WriteBufferPool:  &sync.Pool{},
		},
	}
}

// Moved puts a unit's new position before the viewers' eyes, here and at other nodes. It does not wait for them.
func (h *Hub) Moved(p fleet.Position, from cell.ID) {
	if !h.plot.move(p) {
		h.metrics.stalePositions.Inc()
	}
	h.relay.tell(p, from)
}

// Run loads the last positions of all units, follows the event log and serves viewers until ctx ends. Then it closes the
// viewers and waits until they are gone.
func (h *Hub) Run(ctx context.Context, f *fleet.Fleet) error {
	h.fleet = f
	if err := errors.Join(h.relay.begin(f), h.load(ctx)); err != nil {
		return fmt.Errorf("hub: %w", err)
	}
	loaded := h.feed.place()
	g, ctx := errgroup.WithContext(ctx)
	h.admit(ctx)
	g.Go(func() error { return h.relay.run(ctx) })
	g.Go(func() error { return h.followEvents(ctx, loaded) })
	g.Go(func() error { return h.pruneNowAndThen(ctx) })
	g.Go(func() error { return h.followLabels(ctx) })
	g.Go(func() error { return h.followFences(ctx) })
	err := g.Wait()
	h.mu.Lock()
	h.open = false
	h.mu.Unlock()
	h.running.Wait()
	return err
}

func (h *Hub) load(ctx context.Context) error {
	newest, err := h.fleet.LastCursor(ctx)
	if err != nil {
		return err
	}
	h.feed.begin(newest)
	positions, err := h.fleet.AllUnits(ctx)
	if err != nil {
		return err
	}
	for _, p := range positions {
		h.plot.move(p)
	}
	return h.loadLabels(ctx)
}

func (h *Hub) admit(ctx context.Context) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open, h.ctx = true, ctx
}

// Ready says nil when viewers are served, or why not.
func (h *Hub) Ready() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.readyLocked()
}

func (h *Hub) readyLocked() error {
	switch {
	case h.open:
		return nil
	case h.ctx != nil:
		return ErrGoingAway
	}
	return ErrNotReady
}

// Units is how many units have a position.
func (h *Hub) Units() int { return h.plot.size() }

// Label is what people call a unit; empty for one that is not registered.
func (h *Hub) Label(unit fleet.UnitID) (name, kind string) {
	h.plot.mu.RLock()
	defer h.plot.mu.RUnlock()
	if m := h.plot.units[unit]; m != nil {
		return m.label.name, m.label.kind
	}
	return "", ""
}

// Serve makes a live viewer of a request and returns when it is gone. The caller has checked the viewer's rights; browsers of
// other sites are refused here. An error is returned only while nothing was written to w, for the caller to answer.
func (h *Hub) Serve(w http.ResponseWriter, r *http.Request, seat Seat) error {
	v := &viewer{hub: h, seat: seat, wake: make(chan struct{}, 1)}
	v.screen = screen{plot: h.plot, maxUnits: h.cfg.MaxUnits, maxCells: h.cfg.MaxCells, every: h.cfg.CellsEvery}
	v.since.Store(v.screen.since())
	v.fences = h.fences.Load()
	ctx, err := h.enter(v)
	if err != nil {
		return err
	}
	defer h.leave(v)
	defer h.relay.watch(v, nil)
	ws, err := upgrade(&h.upgrader, w, r)
	if ws == nil {
		return err
	}
	if tcp, ok := ws.NetConn().(interface{ SetWriteBuffer(int) error }); ok {
		_ = tcp.SetWriteBuffer(sendBuffer) // without it the kernel holds more, to no harm but age
	}
	v.ws = ws
	err = v.run(ctx)
	var gone *viewerGone
	if !errors.As(err, &gone) {
		f, _ := Explain(err)
		h.metrics.viewersClosed.WithLabelValues(f.Code).Inc()
	}
	h.log.Debug("viewer left", "remote", r.RemoteAddr, "reason", err)
	return nil
}

func (h *Hub) enter(v *viewer) (context.Context, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.readyLocked(); err != nil {
		return nil, err
	}
	if len(h.viewers) >= h.cfg.MaxViewers {
		return nil, ErrTooMany
	}
	h.viewers[v] = struct{}{}
	h.running.Add(1)
	h.metrics.viewers.Inc()
	return h.ctx, nil
}

func (h *Hub) leave(v *viewer) {
	h.mu.Lock()
	delete(h.viewers, v)
	h.mu.Unlock()
	h.metrics.viewers.Dec()
	h.running.Done()
}

func (h *Hub) count(frame string, size int) {
	h.metrics.frames.WithLabelValues(frame).Inc()
	h.metrics.liveBytes.Add(float64(size))
}

// pruneNowAndThen forgets cells that have become empty.
func (h *Hub) pruneNowAndThen(ctx context.Context) error {
	tick := time.NewTicker(pruneEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			h.plot.prune(h.seenByAll())
		}
	}
}

// seenByAll is the stamp up to which every viewer has been told.
func (h *Hub) seenByAll() uint64 {
	seen := h.plot.now.Load()
	h.mu.Lock()
	defer h.mu.Unlock()
	for v := range h.viewers {
		seen = min(seen, v.since.Load())
	}
	return seen
}
