package main

import (
	"runtime"

	"dipper/cmd/internal/command"
)

// main uses one processor: the agent has a hundredth of one's work to do, and Go's scheduler would take nearly as much again to
// look for a second at every few bytes that a module sends.
func main() {
	runtime.GOMAXPROCS(1)
	command.Main(name, help, &root{})
}

const (
	name = "dipper-agent"
	help = "The agent on board: reads a Beidou module and sends every fix to the centre."
)

type root struct {
	command.Common
	Run    runCmd    `cmd:"" help:"Read a receiver, keep every fix on disk, send all to the service."`
	Decode decodeCmd `cmd:"" help:"Print the fixes of a recording, one JSON object a line; a summary goes to stderr."`
	Ports  portsCmd  `cmd:"" help:"List the serial ports."`
}
