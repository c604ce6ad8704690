package api

import (
	"net/http"
	"time"

	"dipper/geofence"
)

// jsonTime is RFC 3339 in UTC with milliseconds, as everywhere in Dipper's JSON.
const jsonTime = "2006-01-02T15:04:05.000Z"

// listFences answers with all fences as one GeoJSON FeatureCollection.
func (s *Server) listFences(c *call) error {
	body := []byte(`{"type":"FeatureCollection","features":[`)
	for i, f := range s.cfg.Fleet.Fences() {
		if i > 0 {
			body = append(body, ',')
		}
		var err error
		if body, err = f.AppendFeature(body); err != nil {
			return err
		}
	}
	writeJSON(c.w, http.StatusOK, append(body, `]}`...))
	return nil
}

func (s *Server) fence(c *call) error {
	f, err := s.cfg.Fleet.Fence(c.ctx, c.r.PathValue("id"))
	if err != nil {
		return err
	}
	return c.feature(http.StatusOK, f)
}

// putFence makes a fence or the next revision of one.
func (s *Server) putFence(c *call) error {
	data, err := c.body(maxBodyBytes)
	if err != nil {
		return err
	}
	f, created, err := s.cfg.Fleet.PutFence(c.ctx, c.r.PathValue("id"), data)
	if err != nil {
		return err
	}
	s.cfg.Log.Info("fence put", "fence", f.ID, "revision", f.Revision, "by", c.who.name)
	if created {
		return c.feature(http.StatusCreated, f)
	}
	return c.feature(http.StatusOK, f)
}

func (s *Server) deleteFence(c *call) error {
	id := c.r.PathValue("id")
	if err := s.cfg.Fleet.DeleteFence(c.ctx, id); err != nil {
		return err
	}
	s.cfg.Log.Info("fence deleted", "fence", id, "by", c.who.name)
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (c *call) feature(status int, f geofence.Fence) error {
	body, err := f.AppendFeature(nil)
	if err != nil {
		return err
	}
	writeJSON(c.w, status, body)
	return nil
}

// occupant is one unit inside a fence.
type occupant struct {
	Unit          string   `json:"unit"`
	Since         string   `json:"since"`
	PlusMinusS    *float64 `json:"plus_minus_s,omitempty"`
	AtStart       bool     `json:"at_start"`
	FenceRevision uint64   `json:"fence_revision"`
}

// inside answers who is in a fence, and since when.
func (s *Server) inside(c *call) error {
	id := c.r.PathValue("id")
	found, err := s.cfg.Fleet.Inside(c.ctx, id)
	if err != nil {
		return err
	}
	occupants := make([]occupant, 0, len(found))
	for _, o := range found {
		occupants = append(occupants, occupant{
			Unit: string(o.Unit), Since: o.Visit.Since.UTC().Format(jsonTime), PlusMinusS: known(o.Visit.PlusMinusS),
			AtStart: o.Visit.AtStart, FenceRevision: o.Visit.FenceRevision,
		})
	}
	return c.reply(http.StatusOK, struct {
		Fence  string     `json:"fence"`
		Inside []occupant `json:"inside"`
	}{id, occupants})
}

// visit is one stay that has not ended.
type visit struct {
	Fence         string   `json:"fence"`
	Since         string   `json:"since"`
	PlusMinusS    *float64 `json:"plus_minus_s,omitempty"`
	AtStart       bool     `json:"at_start"`
	FenceRevision uint64   `json:"fence_revision"`
}

func visitsOf(open []geofence.Visit) []visit {
	visits := make([]visit, 0, len(open))
	for _, v := range open {
		visits = append(visits, visit{
			Fence: v.Fence, Since: v.Since.UTC().Format(jsonTime), PlusMinusS: known(v.PlusMinusS),
			AtStart: v.AtStart, FenceRevision: v.FenceRevision,
		})
	}
	return visits
}

// instantOf is t in JSON; nil for the zero time.
func instantOf(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	text := t.UTC().Format(jsonTime)
	return &text
}
