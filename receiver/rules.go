package receiver

import (
	"time"

	"dipper/receiver/uplink"
)

// rules are what the centre can change of an agent while it runs.
type rules struct {
	shaping
	bytesPerDay uint64        // of the link both ways; 0 no limit
	linger      time.Duration // how long a new fix may wait for others to share a message with
}

// rules are the agent's own: they count wherever the centre says nothing.
func (c *Config) rules() rules {
	return rules{shaping: shaping{c.Interval, c.ThinErrorM, c.Hold}, bytesPerDay: c.MaxBytesPerDay, linger: c.Linger}
}

// under is r where the centre says nothing, and what it says elsewhere.
func (r rules) under(s uplink.UnitSettings) rules {
	if s.IntervalS != nil {
		r.interval = seconds(*s.IntervalS)
	}
	if s.ThinErrorM != nil {
		r.thinErrorM = *s.ThinErrorM
	}
	if s.Hold != nil {
		r.hold = *s.Hold
	}
	if s.MaxBytesPerDay != nil {
		r.bytesPerDay = *s.MaxBytesPerDay
	}
	if s.LingerS != nil {
		r.linger = seconds(*s.LingerS)
	}
	return r
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// adopt makes the rules of the centre's settings count from here on.
func (a *Agent) adopt(s uplink.UnitSettings) {
	r := a.cfg.rules().under(s)
	a.mu.Lock()
	a.rules = r
	a.mu.Unlock()
	a.outlet.adopt(r.shaping)
	a.bytesPerDay.Store(r.bytesPerDay)
	a.client.SetLinger(r.linger)
}
