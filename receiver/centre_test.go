package receiver

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"

	"dipper/positioning"
	"dipper/positioning/track"
	"dipper/receiver/uplink"
)

// centre is the service as the agent sees it: the real messages over a real WebSocket, with a store that holds what it gets.
type centre struct {
	t   testing.TB
	web *httptest.Server

	writing sync.Mutex

	mu     sync.Mutex
	series track.Series
	held   track.Ranges
	fixes  map[track.Seq]positioning.Fix
	conns  map[*websocket.Conn]bool // true: it has reported
	closed bool                     // accepts nobody
	mute   bool                     // takes batches, keeps and acknowledges none
	agents []string
	wg     sync.WaitGroup

	orders  [][]byte // sent to whoever reports
	reports []uplink.Report
	told    []uplink.OnboardEvent // in the order in which they came
	deaf    bool                  // acknowledges no events
}

const (
	testUnit = "truck-7"
	testKey  = "the-key"
)

func openCentre(t testing.TB) *centre {
	c := &centre{t: t, fixes: map[track.Seq]positioning.Fix{}, conns: map[*websocket.Conn]bool{}}
	c.web = httptest.NewServer(http.HandlerFunc(c.serve))
	t.Cleanup(func() {
		c.hangUp(true)
		c.web.Close()
		c.wg.Wait()
	})
	return c
}

func (c *centre) url() string { return "ws" + strings.TrimPrefix(c.web.URL, "http") }

// hangUp ends all connections, and refuses new ones until called with false.
func (c *centre) hangUp(stay bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = stay
	for ws := range c.conns {
		ws.Close()
	}
}

func (c *centre) setMute(mute bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mute = mute
}

func (c *centre) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.fixes)
}

// track is the fixes in the order of their numbers, which must have no gap.
func (c *centre) track() []positioning.Fix {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []positioning.Fix
	for seq := track.Seq(1); len(list) < len(c.fixes); seq++ {
		f, ok := c.fixes[seq]
		if !ok {
			c.t.Fatalf("the centre has %d fixes, but none has number %d", len(c.fixes), seq)
		}
		list = append(list, f)
	}
	return list
}

func (c *centre) serve(w http.ResponseWriter, r *http.Request) {
	c.wg.Add(1)
	defer c.wg.Done()
	if r.URL.Path != uplink.Path {
		http.NotFound(w, r)
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+testKey {
		http.Error(w, `{"error":{"code":"unauthorized","message":"unknown key"}}`, http.StatusUnauthorized)
		return
	}
	var up websocket.Upgrader
	ws, err := up.Upgrade(w, r, nil)
	if err != nil {
		return // it has answered
	}
	defer ws.Close()
	c.mu.Lock()
	refuse := c.closed
	if !refuse {
		c.conns[ws] = false
	}
	c.mu.Unlock()
	if refuse {
		return
	}
	defer func() {
		c.mu.Lock()
		delete(c.conns, ws)
		c.mu.Unlock()
	}()
	if err := c.talk(ws); err != nil && !broken(err) {
		c.t.Error(err)
	}
}

// broken reports whether the connection only ended.
func broken(err error) bool {
	return !strings.Contains(err.Error(), "centre:")
}

func (c *centre) talk(ws *websocket.Conn) error {
	_, msg, err := ws.ReadMessage()
	if err != nil {
		return err
	}
	h, err := uplink.DecodeHello(msg)
	if err != nil || h.Unit != testUnit || h.Version != uplink.ProtocolVersion {
		return fmt.Errorf("centre: hello %+v, %v", h, err)
	}
	c.mu.Lock()
	if c.series != h.Series {
		c.series, c.held = h.Series, nil
	}
	welcome := uplink.AppendWelcome(nil, uplink.Welcome{Series: h.Series, Held: c.held})
	c.agents = append(c.agents, h.Agent)
	c.mu.Unlock()
	if err := c.write(ws, welcome); err != nil {
		return err
	}
	for {
		_, msg, err := ws.ReadMessage()
		if err != nil {
			return err
		}
		if err := c.hear(ws, msg); err != nil {
			return err
		}
	}
}

// write sends a message; several goroutines may.
func (c *centre) write(ws *websocket.Conn, msg []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	return ws.WriteMessage(websocket.BinaryMessage, msg)
}

// order tells every unit something, now and whenever it connects.
func (c *centre) order(msg []byte) {
	c.mu.Lock()
	c.orders = append(c.orders, msg)
	var reported []*websocket.Conn
	for ws, has := range c.conns {
		if has {
			reported = append(reported, ws)
		}
	}
	c.mu.Unlock()
	for _, ws := range reported {
		_ = c.write(ws, msg) // a broken one comes back and is told then
	}
}

// hear takes what an agent says after its hello.
func (c *centre) hear(ws *websocket.Conn, msg []byte) error {
	switch uplink.TypeOf(msg) {
	case uplink.TypeReport:
		r, err := uplink.DecodeReport(msg)
		if err != nil {
			return fmt.Errorf("centre: %w", err)
		}
		c.mu.Lock()
		c.reports = append(c.reports, r)
		var orders [][]byte
		if !c.conns[ws] {
			c.conns[ws], orders = true, c.orders
		}
		c.mu.Unlock()
		for _, o := range orders {
			if err := c.write(ws, o); err != nil {
				return err
			}
		}
	case uplink.TypeTold:
		t, err := uplink.DecodeTold(msg)
		if err != nil {
			return fmt.Errorf("centre: %w", err)
		}
		c.mu.Lock()
		c.told = append(c.told, t.Events...)
		deaf := c.deaf
		c.mu.Unlock()
		var ids []string
		for _, e := range t.Events {
			ids = append(ids, e.ID)
		}
		ack, err := uplink.AppendToldAck(nil, uplink.ToldAck{IDs: ids})
		if err != nil || deaf {
			return err
		}
		return c.write(ws, ack)
	default:
		b, err := uplink.DecodeBatch(msg)
		if err != nil {
			return fmt.Errorf("centre: %w", err)
		}
		ack, err := c.take(b)
		if err != nil || ack == nil {
			return err
		}
		return c.write(ws, ack)
	}
	return nil
}

// report is the last that came.
func (c *centre) report() uplink.Report {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.reports) == 0 {
		return uplink.Report{}
	}
	return c.reports[len(c.reports)-1]
}

// toldIDs are the events that were told, each once.
func (c *centre) toldIDs() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var ids []string
	for _, e := range c.told {
		ids = append(ids, e.ID)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// take holds a batch and returns its acknowledgement; nil while the centre is mute.
func (c *centre) take(b track.Batch) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mute {
		return nil, nil
	}
	if b.Series != c.series {
		return nil, fmt.Errorf("centre: batch of series %d, want %d", b.Series, c.series)
	}
	for i, f := range b.Fixes {
		seq := b.First + track.Seq(i)
		if old, ok := c.fixes[seq]; ok && !old.Equal(f) {
			return nil, fmt.Errorf("centre: number %d is %+v and %+v", seq, old, f)
		}
		c.fixes[seq] = f
	}
	x := track.Range{First: b.First, Last: b.Last()}
	c.held = c.held.Add(x)
	return uplink.AppendAck(nil, uplink.Ack{Series: b.Series, Ranges: track.Ranges{x}}), nil
}
