package api_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"dipper/fleet"
	"dipper/positioning"
	"dipper/positioning/track"
	"dipper/receiver/spool"
	"dipper/receiver/uplink"
	"dipper/stream/api"
)

type completeness struct {
	Unit          string
	Highest       int
	Held, Missing [][2]int
}

func TestAcknowledgedIsHeld(t *testing.T) {
	store := openStore(t)
	s := startStationOn(t, store, nil)
	key := s.addUnit("t1")
	agent := s.connect("t1", key)
	start := timeAgo(60)
	for i := range 5 {
		agent.send(fixAt(start.Add(time.Duration(i)*time.Second), 36, 120), fixAt(start.Add(time.Duration(i)*time.Second+time.Millisecond), 36, 120))
	}
	agent.next = 21
	agent.send(fixAt(start.Add(time.Minute), 36, 120))
	agent.next = 3
	agent.send(fixAt(start.Add(time.Second), 36, 120)) // again: 3 is held
	var c completeness
	s.must(http.StatusOK, http.MethodGet, "/api/v1/units/t1/completeness", nil, &c)
	if c.Highest != 21 || len(c.Held) != 2 || c.Held[0] != [2]int{1, 10} || len(c.Missing) != 1 || c.Missing[0] != [2]int{11, 20} {
		t.Errorf("completeness %+v", c)
	}
	s.stop()
	s = startStationOn(t, store, nil)
	agent.s = s
	if held := agent.dial(key); !held.Covers(track.Range{First: 1, Last: 10}) || held.Highest() != 21 || held.Count() != 11 {
		t.Errorf("after a restart Welcome has %v", held)
	}
	var way struct{ Fixes []struct{ Seq int } }
	s.must(http.StatusOK, http.MethodGet, "/api/v1/units/t1/track", nil, &way)
	if len(way.Fixes) != 11 {
		t.Errorf("the track has %d fixes, want each of 11 once", len(way.Fixes))
	}
	agent.conn.Close()
}

func TestAgentsThatAreRefused(t *testing.T) {
	s := startStation(t, nil)
	key := s.addUnit("t1")
	s.addUnit("t2")
	hello := uplink.Hello{Version: uplink.ProtocolVersion, Unit: "t1", Series: 7}
	good := uplink.AppendHello(nil, hello)
	otherVersion, otherUnit := hello, hello
	otherVersion.Version, otherUnit.Unit = 99, "t2"
	batch, err := uplink.AppendBatch(nil, track.Batch{Series: 7, First: 1, Fixes: []positioning.Fix{fixAt(timeAgo(1), 36, 120)}})
	if err != nil {
		t.Fatal(err)
	}
	broken := append([]byte(nil), batch...)
	broken[len(broken)/2] ^= 0x40
	empty, err := uplink.AppendBatch(nil, track.Batch{Series: 7, First: 1})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		send [][]byte
		code string
	}{
		{"another unit's id", [][]byte{uplink.AppendHello(nil, otherUnit)}, uplink.CodeBadKey},
		{"a version of the future", [][]byte{uplink.AppendHello(nil, otherVersion)}, uplink.CodeBadVersion},
		{"a batch before hello", [][]byte{batch}, uplink.CodeBadHello},
		{"an empty message", [][]byte{{}}, uplink.CodeBadHello},
		{"hello cut short", [][]byte{good[:3]}, uplink.CodeBadHello},
		{"a damaged batch", [][]byte{good, broken}, uplink.CodeBadBatch},
		{"a batch without fixes", [][]byte{good, empty}, uplink.CodeBadBatch},
		{"hello again", [][]byte{good, good}, uplink.CodeBadMessage},
		{"an unknown message", [][]byte{good, {99, 1, 2}}, uplink.CodeBadMessage},
		{"an ack from an agent", [][]byte{good, uplink.AppendAck(nil, uplink.Ack{Series: 7})}, uplink.CodeBadMessage},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ws := s.rawUplink(key)
			for _, msg := range tt.send {
				if err := ws.WriteMessage(websocket.BinaryMessage, msg); err != nil {
					t.Fatal(err)
				}
			}
			if r := readRefusal(t, ws); r.Code != tt.code || r.Message == "" {
				t.Errorf("refused with %+v, want %s", r, tt.code)
			}
		})
	}
	t.Run("a text", func(t *testing.T) {
		ws := s.rawUplink(key)
		if err := ws.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		if r := readRefusal(t, ws); r.Code != uplink.CodeBadHello {
			t.Errorf("refused with %+v", r)
		}
	})
	t.Run("a message above the limit", func(t *testing.T) {
		ws := s.rawUplink(key)
		_ = ws.WriteMessage(websocket.BinaryMessage, make([]byte, uplink.MaxMessageBytes+1)) // the service may close before the end
		for err := error(nil); err == nil; _, _, err = ws.ReadMessage() {
		}
	})
	for _, wrong := range []string{"", "nonsense", strings.Repeat("x", 48), s.admin} {
		_, err := uplink.Dial(t.Context(), uplink.DialOptions{URL: wsURL(s.url), Key: wrong})
		var refusal *uplink.Refusal
		if !errors.As(err, &refusal) || refusal.Code != uplink.CodeBadKey {
			t.Errorf("with key %q: %v, want %s", wrong, err, uplink.CodeBadKey)
		}
	}
	var c completeness
	s.must(http.StatusOK, http.MethodGet, "/api/v1/units/t1/completeness", nil, &c)
	if c.Highest != 0 {
		t.Errorf("something of all this was stored: %+v", c)
	}
}

