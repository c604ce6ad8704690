// Package positioning is what a position is. Bytes from a receiver become sentences (package nmea), the sentences of one
// instant become one Fix (assembler.go), and gates say which fixes can be trusted (Gate). A fix that a gate refuses is kept
// with its reason: nothing the receiver said is lost. Two more steps are there for whoever reports the fixes: Hold keeps a
// parked vehicle in its place, and Thinner drops the fixes that the others explain, within a stated error.
//
// The package is pure: no I/O, no clock, no goroutine. Everything that needs the time of day gets it as a value.
package positioning
