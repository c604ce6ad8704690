package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dipper/receiver"
)

// steeredUnit is an agent in this process whose module is a TCP server of the test's, and a service that steers it.
type steeredUnit struct {
	t      *testing.T
	url    string // of the service
	cfg    receiver.Config
	module net.Listener
	agent  *receiver.Agent
	line   net.Conn // to the agent
	stop   func()
}

func newSteeredUnit(t *testing.T) *steeredUnit {
	t.Helper()
	data := t.TempDir()
	url, _ := serve(t, data, "--open-loopback")
	module, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { module.Close() })
	src, err := receiver.ParseSource("tcp://"+module.Addr().String(), receiver.SourceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	u := &steeredUnit{t: t, url: url, module: module, cfg: receiver.Config{
		Source: src, Spool: filepath.Join(t.TempDir(), "spool"), Server: "ws" + strings.TrimPrefix(url, "http"),
		Unit: "truck-7", Key: line(t, "unit", "add", "truck-7", "--data", data),
	}}
	t.Cleanup(func() { u.end() })
	return u
}

// begin starts the agent and plugs the module in.
func (u *steeredUnit) begin() {
	u.t.Helper()
	a, err := receiver.New(u.cfg)
	if err != nil {
		u.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	u.agent = a
	u.stop = func() {
		cancel()
		if err := <-done; err != nil {
			u.t.Errorf("the agent ended with %v", err)
		}
	}
	if u.line, err = u.module.Accept(); err != nil {
		u.t.Fatal(err)
	}
}

// end stops the agent in order.
func (u *steeredUnit) end() {
	if u.stop != nil {
		u.stop()
		u.line.Close()
		u.stop = nil
	}
}

// say gives the agent seconds of a recording, and waits until the service has their fixes.
func (u *steeredUnit) say(seconds []string, fixes uint64) {
	u.t.Helper()
	if _, err := io.WriteString(u.line, strings.Join(seconds, "")); err != nil {
		u.t.Fatal(err)
	}
	u.await(fmt.Sprintf("the service to have %d fixes", fixes), func() bool {
		s := u.agent.Status().Spool
		return s != nil && uint64(s.Newest) >= fixes && s.Unacked == 0
	})
}

func (u *steeredUnit) await(what string, ok func() bool) {
	u.t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			u.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// call asks the API, and reads the answer into out unless it is nil.
func (u *steeredUnit) call(method, path, body string, out any) {
	u.t.Helper()
	r, err := http.NewRequestWithContext(u.t.Context(), method, u.url+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		u.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	resp, err := client.Do(r)
	if err != nil {
		u.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		u.t.Fatalf("%s %s: %s, %v: %s", method, path, resp.Status, err, text)
	}
	if out != nil {
		if err := json.Unmarshal(text, out); err != nil {
			u.t.Fatalf("%s %s: %v: %s", method, path, err, text)
		}
	}
}

type onboardAnswer struct {
	Events []struct {
		ID, Kind, Fence string
		InLedger        bool `json:"in_ledger"`
	}
}

// A real drive past two fences, with a restart of the agent between them: every event that the unit told its driver of is one of the
// centre's, and the centre has each once. Settings and a notice reach the unit, and what became of them comes back.
func TestUnitDecidesAsTheCentre(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "nmea", "hangzhou-bds-gps-drive.nmea"))
	if err != nil {
		t.Fatal(err)
	}
	const begins = "$GNGGA"
	var seconds []string
	for _, s := range strings.Split(string(text), begins)[1:] {
		seconds = append(seconds, begins+s)
	}
	u := newSteeredUnit(t)
	fence := func(id string, lon, lat float64, more string) {
		u.call(http.MethodPut, "/fences/"+id, fmt.Sprintf(`{"type":"Feature","properties":{"name":"The %s","kind":"gate","radius_m":90%s},
			"geometry":{"type":"Point","coordinates":[%f,%f]}}`, id, more, lon, lat), nil)
	}
	fence("first", 119.9625, 30.0034, `,"speed_limit_mps":10`)
	fence("second", 119.9652, 30.0037, `,"dwell_s":3`)
	u.begin()
	u.say(seconds[:3], 2) // the last second ends when the next begins
	u.await("the fences nearby", func() bool { f := u.agent.Status().Fences; return f != nil && f.Count == 2 })

	u.call(http.MethodPut, "/units/truck-7/settings", `{"linger_s":0,"thin_error_m":0}`, nil)
	u.call(http.MethodPost, "/units/truck-7/notice", `{"text":"Use gate 5"}`, nil)
	u.await("settings and notice", func() bool { s := u.agent.Status(); return s.Settings.Revision > 0 && s.Notice != nil })

	u.say(seconds[3:20], 19)
	u.end()
	u.begin()
	u.say(seconds[20:], 35)
	var told onboardAnswer
	u.await("what the unit told, all of it in the centre's ledger", func() bool {
		told = onboardAnswer{}
		u.call(http.MethodGet, "/units/truck-7/onboard", "", &told)
		for _, e := range told.Events {
			if !e.InLedger {
				return false
			}
		}
		return uint64(len(told.Events)) >= 4
	})
	kinds := map[string]int{}
	ids := map[string]bool{}
	for _, e := range told.Events {
		kinds[e.Kind+" "+e.Fence]++
		ids[e.ID] = true
	}
	var ledger struct {
		Events []struct{ ID, Kind, Fence string }
	}
	u.call(http.MethodGet, "/events?unit=truck-7&limit=100", "", &ledger)
	for _, e := range ledger.Events {
		if !ids[e.ID] {
			t.Errorf("the unit did not tell of %s %s", e.Kind, e.Fence)
		}
		delete(ids, e.ID)
	}
	if len(ids) != 0 || kinds["enter first"] != 1 || kinds["overspeed first"] != 1 || kinds["exit first"] != 1 || kinds["enter second"] != 1 || kinds["dwell second"] != 1 {
		t.Errorf("told %v, of which the ledger lacks %v", kinds, ids)
	}
	var settings struct {
		Applied struct {
			Revision uint64
			Problem  string
		}
	}
	u.await("the settings' application to be known", func() bool {
		u.call(http.MethodGet, "/units/truck-7/settings", "", &settings)
		return settings.Applied.Revision > 0 && settings.Applied.Problem == ""
	})
	shown := func() bool {
		var n struct {
			ShownAt string `json:"shown_at"`
		}
		u.call(http.MethodGet, "/units/truck-7/notice", "", &n)
		return n.ShownAt != ""
	}
	if shown() {
		t.Error("the notice is shown before the driver has read it")
	}
	read(t, u.agent)
	u.await("the notice to be known as shown", shown)
}

// read is the driver's press of the button.
func read(t *testing.T, a *receiver.Agent) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/notice/read", strings.NewReader(a.Status().Notice.ID))
	r.Host = "127.0.0.1:8081"
	w := httptest.NewRecorder()
	a.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusNoContent {
		t.Errorf("reading the notice gives %d", w.Code)
	}
}
