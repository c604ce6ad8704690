package redisstore

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// How long a blocking read waits inside Redis, and how long to leave a Redis alone that does not answer.
const (
	blockFor   = time.Second
	retryAfter = 200 * time.Millisecond
)

// errClosed: the store was closed.
var errClosed = errors.New("store is closed")

// tail follows one stream for all who wait for it, with one connection, while anybody waits. Reading a stream from a number
// on misses nothing, whenever and wherever it was written, unlike a message that was published while nobody listened.
type tail struct {
	// guarded by Store.mu
	waiting int           // callers of wait
	running bool          // its goroutine reads
	last    uint64        // newest number known
	backs   uint64        // how often the stream lost its end
	grew    chan struct{} // closed and replaced when last changes
}

// wait returns nil once the stream has a number above after, whichever node wrote it, or has lost its end; or ctx's error. While Redis
// is away it goes on waiting.
func (s *Store) wait(ctx context.Context, stream string, after uint64) error {
	last, err := s.newest(ctx, stream)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil && last != after {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return unavailable(errClosed)
	}
	t := s.tails[stream]
	if t == nil {
		t = &tail{grew: make(chan struct{})}
		s.tails[stream] = t
	}
	if err == nil && t.waiting == 0 {
		t.last = last
	}
	t.waiting++
	defer func() { t.waiting-- }()
	for backs := t.backs; t.last <= after && t.backs == backs; {
		if !t.running {
			t.running = true
			s.wg.Add(1)
			go s.follow(stream, t) // ends when nobody waits any more, and with Close, which waits for it
		}
		if err := s.sleepLocked(ctx, t.grew); err != nil {
			return err
		}
	}
	return nil
}

// sleepLocked gives mu free until ch is closed.
func (s *Store) sleepLocked(ctx context.Context, ch <-chan struct{}) error {
	s.mu.Unlock()
	defer s.mu.Lock()
	select {
	case <-ch:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.ctx.Done():
		return unavailable(errClosed)
	}
}

// follow reads the stream while anybody waits.
func (s *Store) follow(stream string, t *tail) {
	defer s.wg.Done()
	for {
		s.mu.Lock()
		if t.waiting == 0 || s.ended {
			t.running = false
			s.mu.Unlock()
			return
		}
		last := t.last
		s.mu.Unlock()

		newest, err := s.readAfter(stream, last)
		if err != nil {
			s.cfg.Log.Debug("waiting for news", "stream", stream, "err", err)
			s.pause(retryAfter)
			continue
		}
		if newest != last {
			s.mu.Lock()
			t.last = newest
			if newest < last {
				t.backs++
			}
			close(t.grew)
			t.grew = make(chan struct{})
			s.mu.Unlock()
		}
	}
}

// readAfter waits a while in Redis for an entry after last, and gives the newest number then.
func (s *Store) readAfter(stream string, last uint64) (uint64, error) {
	_, err := s.client.XRead(s.ctx, &redis.XReadArgs{
		Streams: []string{stream, afterID(last)}, Count: 1, Block: blockFor,
	}).Result()
	if err != nil && !errors.Is(err, redis.Nil) { // nothing came: but the stream may have become shorter
		return 0, err
	}
	return s.newest(s.ctx, stream)
}

func (s *Store) pause(d time.Duration) { pause(s.ctx, d) }

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
