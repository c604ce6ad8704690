package stream

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"dipper/fleet"
	"dipper/fleet/cell"
	"dipper/fleet/embedstore"
	"dipper/geofence"
	"dipper/positioning/geo"
)

// patience bounds every wait of these tests.
const patience = time.Minute

// startHub runs a hub on a real fleet and store, and a server for viewers.
func startHub(t testing.TB, cfg HubConfig) (h *Hub, url string) {
	t.Helper()
	store, err := embedstore.Open(embedstore.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Log, cfg.Metrics = slog.New(slog.DiscardHandler), NewMetrics(prometheus.NewRegistry())
	h = NewHub(cfg)
	f, err := fleet.New(t.Context(), fleet.Config{Store: store, Listener: h})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := h.Run(ctx, f); err != nil {
			t.Errorf("hub: %v", err)
		}
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h.Serve(w, r, Seat{JSON: r.URL.Query().Get("format") == "json"}); err != nil {
			f, _ := Explain(err)
			http.Error(w, f.Message, f.Status)
		}
	}))
	t.Cleanup(func() {
		cancel()
		running.Wait()
		server.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	await(t, "the hub", func() bool { return h.Ready() == nil })
	return h, "ws" + strings.TrimPrefix(server.URL, "http")
}

func await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); {
		if time.Now().After(end) {
			t.Fatalf("waited %v for %s", patience, what)
		}
		time.Sleep(time.Millisecond)
	}
}

// value reads a counter or gauge.
func value(t testing.TB, m prometheus.Metric) float64 {
	t.Helper()
	var out dto.Metric
	if err := m.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.GetCounter().GetValue() + out.GetGauge().GetValue()
}

func dial(t testing.TB, url string) *websocket.Conn {
	t.Helper()
	ws, _, err := websocket.DefaultDialer.DialContext(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.Close() })
	if err := ws.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return ws
}

