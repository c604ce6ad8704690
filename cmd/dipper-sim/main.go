package main

import "dipper/cmd/internal/command"

func main() {
	command.Main("dipper-sim", "Simulated and replayed units for Dipper: demo traffic, load, replay.", &root{})
}

type root struct {
	command.Common
	Load   loadCmd   `cmd:"" help:"Send the fixes of many simulated units to a service; prints one JSON object."`
	Replay replayCmd `cmd:"" help:"Send recordings to a service, one unit a file; prints one JSON object."`
	Fleet  fleetCmd  `cmd:"" help:"List the units that feed plays, one JSON object a line."`
	Feed   feedCmd   `cmd:"" help:"Play Beidou modules on pseudo-terminals, for agents to read."`
}
