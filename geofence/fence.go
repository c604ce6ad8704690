package geofence

import "time"

// Kind is what a fence is to a port or a dispatcher.
type Kind string

const (
	Gate      Kind = "gate"
	Yard      Kind = "yard"
	Berth     Kind = "berth"
	Anchorage Kind = "anchorage"
	Corridor  Kind = "corridor"
	Zone      Kind = "zone"
)

// Fence is one revision of a place with rules. It is a value: an edit makes a new revision, and the old one ends.
type Fence struct {
	ID            string // 1–64 characters, unique among fences
	Name          string // for people; may be empty
	Kind          Kind
	Shape         Shape
	SpeedLimitMps float64       // metres per second; 0 no limit
	Dwell         time.Duration // a stay this long gives a dwell event; 0 none
	Revision      uint64        // 1, 2, 3 … per ID, given by the store of fences
	ValidFrom     time.Time     // fix time from which the revision counts; zero: always
	ValidUntil    time.Time     // fix time at which it stops counting (exclusive); zero: still counts
}
