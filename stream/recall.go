package stream

import (
	"context"
	"time"

	"dipper/fleet"
)

// recallPause lies between two agents that are sent away to say hello again: a node with 50,000 of them is through in 100 s, and
// the hellos, each of which reads the store, come at 500 a second.
const recallPause = 2 * time.Millisecond

// recall has all agents that are connected now say hello again, one after the other, because the store may have lost what it
// acknowledged: a unit that sends nothing new would not notice. why, if not nil, is the agent that did; if it is already on the
// list, the loss is known.
func (u *Uplink) recall(why *agent) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if why != nil && why.order <= u.recalled {
		return
	}
	u.recalled = u.arrivals
	nudge(u.recalls)
}

// followLosses has agents say hello again when the store may have lost something.
func (u *Uplink) followLosses(ctx context.Context) {
	store := u.cfg.Fleet.Shared()
	for seen := uint64(0); store != nil; {
		now, err := store.WaitLoss(ctx, seen)
		if err != nil {
			return // ctx ended, or the store
		}
		seen = now
		u.recall(nil)
	}
}

// sendAway ends the connections that recall names, until ctx ends.
func (u *Uplink) sendAway(ctx context.Context) {
	for {
		select {
		case <-u.recalls:
		case <-ctx.Done():
			return
		}
		agents := u.toRecall()
		u.log.Warn("the store may have lost acknowledged fixes: agents are asked for what is missing", "agents", len(agents))
		for _, a := range agents {
			a.end(fleet.ErrWentBack)
			u.cfg.Metrics.recalled.Inc()
			if !sleep(ctx, recallPause) {
				return
			}
		}
	}
}

func (u *Uplink) toRecall() (agents []*agent) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for a := range u.agents {
		if a.order <= u.recalled {
			agents = append(agents, a)
		}
	}
	return agents
}
