package api

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"dipper/fleet"
	"dipper/positioning"
)

// Sizes of answers.
const (
	mostUnits    = 200_000
	defaultFixes = 20_000 // half a day at 2 s
	mostFixes    = 100_000
)

// unitBody is a unit in a list.
type unitBody struct {
	ID        fleet.UnitID `json:"id"`
	Name      string       `json:"name,omitempty"`
	Kind      string       `json:"kind,omitempty"`
	Lat       *float64     `json:"lat,omitempty"`
	Lon       *float64     `json:"lon,omitempty"`
	Time      *string      `json:"time,omitempty"`
	SpeedMps  *float64     `json:"speed_mps,omitempty"`
	CourseDeg *float64     `json:"course_deg,omitempty"`
	ErrM      *float64     `json:"err_m,omitempty"`
}

func (u *unitBody) locate(p fleet.Position) {
	u.Lat, u.Lon, u.Time = &p.Point.Lat, &p.Point.Lon, instantOf(p.Time)
	u.SpeedMps, u.CourseDeg, u.ErrM = known(p.SpeedMps), known(p.CourseDeg), known(p.ErrM)
}

// known is nil for a value that is not known.
func known(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

// listUnits answers which units are in a box, or all.
func (s *Server) listUnits(c *call) error {
	limit, err := c.limit(mostUnits, mostUnits)
	if err != nil {
		return err
	}
	box, bounded, err := c.box()
	if err != nil {
		return err
	}
	var (
		units     []unitBody
		truncated bool
	)
	if bounded {
		var positions []fleet.Position
		positions, truncated, err = s.cfg.Fleet.UnitsIn(c.ctx, box, limit)
		units = s.located(positions)
	} else {
		units, err = s.allUnits(c)
		if truncated = len(units) > limit; truncated {
			units = units[:limit]
		}
	}
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, struct {
		Units     []unitBody `json:"units"`
		Truncated bool       `json:"truncated"`
	}{units, truncated})
}

func (s *Server) located(positions []fleet.Position) []unitBody {
	units := make([]unitBody, len(positions))
	for i, p := range positions {
		units[i].ID = p.Unit
		units[i].Name, units[i].Kind = s.cfg.Hub.Label(p.Unit)
		units[i].locate(p)
	}
	return units
}

// allUnits are those that have a position and those that are registered, by id.
func (s *Server) allUnits(c *call) ([]unitBody, error) {
	registered, err := s.cfg.Fleet.Registrations(c.ctx)
	if err != nil {
		return nil, err
	}
	positions, err := s.cfg.Fleet.AllUnits(c.ctx)
	if err != nil {
		return nil, err
	}
	units := make([]unitBody, 0, max(len(registered), len(positions)))
	for _, r := range registered {
		units = append(units, unitBody{ID: r.ID, Name: r.Name, Kind: r.Kind})
	}
	byID := func(a, b unitBody) int { return strings.Compare(string(a.ID), string(b.ID)) }
	slices.SortFunc(units, byID)
	known := units
	for _, p := range positions {
		i, found := slices.BinarySearchFunc(known, unitBody{ID: p.Unit}, byID)
		if !found {
			i = len(units)
			units = append(units, unitBody{ID: p.Unit})
		}
		units[i].locate(p)
	}
	slices.SortFunc(units, byID)
	return units, nil
}

// unit answers all that is known of one unit.
func (s *Server) unit(c *call) error {
	v, err := s.cfg.Fleet.Unit(c.ctx, fleet.UnitID(c.r.PathValue("id")))
	if err != nil {
		return err
	}
	head, err := json.Marshal(unitBody{ID: v.ID, Name: v.Name, Kind: v.Kind})
	if err != nil {
		return err
	}
	visits, err := json.Marshal(visitsOf(v.Visits))
	if err != nil {
		return err
	}
	body := head[:len(head)-1]
	if v.Located {
		body = append(body, ',')
		body = appendFix(body, uint64(v.Position.Series), v.Position.Seq, v.Fix)
		body = body[:len(body)-1]
		body = fmt.Appendf(body, `,"odometer_m":%.3f,"odometer_estimated_m":%.3f`, v.OdometerM, v.OdometerEstimatedM)
	}
	body = append(body, `,"visits":`...)
	body = append(body, visits...)
	writeJSON(c.w, http.StatusOK, append(body, '}'))
	return nil
}

// appendFix appends a fix as decode prints it, with its number in front, but for the opening brace.
func appendFix(dst []byte, series, seq uint64, f positioning.Fix) []byte {
	dst = append(dst, `"series":`...)
	dst = strconv.AppendUint(dst, series, 10)
	dst = append(dst, `,"seq":`...)
	dst = strconv.AppendUint(dst, seq, 10)
	at := len(dst)
	dst = positioning.AppendJSON(dst, f)
	dst[at] = ',' // was the opening brace
	return dst
}

// endOfTime is later than any fix.
var endOfTime = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// track answers where a unit was.
func (s *Server) track(c *call) error {
	id := fleet.UnitID(c.r.PathValue("id"))
	limit, err := c.limit(defaultFixes, mostFixes)
	if err != nil {
		return err
	}
	from, to, err := c.span(time.Time{}, endOfTime)
	if err != nil {
		return err
	}
	fixes, truncated, err := s.cfg.Fleet.Track(c.ctx, id, from, to, limit)
	if err != nil {
		return err
	}
	if len(fixes) == 0 { // nothing at that time, or no such unit?
		if _, err := s.cfg.Fleet.Unit(c.ctx, id); err != nil {
			return err
		}
	}
	name, err := json.Marshal(id)
	if err != nil {
		return err
	}
	body := append([]byte(`{"unit":`), name...)
	body = append(body, `,"fixes":[`...)
	for i, f := range fixes {
		if i > 0 {
			body = append(body, ',')
		}
		body = appendFix(append(body, '{'), uint64(f.Series), uint64(f.Seq), f.Fix)
	}
	body = append(body, `],"truncated":`...)
	body = strconv.AppendBool(body, truncated)
	writeJSON(c.w, http.StatusOK, append(body, '}'))
	return nil
}

// completeness answers which numbers of a unit's fixes are held.
func (s *Server) completeness(c *call) error {
	held, err := s.cfg.Fleet.Completeness(c.ctx, fleet.UnitID(c.r.PathValue("id")))
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, held)
}

// addUnit registers a unit. Its key is in the answer and nowhere else.
func (s *Server) addUnit(c *call) error {
	var in struct {
		ID   fleet.UnitID `json:"id"`
		Name string       `json:"name"`
		Kind string       `json:"kind"`
	}
	if err := c.decode(&in); err != nil {
		return err
	}
	key, err := s.cfg.Fleet.RegisterUnit(c.ctx, in.ID, in.Name, in.Kind)
	if err != nil {
		return err
	}
	s.cfg.Log.Info("unit registered", "unit", in.ID, "by", c.who.name)
	return c.reply(http.StatusCreated, struct {
		ID   fleet.UnitID `json:"id"`
		Name string       `json:"name"`
		Kind string       `json:"kind"`
		Key  string       `json:"key"`
	}{in.ID, in.Name, in.Kind, key})
}
