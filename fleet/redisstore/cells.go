package redisstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"

	"dipper/fleet"
	"dipper/fleet/cell"
)

// OccupiedCells reads the directories of the parents. A cell whose last unit left while the node that saw it crashed is told until
// somebody looks into it with InCells.
func (s *Store) OccupiedCells(ctx context.Context, parents []cell.ID) ([]cell.ID, error) {
	if parents == nil {
		names, err := s.client.SMembers(ctx, worldKey).Result()
		if err != nil {
			return nil, readError(ctx, err)
		}
		if parents, err = parseCells(names); err != nil {
			return nil, err
		}
	}
	var cells []cell.ID
	for part := range slices.Chunk(sortedSet(parents), pipelined) {
		p := s.client.Pipeline()
		sets := make([]*redis.StringSliceCmd, len(part))
		for i, parent := range part {
			sets[i] = p.SMembers(ctx, directoryKey(parent))
		}
		if _, err := p.Exec(ctx); err != nil {
			return nil, readError(ctx, err)
		}
		for _, set := range sets {
			some, err := parseCells(set.Val())
			if err != nil {
				return nil, err
			}
			cells = append(cells, some...)
		}
	}
	slices.Sort(cells)
	return cells, nil
}

func parseCells(names []string) ([]cell.ID, error) {
	cells := make([]cell.ID, len(names))
	for i, name := range names {
		id, err := strconv.ParseUint(name, 16, 64)
		if err != nil {
			return nil, fmt.Errorf("cell in the index: %w", err)
		}
		cells[i] = cell.ID(id)
	}
	return cells, nil
}

func sortedSet(ids []cell.ID) []cell.ID {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// sighting is an index entry: it says that a unit may be in a cell, by the step that made version.
type sighting struct {
	unit    fleet.UnitID
	at      cell.ID
	version uint64
}

// InCells reads from the index who may be in the cells, and from the units' records where they are. An entry that the
// record contradicts is removed, unless it announces a step that may just be on its way.
func (s *Store) InCells(ctx context.Context, cells []cell.ID) ([]fleet.Position, error) {
	cells = sortedSet(cells)
	var seen []sighting
	for part := range slices.Chunk(cells, pipelined) {
		some, err := s.sightings(ctx, part)
		if err != nil {
			return nil, err
		}
		seen = append(seen, some...)
	}
	var all []fleet.Position
	told := make(map[fleet.UnitID]bool, len(seen))
	err := s.check(ctx, seen, func(p fleet.Position) {
		// A unit that moved this moment may still stand in the cell that it left, but be in another one of those asked for.
		if _, asked := slices.BinarySearch(cells, p.Cell); asked && !told[p.Unit] {
			told[p.Unit] = true
			all = append(all, p)
		}
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// check reads where the units of index entries are, tells it, and removes the entries that are stale.
func (s *Store) check(ctx context.Context, seen []sighting, tell func(fleet.Position)) error {
	stale := newWork()
	for part := range slices.Chunk(seen, pipelined) {
		units := make([]fleet.UnitID, len(part))
		for i, e := range part {
			units[i] = e.unit
		}
		heads, err := s.heads(ctx, units)
		if err != nil {
			return err
		}
		for i, h := range heads {
			if h.position.Cell != part[i].at && part[i].version != announced(h.version) {
				stale.stale(part[i])
			}
			tell(h.position)
		}
	}
	s.carry(ctx, stale, func(int, error) {}) // they are found again
	return nil
}

// announced is the version of an entry that a unit at version may be about to make true. Any other that the unit's keys
// contradict is stale: passed, or made of a version that the unit lost.
func announced(version uint64) uint64 { return version + 1 }

func (s *Store) sightings(ctx context.Context, cells []cell.ID) ([]sighting, error) {
	p := s.client.Pipeline()
	entries := make([]*redis.MapStringStringCmd, len(cells))
	for i, c := range cells {
		entries[i] = p.HGetAll(ctx, cellKey(c))
	}
	if _, err := p.Exec(ctx); err != nil {
		return nil, readError(ctx, err)
	}
	var seen []sighting
	for i, c := range cells {
		for unit, text := range entries[i].Val() {
			version, err := strconv.ParseUint(text, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("entry of %s in cell %s: %w", unit, hexCell(c), err)
			}
			seen = append(seen, sighting{fleet.UnitID(unit), c, version})
		}
	}
	return seen, nil
}

// head is the front of a record. A zero version: there is no record.
type head struct {
	version  uint64
	position fleet.Position
}

// heads reads the fronts of the units' records, in their order.
func (s *Store) heads(ctx context.Context, units []fleet.UnitID) ([]head, error) {
	p := s.client.Pipeline()
	values := make([]*redis.StringCmd, len(units))
	for i, u := range units {
		values[i] = p.GetRange(ctx, recordKey(u), 0, recordHead-1)
	}
	if _, err := p.Exec(ctx); err != nil {
		return nil, readError(ctx, err)
	}
	all := make([]head, len(units))
	for i, u := range units {
		value := []byte(values[i].Val())
		if len(value) == 0 {
			continue
		}
		if len(value) < recordHead {
			return nil, fmt.Errorf("record of %s: %w", u, fleet.ErrStored)
		}
		at, err := fleet.DecodePosition(u, value[positionAt:])
		if err != nil {
			return nil, fmt.Errorf("position of %s: %w", u, err)
		}
		all[i] = head{binary.BigEndian.Uint64(value), at}
	}
	return all, nil
}
