package redisstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"

	"dipper/fleet"
)

// Load gives a unit's record.
func (s *Store) Load(ctx context.Context, unit fleet.UnitID) (fleet.Record, error) {
	return recordOf(ctx, unit, s.client.Get(ctx, recordKey(unit)))
}

func recordOf(ctx context.Context, unit fleet.UnitID, answer *redis.StringCmd) (fleet.Record, error) {
	value, err := answer.Bytes()
	if errors.Is(err, redis.Nil) {
		return fleet.Record{}, nil
	}
	if err != nil {
		return fleet.Record{}, readError(ctx, err)
	}
	return decodeRecord(unit, value)
}

func decodeRecord(unit fleet.UnitID, value []byte) (fleet.Record, error) {
	if len(value) < recordHead {
		return fleet.Record{}, fmt.Errorf("%w: unit %s: %w", fleet.ErrUnavailable, unit, fleet.ErrStored)
	}
	return fleet.Record{
		Version: binary.BigEndian.Uint64(value),
		Mark:    binary.BigEndian.Uint64(value[markAt:]),
		State:   value[recordHead:],
	}, nil
}

// pipelined is how many commands of a long read share one round trip.
const pipelined = 500

// EachRecord goes over the shards.
func (s *Store) EachRecord(ctx context.Context, fn func(fleet.UnitID, fleet.Record) error) error {
	for shard := range shards {
		units, err := s.client.SMembers(ctx, shardKey('u', shard)).Result()
		if err != nil {
			return readError(ctx, err)
		}
		for part := range slices.Chunk(units, pipelined) {
			if err := s.records(ctx, part, fn); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) records(ctx context.Context, units []string, fn func(fleet.UnitID, fleet.Record) error) error {
	p := s.client.Pipeline()
	values := make([]*redis.StringCmd, len(units))
	for i, u := range units {
		values[i] = p.Get(ctx, recordKey(fleet.UnitID(u)))
	}
	if _, err := p.Exec(ctx); err != nil {
		return readError(ctx, err)
	}
	for i, u := range units {
		unit := fleet.UnitID(u)
		value, err := values[i].Bytes()
		if err != nil {
			return readError(ctx, err)
		}
		r, err := decodeRecord(unit, value)
		if err != nil {
			return err
		}
		if err := fn(unit, r); err != nil {
			return err
		}
	}
	return nil
}

// Track gives a day's segments.
func (s *Store) Track(ctx context.Context, unit fleet.UnitID, day fleet.Day) ([]byte, error) {
	track, err := s.client.Get(ctx, trackKey(unit, day)).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, readError(ctx, err)
	}
	return track, nil
}

// Days lists the days of a unit's track.
func (s *Store) Days(ctx context.Context, unit fleet.UnitID) ([]fleet.Day, error) {
	cmd, err := s.runOne(ctx, &s.scripts.days, []string{unitKey('l', unit)})
	if err != nil {
		return nil, err
	}
	texts, err := cmd.StringSlice()
	if err != nil {
		return nil, readError(ctx, err)
	}
	var days []fleet.Day
	for _, text := range texts {
		d, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("day of %s: %w", unit, err)
		}
		days = append(days, fleet.Day(d))
	}
	slices.Sort(days)
	return days, nil
}
