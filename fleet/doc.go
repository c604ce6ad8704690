// Package fleet is the centre's model: which units there are, where each was when, and who visited which fence. A batch of
// numbered fixes comes in by Accept and is durable when that returns nil; everything else reads.
//
//   - Fleet is the service's one entrance. Accept decides what a batch changes and commits it as one Step; UnitsIn, Nearest,
//     WasHere, Unit, Track, Journey, Completeness, Inside and Events answer; PutFence and RegisterUnit change what is configured.
//   - Store is what keeps it all. There are two, embedstore and redisstore, with one suite of tests, storetest.
//
// # Deciding
//
// What a batch means is decided by pure code on a unit's state, one batch of a unit at a time and many units at once
// (accept.go, decide.go): numbers that are held already are dropped, the rest is stored as it came, put in the order of time
// and shown to the geofence ledger. Fixes that come late are put where they belong and the ledger is run again from a
// checkpoint before them (late.go), so track, completeness, last position and the final events do not depend on the order
// in which batches arrived. docs/decisions/0003-late-fixes-and-checkpoints.md has the rules.
//
// The state was decided at a version. If another node committed the unit meanwhile the store says ErrConflict, and the batch is
// decided again on what is there now; so any number of nodes may share a store. Steps of many units are committed together
// (committer.go), so that one round trip or one sync to the disk serves them all.
//
// # Memory
//
// States are kept decoded for the units that sent last, at most Limits.CachedUnits. Nothing else grows with the fleet: a caller of
// Accept waits for its commit, and the queue of commits is bounded, so a slow store slows down those who send.
package fleet
