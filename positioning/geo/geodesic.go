package geo

import "math"

// The WGS-84 ellipsoid: semi-major axis in metres and flattening, by definition; the semi-minor axis follows.
const (
	wgs84A = 6378137.0
	wgs84F = 1 / 298.257223563
	wgs84B = wgs84A * (1 - wgs84F)
)

const (
	// vincentyRounds is how often the longitude on the auxiliary sphere is improved. Five or six rounds do it but for points
	// opposite each other.
	vincentyRounds = 60
	// vincentyStep ends the rounds: 1e-13 rad is less than a micrometre.
	vincentyStep = 1e-13
	// midwaySamples is on how many places of the line between two opposite points the shortest way is looked for before the
	// search closes in. The length along it has two valleys.
	midwaySamples = 24
	// midwayRounds close in on it by the golden section, from 30° to 1e-4°: the length is flat at its lowest, and what is
	// left is below a micrometre.
	midwayRounds = 28
)

// Geodesic is the length in metres of the shortest way from a to b on the WGS-84 ellipsoid, for what is billed by distance;
// Distance takes a seventh of the time (BenchmarkGeodesic) and is within 0.3 %. It is good to a millimetre between any two places, opposite ones included.
// NaN for coordinates that are not finite.
//
// Source: T. Vincenty, Direct and inverse solutions of geodesics on the ellipsoid, Survey Review XXIII, 176 (1975). Why not
// Karney's method, and what is done where Vincenty's fails: docs/decisions/0005-geodesic.md.
func Geodesic(a, b Point) float64 {
	if m, ok := nearby(a, b); ok {
		return m
	}
	if m, ok := vincenty(a, b); ok {
		return m
	}
	return acrossMidway(a, b)
}

const (
	// nearbyDeg is up to which difference of latitude and of longitude, and nearbyLat up to which latitude, nearby is good to a
	// tenth of a millimetre (TestNearbyAgrees).
	nearbyDeg = 0.02
	nearbyLat = 80
)

// nearby is the length of a short way, in a tenth of the time: the way in the plane with the radii of curvature at the middle
// latitude, after Gauss. What is left out grows with the third power of the way.
//
// Source: Snyder, Map Projections, USGS 1395, equations 4-18 and 4-20.
func nearby(a, b Point) (metres float64, ok bool) {
	dLat, dLon := b.Lat-a.Lat, LonDelta(a.Lon, b.Lon)
	if !(math.Abs(dLat) <= nearbyDeg && math.Abs(dLon) <= nearbyDeg && math.Abs(a.Lat) <= nearbyLat) {
		return 0, false
	}
	const e2 = wgs84F * (2 - wgs84F)
	sin, cos := math.Sincos(radians(a.Lat + dLat/2))
	w2 := 1 - e2*sin*sin
	n := wgs84A / math.Sqrt(w2)
	north, east := radians(dLat)*n*(1-e2)/w2, radians(dLon)*n*cos
	return math.Sqrt(north*north + east*east), true
}

// reduced is the reduced latitude's sine and cosine.
func reduced(lat float64) (sin, cos float64) {
	if math.Abs(lat) == 90 { // tan is finite and enormous there, but the pole is exact
		return math.Copysign(1, lat), 0
	}
	return math.Sincos(math.Atan((1 - wgs84F) * math.Tan(radians(lat))))
}

// arc is a great circle's arc on the auxiliary sphere.
type arc struct {
	sinSigma, cosSigma, sigma float64 // its length
	cosSqAlpha                float64 // of its angle with the meridian where it crosses the equator
	cos2SigmaM                float64 // of twice the arc from the equator to its middle
}

