package geofence

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Bounds of what a feature's properties say.
const (
	MaxName          = 200 // characters
	MaxSpeedLimitMps = 200.0
	MaxDwell         = 366 * 24 * time.Hour
)

// properties are those that belong to the geometry. NaN: absent.
type properties struct {
	radiusM, widthM float64
}

// misnamed are names that look like ours without the unit, or with another: a limit that silently does not hold is worse
// than a refusal.
var misnamed = map[string]string{
	"radius": "radius_m", "radius_km": "radius_m", "width": "width_m", "width_km": "width_m",
	"speed_limit": "speed_limit_mps", "speed_limit_kmh": "speed_limit_mps", "speed_limit_kn": "speed_limit_mps", "maxspeed": "speed_limit_mps",
	"dwell": "dwell_s", "dwell_min": "dwell_s", "dwell_minutes": "dwell_s", "validFrom": "valid_from", "validUntil": "valid_until",
}

// readProperties sets all of f but id and shape.
func readProperties(v any, f *Fence) (properties, *InvalidError) {
	r := reader{}
	if v != nil {
		m, ok := v.(map[string]any)
		if !ok {
			return properties{}, &InvalidError{Field: "properties", Path: "properties", Reason: "want an object, not " + describe(v)}
		}
		r.m = m
	}
	for _, name := range slices.Sorted(maps.Keys(r.m)) {
		if right, ok := misnamed[name]; ok {
			r.refuse(name, "the name of this property is %s", right)
		}
	}
	if bad := checkDatum("properties.crs", r.m["crs"]); bad != nil {
		return properties{}, bad
	}
	f.Name = r.name("name")
	f.Kind = r.kind("kind")
	if f.SpeedLimitMps = r.number("speed_limit_mps", 0, MaxSpeedLimitMps); math.IsNaN(f.SpeedLimitMps) {
		f.SpeedLimitMps = 0
	}
	if d := r.number("dwell_s", 0, MaxDwell.Seconds()); !math.IsNaN(d) {
		f.Dwell = time.Duration(math.Round(d*1000)) * time.Millisecond
	}
	f.ValidFrom, f.ValidUntil = r.time("valid_from"), r.time("valid_until")
	if !f.ValidFrom.IsZero() && !f.ValidUntil.IsZero() && !f.ValidUntil.After(f.ValidFrom) {
		r.refuse("valid_until", "%s is not after valid_from, %s", f.ValidUntil.Format(time.RFC3339Nano), f.ValidFrom.Format(time.RFC3339Nano))
	}
	p := properties{radiusM: r.number("radius_m", MinReachM, MaxReachM), widthM: r.number("width_m", 2*MinReachM, 2*MaxReachM)}
	return p, r.bad
}

// fit says whether the properties go with the type of geometry.
func (p properties) fit(typ string) *InvalidError {
	bad := func(name, reason string) *InvalidError {
		return &InvalidError{Field: name, Path: "properties." + name, Reason: reason}
	}
	switch {
	case typ == "Point" && math.IsNaN(p.radiusM):
		return bad("radius_m", "a Point needs a radius in metres")
	case typ == "LineString" && math.IsNaN(p.widthM):
		return bad("width_m", "a LineString needs a width in metres")
	case typ != "Point" && !math.IsNaN(p.radiusM):
		return bad("radius_m", fmt.Sprintf("only a Point has a radius, not a %.40s", typ))
	case typ != "LineString" && !math.IsNaN(p.widthM):
		return bad("width_m", fmt.Sprintf("only a LineString has a width, not a %.40s", typ))
	}
	return nil
}

// reader takes typed values out of properties and keeps the first that is wrong.
type reader struct {
	m   map[string]any
	bad *InvalidError
}

func (r *reader) refuse(name, format string, args ...any) {
	if r.bad == nil {
		r.bad = &InvalidError{Field: name, Path: "properties." + name, Reason: fmt.Sprintf(format, args...)}
	}
}

func (r *reader) text(name string) (string, bool) {
	v := r.m[name]
	if v == nil {
		return "", false
	}
	s, ok := v.(string)
	if !ok {
		r.refuse(name, "want a string, not %s", describe(v))
	}
	return s, ok
}

func (r *reader) name(name string) string {
	s, _ := r.text(name)
	if n := utf8.RuneCountInString(s); n > MaxName {
		r.refuse(name, "%d characters, at most %d", n, MaxName)
	}
	if i := strings.IndexFunc(s, unicode.IsControl); i >= 0 {
		r.refuse(name, "a control character at byte %d", i)
	}
	return s
}

func (r *reader) kind(name string) Kind {
	s, ok := r.text(name)
	if !ok {
		return Zone
	}
	k := Kind(s)
	if !k.valid() {
		r.refuse(name, "want gate, yard, berth, anchorage, corridor or zone, not %.40q", s)
	}
	return k
}

func (k Kind) valid() bool {
	switch k {
	case Gate, Yard, Berth, Anchorage, Corridor, Zone:
		return true
	}
	return false
}

// number is NaN where the property is absent or wrong.
func (r *reader) number(name string, least, most float64) float64 {
	v := r.m[name]
	if v == nil {
		return math.NaN()
	}
	n, ok := v.(json.Number)
	if !ok {
		r.refuse(name, "want a number, not %s", describe(v))
		return math.NaN()
	}
	f, err := strconv.ParseFloat(n.String(), 64)
	switch {
	case err != nil:
		r.refuse(name, "%.40s is not a finite number", n)
	case f < 0:
		r.refuse(name, "%.40s is negative", n)
	case f < least:
		r.refuse(name, "%.40s is below %v", n, least)
	case f > most:
		r.refuse(name, "%.40s is above %v", n, most)
	default:
		return f
	}
	return math.NaN()
}

// time is zero where the property is absent or wrong; to the millisecond.
func (r *reader) time(name string) time.Time {
	s, ok := r.text(name)
	if !ok {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || t.Year() < 1 || t.UTC().Year() < 1 || t.UTC().Year() > 9999 {
		r.refuse(name, "want a time as in RFC 3339, 2026-11-23T04:05:06Z, not %.40q", s)
		return time.Time{}
	}
	t = t.UTC().Truncate(time.Millisecond)
	if t.IsZero() {
		r.refuse(name, "%.40q stands for no time at all: leave it out", s)
	}
	return t
}
