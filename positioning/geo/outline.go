package geo

// chinaBounds is a box around chinaOutline, to spare the rest of the world the search.
var chinaBounds = Box{West: 73.4, South: 17.9, East: 135.2, North: 53.7}

// InChina reports whether Chinese maps are shifted at p, a WGS-84 place: on the mainland and Hainan and in the sea off
// them, not in Hong Kong, Macao or Taiwan nor in any neighbour. Many programs take a box instead, which also holds
// Ulaanbaatar, Seoul and Hanoi.
//
// The line is good to a few kilometres on land, a kilometre around the large border crossings, and runs 16 km and more off
// the coast; in the Himalaya it is the line as held. See chinaOutline.
func InChina(p Point) bool {
	if !chinaBounds.Contains(p) {
		return false
	}
	inside := false
	for _, ring := range chinaOutline {
		if crossings(ring, p)%2 == 1 {
			inside = !inside
		}
	}
	return inside
}

// crossings is how many edges of a ring a line from p to the east crosses. An edge counts with its southern end and
// without its northern, so that a vertex on the line counts once.
func crossings(ring [][2]float64, p Point) int {
	n := 0
	from := ring[len(ring)-1]
	for _, to := range ring {
		if (from[1] > p.Lat) != (to[1] > p.Lat) && p.Lon < from[0]+(to[0]-from[0])*(p.Lat-from[1])/(to[1]-from[1]) {
			n++
		}
		from = to
	}
	return n
}