// rawUplink is an agent's connection without the agent's manners.
func (s *station) rawUplink(key string) *websocket.Conn {
	s.t.Helper()
	ws, _, err := websocket.DefaultDialer.DialContext(s.t.Context(), wsURL(s.url)+uplink.Path, http.Header{"Authorization": {"Bearer " + key}})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { ws.Close() })
	if err := ws.SetReadDeadline(time.Now().Add(patience)); err != nil {
		s.t.Fatal(err)
	}
	return ws
}

// readRefusal reads past a Welcome to the refusal, and to the close frame behind it.
func readRefusal(t *testing.T, ws *websocket.Conn) uplink.Refusal {
	t.Helper()
	for {
		_, msg, err := ws.ReadMessage()
		if err != nil {
			t.Fatalf("no refusal: %v", err)
		}
		if uplink.TypeOf(msg) != uplink.TypeRefusal {
			continue
		}
		r, err := uplink.DecodeRefusal(msg)
		if err != nil {
			t.Fatal(err)
		}
		var closed *websocket.CloseError
		if _, _, err := ws.ReadMessage(); !errors.As(err, &closed) || closed.Code == websocket.CloseAbnormalClosure {
			t.Errorf("after the refusal: %v, want a close frame", err)
		}
		return r
	}
}

func TestNewerConnectionWins(t *testing.T) {
	s := startStation(t, nil)
	key := s.addUnit("t1")
	first := s.connect("t1", key)
	first.send(fixAt(timeAgo(2), 36, 120))
	second := s.connect("t1", key)
	second.next = 1
	_, err := first.conn.ReadAck()
	var refusal *uplink.Refusal
	if !errors.As(err, &refusal) || refusal.Code != uplink.CodeDisplaced {
		t.Errorf("the first got %v, want %s", err, uplink.CodeDisplaced)
	}
	second.send(fixAt(timeAgo(2), 36, 120), fixAt(timeAgo(1), 36, 120))
	var c completeness
	s.must(http.StatusOK, http.MethodGet, "/api/v1/units/t1/completeness", nil, &c)
	if len(c.Held) != 1 || c.Held[0] != [2]int{1, 2} {
		t.Errorf("held %v, want 1-2", c.Held)
	}
	if got := s.metric("dipper_uplink_connections"); got != 1 {
		t.Errorf("%v connections are counted, want 1", got)
	}
}

// metric reads one value of /metrics.
func (s *station) metric(name string) float64 {
	s.t.Helper()
	_, body := s.do(http.MethodGet, "/metrics", "", nil)
	for line := range strings.Lines(string(body)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				s.t.Fatal(err)
			}
			return v
		}
	}
	s.t.Fatalf("no metric %s in\n%s", name, body)
	return 0
}

