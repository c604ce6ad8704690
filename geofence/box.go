package geofence

import "dipper/positioning/geo"

// box is a rectangle on the lattice that may cross the 180° meridian: from west, width units to the east, edges included.
type box struct {
	west         int32
	width        int64 // [0, fullTurn)
	south, north int32
}

// frame is the longitude of p in units from the west side: within [0, width] inside the box; outside it, negative on the
// west and more on the east, whichever side is nearer.
func (b box) frame(p place) int64 {
	dx := eastOf(b.west, p.x)
	if dx > b.width && fullTurn-dx < dx-b.width {
		return dx - fullTurn
	}
	return dx
}

func (b box) meets(c box) bool {
	return b.south <= c.north && c.south <= b.north &&
		(eastOf(b.west, c.west) <= b.width || eastOf(c.west, b.west) <= c.width)
}

// union is the smaller of the two boxes around b and c that start at the west side of one of them.
func (b box) union(c box) box {
	u, v := b.extend(c), c.extend(b)
	if v.width < u.width {
		return v
	}
	return u
}

// extend is b made wider to the east, and higher, until it covers c.
func (b box) extend(c box) box {
	d := eastOf(b.west, c.west)
	return box{west: b.west, width: min(max(b.width, d+c.width), fullTurn-1), south: min(b.south, c.south), north: max(b.north, c.north)}
}

func (b box) geoBox() geo.Box {
	west := place{x: b.west, y: b.south}.point()
	e := int64(b.west) + b.width
	if e > halfTurn {
		e -= fullTurn
	}
	return geo.Box{West: west.Lon, South: west.Lat, East: float64(e) / unitsPerDegree, North: float64(b.north) / unitsPerDegree}
}

// boxOf is the box around the straight way from p to q.
func boxOf(p, q place) box {
	d := lonStep(p.x, q.x)
	b := box{west: p.x, width: d, south: min(p.y, q.y), north: max(p.y, q.y)}
	if d < 0 {
		b.west, b.width = q.x, -d
	}
	return b
}
