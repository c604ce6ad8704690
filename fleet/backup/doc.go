// Package backup writes all that a fleet's store has into one file, and reads it back into an empty store of either kind.
//
//   - Export walks a store and writes the file.
//   - Verify reads a file through and says what is in it, or where it is damaged.
//   - Import verifies, fills an empty store, and compares what is then stored with the file.
//
// The same contents give the same records in the same order whatever store they are in, so two exports can be compared by
// their Contents. docs/backup.md has the format.
//
// # While the service runs
//
// Of each unit the state is read first and its track and events after it, and the event log after all units. So whatever a state
// says was received or told is in the file. What a unit sends in the meantime may be in the track and not yet in the state; after a
// restore the unit sends it again, and readers drop the second copy.
package backup
