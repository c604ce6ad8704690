package stream

import (
	"context"

	"dipper/fleet"
)

// Four goroutines of a node steer its units: one that follows settings, one that follows notices, one that follows fences, and one
// that works out the fences near units. They only leave things in the agents' hands and wake those, and wait for none of them.

// watchSettings hands changed settings to the units that are connected here, until ctx ends. fleet.WatchSettings says what a change
// costs; here it is a look at each connected unit that has settings.
func (u *Uplink) watchSettings(ctx context.Context) {
	_ = u.cfg.Fleet.WatchSettings(ctx, func(all map[fleet.UnitID]fleet.Settings) { // ends with ctx
		for _, a := range u.steeredAgents() {
			if s, ok := all[a.unit]; ok {
				a.leave(func(st *steering) { st.takeSettings(s) })
			}
		}
	})
}

// watchNotices does the same for notices.
func (u *Uplink) watchNotices(ctx context.Context) {
	_ = u.cfg.Fleet.WatchNotices(ctx, func(all map[fleet.UnitID]fleet.Notice) { // ends with ctx
		for _, a := range u.steeredAgents() {
			if n, ok := all[a.unit]; ok {
				a.leave(func(st *steering) { st.takeNotice(n) })
			}
		}
	})
}

// steeredAgents are the connections whose unit sent a Report.
func (u *Uplink) steeredAgents() []*agent {
	u.mu.Lock()
	agents := make([]*agent, 0, len(u.units))
	for _, a := range u.units {
		agents = append(agents, a)
	}
	u.mu.Unlock()
	steered := agents[:0]
	for _, a := range agents {
		a.mu.Lock()
		if a.steer != nil {
			steered = append(steered, a)
		}
		a.mu.Unlock()
	}
	return steered
}

// leave puts something into an agent's hands and wakes it if it has to tell the unit.
func (a *agent) leave(put func(*steering)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	put(a.steer)
	if a.steer.settingsDue() || a.steer.noticeDue() {
		a.wakeLocked()
	}
}
