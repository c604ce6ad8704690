package redisstore

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// lookEvery is how often the masters are asked whether they are still the ones they were.
const lookEvery = time.Second

// losses counts the times that a master was started again or another took its place, and so may have lost what was acknowledged.
type losses struct {
	mu    sync.Mutex
	count uint64
	grew  chan struct{} // closed and replaced when count grows
}

func (l *losses) add() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count++
	close(l.grew)
	l.grew = make(chan struct{})
}

func (l *losses) now() (uint64, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count, l.grew
}

// WaitLoss waits until Run has noticed a loss after the seen one.
func (s *Store) WaitLoss(ctx context.Context, seen uint64) (uint64, error) {
	for {
		n, grew := s.losses.now()
		if n > seen {
			return n, nil
		}
		select {
		case <-grew:
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-s.ctx.Done():
			return 0, unavailable(errClosed)
		}
	}
}

// watchMasters looks for masters that were not there before, until ctx ends.
func (s *Store) watchMasters(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var known []string
	for {
		runs, err := s.masterRuns(ctx)
		if err == nil { // else nobody knows who is there
			if known != nil && slices.ContainsFunc(runs, func(run string) bool { return !slices.Contains(known, run) }) {
				s.cfg.Log.Warn("a redis master was started again or replaced: it may have lost what it acknowledged")
				s.losses.add()
			}
			known = runs
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// masterRuns names the masters' present lives: the process, and the history it writes, which is another one when a replica
// is promoted.
func (s *Store) masterRuns(ctx context.Context) ([]string, error) {
	var mu sync.Mutex
	var runs []string
	err := s.eachMaster(ctx, func(ctx context.Context, c redis.UniversalClient) error {
		text, err := c.Info(ctx).Result()
		if err != nil {
			return err
		}
		info := parseInfo(text)
		mu.Lock()
		defer mu.Unlock()
		runs = append(runs, strings.Join([]string{info["run_id"], info["master_replid"]}, "/"))
		return nil
	})
	return runs, err
}
