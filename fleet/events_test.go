package fleet_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"dipper/fleet"
)

// visitOften drives in and out of a fence and makes two events each time.
func visitOften(t testing.TB, d *driver, times int) {
	t.Helper()
	at := d.clock.now()
	for range times {
		d.at(at.Add(time.Minute), 119.9)
		d.at(at.Add(2*time.Minute), 120)
		at = at.Add(3 * time.Minute)
		d.at(at, 119.9)
	}
}

func TestEventsByPages(t *testing.T) {
	d, f, _ := newDriver(t)
	if _, _, err := f.PutFence(t.Context(), "a", circle(120, 500)); err != nil {
		t.Fatal(err)
	}
	visitOften(t, d, 10)
	var all []fleet.EventEntry
	for after := ""; ; {
		page, next, err := f.Events(t.Context(), after, 3)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			if next != after {
				t.Errorf("next is %s at the end, want %s", next, after)
			}
			break
		}
		all = append(all, page...)
		after = next
	}
	if len(all) != 20 {
		t.Fatalf("%d events, want 20", len(all))
	}
	for i, e := range all {
		if e.Cursor != fleet.Cursor(i+1) {
			t.Errorf("entry %d has cursor %d", i, e.Cursor)
		}
	}
	byID, next, err := f.Events(t.Context(), all[6].Event.ID, 1)
	if err != nil || len(byID) != 1 || byID[0] != all[7] || next != strconv.Itoa(8) {
		t.Errorf("after an id: %+v, next %s, %v", byID, next, err)
	}
	if _, _, err := f.Events(t.Context(), "zzzzzzzzzzzzzzzzzzzzzzzzzz", 1); !errors.Is(err, fleet.ErrNotFound) {
		t.Errorf("after an unknown id: %v", err)
	}
	var invalid *fleet.InvalidError
	for _, after := range []string{"21", "99999999999999", "18446744073709551615"} {
		_, next, err := f.Events(t.Context(), after, 1)
		if !errors.Is(err, fleet.ErrNotFound) || !errors.As(err, &invalid) || invalid.Field != "after" {
			t.Errorf("after %s, beyond the end: next %q, %v", after, next, err)
		}
	}
	for _, after := range []string{"18446744073709551616", "-1", "none"} { // neither a cursor nor an event
		if _, _, err := f.Events(t.Context(), after, 1); !errors.Is(err, fleet.ErrNotFound) {
			t.Errorf("after %s: %v", after, err)
		}
	}
	if last, err := f.LastCursor(t.Context()); err != nil || last != 20 {
		t.Errorf("LastCursor: %d, %v", last, err)
	}
}

func TestTailEventsMissesNothing(t *testing.T) {
	d, f, _ := newDriver(t)
	if _, _, err := f.PutFence(t.Context(), "a", circle(120, 500)); err != nil {
		t.Fatal(err)
	}
	visitOften(t, d, 2)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	enough := errors.New("enough")
	after := fleet.Cursor(1)
	err := f.TailEvents(ctx, fleet.LogPlace{Cursor: after}, func(entries []fleet.EventEntry) error {
		for _, e := range entries {
			if e.Cursor != after+1 {
				t.Errorf("entry %d after %d", e.Cursor, after)
			}
			after = e.Cursor
		}
		if after >= 20 {
			return enough
		}
		visitOften(t, d, 1) // the log grows while it is read
		return nil
	})
	if !errors.Is(err, enough) {
		t.Errorf("TailEvents: %v", err)
	}
	ended, stop := context.WithCancel(t.Context())
	stop()
	if err := f.TailEvents(ended, fleet.LogPlace{Cursor: after}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
}
