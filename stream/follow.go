package stream

import (
	"context"
	"errors"
	"time"

	"github.com/gorilla/websocket"

	"dipper/fleet"
)

// labelPause lets many registrations in a row become one reading of the list.
const labelPause = 250 * time.Millisecond

// again calls fn until ctx ends, with a pause after each time it fails: what the hub follows must be followed for ever.
func (h *Hub) again(ctx context.Context, what string, fn func(context.Context) error) error {
	for {
		err := fn(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err == nil {
			err = errors.New("ended by itself")
		}
		h.log.Warn("the hub cannot follow the store; trying again", "what", what, "error", err)
		if !sleep(ctx, feedRetry) {
			return nil
		}
	}
}

// sleep waits, and reports whether ctx goes on.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// followEvents brings what the log has after a place into the feed, until ctx ends.
func (h *Hub) followEvents(ctx context.Context, from fleet.LogPlace) error {
	return h.again(ctx, "events", func(ctx context.Context) error {
		err := h.fleet.TailEvents(ctx, from, h.feed.add)
		for errors.Is(err, fleet.ErrLogWentBack) {
			h.log.Error("events that viewers were told are gone from the store; they are told anew from where it stands", "error", err)
			if err = h.goBack(ctx); err == nil {
				err = h.fleet.TailEvents(ctx, h.feed.place(), h.feed.add)
			}
		}
		from = h.feed.place()
		return err
	})
}

// goBack finds out how far the log went back.
func (h *Hub) goBack(ctx context.Context) error {
	to, err := h.fleet.LastCommon(ctx, h.feed.places())
	if err == nil {
		h.metrics.logWentBack.Inc()
		h.feed.goBack(to)
	}
	return err
}

// followLabels keeps the names of units as they are registered.
func (h *Hub) followLabels(ctx context.Context) error {
	return h.again(ctx, "units", func(ctx context.Context) error {
		return h.fleet.WatchUnits(ctx, func() error {
			if !sleep(ctx, labelPause) {
				return ctx.Err()
			}
			return h.loadLabels(ctx)
		})
	})
}

func (h *Hub) loadLabels(ctx context.Context) error {
	registered, err := h.fleet.Registrations(ctx)
	if err != nil {
		return err
	}
	for _, r := range registered {
		h.plot.name(r.ID, label{r.Name, r.Kind})
	}
	return nil
}

// followFences tells viewers when a fence was put or deleted, on whichever node, so that they fetch the list again.
func (h *Hub) followFences(ctx context.Context) error {
	return h.again(ctx, "fences", func(ctx context.Context) error {
		return h.fleet.WatchFences(ctx, func() error {
			h.fences.Add(1)
			return nil
		})
	})
}

// sendFences tells the viewer that fences changed since it was last told.
func (v *viewer) sendFences() error {
	now := v.hub.fences.Load()
	if now == v.fences {
		return nil
	}
	v.fences = now
	return v.send("fences_changed", websocket.TextMessage, append(v.out[:0], `{"type":"fences_changed"}`...))
}
