package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"dipper/geofence"
)

// EventEntry is an event where it stands in the log.
type EventEntry struct {
	Cursor Cursor
	Event  geofence.Event
}

// tailBatch is how many entries TailEvents reads at a time.
const tailBatch = 256

// Events gives up to limit entries of the log behind a place: "" for the beginning, a cursor in decimal, or an event's id
// (behind its first entry). next is the place behind the last of them, the same place if there are none. ErrNotFound for an
// id that is not in the log and for a cursor beyond its end, which is an *InvalidError as well: whoever has one has it from a
// log that is no more, and would wait for nothing.
func (f *Fleet) Events(ctx context.Context, after string, limit int) (entries []EventEntry, next string, err error) {
	place, err := f.placeOf(ctx, after)
	if errors.Is(err, ErrNotFound) {
		return nil, "", err
	}
	if err != nil {
		return nil, "", fmt.Errorf("events after %.40q: %w", after, err)
	}
	entries, err = f.entries(ctx, place, limit)
	if err != nil {
		return nil, "", err
	}
	if len(entries) > 0 {
		place = entries[len(entries)-1].Cursor
	}
	return entries, strconv.FormatUint(uint64(place), 10), nil
}

func (f *Fleet) placeOf(ctx context.Context, after string) (Cursor, error) {
	if after == "" {
		return 0, nil
	}
	if n, err := strconv.ParseUint(after, 10, 64); err == nil { // an id has 26 characters: too long for a number
		last, err := f.store.LastCursor(ctx)
		if err == nil && Cursor(n) > last {
			invalid := &InvalidError{Field: "after", Reason: fmt.Sprintf("the log ends at %d, before %d", last, n)}
			err = fmt.Errorf("%w: %w", invalid, ErrNotFound)
		}
		return Cursor(n), err
	}
	place, err := f.store.EventCursor(ctx, after)
	if errors.Is(err, ErrNotFound) {
		invalid := &InvalidError{Field: "after", Reason: fmt.Sprintf("%.40q: neither a cursor nor the id of an event", after)}
		err = fmt.Errorf("%w: %w", invalid, ErrNotFound)
	}
	return place, err
}

func (f *Fleet) entries(ctx context.Context, after Cursor, limit int) ([]EventEntry, error) {
	if limit <= 0 {
		return nil, nil
	}
	log, err := f.store.Events(ctx, after, limit)
	if err != nil {
		return nil, fmt.Errorf("events after %d: %w", after, err)
	}
	entries := make([]EventEntry, len(log))
	for i, l := range log {
		entries[i].Cursor = l.Cursor
		if entries[i].Event, err = decodeEvent(l.EventRecord); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

// LastCursor is where the log's newest entry stands; 0 for an empty log.
func (f *Fleet) LastCursor(ctx context.Context) (Cursor, error) { return f.store.LastCursor(ctx) }

// TailEvents calls fn with the entries behind a place, in order and without a gap, and goes on as the log grows on whichever
// node, until fn or the store fails or ctx ends; then it returns that error.
func (f *Fleet) TailEvents(ctx context.Context, after Cursor, fn func([]EventEntry) error) error {
	for {
		entries, err := f.entries(ctx, after, tailBatch)
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			if err := f.store.WaitEvents(ctx, after); err != nil {
				return fmt.Errorf("wait for events after %d: %w", after, err)
			}
			continue
		}
		if err := fn(entries); err != nil {
			return err
		}
		after = entries[len(entries)-1].Cursor
	}
}

func encodeEvent(e geofence.Event) (EventRecord, error) {
	data, err := json.Marshal(e)
	if err != nil {
		return EventRecord{}, fmt.Errorf("event %s: %w", e.ID, err)
	}
	return EventRecord{ID: e.ID, Revision: e.Revision, FixTime: e.FixTime, Data: data}, nil
}

func decodeEvent(r EventRecord) (geofence.Event, error) {
	var e geofence.Event
	if err := json.Unmarshal(r.Data, &e); err != nil {
		return geofence.Event{}, fmt.Errorf("event %s: %w: %w", r.ID, ErrStored, err)
	}
	return e, nil
}
