package journey

import (
	"math"
	"time"

	"dipper/positioning"
	"dipper/positioning/geo"
)

// Defaults of Config. Source: reference on fix filtering, section Traccar defaults: report.trip.newLogic's minDistance,
// minDuration and stopGap, and parking of the logic before it.
const (
	DefaultTripM = 200
	DefaultTrip  = 3 * time.Minute
	DefaultStop  = 5 * time.Minute
	DefaultBreak = time.Hour
	// SilentIntervals is how many expected intervals without an accepted fix are a silence.
	SilentIntervals = 3
)

// Config says what a trip is. A zero field has its default.
type Config struct {
	TripM float64       // shorter moves are part of a stop
	Trip  time.Duration // so are briefer ones
	Stop  time.Duration // standing for so long ends a trip
	Break time.Duration // a silence so long across which the vehicle moved ends a trip

	// Expected and ExpectedStanding are how often a fix is expected while the vehicle drives and stands; the defaults are
	// what the thinner on board leaves of a track at least. A longer interval that the unit was told to keep to counts
	// for both. Break is never below SilentIntervals of them.
	Expected, ExpectedStanding time.Duration

	// Missing says how many of the numbers first to last of a series have not arrived. nil: none is missing.
	Missing func(series uint32, first, last uint64) uint64
	// Begin and End bound what is told: trips, stops and silences that are in part between them, and of Totals the legs that
	// end after Begin and not after End. Zero: no bound.
	Begin, End time.Time
}

func (c *Config) setDefaults() {
	if !(c.TripM > 0) {
		c.TripM = DefaultTripM
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&c.Trip, DefaultTrip}, {&c.Stop, DefaultStop}, {&c.Break, DefaultBreak},
		{&c.Expected, positioning.DefaultThinInterval}, {&c.ExpectedStanding, positioning.DefaultThinParked},
	} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	c.Break = max(c.Break, SilentIntervals*c.Expected)
}

// Trip is a way between two stops. Driving, Idle and Unseen add up to its duration.
type Trip struct {
	From, To   time.Time
	Start, End geo.Point
	DistanceM  float64
	EstimatedM float64       // of it, across silence
	Driving    time.Duration // moving
	Idle       time.Duration // standing for less than a stop
	Unseen     time.Duration // moving across silence, and jumps
	Begun      bool          // it was under way at the first fix that was looked at
	Open       bool          // it is under way at the last
}

// Stop is a stay in one place, or close to it.
type Stop struct {
	From, To time.Time
	Point    geo.Point // where it began
	MovedM   float64   // to and fro, for less than a trip
	Begun    bool      // the vehicle stood there at the first fix that was looked at
	Open     bool      // and at the last
}

// Totals are sums over the legs of a time. Driving, Standing and Unseen add up to it.
type Totals struct {
	DistanceM  float64
	EstimatedM float64
	Driving    time.Duration
	Standing   time.Duration
	Unseen     time.Duration
}

// Report is what a Diary tells, each list in the order of time.
type Report struct {
	Trips    []Trip
	Stops    []Stop
	Silences []Silence
	Totals   Totals
}

// Diary keeps a report while fixes come. Make one with NewDiary.
type Diary struct {
	cfg      Config
	odometer Odometer
	legs     []Leg
	report   Report
	first    time.Time // of the first accepted fix
	silence  listener

	stop *stretch // the stop that goes on, or is to be continued after the move
	move *stretch // since the stop
	tail *stretch // standing at the end of the move, for less than a stop so far
}

// stretch is some legs in a row.
type stretch struct {
	from, to         time.Time
	start, end       geo.Point
	wayMM, unknownMM int64
	driving, idle    time.Duration
	unseen           time.Duration
}

func newStretch(l *Leg) *stretch { return &stretch{from: l.From, start: l.Start} }

func (s *stretch) add(l *Leg) {
	s.to, s.end = l.To, l.End
	s.wayMM += l.WayMM
	switch l.Kind {
	case Standing:
		s.idle += l.Duration()
	case Driving:
		s.driving += l.Duration()
	case Unseen, Jump:
		s.unseen += l.Duration()
	}
	if l.Kind == Unseen {
		s.unknownMM += l.WayMM
	}
}

func metres(mm int64) float64 { return float64(mm) / 1000 }

func (s *stretch) duration() time.Duration { return s.to.Sub(s.from) }

// NewDiary makes an empty diary.
func NewDiary(cfg Config) *Diary {
	cfg.setDefaults()
	return &Diary{cfg: cfg}
}

// Add takes the next numbered fix, refused ones too, in the order of time. Of accepted ones at the same millisecond the first
// counts.
func (d *Diary) Add(series uint32, seq uint64, f positioning.Fix) {
	if f.Verdict != positioning.Accepted {
		d.silence.refused++
		return
	}
	if !d.first.IsZero() && !f.Time.After(d.silence.last) {
		return
	}
	if d.first.IsZero() {
		d.first = f.Time
	}
	d.hear(series, seq, &f)
	d.legs = d.odometer.Step(f, d.legs[:0])
	for i := range d.legs {
		d.leg(&d.legs[i])
	}
}

