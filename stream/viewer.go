package stream

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"dipper/fleet"
	"dipper/fleet/cell"
)

// Times of a viewer's connection.
const (
	viewerPing    = 20 * time.Second
	viewerSilence = 60 * time.Second // without a pong or a request for so long, the viewer is taken for gone
	closeGrace    = time.Second      // how long the close frame may take
	// sendBuffer is what the kernel may hold for a viewer: one or two full turns. What waits there cannot be replaced by
	// something newer.
	sendBuffer = 128 << 10
	// freshWait is how long the answer to a view may wait for what other nodes know of it. Then it is told as far as it is known, and
	// the rest follows.
	freshWait = time.Second
	// eventsATurn bounds how many events go out before positions have their turn again.
	eventsATurn = 256
)

// Seat says who a viewer is and how it wants to be told.
type Seat struct {
	JSON bool // frames that anyone can read, in place of the binary ones
	// Check, if not nil, is asked again and again for as long as the viewer is connected; an error closes it.
	Check func(context.Context) error
}

// viewer is one live connection. Its own goroutine runs turn; a second one only reads requests.
type viewer struct {
	hub  *Hub
	ws   *websocket.Conn
	seat Seat
	wake chan struct{} // a request waits; cap 1, sent by the reader

	mu      sync.Mutex // guards what the reader leaves for the writer
	asked   request    // the newest of each kind
	refused *badRequest

	screen  screen
	view    *view     // asked for, and waits until the plot has what is in it
	waits   time.Time // until then at most
	areas   []cell.ID // of the last view that was asked for
	watched []cell.ID // the areas that the relay was told
	update  update
	knows   []uint64 // bit set by handle: the viewer has been told the name
	told    uint64   // the stamp up to which names were told
	out     []byte

	events bool // wants events
	cursor fleet.Cursor
	backs  int  // how often the log went back that the viewer knows of
	live   bool // has caught up with the feed once
	lapsed bool // more events are at hand than the last turn told
	pause  time.Time
	fences uint64 // the hub's count that the viewer was told

	since atomic.Uint64 // screen.since, for the hub
}

// run tells the viewer until ctx ends or one of the two goes away. It returns why.
func (v *viewer) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	read := make(chan struct{})
	go func() {
		defer close(read)
		cancel(v.read())
	}()
	err := v.write(ctx)
	v.bye(err)
	<-read
	return err
}

// bye tells the viewer why, as far as it listens, and closes.
func (v *viewer) bye(err error) {
	f, _ := Explain(err)
	if gone := (*viewerGone)(nil); !errors.As(err, &gone) {
		text := websocket.FormatCloseMessage(f.Close, closeReason(f))
		_ = v.ws.WriteControl(websocket.CloseMessage, text, time.Now().Add(closeGrace)) // the close that follows counts
	}
	_ = v.ws.Close()
}

// closeReason fits a close frame: 123 bytes of UTF-8.
func closeReason(f Failure) string {
	reason := f.Code + ": " + f.Message
	if len(reason) > 120 {
		reason = f.Code
	}
	return reason
}

// viewerGone is why a viewer ended that went away by itself, or whose link broke.
type viewerGone struct{ err error }

func (e *viewerGone) Error() string { return "viewer gone: " + e.err.Error() }
func (e *viewerGone) Unwrap() error { return e.err }

// read takes requests until the connection ends.
func (v *viewer) read() error {
	v.ws.SetReadLimit(maxRequestBytes)
	alive := func(string) error { return v.ws.SetReadDeadline(time.Now().Add(viewerSilence)) }
	v.ws.SetPongHandler(alive)
	for {
		if err := alive(""); err != nil {
			return &viewerGone{err}
		}
		kind, data, err := v.ws.ReadMessage()
		if err != nil {
			return &viewerGone{err}
		}
		if kind != websocket.TextMessage {
			return &InputError{Field: "message", Reason: "requests are texts of JSON"}
		}
		v.take(data)
	}
}

