package geofence

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode"
	"unicode/utf8"

	"dipper/positioning/geo"
)

// ParseFeature reads a fence from a GeoJSON Feature (RFC 7946): Polygon, MultiPolygon, Point with the property radius_m, or
// LineString with width_m. The other properties are name, kind (gate, yard, berth, anchorage, corridor, zone; zone if absent),
// speed_limit_mps, dwell_s, valid_from and valid_until (RFC 3339), each optional and null like absent. Other members and
// properties are passed over, but for names that look like ours without their unit. A member "id" must be id. The fence has
// Revision 0: giving revisions is the store's part, and a property "revision" is passed over too.
//
// The error is an *InvalidError that names the field, the path to it, the reason and, where there is one, the place.
func ParseFeature(id string, data []byte, lim Limits) (Fence, error) {
	f, err := parseFeature(id, data, lim.withDefaults())
	if err != nil {
		return Fence{}, err
	}
	return f, nil
}

func parseFeature(id string, data []byte, lim Limits) (Fence, *InvalidError) {
	if err := CheckID(id); err != nil {
		return Fence{}, &InvalidError{Field: "id", Reason: err.Error()}
	}
	if len(data) > lim.MaxBytes {
		return Fence{}, invalid("", "%d bytes, at most %d", len(data), lim.MaxBytes)
	}
	doc, bad := decodeObject(data)
	if bad != nil {
		return Fence{}, bad
	}
	if bad := checkFeature(id, doc); bad != nil {
		return Fence{}, bad
	}
	f := Fence{ID: id}
	props, bad := readProperties(doc["properties"], &f)
	if bad != nil {
		return Fence{}, bad
	}
	f.Shape, bad = readGeometry(doc["geometry"], props, lim)
	if bad != nil {
		return Fence{}, bad
	}
	return f, nil
}

// CheckID says what is wrong with a fence's id, or nil: 1–64 characters, letters and digits of any script, and . _ - after the
// first.
func CheckID(id string) error {
	n := utf8.RuneCountInString(id)
	switch {
	case !utf8.ValidString(id):
		return fmt.Errorf("fence id %q is not UTF-8", id)
	case n == 0:
		return errors.New("fence id is empty")
	case n > 64:
		return fmt.Errorf("fence id %.16q… has %d characters, at most 64", id, n)
	}
	for i, r := range id {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || i > 0 && (r == '.' || r == '_' || r == '-') {
			continue
		}
		return fmt.Errorf("fence id %q: %q at byte %d is not a letter, a digit, or . _ - after the first", id, r, i)
	}
	return nil
}