// faultyStore is a real store that can be made to refuse commits, or to take its time.
type faultyStore struct {
	fleet.Store
	refuse  atomic.Bool
	refused atomic.Int64
	mu      sync.Mutex
	gate    chan struct{} // commits wait until it is closed; nil: they do not
	waiting atomic.Int64
}

func (f *faultyStore) Commit(ctx context.Context, steps []fleet.Step) []error {
	f.mu.Lock()
	gate := f.gate
	f.mu.Unlock()
	if gate != nil {
		f.waiting.Add(1)
		<-gate
	}
	if f.refuse.Load() {
		f.refused.Add(1)
		errs := make([]error, len(steps))
		for i := range errs {
			errs[i] = fleet.ErrUnavailable
		}
		return errs
	}
	return f.Store.Commit(ctx, steps)
}

func (f *faultyStore) Ready(ctx context.Context) error {
	if f.refuse.Load() {
		return fleet.ErrUnavailable
	}
	return f.Store.Ready(ctx)
}

func (f *faultyStore) close() (open func()) {
	gate := make(chan struct{})
	f.mu.Lock()
	f.gate = gate
	f.mu.Unlock()
	return func() {
		f.mu.Lock()
		f.gate = nil
		f.mu.Unlock()
		close(gate)
	}
}

func startFaulty(t *testing.T, change func(*api.ServiceConfig)) (*station, *faultyStore) {
	t.Helper()
	f := &faultyStore{Store: openStore(t)}
	return startStationOn(t, f, change), f
}

func TestStoreThatComesBackInTime(t *testing.T) {
	s, store := startFaulty(t, nil)
	agent := s.connect("t1", s.addUnit("t1"))
	store.refuse.Store(true)
	if err := agent.conn.SendBatch(track.Batch{Series: agent.series, First: 1, Fixes: []positioning.Fix{fixAt(timeAgo(1), 36, 120)}}); err != nil {
		t.Fatal(err)
	}
	s.await("two attempts", func() bool { return store.refused.Load() >= 2 })
	if status := s.get("", "/readyz", nil); status != http.StatusServiceUnavailable {
		t.Errorf("readyz gives %d while the store is away", status)
	}
	if status := s.get("", "/healthz", nil); status != http.StatusOK {
		t.Errorf("healthz gives %d while the store is away", status)
	}
	store.refuse.Store(false)
	ack, err := agent.conn.ReadAck()
	if err != nil || !ack.Ranges.Contains(1) {
		t.Errorf("ack %v, %v", ack, err)
	}
}

func TestStoreThatStaysAway(t *testing.T) {
	s, store := startFaulty(t, func(c *api.ServiceConfig) { c.Uplink.RetryFor = 1 })
	key := s.addUnit("t1")
	agent := s.connect("t1", key)
	store.refuse.Store(true)
	if err := agent.conn.SendBatch(track.Batch{Series: agent.series, First: 1, Fixes: []positioning.Fix{fixAt(timeAgo(1), 36, 120)}}); err != nil {
		t.Fatal(err)
	}
	_, err := agent.conn.ReadAck()
	var refusal *uplink.Refusal
	if !errors.As(err, &refusal) || refusal.Code != uplink.CodeUnavailable || refusal.Lasting() {
		t.Fatalf("got %v, want a refusal that passes", err)
	}
	store.refuse.Store(false)
	if held := agent.dial(key); held.Count() != 0 {
		t.Errorf("held %v of what was never acknowledged", held)
	}
	agent.send(fixAt(timeAgo(1), 36, 120))
}

