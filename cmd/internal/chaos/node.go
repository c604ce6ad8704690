package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"dipper/geofence"
	"dipper/positioning/track"
)

// node is a process of the service, and a client of its API.
type node struct {
	process
	address  string // host:port
	token    string
	client   *http.Client
	baseline load // when no agent had come
	restarts int  // because it did not come up
}

// load is what a node holds.
type load struct {
	Goroutines int `json:"goroutines"`
	OpenFiles  int `json:"open_files"`
	Agents     int `json:"agents"` // connected
}

const requestTimeout = 30 * time.Second

// request asks the API; an answer of 400 or more is an error.
func (n *node) request(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, "http://"+n.address+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+n.token)
	r.Header.Set("Content-Type", "application/json")
	response, err := n.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= http.StatusBadRequest {
		err = fmt.Errorf("%s %s: %s: %s", method, path, response.Status, answer)
	}
	return answer, err
}

// get decodes a JSON answer.
func (n *node) get(ctx context.Context, path string, into any) error {
	answer, err := n.request(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("GET %s: %w", path, err)
	}
	return nil
}

// revive starts the node until it is ready. One that starts while Redis is away ends, for a supervisor to start it again.
func (n *node) revive(ctx context.Context) error {
	if err := n.start(); err != nil {
		return err
	}
	return eventually(ctx, n.name+" is ready", func() error {
		if n.ended() {
			n.restarts++
			return errors.Join(fmt.Errorf("%s ended", n.name), n.start())
		}
		_, err := n.request(ctx, http.MethodGet, "/readyz", nil)
		return err
	})
}

// ready waits until the node takes fixes.
func (n *node) ready(ctx context.Context) error {
	return eventually(ctx, n.name+" is ready", func() error {
		_, err := n.request(ctx, http.MethodGet, "/readyz", nil)
		return err
	})
}

// eventually polls until check is content, for a minute; then it gives check's last word.
func eventually(ctx context.Context, what string, check func() error) error {
	const patience, poll = time.Minute, 50 * time.Millisecond
	for begin := time.Now(); ; {
		err := check()
		if err == nil {
			return nil
		}
		if time.Since(begin) > patience {
			return fmt.Errorf("not within %v: %s: %w", patience, what, err)
		}
		if !pause(ctx, poll) {
			return ctx.Err()
		}
	}
}

// pause waits, and reports whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// load reads the node's metrics. What this process holds of the node's connections is given up first.
func (n *node) load(ctx context.Context) (load, error) {
	n.client.CloseIdleConnections()
	text, err := n.request(ctx, http.MethodGet, "/metrics", nil)
	if err != nil {
		return load{}, err
	}
	value := func(name string) int {
		for line := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(line, name+" "); ok {
				v, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
				if err == nil {
					return int(v)
				}
			}
		}
		return -1
	}
	return load{value("go_goroutines"), value("process_open_fds"), value("dipper_uplink_connections")}, nil
}

// completeness is the API's word on what it holds of a unit.
type completeness struct {
	Highest track.Seq       `json:"highest"`
	Missing track.Ranges    `json:"missing"`
	Series  track.Series    `json:"series"`
	Earlier json.RawMessage `json:"earlier"`
}

// told is an event as the API gives it.
type told struct {
	ID            string             `json:"id"`
	Kind          geofence.EventKind `json:"kind"`
	Unit          string             `json:"unit"`
	Fence         string             `json:"fence"`
	FenceRevision uint64             `json:"fence_revision"`
	Time          time.Time          `json:"time"`
	PlusMinusS    float64            `json:"plus_minus_s"`
	Lat           float64            `json:"lat"`
	Lon           float64            `json:"lon"`
	Series        uint32             `json:"series"`
	Seq           uint64             `json:"seq"`
	Reason        string             `json:"reason"`
	Revision      uint32             `json:"revision"`
	Retracted     bool               `json:"retracted"`
}

// asTold is an event as the API gives it when it was told once and stands.
func asTold(e geofence.Event) told {
	return told{
		e.ID, e.Kind, e.Unit, e.Fence, e.FenceRevision, e.Time, e.PlusMinusS, e.Point.Lat, e.Point.Lon,
		e.Series, e.Seq, e.Reason, 0, false,
	}
}

// events are all events after all corrections, by unit and without their revisions. The error names an entry that is in the log twice.
func (n *node) events(ctx context.Context) (map[string][]told, error) {
	latest := map[string]told{}
	for after := ""; ; {
		var page struct {
			Events []told `json:"events"`
			Next   string `json:"next"`
		}
		if err := n.get(ctx, "/api/v1/events?limit=1000&after="+after, &page); err != nil {
			return nil, err
		}
		if len(page.Events) == 0 {
			break
		}
		for _, e := range page.Events {
			if was := latest[e.ID]; e.Revision <= was.Revision {
				return nil, fmt.Errorf("event %s: revision %d stands in the log behind %d", e.ID, e.Revision, was.Revision)
			}
			latest[e.ID] = e
		}
		after = page.Next
	}
	out := map[string][]told{}
	for _, e := range latest {
		if !e.Retracted {
			e.Revision = 0
			out[e.Unit] = append(out[e.Unit], e)
		}
	}
	return out, nil
}
