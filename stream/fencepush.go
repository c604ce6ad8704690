package stream

import (
	"context"
	"sync"
	"time"

	"dipper/fleet"
	"dipper/geofence"
)

// fencePushes tells units the fences near them. One goroutine works out the sets, one unit after the other, so that an edit in the
// circles of 50,000 units takes this node one core for a minute and delays no acknowledgement; each agent's second goroutine
// then sends its own, so that a unit that does not read holds up nobody.
type fencePushes struct {
	wake chan struct{} // cap 1: has an element if there is something in todo

	mu   sync.Mutex
	todo map[*agent]struct{} // at most the agents that are connected
}

func newFencePushes() *fencePushes {
	return &fencePushes{wake: make(chan struct{}, 1), todo: map[*agent]struct{}{}}
}

// due has it looked at soon whether a unit should be told the fences near it.
func (p *fencePushes) due(a *agent) {
	p.mu.Lock()
	p.todo[a] = struct{}{}
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default: // it is awake
	}
}

func (p *fencePushes) take() map[*agent]struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	todo := p.todo
	p.todo = map[*agent]struct{}{}
	return todo
}

// pushFences works on what is due until ctx ends.
func (u *Uplink) pushFences(ctx context.Context) {
	later := map[*agent]struct{}{} // were told a short while ago
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-u.pushes.wake:
		case <-again.C:
			for a := range later {
				u.pushes.due(a)
			}
			clear(later)
		}
		for a := range u.pushes.take() {
			if ctx.Err() != nil {
				return
			}
			if wait := u.pushTo(a); wait > 0 {
				if len(later) == 0 {
					again.Reset(wait)
				}
				later[a] = struct{}{}
			}
		}
	}
}

// pushTo works out the fences near one unit, and has them sent if it does not hold them. If it was sent some a short while ago,
// it says how long to wait: an operator who draws a fence corner by corner must not use up a unit's data.
func (u *Uplink) pushTo(a *agent) (wait time.Duration) {
	a.mu.Lock()
	s := a.steer
	if s == nil || a.cause != nil || !s.loaded || !s.located || !s.report.WantsFences {
		a.mu.Unlock()
		return 0
	}
	here, held := s.point, s.fences.sent
	fresh := held.Version == 0
	if fresh {
		held = s.fences.held
		if held.Version != s.report.FencesVersion {
			held.Version = 0
		}
	}
	since := time.Since(s.fences.at)
	a.mu.Unlock()
	if !fresh && since < u.cfg.FencesEvery {
		return u.cfg.FencesEvery - since
	}

	ix := u.cfg.Fleet.FenceIndex()
	set, msg, err := fencesFrom(ix, held, here, time.Now())
	if err != nil { // what cannot be encoded is in no index
		u.log.Error("fences are not sent", "unit", a.unit, "error", err)
		return 0
	}
	a.mu.Lock()
	s.fences.sent = set
	if set.Version != held.Version && set.Version != s.report.FencesVersion {
		s.fences.msg, s.fences.at = msg, time.Now()
		a.wakeLocked()
	}
	a.mu.Unlock()
	if u.cfg.Fleet.FenceIndex() != ix { // the watcher may have looked at the circle before this one
		u.pushes.due(a)
	}
	return 0
}

// watchFences finds, after each change of the fences, the units that have one of the changed ones in their circle. That costs a comparison of all
// fences (1 ms for 100,000) and a look into the index of the changed ones for each unit (1 µs).
func (u *Uplink) watchFences(ctx context.Context) {
	before := u.cfg.Fleet.FenceIndex()
	_ = u.cfg.Fleet.WatchFences(ctx, func() error { // ends with ctx
		after := u.cfg.Fleet.FenceIndex()
		changed := changedFences(before, after)
		before = after
		if len(changed.Fences()) == 0 {
			return nil
		}
		for _, a := range u.steeredAgents() {
			if a.concerns(changed) {
				u.pushes.due(a)
			}
		}
		return nil
	})
}

// concerns reports whether a unit should hear of some of the fences.
func (a *agent) concerns(changed *geofence.Index) bool {
	a.mu.Lock()
	s := a.steer
	wants := s != nil && s.report.WantsFences
	var circle fleet.FencesHeld
	if wants {
		circle = s.fences.sent
	}
	a.mu.Unlock()
	return wants && (circle.Version == 0 || len(changed.Nearby(circle.Centre, circle.RadiusM, time.Time{}, 1)) > 0)
}
