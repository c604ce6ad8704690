package redisstore

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"dipper/fleet"
)

// sweepEvery is how often Run looks into the outboxes. What it finds twice is left over from a crash, or from a time when the
// log's master was down; what it finds once is most likely just being carried out.
const sweepEvery = 5 * time.Second

// scrubbed is how many shards a round looks through for missing index entries: all of them in about ten minutes.
const scrubbed = 2

// Run carries out what a crash left in the outboxes, now and then looks for index entries that are missing, and watches the masters
// for WaitLoss, until ctx ends. Any number of nodes may run it at once.
func (s *Store) Run(ctx context.Context) error {
	var watching sync.WaitGroup
	defer watching.Wait()
	watching.Go(func() { s.watchMasters(ctx) })
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	var seen map[fleet.UnitID]string
	next := rand.IntN(shards) // nodes that start together look at different shards
	for first := true; ; first = false {
		found, err := s.sweep(ctx, func(e entry) bool { return first || seen[e.unit] == e.version() })
		if err != nil && ctx.Err() == nil {
			s.cfg.Log.Warn("redis outbox sweep", "err", err)
		}
		seen = found
		next = s.scrubNext(ctx, next)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// scrubNext looks through some shards and returns the one to go on with.
func (s *Store) scrubNext(ctx context.Context, shard int) int {
	for range scrubbed {
		missing, err := s.scrub(ctx, shard)
		if err != nil {
			if ctx.Err() == nil {
				s.cfg.Log.Warn("redis index scrub", "shard", shard, "err", err)
			}
			return shard // again next time
		}
		if missing > 0 {
			s.cfg.Log.Warn("index entries were missing and are there again", "shard", shard, "entries", missing)
		}
		shard = (shard + 1) % shards
	}
	return shard
}

// sweep carries out the outbox entries that due says are, and returns the versions of all it found.
func (s *Store) sweep(ctx context.Context, due func(entry) bool) (map[fleet.UnitID]string, error) {
	const shardsAtOnce = 128
	found := map[fleet.UnitID]string{}
	var errs []error
	for from := 0; from < shards; from += shardsAtOnce {
		entries, err := s.outboxes(ctx, from, from+shardsAtOnce)
		if err != nil {
			return found, errors.Join(append(errs, err)...)
		}
		for _, e := range entries {
			found[e.unit] = e.version()
		}
		entries = slices.DeleteFunc(entries, func(e entry) bool { return !due(e) })
		for part := range slices.Chunk(entries, pipelined) {
			failed := errors.Join(s.carryOut(ctx, part, newWork())...)
			if failed != nil {
				errs = append(errs, failed)
			} else {
				s.cfg.Log.Info("carried out what an earlier commit left", "vehicles", len(part))
			}
		}
	}
	return found, errors.Join(errs...)
}

// outboxes reads the entries of the shards from … to-1.
func (s *Store) outboxes(ctx context.Context, from, to int) ([]entry, error) {
	p := s.client.Pipeline()
	boxes := make([]*redis.MapStringStringCmd, 0, to-from)
	for shard := from; shard < to; shard++ {
		boxes = append(boxes, p.HGetAll(ctx, shardKey('o', shard)))
	}
	if _, err := p.Exec(ctx); err != nil {
		return nil, readError(ctx, err)
	}
	var entries []entry
	for _, box := range boxes {
		for unit, data := range box.Val() {
			entries = append(entries, entry{unit: fleet.UnitID(unit), data: data})
		}
	}
	return entries, nil
}
