package stream

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"dipper/fleet"
)

// Defaults of UplinkConfig.
const (
	DefaultFixesPerSecond = 2000    // a day's backlog of a unit at 1 Hz is handed over in under a minute
	DefaultBurst          = 20_000  // fixes above the rate before a unit is made to wait
	DefaultMaxAgents      = 100_000 // connections
	DefaultRetryFor       = 10 * time.Second
	DefaultFencesEvery    = 10 * time.Second
)

// Times of an agent's connection.
const (
	helloTimeout = 10 * time.Second
	agentSilence = 45 * time.Second // agents ping every 5 s
	agentWrite   = 10 * time.Second
	drainGrace   = 8 * time.Second // for batches under way when the service stops
)

// UplinkConfig sets up an Uplink. Fleet, Log and Metrics are required; a zero value elsewhere means the default.
type UplinkConfig struct {
	Fleet   *fleet.Fleet
	Log     *slog.Logger
	Metrics *Metrics

	FixesPerSecond float64       // that a unit may send on average; beyond it and Burst, it is read more slowly
	Burst          float64       // fixes
	MaxAgents      int           // connected at once; more are refused
	RetryFor       time.Duration // how long a batch is tried again while the store is unavailable, before the agent is sent away
	FencesEvery    time.Duration // how often a unit is told the fences near it at most, up to 128 KiB each time
}

// Uplink takes fixes from agents. A batch is acknowledged once the fleet has accepted it durably. A few batches of each agent
// are read ahead, so that pings are answered while the store is slow and a backlog is committed in large portions; then the
// agent is read no more until there is room. So an agent can never have more under way here than that and what the network's
// buffers hold.
type Uplink struct {
	cfg      UplinkConfig
	log      *slog.Logger
	upgrader websocket.Upgrader
	buffers  sync.Pool     // *bytes.Buffer, for the message being read
	recalls  chan struct{} // cap 1: recalled was raised
	pushes   *fencePushes

	// hands takes an agent that has something to do to a free hand, who waits for it. Nobody closes it; when no hand is free there
	// is a new one.
	hands     chan *agent
	freeHands atomic.Int64
	rest      chan struct{}  // closed when the hands may go
	handsWork sync.WaitGroup // all hands

	mu       sync.Mutex // guards the following
	open     bool       // Run is taking agents
	done     bool       // Run has stopped taking agents
	work     context.Context
	agents   map[*agent]struct{}
	units    map[fleet.UnitID]*agent // the connection that counts, after its hello
	arrivals uint64                  // connections so far
	recalled uint64                  // those up to this one are to say hello again
	running  sync.WaitGroup
}

// NewUplink makes an uplink that takes nobody until Run.
func NewUplink(cfg UplinkConfig) *Uplink {
	setDefault(&cfg.FixesPerSecond, DefaultFixesPerSecond)
	setDefault(&cfg.Burst, DefaultBurst)
	setDefault(&cfg.MaxAgents, DefaultMaxAgents)
	setDefault(&cfg.RetryFor, DefaultRetryFor)
	setDefault(&cfg.FencesEvery, DefaultFencesEvery)
	return &Uplink{
		cfg: cfg, log: cfg.Log, pushes: newFencePushes(), recalls: make(chan struct{}, 1),
		hands: make(chan *agent), rest: make(chan struct{}),
		agents: map[*agent]struct{}{}, units: map[fleet.UnitID]*agent{},
		upgrader: websocket.Upgrader{
			HandshakeTimeout: agentWrite,
			ReadBufferSize:   256, // an idle connection holds it; larger messages are read in pieces
			WriteBufferSize:  512,
			WriteBufferPool:  &sync.Pool{},
		},
	}
}

