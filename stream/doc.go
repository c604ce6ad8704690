// Package stream is the two ends of the service that stay open: agents send fixes in (Uplink), viewers see the fleet live (Hub).
// Both are WebSockets; docs/wire.md has their messages.
//
// # Uplink
//
// A connection that is silent is one goroutine that reads. Batches are decoded, accepted by the fleet and acknowledged, those
// of a backlog several at a time; a few may wait, then the agent is read no more: it feels a slow store as a slow link, and no
// queue grows here. When the store is away, batches are tried again for a while; then the agent is sent away with a code that
// tells it to come back. A second connection of a unit displaces the first; both may have delivered the same fixes, which
// the fleet takes once.
//
// # Hub
//
// The hub keeps the last position of every unit on a plotting table (plot.go): a tree of H3 cells in which every change leaves
// a stamp on the cells above it. Nothing is pushed at viewers. Each viewer has its turn ten times a second (viewer.go) and
// looks at what changed on its own screen since its last turn (look.go, screen.go). So a fix costs the same however many
// watch, a viewer costs what changes on its screen, and a viewer that was busy writing for two seconds sees the newest state
// in its next turn: there is no queue that could grow. A view of too many units is told as counts by cell.
//
// Where several nodes share a store, the relay (relay.go) brings what other nodes took to the plot: of the areas at which this node's
// viewers look, and gathered into few messages. What may have been missed is read from the store (relayread.go).
//
// Events are pulled in the same way, from the end of the store's event log (feed.go) or, for a viewer that is far behind,
// from the log itself, in order and without a gap. A viewer that cannot keep up with events is closed with a code and
// resumes after the last one it has.
//
// Errors become HTTP status, close codes and refusals in one table, failure.go.
package stream
