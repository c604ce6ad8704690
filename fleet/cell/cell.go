package cell

import (
	"strconv"

	"github.com/uber/h3-go/v4"

	"dipper/positioning/geo"
)

// ID is an H3 cell. The zero ID is no cell.
type ID uint64

// Working is the one resolution at which vehicles are indexed: cells of about 5 km² and 1.4 km edge, a port's size. Coarser
// cells are always derived from it by parent, never computed from the position, since the two disagree for 6–7 % of points.
const Working = 7

// Directory is the coarser resolution (cells of about 12,000 km²) by which occupied working cells are listed, so that a view of a
// continent need not name a million working cells.
const Directory = 3

// Area is the resolution (cells of about 87,000 km², the size of a province) at which nodes tell each other where units are: a node hears of
// the areas that its viewers look at. Finer ones would cut what a node hears for nothing, and make more messages; 5,882 are
// few enough to hear of all. Source: docs/decisions/0006-live-positions-between-nodes.md.
const Area = 2

// FromPoint is the working cell of a place; 0 for a place that is not on the earth, which H3 itself would take.
//
// It costs about 0.9 µs (BenchmarkFromPoint) and is asked once for the last position of a batch, not for every fix: 2 % of what
// accepting a batch of ten costs. A test whether the position is still near the centre of its old cell was measured and is
// not here: it saves that and needs 24 bytes more for every unit in memory.
func FromPoint(p geo.Point) ID {
	if !p.Valid() {
		return 0
	}
	c, err := h3.LatLngToCell(h3.LatLng{Lat: p.Lat, Lng: p.Lon}, Working)
	if err != nil {
		return 0
	}
	return ID(c)
}

// Center is the middle of a cell. It means nothing for an ID that is not valid.
func Center(c ID) geo.Point {
	l, err := h3.Cell(c).LatLng()
	if err != nil {
		return geo.Point{}
	}
	return geo.Point{Lat: l.Lat, Lon: l.Lng}
}

// IsValid reports whether c is a cell of the earth, at whatever resolution.
func IsValid(c ID) bool { return h3.Cell(c).IsValid() }

// String is the cell as H3 writes it: hexadecimal, 15 digits.
func (c ID) String() string { return strconv.FormatUint(uint64(c), 16) }

// The bits of an ID, from the top: a zero, mode (4, 1 for a cell), 3 zeros, resolution (4), base cell (7), and 15 digits of 3 bits,
// the coarsest first, 7 where the resolution ends.
// Source: H3 documentation, "Indexing", "H3Index bit layout".
const (
	resolutionShift = 52
	resolutionMask  = 0xf << resolutionShift
	baseShift       = 45
	digitBits       = 3
	digitMask       = 1<<digitBits - 1
	maxResolution   = 15
)

// Resolution is that of c, 0–15.
func Resolution(c ID) int { return int(c & resolutionMask >> resolutionShift) }

// Parent is the cell above c at a coarser resolution; c itself at its own, and 0 at a finer one or below 0. It takes about
// 1 ns, a sixtieth of h3-go's.
func Parent(c ID, resolution int) ID {
	if resolution < 0 || resolution > Resolution(c) {
		return 0
	}
	unused := ID(1)<<digitShift(resolution) - 1
	return c&^resolutionMask | ID(resolution)<<resolutionShift | unused
}

// digitShift is how far the digit of a resolution lies from the bottom.
func digitShift(resolution int) int { return digitBits * (maxResolution - resolution) }
