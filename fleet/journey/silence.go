package journey

import (
	"time"

	"dipper/positioning"
	"dipper/positioning/geo"
)

// Reason is what is known of a silence.
type Reason string

const (
	// LinkLate: the unit numbered fixes meanwhile that have not arrived. They may yet: a blind zone of the link, a satellite
	// link, a backlog.
	LinkLate Reason = "link_late"
	// NoFix: the receiver told places meanwhile, and the gates refused them all.
	NoFix Reason = "no_fix"
	// NotRecorded: the numbers go on without a gap, so the unit recorded nothing: no sky (a tunnel, a hall), no power, or it
	// slept as planned.
	NotRecorded Reason = "not_recorded"
	// Restarted: the numbers begin anew behind it, so the unit lost its memory or was changed.
	Restarted Reason = "restarted"
	// Unknown: nothing has come since.
	Unknown Reason = "unknown"
)

// Silence is a time without an accepted fix that is longer than SilentIntervals of the expected interval.
type Silence struct {
	From, To time.Time     // the fixes before and after
	Expected time.Duration // the interval that was expected
	Reason   Reason
	Missing  uint64  // numbers that have not arrived, with LinkLate
	Refused  int     // fixes between that were refused
	MovedM   float64 // straight from the fix before to the fix after
	Open     bool    // it goes on
}

// listener is what a diary keeps between two accepted fixes.
type listener struct {
	last    time.Time
	point   geo.Point
	series  uint32
	seq     uint64
	refused int
}

// expected is how often a fix is due after the last one.
func (d *Diary) expected() time.Duration {
	if d.odometer.standing {
		return max(d.cfg.Expected, d.cfg.ExpectedStanding)
	}
	return d.cfg.Expected
}

// hear looks at the time since the last accepted fix.
func (d *Diary) hear(series uint32, seq uint64, f *positioning.Fix) {
	before := d.silence
	d.silence = listener{last: f.Time, point: f.Point, series: series, seq: seq}
	if before.last.IsZero() {
		return
	}
	s := Silence{From: before.last, To: f.Time, Expected: d.expected(), Refused: before.refused, Reason: Unknown}
	if s.To.Sub(s.From) <= SilentIntervals*s.Expected || !d.wanted(s.From, s.To) {
		return
	}
	s.MovedM = geo.Geodesic(before.point, f.Point)
	if series == before.series && seq > before.seq+1 && d.cfg.Missing != nil {
		s.Missing = d.cfg.Missing(series, before.seq+1, seq-1)
	}
	switch {
	case s.Missing > 0:
		s.Reason = LinkLate
	case s.Refused > 0:
		s.Reason = NoFix
	case series != before.series:
		s.Reason = Restarted
	case seq > before.seq:
		s.Reason = NotRecorded
	}
	d.report.Silences = append(d.report.Silences, s)
}

// hush tells the silence since the last fix.
func (d *Diary) hush(until time.Time) {
	last := d.silence
	if last.last.IsZero() || until.Sub(last.last) <= SilentIntervals*d.expected() || !d.wanted(last.last, until) {
		return
	}
	s := Silence{From: last.last, To: until, Expected: d.expected(), Refused: last.refused, Reason: Unknown, Open: true}
	if s.Refused > 0 {
		s.Reason = NoFix
	}
	d.report.Silences = append(d.report.Silences, s)
}
