// Package redisstore keeps a fleet in Redis 7.0 or newer: a single server, a primary that Sentinel watches, or a Cluster. The
// URL is all that a user gives; which of the three it is, the store asks the server.
//
// A unit belongs to one of 256 shards, the hash tag of all its keys, so its step is one Lua script in one slot: it checks
// the version, writes the record, appends the track, keeps the unit's events and visits, and puts new events into the shard's
// outbox. Right after, the node that committed appends them to the event log and clears the outbox; should it die between
// the two, any node's Run does it later. The log takes each revision of an event once, so doing it again is harmless.
//
// The indexes (who is in a cell, who is in a fence) lie in other slots. An entry is written before the step that makes it true,
// and removed after the step that makes it false; so a crash can leave one too many, never one too few. Every answer is checked
// against the units' own keys, hence the indexes may be behind but answers are not. A fix that leaves its unit in the same
// working cell touches no index at all.
// docs/decisions/0001-shards-and-event-log.md has the reasons and the figures.
//
// The files: connect.go finds the server, keys.go says what lies where, commit.go is the step (step.lua), index.go the indexes and
// the log (cells.lua, inside.lua, log.lua), outbox.go what waits for the log, sweep.go and scrub.go the upkeep; the others
// answer one part of fleet.Store each.
package redisstore
