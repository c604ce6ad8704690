package geo

import (
	"fmt"
	"strconv"
	"strings"
)

// Box is a rectangle of degrees with its edges included. West > East means that it crosses the 180° meridian.
type Box struct {
	West, South, East, North float64
}

// ParseBox reads "w,s,e,n", as in GeoJSON's bbox and the API's bbox parameter. The error names the part that is wrong.
func ParseBox(s string) (Box, error) {
	parts := strings.Split(s, ",")
	if len(parts) != 4 {
		return Box{}, fmt.Errorf("bbox %q: want four numbers west,south,east,north", s)
	}
	var v [4]float64
	for i, name := range [...]string{"west", "south", "east", "north"} {
		f, err := strconv.ParseFloat(strings.TrimSpace(parts[i]), 64)
		if err != nil {
			return Box{}, fmt.Errorf("bbox %s %q: not a number", name, parts[i])
		}
		v[i] = f
	}
	b := Box{West: v[0], South: v[1], East: v[2], North: v[3]}
	return b, b.Check()
}

// Check says what is wrong with b, or nil: longitudes in [-180, 180], latitudes in [-90, 90], South <= North, all finite.
func (b Box) Check() error {
	switch {
	case !(b.West >= -180 && b.West <= 180):
		return fmt.Errorf("bbox west %v: not in -180..180", b.West)
	case !(b.East >= -180 && b.East <= 180):
		return fmt.Errorf("bbox east %v: not in -180..180", b.East)
	case !(b.South >= -90 && b.South <= 90):
		return fmt.Errorf("bbox south %v: not in -90..90", b.South)
	case !(b.North >= -90 && b.North <= 90):
		return fmt.Errorf("bbox north %v: not in -90..90", b.North)
	case b.South > b.North:
		return fmt.Errorf("bbox south %v: is north of %v", b.South, b.North)
	}
	return nil
}

// Contains reports whether p lies in b or on its edge.
func (b Box) Contains(p Point) bool {
	if p.Lat < b.South || p.Lat > b.North {
		return false
	}
	if b.West <= b.East {
		return p.Lon >= b.West && p.Lon <= b.East
	}
	return p.Lon >= b.West || p.Lon <= b.East
}
