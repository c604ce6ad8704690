package api

import (
	"net/http"

	"dipper/stream"
)

// Entries of one answer.
const (
	defaultEvents = 100
	mostEvents    = 1000
)

// events answers with entries of the event log after an event or a cursor, oldest first, and what to ask after next.
func (s *Server) events(c *call) error {
	limit, err := c.limit(defaultEvents, mostEvents)
	if err != nil {
		return err
	}
	entries, next, err := s.cfg.Fleet.Events(c.ctx, c.r.URL.Query().Get("after"), limit)
	if err != nil {
		return err
	}
	body := []byte(`{"events":[`)
	for i, e := range entries {
		if i > 0 {
			body = append(body, ',')
		}
		body = stream.AppendEvent(body, e, false)
	}
	body = append(body, `],"next":"`...)
	body = append(body, next...)
	writeJSON(c.w, http.StatusOK, append(body, `"}`...))
	return nil
}
