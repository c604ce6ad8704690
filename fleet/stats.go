package fleet

import "sync/atomic"

// Stats is what a Fleet has done since it was made.
type Stats struct {
	Batches         uint64 // given to Accept and durable when it returned
	Fixes           uint64 // new among them, stored
	Duplicates      uint64 // held already
	RefusedBatches  uint64 // that no store should take: bad numbers, times or places
	FutureFixes     uint64 // later than the clock allows: stored as refused
	LateBatches     uint64 // with a fix older than the last position: decided again from a checkpoint
	RedecidedFixes  uint64 // shown to the ledger again for that
	UndecidedFixes  uint64 // late, and stored only, because what was stored before cannot be read
	ForgottenSeries uint64 // whose held numbers were forgotten, since the unit began too many
	ForgottenRuns   uint64 // of held numbers, since a series had too many
	Events          uint64 // told for the first time
	CorrectedEvents uint64 // told again with a higher revision
	RetractedEvents uint64
	Commits         uint64 // calls of the store
	Steps           uint64 // committed
	Conflicts       uint64 // decided again because another node was faster
	Unavailable     uint64 // batches refused because the store was
	WentBack        uint64 // units of which the store had an earlier state than it said before: it lost acknowledged fixes
	StateLoads      uint64 // from the store
	Rebuilds        uint64 // states that could not be read and were made anew from the track
	CachedUnits     uint64 // now
	FenceChanges    uint64 // by this node
	BadFences       uint64 // that cannot be read now
}

// counters are the Stats that grow by themselves.
type counters struct {
	batches, fixes, duplicates, refusedBatches, futureFixes atomic.Uint64
	lateBatches, redecidedFixes, undecidedFixes             atomic.Uint64
	forgottenSeries, forgottenRuns                          atomic.Uint64
	events, correctedEvents, retractedEvents                atomic.Uint64
	commits, steps, conflicts, unavailable                  atomic.Uint64
	wentBack, stateLoads, rebuilds                          atomic.Uint64
	fenceChanges, badFences                                 atomic.Uint64
}

// Stats gives the present counts.
func (f *Fleet) Stats() Stats {
	c := &f.stats
	return Stats{
		Batches: c.batches.Load(), Fixes: c.fixes.Load(), Duplicates: c.duplicates.Load(),
		RefusedBatches: c.refusedBatches.Load(), FutureFixes: c.futureFixes.Load(),
		LateBatches: c.lateBatches.Load(), RedecidedFixes: c.redecidedFixes.Load(), UndecidedFixes: c.undecidedFixes.Load(),
		ForgottenSeries: c.forgottenSeries.Load(), ForgottenRuns: c.forgottenRuns.Load(),
		Events: c.events.Load(), CorrectedEvents: c.correctedEvents.Load(), RetractedEvents: c.retractedEvents.Load(),
		Commits: c.commits.Load(), Steps: c.steps.Load(), Conflicts: c.conflicts.Load(), Unavailable: c.unavailable.Load(),
		WentBack: c.wentBack.Load(), StateLoads: c.stateLoads.Load(), Rebuilds: c.rebuilds.Load(), CachedUnits: uint64(f.units.size()),
		FenceChanges: c.fenceChanges.Load(), BadFences: c.badFences.Load(),
	}
}