// Run takes agents until ctx ends. Then batches under way are finished and acknowledged, and the agents are sent away; Run
// returns when all of them are gone.
func (u *Uplink) Run(ctx context.Context) error {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var steering sync.WaitGroup
	steering.Go(func() { u.watchSettings(ctx) })
	steering.Go(func() { u.watchNotices(ctx) })
	steering.Go(func() { u.watchFences(ctx) })
	steering.Go(func() { u.pushFences(ctx) })
	steering.Go(func() { u.followLosses(ctx) })
	steering.Go(func() { u.sendAway(ctx) })
	defer steering.Wait()
	u.mu.Lock()
	u.open, u.work = true, work
	u.mu.Unlock()

	<-ctx.Done()
	u.mu.Lock()
	u.open, u.done = false, true
	for a := range u.agents {
		a.end(ErrGoingAway)
	}
	u.mu.Unlock()
	impatient := time.AfterFunc(drainGrace, cancel)
	defer impatient.Stop()
	u.running.Wait()
	close(u.rest)
	u.handsWork.Wait()
	return nil
}

// maxFreeHands is how many hands wait for work at most.
const maxFreeHands = 256

// employ has a hand labour for an agent.
func (u *Uplink) employ(a *agent) {
	a.worker.Add(1)
	select {
	case u.hands <- a:
	default:
		u.handsWork.Go(func() { u.hand(a) })
	}
}

// hand labours for one agent after the other. Deciding and committing needs a stack many times as large as the one that a new goroutine
// has, and growing it for every batch was a tenth of the work.
func (u *Uplink) hand(a *agent) {
	for {
		a.labour()
		a.worker.Done()
		if u.freeHands.Add(1) > maxFreeHands {
			u.freeHands.Add(-1)
			return
		}
		select {
		case a = <-u.hands:
			u.freeHands.Add(-1)
		case <-u.rest:
			return
		}
	}
}

// Agents is how many are connected.
func (u *Uplink) Agents() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.agents)
}

// Serve makes an agent's connection of a request and returns at once; the connection goes on by itself. The key in the
// Authorization header says which unit it is. An error is returned only while nothing was written to w, for the caller to
// answer.
func (u *Uplink) Serve(w http.ResponseWriter, r *http.Request) error {
	unit, err := u.unitOf(r)
	if err != nil {
		u.cfg.Metrics.hellos.WithLabelValues(refusalCode(err)).Inc()
		return err
	}
	a := newAgent(u, unit, r.RemoteAddr)
	a.work, err = u.enter(a)
	if err != nil {
		return err
	}
	ws, err := upgrade(&u.upgrader, w, r)
	if ws == nil {
		u.leave(a)
		return err
	}
	ws.SetReadLimit(maxAgentMessage)
	a.begin(ws)
	go a.run() // not the handler's goroutine: that one and its buffers cost several times as much
	return nil
}

func (u *Uplink) unitOf(r *http.Request) (fleet.UnitID, error) {
	key, ok := BearerToken(r)
	if !ok {
		return "", ErrUnauthorized
	}
	unit, err := u.cfg.Fleet.UnitByKey(r.Context(), key)
	if errors.Is(err, fleet.ErrNotFound) {
		return "", ErrUnauthorized
	}
	return unit, err
}

// BearerToken is what a request's Authorization header carries.
func BearerToken(r *http.Request) (token string, ok bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(scheme, "Bearer") && strings.TrimSpace(token) != ""
}

func (u *Uplink) enter(a *agent) (context.Context, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.done:
		return nil, ErrGoingAway
	case !u.open:
		return nil, ErrNotReady
	case len(u.agents) >= u.cfg.MaxAgents:
		return nil, ErrTooMany
	}
	u.arrivals++
	a.order = u.arrivals
	u.agents[a] = struct{}{}
	u.running.Add(1)
	u.cfg.Metrics.uplinks.Inc()
	return u.work, nil
}

func (u *Uplink) leave(a *agent) {
	u.mu.Lock()
	delete(u.agents, a)
	if u.units[a.unit] == a {
		delete(u.units, a.unit)
	}
	u.mu.Unlock()
	u.cfg.Metrics.uplinks.Dec()
	u.running.Done()
}

// claim makes a the connection of its unit and gives the one before, if any, which is told to go after the batch that it has
// under way. A connection whose Hello took so long that a newer one was here first is displaced itself.
func (u *Uplink) claim(a *agent) (before *agent, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	before = u.units[a.unit]
	if before != nil && before.order > a.order {
		return nil, ErrDisplaced
	}
	u.units[a.unit] = a
	if before != nil {
		before.end(ErrDisplaced)
	}
	return before, nil
}

func refusalCode(err error) string {
	f, _ := Explain(err)
	return f.Refusal
}
