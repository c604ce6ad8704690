package geofence

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// AppendFeature appends the fence as a GeoJSON Feature, with its id and all properties that are set, and revision unless it is 0.
// ParseFeature reads it back to the same fence but for the revision. Coordinates are those of the lattice: what was
// given, rounded to 1e-7 degrees. The only error is for a fence without a shape.
func (f Fence) AppendFeature(dst []byte) ([]byte, error) {
	if f.Shape.kind == NoShape {
		return dst, fmt.Errorf("fence %s: %w", f.ID, errNoShape)
	}
	w := writer{dst}
	w.raw(`{"type":"Feature","id":`)
	w.text(f.ID)
	w.raw(`,"properties":{"name":`)
	w.text(f.Name)
	w.raw(`,"kind":`)
	w.text(string(f.Kind))
	w.property("speed_limit_mps", f.SpeedLimitMps)
	w.property("dwell_s", float64(f.Dwell.Milliseconds())/1000)
	switch f.Shape.kind {
	case CircleShape:
		w.property("radius_m", f.Shape.parts[0].reach)
	case CorridorShape:
		w.property("width_m", 2*f.Shape.parts[0].reach)
	}
	w.time("valid_from", f.ValidFrom)
	w.time("valid_until", f.ValidUntil)
	w.property("revision", float64(f.Revision))
	w.raw(`},"geometry":`)
	w.geometry(f.Shape)
	w.raw(`}`)
	return w.b, nil
}

var errNoShape = errors.New("no shape")

type writer struct{ b []byte }

func (w *writer) raw(s string) { w.b = append(w.b, s...) }

func (w *writer) text(s string) {
	b, err := json.Marshal(s)
	if err != nil { // cannot be: json.Marshal mends bad UTF-8
		b = []byte(`""`)
	}
	w.b = append(w.b, b...)
}

func (w *writer) number(v float64) { w.b = strconv.AppendFloat(w.b, v, 'f', -1, 64) }

func (w *writer) property(name string, v float64) {
	if v != 0 {
		w.raw(`,"` + name + `":`)
		w.number(v)
	}
}

func (w *writer) time(name string, t time.Time) {
	if !t.IsZero() {
		w.raw(`,"` + name + `":"`)
		w.b = t.UTC().AppendFormat(w.b, timeFormat)
		w.raw(`"`)
	}
}

// timeFormat is RFC 3339 with milliseconds, as everywhere in Dipper's JSON.
const timeFormat = "2006-01-02T15:04:05.000Z07:00"

func (w *writer) geometry(s Shape) {
	switch s.kind {
	case CircleShape:
		w.raw(`{"type":"Point","coordinates":`)
		w.position(&s.parts[0], s.parts[0].line[0])
	case CorridorShape:
		w.raw(`{"type":"LineString","coordinates":`)
		w.line(&s.parts[0], s.parts[0].line, false)
	case PolygonShape:
		w.raw(`{"type":"Polygon","coordinates":`)
		w.rings(&s.parts[0])
	case MultiShape:
		w.raw(`{"type":"MultiPolygon","coordinates":[`)
		for i := range s.parts {
			w.comma(i)
			w.rings(&s.parts[i])
		}
		w.raw(`]`)
	}
	w.raw(`}`)
}

func (w *writer) comma(i int) {
	if i > 0 {
		w.raw(`,`)
	}
}

func (w *writer) rings(q *part) {
	w.raw(`[`)
	for i, r := range q.rings {
		w.comma(i)
		w.line(q, r, true)
	}
	w.raw(`]`)
}

func (w *writer) line(q *part, line []vertex, closed bool) {
	w.raw(`[`)
	for i, v := range line {
		w.comma(i)
		w.position(q, v)
	}
	if closed {
		w.raw(`,`)
		w.position(q, line[0])
	}
	w.raw(`]`)
}

// position writes [lon, lat]. The east side of a part that ends at the 180° meridian is 180, not -180, as readers that know
// nothing of the short way round expect.
func (w *writer) position(q *part, v vertex) {
	x := int64(q.box.west) + int64(v.x)
	if x > halfTurn || x == halfTurn && q.box.width+int64(q.box.west) > halfTurn {
		x -= fullTurn
	}
	w.raw(`[`)
	w.number(float64(x) / unitsPerDegree)
	w.raw(`,`)
	w.number(float64(v.y) / unitsPerDegree)
	w.raw(`]`)
}
