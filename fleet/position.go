package fleet

import (
	"time"

	"dipper/fleet/cell"
	"dipper/positioning/geo"
)

// Position is where a unit was last: what the map shows and the cell index holds.
type Position struct {
	Unit      UnitID
	Time      time.Time // of the fix, UTC
	Point     geo.Point // WGS-84
	SpeedMps  float64   // NaN unknown
	CourseDeg float64   // NaN unknown
	ErrM      float64   // 1 sigma, NaN unknown
	Series    uint32    // with Seq: the fix
	Seq       uint64
	Cell      cell.ID // at cell.Working
}