// take leaves a request for the writer. Only the newest of each kind counts: a viewer that pans quickly is told of where it
// stops.
func (v *viewer) take(data []byte) {
	r, err := parseRequest(data)
	v.mu.Lock()
	var bad *badRequest
	switch {
	case errors.As(err, &bad):
		v.refused = bad
	case r.view != nil:
		v.asked.view = r.view
	case r.events != nil:
		v.asked.events = r.events
	case r.follow != nil:
		v.asked.follow = r.follow
	}
	v.mu.Unlock()
	select {
	case v.wake <- struct{}{}:
	default: // the writer has not looked since the last one
	}
}

// write runs turns until ctx ends.
func (v *viewer) write(ctx context.Context) error {
	tick := time.NewTicker(v.hub.cfg.Flush)
	defer tick.Stop()
	start := time.Now()
	pinged, checked := start, start
	for {
		select {
		case <-ctx.Done():
			if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
				return err
			}
			return ErrGoingAway
		case <-v.wake:
		case <-tick.C:
		}
		begin := time.Now()
		if err := v.turn(ctx, begin); err != nil {
			return err
		}
		for v.lapsed && ctx.Err() == nil {
			if err := v.turn(ctx, time.Now()); err != nil {
				return err
			}
		}
		if took := time.Since(begin); took > v.hub.cfg.Flush {
			v.hub.metrics.coalesced.Add(float64(took / v.hub.cfg.Flush))
		}
		if begin.Sub(pinged) >= viewerPing {
			pinged = begin
			if err := v.ws.WriteControl(websocket.PingMessage, nil, begin.Add(v.hub.cfg.WriteTimeout)); err != nil {
				return &viewerGone{err}
			}
		}
		if v.seat.Check != nil && begin.Sub(checked) >= v.hub.cfg.CheckEvery {
			checked = begin
			if err := v.seat.Check(ctx); errors.Is(err, ErrUnauthorized) || errors.Is(err, ErrForbidden) {
				return err
			}
		}
	}
}

// turn tells what is new: the view first, then events.
func (v *viewer) turn(ctx context.Context, now time.Time) error {
	v.mu.Lock()
	asked, refused := v.asked, v.refused
	v.asked, v.refused = request{}, nil
	v.mu.Unlock()

	v.update.reset()
	if refused != nil {
		v.hub.metrics.badRequests.Inc()
		if err := v.sendError("bad_request", refused.field, refused.message); err != nil {
			return err
		}
	}
	if asked.events != nil { // before the view: who has its snapshot has missed no event since
		if err := v.beginEvents(ctx, *asked.events); err != nil {
			return err
		}
	}
	if asked.follow != nil {
		if err := v.beginFollow(ctx, fleet.UnitID(*asked.follow)); err != nil {
			return err
		}
	}
	if asked.view != nil {
		v.view, v.waits = asked.view, now.Add(freshWait)
		v.areas = areasOf(asked.view.box)
	}
	v.lookOut()
	if v.view != nil && (v.hub.relay.fresh(v) || now.After(v.waits)) {
		v.screen.show(*v.view)
		v.view = nil
	}
	stamp := v.hub.plot.now.Load()
	v.screen.turn(now, &v.update)
	v.since.Store(v.screen.since())
	if err := v.sendUpdate(&v.update); err != nil {
		return err
	}
	v.told = stamp
	if err := v.sendFences(); err != nil {
		return err
	}
	return v.sendEvents(ctx, now)
}

// beginFollow follows a unit wherever it is; none for an empty id.
func (v *viewer) beginFollow(ctx context.Context, unit fleet.UnitID) error {
	m := v.hub.plot.find(unit)
	if known, err := v.hub.relay.locate(ctx, unit); err != nil {
		v.hub.log.Warn("a unit to be followed cannot be looked up", "unit", unit, "error", err)
	} else if known {
		m = v.hub.plot.find(unit)
	}
	v.screen.followUnit(m)
	if m == nil && unit != "" {
		return v.sendError("not_found", "unit", "no such unit")
	}
	return nil
}

