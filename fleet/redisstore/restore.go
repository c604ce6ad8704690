package redisstore

import (
	"context"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"dipper/fleet"
)

var _ fleet.Restorer = (*Store)(nil)

// RestoreDocuments stores documents at their revisions.
func (s *Store) RestoreDocuments(ctx context.Context, kind string, docs []fleet.Document) error {
	if len(docs) == 0 {
		return nil
	}
	n, err := s.newest(ctx, changesKey(kind))
	if err != nil {
		return err
	}
	_, err = s.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		for _, d := range docs {
			p.HSet(ctx, documentsKey(kind), d.ID, append([]byte(decimal(d.Revision)+":"), d.Data...))
		}
		p.XAdd(ctx, &redis.XAddArgs{
			Stream: changesKey(kind), MaxLen: 1, ID: streamID(n + uint64(len(docs))), Values: []any{"nonce", "restored"},
		})
		return nil
	})
	return restoreError(ctx, err)
}

// RestoreUnitEvents adds events to a unit's.
func (s *Store) RestoreUnitEvents(ctx context.Context, unit fleet.UnitID, events []fleet.EventRecord) error {
	_, err := s.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		for _, e := range events {
			p.HSet(ctx, unitKey('x', unit), e.ID, e.AppendBinary(nil))
			p.ZAdd(ctx, unitKey('y', unit), redis.Z{Score: float64(e.FixTime.Unix()), Member: e.ID})
		}
		return nil
	})
	return restoreError(ctx, err)
}

// RestoreLog appends entries under their cursors, and notes of each id what of it the log has, as log.lua does.
func (s *Store) RestoreLog(ctx context.Context, entries []fleet.LogEntry) error {
	if len(entries) == 0 {
		return nil
	}
	known, err := s.logged(ctx, entries)
	if err != nil {
		return err
	}
	_, err = s.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		for _, e := range entries {
			id := e.ID
			first, revisions := e.Cursor, " "
			if old := known[id]; old != "" {
				if _, err := fmt.Sscanf(old, "%d:", &first); err != nil {
					return fmt.Errorf("event %s: %w", id, fleet.ErrStored)
				}
				revisions = old[strings.LastIndexByte(old, ':')+1:]
			}
			known[id] = fmt.Sprintf("%d:%d:%s%d ", first, e.Cursor, revisions, e.Revision)
			p.HSet(ctx, logIDs, id, known[id])
			e.ID = "" // the entry's field name
			p.XAdd(ctx, &redis.XAddArgs{Stream: logStream, ID: streamID(uint64(e.Cursor)), Values: []any{id, e.AppendBinary(nil)}})
		}
		return nil
	})
	return restoreError(ctx, err)
}

// logged is what the log has of the entries' ids, "" of none.
func (s *Store) logged(ctx context.Context, entries []fleet.LogEntry) (map[string]string, error) {
	ids := make([]string, len(entries))
	for i, e := range entries {
		ids[i] = e.ID
	}
	values, err := s.client.HMGet(ctx, logIDs, ids...).Result()
	if err != nil {
		return nil, readError(ctx, err)
	}
	known := make(map[string]string, len(ids))
	for i, v := range values {
		known[ids[i]], _ = v.(string)
	}
	return known, nil
}

func restoreError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	return readError(ctx, err)
}
