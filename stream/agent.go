package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"dipper/fleet"
	"dipper/positioning"
	"dipper/positioning/track"
	"dipper/receiver/uplink"
)

// maxAgentMessage is more than any message of the protocol needs.
const maxAgentMessage = uplink.MaxMessageBytes

// keepBuffer bounds the buffers that go back to the pool.
const keepBuffer = 64 << 10

// maxPending bounds the batches that were read and wait for their turn: twice an agent's window, so that an agent which
// keeps to it is always read, and its pings answered.
const maxPending = 16

// agent is the service's end of one uplink connection. While nothing comes it is one goroutine with a small stack that reads;
// a second one, one of the Uplink's hands, is its own as long as there are batches to accept or something to tell the unit. After
// Welcome that one alone writes messages.
type agent struct {
	up     *Uplink
	ws     *websocket.Conn
	unit   fleet.UnitID
	remote string
	work   context.Context // ends when batches under way must be given up
	order  uint64          // connections are numbered as they come
	idle   chan struct{}   // closed when the last batch under way is done, and no other will be
	worker sync.WaitGroup  // the second goroutine, while it is at work here

	mu      sync.Mutex
	awake   bool          // begin was called
	cause   error         // why the connection is to end; nil while it goes on
	ended   chan struct{} // closed by end
	working bool          // the second goroutine is at work here
	pending []arrival     // read, and not yet accepted
	steer   *steering     // nil until the unit sent a Report
	room    sync.Cond     // of mu: pending became shorter, or the connection is to end

	allowance float64   // fixes that may still come at once; the second goroutine's
	refilled  time.Time // when allowance was last counted
}

// arrival is a batch that was read, or several that followed on each other and were joined.
type arrival struct {
	track.Batch
	batches int
	at      time.Time // when the first of them was read
}

// agentGone is why a connection ended whose agent went away, or whose link broke: there is nobody to tell.
type agentGone struct{ err error }

func (e *agentGone) Error() string { return "agent gone: " + e.err.Error() }
func (e *agentGone) Unwrap() error { return e.err }

func newAgent(u *Uplink, unit fleet.UnitID, remote string) *agent {
	a := &agent{up: u, unit: unit, remote: remote, ended: make(chan struct{}), idle: make(chan struct{})}
	a.room.L = &a.mu
	return a
}

// begin gives the agent its connection. It may have been told to end before.
func (a *agent) begin(ws *websocket.Conn) {
	a.mu.Lock()
	a.ws, a.awake = ws, true
	a.mu.Unlock()
	a.allowance, a.refilled = a.up.cfg.Burst, time.Now()
	pong := ws.PingHandler()
	ws.SetPingHandler(func(data string) error {
		if err := a.await(agentSilence); err != nil {
			return err
		}
		return pong(data)
	})
}

// end makes the connection end, after the batch under way. What waits behind it was not acknowledged and will be sent again.
// The first cause counts.
func (a *agent) end(cause error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cause != nil {
		return
	}
	a.cause = cause
	close(a.ended)
	a.room.Broadcast()
	if !a.awake {
		return
	}
	_ = a.ws.SetReadDeadline(time.Unix(1, 0)) // wakes the reader; if it fails, the connection is closed already
}

// await gives the agent some time to say something, unless the connection is to end: then it says why.
func (a *agent) await(d time.Duration) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cause != nil {
		return a.cause
	}
	return a.ws.SetReadDeadline(time.Now().Add(d))
}

func (a *agent) ending() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.cause
}

// run greets the agent and leaves its connection to a goroutine of its own, whose stack is small: it has not been where this
// one has.
func (a *agent) run() {
	err := a.greet()
	if err == nil {
		a.up.cfg.Metrics.hellos.WithLabelValues("welcome").Inc()
		go func() { a.finish(a.serve()) }()
		return
	}
	if gone := (*agentGone)(nil); !errors.As(err, &gone) {
		a.up.cfg.Metrics.hellos.WithLabelValues(refusalCode(err)).Inc()
	}
	a.finish(err)
}

