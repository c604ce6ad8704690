package geofence

import "time"

// The ledger's rules in numbers.
const (
	// UnknownErrM stands in for a fix that does not know its error: HDOP 1 at 5 m a satellite.
	UnknownErrM = 5.0

	// MovingBand and ParkedBand are the half width of the band along a border in errors (1 sigma) of the fix. A parked vehicle crosses
	// no border, so it needs the stronger proof: noise that goes beyond 5 sigma on both sides within a night is no noise.
	MovingBand = 3.0
	ParkedBand = 5.0
	// The band's bounds in metres. Receivers at rest wander by metres that their own estimate does not show; and a bad fix must
	// not keep a vehicle inside for ever.
	MinMovingBandM = 3.0
	MinParkedBandM = 10.0
	MaxBandM       = 50.0
	// EnterShare bounds the inner side of the band to a share of Shape.ReachM, so that a gate a few metres deep can be entered
	// at all. The outer side has room and needs no bound.
	EnterShare = 0.5

	// MovingMps is the speed over ground from which a vehicle moves. If the fix does not say, it is taken from the way since the last
	// fix, less what the errors of the two explain.
	MovingMps = 1.0

	// Patience opens a visit without the band being passed: after PatienceFixes or more in a row inside, over at least this time.
	// It is for trucks that park along the fence. Nothing closes a visit but the band, so that a vehicle on the line makes
	// one visit at most.
	Patience      = time.Minute
	PatienceFixes = 3

	// MaxPassGap is the longest time between two fixes, both outside, for which a visit is told because the straight way between
	// them went through the fence. 30 s at 80 km/h is 667 m; after longer silence the way is anybody's guess.
	MaxPassGap = 2 * time.Minute

	// BoundErrors is how many errors of a fix the bound of an event's time allows for.
	BoundErrors = 2.0

	// OverspeedFixes in a row above the limit, all in the fence, make an overspeed event.
	OverspeedFixes = 2
)

// Reasons of an Exit that is not a crossing of the border.
const (
	ReasonChanged = "fence_changed" // the next revision counts; if the vehicle is in that too, an InsideAtStart follows
	ReasonDeleted = "fence_deleted" // the fence was deleted, or its validity ended, and no other revision counts
)

// Band is the half width in metres of the band along a border within which a fix with this error proves nothing.
func Band(errM float64, moving bool) float64 {
	if moving {
		return min(max(MovingBand*errM, MinMovingBandM), MaxBandM)
	}
	return min(max(ParkedBand*errM, MinParkedBandM), MaxBandM)
}
