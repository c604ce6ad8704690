package main

import (
	"context"
	"sync"
	"time"

	"dipper/cmd/internal/command"
	"dipper/positioning"
	"dipper/positioning/track"
	"dipper/receiver/uplink"
)

// sender is one simulated unit's connection. It keeps count of what is under way, so that nothing is called sent before it is
// acknowledged.
type sender struct {
	conn   *uplink.Conn
	series track.Series
	held   track.Ranges // by the service when the connection was made

	mu      sync.Mutex
	pending []sentBatch   // not acknowledged, in the order of sending
	drained chan struct{} // closed by the reader when it ends
	err     error         // why the reader ended
	room    chan struct{} // cap 1: the reader says that pending became shorter
	latency func(time.Duration)
	acked   func(fixes int)
}

type sentBatch struct {
	numbers track.Range
	at      time.Time
}

// connect dials, says hello, and starts the reader, which lives until the connection ends. close waits for it.
func connect(ctx context.Context, url, unit, key string, series track.Series, newest track.Seq, latency func(time.Duration), acked func(int)) (*sender, error) {
	conn, err := uplink.Dial(ctx, uplink.DialOptions{URL: url, Key: key, Agent: "dipper-sim/" + command.Version()})
	if err != nil {
		return nil, err
	}
	welcome, err := conn.Hello(ctx, uplink.Hello{
		Version: uplink.ProtocolVersion, Unit: unit, Series: series, Oldest: min(1, newest), Newest: newest, Agent: "dipper-sim",
	})
	if err != nil {
		_ = conn.Close() // the refusal says more
		return nil, err
	}
	s := &sender{
		conn: conn, series: series, held: welcome.Held, latency: latency, acked: acked,
		drained: make(chan struct{}), room: make(chan struct{}, 1),
	}
	go s.read()
	return s, nil
}

func (s *sender) read() {
	defer close(s.drained)
	for {
		ack, err := s.conn.ReadAck()
		if err != nil {
			s.mu.Lock()
			s.err = err
			s.mu.Unlock()
			return
		}
		s.acknowledge(ack.Ranges, time.Now())
		select {
		case s.room <- struct{}{}:
		default: // the sender has not looked since the last word; it will see both
		}
	}
}

func (s *sender) acknowledge(ranges track.Ranges, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rest := s.pending[:0]
	for _, p := range s.pending {
		if !ranges.Covers(p.numbers) {
			rest = append(rest, p)
			continue
		}
		s.latency(now.Sub(p.at))
		s.acked(int(p.numbers.Last - p.numbers.First + 1))
	}
	s.pending = rest
}

func (s *sender) inFlight() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pending)
}

// send sends consecutive fixes, the first numbered first.
func (s *sender) send(first track.Seq, fixes []positioning.Fix) error {
	b := track.Batch{Series: s.series, First: first, Fixes: fixes}
	s.mu.Lock()
	s.pending = append(s.pending, sentBatch{track.Range{First: first, Last: b.Last()}, time.Now()})
	s.mu.Unlock()
	return s.conn.SendBatch(b)
}

// wait blocks until fewer than limit batches are under way.
func (s *sender) wait(ctx context.Context, limit int) error {
	ping := time.NewTicker(s.conn.PingEvery())
	defer ping.Stop()
	for s.inFlight() >= limit {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.drained:
			return s.err
		case <-s.room:
		case <-ping.C:
			if err := s.conn.Ping(); err != nil {
				return err
			}
		}
	}
	return nil
}

// idle waits until a time and keeps the link alive meanwhile. It is false when ctx ended. A link that breaks shows at the next
// send.
func (s *sender) idle(ctx context.Context, until time.Time) bool {
	for {
		next := time.Now().Add(s.conn.PingEvery())
		if !next.Before(until) {
			return sleepUntil(ctx, until)
		}
		if !sleepUntil(ctx, next) {
			return false
		}
		if s.conn.Ping() != nil {
			return sleepUntil(ctx, until)
		}
	}
}

// close ends the connection and waits for the reader.
func (s *sender) close() {
	_ = s.conn.Close() // what was acknowledged is counted; the rest is counted as not
	<-s.drained
}