// vincenty is the inverse solution; ok is false where it does not converge, which is for nearly opposite points.
func vincenty(a, b Point) (metres float64, ok bool) {
	sinU1, cosU1 := reduced(a.Lat)
	sinU2, cosU2 := reduced(b.Lat)
	l := radians(LonDelta(a.Lon, b.Lon))
	if math.IsNaN(l + sinU1 + sinU2) {
		return math.NaN(), true
	}
	lambda := l
	for range vincentyRounds {
		sinL, cosL := math.Sincos(lambda)
		var s arc
		s.sinSigma = math.Hypot(cosU2*sinL, cosU1*sinU2-sinU1*cosU2*cosL)
		s.cosSigma = sinU1*sinU2 + cosU1*cosU2*cosL
		if s.sinSigma == 0 {
			return 0, s.cosSigma > 0 // the same place, or the one exactly opposite
		}
		s.sigma = math.Atan2(s.sinSigma, s.cosSigma)
		sinAlpha := cosU1 * cosU2 * sinL / s.sinSigma
		s.cosSqAlpha = 1 - sinAlpha*sinAlpha
		if s.cosSqAlpha > 1e-15 { // else along the equator
			s.cos2SigmaM = s.cosSigma - 2*sinU1*sinU2/s.cosSqAlpha
		}
		c := wgs84F / 16 * s.cosSqAlpha * (4 + wgs84F*(4-3*s.cosSqAlpha))
		next := l + (1-c)*wgs84F*sinAlpha*(s.sigma+c*s.sinSigma*(s.cos2SigmaM+c*s.cosSigma*(2*s.cos2SigmaM*s.cos2SigmaM-1)))
		if math.Abs(next) > math.Pi {
			return 0, false // the far way round
		}
		if math.Abs(next-lambda) < vincentyStep {
			return s.metres(), true
		}
		lambda = next
	}
	return 0, false
}

// metres is the arc's length on the ellipsoid, Vincenty's series for A and B.
func (s arc) metres() float64 {
	u := s.cosSqAlpha * (wgs84A*wgs84A - wgs84B*wgs84B) / (wgs84B * wgs84B)
	a := 1 + u/16384*(4096+u*(-768+u*(320-175*u)))
	b := u / 1024 * (256 + u*(-128+u*(74-47*u)))
	m := s.cos2SigmaM
	delta := b * s.sinSigma * (m + b/4*(s.cosSigma*(2*m*m-1)-b/6*m*(4*s.sinSigma*s.sinSigma-3)*(4*m*m-3)))
	return wgs84B * a * (s.sigma - delta)
}

// acrossMidway is the distance of nearly opposite points. Every way between them crosses the great circle midway, at a place
// about a quarter of the earth from both, where vincenty is at its best; the shortest way is the shortest sum of two parts.
func acrossMidway(a, b Point) float64 {
	circle := midway(a, b)
	length := func(angle float64) float64 {
		m := circle(angle)
		first, ok1 := vincenty(a, m)
		second, ok2 := vincenty(m, b)
		if !ok1 || !ok2 {
			return math.Inf(1)
		}
		return first + second
	}
	const step = 2 * math.Pi / midwaySamples
	best, at := math.Inf(1), 0.0
	for i := range midwaySamples {
		if v := length(float64(i) * step); v < best {
			best, at = v, float64(i)*step
		}
	}
	const golden = 0.6180339887498949 // (sqrt(5)-1)/2
	lo, hi := at-step, at+step
	for range midwayRounds {
		x1, x2 := hi-golden*(hi-lo), lo+golden*(hi-lo)
		v1, v2 := length(x1), length(x2)
		if v1 < v2 {
			hi = x2
		} else {
			lo = x1
		}
		best = min(best, v1, v2)
	}
	return best
}

// midway gives the great circle whose places are as far from a as from b on a sphere, by an angle.
func midway(a, b Point) func(angle float64) Point {
	type vec [3]float64
	on := func(p Point) vec {
		sinLat, cosLat := math.Sincos(radians(p.Lat))
		sinLon, cosLon := math.Sincos(radians(p.Lon))
		return vec{cosLat * cosLon, cosLat * sinLon, sinLat}
	}
	unit := func(v vec) vec {
		n := math.Sqrt(v[0]*v[0] + v[1]*v[1] + v[2]*v[2])
		return vec{v[0] / n, v[1] / n, v[2] / n}
	}
	cross := func(u, v vec) vec {
		return vec{u[1]*v[2] - u[2]*v[1], u[2]*v[0] - u[0]*v[2], u[0]*v[1] - u[1]*v[0]}
	}
	p, q := on(a), on(b)
	axis := unit(vec{p[0] - q[0], p[1] - q[1], p[2] - q[2]}) // of the circle; not zero, for a and b are opposite
	other := vec{1, 0, 0}
	if math.Abs(axis[0]) > 0.9 {
		other = vec{0, 1, 0}
	}
	u := unit(cross(axis, other))
	v := cross(axis, u)
	return func(angle float64) Point {
		sin, cos := math.Sincos(angle)
		x, y, z := cos*u[0]+sin*v[0], cos*u[1]+sin*v[1], cos*u[2]+sin*v[2]
		return Point{Lat: math.Atan2(z, math.Hypot(x, y)) * 180 / math.Pi, Lon: math.Atan2(y, x) * 180 / math.Pi}
	}
}
