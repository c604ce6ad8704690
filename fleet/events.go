package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"dipper/geofence"
)

// EventEntry is an event where it stands in the log.
type EventEntry struct {
	Cursor Cursor
	Mark   uint64 // see LogEntry
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
		entries[i].Cursor, entries[i].Mark = l.Cursor, l.Mark
		if entries[i].Event, err = decodeEvent(l.EventRecord); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

// LastCursor is where the log's newest entry stands; 0 for an empty log.
func (f *Fleet) LastCursor(ctx context.Context) (Cursor, error) { return f.store.LastCursor(ctx) }

// LogPlace is a place in the log behind an entry.
type LogPlace struct {
	Cursor Cursor
	Mark   uint64 // the entry's; 0 not known
}

// TailEvents calls fn with the entries behind a place, in order and without a gap, and goes on as the log grows on whichever
// node, until fn or the store fails or ctx ends; then it returns that error. ErrLogWentBack if the log has not the entry before the place
// any more.
func (f *Fleet) TailEvents(ctx context.Context, after LogPlace, fn func([]EventEntry) error) error {
	for {
		entries, err := f.follow(ctx, after)
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			if err := f.waitEvents(ctx, after.Cursor); err != nil {
				return fmt.Errorf("wait for events after %d: %w", after.Cursor, err)
			}
			continue
		}
		if err := fn(entries); err != nil {
			return err
		}
		after = entries[len(entries)-1].place()
	}
}

// placeEvery is how often a place in the log is looked at while nothing comes: a log that lost its end and grew to the same length
// tells nobody.
const placeEvery = 5 * time.Second

// waitEvents waits for entries, or for a while.
func (f *Fleet) waitEvents(ctx context.Context, after Cursor) error {
	waiting, cancel := context.WithTimeout(ctx, placeEvery)
	defer cancel()
	err := f.store.WaitEvents(waiting, after)
	if waiting.Err() != nil && ctx.Err() == nil {
		return nil
	}
	return err
}

// follow gives entries behind a place. It reads the entry before it too, to see whether it is still the one.
func (f *Fleet) follow(ctx context.Context, after LogPlace) ([]EventEntry, error) {
	known := 0
	if after.Mark != 0 && after.Cursor > 0 {
		known = 1
	}
	entries, err := f.entries(ctx, after.Cursor-Cursor(known), tailBatch+known)
	switch {
	case err != nil:
		return nil, err
	case len(entries) == 0:
		last, err := f.store.LastCursor(ctx)
		if err == nil && last < after.Cursor {
			err = fmt.Errorf("%w: to %d, from %d", ErrLogWentBack, last, after.Cursor)
		}
		return nil, err
	case entries[0].Cursor > after.Cursor: // or that one has been dropped, as old entries are
		return entries, nil
	case entries[0].Mark != after.Mark:
		return nil, fmt.Errorf("%w: it has another entry %d", ErrLogWentBack, after.Cursor)
	}
	return entries[1:], nil
}

func (e EventEntry) place() LogPlace { return LogPlace{e.Cursor, e.Mark} }

// LastCommon gives the newest of some places, ascending and without a gap, that the log still has; if it has none of them, where it ends
// or where they begin.
func (f *Fleet) LastCommon(ctx context.Context, places []LogPlace) (Cursor, error) {
	last, err := f.store.LastCursor(ctx)
	if err != nil || len(places) == 0 {
		return last, err
	}
	common := places[0].Cursor - 1
	if last <= common {
		return last, nil
	}
	log, err := f.store.Events(ctx, common, len(places))
	if err != nil {
		return 0, fmt.Errorf("events after %d: %w", common, err)
	}
	for i, l := range log {
		if places[i] != (LogPlace{l.Cursor, l.Mark}) {
			break
		}
		common = l.Cursor
	}
	return common, nil
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