func (d *Diary) leg(l *Leg) {
	d.count(l)
	switch {
	case l.Kind == Standing, l.Kind == Unseen && l.Duration() >= d.cfg.Stop && metres(l.WayMM) < d.cfg.TripM:
		d.stand(l)
	case l.Kind == Unseen && l.Duration() >= d.cfg.Break:
		d.close(false)
	default:
		d.drive(l)
	}
}

// count adds a leg to the totals.
func (d *Diary) count(l *Leg) {
	if !l.To.After(d.cfg.Begin) || !d.cfg.End.IsZero() && l.To.After(d.cfg.End) {
		return
	}
	t := &d.report.Totals
	t.DistanceM += metres(l.WayMM)
	switch l.Kind {
	case Standing:
		t.Standing += l.Duration()
	case Driving:
		t.Driving += l.Duration()
	case Unseen:
		t.EstimatedM += metres(l.WayMM)
		t.Unseen += l.Duration()
	case Jump:
		t.Unseen += l.Duration()
	}
}

func (d *Diary) stand(l *Leg) {
	if d.move == nil {
		if d.stop == nil {
			d.stop = newStretch(l)
		}
		d.stop.add(l)
		return
	}
	if d.tail == nil {
		d.tail = newStretch(l)
	}
	d.tail.add(l)
	if d.tail.duration() < d.cfg.Stop {
		return
	}
	d.settle(false)
	if d.stop == nil {
		d.stop = d.tail
	} else {
		d.stop.to = d.tail.to
	}
	d.tail = nil
}

func (d *Diary) drive(l *Leg) {
	if d.move == nil {
		d.move = newStretch(l)
		if d.stop != nil && d.stop.duration() < d.cfg.Stop { // too brief for a stop: the trip began with it
			d.move, d.stop = d.stop, nil
		}
	}
	d.rest()
	d.move.add(l)
}

// rest makes the standing at the end of the move part of it.
func (d *Diary) rest() {
	if d.tail != nil {
		d.move.idle += d.tail.idle
		d.move.to, d.tail = d.tail.to, nil
	}
}

// settle decides what the move that has ended was: a trip, which ends the stop before it, or part of a stop.
func (d *Diary) settle(open bool) {
	m := d.move
	d.move = nil
	if metres(m.wayMM) >= d.cfg.TripM && m.duration() >= d.cfg.Trip && metres(m.wayMM) >= StandMps*(m.driving+m.unseen).Seconds() {
		d.tellStop(false)
		d.tellTrip(m, open)
		return
	}
	if d.stop == nil {
		d.stop = &stretch{from: m.from, start: m.start}
	}
	d.stop.to = m.to
	d.stop.wayMM += m.wayMM
}

// close ends everything: at a silence, or at the end of what there is.
func (d *Diary) close(open bool) {
	if d.move != nil {
		if open {
			d.rest()
		}
		d.settle(open)
	}
	d.tail = nil
	if d.stop != nil && (d.stop.duration() >= d.cfg.Stop || open) {
		d.tellStop(open)
	}
	d.stop = nil
}

func (d *Diary) tellStop(open bool) {
	s := d.stop
	d.stop = nil
	if s == nil || !d.wanted(s.from, s.to) {
		return
	}
	d.report.Stops = append(d.report.Stops, Stop{
		From: s.from, To: s.to, Point: s.start, MovedM: metres(s.wayMM), Begun: s.from.Equal(d.first), Open: open,
	})
}

func (d *Diary) tellTrip(m *stretch, open bool) {
	if !d.wanted(m.from, m.to) {
		return
	}
	d.report.Trips = append(d.report.Trips, Trip{
		From: m.from, To: m.to, Start: m.start, End: m.end, DistanceM: metres(m.wayMM), EstimatedM: metres(m.unknownMM),
		Driving: m.driving, Idle: m.idle, Unseen: m.unseen, Begun: m.from.Equal(d.first), Open: open,
	})
}

// wanted reports whether a stretch of time is in part within the bounds.
func (d *Diary) wanted(from, to time.Time) bool {
	return !to.Before(d.cfg.Begin) && (d.cfg.End.IsZero() || !from.After(d.cfg.End))
}

// Finish ends the diary and gives the report. What goes on at the last fix is told as open. until is how long nothing else was
// heard: a silence then is told as open too. The zero time tells none.
func (d *Diary) Finish(until time.Time) Report {
	d.close(true)
	d.hush(until)
	r := d.report
	r.Totals.DistanceM = math.Round(r.Totals.DistanceM*1000) / 1000 // sums of thousandths
	r.Totals.EstimatedM = math.Round(r.Totals.EstimatedM*1000) / 1000
	return r
}
