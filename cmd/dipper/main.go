package main

import "dipper/cmd/internal/command"

func main() {
	command.Main("dipper", "Dipper's central service: takes fixes from agents, keeps them, and shows the fleet live.", &root{})
}

type root struct {
	command.Common
	Serve   serveCmd   `cmd:"" help:"Run the service."`
	Unit    unitCmd    `cmd:"" help:"Manage the units that may send fixes."`
	Token   tokenCmd   `cmd:"" help:"Manage the tokens with which people and programs sign in."`
	Export  exportCmd  `cmd:"" help:"Write all that the store has into one file: a backup, or the way from one store to another."`
	Import  importCmd  `cmd:"" help:"Read a file of export into an empty store, and check what is then stored."`
	Archive archiveCmd `cmd:"" help:"Write the tracks and events of days that are over into Parquet files."`
	Demo    demoCmd    `cmd:"" help:"Run the whole of Dipper on this machine, with simulated vehicles."`
}
