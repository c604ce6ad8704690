package api

import (
	"encoding/json"
	"errors"
	"net/http"

	"dipper/fleet"
	"dipper/receiver/uplink"
	"dipper/stream"
)

// settingsBody is what is wanted of a unit, and how far the unit has got with it.
type settingsBody struct {
	Revision uint64          `json:"revision"`
	Settings json.RawMessage `json:"settings"`
	At       *string         `json:"at,omitempty"`
	By       string          `json:"by,omitempty"`
	Applied  *appliedBody    `json:"applied,omitempty"`
}

// appliedBody is which settings the unit took last, and why they are not in force, if so.
type appliedBody struct {
	Revision uint64 `json:"revision"`
	At       string `json:"at"`
	Problem  string `json:"problem"`
}

// registered is the unit of the path; ErrNotFound if there is none of this id.
func (s *Server) registered(c *call) (fleet.UnitID, error) {
	id := fleet.UnitID(c.r.PathValue("id"))
	_, err := s.cfg.Fleet.Registered(c.ctx, id)
	return id, err
}

// settings answers what is wanted of a unit.
func (s *Server) settings(c *call) error {
	id, err := s.registered(c)
	if err != nil {
		return err
	}
	settings, err := s.cfg.Fleet.Settings(c.ctx, id)
	if err != nil {
		return err
	}
	return s.replySettings(c, id, settings)
}

func (s *Server) replySettings(c *call, id fleet.UnitID, settings fleet.Settings) error {
	reported, err := s.cfg.Fleet.Reported(c.ctx, id)
	if err != nil {
		return err
	}
	body := settingsBody{Revision: settings.Revision, Settings: settings.Body, At: instantOf(settings.At), By: settings.By}
	if at := instantOf(reported.Settings.At); at != nil {
		body.Applied = &appliedBody{Revision: reported.Settings.Revision, At: *at, Problem: reported.Settings.Problem}
	}
	return c.reply(http.StatusOK, body)
}

// putSettings changes what is wanted of a unit.
func (s *Server) putSettings(c *call) error {
	id, err := s.registered(c)
	if err != nil {
		return err
	}
	data, err := c.body(maxSmallBody)
	if err != nil {
		return err
	}
	parsed, err := uplink.ParseUnitSettings(data)
	var wrong *uplink.SettingsError
	if errors.As(err, &wrong) {
		field := wrong.Field
		if field == "" {
			field = "body"
		}
		return &stream.InputError{Field: field, Reason: wrong.Reason}
	}
	if err != nil {
		return err
	}
	canonical, err := json.Marshal(parsed)
	if err != nil {
		return err
	}
	settings, err := s.changeSettings(c, id, canonical)
	if err != nil {
		return err
	}
	return s.replySettings(c, id, settings)
}

// deleteSettings leaves a unit to its own configuration.
func (s *Server) deleteSettings(c *call) error {
	id, err := s.registered(c)
	if err != nil {
		return err
	}
	if _, err := s.changeSettings(c, id, []byte("{}")); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) changeSettings(c *call, id fleet.UnitID, body []byte) (fleet.Settings, error) {
	settings, err := s.cfg.Fleet.PutSettings(c.ctx, id, body, c.who.name)
	if err == nil {
		s.cfg.Log.Info("settings put", "unit", id, "revision", settings.Revision, "by", c.who.name)
	}
	return settings, err
}

// noticeBody is the last notice for a unit's driver.
type noticeBody struct {
	ID      string  `json:"id"`
	At      *string `json:"at"`
	By      string  `json:"by"`
	Text    string  `json:"text"`
	ShownAt *string `json:"shown_at,omitempty"` // when the centre heard that the driver has read it
}

// notice answers the last notice for a unit's driver.
func (s *Server) notice(c *call) error {
	id, err := s.registered(c)
	if err != nil {
		return err
	}
	n, err := s.cfg.Fleet.Notice(c.ctx, id)
	if err != nil {
		return err
	}
	reported, err := s.cfg.Fleet.Reported(c.ctx, id)
	if err != nil {
		return err
	}
	body := noticeBody{ID: n.ID, At: instantOf(n.At), By: n.By, Text: n.Text}
	if reported.Notice.ID == n.ID {
		body.ShownAt = instantOf(reported.Notice.At)
	}
	return c.reply(http.StatusOK, body)
}

// postNotice writes a notice to a unit's driver, in place of the one before.
func (s *Server) postNotice(c *call) error {
	id, err := s.registered(c)
	if err != nil {
		return err
	}
	var in struct {
		Text string `json:"text"`
	}
	if err := c.decode(&in); err != nil {
		return err
	}
	n, err := s.cfg.Fleet.PutNotice(c.ctx, id, in.Text, c.who.name)
	if err != nil {
		return err
	}
	s.cfg.Log.Info("notice written", "unit", id, "notice", n.ID, "by", c.who.name)
	return c.reply(http.StatusCreated, noticeBody{ID: n.ID, At: instantOf(n.At), By: n.By, Text: n.Text})
}

// onboardBody is an event that a unit decided by itself.
type onboardBody struct {
	ID            string  `json:"id"`
	Kind          string  `json:"kind"`
	Fence         string  `json:"fence"`
	FenceRevision uint64  `json:"fence_revision"`
	Series        uint64  `json:"series"`
	Seq           uint64  `json:"seq"`
	Time          *string `json:"time,omitempty"`
	ToldAt        *string `json:"told_at,omitempty"`
	InLedger      bool    `json:"in_ledger"`
}

// onboard answers what a unit decided by itself and told its driver.
func (s *Server) onboard(c *call) error {
	id, err := s.registered(c)
	if err != nil {
		return err
	}
	events, err := s.cfg.Fleet.Onboard(c.ctx, id)
	if err != nil {
		return err
	}
	out := make([]onboardBody, 0, len(events))
	for _, e := range events {
		out = append(out, onboardBody{
			ID: e.ID, Kind: string(e.Kind), Fence: e.Fence, FenceRevision: e.FenceRevision,
			Series: uint64(e.Series), Seq: uint64(e.Seq), Time: instantOf(e.Time), ToldAt: instantOf(e.ToldAt), InLedger: e.InLedger,
		})
	}
	return c.reply(http.StatusOK, struct {
		Unit   fleet.UnitID  `json:"unit"`
		Events []onboardBody `json:"events"`
	}{id, out})
}
