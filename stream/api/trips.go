package api

import (
	"errors"
	"net/http"
	"time"

	"dipper/fleet"
	"dipper/fleet/journey"
	"dipper/positioning/geo"
	"dipper/receiver/uplink"
)

// placeBody is a place.
type placeBody struct {
	Lat float64 `json:"lat"`
	Lon float64 `json:"lon"`
}

// journeyBody is what a unit's track means.
type journeyBody struct {
	Unit     fleet.UnitID  `json:"unit"`
	From     *string       `json:"from"`
	To       *string       `json:"to"`
	Totals   totalsBody    `json:"totals"`
	Trips    []tripBody    `json:"trips"`
	Stops    []stopBody    `json:"stops"`
	Silences []silenceBody `json:"silences"`
}

type totalsBody struct {
	DistanceM  float64 `json:"distance_m"`
	EstimatedM float64 `json:"estimated_m"`
	DrivingS   float64 `json:"driving_s"`
	StandingS  float64 `json:"standing_s"`
	UnseenS    float64 `json:"unseen_s"`
}

type tripBody struct {
	From       *string   `json:"from"`
	To         *string   `json:"to"`
	Start      placeBody `json:"start"`
	End        placeBody `json:"end"`
	DistanceM  float64   `json:"distance_m"`
	EstimatedM float64   `json:"estimated_m"`
	DrivingS   float64   `json:"driving_s"`
	IdleS      float64   `json:"idle_s"`
	UnseenS    float64   `json:"unseen_s"`
	Begun      bool      `json:"begun"`
	Open       bool      `json:"open"`
}

type stopBody struct {
	From *string `json:"from"`
	To   *string `json:"to"`
	placeBody
	MovedM float64 `json:"moved_m"`
	Begun  bool    `json:"begun"`
	Open   bool    `json:"open"`
}

type silenceBody struct {
	From      *string        `json:"from"`
	To        *string        `json:"to"`
	ExpectedS float64        `json:"expected_s"`
	Reason    journey.Reason `json:"reason"`
	Missing   uint64         `json:"missing,omitempty"`
	Refused   int            `json:"refused,omitempty"`
	MovedM    float64        `json:"moved_m"`
	Open      bool           `json:"open"`
}

// trips answers which trips a unit made, where it stopped and when it was silent.
func (s *Server) trips(c *call) error {
	id := fleet.UnitID(c.r.PathValue("id"))
	from, to, err := c.span(time.Time{}, time.Now().UTC().Truncate(time.Millisecond))
	if err != nil {
		return err
	}
	if from.IsZero() {
		from = to.Add(-24 * time.Hour)
	}
	expected, err := s.expected(c, id)
	if err != nil {
		return err
	}
	r, err := s.cfg.Fleet.Journey(c.ctx, id, fleet.JourneyQuery{From: from, To: to, Expected: expected})
	if err != nil {
		return err
	}
	if len(r.Trips) == 0 && len(r.Stops) == 0 { // nothing at that time, or no such unit?
		if _, err := s.cfg.Fleet.Unit(c.ctx, id); err != nil {
			return err
		}
	}
	body := journeyOf(r)
	body.Unit, body.From, body.To = id, instantOf(from), instantOf(to)
	return c.reply(http.StatusOK, body)
}

// expected is how often a unit was told to send a fix; 0 if it was not.
func (s *Server) expected(c *call, id fleet.UnitID) (time.Duration, error) {
	settings, err := s.cfg.Fleet.Settings(c.ctx, id)
	if errors.Is(err, fleet.ErrStored) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	parsed, err := uplink.ParseUnitSettings(settings.Body)
	if err != nil || parsed.IntervalS == nil { // another version's: the unit does not know them either
		return 0, nil
	}
	interval := time.Duration(*parsed.IntervalS * float64(time.Second))
	if interval < time.Minute { // the thinner on board may spare some
		return 0, nil
	}
	return interval, nil
}

func journeyOf(r journey.Report) journeyBody {
	body := journeyBody{
		Totals: totalsBody{
			DistanceM: r.Totals.DistanceM, EstimatedM: r.Totals.EstimatedM,
			DrivingS: r.Totals.Driving.Seconds(), StandingS: r.Totals.Standing.Seconds(), UnseenS: r.Totals.Unseen.Seconds(),
		},
		Trips: make([]tripBody, len(r.Trips)), Stops: make([]stopBody, len(r.Stops)), Silences: make([]silenceBody, len(r.Silences)),
	}
	for i, t := range r.Trips {
		body.Trips[i] = tripBody{
			From: instantOf(t.From), To: instantOf(t.To), Start: placeOf(t.Start), End: placeOf(t.End),
			DistanceM: t.DistanceM, EstimatedM: t.EstimatedM, DrivingS: t.Driving.Seconds(), IdleS: t.Idle.Seconds(), UnseenS: t.Unseen.Seconds(),
			Begun: t.Begun, Open: t.Open,
		}
	}
	for i, x := range r.Stops {
		body.Stops[i] = stopBody{From: instantOf(x.From), To: instantOf(x.To), placeBody: placeOf(x.Point), MovedM: x.MovedM, Begun: x.Begun, Open: x.Open}
	}
	for i, x := range r.Silences {
		body.Silences[i] = silenceBody{
			From: instantOf(x.From), To: instantOf(x.To), ExpectedS: x.Expected.Seconds(), Reason: x.Reason,
			Missing: x.Missing, Refused: x.Refused, MovedM: x.MovedM, Open: x.Open,
		}
	}
	return body
}

func placeOf(p geo.Point) placeBody { return placeBody{p.Lat, p.Lon} }
