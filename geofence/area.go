package geofence

import (
	"math"

	"dipper/positioning/geo"
)

// ParseShape reads a shape that somebody asks about: a GeoJSON Feature as ParseFeature takes it, whatever its id, or a bare
// Polygon or MultiPolygon. The error is an *InvalidError.
func ParseShape(data []byte, lim Limits) (Shape, error) {
	s, err := parseShape(data, lim.withDefaults())
	if err != nil {
		return Shape{}, err
	}
	return s, nil
}

func parseShape(data []byte, lim Limits) (Shape, *InvalidError) {
	if len(data) > lim.MaxBytes {
		return Shape{}, invalid("", "%d bytes, at most %d", len(data), lim.MaxBytes)
	}
	doc, bad := decodeObject(data)
	if bad != nil {
		return Shape{}, bad
	}
	if typ := doc["type"]; typ == "Polygon" || typ == "MultiPolygon" {
		if bad := checkDatum("crs", doc["crs"]); bad != nil {
			return Shape{}, bad
		}
		return readGeometry(doc, properties{radiusM: math.NaN(), widthM: math.NaN()}, lim)
	}
	delete(doc, "id")
	if bad := checkFeature("", doc); bad != nil {
		return Shape{}, bad
	}
	var f Fence
	props, bad := readProperties(doc["properties"], &f)
	if bad != nil {
		return Shape{}, bad
	}
	return readGeometry(doc["geometry"], props, lim)
}

// Meets reports whether the way from p to q, straight in longitude and latitude and the short way round the earth, has a place
// in the shape. Of a circle or corridor it may miss a stretch that is shorter than 5 cm or 1/500 of the way.
func (s Shape) Meets(p, q geo.Point) bool {
	if !p.Valid() || !q.Valid() {
		return false
	}
	a, b := placeOf(p), placeOf(q)
	if s.contains(a) || s.contains(b) {
		return true
	}
	_, meets := s.passes(a, b, func(float64) float64 { return math.Inf(-1) })
	return meets
}