func decodeObject(data []byte) (map[string]any, *InvalidError) {
	if !utf8.Valid(data) {
		return nil, invalid("", "not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		var syntax *json.SyntaxError
		switch {
		case errors.As(err, &syntax):
			return nil, invalid("", "not JSON: %v, at byte %d", err, syntax.Offset)
		case errors.Is(err, io.EOF):
			return nil, invalid("", "not JSON: it is empty")
		}
		return nil, invalid("", "not JSON: %v", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, invalid("", "more after the feature, at byte %d", dec.InputOffset())
	}
	doc, ok := v.(map[string]any)
	if !ok {
		return nil, invalid("", "want a GeoJSON Feature, not %s", describe(v))
	}
	return doc, nil
}

func checkFeature(id string, doc map[string]any) *InvalidError {
	field := func(name, format string, args ...any) *InvalidError {
		return invalid("", format, args...).within(name, name)
	}
	switch typ, ok := doc["type"].(string); {
	case !ok:
		return field("type", `want "Feature", not %s`, describe(doc["type"]))
	case typ == "FeatureCollection":
		return field("type", `a fence is one Feature, not a FeatureCollection: send its features one by one`)
	case typ == "Polygon" || typ == "MultiPolygon" || typ == "Point" || typ == "LineString":
		return field("type", `a bare geometry: put it into a Feature, {"type":"Feature","properties":{},"geometry":{"type":%q,…}}`, typ)
	case typ != "Feature":
		return field("type", `want "Feature", not %.40q`, typ)
	}
	if _, ok := doc["coordinates"]; ok {
		return field("coordinates", "a Feature has its coordinates in geometry")
	}
	switch v := doc["id"].(type) {
	case nil:
	case string:
		if v != id {
			return field("id", "%.80q is not the id of this fence, %q", v, id)
		}
	case json.Number:
		if v.String() != id {
			return field("id", "%s is not the id of this fence, %q", v, id)
		}
	default:
		return field("id", "want a string or a number, not %s", describe(v))
	}
	return checkDatum("crs", doc["crs"])
}

// checkDatum refuses coordinates that say that they are not WGS-84, as files of Chinese maps do: they would be half a
// kilometre off.
func checkDatum(path string, v any) *InvalidError {
	if m, ok := v.(map[string]any); ok { // GeoJSON 2008: {"type":"name","properties":{"name":"…"}}
		inner, _ := m["properties"].(map[string]any)
		v = inner["name"]
	}
	name, ok := v.(string)
	if !ok {
		return nil
	}
	switch name {
	case "", "WGS84", "WGS-84", "wgs84", "EPSG:4326", "urn:ogc:def:crs:OGC:1.3:CRS84", "urn:ogc:def:crs:OGC::CRS84", "urn:ogc:def:crs:EPSG::4326", "CGCS2000":
		return nil
	}
	return &InvalidError{Field: "crs", Path: path, Reason: fmt.Sprintf("coordinates must be WGS-84, not %.40q", name)}
}

func readGeometry(v any, p properties, lim Limits) (Shape, *InvalidError) {
	g, ok := v.(map[string]any)
	if !ok {
		return Shape{}, &InvalidError{Field: "geometry", Path: "geometry", Reason: "want a geometry object, not " + describe(v)}
	}
	typ, ok := g["type"].(string)
	if !ok {
		return Shape{}, &InvalidError{Field: "geometry", Path: "geometry.type", Reason: "want a string, not " + describe(g["type"])}
	}
	if bad := p.fit(typ); bad != nil {
		return Shape{}, bad
	}
	const path = "geometry.coordinates"
	s, err := shapeOf(typ, g["coordinates"], p, lim)
	var bad *InvalidError
	if !errors.As(err, &bad) {
		return s, nil
	}
	if bad.Field != "" {
		return Shape{}, bad
	}
	return Shape{}, bad.within("geometry", path)
}

// shapeOf makes the shape; paths in its error start below geometry.coordinates.
func shapeOf(typ string, coordinates any, p properties, lim Limits) (Shape, error) {
	switch typ {
	case "Polygon":
		rings, err := list(coordinates, "", "rings", readLine)
		if err != nil {
			return Shape{}, err
		}
		return NewPolygons([][][]geo.Point{rings}, lim)
	case "MultiPolygon":
		polygons, err := list(coordinates, "", "polygons", func(v any, path string) ([][]geo.Point, *InvalidError) {
			return list(v, path, "rings", readLine)
		})
		if err != nil {
			return Shape{}, err
		}
		s, bad := newPolygons(polygons, true, lim)
		if bad != nil {
			return Shape{}, bad
		}
		return s, nil
	case "Point":
		c, err := readPosition(coordinates, "")
		if err != nil {
			return Shape{}, err
		}
		return NewCircle(c, p.radiusM)
	case "LineString":
		line, err := readLine(coordinates, "")
		if err != nil {
			return Shape{}, err
		}
		return NewCorridor(line, p.widthM, lim)
	}
	return Shape{}, &InvalidError{Field: "geometry", Path: "geometry.type", Reason: fmt.Sprintf("want Polygon, MultiPolygon, Point or LineString, not %.40q", typ)}
}

func readLine(v any, path string) ([]geo.Point, *InvalidError) {
	return list(v, path, "positions", readPosition)
}

// list reads an array with a function for its elements.
func list[T any](v any, path, of string, read func(any, string) (T, *InvalidError)) ([]T, *InvalidError) {
	a, ok := v.([]any)
	if !ok {
		return nil, invalid(path, "want an array of %s, not %s", of, describe(v))
	}
	out := make([]T, 0, len(a))
	for i, e := range a {
		x, err := read(e, index(path, i))
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}

// readPosition reads [lon, lat] or [lon, lat, altitude].
func readPosition(v any, path string) (geo.Point, *InvalidError) {
	a, ok := v.([]any)
	if !ok {
		return geo.Point{}, invalid(path, "want a position [lon, lat], not %s", describe(v))
	}
	if len(a) < 2 || len(a) > 3 {
		return geo.Point{}, invalid(path, "want a position [lon, lat], not %d numbers", len(a))
	}
	var xy [2]float64
	for i := range xy {
		n, ok := a[i].(json.Number)
		if !ok {
			return geo.Point{}, invalid(index(path, i), "want a number, not %s", describe(a[i]))
		}
		f, err := strconv.ParseFloat(n.String(), 64)
		if err != nil {
			return geo.Point{}, invalid(index(path, i), "%.40s is not a finite number", n)
		}
		xy[i] = f
	}
	return geo.Point{Lon: xy[0], Lat: xy[1]}, nil
}

// describe names a JSON value for an error.
func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "null or nothing"
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		return fmt.Sprintf("the number %.40s", v)
	case string:
		return fmt.Sprintf("the string %.40q", v)
	case []any:
		return "an array"
	}
	return "an object"
}
