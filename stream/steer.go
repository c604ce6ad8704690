package stream

import (
	"errors"
	"time"

	"dipper/fleet"
	"dipper/geofence"
	"dipper/positioning"
	"dipper/positioning/geo"
	"dipper/receiver/uplink"
)

// maxUnkept bounds the messages of on-board events that were read and wait to be stored. An agent sends one and waits.
const maxUnkept = 2

// errandWeight is how many fixes an errand that the unit asked for counts as when it is made to wait: it costs the store as much
// as a full batch does.
const errandWeight = 64

// steering is what the service knows of a connection whose unit sent a Report, and what it has to tell it. The agent's mu guards
// all but kept. Watchers put in what is new and wake the second goroutine, which does everything that takes time.
type steering struct {
	report uplink.Report // the last
	news   bool          // nobody has looked at it
	told   []uplink.Told // read, and not yet stored

	loaded   bool           // the following three were read from the store
	settings fleet.Settings // newest known; Revision 0: none, or they cannot be read
	notice   fleet.Notice   // newest known; ID "": none
	kept     fleet.Reported // what is stored of the unit's reports; the second goroutine's

	settingsSent bool // on this connection, with
	revisionSent uint64
	noticeSent   string // id

	located bool // the unit has been somewhere: at
	point   geo.Point
	pointAt time.Time // by the fix
	fences  fencesFor
}

// errand is something to do for the unit besides its batches, in the second goroutine.
type errand func(*agent) error

// full reports whether no more may be read. The zero pointer is never full.
func (s *steering) full() bool { return s != nil && len(s.told) >= maxUnkept }

// next takes the most urgent errand; nil if there is none. The caller has the agent's mu.
func (s *steering) next() errand {
	switch {
	case s == nil:
		return nil
	case s.news:
		s.news = false
		r, first := s.report, !s.loaded
		return func(a *agent) error { return a.hear(r, first) }
	case s.settingsDue():
		s.settingsSent, s.revisionSent = true, s.settings.Revision
		tell := uplink.Settings{Revision: s.settings.Revision, Body: s.settings.Body}
		return func(a *agent) error { return a.tellSettings(tell) }
	case s.noticeDue():
		s.noticeSent = s.notice.ID
		tell := uplink.Notice{ID: s.notice.ID, At: s.notice.At, Text: s.notice.Text}
		return func(a *agent) error { return a.tell("notice", uplink.AppendNotice(nil, tell)) }
	case s.fences.msg != nil:
		msg := s.fences.msg
		s.fences.msg = nil
		return func(a *agent) error { return a.tell("fences", msg) }
	case len(s.told) > 0:
		t := s.told[0]
		s.told = append(s.told[:0], s.told[1:]...)
		return func(a *agent) error { return a.keep(t) }
	}
	return nil
}

// settingsDue: the unit says that it took others, and was not sent these on this connection. One that cannot apply them is not
// told them again and again.
func (s *steering) settingsDue() bool {
	return s.loaded && s.settings.Body != nil && s.settings.Revision != s.report.SettingsRevision &&
		!(s.settingsSent && s.revisionSent == s.settings.Revision)
}

// noticeDue: neither the unit nor the store says that it was read, and it was not sent on this connection.
func (s *steering) noticeDue() bool {
	id := s.notice.ID
	return s.loaded && id != "" && id != s.report.NoticeShown && id != s.kept.Notice.ID && id != s.noticeSent
}

// tellSettings sends settings to the unit.
func (a *agent) tellSettings(s uplink.Settings) error {
	msg, err := uplink.AppendSettings(nil, s)
	if err != nil { // somebody else than the API put them there
		a.up.log.Error("settings are not sent", "unit", a.unit, "revision", s.Revision, "error", err)
		return nil
	}
	return a.tell("settings", msg)
}

func (a *agent) tell(what string, msg []byte) error {
	if err := a.send(msg); err != nil {
		return err
	}
	a.up.cfg.Metrics.steered.WithLabelValues(what).Inc()
	a.up.cfg.Metrics.steeredBytes.Add(float64(len(msg)))
	return nil
}

// hear takes a Report: the first on a connection brings what the unit should know from the store.
func (a *agent) hear(r uplink.Report, first bool) error {
	a.up.cfg.Metrics.reports.Inc()
	if first {
		if err := a.insist(time.Now(), a.loadSteering); err != nil {
			return err
		}
	}
	if r.WantsFences {
		if err := a.insist(time.Now(), a.locate); err != nil {
			return err
		}
	}
	if err := a.insist(time.Now(), func() error { return a.keepReport(r) }); err != nil {
		return err
	}
	if r.WantsFences {
		a.up.pushes.due(a)
	}
	a.throttle(errandWeight)
	return nil
}

// loadSteering reads what the unit should know. What cannot be read is left out: it must not keep the unit from sending fixes.
func (a *agent) loadSteering() error {
	f := a.up.cfg.Fleet
	settings, err := f.Settings(a.work, a.unit)
	if errors.Is(err, fleet.ErrStored) {
		settings, err = fleet.Settings{}, a.unreadable(err)
	}
	if err != nil {
		return err
	}
	notice, err := f.Notice(a.work, a.unit)
	if errors.Is(err, fleet.ErrStored) {
		notice, err = fleet.Notice{}, a.unreadable(err)
	}
	if err != nil && !errors.Is(err, fleet.ErrNotFound) {
		return err
	}
	reported, err := f.Reported(a.work, a.unit)
	if errors.Is(err, fleet.ErrStored) {
		err = a.unreadable(err)
	}
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.steer
	s.takeSettings(settings)
	s.takeNotice(notice)
	s.kept, s.loaded = reported, true
	s.fences.held = reported.Fences
	return nil
}

