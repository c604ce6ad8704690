// Package uplink takes numbered fixes from a box on board to the centre, over one WebSocket, and brings back which of them
// the centre has for good. A fix may cross the link twice, never zero times: the agent keeps it until it is acknowledged,
// the centre acknowledges only what its store holds durably, and a number that comes twice is the same fix.
//
// The messages are in message.go, apart from any connection; docs/wire.md describes them with test vectors. Conn is the
// agent's end of one connection, and all that a simulated unit needs. Client keeps a Source (the spool) and the centre in
// step for as long as it runs: newest fixes first, so that the map is right at once, then the backlog.
//
// The other way come settings, the fences near the unit and notices for its driver (steer.go), for whoever implements
// Steering.
package uplink
