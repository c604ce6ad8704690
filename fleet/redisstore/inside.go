package redisstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"

	"dipper/fleet"
)

// Inside reads from the index who may be in the fence, and from the units' own sets whether they are. An entry that they
// contradict is removed, unless it announces a step that may just be on its way.
func (s *Store) Inside(ctx context.Context, fence string) ([]fleet.UnitID, error) {
	entries, err := s.client.HGetAll(ctx, insideKey(fence)).Result()
	if err != nil {
		return nil, readError(ctx, err)
	}
	var units []fleet.UnitID
	stale := newWork()
	for part := range slices.Chunk(slices.Sorted(maps.Keys(entries)), pipelined) {
		is, err := s.visiting(ctx, part, fence)
		if err != nil {
			return nil, err
		}
		for i, unit := range part {
			made, err := strconv.ParseUint(entries[unit], 10, 64)
			switch {
			case err != nil:
				return nil, fmt.Errorf("entry of %s in fence %s: %w", unit, fence, err)
			case is[i].inside:
				units = append(units, fleet.UnitID(unit))
			case made != announced(is[i].version):
				pieceOf(stale.fences, fence).add(nobody, "?", unit, entries[unit])
			}
		}
	}
	s.carry(ctx, stale, func(int, error) {}) // they are found again
	return units, nil
}

// visitor says of a unit whether it has an open visit, and that it had reached version by then.
type visitor struct {
	version uint64
	inside  bool
}

// visiting asks the units. A version is read before the visit, so a visit that is not there was not opened by then.
func (s *Store) visiting(ctx context.Context, units []string, fence string) ([]visitor, error) {
	p := s.client.Pipeline()
	heads := make([]*redis.StringCmd, len(units))
	is := make([]*redis.BoolCmd, len(units))
	for i, unit := range units {
		heads[i] = p.GetRange(ctx, recordKey(fleet.UnitID(unit)), 0, 7)
		is[i] = p.SIsMember(ctx, unitKey('f', fleet.UnitID(unit)), fence)
	}
	if _, err := p.Exec(ctx); err != nil {
		return nil, readError(ctx, err)
	}
	all := make([]visitor, len(units))
	for i := range units {
		all[i].inside = is[i].Val()
		if head := []byte(heads[i].Val()); len(head) == 8 {
			all[i].version = binary.BigEndian.Uint64(head)
		}
	}
	return all, nil
}
