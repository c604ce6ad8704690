// Package redisstore keeps a fleet in Redis 7.0 or newer: a single server, a primary that Sentinel watches, or a Cluster. The
// URL is all that a user gives; which of the three it is, the store asks the server.
//
// A unit belongs to one of 1024 shards, the hash tag of all its keys, so its step is one Lua script in one slot: it checks
// the version, writes the record, appends the track, keeps the unit's events, and puts what has to be told to
// other slots (cell moves, fence visits, log entries) into the shard's outbox. Right after, the node that committed carries
// the outbox entry out and clears it; should it die between the two, any node's Run does it later. What is carried out is
// safe to repeat and to do late: index entries carry the version of the step that made them, an older one never replaces a newer
// one, and the log takes each revision of an event once.
//
// So an index may be behind for a moment, and never lies: cell index and fence index only say who might be there, and every
// answer is checked against the unit's own keys. A fix that leaves its unit in the same working cell touches no index at all.
// docs/decisions/0001-shards-and-event-log.md has the reasons and the figures.
//
// The files: connect.go finds the server, keys.go says what lies where, commit.go is the step (step.lua), derive.go what follows
// from it (cells.lua, inside.lua, log.lua), sweep.go the upkeep; the others answer one part of fleet.Store each.
package redisstore
