package stream

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"dipper/fleet"
	"dipper/fleet/cell"
	"dipper/positioning/geo"
)

// Times of a relay.
const (
	gatherFor   = 100 * time.Millisecond // positions, before they are told: as often as viewers have their turns
	beatEvery   = time.Second
	peerSilence = 5 * time.Second // a node that is not heard for so long is gone
	areaLinger  = 30 * time.Second
	sendTimeout = 5 * time.Second
)

// relay shows the viewers of this node what other nodes took. Each node follows the areas at which its viewers look; what a
// node takes it tells to those who follow its area, the newest position of each unit every gatherFor, and nobody if it is
// alone. Messages are not kept. So an area is read from the store when it begins to be followed and whenever something may
// have been missed:
//
//   - a connection to Redis broke: the store says Began again;
//   - another node begins to tell what it takes, because it has just heard of us;
//   - another node had to give up positions, and says so in its beat;
//   - another node is gone, maybe with positions that it had taken and not told.
//
// While no other node was ever heard, the plot is whole: all that was in the store at the start and all that this node took.
// docs/decisions/0006-live-positions-between-nodes.md says what this costs and how stale a viewer may be.
type relay struct {
	log     *slog.Logger
	metrics *Metrics
	plot    *plot
	fleet   *fleet.Fleet      // this and the next are set by begin, before anything else
	store   fleet.SharedStore // nil: this is the only node there can be
	node    uint64            // names us in messages

	sending atomic.Bool // other nodes are there
	out     outgoing
	ready   chan struct{} // cap 1: positions wait to be told
	beatNow chan struct{} // cap 1: somebody wants to hear of us
	follow  chan []cell.ID
	unread  chan struct{} // cap 1: areas are to be read

	mu      sync.Mutex // guards the following
	peers   map[uint64]*peer
	heard   time.Time // when our own beat came back last
	whole   bool      // no other node was ever heard
	watched map[*viewer][]cell.ID
	areas   map[cell.ID]*area
	changed bool // areas that follow has not been told
}

// peer is another node.
type peer struct {
	beat
	heard time.Time
}

// area is what is known of a part of the earth that viewers look at.
type area struct {
	viewers int
	left    time.Time // when the last viewer left it
	begun   bool      // it is followed
	unread  bool      // it must be read
	fresh   bool      // it was read since it began
}

func newRelay(plot *plot, log *slog.Logger, metrics *Metrics) *relay {
	return &relay{
		log: log, metrics: metrics, plot: plot, whole: true,
		ready: make(chan struct{}, 1), beatNow: make(chan struct{}, 1), unread: make(chan struct{}, 1), follow: make(chan []cell.ID),
		peers: map[uint64]*peer{}, watched: map[*viewer][]cell.ID{}, areas: map[cell.ID]*area{},
	}
}

// begin gives the relay its fleet.
func (r *relay) begin(f *fleet.Fleet) error {
	r.fleet, r.store = f, f.Shared()
	var node [8]byte
	if _, err := rand.Read(node[:]); err != nil {
		return err
	}
	r.node = binary.BigEndian.Uint64(node[:])
	return nil
}

// run listens and tells until ctx ends.
func (r *relay) run(ctx context.Context) error {
	if r.store == nil {
		return nil
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { r.listen(ctx); return nil })
	g.Go(func() error { r.speak(ctx); return nil })
	g.Go(func() error { r.read(ctx); return nil })
	return g.Wait()
}

// nudge leaves word for a goroutine that may be busy.
func nudge(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default: // it has not looked since the last time
	}
}

// tell puts a position that this node took where other nodes look. A unit that changed its area is told to those who saw it before,
// too.
func (r *relay) tell(p fleet.Position, from cell.ID) {
	if !r.sending.Load() || p.Cell == 0 {
		return
	}
	to := cell.Parent(p.Cell, cell.Area)
	first := r.out.add(to, p)
	if from != 0 {
		if before := cell.Parent(from, cell.Area); before != to {
			r.out.add(before, p)
		}
	}
	if first {
		nudge(r.ready)
	}
}

// speak tells what was gathered, and that we are here.
func (r *relay) speak(ctx context.Context) {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case <-r.ready:
			if sleep(ctx, gatherFor) && !r.flush(ctx) && sleep(ctx, gatherFor) {
				nudge(r.ready)
			}
		case <-r.beatNow:
			r.beat(ctx, false)
		case <-tick.C:
			r.beat(ctx, false)
			r.expire(time.Now())
		case <-ctx.Done():
			r.leave(ctx)
			return
		}
	}
}

