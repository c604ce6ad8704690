package geofence

import (
	"time"

	"dipper/positioning"
	"dipper/positioning/geo"
)

// EventKind is what happened.
type EventKind string

const (
	Enter         EventKind = "enter"
	Exit          EventKind = "exit"
	InsideAtStart EventKind = "inside_at_start" // first sight of the vehicle, or of the fence, is inside: no border was crossed
	Dwell         EventKind = "dwell"
	Overspeed     EventKind = "overspeed"
)

// Event is one entry of the ledger. Its ID is a function of unit, fence, kind and the first fix that shows it, so the same
// track and fences give the same ids however and wherever they are decided. A correction keeps the ID and raises Revision.
type Event struct {
	ID            string
	Kind          EventKind
	Unit          string
	Fence         string
	FenceRevision uint64
	Time          time.Time // when it happened, interpolated between the fixes around it
	PlusMinusS    float64   // bound of Time in seconds
	Point         geo.Point // where, WGS-84
	Series        uint32    // with Seq: the first fix that shows it
	Seq           uint64
	FixTime       time.Time // the time of that fix
	Reason        string    // why a visit ended other than by leaving: "fence_changed", "fence_deleted"; else ""
	Revision      uint32    // 1 when first told; given by the ledger's keeper, not by Step
	Retracted     bool      // later data showed that it did not happen
}

// Observation is a numbered fix as the ledger sees it. Only accepted fixes are observed.
type Observation struct {
	Series uint32
	Seq    uint64
	Fix    positioning.Fix
}

// Visit is one stay of one vehicle in one fence that has not ended.
type Visit struct {
	Fence         string
	FenceRevision uint64
	Since         time.Time // the interpolated time of entry, or of the first fix for InsideAtStart
	PlusMinusS    float64
	AtStart       bool // the entry was not seen
}
