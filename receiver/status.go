package receiver

import (
	"encoding/json"
	"slices"
	"time"

	"dipper/positioning"
	"dipper/positioning/track"
	"dipper/receiver/spool"
	"dipper/receiver/uplink"
)

// Status is what the agent can say of itself, as /status writes it. Unknown values are absent.
type Status struct {
	Unit     string            `json:"unit"`
	Version  string            `json:"version,omitempty"`
	Started  time.Time         `json:"started"`
	Source   SourceStatus      `json:"source"`           // the receiver in use
	Others   []SourceStatus    `json:"others,omitempty"` // those that are not, by rank
	Fix      json.RawMessage   `json:"fix,omitempty"`    // the last, as positioning.AppendJSON writes it
	FixAge   *float64          `json:"fix_age_s,omitempty"`
	Spool    *SpoolStatus      `json:"spool,omitempty"`
	Link     *LinkStatus       `json:"link,omitempty"`
	Settings SettingsStatus    `json:"settings"`
	Fences   *FencesStatus     `json:"fences,omitempty"`         // absent before the first set came from the centre
	Events   []EventStatus     `json:"events,omitempty"`         // the latest that were decided on board, newest first
	Notice   *NoticeStatus     `json:"notice,omitempty"`         // the dispatcher's last
	Behind   float64           `json:"clock_behind_s,omitempty"` // how far the host's clock is behind the satellites'
	Counted  map[string]uint64 `json:"counters"`                 // see metrics.go
}

// SettingsStatus is what is in force, the centre's or the unit's own.
type SettingsStatus struct {
	Revision    uint64  `json:"revision"`          // of the centre's settings that came last; 0 none
	Problem     string  `json:"problem,omitempty"` // why those are not in force
	IntervalS   float64 `json:"interval_s"`
	ThinErrorM  float64 `json:"thin_error_m"`
	Hold        bool    `json:"hold"`
	BytesPerDay uint64  `json:"max_bytes_per_day"`
	LingerS     float64 `json:"linger_s"`
	Thrift      int     `json:"thrift"` // how many times the data budget made the thinning harder
}

// NoticeStatus is what the dispatcher wants the driver to read.
type NoticeStatus struct {
	ID   string    `json:"id"`
	At   time.Time `json:"at"`
	Text string    `json:"text"`
	Read bool      `json:"read"` // the driver said so
}

// SourceStatus is the receiver as the agent sees it.
type SourceStatus struct {
	Name       string               `json:"name"`
	Silence    *float64             `json:"silent_s,omitempty"`   // since the last byte
	Antenna    string               `json:"antenna,omitempty"`    // "OK", "OPEN" or "SHORT" where the module says it
	Sky        map[string]SkyStatus `json:"sky,omitempty"`        // by constellation
	Satellites []SatelliteStatus    `json:"satellites,omitempty"` // in view
	Setup      *SetupStatus         `json:"setup,omitempty"`
}

// SpoolStatus is what is on disk.
type SpoolStatus struct {
	Series   track.Series `json:"series"`
	Oldest   track.Seq    `json:"oldest"`
	Newest   track.Seq    `json:"newest"`
	Unacked  uint64       `json:"unacked"`             // fixes that the service has not said it holds
	Waiting  *float64     `json:"waiting_s,omitempty"` // how long before the last fix the oldest of these was
	Bytes    int64        `json:"bytes"`
	InMemory int          `json:"in_memory"`         // fixes that are not on disk yet
	Failing  string       `json:"failing,omitempty"` // why the disk takes nothing
	Dropped  uint64       `json:"dropped"`           // fixes given up, since the start, that the service has not said it holds
}

func spoolStatus(s spool.Stats, waiting *float64) *SpoolStatus {
	return &SpoolStatus{
		Series: s.Series, Oldest: s.Oldest, Newest: s.Newest, Unacked: s.Unacked, Waiting: waiting, Bytes: s.Bytes,
		InMemory: s.InMemory, Failing: s.Failing, Dropped: s.Dropped,
	}
}

// LinkStatus is the way to the service.
type LinkStatus struct {
	Connected bool      `json:"connected"`
	Since     time.Time `json:"since"`                // of connected
	SinceS    *float64  `json:"since_s"`              // the same as seconds ago
	LastError string    `json:"last_error,omitempty"` // why it is not connected, or was not
}

// Status is how things stand. Safe for concurrent use.
func (a *Agent) Status() Status {
	a.mu.Lock()
	reports, sp, client := slices.Clone(a.latest), a.spool, a.client
	for i := range reports {
		reports[i].satellites = slices.Clone(reports[i].satellites)
	}
	a.mu.Unlock()
	active := a.outlet.active()
	latest := reports[active]
	s := Status{
		Unit: a.cfg.Unit, Version: a.cfg.Version, Started: a.started.UTC(),
		Source:   a.sourceStatus(active, latest),
		FixAge:   a.age(latest.at),
		Settings: a.settingsStatus(),
		Fences:   a.steering.fencesStatus(latest.accepted),
		Events:   a.visits.latestNews(a.clock.Now()),
		Behind:   a.clock.Behind().Seconds(),
		Notice:   a.steering.noticeStatus(),
		Counted:  map[string]uint64{},
	}
	for n, r := range reports {
		if n != active {
			s.Others = append(s.Others, a.sourceStatus(n, r))
		}
	}
	if !latest.at.IsZero() {
		s.Fix = positioning.AppendJSON(nil, latest.fix)
	}
	var kept spool.Stats
	var link uplink.Status
	if sp != nil {
		kept, link = sp.Stats(), client.Status()
		s.Spool, s.Link = spoolStatus(kept, a.backlog.age(sp, latest.fix.Time)), &LinkStatus{Connected: link.Connected, Since: link.Since.UTC(), SinceS: a.age(link.Since), LastError: link.LastError}
	}
	for _, c := range a.counts(kept, link) {
		s.Counted[c.name] = c.value
	}
	for _, r := range reports {
		for _, c := range decoderCounts(r.stats) {
			s.Counted[c.name] += c.value
		}
	}
	return s
}

func (a *Agent) settingsStatus() SettingsStatus {
	a.mu.Lock()
	r := a.rules
	a.mu.Unlock()
	revision, problem := a.steering.settingsTaken()
	return SettingsStatus{
		Revision: revision, Problem: problem, IntervalS: r.interval.Seconds(), ThinErrorM: r.thinErrorM, Hold: r.hold,
		BytesPerDay: r.bytesPerDay, LingerS: r.linger.Seconds(), Thrift: a.outlet.saving(),
	}
}

func (a *Agent) sourceStatus(n int, r report) SourceStatus {
	s := SourceStatus{
		Name: a.sources[n].String(), Silence: a.age(r.heard), Antenna: r.antenna, Sky: skyStatus(r.sky), Satellites: satelliteStatus(r.satellites),
	}
	if a.setups[n] != nil {
		st := a.setups[n].Status()
		s.Setup = &st
	}
	return s
}

// age is the seconds since t; nil for never.
func (a *Agent) age(t time.Time) *float64 {
	if t.IsZero() {
		return nil
	}
	s := a.cfg.Now().Sub(t).Seconds()
	return &s
}