func ask(t testing.TB, ws *websocket.Conn, text string) {
	t.Helper()
	if err := ws.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

const harbour = `{"op":"view","bbox":[120,36,121,37],"zoom":11}`

// swarm is n units in the harbour at step i.
func swarm(h *Hub, n, i int) {
	for u := range n {
		at := geo.Point{Lat: 36.5 + float64(u)/1e5, Lon: 120.5 + float64(i%1000)/1e5}
		h.Moved(fleet.Position{Unit: fleet.UnitID(fmt.Sprint("u", u)), Time: time.UnixMilli(1_800_000_000_000 + int64(i)), Point: at, SpeedMps: 5, CourseDeg: 90, Cell: cell.FromPoint(at)}, 0)
	}
}

// A viewer that does not read for a while is told the newest state when it does, not all that happened.
func TestSlowViewerGetsTheNewestState(t *testing.T) {
	const units = 1000
	h, url := startHub(t, HubConfig{Flush: 2 * time.Millisecond, WriteTimeout: patience})
	swarm(h, units, 0)
	ws := dial(t, url)
	ask(t, ws, harbour)
	steps, still, sent := 0, 0, 0.0
	await(t, "the viewer's connection to be full", func() bool {
		steps++
		swarm(h, units, steps)
		if now := value(t, h.metrics.positions); now > sent {
			sent, still = now, 0
		} else {
			still++
		}
		return sent > 0 && still > 200
	})
	last := time.UnixMilli(1_800_000_000_000 + int64(steps))
	fresh := map[uint32]bool{}
	read := 0
	for len(fresh) < units {
		kind, data, err := ws.ReadMessage()
		if err != nil {
			t.Fatalf("%v after %d bytes, %d of %d units are new", err, read, len(fresh), units)
		}
		read += len(data)
		if kind != websocket.BinaryMessage {
			continue
		}
		n, base := int(binary.LittleEndian.Uint32(data[4:])), int64(binary.LittleEndian.Uint64(data[8:]))
		for i := range n {
			dt := int64(int32(binary.LittleEndian.Uint32(data[frameHeader+12*n+4*i:])))
			if base+dt == last.UnixMilli() {
				fresh[binary.LittleEndian.Uint32(data[frameHeader+4*i:])] = true
			}
		}
	}
	if all := steps * units * frameRow; read > all/2 {
		t.Errorf("read %d bytes to be up to date; all that happened has %d", read, all)
	}
	if value(t, h.metrics.coalesced) == 0 {
		t.Error("the turns that were skipped were not counted")
	}
}

// A viewer that takes nothing at all is closed.
func TestStuckViewerIsClosed(t *testing.T) {
	const units = 1000
	h, url := startHub(t, HubConfig{Flush: time.Millisecond, WriteTimeout: 50 * time.Millisecond})
	ws := dial(t, url)
	ask(t, ws, harbour)
	i := 0
	await(t, "the viewer to be closed", func() bool {
		i++
		swarm(h, units, i)
		return value(t, h.metrics.viewersClosed.WithLabelValues("too_slow")) == 1
	})
	await(t, "nobody to be counted", func() bool { return value(t, h.metrics.viewers) == 0 })
}

// A viewer that had all events and then falls too far behind is closed with a code, and misses none when it resumes.
func TestViewerTooSlowForEventsIsClosed(t *testing.T) {
	h, url := startHub(t, HubConfig{EventLag: 10})
	ws := dial(t, url)
	ask(t, ws, `{"op":"events","after":""}`)
	ask(t, ws, harbour)
	if _, data, err := ws.ReadMessage(); err != nil || !strings.Contains(string(data), "snapshot_end") {
		t.Fatalf("%s, %v", data, err)
	}
	tell := func(from, n int) {
		t.Helper()
		var entries []fleet.EventEntry
		for i := range n {
			entries = append(entries, fleet.EventEntry{Cursor: fleet.Cursor(from + i), Event: geofence.Event{ID: fmt.Sprint(from + i), Kind: geofence.Enter}})
		}
		if err := h.feed.add(entries); err != nil {
			t.Fatal(err)
		}
	}
	tell(1, 5)
	for i := range 5 {
		if _, data, err := ws.ReadMessage(); err != nil || !strings.Contains(string(data), fmt.Sprintf(`"cursor":"%d"`, i+1)) {
			t.Fatalf("event %d: %s, %v", i+1, data, err)
		}
	}
	tell(6, 11)
	if _, data, err := ws.ReadMessage(); !websocket.IsCloseError(err, 4008) {
		t.Fatalf("%s, %v; want close code 4008", data, err)
	}
}

func TestFeedKeepsTheNewest(t *testing.T) {
	var f feed
	f.begin(100)
	var entries []fleet.EventEntry
	for i := range 2 * feedLen {
		entries = append(entries, fleet.EventEntry{Cursor: fleet.Cursor(101 + i)})
	}
	for len(entries) > 0 {
		if err := f.add(entries[:min(300, len(entries))]); err != nil {
			t.Fatal(err)
		}
		entries = entries[min(300, len(entries)):]
	}
	newest := fleet.Cursor(100 + 2*feedLen)
	if f.newest() != newest {
		t.Fatalf("newest %d, want %d", f.newest(), newest)
	}
	for _, tt := range []struct {
		after fleet.Cursor
		ok    bool
		first fleet.Cursor
		n     int
	}{
		{newest, true, 0, 0},
		{newest - 1, true, newest, 1},
		{newest - feedLen, true, newest - feedLen + 1, 10},
		{newest - feedLen - 1, false, 0, 0},
		{0, false, 0, 0},
		{newest + 5, true, 0, 0},
	} {
		got, ok := f.after(tt.after, 10)
		if ok != tt.ok || len(got) != tt.n || tt.n > 0 && got[0].cursor != tt.first {
			t.Errorf("after %d: %d entries, %v", tt.after, len(got), ok)
		}
	}
	if err := f.add([]fleet.EventEntry{{Cursor: 5}, {Cursor: newest}}); err != nil || f.newest() != newest {
		t.Errorf("entries told again changed the feed: %v", err)
	}
}

func TestHubRefusesViewersBeforeAndAfter(t *testing.T) {
	h := NewHub(HubConfig{Log: slog.New(slog.DiscardHandler), Metrics: NewMetrics(prometheus.NewRegistry())})
	if err := h.Serve(nil, nil, Seat{}); err != ErrNotReady {
		t.Errorf("before Run: %v", err)
	}
	h.ctx = t.Context()
	if err := h.Serve(nil, nil, Seat{}); err != ErrGoingAway {
		t.Errorf("after Run: %v", err)
	}
}

// A name that changes is told again, without the unit having moved.
func TestNamesAreToldAgainWhenTheyChange(t *testing.T) {
	h, url := startHub(t, HubConfig{})
	swarm(h, 2, 0)
	ws := dial(t, url)
	ask(t, ws, harbour)
	names := func(want string) {
		t.Helper()
		for {
			kind, data, err := ws.ReadMessage()
			if err != nil {
				t.Fatalf("%v before %s", err, want)
			}
			if kind == websocket.TextMessage && strings.Contains(string(data), `"names"`) {
				if !strings.Contains(string(data), want) {
					t.Fatalf("%s, want %s in it", data, want)
				}
				return
			}
		}
	}
	names(`"u0","",""`)
	h.plot.name("u0", label{"鲁B12345", "truck"})
	names(`"u0","鲁B12345","truck"`)
	if name, kind := h.Label("u0"); name != "鲁B12345" || kind != "truck" {
		t.Errorf("label %q %q", name, kind)
	}
}
