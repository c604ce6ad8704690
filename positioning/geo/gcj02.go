package geo

import "math"

// GCJ-02 and BD-09 are what Chinese base maps are drawn in: AMap, Tencent and Google's Chinese maps in GCJ-02, Baidu's in
// BD-09. Positions are shifted by 18 to 700 m against WGS-84. Dipper computes and stores WGS-84; these functions stand at its
// edges, where a point is drawn on such a map or a fence was drawn on one.
//
// Neither has an official publication. The formulas are the community's reconstruction, the same in every public program.
// Source: googollee/eviltransform and gcj-tool; constants and vectors in the reference page on geodesy.

const (
	// krasovskyA and krasovskyE2 are the axis in metres and the squared eccentricity that the shift is computed with, those
	// of Krasovsky's ellipsoid of 1940.
	krasovskyA  = 6378245.0
	krasovskyE2 = 0.00669342162296594323
	// gcjLat and gcjLon are the origin of the shift's polynomials, degrees.
	gcjLat, gcjLon = 35.0, 105.0
	// inverseStepDeg ends an inverse: 1e-11° is a micrometre. The shift changes by 0.4 % at most over its own length, so
	// each round gains two digits and more, and four or five are enough; maxInverseSteps is for inputs that are no place.
	inverseStepDeg  = 1e-11
	maxInverseSteps = 12
)

// ToGCJ02 shifts a WGS-84 place as Chinese maps do. Outside China (InChina) nothing is shifted.
func ToGCJ02(p Point) Point {
	if !InChina(p) {
		return p
	}
	return shifted(p)
}

// FromGCJ02 is the WGS-84 place that ToGCJ02 brings to p, to better than a millimetre. On the outline of China, ToGCJ02 leaves
// a seam as wide as the shift: there two places can come to the same point, and FromGCJ02 takes the one inside.
func FromGCJ02(p Point) Point {
	if !chinaBounds.Contains(p) { // the box is wider than the outline by more than any shift
		return p
	}
	if q := unshifted(p); InChina(q) {
		return q
	}
	return p
}

// shifted is GCJ-02's shift, whatever the place.
func shifted(p Point) Point {
	x, y := p.Lon-gcjLon, p.Lat-gcjLat
	short := (20*math.Sin(6*math.Pi*x) + 20*math.Sin(2*math.Pi*x)) * 2 / 3
	north := -100 + 2*x + 3*y + 0.2*y*y + 0.1*x*y + 0.2*math.Sqrt(math.Abs(x)) + short +
		(20*math.Sin(math.Pi*y)+40*math.Sin(math.Pi*y/3))*2/3 +
		(160*math.Sin(math.Pi*y/12)+320*math.Sin(math.Pi*y/30))*2/3
	east := 300 + x + 2*y + 0.1*x*x + 0.1*x*y + 0.1*math.Sqrt(math.Abs(x)) + short +
		(20*math.Sin(math.Pi*x)+40*math.Sin(math.Pi*x/3))*2/3 +
		(150*math.Sin(math.Pi*x/12)+300*math.Sin(math.Pi*x/30))*2/3
	sin := math.Sin(radians(p.Lat))
	w := 1 - krasovskyE2*sin*sin
	meridian := krasovskyA * (1 - krasovskyE2) / (w * math.Sqrt(w))
	parallel := krasovskyA / math.Sqrt(w) * math.Cos(radians(p.Lat))
	return Point{Lat: p.Lat + north*180/(meridian*math.Pi), Lon: p.Lon + east*180/(parallel*math.Pi)}
}

// unshifted inverts shifted: what the shift misses p by is taken off until nothing is left.
func unshifted(p Point) Point { return inverse(p, shifted) }

func inverse(p Point, forward func(Point) Point) Point {
	q := p
	for range maxInverseSteps {
		r := forward(q)
		dLat, dLon := r.Lat-p.Lat, r.Lon-p.Lon
		q.Lat, q.Lon = q.Lat-dLat, q.Lon-dLon
		if math.Abs(dLat) < inverseStepDeg && math.Abs(dLon) < inverseStepDeg {
			break
		}
	}
	return q
}
