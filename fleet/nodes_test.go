package fleet_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dipper/fleet"
	"dipper/geofence"
	"dipper/positioning"
	"dipper/positioning/geo"
	"dipper/positioning/track"
)

// The same property with everything at once: two nodes on one store, several units, batches late, twice and in any order, and at any call
// of the store a mishap: a lost answer, a conflict, the node's death, the other node in between, a commit that arrives when its
// caller has gone. Nothing runs at the same time as anything else and no clock counts, so a run can be repeated from its seed:
//
//	make model SEED=…   (more than 10,000 runs)

// nodesRun is one run: two nodes on a store, and what is still to come.
type nodesRun struct {
	t     *rapid.T
	store *modelStore
	clock atomic.Int64 // Unix milliseconds, of both nodes
	nodes [2]*node

	plan    []mishap           // of the calls to come
	acting  *door              // whose calls take from the plan; nil: nobody's
	leave   context.CancelFunc // ends what the acting node was asked for
	parked  *parkedCommit      // nil: none
	batches []unitBatch        // not acknowledged
	edits   []fenceEdit        // not made
	seen    *seen
}

// node is a process of the service.
type node struct {
	running
	door *door
}

type unitBatch struct {
	unit  fleet.UnitID
	batch track.Batch
}

// fenceEdit is a change of a fence at a time of the centre's clock.
type fenceEdit struct {
	at      time.Time
	fence   string
	feature string // "": it is deleted
}

// seen counts over all runs what came to pass, so that a test that shows nothing is seen.
type seen struct {
	runs      int
	mishaps   [mishapKinds]int
	fixes     int
	conflicts uint64
	late      uint64
	retracted uint64
	edits     int
}

// parkedCommit is on its way to the store.
type parkedCommit struct {
	release chan struct{}
	done    chan struct{}
}

// peek is what befalls the next call of a node.
func (r *nodesRun) peek(d *door) mishap {
	if r.acting != d || d.dead || len(r.plan) == 0 {
		return nothing
	}
	if r.plan[0] == abandoned && r.parked != nil { // its lane would have no other beside it
		return nothing
	}
	return r.plan[0]
}

// next is peek, and then it is used up.
func (r *nodesRun) next(d *door) mishap {
	what := r.peek(d)
	if r.acting == d && len(r.plan) > 0 {
		r.plan = r.plan[1:]
		r.seen.mishaps[what]++
	}
	return what
}

// park keeps a commit back whose caller goes away.
func (r *nodesRun) park(call func() error) error {
	p := &parkedCommit{release: make(chan struct{}), done: make(chan struct{})}
	r.parked = p
	r.leave()
	<-p.release
	defer close(p.done)
	return call()
}

// arrive lets the parked commit reach the store.
func (r *nodesRun) arrive() {
	if p := r.parked; p != nil {
		close(p.release)
		<-p.done
		r.parked = nil
	}
}

// overtake lets the other node do something while a node is in the middle of something. Nothing goes wrong meanwhile.
func (r *nodesRun) overtake(d *door) {
	r.acting = nil
	defer func() { r.acting = d }()
	other := r.nodes[1-d.node]
	if other == nil || other.door.dead {
		return
	}
	if len(r.edits) > 0 && len(r.plan)%3 == 0 || len(r.batches) == 0 { // d may be at the same fence
		_, _, _ = other.PutFence(context.Background(), "gate", []byte(testFences(r.t)["yard"])) // what comes of it, the store knows
		return
	}
	// The acting node's batch is the first: it overtakes itself, or another of the unit does.
	b := r.batches[len(r.plan)%len(r.batches)]
	if err := other.Accept(context.Background(), b.unit, b.batch); err != nil && !errors.Is(err, fleet.ErrUnavailable) {
		r.t.Errorf("the other node: %v", err)
	}
}

// do asks a node for something until it is done, and starts nodes that died. The node is another one each time.
func (r *nodesRun) do(first int, ask func(ctx context.Context, n *node) error) {
	const tries = 100 // more than a plan has mishaps
	for i := first; ; i++ {
		if i > tries {
			r.t.Fatal("it cannot be done, although nothing goes wrong any more")
		}
		r.start(i % 2)
		n := r.nodes[i%2]
		ctx, leave := context.WithCancel(context.Background())
		r.acting, r.leave = n.door, leave
		err := ask(ctx, n)
		r.acting = nil
		leave()
		if errors.Is(err, fleet.ErrWentBack) { // a conflict for nothing: the unit says hello again
			continue
		}
		if err == nil {
			return
		}
		if !errors.Is(err, fleet.ErrUnavailable) && !errors.Is(err, context.Canceled) {
			r.t.Fatalf("node %d: %v", i%2, err)
		}
	}
}

