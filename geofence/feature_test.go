package geofence

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dipper/positioning/geo"
)

const squareRing = `[[120,36],[121,36],[121,37],[120,37],[120,36]]`

// feature is a Feature of a geometry and the inside of its properties.
func feature(geometry, properties string) string {
	return `{"type":"Feature","properties":{` + properties + `},"geometry":` + geometry + `}`
}

func polygon(rings string) string { return `{"type":"Polygon","coordinates":[` + rings + `]}` }

func TestParseFeature(t *testing.T) {
	f, err := ParseFeature("yard-1", []byte(`{"type":"Feature","id":"yard-1","bbox":[120,36,121,37],
		"properties":{"name":"前湾 Yard 1","kind":"yard","speed_limit_mps":8.5,"dwell_s":1800.5,"valid_from":"2026-11-23T12:00:00+08:00",
		"valid_until":"2027-01-01T00:00:00Z","revision":7,"stroke":"#f00"},
		"geometry":{"type":"Polygon","coordinates":[[[120,36],[121,36],[121,37],[120,37],[120,36]],[[120.4,36.4],[120.4,36.6],[120.6,36.6],[120.4,36.4]]]}}`), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if f.ID != "yard-1" || f.Name != "前湾 Yard 1" || f.Kind != Yard || f.SpeedLimitMps != 8.5 || f.Dwell != 1800500*time.Millisecond || f.Revision != 0 {
		t.Errorf("fence %+v", f)
	}
	if !f.ValidFrom.Equal(start) || f.ValidFrom.Location() != time.UTC || f.ValidUntil.Year() != 2027 {
		t.Errorf("valid from %v until %v", f.ValidFrom, f.ValidUntil)
	}
	if f.Shape.Kind() != PolygonShape || f.Shape.Vertices() != 7 || f.Shape.Box() != (geo.Box{West: 120, South: 36, East: 121, North: 37}) {
		t.Errorf("shape %v, %d vertices, box %+v", f.Shape.Kind(), f.Shape.Vertices(), f.Shape.Box())
	}

	plain, err := ParseFeature("x", []byte(`{"type":"Feature","properties":null,"geometry":`+polygon(squareRing)+`}`), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if plain.Kind != Zone || plain.Name != "" || plain.SpeedLimitMps != 0 || plain.Dwell != 0 || !plain.ValidFrom.IsZero() || !plain.ValidUntil.IsZero() {
		t.Errorf("defaults %+v", plain)
	}
}

func TestParseFeatureAccepts(t *testing.T) {
	tests := []struct{ name, doc string }{
		{"a circle", feature(`{"type":"Point","coordinates":[120,36]}`, `"radius_m":50`)},
		{"a position with altitude", feature(`{"type":"Point","coordinates":[120,36,12.5]}`, `"radius_m":50`)},
		{"a corridor", feature(`{"type":"LineString","coordinates":[[120,36],[120.1,36],[120.1,36.1]]}`, `"width_m":50`)},
		{"a corridor across itself", feature(`{"type":"LineString","coordinates":[[120,36],[120.1,36.1],[120.1,36],[120,36.1]]}`, `"width_m":50`)},
		{"two polygons", feature(`{"type":"MultiPolygon","coordinates":[[`+squareRing+`],[[[122,36],[123,36],[123,37],[122,36]]]]}`, ``)},
		{"two polygons that touch in a corner", feature(`{"type":"MultiPolygon","coordinates":[[`+squareRing+`],[[[121,37],[122,37],[122,38],[121,37]]]]}`, ``)},
		{"a polygon of several with one polygon", feature(`{"type":"MultiPolygon","coordinates":[[`+squareRing+`]]}`, ``)},
		{"clockwise", feature(polygon(`[[120,36],[120,37],[121,37],[121,36],[120,36]]`), ``)},
		{"a repeated point", feature(polygon(`[[120,36],[121,36],[121,36],[121,37],[120,37],[120,36]]`), ``)},
		{"across the antimeridian", feature(polygon(`[[179,-1],[-179,-1],[-179,1],[179,1],[179,-1]]`), ``)},
		{"closed with the other name of the antimeridian", feature(polygon(`[[180,-1],[-179,-1],[-179,1],[-180,-1]]`), ``)},
		{"the old way to say WGS-84", `{"type":"Feature","crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:OGC:1.3:CRS84"}},"properties":{"kind":null},"geometry":` + polygon(squareRing) + `}`},
		{"a hole that touches its polygon in a point", feature(polygon(squareRing+`,[[120,36],[120.5,36.2],[120.2,36.5],[120,36]]`), ``)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := ParseFeature("x", []byte(tt.doc), Limits{}); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestParseFeatureRefuses(t *testing.T) {
	point := `{"type":"Point","coordinates":[120,36]}`
	line := `{"type":"LineString","coordinates":[[120,36],[121,36]]}`
	at := func(lon, lat float64) *geo.Point { return &geo.Point{Lat: lat, Lon: lon} }
	tests := []struct {
		name, doc          string
		field, path, words string
		at                 *geo.Point
	}{
		// The document.
		{"nothing", ``, "", "", "empty", nil},
		{"not JSON", `{"type":`, "", "", "not JSON", nil},
		{"NaN", feature(`{"type":"Point","coordinates":[NaN,36]}`, `"radius_m":5`), "", "", "not JSON: invalid character 'N'", nil},
		{"not UTF-8", "{\"type\":\"\xff\"}", "", "", "UTF-8", nil},
		{"an array", `[]`, "", "", "not an array", nil},
		{"more after it", feature(point, `"radius_m":5`) + `{}`, "", "", "more after", nil},
		{"a collection", `{"type":"FeatureCollection","features":[]}`, "type", "type", "one by one", nil},
		{"a bare geometry", polygon(squareRing), "type", "type", "bare geometry", nil},
		{"no type", `{}`, "type", "type", "null or nothing", nil},
		{"another type", `{"type":"Topology"}`, "type", "type", "Topology", nil},
		{"another id", `{"type":"Feature","id":"y","geometry":` + point + `}`, "id", "id", `"y" is not`, nil},
		{"a strange id", `{"type":"Feature","id":{},"geometry":` + point + `}`, "id", "id", "not an object", nil},
		{"coordinates of the Feature", `{"type":"Feature","coordinates":[1,2]}`, "coordinates", "coordinates", "in geometry", nil},
		{"another datum", `{"type":"Feature","crs":{"properties":{"name":"EPSG:2381"}},"geometry":` + point + `}`, "crs", "crs", "EPSG:2381", nil},
		{"another datum by property", feature(point, `"radius_m":5,"crs":"GCJ-02"`), "crs", "properties.crs", "GCJ-02", nil},

		// Properties.
		{"properties of a wrong type", `{"type":"Feature","properties":[],"geometry":` + point + `}`, "properties", "properties", "an array", nil},
		{"an unknown kind", feature(point, `"kind":"dock","radius_m":5`), "kind", "properties.kind", `"dock"`, nil},
		{"a kind of a wrong type", feature(point, `"kind":5,"radius_m":5`), "kind", "properties.kind", "the number 5", nil},
		{"a long name", feature(point, `"radius_m":5,"name":"`+strings.Repeat("港", 201)+`"`), "name", "properties.name", "201 characters", nil},
		{"a name with a line break", feature(point, `"radius_m":5,"name":"a\nb"`), "name", "properties.name", "control character at byte 1", nil},
		{"a negative speed", feature(point, `"radius_m":5,"speed_limit_mps":-1`), "speed_limit_mps", "properties.speed_limit_mps", "negative", nil},
		{"a speed as a string", feature(point, `"radius_m":5,"speed_limit_mps":"30"`), "speed_limit_mps", "properties.speed_limit_mps", `the string "30"`, nil},
		{"a negative dwell", feature(point, `"radius_m":5,"dwell_s":-0.5`), "dwell_s", "properties.dwell_s", "negative", nil},
		{"an endless dwell", feature(point, `"radius_m":5,"dwell_s":1e300`), "dwell_s", "properties.dwell_s", "above", nil},
		{"an infinite dwell", feature(point, `"radius_m":5,"dwell_s":1e999`), "dwell_s", "properties.dwell_s", "finite", nil},
		{"a limit without its unit", feature(point, `"radius_m":5,"speed_limit":30`), "speed_limit", "properties.speed_limit", "speed_limit_mps", nil},
		{"no time", feature(point, `"radius_m":5,"valid_from":"tomorrow"`), "valid_from", "properties.valid_from", "RFC 3339", nil},
		{"until before from", feature(point, `"radius_m":5,"valid_from":"2026-11-23T00:00:00Z","valid_until":"2026-11-23T00:00:00Z"`), "valid_until", "properties.valid_until", "not after", nil},
		{"a Point without a radius", feature(point, ``), "radius_m", "properties.radius_m", "needs a radius", nil},
		{"a negative radius", feature(point, `"radius_m":-5`), "radius_m", "properties.radius_m", "negative", nil},
		{"no radius at all", feature(point, `"radius_m":0`), "radius_m", "properties.radius_m", "below", nil},
		{"a radius like the earth's", feature(point, `"radius_m":6371000`), "radius_m", "properties.radius_m", "above", nil},
		{"a LineString without a width", feature(line, ``), "width_m", "properties.width_m", "needs a width", nil},
		{"a negative width", feature(line, `"width_m":-5`), "width_m", "properties.width_m", "negative", nil},
		{"a Polygon with a radius", feature(polygon(squareRing), `"radius_m":5`), "radius_m", "properties.radius_m", "only a Point", nil},
		{"a Point with a width", feature(point, `"radius_m":5,"width_m":5`), "width_m", "properties.width_m", "only a LineString", nil},

		// The geometry.
		{"no geometry", `{"type":"Feature","geometry":null}`, "geometry", "geometry", "null or nothing", nil},
		{"a geometry without a type", `{"type":"Feature","geometry":{}}`, "geometry", "geometry.type", "null or nothing", nil},
		{"another geometry", feature(`{"type":"MultiPoint","coordinates":[]}`, ``), "geometry", "geometry.type", "MultiPoint", nil},
		{"no coordinates", feature(`{"type":"Polygon"}`, ``), "geometry", "geometry.coordinates", "array of rings", nil},
		{"no ring", feature(polygon(``), ``), "geometry", "geometry.coordinates", "without a ring", nil},
		{"no polygon", feature(`{"type":"MultiPolygon","coordinates":[]}`, ``), "geometry", "geometry.coordinates", "no polygon", nil},
		{"a ring of numbers", feature(polygon(`[1,2,3]`), ``), "geometry", "geometry.coordinates[0][0]", "position [lon, lat]", nil},
		{"a position of one number", feature(polygon(`[[1]]`), ``), "geometry", "geometry.coordinates[0][0]", "not 1 numbers", nil},
		{"a position of strings", feature(polygon(`[["120","36"]]`), ``), "geometry", "geometry.coordinates[0][0][0]", `the string "120"`, nil},
		{"a null in a position", feature(polygon(`[[120,null]]`), ``), "geometry", "geometry.coordinates[0][0][1]", "null", nil},
		{"infinite", feature(polygon(`[[1e999,36],[121,36],[121,37],[1e999,36]]`), ``), "geometry", "geometry.coordinates[0][0][0]", "finite", nil},
		{"a longitude out of range", feature(polygon(`[[120,36],[121,36],[181,37],[120,36]]`), ``), "geometry", "geometry.coordinates[0][2][0]", "-180..180", nil},
		{"a latitude out of range", feature(polygon(`[[120,36],[121,36],[121,91],[120,36]]`), ``), "geometry", "geometry.coordinates[0][2][1]", "-90..90", nil},
		{"latitude first", feature(polygon(`[[36,120],[36,121],[37,121],[36,120]]`), ``), "geometry", "geometry.coordinates[0][0][1]", "swapped", nil},
		{"two points", feature(polygon(`[[120,36],[121,36],[120,36]]`), ``), "geometry", "geometry.coordinates[0]", "at least 4 points", nil},
		{"an open ring", feature(polygon(`[[120,36],[121,36],[121,37],[120,37]]`), ``), "geometry", "geometry.coordinates[0][3]", "open", at(120, 37)},
		{"two different points", feature(polygon(`[[120,36],[121,36],[120,36],[120,36]]`), ``), "geometry", "geometry.coordinates[0]", "3 different points, not 2", nil},
		{"one point four times", feature(polygon(`[[120,36],[120,36],[120.00000001,36],[120,36]]`), ``), "geometry", "geometry.coordinates[0]", "3 different points, not 1", nil},
		{"on one line", feature(polygon(`[[120,36],[121,36],[122,36],[120,36]]`), ``), "geometry", "geometry.coordinates[0]", "no area", at(120, 36)},
		{"a bow tie", feature(polygon(`[[120,36],[121,37],[121,36],[120,37],[120,36]]`), ``), "geometry", "geometry.coordinates[0][0]", "meets the edge from point 2", at(120.5, 36.5)},
		{"a spike", feature(polygon(`[[120,36],[121,36],[122,36],[121,36],[121,37],[120,36]]`), ``), "geometry", "geometry.coordinates[0][0]", "itself", at(121, 36)},
		{"a crossing across the antimeridian", feature(polygon(`[[179.5,0],[-179.5,1],[-179.5,0],[179.5,1],[179.5,0]]`), ``), "geometry", "geometry.coordinates[0][0]", "itself", at(-180, 0.5)},
		{"a bow tie among several", feature(`{"type":"MultiPolygon","coordinates":[[`+squareRing+`],[[[122,36],[123,37],[123,36],[122,37],[122,36]]]]}`, ``), "geometry", "geometry.coordinates[1][0][0]", "itself", at(122.5, 36.5)},
		{"a hole outside", feature(polygon(squareRing+`,[[120.2,36.2],[120.2,38],[120.3,38],[120.2,36.2]]`), ``), "geometry", "geometry.coordinates[0][2]", "ring 1", at(120.2, 37)},
		{"a hole elsewhere", feature(polygon(squareRing+`,[[122,36.2],[122.1,36.2],[122.1,36.3],[122,36.2]]`), ``), "geometry", "geometry.coordinates[1]", "outside", at(122, 36.2)},
		{"a hole beyond, but in the box", feature(polygon(`[[120,36],[122,36],[120,38],[120,36]],[[121.8,37.8],[121.9,37.8],[121.9,37.9],[121.8,37.8]]`), ``), "geometry", "geometry.coordinates[1]", "outside", at(121.8, 37.8)},
		{"polygons that overlap", feature(`{"type":"MultiPolygon","coordinates":[[`+squareRing+`],[[[120.5,36.5],[122,36.5],[122,36.6],[120.5,36.5]]]]}`, ``), "geometry", "geometry.coordinates[1]", "polygon 0", at(121, 36.5)},
		{"a polygon in another", feature(`{"type":"MultiPolygon","coordinates":[[`+squareRing+`],[[[120.5,36.5],[120.6,36.5],[120.6,36.6],[120.5,36.5]]]]}`, ``), "geometry", "geometry.coordinates[1]", "overlaps polygon 0", at(120.5, 36.5)},
		{"round the pole", feature(polygon(`[[0,80],[60,80],[120,80],[180,80],[-120,80],[-60,80],[0,80]]`), ``), "geometry", "geometry.coordinates[0]", "pole", at(0, 80)},
		{"an edge round the world", feature(polygon(`[[-100,0],[100,0],[100,10],[-100,0]]`), ``), "geometry", "geometry.coordinates[0][0]", "160° of longitude", at(-100, 0)},
		{"too many vertices", feature(polygon(`[[120,36],[121,36],[121,37],[120.5,37],[120.2,37],[120.1,37],[120,37],[120,36.5],[120,36.2],[120,36]]`), ``), "geometry", "geometry.coordinates", "9 vertices, at most 8", nil},
		{"a line of one point", feature(`{"type":"LineString","coordinates":[[120,36],[120,36]]}`, `"width_m":5`), "geometry", "geometry.coordinates", "2 different points, not 1", nil},
		{"a line that is too long", feature(`{"type":"LineString","coordinates":[[1,1],[2,1],[3,1],[4,1],[5,1],[6,1],[7,1],[8,1],[9,1]]}`, `"width_m":5`), "geometry", "geometry.coordinates", "9 vertices, at most 8", nil},
		{"a circle at the pole", feature(`{"type":"Point","coordinates":[0,89.99]}`, `"radius_m":5000`), "geometry", "geometry.coordinates", "pole", at(0, 89.99)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseFeature("x", []byte(tt.doc), Limits{MaxVertices: 8})
			var bad *InvalidError
			if !errors.As(err, &bad) {
				t.Fatalf("error %v, want an InvalidError", err)
			}
			if bad.Field != tt.field || bad.Path != tt.path || !strings.Contains(bad.Reason, tt.words) {
				t.Errorf("field %q, path %q, reason %q\nwant %q, %q, … %q …", bad.Field, bad.Path, bad.Reason, tt.field, tt.path, tt.words)
			}
			if bad.HasAt != (tt.at != nil) || bad.HasAt && straight(bad.At, *tt.at) > 0.02 {
				t.Errorf("place %v %+v, want %+v", bad.HasAt, bad.At, tt.at)
			}
		})
	}
}

func TestParseFeatureBounds(t *testing.T) {
	doc := []byte(feature(polygon(squareRing), ``))
	if _, err := ParseFeature("x", doc, Limits{MaxBytes: len(doc) - 1}); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("too many bytes: %v", err)
	}
	for _, id := range []string{"", ".a", "a b", "a/b", strings.Repeat("x", 65), "\xff"} {
		var bad *InvalidError
		if _, err := ParseFeature(id, doc, Limits{}); !errors.As(err, &bad) || bad.Field != "id" {
			t.Errorf("id %q: %v", id, err)
		}
	}
	for _, id := range []string{"a", "前湾-1", "A.b_c-9", strings.Repeat("x", 64)} {
		if _, err := ParseFeature(id, doc, Limits{}); err != nil {
			t.Errorf("id %q: %v", id, err)
		}
	}
}

func TestInvalidErrorSaysWhere(t *testing.T) {
	_, err := ParseFeature("x", []byte(feature(polygon(`[[120,36],[121,37],[121,36],[120,37],[120,36]]`), ``)), Limits{})
	const want = "fence geometry.coordinates[0][0]: the ring crosses or touches itself: the edge from here meets the edge from point 2 (at lon 120.5000000, lat 36.5000000)"
	if err == nil || err.Error() != want {
		t.Errorf("error %v\nwant  %s", err, want)
	}
}

// anyFence draws a fence that ParseFeature can give, with a revision.
func anyFence(t *rapid.T) Fence {
	f := Fence{
		ID:            rapid.StringMatching(`[a-zA-Z0-9港][a-z._\-]{0,20}`).Draw(t, "id"),
		Name:          rapid.SampledFrom([]string{"", "Yard", `"quoted" <tag> & 前湾`, "e\u0301"}).Draw(t, "name"),
		Kind:          rapid.SampledFrom([]Kind{Gate, Yard, Berth, Anchorage, Corridor, Zone}).Draw(t, "kind"),
		SpeedLimitMps: rapid.SampledFrom([]float64{0, 8.333333333333334, 200}).Draw(t, "limit"),
		Dwell:         time.Duration(rapid.IntRange(0, 10_000_000).Draw(t, "dwell")) * time.Millisecond,
		Revision:      rapid.Uint64Range(1, 1<<40).Draw(t, "revision"),
	}
	if rapid.Bool().Draw(t, "from") {
		f.ValidFrom = start.Add(time.Duration(rapid.IntRange(0, 1e9).Draw(t, "ms")) * time.Millisecond)
	}
	if rapid.Bool().Draw(t, "until") {
		f.ValidUntil = start.AddDate(1, 0, 0)
	}
	var err error
	switch center := (geo.Point{Lat: 36, Lon: 179.9999}); rapid.IntRange(0, 3).Draw(t, "shape") {
	case 0:
		f.Shape, err = NewPolygons([][][]geo.Point{rings(t)}, Limits{})
	case 1:
		f.Shape, err = NewPolygons([][][]geo.Point{rings(t), {{{Lat: 50, Lon: 50}, {Lat: 50, Lon: 51}, {Lat: 51, Lon: 50}, {Lat: 50, Lon: 50}}}}, Limits{})
	case 2:
		f.Shape, err = NewCircle(center, rapid.Float64Range(1, 5000).Draw(t, "radius"))
	default:
		f.Shape, err = NewCorridor([]geo.Point{center, {Lat: 36.1, Lon: -179.9}}, rapid.Float64Range(2, 500).Draw(t, "width"), Limits{})
	}
	if err != nil {
		t.Skip("not valid:", err)
	}
	return f
}

// same compares fences by what they say.
func same(a, b Fence) error {
	s, t := fmt.Sprintf("%+v", a), fmt.Sprintf("%+v", b)
	if s != t {
		return fmt.Errorf("got  %s\nwant %s", s, t)
	}
	return nil
}

func TestFeatureRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := anyFence(t)
		doc, err := f.AppendFeature(nil)
		if err != nil {
			t.Fatal(err)
		}
		var j struct {
			ID         string
			Properties struct{ Revision uint64 }
		}
		if err := json.Unmarshal(doc, &j); err != nil || j.ID != f.ID || j.Properties.Revision != f.Revision {
			t.Fatalf("%v: %s", err, doc)
		}
		g, err := ParseFeature(f.ID, doc, Limits{})
		if err != nil {
			t.Fatalf("%v: %s", err, doc)
		}
		g.Revision = f.Revision
		if err := same(g, f); err != nil {
			t.Fatal(err)
		}
	})
}

func TestStorageRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := anyFence(t)
		b, err := MarshalFence(f)
		if err != nil {
			t.Fatal(err)
		}
		g, err := UnmarshalFence(b)
		if err != nil {
			t.Fatal(err)
		}
		if err := same(g, f); err != nil {
			t.Fatal(err)
		}
		cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut")
		if _, err := UnmarshalFence(b[:cut]); err == nil {
			t.Fatalf("%d of %d bytes were enough", cut, len(b))
		}
		if _, err := UnmarshalFence(append(b, 0)); err == nil {
			t.Fatal("a byte too many passed")
		}
	})
}

func TestFenceWithoutShape(t *testing.T) {
	if _, err := (Fence{ID: "x"}).AppendFeature(nil); err == nil {
		t.Error("AppendFeature of no shape gave no error")
	}
	if _, err := MarshalFence(Fence{ID: "x"}); err == nil {
		t.Error("MarshalFence of no shape gave no error")
	}
}

func TestConstructorsRefuse(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	p := yardCenter
	for name, err := range map[string]error{
		"NaN radius":     second(NewCircle(p, nan)),
		"endless radius": second(NewCircle(p, inf)),
		"NaN center":     second(NewCircle(geo.Point{Lat: nan}, 5)),
		"endless center": second(NewCircle(geo.Point{Lon: inf}, 5)),
		"NaN width":      second(NewCorridor([]geo.Point{p, offset(p, 1, 1)}, nan, Limits{})),
		"no line":        second(NewCorridor(nil, 5, Limits{})),
		"no polygon":     second(NewPolygons(nil, Limits{})),
		"NaN vertex":     second(NewPolygons([][][]geo.Point{{{p, {Lat: nan}, p, p}}}, Limits{})),
	} {
		var bad *InvalidError
		if !errors.As(err, &bad) {
			t.Errorf("%s: %v, want an InvalidError", name, err)
		}
	}
}

func second(_ Shape, err error) error { return err }
