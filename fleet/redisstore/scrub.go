package redisstore

import (
	"context"
	"slices"

	"github.com/redis/go-redis/v9"

	"dipper/fleet"
)

// scrub adds what the indexes lack of a shard's units. A master of a Cluster that comes back without its last seconds may have
// lost that a unit came into a cell, while the unit's own master has not; a parked unit would then stay unseen until it
// moves. (What indexes have too much is removed where it is read.) It returns how much was missing.
func (s *Store) scrub(ctx context.Context, shard int) (missing int, err error) {
	members, err := s.client.SMembers(ctx, shardKey('u', shard)).Result()
	if err != nil {
		return 0, readError(ctx, err)
	}
	for part := range slices.Chunk(members, pipelined) {
		units := make([]fleet.UnitID, len(part))
		for i, m := range part {
			units[i] = fleet.UnitID(m)
		}
		n, err := s.scrubUnits(ctx, units)
		missing += n
		if err != nil {
			return missing, err
		}
	}
	return missing, nil
}

func (s *Store) scrubUnits(ctx context.Context, units []fleet.UnitID) (missing int, err error) {
	visits, err := s.visits(ctx, units)
	if err != nil {
		return 0, err
	}
	heads, err := s.heads(ctx, units)
	if err != nil {
		return 0, err
	}
	w := newWork()
	p := s.client.Pipeline()
	type check struct {
		has *redis.BoolCmd
		add func()
	}
	var checks []check
	for i, u := range units {
		version := heads[i].version
		if c := heads[i].position.Cell; c != 0 {
			checks = append(checks, check{p.HExists(ctx, cellKey(c), string(u)), func() { w.enter(i, u, c, version) }})
		}
		for _, fence := range visits[i] {
			checks = append(checks, check{p.HExists(ctx, insideKey(fence), string(u)), func() { w.open(i, u, fence, version) }})
		}
	}
	if len(checks) == 0 {
		return 0, nil
	}
	if _, err := p.Exec(ctx); err != nil {
		return 0, readError(ctx, err)
	}
	for _, c := range checks {
		if !c.has.Val() {
			c.add()
			missing++
		}
	}
	s.carry(ctx, w, func(_ int, e error) { err = e })
	return missing, err
}

// visits reads the fences in which each unit has an open visit.
func (s *Store) visits(ctx context.Context, units []fleet.UnitID) ([][]string, error) {
	p := s.client.Pipeline()
	sets := make([]*redis.StringSliceCmd, len(units))
	for i, u := range units {
		sets[i] = p.SMembers(ctx, unitKey('f', u))
	}
	if _, err := p.Exec(ctx); err != nil {
		return nil, readError(ctx, err)
	}
	fences := make([][]string, len(units))
	for i, set := range sets {
		fences[i] = set.Val()
	}
	return fences, nil
}