// start puts a new node in the place of a dead one.
func (r *nodesRun) start(i int) {
	if n := r.nodes[i]; n != nil {
		if !n.door.dead {
			return
		}
		r.stop(n)
	}
	for {
		d := newDoor(r, i)
		r.acting, r.leave = d, func() {}
		f, err := fleet.New(context.Background(), fleet.Config{Store: d, Now: r.now, Limits: nodesLimits})
		r.acting = nil
		if err == nil {
			r.nodes[i] = &node{goOn(r.t, f), d}
			return
		}
	}
}

// nodesLimits hold every fix for past that a run can hold for past, wherever its clock stands.
var nodesLimits = fleet.Limits{FutureSkew: 60 * 24 * time.Hour, CachedUnits: 1}

func (r *nodesRun) now() time.Time { return time.UnixMilli(r.clock.Load()).UTC() }

// stop ends a node. What it has on its way arrives.
func (r *nodesRun) stop(n *node) {
	r.arrive()
	n.stop()
	s := n.Stats()
	r.seen.conflicts += s.Conflicts
	r.seen.late += s.LateBatches
	r.seen.retracted += s.RetractedEvents
}

// deliver hands the first batch to a node as an agent does that hears nothing and comes back: perhaps to the other node.
func (r *nodesRun) deliver(first int) {
	b := r.batches[0]
	r.do(first, func(ctx context.Context, n *node) error {
		err := n.Accept(ctx, b.unit, b.batch)
		if errors.Is(err, fleet.ErrWentBack) {
			r.acting = nil
			if _, err := n.Held(ctx, b.unit, b.batch.Series); err != nil {
				r.t.Fatalf("Held: %v", err)
			}
		}
		return err
	})
	numbers := track.Range{First: b.batch.First, Last: b.batch.Last()}
	c, err := r.nodes[first].Completeness(context.Background(), b.unit) // from the store, not from what the node knows
	held := c.Held
	for _, e := range c.Earlier {
		if e.Series == b.batch.Series {
			held = e.Held
		}
	}
	if !r.nodes[first].door.dead && (err != nil || !held.Covers(numbers)) {
		r.t.Fatalf("%s %v acknowledged, held %v, %v", b.unit, numbers, held, err)
	}
	r.batches = r.batches[1:]
}

// edit makes the next change of a fence. A feature that the service refuses is refused.
func (r *nodesRun) edit(first int) {
	e := r.edits[0]
	r.edits = r.edits[1:]
	r.clock.Store(e.at.UnixMilli())
	r.do(first, func(ctx context.Context, n *node) error {
		var err error
		if e.feature == "" {
			err = n.DeleteFence(ctx, e.fence)
		} else {
			_, _, err = n.PutFence(ctx, e.fence, []byte(e.feature))
		}
		var invalid *fleet.InvalidError
		if errors.Is(err, fleet.ErrNotFound) || errors.As(err, &invalid) {
			return nil
		}
		return err
	})
	r.seen.edits++
}

// play goes on until every batch is acknowledged and every edit made.
func (r *nodesRun) play() {
	for len(r.batches)+len(r.edits) > 0 {
		step := rapid.IntRange(0, 15).Draw(r.t, "step")
		first := step % 2
		r.start(0)
		r.start(1)
		switch {
		case step < 2:
			r.nodes[first].door.learn()
		case step < 4:
			r.nodes[first].door.dead = true
		case step < 6:
			r.arrive()
		case step < 9 && len(r.edits) > 0 || len(r.batches) == 0:
			r.edit(first)
		default:
			r.deliver(first)
		}
	}
}

// drawPlan leaves most calls alone.
func drawPlan(t *rapid.T) []mishap {
	plan := make([]mishap, rapid.IntRange(0, 60).Draw(t, "planned calls"))
	for i := range plan {
		plan[i] = max(nothing, mishap(rapid.IntRange(-int(mishapKinds), int(mishapKinds)-1).Draw(t, "mishap")))
	}
	return plan
}

// drawEdits changes fences at times of fixes, a little before and after, each later than the one before.
func drawEdits(t *rapid.T, fixes []fleet.TrackFix) []fenceEdit {
	features := testFences(t)
	ids := []string{"berth", "gate", "yard"}
	aTime := func(label string) time.Time {
		at := rapid.SampledFrom(fixes).Draw(t, label).Fix.Time
		return at.Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "aside")) * time.Millisecond)
	}
	var out []fenceEdit
	for range rapid.IntRange(0, 5).Draw(t, "edits") {
		e := fenceEdit{at: aTime("at"), fence: rapid.SampledFrom(ids).Draw(t, "fence")}
		if e.at.Before(testStart) || e.at.After(testNow) {
			e.at = testStart
		}
		if rapid.IntRange(0, 3).Draw(t, "delete") > 0 {
			e.feature = features[rapid.SampledFrom(ids).Draw(t, "shape")]
			if rapid.IntRange(0, 3).Draw(t, "from") == 0 {
				from := aTime("valid from").Format(time.RFC3339Nano)
				e.feature = strings.Replace(e.feature, `"kind"`, fmt.Sprintf(`"valid_from":%q,"kind"`, from), 1)
			}
		}
		out = append(out, e)
	}
	slices.SortStableFunc(out, func(a, b fenceEdit) int { return a.at.Compare(b.at) })
	for i := 1; i < len(out); i++ {
		if !out[i].at.After(out[i-1].at) {
			out[i].at = out[i-1].at.Add(time.Millisecond)
		}
	}
	return out
}