// finish ends the connection when the batch under way is done.
func (a *agent) finish(err error) {
	a.end(err)
	a.worker.Wait()
	close(a.idle)
	a.bye(a.ending())
	_ = a.ws.Close() // nothing is left to be told
	a.up.leave(a)
}

// bye tells the agent why.
func (a *agent) bye(err error) {
	if gone := (*agentGone)(nil); errors.As(err, &gone) {
		a.up.log.Debug("agent gone", "unit", a.unit, "remote", a.remote, "error", err)
		return
	}
	f, known := Explain(err)
	if known {
		a.up.log.Info("agent sent away", "unit", a.unit, "remote", a.remote, "code", f.Refusal, "error", err)
	} else {
		a.up.log.Error("agent sent away", "unit", a.unit, "remote", a.remote, "error", err)
	}
	refusal := uplink.Refusal{Code: f.Refusal, Field: f.Field, Message: f.Message}
	if a.send(uplink.AppendRefusal(nil, refusal)) == nil {
		text := websocket.FormatCloseMessage(f.Close, closeReason(f))
		_ = a.ws.WriteControl(websocket.CloseMessage, text, time.Now().Add(closeGrace)) // the close that follows counts
	}
}

// greet takes the agent's Hello and answers what the store has.
func (a *agent) greet() error {
	if err := a.await(helloTimeout); err != nil {
		return err
	}
	var h uplink.Hello
	err := a.receive(func(msg []byte) (err error) {
		h, err = uplink.DecodeHello(msg)
		return err
	})
	switch {
	case err != nil && h.Version != 0 && h.Version != uplink.ProtocolVersion:
		return fmt.Errorf("%w %d: this service speaks %d", ErrHelloVersion, h.Version, uplink.ProtocolVersion)
	case errors.Is(err, uplink.ErrMessage):
		return fmt.Errorf("%w: %w", ErrHello, err)
	case err != nil:
		return err
	case fleet.UnitID(h.Unit) != a.unit:
		return fmt.Errorf("%w: the key is not that of unit %.64q", ErrUnauthorized, h.Unit)
	}
	if err := a.displace(); err != nil {
		return err
	}
	held, err := a.up.cfg.Fleet.Held(a.work, a.unit, h.Series)
	if err != nil {
		return err
	}
	a.up.log.Debug("agent connected", "unit", a.unit, "remote", a.remote, "series", h.Series, "newest", h.Newest, "agent", h.Agent)
	return a.send(uplink.AppendWelcome(nil, uplink.Welcome{Series: h.Series, Held: newestRanges(held)}))
}

// displace takes over from the unit's connection before this one, and waits for the batch that it has under way: Welcome says
// what the store has, and nothing of an older connection may be added behind its back.
func (a *agent) displace() error {
	before, err := a.up.claim(a)
	if err != nil || before == nil {
		return err
	}
	select {
	case <-before.idle:
		return nil
	case <-a.ended:
		return a.ending()
	case <-a.work.Done():
		return ErrGoingAway
	}
}

// maxWelcomeRanges keeps Welcome below what an agent reads. Ranges that are left out are sent again, to no harm.
const maxWelcomeRanges = 10_000

func newestRanges(r track.Ranges) track.Ranges {
	return r[max(0, len(r)-maxWelcomeRanges):]
}

// message is one of those that may come after Hello. One of the three is set.
type message struct {
	batch  track.Batch
	report *uplink.Report
	told   *uplink.Told
}

// decodeMessage keeps nothing of msg.
func decodeMessage(msg []byte) (m message, err error) {
	switch uplink.TypeOf(msg) {
	case uplink.TypeReport:
		m.report = new(uplink.Report)
		*m.report, err = uplink.DecodeReport(msg)
	case uplink.TypeTold:
		m.told = new(uplink.Told)
		*m.told, err = uplink.DecodeTold(msg)
	default:
		m.batch, err = uplink.DecodeBatch(msg)
		if err == nil && len(m.batch.Fixes) == 0 {
			err = fmt.Errorf("%w: a batch without fixes", track.ErrInvalid)
		}
	}
	return m, err
}

