package receiver

import "sync/atomic"

// Counters are what happened in an Agent since it started. Every discard is in one of them or in the decoder's own
// (positioning.Stats). Safe for concurrent use.
type Counters struct {
	Bytes      atomic.Uint64 // read from the source
	Opened     atomic.Uint64 // times that the source was opened
	OpenFailed atomic.Uint64 // attempts to open it that failed
	Lost       atomic.Uint64 // times that the source was lost
	Fixes      atomic.Uint64 // that the decoder gave, refused ones included
	Spooled    atomic.Uint64 // fixes that have a number and are in the spool
	Standby    atomic.Uint64 // fixes of a receiver that was not in use
	Switches   atomic.Uint64 // times that another receiver came into use, the first included
	Thinned    atomic.Uint64 // fixes that the others explain
	Dropped    atomic.Uint64 // fixes that the spool refused; the spool counts what it drops itself

	Settings         atomic.Uint64 // settings of the centre that were put into force
	SettingsRefused  atomic.Uint64 // and those that were wrong
	FenceSets        atomic.Uint64 // sets of fences from the centre
	FencesUnreadable atomic.Uint64 // fences in them that were left out
	Notices          atomic.Uint64 // from the dispatcher
	Events           atomic.Uint64 // decided on board and told to the driver
	EventsDropped    atomic.Uint64 // of these, given up before the centre acknowledged them
	FilesDamaged     atomic.Uint64 // of what the centre told and what was decided
	SaveFailures     atomic.Uint64 // attempts to write them
}
