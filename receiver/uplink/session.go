package uplink

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"dipper/positioning/track"
)

// session is one connection after Welcome.
type session struct {
	client *Client
	conn   *Conn
	series track.Series
	steer  steer

	flights  []flight
	highest  track.Seq // highest number sent on this connection
	newSince time.Time // since when there are fixes above highest; zero if there are none

	news    chan struct{} // full when the reader has left something in the fields below
	mu      sync.Mutex
	before  track.Ranges // acknowledged before the fences in heard came; read and not yet noted
	acked   track.Ranges // since; the same
	heard   hearing      // the same
	failure error        // why the reader ended
}

// flight is a batch that was sent.
type flight struct {
	open track.Ranges // not acknowledged yet
	at   time.Time
}

// read is the reader: it never waits for anything but the link, so that a service that writes acknowledgements is
// never held up by one that we are sending to.
func (s *session) read() {
	for {
		msg, err := s.conn.ReadMessage()
		if err == nil {
			err = s.leave(msg)
		}
		if err != nil {
			s.mu.Lock()
			s.failure = err
			s.mu.Unlock()
		}
		select {
		case s.news <- struct{}{}:
		default: // there is one already
		}
		if err != nil {
			return
		}
	}
}

// leave puts down what a message says for the loop to find.
func (s *session) leave(msg []byte) error {
	if s.steer.steering != nil && TypeOf(msg) != TypeAck {
		heard, err := decodeHeard(msg)
		if err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if heard.fences != nil {
			s.before, s.acked = s.before.Merge(s.acked), nil
		}
		return s.heard.add(heard)
	}
	a, err := DecodeAck(msg)
	if err == nil && a.Series == s.series {
		s.mu.Lock()
		s.acked = s.acked.Merge(a.Ranges)
		s.mu.Unlock()
	}
	return err
}

// run sends and takes acknowledgements until the link fails or, after ctx, all is acknowledged or time is up. It closes the
// connection.
func (s *session) run(ctx context.Context) error {
	var reader sync.WaitGroup
	reader.Go(s.read)
	err := s.loop(ctx)
	if err != nil {
		limit := time.AfterFunc(closeTimeout, s.conn.abort)
		defer limit.Stop()
		reader.Wait() // a failed send may have a refusal behind it that says why, and acknowledgements
	}
	err = errors.Join(err, ignoreClosed(s.conn.Close()))
	reader.Wait()
	if late := s.takeNews(); isRefusal(late) {
		return late
	}
	return err
}

func isRefusal(err error) bool {
	var r *Refusal
	return errors.As(err, &r)
}

func (s *session) loop(ctx context.Context) error {
	ping := time.NewTicker(s.conn.PingEvery())
	defer ping.Stop()
	linger := time.NewTimer(0)
	defer linger.Stop()
	ended := ctx.Done()
	defer s.client.pulse.Rest()
	for {
		s.client.pulse.Work()
		if err := s.steer.tell(time.Now()); err != nil {
			return err
		}
		wait, err := s.fill(ended == nil)
		if err != nil {
			return err
		}
		if ended == nil && len(s.flights) == 0 {
			return nil
		}
		if wait > 0 {
			linger.Reset(wait)
		}
		s.client.pulse.Rest()
		select {
		case <-s.news:
			s.client.pulse.Work()
			err = s.takeNews()
		case <-s.client.cfg.Source.Changed():
		case <-s.steer.changed:
			s.steer.due = true
		case <-linger.C:
		case <-ping.C:
			err = s.check(time.Now())
		case <-ended:
			ended = nil
			limit := time.AfterFunc(s.client.cfg.FlushTimeout, s.conn.abort) // a send that hangs must end as well
			defer limit.Stop()
		}
		if err != nil {
			return err
		}
	}
}

// check runs at every ping.
func (s *session) check(now time.Time) error {
	if len(s.flights) > 0 {
		if age := now.Sub(s.flights[0].at); age > s.client.cfg.AckTimeout {
			return fmt.Errorf("no acknowledgement for %v of what was sent from number %d on", age.Round(time.Second), s.flights[0].open.Lowest())
		}
	}
	s.steer.check(now, s.client.cfg.AckTimeout)
	return s.conn.Ping()
}

