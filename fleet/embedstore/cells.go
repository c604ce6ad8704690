package embedstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"dipper/fleet"
	"dipper/fleet/cell"
)

// OccupiedCells hops over the cell index, one key a cell.
func (s *Store) OccupiedCells(ctx context.Context, parents []cell.ID) ([]cell.ID, error) {
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	defer v.close()
	if parents == nil {
		prefix := []byte{kindCell}
		return occupied(ctx, v, nil, prefix, after(prefix))
	}
	var cells []cell.ID
	for _, p := range sortedSet(parents) {
		first, last := workingBelow(p)
		cells, err = occupied(ctx, v, cells, cellKey(first, ""), after(cellKey(last, "")))
		if err != nil {
			return nil, err
		}
	}
	return cells, nil
}

func occupied(ctx context.Context, v *view, cells []cell.ID, from, to []byte) ([]cell.ID, error) {
	err := hop(ctx, v.snap, from, to, func(key []byte) []byte {
		c := cellOfKey(key)
		cells = append(cells, c)
		return after(cellKey(c, ""))
	})
	if err != nil {
		return nil, err
	}
	return cells, nil
}

func cellOfKey(key []byte) cell.ID { return cell.ID(binary.BigEndian.Uint64(key[1:])) }

// workingBelow is the range of the working cells below a coarser cell. An H3 index holds its digits from the highest bit down,
// so all children of one resolution stand together.
// Source: H3 documentation, "H3 index representations": resolution in bits 52–55, digit r in the three bits from 45-3r up.
func workingBelow(parent cell.ID) (first, last cell.ID) {
	const resolutionShift, digitBits, digitsTop = 52, 3, 45
	resolution := int(parent >> resolutionShift & 0xf)
	id := parent&^(0xf<<resolutionShift) | cell.Working<<resolutionShift
	first, last = id, id
	for r := resolution + 1; r <= cell.Working; r++ {
		shift := digitsTop - digitBits*r
		first &^= 7 << shift // digit 0; unused digits are 7, higher than any used one
		last |= 7 << shift
	}
	return first, last
}

// InCells reads who is in the cells and where from their records, which the index cannot contradict: both are one batch.
func (s *Store) InCells(ctx context.Context, cells []cell.ID) ([]fleet.Position, error) {
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	defer v.close()
	var all []fleet.Position
	for _, c := range sortedSet(cells) {
		prefix := cellKey(c, "")
		err := scan(ctx, v.snap, prefix, after(prefix), func(key, _ []byte) error {
			p, err := position(v, fleet.UnitID(key[len(prefix):]))
			if err == nil {
				all = append(all, p)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

func position(v *view, unit fleet.UnitID) (fleet.Position, error) {
	value, closer, err := v.snap.Get(recordKey(unit))
	if err != nil {
		return fleet.Position{}, unavailable(fmt.Errorf("position of %s: %w", unit, err))
	}
	defer closer.Close()
	p, err := fleet.DecodePosition(unit, value[min(8, len(value)):])
	if err != nil {
		return fleet.Position{}, fmt.Errorf("position of %s: %w", unit, err)
	}
	return p, nil
}

// Inside gives the units with an open visit, by their order.
func (s *Store) Inside(ctx context.Context, fence string) ([]fleet.UnitID, error) {
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	defer v.close()
	var units []fleet.UnitID
	prefix := insidePrefix(fence)
	err = scan(ctx, v.snap, prefix, after(prefix), func(key, _ []byte) error {
		units = append(units, fleet.UnitID(key[len(prefix):]))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return units, nil
}

func sortedSet(ids []cell.ID) []cell.ID {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return slices.Compact(ids)
}
