package stream

import (
	"context"

	"dipper/fleet"
)

// Four goroutines of a node steer its units: one that follows settings, one that follows notices, one that follows fences, and one
// that works out the fences near units. They only leave things in the agents' hands and wake those, and wait for none of them.

// watchSettings hands changed settings to the units that are connected here, until ctx ends.
func (u *Uplink) watchSettings(ctx context.Context) {
	_ = u.cfg.Fleet.WatchSettings(ctx, u.steers, func(unit fleet.UnitID, s fleet.Settings) { // ends with ctx
		u.leaveWith(unit, func(st *steering) { st.takeSettings(s) })
	})
}

// watchNotices does the same for notices.
func (u *Uplink) watchNotices(ctx context.Context) {
	_ = u.cfg.Fleet.WatchNotices(ctx, u.steers, func(unit fleet.UnitID, n fleet.Notice) { // ends with ctx
		u.leaveWith(unit, func(st *steering) { st.takeNotice(n) })
	})
}

// steers reports whether a unit is connected here that sent a Report. One that sends it later reads what it needs itself.
func (u *Uplink) steers(unit fleet.UnitID) bool {
	u.mu.Lock()
	a := u.units[unit]
	u.mu.Unlock()
	if a == nil {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.steer != nil
}

// leaveWith puts something into the hands of a unit's agent and wakes it if it has to tell the unit.
func (u *Uplink) leaveWith(unit fleet.UnitID, put func(*steering)) {
	u.mu.Lock()
	a := u.units[unit]
	u.mu.Unlock()
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.steer == nil {
		return
	}
	put(a.steer)
	if a.steer.settingsDue() || a.steer.noticeDue() {
		a.wakeLocked()
	}
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
