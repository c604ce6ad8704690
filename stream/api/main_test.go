package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"dipper/fleet"
	"dipper/fleet/embedstore"
	"dipper/positioning"
	"dipper/positioning/geo"
	"dipper/positioning/track"
	"dipper/receiver/uplink"
	"dipper/stream/api"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(crewURL); url != "" {
		if err := beCrew(url, strings.Split(os.Getenv(crewKeys), ",")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// patience bounds every wait of these tests for something that must come.
const patience = 20 * time.Second

// station is a running service and what one needs to talk to it.
type station struct {
	t       testing.TB
	service *api.Service
	store   fleet.Store
	url     string // http://…
	admin   string // an admin's token
	client  *http.Client
	stop    func() // ends the service, orderly; the store stays open
}

// startStation runs a service on a new embedded store.
func startStation(t testing.TB, change func(*api.ServiceConfig)) *station {
	t.Helper()
	return startStationOn(t, openStore(t), change)
}

// openStore opens an embedded store that is closed after everything the test starts later.
func openStore(t testing.TB) fleet.Store {
	t.Helper()
	store, err := embedstore.Open(embedstore.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

func startStationOn(t testing.TB, store fleet.Store, change func(*api.ServiceConfig)) *station {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := api.ServiceConfig{Store: store, Listener: listener, Log: testLog(), Version: "test"}
	if change != nil {
		change(&cfg)
	}
	service, err := api.NewService(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := service.Run(ctx); err != nil {
			t.Errorf("service: %v", err)
		}
	}()
	transport := &http.Transport{}
	s := &station{
		t: t, service: service, store: store, url: "http://" + listener.Addr().String(),
		client: &http.Client{Transport: transport, Timeout: patience},
		stop: func() {
			cancel()
			<-done
			transport.CloseIdleConnections()
		},
	}
	t.Cleanup(s.stop)
	if s.admin, err = service.Fleet().AddToken(t.Context(), "test admin", fleet.RoleAdmin); err != nil {
		t.Fatal(err)
	}
	s.await("the service to be ready", func() bool { return s.get("", "/readyz", nil) == http.StatusOK })
	return s
}

func testLog() *slog.Logger {
	if os.Getenv("DIPPER_TEST_LOG") != "" {
		return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return slog.New(slog.DiscardHandler)
}

// await polls until a condition holds.
func (s *station) await(what string, holds func() bool) {
	s.t.Helper()
	for end := time.Now().Add(patience); !holds(); {
		if time.Now().After(end) {
			s.t.Fatalf("waited %v for %s", patience, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// do makes a request and gives status and body.
func (s *station) do(method, path, token string, body any) (int, []byte) {
	s.t.Helper()
	resp := s.send(s.request(method, path, token, body))
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, data
}

func (s *station) request(method, path, token string, body any) *http.Request {
	s.t.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	default:
		data, err := json.Marshal(b)
		if err != nil {
			s.t.Fatal(err)
		}
		reader = bytes.NewReader(data)
	}
	r, err := http.NewRequestWithContext(context.Background(), method, s.url+path, reader)
	if err != nil {
		s.t.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r
}

func (s *station) send(r *http.Request) *http.Response {
	s.t.Helper()
	resp, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp
}

// get reads a JSON answer into out, if the status is 200.
func (s *station) get(token, path string, out any) int {
	s.t.Helper()
	status, body := s.do(http.MethodGet, path, token, nil)
	if status == http.StatusOK && out != nil {
		if err := json.Unmarshal(body, out); err != nil {
			s.t.Fatalf("GET %s: %v in %s", path, err, body)
		}
	}
	return status
}

// must makes a request that has to give a status, and reads the answer.
func (s *station) must(status int, method, path string, body, out any) {
	s.t.Helper()
	got, data := s.do(method, path, s.admin, body)
	if got != status {
		s.t.Fatalf("%s %s gave %d %s, want %d", method, path, got, data, status)
	}
	if out != nil {
		if err := json.Unmarshal(data, out); err != nil {
			s.t.Fatalf("%s %s: %v in %s", method, path, err, data)
		}
	}
}

// addUnit registers a unit and gives its key.
func (s *station) addUnit(id string) (key string) {
	s.t.Helper()
	var out struct{ Key string }
	s.must(http.StatusCreated, http.MethodPost, "/api/v1/units", map[string]string{"id": id, "name": "Name of " + id, "kind": "truck"}, &out)
	return out.Key
}

// addToken makes a token of a role.
func (s *station) addToken(role fleet.Role) string {
	s.t.Helper()
	var out struct{ Token string }
	s.must(http.StatusCreated, http.MethodPost, "/api/v1/tokens", map[string]string{"name": "a " + string(role), "role": string(role)}, &out)
	return out.Token
}

// box is a unit's agent in a test: it counts its own fixes.
type box struct {
	s      *station
	conn   *uplink.Conn
	unit   string
	series track.Series
	next   track.Seq
}

// connect opens an uplink.
func (s *station) connect(unit, key string) *box {
	s.t.Helper()
	b := &box{s: s, unit: unit, series: 1_795_000_000, next: 1}
	b.dial(key)
	s.t.Cleanup(func() { b.conn.Close() })
	return b
}

func (b *box) dial(key string) track.Ranges {
	b.s.t.Helper()
	conn, err := uplink.Dial(b.s.t.Context(), uplink.DialOptions{URL: wsURL(b.s.url), Key: key})
	if err != nil {
		b.s.t.Fatal(err)
	}
	b.conn = conn
	welcome, err := conn.Hello(b.s.t.Context(), uplink.Hello{Version: uplink.ProtocolVersion, Unit: b.unit, Series: b.series, Agent: "test"})
	if err != nil {
		b.s.t.Fatal(err)
	}
	return welcome.Held
}

func wsURL(url string) string { return "ws" + strings.TrimPrefix(url, "http") }

// fixAt is a fix in the recent past.
func fixAt(at time.Time, lat, lon float64) positioning.Fix {
	f := positioning.NewFix(at.UTC().Truncate(time.Millisecond), geo.Point{Lat: lat, Lon: lon})
	f.SpeedMps, f.CourseDeg, f.ErrM, f.Mode, f.Solution = 8.4, 271.5, 2.1, positioning.Mode3D, positioning.SolutionSingle
	f.Sats.Used[positioning.BeiDou] = 9
	return track.Quantize(f)
}

// send sends the next fixes and waits until they are acknowledged.
func (b *box) send(fixes ...positioning.Fix) track.Range {
	b.s.t.Helper()
	batch := track.Batch{Series: b.series, First: b.next, Fixes: fixes}
	if err := b.conn.SendBatch(batch); err != nil {
		b.s.t.Fatal(err)
	}
	ack, err := b.conn.ReadAck()
	if err != nil {
		b.s.t.Fatal(err)
	}
	want := track.Range{First: batch.First, Last: batch.Last()}
	if !ack.Ranges.Covers(want) {
		b.s.t.Fatalf("acknowledged %v, want %v", ack.Ranges, want)
	}
	b.next = batch.Last() + 1
	return want
}

// watch opens a live connection.
func (s *station) watch(token, query string) *websocket.Conn {
	s.t.Helper()
	ws, resp, err := websocket.DefaultDialer.DialContext(s.t.Context(), wsURL(s.url)+"/api/v1/live"+query, http.Header{"Authorization": {"Bearer " + token}})
	if err != nil {
		s.t.Fatalf("live: %v (%v)", err, resp)
	}
	s.t.Cleanup(func() { ws.Close() })
	return ws
}

// noSats is a receiver that says nothing of satellites.
var noSats positioning.Sats

var nan = math.NaN()

func timeAgo(minutes int) time.Time { return time.Now().Add(-time.Duration(minutes) * time.Minute) }
