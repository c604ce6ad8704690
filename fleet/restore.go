package fleet

import (
	"context"
	"time"
)

// Restorer puts back what an export took, with the numbers it had, where Commit and PutDocument would give numbers of their own. Both
// stores are one. It is for a store that nobody else uses meanwhile, and does not look at what is there.
type Restorer interface {
	// RestoreDocuments stores documents of a kind at their revisions.
	RestoreDocuments(ctx context.Context, kind string, docs []Document) error
	// RestoreUnitEvents adds events to a unit's and not to the log.
	RestoreUnitEvents(ctx context.Context, unit UnitID, events []EventRecord) error
	// RestoreLog appends entries to the log under their cursors, which ascend and are above all that are there.
	RestoreLog(ctx context.Context, entries []LogEntry) error
}

// StateSummary is what a stored state says to those who keep something beside the fleet: indexes, archives.
type StateSummary struct {
	Position Position  // without a cell if no fix counts yet
	Open     []string  // fences with an open visit, ascending
	First    time.Time // of the oldest fix that counts, whether or not the track still has it; zero: none counts
}

// Summarize reads a Record's State. The error wraps ErrStored.
func Summarize(unit UnitID, state []byte) (StateSummary, error) {
	v, err := decodeVehicle(state)
	if err != nil {
		return StateSummary{}, err
	}
	s := StateSummary{Position: v.position(unit), Open: v.openFences()}
	if v.last.Seq != 0 {
		s.First = timeOfMs(v.firstMs)
	}
	return s, nil
}
