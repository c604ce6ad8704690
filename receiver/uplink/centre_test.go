package uplink_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"dipper/positioning"
	"dipper/positioning/track"
	"dipper/receiver/uplink"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	unit = "鲁B12345"
	key  = "a-key-for-tests"
)

// centre is the other end of the uplink, as small as can be: it keeps what it gets, and goes wrong in the ways it is told.
type centre struct {
	tb  testing.TB
	srv *httptest.Server

	mu       sync.Mutex
	held     map[track.Seq]positioning.Fix
	series   track.Series
	order    []track.Range // of all batches, as they came
	connects int
	hello    uplink.Hello            // the last
	links    map[*websocket.Conn]int // batches that came on it
	most     int                     // batches on one link
	wrong    wrong
	refusal  *uplink.Refusal // to be sent in place of Welcome
	status   int             // to be answered in place of the upgrade; 0 none
	reports  []uplink.Report // of all connections, as they came
	told     [][]string      // ids of events, by message
	opening  [][]byte        // messages sent after the first Report of each connection
	serving  sync.WaitGroup
}

// wrong decides, for each batch, what goes wrong. All functions may be nil.
type wrong struct {
	killBefore func() bool // cut the link before the batch is kept
	killAfter  func() bool // cut the link when it is kept, before the acknowledgement
	loseAck    func() bool
	doubleAck  func() bool
	deaf       func() bool // on connection: never read anything after Welcome
	loseTold   func() bool // keep Told to yourself
}

func newCentre(tb testing.TB) *centre {
	c := &centre{tb: tb, held: map[track.Seq]positioning.Fix{}, links: map[*websocket.Conn]int{}}
	c.srv = httptest.NewServer(c)
	tb.Cleanup(c.close)
	return c
}

func (c *centre) url() string { return "ws" + strings.TrimPrefix(c.srv.URL, "http") }

func (c *centre) close() {
	c.cut()
	c.srv.Close()
	c.serving.Wait()
}

// cut ends all links, as a crash of the service does.
func (c *centre) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for ws := range c.links {
		_ = ws.NetConn().Close()
	}
}

// change changes how the centre behaves.
func (c *centre) change(f func(c *centre)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(c)
}

func yes(f func() bool) bool { return f != nil && f() }

func (c *centre) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.serving.Add(1)
	defer c.serving.Done()
	c.mu.Lock()
	status := c.status
	c.mu.Unlock()
	if r.URL.Path != uplink.Path || r.Header.Get("Authorization") != "Bearer "+key {
		status = http.StatusUnauthorized
	}
	if status != 0 {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"error":{"code":"unauthorized","field":"key","message":"no such key"}}`))
		return
	}
	up := websocket.Upgrader{}
	ws, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer ws.Close()
	c.mu.Lock()
	c.links[ws] = 0
	c.mu.Unlock()
	defer c.change(func(c *centre) { delete(c.links, ws) })
	c.serve(ws)
}

func (c *centre) serve(ws *websocket.Conn) {
	_, msg, err := ws.ReadMessage()
	if err != nil {
		return
	}
	hello, err := uplink.DecodeHello(msg)
	if err != nil {
		c.tb.Errorf("hello: %v", err)
		return
	}
	c.mu.Lock()
	c.hello, c.series = hello, hello.Series
	c.connects++
	refusal, held, deaf := c.refusal, c.rangesLocked(), yes(c.wrong.deaf)
	c.mu.Unlock()
	if refusal != nil {
		_ = ws.WriteMessage(websocket.BinaryMessage, uplink.AppendRefusal(nil, *refusal))
		return
	}
	if ws.WriteMessage(websocket.BinaryMessage, uplink.AppendWelcome(nil, uplink.Welcome{Series: hello.Series, Held: held})) != nil {
		return
	}
	if deaf { // a link that died without a word: nothing is read, so no ping is answered, until the other end gives up
		buf := make([]byte, 1)
		for {
			if _, err := ws.NetConn().Read(buf); err != nil {
				return
			}
		}
	}
	for reported := false; ; {
		_, msg, err := ws.ReadMessage()
		if err != nil {
			return
		}
		good := false
		switch uplink.TypeOf(msg) {
		case uplink.TypeReport:
			good = c.takeReport(ws, msg, !reported)
			reported = true
		case uplink.TypeTold:
			good = c.takeTold(ws, msg)
		default:
			good = c.take(ws, msg)
		}
		if !good {
			return
		}
	}
}

func (c *centre) takeReport(ws *websocket.Conn, msg []byte, first bool) bool {
	r, err := uplink.DecodeReport(msg)
	if err != nil {
		c.tb.Errorf("report: %v", err)
		return false
	}
	c.mu.Lock()
	c.reports = append(c.reports, r)
	opening := c.opening
	c.mu.Unlock()
	if !first {
		return true
	}
	for _, msg := range opening {
		if ws.WriteMessage(websocket.BinaryMessage, msg) != nil {
			return false
		}
	}
	return true
}

func (c *centre) takeTold(ws *websocket.Conn, msg []byte) bool {
	t, err := uplink.DecodeTold(msg)
	if err != nil {
		c.tb.Errorf("told: %v", err)
		return false
	}
	var ids []string
	for _, e := range t.Events {
		ids = append(ids, e.ID)
	}
	c.mu.Lock()
	c.told = append(c.told, ids)
	lose := yes(c.wrong.loseTold)
	c.mu.Unlock()
	return lose || ws.WriteMessage(websocket.BinaryMessage, must(uplink.AppendToldAck(nil, uplink.ToldAck{IDs: ids}))) == nil
}

// take keeps a batch and answers it. It reports whether the link is still good.
func (c *centre) take(ws *websocket.Conn, msg []byte) bool {
	b, err := uplink.DecodeBatch(msg)
	if err != nil {
		c.tb.Errorf("batch: %v", err)
		return false
	}
	c.mu.Lock()
	if yes(c.wrong.killBefore) {
		c.mu.Unlock()
		return false
	}
	c.links[ws]++
	c.most = max(c.most, c.links[ws])
	c.order = append(c.order, track.Range{First: b.First, Last: b.Last()})
	for i, f := range b.Fixes {
		seq := b.First + track.Seq(i)
		if had, ok := c.held[seq]; ok && !had.Equal(f) {
			c.tb.Errorf("number %d came for %v and for %v", seq, had.Time, f.Time)
		}
		c.held[seq] = f
	}
	killAfter, lose, double := yes(c.wrong.killAfter), yes(c.wrong.loseAck), yes(c.wrong.doubleAck)
	c.mu.Unlock()
	if killAfter {
		return false
	}
	ack := uplink.AppendAck(nil, uplink.Ack{Series: b.Series, Ranges: track.Ranges{{First: b.First, Last: b.Last()}}})
	for n := 1; n > 0; n-- {
		if lose {
			break
		}
		if double {
			n, double = n+1, false
		}
		if ws.WriteMessage(websocket.BinaryMessage, ack) != nil {
			return false
		}
	}
	return true
}

func (c *centre) rangesLocked() track.Ranges {
	var r track.Ranges
	for seq := range c.held {
		r = r.Add(track.Range{First: seq, Last: seq})
	}
	return r
}

func (c *centre) ranges() track.Ranges {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rangesLocked()
}

func (c *centre) batches() []track.Range {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]track.Range(nil), c.order...)
}

func (c *centre) connected() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.connects
}
