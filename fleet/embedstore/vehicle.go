package embedstore

import (
	"context"
	"fmt"

	"dipper/fleet"
)

// Load gives a unit's record.
func (s *Store) Load(ctx context.Context, unit fleet.UnitID) (fleet.Record, error) {
	v, err := s.view(ctx)
	if err != nil {
		return fleet.Record{}, err
	}
	defer v.close()
	value, err := get(v.snap, recordKey(unit))
	if err != nil {
		return fleet.Record{}, err
	}
	r, err := decodeRecord(value)
	if err != nil {
		return fleet.Record{}, fmt.Errorf("unit %s: %w", unit, err)
	}
	return r, nil
}

func decodeRecord(value []byte) (fleet.Record, error) {
	version, _, err := splitHead(value)
	if version == 0 || err != nil {
		return fleet.Record{}, err
	}
	return fleet.Record{Version: version, State: value[recordHead:]}, nil
}

// EachRecord goes over the records as they are when it is called.
func (s *Store) EachRecord(ctx context.Context, fn func(fleet.UnitID, fleet.Record) error) error {
	v, err := s.view(ctx)
	if err != nil {
		return err
	}
	defer v.close()
	prefix := []byte{kindRecord}
	return scan(ctx, v.snap, prefix, after(prefix), func(key, value []byte) error {
		unit := fleet.UnitID(key[1:])
		r, err := decodeRecord(append([]byte(nil), value...))
		if err != nil {
			return fmt.Errorf("unit %s: %w", unit, err)
		}
		return fn(unit, r)
	})
}

// Track gives a day's segments in the order of their commits.
func (s *Store) Track(ctx context.Context, unit fleet.UnitID, day fleet.Day) ([]byte, error) {
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	defer v.close()
	var all []byte
	prefix := trackPrefix(day, unit)
	err = scan(ctx, v.snap, prefix, after(prefix), func(_, value []byte) error {
		all = append(all, value...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// Days lists the days of a unit's track. It looks once at each day that any unit has.
func (s *Store) Days(ctx context.Context, unit fleet.UnitID) ([]fleet.Day, error) {
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	defer v.close()
	var days []fleet.Day
	all := []byte{kindTrack}
	err = hop(ctx, v.snap, all, after(all), func(key []byte) []byte {
		day := dayOfKey(key)
		prefix := trackPrefix(day, unit)
		if hasPrefix(key, prefix) {
			days = append(days, day)
			return after(dayKey(day))
		}
		if string(key) < string(prefix) {
			return prefix // the unit's place in this day is still ahead
		}
		return after(dayKey(day))
	})
	if err != nil {
		return nil, err
	}
	return days, nil
}

func hasPrefix(key, prefix []byte) bool {
	return len(key) >= len(prefix) && string(key[:len(prefix)]) == string(prefix)
}
