package uplink

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// UnitSettings is what the centre can change of a unit. A nil field is left to the unit's own configuration.
type UnitSettings struct {
	IntervalS      *float64 `json:"interval_s,omitempty"`        // at most one accepted fix in so many seconds of fix time; 0 every fix; up to 3600
	ThinErrorM     *float64 `json:"thin_error_m,omitempty"`      // spare the fixes that others explain to within so many metres; 0 spares none; up to 1000
	Hold           *bool    `json:"hold,omitempty"`              // keep a parked vehicle in its place
	MaxBytesPerDay *uint64  `json:"max_bytes_per_day,omitempty"` // of the link both ways without TCP and IP; 0 no limit, else at least 200,000
	LingerS        *float64 `json:"linger_s,omitempty"`          // how long a new fix may wait for others, seconds; up to 600
}

// Bounds of UnitSettings.
const (
	MaxIntervalS       = 3600
	MaxThinErrorM      = 1000
	LeastBytesPerDay   = 200_000 // a silent link alone takes 140,000, without TLS
	MaxSettingsLingerS = 600
)

// SettingsError says which of a unit's settings is wrong, and why.
type SettingsError struct {
	Field  string // as in JSON; "" the whole
	Reason string
}

// Error says field and reason.
func (e *SettingsError) Error() string {
	if e.Field == "" {
		return "settings: " + e.Reason
	}
	return e.Field + ": " + e.Reason
}

// ParseUnitSettings reads a JSON object of settings. Names that it does not know are wrong, and so is null: whoever wrote them
// meant something. The error is a *SettingsError.
func ParseUnitSettings(body []byte) (UnitSettings, error) {
	var s UnitSettings
	if len(body) > MaxSettingsBytes {
		return s, &SettingsError{Reason: fmt.Sprintf("%d bytes, at most %d", len(body), MaxSettingsBytes)}
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(body, &object); err != nil || object == nil {
		return s, &SettingsError{Reason: "not a JSON object"}
	}
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, name)
	}
	slices.Sort(names) // of several faults always the same is named
	for _, name := range names {
		if err := s.set(name, object[name]); err != nil {
			return UnitSettings{}, err
		}
	}
	return s, nil
}

func (s *UnitSettings) set(name string, value json.RawMessage) (err error) {
	switch name {
	case "interval_s":
		s.IntervalS, err = settingUpTo(name, value, MaxIntervalS)
	case "thin_error_m":
		s.ThinErrorM, err = settingUpTo(name, value, MaxThinErrorM)
	case "linger_s":
		s.LingerS, err = settingUpTo(name, value, MaxSettingsLingerS)
	case "hold":
		s.Hold, err = setting[bool](name, value, "true or false")
	case "max_bytes_per_day":
		s.MaxBytesPerDay, err = setting[uint64](name, value, "a whole number from 0 up")
		if err == nil && *s.MaxBytesPerDay > 0 && *s.MaxBytesPerDay < LeastBytesPerDay {
			err = &SettingsError{Field: name, Reason: fmt.Sprintf("%d is below %d, and 0 is no limit", *s.MaxBytesPerDay, LeastBytesPerDay)}
		}
	default:
		err = &SettingsError{Field: fmt.Sprintf("%.40s", name), Reason: "no such setting"}
	}
	return err
}

func settingUpTo(name string, value json.RawMessage, most float64) (*float64, error) {
	v, err := setting[float64](name, value, "a number")
	if err == nil && !(*v >= 0 && *v <= most) {
		return nil, &SettingsError{Field: name, Reason: fmt.Sprintf("%v is not in 0 to %v", *v, most)}
	}
	return v, err
}

func setting[T any](name string, value json.RawMessage, want string) (*T, error) {
	v := new(T)
	if bytes.Equal(value, []byte("null")) || json.Unmarshal(value, v) != nil {
		return nil, &SettingsError{Field: name, Reason: fmt.Sprintf("%.40s: want %s", value, want)}
	}
	return v, nil
}
