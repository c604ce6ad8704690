// Package embedstore keeps a fleet in a directory of the service's own machine: the store one has without running a Redis.
//
// Underneath is Pebble, a log-structured key-value engine; docs/decisions/0002-embedded-store.md says why and with which
// figures. Each call to Commit is one batch, synced to the disk before it returns: the steps it holds, their track, their
// events, the cell and fence indexes. So nothing derived can be behind what it derives from, and after a crash all
// that was acknowledged is there. What is not yet on the disk is not shown to readers either.
//
// One process uses a directory at a time; the second gets ErrLocked. When the disk is nearly full the store refuses
// commits with fleet.ErrUnavailable and goes on by itself once there is room.
//
// The files: store.go opens and closes, commit.go is the step, keys.go says what lies where on the disk, the others
// answer one part of fleet.Store each.
package embedstore