// flush tells what was gathered. What cannot be told is kept.
func (r *relay) flush(ctx context.Context) bool {
	areas := r.out.take()
	messages, positions := pack(r.node, areas)
	if len(messages) == 0 {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	if err := r.store.Send(ctx, messages); err != nil {
		r.log.Debug("positions not told to other nodes yet", "positions", positions, "error", err)
		r.out.giveBack(areas)
		return false
	}
	r.metrics.relayMessages.Add(float64(len(messages)))
	r.metrics.relayTold.Add(float64(positions))
	return true
}

func (r *relay) beat(ctx context.Context, leaving bool) {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	b := beat{sending: r.sending.Load(), leaving: leaving, losses: r.out.losses()}
	if err := r.store.Send(ctx, []fleet.Message{{Data: appendBeat(nil, r.node, b)}}); err != nil {
		r.log.Debug("other nodes not told that we are here", "error", err)
	}
}

// leave says the last word, so that nobody has to find out.
func (r *relay) leave(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	if r.flush(ctx) {
		r.beat(ctx, true)
	}
}

// listen follows the areas at which viewers look. A connection on which our own beats do not come back is given up: whatever is
// wrong with it, others are not heard on it either.
func (r *relay) listen(ctx context.Context) {
	for ctx.Err() == nil {
		ctx, cancel := context.WithCancel(ctx)
		r.mu.Lock()
		r.heard, r.changed = time.Now(), len(r.areas) > 0
		r.mu.Unlock()
		var running sync.WaitGroup
		running.Go(func() { r.store.Follow(ctx, r.follow, r) })
		r.steer(ctx)
		cancel()
		running.Wait()
	}
}

// steer tells the store what to follow, until our own beats are missing or ctx ends.
func (r *relay) steer(ctx context.Context) {
	tick := time.NewTicker(gatherFor)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			areas, changed, deaf := r.toFollow(now)
			if deaf {
				r.log.Warn("this node does not hear itself; it subscribes again")
				return
			}
			if !changed {
				continue
			}
			select {
			case r.follow <- areas:
			case <-ctx.Done():
				return
			}
		}
	}
}

// toFollow gives the areas that viewers look at, if that changed since it was asked last.
func (r *relay) toFollow(now time.Time) (areas []cell.ID, changed, deaf bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, a := range r.areas {
		if a.viewers == 0 && now.Sub(a.left) > areaLinger {
			delete(r.areas, id)
			r.changed = true
		}
	}
	r.metrics.relayAreas.Set(float64(len(r.areas)))
	deaf = now.Sub(r.heard) > 2*peerSilence
	if r.whole || !r.changed {
		return nil, false, deaf
	}
	r.changed = false
	return slices.Collect(maps.Keys(r.areas)), true, deaf
}

// Began implements fleet.Ear.
func (r *relay) Began(id cell.ID) {
	if id == 0 {
		nudge(r.beatNow)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if a := r.areas[id]; a != nil {
		a.begun, a.fresh = true, false
		r.rereadLocked(a)
	}
}

// Heard implements fleet.Ear.
func (r *relay) Heard(m fleet.Message) {
	message, err := decodeRelayMessage(m.Data)
	if err != nil {
		r.metrics.relayBad.Inc()
		r.log.Warn("a message between nodes was not understood", "error", err)
		return
	}
	switch {
	case message.beat != nil:
		r.hearBeat(message.node, *message.beat, time.Now())
	case message.node != r.node: // our own we know
		r.metrics.relayHeard.Add(float64(len(message.positions)))
		for _, p := range message.positions {
			r.plot.move(p)
		}
	}
}

func (r *relay) hearBeat(node uint64, b beat, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if node == r.node {
		r.heard = now
		return
	}
	before := r.peers[node]
	if b.leaving {
		delete(r.peers, node)
		r.countPeersLocked()
		return
	}
	r.peers[node] = &peer{b, now}
	if before == nil {
		r.log.Info("another node is here", "node", node)
		r.countPeersLocked()
		nudge(r.beatNow) // it waits to hear that we tell what we take
	}
	if b.sending && (before == nil || !before.sending || before.losses != b.losses) {
		r.rereadAllLocked()
	}
}

// expire forgets nodes that are silent. While we do not hear ourselves, nobody's silence means anything.
func (r *relay) expire(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.heard) > 2*beatEvery {
		return
	}
	for node, p := range r.peers {
		if now.Sub(p.heard) > peerSilence {
			r.log.Warn("a node is gone", "node", node)
			delete(r.peers, node)
			r.countPeersLocked()
			r.rereadAllLocked()
		}
	}
}

func (r *relay) countPeersLocked() {
	r.metrics.relayNodes.Set(float64(len(r.peers)))
	r.sending.Store(len(r.peers) > 0)
	if len(r.peers) > 0 && r.whole {
		r.whole, r.changed = false, true
	}
}

// watch says at which areas a viewer looks from now on; none when it has left.
func (r *relay) watch(v *viewer, areas []cell.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	for _, id := range areas {
		a := r.areas[id]
		if a == nil {
			a = &area{}
			r.areas[id] = a
			r.changed = true
		}
		a.viewers++
	}
	for _, id := range r.watched[v] {
		a := r.areas[id]
		a.viewers--
		a.left = now
	}
	r.watched[v] = areas
	if len(areas) == 0 {
		delete(r.watched, v)
	}
}

// fresh reports whether the plot has all that the viewer looks at.
func (r *relay) fresh(v *viewer) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.whole {
		return true
	}
	for _, id := range r.watched[v] {
		if !r.areas[id].fresh {
			return false
		}
	}
	return true
}

// areasOf are the areas in which units of a view can be.
func areasOf(view geo.Box) []cell.ID {
	areas, _ := cell.Cover(view, cell.Area, maxAreas)
	return areas
}

// maxAreas is more than there are.
const maxAreas = 6000
