package receiver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"dipper/positioning"
	"dipper/positioning/track"
	"dipper/receiver/spool"
	"dipper/receiver/uplink"
)

// Status is what the agent can say of itself, as /status writes it. Unknown values are absent.
type Status struct {
	Unit    string            `json:"unit"`
	Version string            `json:"version,omitempty"`
	Started time.Time         `json:"started"`
	Source  SourceStatus      `json:"source"`           // the receiver in use
	Others  []SourceStatus    `json:"others,omitempty"` // those that are not, by rank
	Fix     json.RawMessage   `json:"fix,omitempty"`    // the last, as positioning.AppendJSON writes it
	FixAge  *float64          `json:"fix_age_s,omitempty"`
	Spool   *SpoolStatus      `json:"spool,omitempty"`
	Link    *LinkStatus       `json:"link,omitempty"`
	Counted map[string]uint64 `json:"counters"` // see metrics.go
}

// SourceStatus is the receiver as the agent sees it.
type SourceStatus struct {
	Name    string               `json:"name"`
	Silence *float64             `json:"silent_s,omitempty"` // since the last byte
	Antenna string               `json:"antenna,omitempty"`  // "OK", "OPEN" or "SHORT" where the module says it
	Sky     map[string]SkyStatus `json:"sky,omitempty"`      // by constellation
	Setup   *SetupStatus         `json:"setup,omitempty"`
}

// SkyStatus is one constellation's satellites in view.
type SkyStatus struct {
	InView  int `json:"in_view"`
	Tracked int `json:"tracked"`
	MaxCN0  int `json:"max_cn0_dbhz,omitempty"` // of the strongest
}

// SpoolStatus is what is on disk.
type SpoolStatus struct {
	Series   track.Series `json:"series"`
	Oldest   track.Seq    `json:"oldest"`
	Newest   track.Seq    `json:"newest"`
	Unacked  uint64       `json:"unacked"` // fixes that the service has not said it holds
	Bytes    int64        `json:"bytes"`
	InMemory int          `json:"in_memory"`         // fixes that are not on disk yet
	Failing  string       `json:"failing,omitempty"` // why the disk takes nothing
}

func spoolStatus(s spool.Stats) *SpoolStatus {
	return &SpoolStatus{
		Series: s.Series, Oldest: s.Oldest, Newest: s.Newest, Unacked: s.Unacked, Bytes: s.Bytes, InMemory: s.InMemory, Failing: s.Failing,
	}
}

// LinkStatus is the way to the service.
type LinkStatus struct {
	Connected bool      `json:"connected"`
	Since     time.Time `json:"since"`                // of connected
	LastError string    `json:"last_error,omitempty"` // why it is not connected, or was not
}

// Status is how things stand. Safe for concurrent use.
func (a *Agent) Status() Status {
	a.mu.Lock()
	reports, sp, client := slices.Clone(a.latest), a.spool, a.client
	a.mu.Unlock()
	active := a.outlet.active()
	latest := reports[active]
	s := Status{
		Unit: a.cfg.Unit, Version: a.cfg.Version, Started: a.started.UTC(),
		Source:  a.sourceStatus(active, latest),
		FixAge:  a.age(latest.at),
		Counted: map[string]uint64{},
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
		s.Spool, s.Link = spoolStatus(kept), &LinkStatus{Connected: link.Connected, Since: link.Since.UTC(), LastError: link.LastError}
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

func (a *Agent) sourceStatus(n int, r report) SourceStatus {
	s := SourceStatus{Name: a.sources[n].String(), Silence: a.age(r.heard), Antenna: r.antenna, Sky: sky(r.sky)}
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

func sky(s positioning.Sky) map[string]SkyStatus {
	m := map[string]SkyStatus{}
	for c := range positioning.NumConstellations {
		if s.InView[c] > 0 {
			m[c.String()] = SkyStatus{InView: int(s.InView[c]), Tracked: int(s.Tracked[c]), MaxCN0: int(s.MaxCN0[c])}
		}
	}
	return m
}

// Handler serves the driver's page, /status as JSON, and /metrics in Prometheus' text format. It shows where the vehicle is: serve it on
// loopback, or to a network that may know.
func (a *Agent) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		body, err := json.MarshalIndent(a.Status(), "", "  ")
		if err != nil { // a NaN, which no field can hold
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		respond(w, "application/json", append(body, '\n'))
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		respond(w, "text/plain; version=0.0.4; charset=utf-8", a.appendMetrics(nil))
	})
	handlePage(mux)
	return mux
}

func respond(w http.ResponseWriter, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(body) // whoever asked is gone, which is his affair
}

// serveStatus serves Handler on l until ctx ends.
func (a *Agent) serveStatus(ctx context.Context, l net.Listener) {
	const slow = 5 * time.Second
	server := &http.Server{Handler: a.Handler(), ReadTimeout: slow, WriteTimeout: slow, IdleTimeout: 2 * slow, MaxHeaderBytes: 8 << 10}
	a.cfg.Log.Info("status page", "address", fmt.Sprintf("http://%s/", l.Addr()))
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		<-ctx.Done()
		_ = server.Close() // an error of a listener that is closed all the same
	}()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		a.cfg.Log.Error("status page ended", "err", err)
	}
	<-stopped
}