// serve reads messages until the connection ends.
func (a *agent) serve() error {
	for {
		if err := a.await(agentSilence); err != nil {
			return err
		}
		var m message
		err := a.receive(func(msg []byte) (err error) {
			m, err = decodeMessage(msg)
			return err
		})
		if err == nil {
			err = a.push(m, time.Now())
		}
		if err != nil {
			a.countRefused(err)
			return err
		}
	}
}

// push leaves a message, read at some time, to the second goroutine, and waits while too many are there.
func (a *agent) push(m message, at time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.cause == nil && (len(a.pending) >= maxPending || a.steer.full()) {
		a.room.Wait()
	}
	switch {
	case a.cause != nil: // serve will see it
		return nil
	case m.report != nil:
		if a.steer == nil {
			a.steer = new(steering)
		}
		a.steer.report, a.steer.news = *m.report, true
	case m.told == nil:
		a.pending = append(a.pending, arrival{m.batch, 1, at})
	case a.steer == nil:
		return fmt.Errorf("%w: told before any report", uplink.ErrMessage)
	default:
		a.steer.told = append(a.steer.told, *m.told)
	}
	a.wakeLocked()
	return nil
}

// wakeLocked sees to it that the second goroutine is at work.
func (a *agent) wakeLocked() {
	if !a.working && a.cause == nil {
		a.working = true
		a.up.employ(a)
	}
}

// labour accepts batches and steers the unit while there is anything to do.
func (a *agent) labour() {
	for {
		b, errand := a.pull()
		var err error
		switch {
		case errand != nil:
			err = errand(a)
		case b.batches > 0:
			err = a.take(&b)
		default:
			return
		}
		if err != nil {
			a.countRefused(err)
			if errors.Is(err, fleet.ErrWentBack) {
				a.up.recall(a) // its neighbours have lost something too
			}
			a.end(err)
		}
	}
}

// pull gives an errand of steering, of which there are few, or the next batch: joined with those behind it whose numbers follow on,
// as in a backlog, since one commit serves them all. Neither means that labour is done.
func (a *agent) pull() (b arrival, errand errand) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cause == nil {
		if errand = a.steer.next(); errand != nil {
			a.room.Signal()
			return b, errand
		}
	}
	if a.cause != nil || len(a.pending) == 0 {
		a.pending, a.working = nil, false
		return b, nil
	}
	b = joined(a.pending)
	a.pending = slices.Delete(a.pending, 0, b.batches)
	a.room.Signal()
	return b, nil
}

// joined is the first of some batches with those behind it whose numbers follow on.
func joined(pending []arrival) arrival {
	b := pending[0]
	fixes := len(b.Fixes)
	last := b.Last()
	for _, next := range pending[1:] {
		if next.Series != b.Series || next.First != last+1 || fixes+len(next.Fixes) > track.MaxBatchFixes {
			break
		}
		b.batches++
		fixes += len(next.Fixes)
		last = next.Last()
	}
	b.Fixes = slices.Grow(b.Fixes, fixes-len(b.Fixes))
	for _, next := range pending[1:b.batches] {
		b.Fixes = append(b.Fixes, next.Fixes...)
	}
	return b
}

func (a *agent) countRefused(err error) {
	if gone := (*agentGone)(nil); !errors.As(err, &gone) && a.ending() == nil {
		a.up.cfg.Metrics.batches.WithLabelValues(refusalCode(err)).Inc()
	}
}