// takeNews notes what the reader read. Fences come to the unit between the acknowledgements before and behind them.
func (s *session) takeNews() error {
	s.mu.Lock()
	before, acked, heard, failure := s.before, s.acked, s.heard, s.failure
	s.before, s.acked, s.heard = nil, nil, hearing{}
	s.mu.Unlock()
	if err := s.noteAcked(before); err != nil {
		return err
	}
	s.steer.take(heard)
	if err := s.noteAcked(acked); err != nil {
		return err
	}
	return failure
}

func (s *session) noteAcked(acked track.Ranges) error {
	if len(acked) == 0 {
		return nil
	}
	before := s.inFlight().Count()
	kept := s.flights[:0]
	for _, f := range s.flights {
		if f.open = f.open.Subtract(acked); len(f.open) > 0 {
			kept = append(kept, f)
		}
	}
	s.flights = kept
	done := before - s.inFlight().Count()
	s.client.note(func(st *Status) { st.Acked += done })
	return s.client.cfg.Source.Ack(acked)
}

func (s *session) inFlight() track.Ranges {
	var r track.Ranges
	for _, f := range s.flights {
		r = r.Merge(f.open)
	}
	return r
}

// fill sends batches while the window has room. If new fixes wait for company, it says how long they may; flush ends that.
func (s *session) fill(flush bool) (wait time.Duration, err error) {
	cfg := &s.client.cfg
	for range 2 * cfg.Window { // a source may take numbers back when they turn out to be damaged, but not for ever
		if len(s.flights) >= cfg.Window {
			return 0, nil
		}
		todo := cfg.Source.Unacked().Subtract(s.inFlight())
		var x track.Range
		if x, wait = s.newest(todo, flush); x.First == 0 {
			x = s.backlog(todo)
		}
		if x.First == 0 {
			return wait, nil
		}
		b, err := cfg.Source.Read(x.First, int(x.Count()))
		if err != nil {
			return 0, err
		}
		if len(b.Fixes) == 0 || b.Last() > x.Last {
			continue
		}
		if err := s.send(b); err != nil {
			return 0, err
		}
	}
	return wait, nil
}

// newest is what goes ahead of all others: the end of the fixes above what was sent on this connection, as much as one batch
// takes. It is none while they may wait for more.
func (s *session) newest(todo track.Ranges, flush bool) (track.Range, time.Duration) {
	cfg := &s.client.cfg
	if len(todo) == 0 || todo.Highest() <= s.highest {
		s.newSince = time.Time{}
		return track.Range{}, 0
	}
	x := todo[len(todo)-1]
	x.First = max(x.First, s.highest+1)
	if n := track.Seq(cfg.BatchFixes); x.Last-x.First >= n {
		x.First = x.Last - n + 1
	} else if s.highest > 0 && !flush && x.Last-x.First+1 < n {
		if s.newSince.IsZero() {
			s.newSince = time.Now()
		}
		if wait := time.Duration(s.client.linger.Load()) - time.Since(s.newSince); wait > 0 {
			return track.Range{}, wait
		}
	}
	return x, 0
}

// backlog is the oldest fixes that are neither new nor under way, as much as one batch takes. It leaves one place in the
// window to new ones.
func (s *session) backlog(todo track.Ranges) track.Range {
	cfg := &s.client.cfg
	if len(todo) == 0 || todo[0].First > s.highest || cfg.Window > 1 && len(s.flights) >= cfg.Window-1 {
		return track.Range{}
	}
	x := todo[0]
	x.Last = min(x.Last, s.highest, x.First+track.Seq(cfg.BatchFixes)-1)
	return x
}

func (s *session) send(b track.Batch) error {
	if err := s.conn.SendBatch(b); err != nil {
		return err
	}
	s.highest = max(s.highest, b.Last())
	s.newSince = time.Time{}
	s.flights = append(s.flights, flight{open: track.Ranges{{First: b.First, Last: b.Last()}}, at: time.Now()})
	s.client.note(func(st *Status) { st.Sent += uint64(len(b.Fixes)) })
	return nil
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
