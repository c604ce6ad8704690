package stream

import (
	"math"

	"dipper/positioning/geo"
)

// extent is the smallest box around points that never crosses the 180° meridian: points on both sides of it make it span
// the earth, which costs a look some time and never a unit.
type extent struct{ west, south, east, north float64 }

// nowhere is the extent of no points.
var nowhere = extent{math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)}

func (e *extent) include(p geo.Point) {
	e.west, e.east = min(e.west, p.Lon), max(e.east, p.Lon)
	e.south, e.north = min(e.south, p.Lat), max(e.north, p.Lat)
}

// relation is how an extent lies to a view.
type relation uint8

const (
	apart relation = iota
	partly
	within
)

// in says how e lies to a view, which may cross the 180° meridian (West > East).
func (e extent) in(v geo.Box) relation {
	if e.north < v.South || e.south > v.North {
		return apart
	}
	var touches, inside bool
	if v.West <= v.East {
		touches = e.west <= v.East && e.east >= v.West
		inside = e.west >= v.West && e.east <= v.East
	} else {
		touches = e.east >= v.West || e.west <= v.East
		inside = e.west >= v.West || e.east <= v.East
	}
	switch {
	case !touches:
		return apart
	case inside && e.south >= v.South && e.north <= v.North:
		return within
	}
	return partly
}
