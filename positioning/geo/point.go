package geo

import "math"

// Point is a place in WGS-84 degrees. The fields are named because the world does not agree on their order: GeoJSON and
// map libraries write [lon, lat].
type Point struct {
	Lat float64 // degrees, [-90, 90], north positive
	Lon float64 // degrees, [-180, 180], east positive
}

// Valid reports whether p is a finite place on the earth. It says nothing about 0,0, which is a real place; receivers that
// write it for "unknown" are caught in package positioning.
func (p Point) Valid() bool {
	return math.Abs(p.Lat) <= 90 && math.Abs(p.Lon) <= 180 // NaN fails both
}

// EarthRadiusM is the mean radius of the WGS-84 ellipsoid in metres, (2a+b)/3.
// Source: Moritz, Geodetic Reference System 1980.
const EarthRadiusM = 6371008.8

// Distance is the great-circle distance in metres on a sphere of EarthRadiusM. It is within 0.3 % of the distance on the
// ellipsoid, below what a receiver's error makes of any distance between two fixes.
func Distance(a, b Point) float64 {
	lat1, lat2 := radians(a.Lat), radians(b.Lat)
	sinLat := math.Sin((lat2 - lat1) / 2)
	sinLon := math.Sin(radians(LonDelta(a.Lon, b.Lon)) / 2)
	h := sinLat*sinLat + math.Cos(lat1)*math.Cos(lat2)*sinLon*sinLon
	return 2 * EarthRadiusM * math.Asin(math.Min(1, math.Sqrt(h)))
}

// Course is the initial great-circle course from a to b in degrees true, [0, 360). It is 0 where a equals b.
func Course(a, b Point) float64 {
	lat1, lat2 := radians(a.Lat), radians(b.Lat)
	dLon := radians(LonDelta(a.Lon, b.Lon))
	y := math.Sin(dLon) * math.Cos(lat2)
	x := math.Cos(lat1)*math.Sin(lat2) - math.Sin(lat1)*math.Cos(lat2)*math.Cos(dLon)
	deg := math.Atan2(y, x) * 180 / math.Pi
	if deg < 0 {
		deg += 360
	}
	if deg >= 360 { // -1e-17 + 360 rounds up
		return 0
	}
	return deg
}

// LonDelta is to-from in degrees the short way round, in [-180, 180).
func LonDelta(from, to float64) float64 {
	d := math.Mod(to-from, 360)
	switch {
	case d >= 180:
		return d - 360
	case d < -180:
		return d + 360
	}
	return d
}

func radians(deg float64) float64 { return deg * math.Pi / 180 }
