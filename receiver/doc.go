// Package receiver is the agent on board: it reads a Beidou module, keeps every fix on disk, and sends it to the centre
// whenever there is a network.
//
// A Source is where the module's bytes come from: a serial port, a network socket, a recording. ParseSource makes one from
// the words of the command line; "auto" finds the port and the baud rate by listening for sentences with a right checksum.
// Sources get lost, since plugs are pulled and masts go down; the reader opens them again, with a short back-off, until the
// bytes are back.
//
// Of several sources one is used, by rank and by who gives accepted fixes (priority). A module can be told what to send by its
// maker's commands (commands, setup); unless that is asked for, nothing is ever written to it.
//
// Agent.Run joins the parts: source → positioning.Decoder → track.Quantize → outlet → spool → uplink. The outlet may hold a parked
// vehicle in its place and spare fixes that the others explain, harder when a data budget demands it. Each fix gets its number when it is
// in the spool, and leaves the spool only when the centre has said that it holds it durably. What is discarded on the way,
// and why, is counted.
//
// The centre steers the agent over the same link (steering): settings that count in place of the agent's own (rules), the fences
// nearby, a notice for the driver. Every fix that has its number is shown to a ledger on board with those fences (visits), which
// is the centre's own code, so both decide the same with the same ids, and the driver hears of it in a tunnel too. All of this is in
// files beside the spool's segments (safefile) and outlives a restart without a network.
//
// Agent.Handler shows everything to whoever sits beside the box: as a page for the driver, as JSON, and for Prometheus.
package receiver
