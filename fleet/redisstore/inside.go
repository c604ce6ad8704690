package redisstore

import (
	"context"
	"slices"

	"github.com/redis/go-redis/v9"

	"dipper/fleet"
)

// Inside reads from the index who may be in the fence, and from the units' own sets whether they are.
func (s *Store) Inside(ctx context.Context, fence string) ([]fleet.UnitID, error) {
	entries, err := s.client.HGetAll(ctx, insideKey(fence)).Result()
	if err != nil {
		return nil, readError(ctx, err)
	}
	var units []fleet.UnitID
	stale := piece{}
	for part := range slices.Chunk(sortedKeys(entries), pipelined) {
		p := s.client.Pipeline()
		is := make([]*redis.BoolCmd, len(part))
		for i, unit := range part {
			is[i] = p.SIsMember(ctx, unitKey('f', fleet.UnitID(unit)), fence)
		}
		if _, err := p.Exec(ctx); err != nil {
			return nil, readError(ctx, err)
		}
		for i, unit := range part {
			if is[i].Val() {
				units = append(units, fleet.UnitID(unit))
			} else {
				stale.first = append(stale.first, "?", unit, entries[unit])
			}
		}
	}
	if len(stale.first) > 0 {
		w := work{fences: map[string]*piece{fence: &stale}}
		calls, _ := w.calls(s)
		s.run(ctx, calls)
	}
	return units, nil
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
