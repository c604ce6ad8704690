// Package positioning is what a position is. Bytes from a receiver become sentences (package nmea), the sentences of one
// instant become one Fix (Assembler), and gates say which fixes can be trusted (Gate). A fix that a gate refuses is kept
// with its reason: nothing the receiver said is lost.
//
// The package is pure: no I/O, no clock, no goroutine. Everything that needs the time of day gets it as a value.
package positioning
