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

// OccupiedCells reads the directories of the parents.
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

// sighting is an index entry: it says that a unit may be in a cell.
type sighting struct {
	unit    fleet.UnitID
	at      cell.ID
	version string
}

// InCells reads from the index who may be in the cells, and from the units' records where they are. An entry that the
// record contradicts is removed.
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
	var stale []sighting
	told := make(map[fleet.UnitID]bool, len(seen))
	for part := range slices.Chunk(seen, pipelined) {
		units := make([]fleet.UnitID, len(part))
		for i, e := range part {
			units[i] = e.unit
		}
		heads, err := s.heads(ctx, units)
		if err != nil {
			return nil, err
		}
		for i, h := range heads {
			p := h.position
			if p.Cell != part[i].at {
				stale = append(stale, part[i])
			}
			// A unit that moved this moment may still stand in the cell that it left, but be in another one of those asked for.
			if _, asked := slices.BinarySearch(cells, p.Cell); asked && !told[p.Unit] {
				told[p.Unit] = true
				all = append(all, p)
			}
		}
	}
	s.forget(ctx, stale)
	return all, nil
}

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
		for unit, version := range entries[i].Val() {
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

// forget removes index entries that were found wrong, unless they changed since. Failing is harmless: they are found again.
func (s *Store) forget(ctx context.Context, stale []sighting) {
	pieces := map[cell.ID]*piece{}
	for i, e := range stale {
		p := pieceOf(pieces, directoryOf(e.at)).of(i)
		p.first = append(p.first, "?", hexCell(e.at), string(e.unit), e.version)
	}
	w := work{cells: pieces}
	calls, _ := w.calls(s)
	s.run(ctx, calls)
}
