package geo

import "math"

// bd09Wave is the angular frequency of BD-09's ripple, per degree.
const bd09Wave = math.Pi * 3000 / 180

// BD-09's constant part, degrees.
const (
	bd09North = 0.006
	bd09East  = 0.0065
)

// ToBD09 brings a WGS-84 place to Baidu's coordinates: GCJ-02 and on top of it a shift of about 900 m, which unlike GCJ-02
// knows no border.
func ToBD09(p Point) Point { return baidu(ToGCJ02(p)) }

// FromBD09 is the WGS-84 place of Baidu's coordinates, to better than a millimetre but for the seam that FromGCJ02 has. The
// usual formula takes the shift at the wrong end and is 0.2 m off.
func FromBD09(p Point) Point { return FromGCJ02(inverse(p, baidu)) }

// baidu is the shift of BD-09 against GCJ-02. Source: as gcj02.go.
func baidu(p Point) Point {
	x, y := p.Lon, p.Lat
	r := math.Hypot(x, y) + 0.00002*math.Sin(y*bd09Wave)
	theta := math.Atan2(y, x) + 0.000003*math.Cos(x*bd09Wave)
	sin, cos := math.Sincos(theta)
	return Point{Lat: r*sin + bd09North, Lon: r*cos + bd09East}
}