// When the service stops, the batch under way is finished and acknowledged; then the agent is told to go elsewhere.
func TestShutdownFinishesTheBatchUnderWay(t *testing.T) {
	s, store := startFaulty(t, nil)
	agent := s.connect("t1", s.addUnit("t1"))
	ws := s.watch(s.admin, "")
	open := store.close()
	if err := agent.conn.SendBatch(track.Batch{Series: agent.series, First: 1, Fixes: []positioning.Fix{fixAt(timeAgo(1), 36, 120)}}); err != nil {
		t.Fatal(err)
	}
	s.await("the commit to begin", func() bool { return store.waiting.Load() == 1 })
	stopped := make(chan struct{})
	go func() { s.stop(); close(stopped) }()
	s.await("the service to take nobody any more", func() bool {
		resp, err := http.Get(s.url + "/healthz")
		if err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		return err != nil
	})
	open()
	ack, err := agent.conn.ReadAck()
	if err != nil || !ack.Ranges.Contains(1) {
		t.Fatalf("ack %v, %v", ack, err)
	}
	_, err = agent.conn.ReadAck()
	var refusal *uplink.Refusal
	if !errors.As(err, &refusal) || refusal.Code != uplink.CodeGoingAway {
		t.Errorf("then %v, want %s", err, uplink.CodeGoingAway)
	}
	wantClosed(t, ws, websocket.CloseGoingAway)
	<-stopped
	http.DefaultClient.CloseIdleConnections()
}

func TestUnitThatSendsTooMuchWaits(t *testing.T) {
	s := startStation(t, func(c *api.ServiceConfig) { c.Uplink.FixesPerSecond, c.Uplink.Burst = 20, 10 })
	agent := s.connect("t1", s.addUnit("t1"))
	for i := range 6 {
		agent.send(fixAt(timeAgo(60-2*i), 36, 120), fixAt(timeAgo(59-2*i), 36, 120))
	}
	s.await("the wait to be counted", func() bool { return s.metric("dipper_uplink_throttled_seconds_total") > 0 })
	agent.send(fixAt(timeAgo(0), 36, 120)) // and all is taken in the end
}

func TestTooManyConnections(t *testing.T) {
	s := startStation(t, func(c *api.ServiceConfig) { c.Uplink.MaxAgents, c.Hub.MaxViewers = 1, 1 })
	key := s.addUnit("t1")
	s.connect("t1", key)
	_, err := uplink.Dial(t.Context(), uplink.DialOptions{URL: wsURL(s.url), Key: key})
	var refusal *uplink.Refusal
	if !errors.As(err, &refusal) || refusal.Code != uplink.CodeUnavailable {
		t.Errorf("the second agent got %v", err)
	}
	s.watch(s.admin, "")
	_, resp, err := websocket.DefaultDialer.DialContext(t.Context(), wsURL(s.url)+"/api/v1/live", http.Header{"Authorization": {"Bearer " + s.admin}})
	if err == nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("the second viewer got %v %v", resp, err)
	}
}

// The real agent's spool and client against the real service, with a service that is killed and one that comes after it.
func TestSpoolIsHandedOverOnce(t *testing.T) {
	store := openStore(t)
	s := startStationOn(t, store, nil)
	key := s.addUnit("t1")
	sp, err := spool.Open(t.TempDir(), spool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer sp.Close()
	const fixes = 3000
	start := timeAgo(120)
	add := func(from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			if _, err := sp.Append([]positioning.Fix{fixAt(start.Add(time.Duration(i)*time.Second), 36+float64(i)/1e5, 120)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	add(0, fixes/2)
	run := func(s *station) (stop func()) {
		ctx, cancel := context.WithCancel(t.Context())
		client, err := uplink.NewClient(uplink.Config{URL: wsURL(s.url), Unit: "t1", Key: key, Source: sp, Log: testLog()})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() { defer close(done); _ = client.Run(ctx) }() // ends with ctx
		return func() { cancel(); <-done }
	}
	stop := run(s)
	s.await("some of it", func() bool { return sp.Unacked().Count() < uint64(sp.Newest()) })
	s.stop()
	stop()
	s = startStationOn(t, store, nil)
	stop = run(s)
	defer stop()
	add(fixes/2, fixes)
	s.await("all of it", func() bool { return sp.Newest() == fixes && sp.Unacked().Count() == 0 })
	var way struct{ Fixes []struct{ Seq int } }
	s.must(http.StatusOK, http.MethodGet, "/api/v1/units/t1/track?limit=100000", nil, &way)
	for i, f := range way.Fixes {
		if f.Seq != i+1 {
			t.Fatalf("fix %d of the track has number %d", i+1, f.Seq)
		}
	}
	if len(way.Fixes) != fixes {
		t.Errorf("the track has %d fixes, want %d", len(way.Fixes), fixes)
	}
}