// receive waits for one message and hands it to decode, which must not keep it.
func (a *agent) receive(decode func([]byte) error) error {
	kind, r, err := a.ws.NextReader()
	if err != nil {
		return a.lost(err)
	}
	if kind != websocket.BinaryMessage {
		return fmt.Errorf("%w: a text message", uplink.ErrMessage)
	}
	buf, ok := a.up.buffers.Get().(*bytes.Buffer)
	if !ok {
		buf = new(bytes.Buffer)
	}
	buf.Reset()
	defer func() {
		if buf.Cap() <= keepBuffer {
			a.up.buffers.Put(buf)
		}
	}()
	if _, err := buf.ReadFrom(r); err != nil {
		return a.lost(err)
	}
	a.up.cfg.Metrics.uplinkBytes.Add(float64(buf.Len()))
	return decode(buf.Bytes())
}

// lost is why reading failed: because the connection is to end, or because the agent is gone.
func (a *agent) lost(err error) error {
	if cause := a.ending(); cause != nil {
		return cause
	}
	if errors.Is(err, websocket.ErrReadLimit) {
		return fmt.Errorf("%w: message above %d bytes", ErrTooLarge, maxAgentMessage)
	}
	return &agentGone{err}
}

// take has the fleet accept fixes, acknowledges them, and makes an agent that is too fast wait.
func (a *agent) take(b *arrival) error {
	if err := a.accept(b.Batch); err != nil {
		return err
	}
	ack := uplink.Ack{Series: b.Series, Ranges: track.Ranges{{First: b.First, Last: b.Last()}}}
	if err := a.send(uplink.AppendAck(nil, ack)); err != nil {
		return err
	}
	m := a.up.cfg.Metrics
	m.acks.Observe(time.Since(b.at).Seconds())
	m.batches.WithLabelValues("acknowledged").Add(float64(b.batches))
	m.fixes.Add(float64(len(b.Fixes)))
	for i := range b.Fixes {
		if v := b.Fixes[i].Verdict; v != positioning.Accepted {
			m.refusedFixes.WithLabelValues(v.String()).Inc()
		}
	}
	a.follow(b.Fixes)
	a.throttle(len(b.Fixes))
	return nil
}

// accept has the fleet accept a batch durably. A store that went back is not tried again: the agent must hear in a new Welcome
// what is missing.
func (a *agent) accept(b track.Batch) error {
	return a.insist(time.Now(), func() error { return a.up.cfg.Fleet.Accept(a.work, a.unit, b) })
}

// insist tries something again for RetryFor while the store is unavailable.
func (a *agent) insist(begin time.Time, try func() error) error {
	const firstPause, longestPause = 50 * time.Millisecond, time.Second
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := try()
		passing := errors.Is(err, fleet.ErrUnavailable) && !errors.Is(err, fleet.ErrWentBack)
		if err == nil || !passing || time.Since(begin) >= a.up.cfg.RetryFor {
			return err
		}
		a.up.cfg.Metrics.retries.Inc()
		if !a.pause(pause) {
			return err
		}
	}
}

// throttle waits while the unit has sent more than it may. What it sends meanwhile waits in the network.
func (a *agent) throttle(fixes int) {
	now := time.Now()
	rate := a.up.cfg.FixesPerSecond
	a.allowance = min(a.up.cfg.Burst, a.allowance+now.Sub(a.refilled).Seconds()*rate) - float64(fixes)
	a.refilled = now
	if a.allowance < 0 {
		wait := time.Duration(-a.allowance / rate * float64(time.Second))
		a.up.cfg.Metrics.throttled.Add(wait.Seconds())
		a.pause(wait)
	}
}

// pause waits, and reports whether the connection goes on.
func (a *agent) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-a.ended:
	case <-a.work.Done():
	}
	return false
}

func (a *agent) send(msg []byte) error {
	if err := a.ws.SetWriteDeadline(time.Now().Add(agentWrite)); err != nil {
		return &agentGone{err}
	}
	if err := a.ws.WriteMessage(websocket.BinaryMessage, msg); err != nil {
		return &agentGone{err}
	}
	return nil
}
