package redisstore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"dipper/fleet"
)

// UnitEvents gives a unit's events from a time on.
func (s *Store) UnitEvents(ctx context.Context, unit fleet.UnitID, from time.Time) ([]fleet.EventRecord, error) {
	cmd, err := s.runOne(ctx, &s.scripts.events, []string{unitKey('y', unit), unitKey('x', unit)}, from.Unix())
	if err != nil {
		return nil, err
	}
	values, err := cmd.StringSlice()
	if err != nil {
		return nil, readError(ctx, err)
	}
	var events []fleet.EventRecord
	for _, v := range values {
		e, err := fleet.DecodeEventRecord([]byte(v))
		if err != nil {
			return nil, fmt.Errorf("events of %s: %w", unit, err)
		}
		if !e.FixTime.Before(from) {
			events = append(events, e)
		}
	}
	slices.SortFunc(events, func(a, b fleet.EventRecord) int {
		if d := a.FixTime.Compare(b.FixTime); d != 0 {
			return d
		}
		return strings.Compare(a.ID, b.ID)
	})
	return events, nil
}

// Events gives log entries in order. With an EventCap, the entries before the oldest kept are gone.
func (s *Store) Events(ctx context.Context, after fleet.Cursor, limit int) ([]fleet.LogEntry, error) {
	if limit <= 0 || after == math.MaxUint64 {
		return nil, nil
	}
	messages, err := s.client.XRangeN(ctx, logStream, streamID(uint64(after)+1), "+", int64(limit)).Result()
	if err != nil {
		return nil, readError(ctx, err)
	}
	entries := make([]fleet.LogEntry, 0, len(messages))
	for _, m := range messages {
		e, err := decodeEntry(m)
		if err != nil {
			return nil, fmt.Errorf("event log entry %s: %w", m.ID, err)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

func decodeEntry(m redis.XMessage) (fleet.LogEntry, error) {
	n, err := streamNumber(m.ID)
	if err != nil {
		return fleet.LogEntry{}, err
	}
	_, second, _ := strings.Cut(m.ID, "-")
	mark, err := strconv.ParseUint(second, 10, 64)
	if err != nil {
		return fleet.LogEntry{}, err
	}
	for id, value := range m.Values { // the one field
		text, _ := value.(string)
		e, err := fleet.DecodeEventRecord([]byte(text))
		e.ID = id
		return fleet.LogEntry{Cursor: fleet.Cursor(n), Mark: mark, EventRecord: e}, err
	}
	return fleet.LogEntry{}, fleet.ErrStored
}

func streamID(n uint64) string { return strconv.FormatUint(n, 10) + "-0" }

// afterID is the highest id that an entry n can have.
func afterID(n uint64) string {
	return strconv.FormatUint(n, 10) + "-" + strconv.FormatUint(math.MaxUint64, 10)
}

// streamNumber is the n of an id: n-0, or n-mark in the event log.
func streamNumber(id string) (uint64, error) {
	n, _, _ := strings.Cut(id, "-")
	return strconv.ParseUint(n, 10, 64)
}

// EventCursor is where the first entry of an event stands.
func (s *Store) EventCursor(ctx context.Context, id string) (fleet.Cursor, error) {
	text, err := s.client.HGet(ctx, logIDs, id).Result()
	if errors.Is(err, redis.Nil) {
		return 0, fmt.Errorf("event %s: %w", id, fleet.ErrNotFound)
	}
	if err != nil {
		return 0, readError(ctx, err)
	}
	first, _, _ := strings.Cut(text, ":")
	n, err := strconv.ParseUint(first, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("event %s: %w", id, err)
	}
	return fleet.Cursor(n), nil
}

// LastCursor is the newest entry's.
func (s *Store) LastCursor(ctx context.Context) (fleet.Cursor, error) {
	n, err := s.newest(ctx, logStream)
	return fleet.Cursor(n), err
}

// newest is the number of a stream's last entry, 0 of an empty one.
func (s *Store) newest(ctx context.Context, stream string) (uint64, error) {
	messages, err := s.client.XRevRangeN(ctx, stream, "+", "-", 1).Result()
	if err != nil {
		return 0, readError(ctx, err)
	}
	if len(messages) == 0 {
		return 0, nil
	}
	return streamNumber(messages[0].ID)
}

// WaitEvents waits for an entry after the cursor.
func (s *Store) WaitEvents(ctx context.Context, after fleet.Cursor) error {
	return s.wait(ctx, logStream, uint64(after))
}