// locate finds out where the unit was last, unless it has sent a fix on this connection.
func (a *agent) locate() error {
	a.mu.Lock()
	located := a.steer.located
	a.mu.Unlock()
	if located {
		return nil
	}
	last, ok, err := a.up.cfg.Fleet.LastPosition(a.work, a.unit)
	if errors.Is(err, fleet.ErrStored) { // the next batch makes it anew
		err = a.unreadable(err)
	}
	if err != nil || !ok {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.steer.located, a.steer.point, a.steer.pointAt = true, last.Point, last.Time
	return nil
}

func (a *agent) unreadable(err error) error {
	a.up.log.Error("the unit is steered without what cannot be read", "unit", a.unit, "error", err)
	return nil
}

// takeSettings and takeNotice put the newest in the place of what was known: the store's reader and a watcher may come in any order.
func (s *steering) takeSettings(n fleet.Settings) {
	if s.settings.Body == nil || n.Revision > s.settings.Revision {
		s.settings = n
	}
}

func (s *steering) takeNotice(n fleet.Notice) {
	if n.Revision > s.notice.Revision {
		s.notice = n
	}
}

// keepReport stores what the unit says, if it is something else than it said before.
func (a *agent) keepReport(r uplink.Report) error {
	a.mu.Lock()
	s := a.steer
	known, notice, sent := s.kept, s.notice.ID, s.fences.sent
	a.mu.Unlock()
	change := func(k *fleet.Reported, now time.Time) {
		if k.Settings.Revision != r.SettingsRevision || k.Settings.Problem != r.SettingsProblem {
			k.Settings = fleet.SettingsReported{Revision: r.SettingsRevision, At: now, Problem: r.SettingsProblem}
		}
		if r.NoticeShown != "" && r.NoticeShown == notice && k.Notice.ID != notice {
			k.Notice = fleet.NoticeReported{ID: notice, At: now}
		}
		if sent.Version != 0 && r.FencesVersion == sent.Version {
			k.Fences = sent
		}
	}
	after := known
	if change(&after, time.Now()); after == known {
		return nil
	}
	after, err := a.up.cfg.Fleet.PutReported(a.work, a.unit, change)
	if err != nil {
		return err
	}
	a.mu.Lock()
	s.kept = after
	a.mu.Unlock()
	a.countReported(known, after)
	return nil
}

func (a *agent) countReported(before, after fleet.Reported) {
	m := a.up.cfg.Metrics
	if s := after.Settings; s != before.Settings && s.Revision != 0 {
		result := "applied"
		if s.Problem != "" {
			result = "failed"
			a.up.log.Warn("a unit cannot apply its settings", "unit", a.unit, "revision", s.Revision, "problem", s.Problem)
		}
		m.settingsReported.WithLabelValues(result).Inc()
	}
	if after.Notice != before.Notice {
		m.noticesShown.Inc()
	}
}

// keep stores events that were decided on board, and says so. One that breaks a rule is not stored and named in the log; it is
// acknowledged like the others, or it would be told for ever.
func (a *agent) keep(t uplink.Told) error {
	m := a.up.cfg.Metrics
	events := make([]fleet.OnboardEvent, 0, len(t.Events))
	ids := make([]string, 0, len(t.Events))
	for _, e := range t.Events {
		ids = append(ids, e.ID)
		o := fleet.OnboardEvent{
			ID: e.ID, Kind: geofence.EventKind(e.Kind), Fence: e.Fence, FenceRevision: e.FenceRevision,
			Series: e.Series, Seq: e.Seq, Time: e.Time, ToldAt: e.ToldAt,
		}
		if err := o.Check(); err != nil {
			m.onboard.WithLabelValues("refused").Inc()
			a.up.log.Warn("an on-board event is refused", "unit", a.unit, "event", e.ID, "error", err)
			continue
		}
		events = append(events, o)
	}
	var kept fleet.OnboardKept
	err := a.insist(time.Now(), func() (err error) {
		kept, err = a.up.cfg.Fleet.KeepOnboard(a.work, a.unit, events)
		return err
	})
	if err != nil {
		return err
	}
	m.onboard.WithLabelValues("in_ledger").Add(float64(kept.InLedger))
	m.onboard.WithLabelValues("not_in_ledger").Add(float64(kept.NotInLedger))
	m.onboard.WithLabelValues("known").Add(float64(kept.Known))
	ack, err := uplink.AppendToldAck(nil, uplink.ToldAck{IDs: ids})
	if err != nil {
		return err
	}
	if err := a.send(ack); err != nil {
		return err
	}
	a.throttle(errandWeight)
	return nil
}

// follow notes where the unit is, for the fences near it.
func (a *agent) follow(fixes []positioning.Fix) {
	a.mu.Lock()
	s := a.steer
	if s == nil || !s.report.WantsFences {
		a.mu.Unlock()
		return
	}
	limit := time.Now().Add(futureFix)
	for i := range fixes {
		f := &fixes[i]
		if f.Verdict == positioning.Accepted && f.Point.Valid() && f.Time.After(s.pointAt) && f.Time.Before(limit) {
			s.located, s.point, s.pointAt = true, f.Point, f.Time
		}
	}
	due := s.loaded && s.located && s.fences.left(s.point)
	a.mu.Unlock()
	if due {
		a.up.pushes.due(a)
	}
}

// futureFix is how far ahead of our clock a fix may be and count, as for the fleet.
const futureFix = 5 * time.Minute