// oldest is a fix from before all others, in a series of its own. When it comes last, everything is decided once more, by the fences
// of that moment: what the others were decided by no longer matters.
func oldest() fleet.TrackFix {
	f := positioning.NewFix(testStart.AddDate(0, 0, -18), geo.Point{Lat: testPlace.Lat, Lon: testPlace.Lon - 1})
	return fleet.TrackFix{Series: 1, Seq: 1, Fix: track.Quantize(f)}
}

// withoutForgotten drops events of fence revisions that no index has: they are told once and never changed again.
func withoutForgotten(events []geofence.Event, ix *geofence.Index) []geofence.Event {
	return slices.DeleteFunc(events, func(e geofence.Event) bool {
		return !slices.ContainsFunc(ix.Fences(), func(f geofence.Fence) bool { return f.ID == e.Fence && f.Revision == e.FenceRevision })
	})
}

func playNodes(t *rapid.T, s *seen, units []fleet.UnitID, edited bool) {
	r := &nodesRun{t: t, store: newModelStore(), plan: drawPlan(t), seen: s}
	r.clock.Store(testNow.UnixMilli())
	if edited {
		r.clock.Store(testStart.UnixMilli())
	}
	defer func() {
		for _, n := range r.nodes {
			if n != nil {
				r.stop(n)
			}
		}
	}()
	first, err := fleet.New(t.Context(), fleet.Config{Store: r.store, Now: r.now})
	if err != nil {
		t.Fatal(err)
	}
	putFences(t, first)
	fixes := map[fleet.UnitID][]fleet.TrackFix{}
	for _, unit := range units {
		fixes[unit] = drawTrack(t)
		s.fixes += len(fixes[unit])
		for _, b := range drawArrival(t, fixes[unit]) {
			r.batches = append(r.batches, unitBatch{unit, b})
		}
	}
	if len(units) > 1 {
		r.batches = rapid.Permutation(r.batches).Draw(t, "between units")
	}
	if edited {
		r.edits = drawEdits(t, fixes[units[0]])
	}
	r.play()
	r.arrive()
	r.start(0)
	r.start(1)
	if edited {
		for _, unit := range units {
			fixes[unit] = append(fixes[unit], oldest())
			r.batches = append(r.batches, unitBatch{unit, batchOf([]fleet.TrackFix{oldest()})})
		}
		for len(r.batches) > 0 {
			r.nodes[0].door.learn()
			r.plan = nil
			r.deliver(0)
		}
	}
	r.compare(fixes)
	s.runs++
}

// compare holds what a new node finds in the store against one look at all fixes.
func (r *nodesRun) compare(fixes map[fleet.UnitID][]fleet.TrackFix) {
	f, err := fleet.New(r.t.Context(), fleet.Config{Store: r.store, Now: func() time.Time { return testNow }})
	if err != nil {
		r.t.Fatal(err)
	}
	for unit, all := range fixes {
		got, want := look(r.t, unit, f, r.store), expect(r.t, unit, all, f.FenceIndex())
		got.events, want.events = withoutForgotten(got.events, f.FenceIndex()), withoutForgotten(want.events, f.FenceIndex())
		for id := range want.occupants {
			if _, err := f.Fence(r.t.Context(), id); err != nil { // deleted: nobody can ask for it
				delete(want.occupants, id)
			}
		}
		got.check(r.t, want)
		checkLog(r.t, unit, f, r.store)
	}
}

func TestWhateverGoesWrongEndsAsTheModelSays(t *testing.T) {
	kinds := []struct {
		name   string
		units  []fleet.UnitID
		edited bool
	}{
		{"one unit", []fleet.UnitID{testUnit}, false},
		{"three units", []fleet.UnitID{testUnit, "t2", "t3"}, false},
		{"fences change", []fleet.UnitID{testUnit}, true},
	}
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			var s seen
			rapid.Check(t, func(rt *rapid.T) { playNodes(rt, &s, k.units, k.edited) })
			t.Logf("%d runs, seed %s (0: a random one), %+v", s.runs, flag.Lookup("rapid.seed").Value, s)
			if s.conflicts == 0 || s.late == 0 || s.retracted == 0 || slices.Contains(s.mishaps[:], 0) {
				t.Errorf("the runs show too little")
			}
			if k.edited && s.edits == 0 {
				t.Errorf("no fence was changed")
			}
		})
	}
}
