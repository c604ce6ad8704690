// Command dipper-sim is everything that stands in for a fleet: simulated Beidou modules on pseudo-terminals for the demo
// (feed), thousands of simulated units against a real service (load), and recordings sent as a unit's track (replay).
//
// What it simulates ends at the wire: the agents behind feed's pseudo-terminals are real agents, and load and replay speak
// the real uplink to a real service.
package main
