// Package journey is what a unit's track means to a dispatcher: how far the vehicle went, when it drove and stood, which trips it
// made between which stops, and where it was silent and why.
//
// Everything is a pure function of the accepted fixes in the order of their time, and of nothing else: no clock, no I/O. Late fixes
// are put where they belong and the function runs again, so the order in which they arrived cannot matter. Odometer is small
// and can be stored after any fix and gone on with; Diary stands on it and is run over the stored track when somebody asks.
//
// # Distance
//
// The way between two fixes is the shortest on the ellipsoid, rounded to the millimetre, so that sums are whole numbers and the
// same however they are added up. A vehicle that stands adds nothing, however much its receiver wanders: it stands from the
// first fix below StandMps on, and leaves at the second sign of motion in a row, a speed above MoveMps or a place farther from
// where it came to stand than StandRadiusM or three errors. The way is then counted from there, so nothing is lost either. A
// single fix elsewhere, as reflections make, adds nothing. A way that no vehicle can have gone is a jump and not counted.
// Across more than MaxSeen of silence the straight way is counted, and also told apart as estimated.
//
// # Trips
//
// A stop is standing for Config.Stop or longer. Between two stops lies a trip, if it is long enough (Config.TripM and
// Config.Trip) and faster on the whole than StandMps: a ship at anchor swings. Moving to and fro for less is part of the stop, and so
// is a silence after which the vehicle is found less than Config.TripM away. Standing for less than a stop within a trip is idling: there is no
// ignition in what a receiver says, so that is what idling means here. A silence longer than Config.Break across which the
// vehicle moved ends a trip, as nobody knows what it did.
package journey
