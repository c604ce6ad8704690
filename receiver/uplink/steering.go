package uplink

import (
	"fmt"
	"slices"
	"time"
)

// Steering is the unit's side of what the centre tells it. One goroutine of the Client calls all methods but Changed, and
// between them the link stands still: they must not block.
type Steering interface {
	// Report is sent after Welcome, and again whenever it differs from what was sent last on this connection.
	Report() Report
	// Told is up to max events that were decided on board and not acknowledged, oldest first.
	Told(max int) []OnboardEvent
	// Changed has an element when Report or Told may give something else. Its capacity is 1.
	Changed() <-chan struct{}

	// TakeSettings, TakeFences and TakeNotice hand over what came. Of several that came while the link was busy only the
	// last is handed over. The same may come again on another connection. TakeFences is called when what the centre
	// acknowledged before it sent them is acknowledged to the Source, and nothing that it acknowledged behind them is.
	TakeSettings(Settings)
	TakeFences(Fences)
	TakeNotice(Notice)
	// TakeToldAck names events that Told must not give again.
	TakeToldAck(ids []string)
}

// steer is the steering of one connection, in the hands of the session's loop.
type steer struct {
	steering Steering // nil: none, and everything does nothing
	conn     *Conn
	changed  <-chan struct{}
	due      bool // Report or Told may give something else

	reported bool
	last     Report // sent last; only if reported

	away   []string // events of the Told under way: one at a time, so that what waits is bounded
	awayAt time.Time
}

func newSteer(s Steering, conn *Conn) steer {
	if s == nil {
		return steer{}
	}
	return steer{steering: s, conn: conn, changed: s.Changed(), due: true}
}

// tell sends what is new.
func (s *steer) tell(now time.Time) error {
	if !s.due {
		return nil
	}
	s.due = false
	if r := s.steering.Report(); !s.reported || r != s.last {
		if err := s.conn.write(func(dst []byte) ([]byte, error) { return AppendReport(dst, r), nil }); err != nil {
			return err
		}
		s.reported, s.last = true, r
	}
	if len(s.away) > 0 {
		return nil
	}
	events := s.steering.Told(MaxTold)
	events = events[:min(len(events), MaxTold)]
	if len(events) == 0 {
		return nil
	}
	for _, e := range events {
		s.away = append(s.away, e.ID)
	}
	s.awayAt = now
	return s.conn.write(func(dst []byte) ([]byte, error) { return AppendTold(dst, Told{Events: events}) })
}

// check tells again what was not acknowledged for so long. Fixes matter more: the connection stays.
func (s *steer) check(now time.Time, timeout time.Duration) {
	if len(s.away) > 0 && now.Sub(s.awayAt) > timeout {
		s.away, s.due = nil, true
	}
}

// take hands over what was heard.
func (s *steer) take(h hearing) {
	if h.settings != nil {
		s.steering.TakeSettings(*h.settings)
	}
	if h.fences != nil {
		s.steering.TakeFences(*h.fences)
	}
	if h.notice != nil {
		s.steering.TakeNotice(*h.notice)
	}
	var acked []string
	for _, id := range h.told {
		if i := slices.Index(s.away, id); i >= 0 { // of another that was given up it need not hear
			s.away = slices.Delete(s.away, i, i+1)
			acked = append(acked, id)
		}
	}
	if len(acked) > 0 {
		s.steering.TakeToldAck(acked)
		s.due = true
	}
}

// hearing is what came besides acknowledgements of fixes. It is bounded: of each kind the last counts, and no more ids come
// than were told.
type hearing struct {
	settings *Settings
	fences   *Fences
	notice   *Notice
	told     []string
}

func decodeHeard(msg []byte) (h hearing, err error) {
	switch TypeOf(msg) {
	case TypeSettings:
		h.settings = new(Settings)
		*h.settings, err = DecodeSettings(msg)
	case TypeFences:
		h.fences = new(Fences)
		*h.fences, err = DecodeFences(msg)
	case TypeNotice:
		h.notice = new(Notice)
		*h.notice, err = DecodeNotice(msg)
	case TypeToldAck:
		var a ToldAck
		a, err = DecodeToldAck(msg)
		h.told = a.IDs
	default:
		err = fmt.Errorf("%w: type %d is no message to a unit", ErrMessage, TypeOf(msg))
	}
	return h, err
}

// maxHeardIDs is more than a service has to acknowledge: one Told is under way, and one may have been given up.
const maxHeardIDs = 4 * MaxTold

// add puts what came later over what came before.
func (h *hearing) add(next hearing) error {
	if next.settings != nil {
		h.settings = next.settings
	}
	if next.fences != nil {
		h.fences = next.fences
	}
	if next.notice != nil {
		h.notice = next.notice
	}
	if len(h.told)+len(next.told) > maxHeardIDs {
		return fmt.Errorf("%w: told ack: more ids than were told", ErrMessage)
	}
	h.told = append(h.told, next.told...)
	return nil
}