// lookOut tells the relay at which areas the viewer looks: those of its view, and that of the unit it follows.
func (v *viewer) lookOut() {
	areas := v.areas
	if v.screen.follow != nil {
		if at := v.hub.plot.areaOf(v.screen.follow); at != 0 && !slices.Contains(areas, at) {
			areas = append(slices.Clip(areas), at)
		}
	}
	if !slices.Equal(areas, v.watched) {
		v.watched = areas
		v.hub.relay.watch(v, areas)
	}
}

// sendUpdate writes the messages of one turn in the order that docs/wire.md gives.
func (v *viewer) sendUpdate(u *update) error {
	if u.empty() {
		return nil
	}
	for _, rows := range [][]sighting{u.seen, u.followed} {
		if err := v.sendNames(rows); err != nil {
			return err
		}
	}
	if err := v.sendPositions(u.seen, u.snapshot); err != nil {
		return err
	}
	if len(u.gone) > 0 {
		if err := v.send("gone", websocket.TextMessage, appendGone(v.out[:0], u.gone, v.seat.JSON)); err != nil {
			return err
		}
	}
	if u.cells != nil {
		if err := v.send("cells", websocket.TextMessage, appendCells(v.out[:0], *u.cells)); err != nil {
			return err
		}
	}
	if err := v.sendPositions(u.followed, false); err != nil {
		return err
	}
	if !u.ended {
		return nil
	}
	text := append(v.out[:0], `{"type":"snapshot_end"`...)
	if u.ref != 0 {
		text = strconv.AppendInt(append(text, `,"ref":`...), u.ref, 10)
	}
	return v.send("snapshot_end", websocket.TextMessage, append(text, '}'))
}

// sendNames tells what the handles of rows stand for, where the viewer does not know or it has changed. JSON frames carry ids.
func (v *viewer) sendNames(rows []sighting) error {
	if v.seat.JSON {
		return nil
	}
	var news []sighting
	for _, r := range rows {
		word, bit := int(r.handle/64), uint64(1)<<(r.handle%64)
		for word >= len(v.knows) {
			v.knows = append(v.knows, 0)
		}
		if v.knows[word]&bit == 0 || r.named > v.told {
			v.knows[word] |= bit
			news = append(news, r)
		}
	}
	if len(news) == 0 {
		return nil
	}
	return v.send("names", websocket.TextMessage, appendNames(v.out[:0], news))
}

func (v *viewer) sendPositions(rows []sighting, snapshot bool) error {
	v.hub.metrics.positions.Add(float64(len(rows)))
	for len(rows) > 0 {
		var frame []sighting
		frame, rows = splitRows(rows)
		kind, data := websocket.BinaryMessage, v.out[:0]
		if v.seat.JSON {
			kind, data = websocket.TextMessage, appendPositionsJSON(data, frame, snapshot)
		} else {
			data = appendPositions(data, frame, snapshot)
		}
		if err := v.send("positions", kind, data); err != nil {
			return err
		}
	}
	return nil
}

func (v *viewer) sendError(code, field, message string) error {
	text := appendField(append(v.out[:0], `{"type":"error"`...), `,"code":`, code)
	text = appendField(text, `,"field":`, field)
	text = appendField(text, `,"message":`, message)
	return v.send("error", websocket.TextMessage, append(text, '}'))
}

func (v *viewer) send(frame string, kind int, data []byte) error {
	v.out = data[:0]
	v.hub.count(frame, len(data))
	if err := v.ws.SetWriteDeadline(time.Now().Add(v.hub.cfg.WriteTimeout)); err != nil {
		return &viewerGone{err}
	}
	return v.written(v.ws.WriteMessage(kind, data))
}

// written tells a viewer that takes nothing from one that went away.
func (v *viewer) written(err error) error {
	var network net.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &network) && network.Timeout():
		return ErrTooSlow
	}
	return &viewerGone{err}
}
