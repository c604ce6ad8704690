package stream

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/gorilla/websocket"

	"dipper/fleet"
)

// beginEvents sets where the viewer's events go on. An id or cursor that the log does not know is told, and events go on
// from now.
func (v *viewer) beginEvents(ctx context.Context, after string) error {
	v.events, v.live, v.pause = true, false, time.Time{}
	_, v.backs = v.hub.feed.lostSince(v.backs, 0)
	newest := v.hub.feed.newest()
	if after == "" {
		v.cursor = newest
		return nil
	}
	next, _, err := v.hub.fleet.Events(ctx, after, 1)
	number, notNumber := strconv.ParseUint(after, 10, 64)
	switch {
	case err == nil && len(next) > 0:
		v.cursor = next[0].Cursor - 1 // everything after it begins with next
		return nil
	case err == nil && (notNumber != nil || fleet.Cursor(number) <= newest):
		v.cursor = newest
		return nil
	case notNumber == nil && fleet.Cursor(number) > newest && v.backs > 0: // it has seen what the log lost
		v.cursor = v.hub.feed.lastBack()
		return v.sendEventsBack()
	case err == nil, errors.Is(err, fleet.ErrNotFound):
		v.cursor = newest
		return v.sendError("not_found", "after", "no such event: events go on from now")
	}
	f, _ := Explain(err)
	v.events = false
	return v.sendError(f.Code, "after", f.Message)
}

// sendEvents tells up to eventsATurn events. The feed has the newest; what is farther back is read from the store.
func (v *viewer) sendEvents(ctx context.Context, now time.Time) error {
	v.lapsed = false
	if !v.events || now.Before(v.pause) {
		return nil
	}
	if err := v.goBack(); err != nil {
		return err
	}
	if v.live && v.hub.feed.newest() > v.cursor+v.hub.cfg.EventLag {
		return ErrTooSlow
	}
	entries, ok := v.hub.feed.after(v.cursor, eventsATurn)
	if !ok {
		stored, err := v.hub.storedEvents(ctx, v.cursor, eventsATurn)
		if err != nil {
			v.hub.log.Warn("events for a viewer", "after", v.cursor, "error", err)
			v.pause = now.Add(feedRetry)
			return nil
		}
		entries = stored
	}
	for _, e := range entries {
		if err := v.sendEvent(e); err != nil {
			return err
		}
		v.cursor = e.cursor
	}
	if ok && len(entries) < eventsATurn {
		v.live = true
	}
	v.lapsed = len(entries) == eventsATurn
	return nil
}

func (v *viewer) sendEvent(e *feedEntry) error {
	v.hub.count("event", e.size)
	v.hub.metrics.events.Inc()
	if err := v.ws.SetWriteDeadline(time.Now().Add(v.hub.cfg.WriteTimeout)); err != nil {
		return &viewerGone{err}
	}
	return v.written(v.ws.WritePreparedMessage(e.text))
}

// goBack goes on from an earlier place if the log has lost what it had after it, and says so.
func (v *viewer) goBack() error {
	from, times := v.hub.feed.lostSince(v.backs, v.cursor)
	v.backs = times
	if from == v.cursor {
		return nil
	}
	v.cursor = from
	return v.sendEventsBack()
}

// sendEventsBack says that what the viewer knows of events after its cursor does not count: they are told anew.
func (v *viewer) sendEventsBack() error {
	text := strconv.AppendUint(append(v.out[:0], `{"type":"events_back","cursor":"`...), uint64(v.cursor), 10)
	return v.send("events_back", websocket.TextMessage, append(text, `"}`...))
}

// storedEvents reads the log where the feed does not reach.
func (h *Hub) storedEvents(ctx context.Context, after fleet.Cursor, limit int) ([]*feedEntry, error) {
	events, _, err := h.fleet.Events(ctx, strconv.FormatUint(uint64(after), 10), limit)
	if err != nil {
		return nil, err
	}
	entries := make([]*feedEntry, 0, len(events))
	for _, e := range events {
		entry, err := newFeedEntry(e)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	return entries, nil
}
