package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Settings are what somebody wants of a unit, in place of its own configuration.
type Settings struct {
	Revision uint64          // grows with every change; 0: there never were any
	Body     json.RawMessage // an object; {} leaves everything to the unit. Which names it may have is the uplink's business.
	At       time.Time       // of the last change; zero with Revision 0
	By       string          // who made it; empty with Revision 0
}

// noSettings is what a unit's settings are while nobody gave it any.
const noSettings = "{}"

// settingsDocument is a DocSettings, by unit id.
type settingsDocument struct {
	Body json.RawMessage `json:"settings"`
	At   time.Time       `json:"at"`
	By   string          `json:"by,omitempty"`
}

// Settings gives those of a unit, whether or not it is registered.
func (f *Fleet) Settings(ctx context.Context, unit UnitID) (Settings, error) {
	stored, err := f.store.Document(ctx, DocSettings, string(unit))
	if errors.Is(err, ErrNotFound) {
		return Settings{Body: json.RawMessage(noSettings)}, nil
	}
	if err != nil {
		return Settings{}, fmt.Errorf("settings of unit %s: %w", unit, err)
	}
	return decodeSettings(stored)
}

func decodeSettings(stored Document) (Settings, error) {
	var d settingsDocument
	if err := json.Unmarshal(stored.Data, &d); err != nil {
		return Settings{Revision: stored.Revision}, fmt.Errorf("settings of unit %s: %w: %w", stored.ID, ErrStored, err)
	}
	return Settings{Revision: stored.Revision, Body: d.Body, At: d.At, By: d.By}, nil
}

// PutSettings gives a unit a JSON object of settings; the same as before change nothing. A revision never comes twice: to
// take settings back, put {}.
func (f *Fleet) PutSettings(ctx context.Context, unit UnitID, body []byte, by string) (Settings, error) {
	for range maxConflicts {
		s, err := f.Settings(ctx, unit)
		if err != nil && !errors.Is(err, ErrStored) {
			return Settings{}, err
		}
		if bytes.Equal(s.Body, body) {
			return s, nil
		}
		d := settingsDocument{Body: body, At: f.now().UTC().Truncate(time.Millisecond), By: by}
		err = f.putJSON(ctx, DocSettings, string(unit), d, s.Revision)
		if err == nil {
			return Settings{Revision: s.Revision + 1, Body: body, At: d.At, By: by}, nil
		}
		if !errors.Is(err, ErrConflict) {
			return Settings{}, fmt.Errorf("settings of unit %s: %w", unit, err)
		}
	}
	return Settings{}, fmt.Errorf("settings of unit %s: %w: %d conflicts in a row", unit, ErrUnavailable, maxConflicts)
}

// WatchSettings calls fn with the settings of the units that wanted says yes to: with all at once, and with those that changed, on
// whichever node, soon after, until ctx ends. The same settings may come again. watchDocuments says what that costs.
func (f *Fleet) WatchSettings(ctx context.Context, wanted func(UnitID) bool, fn func(UnitID, Settings)) error {
	return f.watchDocuments(ctx, DocSettings, func(id string) bool { return wanted(UnitID(id)) }, func(d Document) {
		s, err := decodeSettings(d)
		if err != nil {
			f.log.Error("settings are left out", "unit", d.ID, "error", err)
			return
		}
		fn(UnitID(d.ID), s)
	})
}
