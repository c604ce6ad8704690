package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
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

// agent is the service's end of one uplink connection. It is what an idle agent costs, so it is kept small.
type agent struct {
	up     *Uplink
	ws     *websocket.Conn
	unit   fleet.UnitID
	remote string
	work   context.Context // ends when batches under way must be given up

	busySince atomic.Int64 // Unix nanoseconds; 0 while reading

	mu    sync.Mutex
	awake bool          // begin was called
	cause error         // why the connection is to end; nil while it goes on
	ended chan struct{} // closed by end

	allowance float64   // fixes that may still come at once
	refilled  time.Time // when allowance was last counted
}

// agentGone is why a connection ended whose agent went away, or whose link broke: there is nobody to tell.
type agentGone struct{ err error }

func (e *agentGone) Error() string { return "agent gone: " + e.err.Error() }
func (e *agentGone) Unwrap() error { return e.err }

func newAgent(u *Uplink, unit fleet.UnitID, remote string) *agent {
	return &agent{up: u, unit: unit, remote: remote, ended: make(chan struct{})}
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

// end makes the connection end, after the batch under way. The first cause counts.
func (a *agent) end(cause error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cause != nil {
		return
	}
	a.cause = cause
	close(a.ended)
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

// ping is for agents that are busy, so it comes after begin.
func (a *agent) ping() {
	_ = a.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second)) // a dead link is found by reading
}

// run serves the connection until it ends.
func (a *agent) run() {
	defer a.ws.Close()
	err := a.greet()
	if err == nil {
		a.up.cfg.Metrics.hellos.WithLabelValues("welcome").Inc()
		err = a.serve()
	} else if gone := (*agentGone)(nil); !errors.As(err, &gone) {
		a.up.cfg.Metrics.hellos.WithLabelValues(refusalCode(err)).Inc()
	}
	a.bye(err)
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
	a.up.claim(a)
	held, err := a.up.cfg.Fleet.Held(a.work, a.unit, h.Series)
	if err != nil {
		return err
	}
	a.up.log.Debug("agent connected", "unit", a.unit, "remote", a.remote, "series", h.Series, "newest", h.Newest, "agent", h.Agent)
	return a.send(uplink.AppendWelcome(nil, uplink.Welcome{Series: h.Series, Held: newestRanges(held)}))
}

// maxWelcomeRanges keeps Welcome below what an agent reads. Ranges that are left out are sent again, to no harm.
const maxWelcomeRanges = 10_000

func newestRanges(r track.Ranges) track.Ranges {
	return r[max(0, len(r)-maxWelcomeRanges):]
}

// serve takes batches until the connection ends.
func (a *agent) serve() error {
	for {
		if err := a.await(agentSilence); err != nil {
			return err
		}
		var b track.Batch
		err := a.receive(func(msg []byte) (err error) {
			b, err = uplink.DecodeBatch(msg)
			return err
		})
		if err == nil {
			err = a.take(b)
		}
		if err != nil {
			if gone := (*agentGone)(nil); !errors.As(err, &gone) && a.ending() == nil {
				a.up.cfg.Metrics.batches.WithLabelValues(refusalCode(err)).Inc()
			}
			return err
		}
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

// take has the fleet accept a batch, acknowledges it, and makes an agent that is too fast wait.
func (a *agent) take(b track.Batch) error {
	if len(b.Fixes) == 0 {
		return fmt.Errorf("%w: a batch without fixes", track.ErrInvalid)
	}
	begin := time.Now()
	a.busySince.Store(begin.UnixNano())
	defer a.busySince.Store(0)
	if err := a.accept(b, begin); err != nil {
		return err
	}
	ack := uplink.Ack{Series: b.Series, Ranges: track.Ranges{{First: b.First, Last: b.Last()}}}
	if err := a.send(uplink.AppendAck(nil, ack)); err != nil {
		return err
	}
	m := a.up.cfg.Metrics
	m.acks.Observe(time.Since(begin).Seconds())
	m.batches.WithLabelValues("acknowledged").Inc()
	m.fixes.Add(float64(len(b.Fixes)))
	for i := range b.Fixes {
		if v := b.Fixes[i].Verdict; v != positioning.Accepted {
			m.refusedFixes.WithLabelValues(v.String()).Inc()
		}
	}
	a.throttle(len(b.Fixes))
	return nil
}

// accept tries until the fleet has the batch durably, or for RetryFor while the store is unavailable.
func (a *agent) accept(b track.Batch, begin time.Time) error {
	const firstPause, longestPause = 50 * time.Millisecond, time.Second
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := a.up.cfg.Fleet.Accept(a.work, a.unit, b)
		if err == nil || !errors.Is(err, fleet.ErrUnavailable) || time.Since(begin) >= a.up.cfg.RetryFor {
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
