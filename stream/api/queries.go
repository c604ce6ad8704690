package api

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"dipper/fleet"
	"dipper/geofence"
	"dipper/positioning/geo"
	"dipper/stream"
)

// Sizes of answers about places.
const (
	defaultNearest = 10
	mostNearest    = 1000
	mostWasHere    = 10_000
)

// unitsWithin answers which units are in a shape.
func (s *Server) unitsWithin(c *call) error {
	limit, err := c.limit(mostUnits, mostUnits)
	if err != nil {
		return err
	}
	area, err := c.shape()
	if err != nil {
		return err
	}
	positions, truncated, err := s.cfg.Fleet.UnitsWithin(c.ctx, area, limit)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, struct {
		Units     []unitBody `json:"units"`
		Truncated bool       `json:"truncated"`
	}{s.located(positions), truncated})
}

// shape reads the body as GeoJSON.
func (c *call) shape() (fleet.Area, error) {
	data, err := c.body(maxBodyBytes)
	if err != nil {
		return fleet.Area{}, err
	}
	shape, err := geofence.ParseShape(data, geofence.Limits{})
	if err != nil {
		return fleet.Area{}, err
	}
	return fleet.ShapeArea(shape)
}

// nearUnit is a unit and how far away it is.
type nearUnit struct {
	unitBody
	DistanceM float64 `json:"distance_m"`
}

// nearest answers which units are nearest to a place.
func (s *Server) nearest(c *call) error {
	limit, err := c.limit(defaultNearest, mostNearest)
	if err != nil {
		return err
	}
	var place geo.Point
	var radiusM float64
	for _, p := range []struct {
		name     string
		required bool
		value    *float64
	}{{"lat", true, &place.Lat}, {"lon", true, &place.Lon}, {"radius_m", false, &radiusM}} {
		if *p.value, err = c.number(p.name, p.required); err != nil {
			return err
		}
	}
	found, err := s.cfg.Fleet.Nearest(c.ctx, place, limit, radiusM)
	if err != nil {
		return err
	}
	positions := make([]fleet.Position, len(found))
	for i, n := range found {
		positions[i] = n.Position
	}
	units := make([]nearUnit, len(found))
	for i, u := range s.located(positions) {
		units[i] = nearUnit{u, found[i].DistanceM}
	}
	return c.reply(http.StatusOK, struct {
		Units []nearUnit `json:"units"`
	}{units})
}

// presenceBody is a unit that was in an area.
type presenceBody struct {
	ID    fleet.UnitID `json:"id"`
	Name  string       `json:"name,omitempty"`
	Kind  string       `json:"kind,omitempty"`
	First *string      `json:"first"`
	Last  *string      `json:"last"`
	Fixes int          `json:"fixes"`
}

// wasHere answers a page of who was in the box of the parameter bbox (GET) or in the shape of the body (POST) between two times.
func (s *Server) wasHere(c *call) error {
	q, err := c.wasHereQuery()
	if err != nil {
		return err
	}
	found, err := s.cfg.Fleet.WasHere(c.ctx, q)
	if err != nil {
		return err
	}
	units := make([]presenceBody, len(found.Units))
	for i, p := range found.Units {
		units[i] = presenceBody{ID: p.Unit, First: instantOf(p.First), Last: instantOf(p.Last), Fixes: p.Fixes}
		units[i].Name, units[i].Kind = s.cfg.Hub.Label(p.Unit)
	}
	return c.reply(http.StatusOK, struct {
		Units    []presenceBody `json:"units"`
		Next     fleet.UnitID   `json:"next,omitempty"`
		Examined int            `json:"examined"`
		Left     int            `json:"left"`
	}{units, found.Next, found.Examined, found.Left})
}

func (c *call) wasHereQuery() (q fleet.WasHereQuery, err error) {
	if q.Limit, err = c.limit(mostWasHere, mostWasHere); err != nil {
		return q, err
	}
	for _, name := range []string{"from", "to"} {
		if c.r.URL.Query().Get(name) == "" {
			return q, &stream.InputError{Field: name, Reason: "missing"}
		}
	}
	if q.From, q.To, err = c.span(time.Time{}, time.Time{}); err != nil {
		return q, err
	}
	q.After = fleet.UnitID(c.r.URL.Query().Get("after"))
	if c.r.Method == http.MethodPost {
		q.Area, err = c.shape()
		return q, err
	}
	box, given, err := c.box()
	if err == nil && !given {
		err = &stream.InputError{Field: "bbox", Reason: "missing"}
	}
	if err != nil {
		return q, err
	}
	q.Area, err = fleet.BoxArea(box)
	return q, err
}

// number reads a parameter; 0 where there is none.
func (c *call) number(name string, required bool) (float64, error) {
	text := c.r.URL.Query().Get(name)
	if text == "" {
		if required {
			return 0, &stream.InputError{Field: name, Reason: "missing"}
		}
		return 0, nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, &stream.InputError{Field: name, Reason: fmt.Sprintf("%.32q is no number", text)}
	}
	return v, nil
}
