package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"dipper/fleet"
	"dipper/fleet/redisstore"
	"dipper/fleet/storetest/redistest"
	"dipper/positioning"
	"dipper/positioning/geo"
	"dipper/positioning/track"
	"dipper/receiver/uplink"
)

// station is one node of the service on a Redis: fleet, hub and uplink, and a server for viewers and agents.
type station struct {
	t      testing.TB
	hub    *Hub
	fleet  *fleet.Fleet
	uplink *Uplink
	url    string
	stop   func()
}

func startStation(t testing.TB, redis string) *station {
	t.Helper()
	store, err := redisstore.Open(t.Context(), redisstore.Config{URL: redis})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("DIPPER_TEST_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	h := NewHub(HubConfig{Log: log, Metrics: NewMetrics(prometheus.NewRegistry())})
	f, err := fleet.New(t.Context(), fleet.Config{Store: store, Listener: h, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	up := NewUplink(UplinkConfig{Fleet: f, Log: log, Metrics: h.metrics})
	ctx, cancel := context.WithCancel(context.Background())
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return store.Run(ctx) })
	g.Go(func() error { return f.Run(ctx) })
	g.Go(func() error { return h.Run(ctx, f) })
	g.Go(func() error { return up.Run(ctx) })
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		serve := func() error { return h.Serve(w, r, Seat{JSON: true}) }
		if r.URL.Path == uplink.Path {
			serve = func() error { return up.Serve(w, r) }
		}
		if err := serve(); err != nil {
			f, _ := Explain(err)
			http.Error(w, f.Message, f.Status)
		}
	}))
	stop := sync.OnceFunc(func() {
		cancel()
		if err := g.Wait(); err != nil {
			t.Errorf("node: %v", err)
		}
		server.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	await(t, "the hub", func() bool { return h.Ready() == nil })
	return &station{t: t, hub: h, fleet: f, uplink: up, url: "ws" + strings.TrimPrefix(server.URL, "http"), stop: stop}
}

// peers is how many other nodes the station hears.
func (s *station) peers() int { return int(value(s.t, s.hub.metrics.relayNodes)) }

// driver is a unit's agent: it counts its own fixes.
type driver struct {
	unit string
	next track.Seq
	at   time.Time
}

func newDriver(unit string) *driver {
	return &driver{unit: unit, next: 1, at: time.Now().Add(-time.Hour).UTC().Truncate(time.Second)}
}

// drive makes the station take the unit's next fix, trying again while the store is away, as an agent does.
func (d *driver) drive(s *station, lat, lon float64) {
	s.t.Helper()
	d.at = d.at.Add(time.Second)
	fix := positioning.NewFix(d.at, geo.Point{Lat: lat, Lon: lon})
	fix.ErrM, fix.SpeedMps = 2, 10
	await(s.t, "the fix of "+d.unit+" to be taken", func() bool {
		err := s.fleet.Accept(s.t.Context(), fleet.UnitID(d.unit), track.Batch{Series: 1, First: d.next, Fixes: []positioning.Fix{track.Quantize(fix)}})
		if errors.Is(err, fleet.ErrWentBack) {
			_, err = s.fleet.Held(s.t.Context(), fleet.UnitID(d.unit), 1)
		}
		return err == nil
	})
	d.next++
}

// chart is what a viewer of JSON frames has before its eyes.
type chart struct {
	t     testing.TB
	ws    *websocket.Conn
	lat   map[string]float64 // of the units that are shown
	ended bool               // a snapshot is complete

	events map[string]string // by cursor
	backs  int               // how often the log went back
}

func (s *station) look(request string) *chart {
	s.t.Helper()
	c := &chart{t: s.t, ws: dial(s.t, s.url), lat: map[string]float64{}}
	ask(s.t, c.ws, request)
	return c
}

// until reads frames until the chart is as it should be.
func (c *chart) until(what string, holds func() bool) {
	c.t.Helper()
	for !holds() {
		_, data, err := c.ws.ReadMessage()
		if err != nil {
			c.t.Fatalf("%v while waiting for %s; the chart has %v", err, what, c.lat)
		}
		c.apply(data)
	}
}

func (c *chart) apply(data []byte) {
	c.t.Helper()
	var m struct {
		Type     string
		Snapshot bool
		Units    []struct {
			ID  string
			Lat float64
		}
		IDs      []string
		Cursor   string
		ID       string
		Revision int
	}
	if err := json.Unmarshal(data, &m); err != nil {
		c.t.Fatalf("%v in %s", err, data)
	}
	switch m.Type {
	case "positions":
		for _, u := range m.Units {
			c.lat[u.ID] = u.Lat
		}
	case "gone":
		for _, id := range m.IDs {
			delete(c.lat, id)
		}
	case "snapshot_end":
		c.ended = true
	case "event":
		if c.events == nil {
			c.events = map[string]string{}
		}
		c.events[m.Cursor] = fmt.Sprintf("%s revision %d", m.ID, m.Revision)
	case "events_back":
		c.backs++
		to, err := strconv.ParseUint(m.Cursor, 10, 64)
		if err != nil {
			c.t.Fatalf("%v in %s", err, data)
		}
		for cursor := range c.events {
			if n, _ := strconv.ParseUint(cursor, 10, 64); n > to {
				delete(c.events, cursor)
			}
		}
	}
}

const bay = `{"op":"view","bbox":[119,35,122,38],"zoom":9}`

// onEach runs a test on a single Redis and on a Cluster. restart kills each server and starts it again.
func onEach(t *testing.T, test func(t *testing.T, url string, restart func() error)) {
	t.Run("single", func(t *testing.T) {
		srv := redistest.Start(t, redistest.Options{})
		test(t, srv.URL, srv.Restart)
	})
	t.Run("cluster", func(t *testing.T) {
		cl := redistest.StartCluster(t, redistest.Options{})
		test(t, cl.URL, cl.Restart)
	})
}

// A viewer at one node sees a unit move that sends to another, also after Redis was killed and started again.
func TestViewersSeeWhatOtherNodesTake(t *testing.T) {
	onEach(t, func(t *testing.T, url string, restart func() error) {
		a, b := startStation(t, url), startStation(t, url)
		await(t, "the nodes to hear each other", func() bool { return a.peers() == 1 && b.peers() == 1 })
		d := newDriver("lorry")
		d.drive(a, 36, 120)
		c := b.look(bay)
		c.until("the snapshot", func() bool { return c.ended })
		c.until("the unit", func() bool { return c.lat["lorry"] == 36 })
		for i := range 5 {
			lat := 36.01 + float64(i)/100
			d.drive(a, lat, 120)
			c.until("the unit to move", func() bool { return near(c.lat["lorry"], lat) })
		}
		if err := restart(); err != nil {
			t.Fatal(err)
		}
		d.drive(a, 36.2, 120)
		c.until("the unit to move after the restart", func() bool { return near(c.lat["lorry"], 36.2) })
		d.drive(b, 36.3, 120)
		c.until("the unit to move at its new node", func() bool { return near(c.lat["lorry"], 36.3) })
		d.drive(a, 20, 110)
		c.until("the unit to leave", func() bool { return len(c.lat) == 0 })
	})
}

func near(a, b float64) bool { return a-b < 1e-6 && b-a < 1e-6 }

// What happened in an area at which nobody looked is there when somebody does.
func TestViewersSeeWhatHappenedBefore(t *testing.T) {
	url := redistest.Start(t, redistest.Options{NoAOF: true}).URL
	a, b := startStation(t, url), startStation(t, url)
	await(t, "the nodes to hear each other", func() bool { return a.peers() == 1 && b.peers() == 1 })
	stays, leaves, comes := newDriver("stays"), newDriver("leaves"), newDriver("comes")
	stays.drive(b, 36, 120)
	leaves.drive(b, 36, 120)
	comes.drive(b, 50, 10)
	stays.drive(a, 36.5, 120.5)
	leaves.drive(a, 22, 114)
	comes.drive(a, 37, 121)
	c := b.look(bay)
	c.until("the snapshot", func() bool { return c.ended })
	if len(c.lat) != 2 || !near(c.lat["stays"], 36.5) || !near(c.lat["comes"], 37) {
		t.Errorf("the snapshot has %v", c.lat)
	}
	far := b.look(`{"op":"follow","unit":"leaves"}`)
	far.until("the followed unit", func() bool { return near(far.lat["leaves"], 22) })
	leaves.drive(a, 22.1, 114)
	far.until("the followed unit to move", func() bool { return near(far.lat["leaves"], 22.1) })
	leaves.drive(a, 40, 116)
	far.until("the followed unit to be far away", func() bool { return near(far.lat["leaves"], 40) })
	leaves.drive(a, 40.1, 116)
	far.until("the followed unit to move there", func() bool { return near(far.lat["leaves"], 40.1) })
}

// A node hears of the areas that its viewers look at, and of no other; a node that is alone says nothing.
func TestCostFollowsTheScreen(t *testing.T) {
	url := redistest.Start(t, redistest.Options{NoAOF: true}).URL
	a := startStation(t, url)
	here, there := newDriver("here"), newDriver("there")
	here.drive(a, 36, 120)
	if n := value(t, a.hub.metrics.relayMessages); n != 0 {
		t.Errorf("a node that is alone sent %v messages", n)
	}
	b := startStation(t, url)
	await(t, "the nodes to hear each other", func() bool { return a.peers() == 1 && b.peers() == 1 })
	c := b.look(bay)
	c.until("the snapshot", func() bool { return c.ended && c.lat["here"] == 36 })
	for i := range 3 {
		there.drive(a, 22, 114+float64(i)/100)
		here.drive(a, 36.1+float64(i)/10, 120)
		c.until("the unit to move", func() bool { return near(c.lat["here"], 36.1+float64(i)/10) })
	}
	if told, heard := value(t, a.hub.metrics.relayTold), value(t, b.hub.metrics.relayHeard); told != 6 || heard != 3 {
		t.Errorf("told %v positions, want 6; heard %v, want the 3 of the view", told, heard)
	}
	if n := value(t, a.hub.metrics.relayHeard); n != 0 {
		t.Errorf("a node heard %v of its own positions", n)
	}
	b.stop()
	await(t, "the node to have left", func() bool { return a.peers() == 0 })
	if a.hub.relay.sending.Load() {
		t.Error("the node that is left goes on telling")
	}
}

// Positions that were taken and not told by a node that died are found when its silence is noticed.
func TestANodeThatDiesLeavesNothingStale(t *testing.T) {
	url := redistest.Start(t, redistest.Options{NoAOF: true}).URL
	a, b := startStation(t, url), startStation(t, url)
	await(t, "the nodes to hear each other", func() bool { return a.peers() == 1 && b.peers() == 1 })
	d := newDriver("lorry")
	d.drive(a, 36, 120)
	c := b.look(bay)
	c.until("the unit", func() bool { return c.ended && c.lat["lorry"] == 36 })
	a.hub.relay.sending.Store(false) // as if it had died between the commit and the telling
	d.drive(a, 36.5, 120)
	b.hub.relay.mu.Lock()
	for _, p := range b.hub.relay.peers {
		p.heard = p.heard.Add(-2 * peerSilence)
	}
	b.hub.relay.mu.Unlock()
	b.hub.relay.expire(time.Now())
	c.until("the unit to be where it is", func() bool { return near(c.lat["lorry"], 36.5) })
}

func TestOutgoingIsBounded(t *testing.T) {
	var o outgoing
	for i := range maxOutgoing {
		o.add(1, fleet.Position{Unit: fleet.UnitID(fmt.Sprint(i))})
	}
	o.add(2, fleet.Position{Unit: "0", Time: time.Unix(2, 0)})
	if o.losses() != 1 || len(o.take()) != 0 {
		t.Errorf("%d losses", o.losses())
	}
	o.add(1, fleet.Position{Unit: "u", Seq: 1, Time: time.Unix(1, 0)})
	kept := o.take()
	o.add(1, fleet.Position{Unit: "u", Seq: 2, Time: time.Unix(2, 0)})
	o.giveBack(kept)
	if got := o.take()[1]["u"]; got.Seq != 2 {
		t.Errorf("what was given back took the place of %+v", got)
	}
}
