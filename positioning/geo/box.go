package geo

import (
	"fmt"
	"math"
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

// BoxAround is the smallest box that holds every place within a radius in metres of p, by Distance: the whole width of the
// earth if a pole is among them. p must be Valid and the radius not below 0.
func BoxAround(p Point, radiusM float64) Box {
	angle := radiusM / EarthRadiusM
	up := angle * 180 / math.Pi
	b := Box{West: -180, South: max(-90, p.Lat-up), East: 180, North: min(90, p.Lat+up)}
	if p.Lat-up <= -90 || p.Lat+up >= 90 {
		return b
	}
	// The circle reaches farthest east where a meridian touches it. Source: the right spherical triangle of pole, p and that place.
	side := math.Asin(math.Sin(angle)/math.Cos(radians(p.Lat))) * 180 / math.Pi
	b.West, b.East = p.Lon-side, p.Lon+side
	if b.West < -180 {
		b.West += 360
	}
	if b.East > 180 {
		b.East -= 360
	}
	return b
}

// Meets reports whether the way from p to q, straight in longitude and latitude and the short way round, has a place in b or
// on its edge.
func (b Box) Meets(p, q Point) bool {
	if b.Contains(p) || b.Contains(q) {
		return true
	}
	width := b.East - b.West
	if b.West > b.East {
		width += 360
	}
	const turn = 360
	x, dx := p.Lon-b.West, LonDelta(p.Lon, q.Lon)
	for _, shift := range [...]float64{-turn, 0, turn} { // the way may begin east of the box and reach it round the earth
		in, out := clip(x+shift, dx, 0, width, 0, 1)
		in, out = clip(p.Lat, q.Lat-p.Lat, b.South, b.North, in, out)
		if in <= out {
			return true
		}
	}
	return false
}

// clip narrows the stretch in..out of the way from x, in parts of dx, to where it is between low and high; in > out if nowhere.
func clip(x, dx, low, high, in, out float64) (from, to float64) {
	if dx == 0 {
		if x < low || x > high {
			return 1, 0
		}
		return in, out
	}
	t, u := (low-x)/dx, (high-x)/dx
	return max(in, min(t, u)), min(out, max(t, u))
}
