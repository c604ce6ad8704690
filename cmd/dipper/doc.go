// Command dipper is the central service of Dipper.
//
//	dipper serve --listen ADDR --data DIR [--redis URL]   take fixes from agents, show the fleet, serve the page
//	dipper unit add ID                                    register a unit; prints its key once
//	dipper token add --role ROLE NAME                     make a token for a person or program; prints it once
//	dipper archive --out DIR                              write days that are over into Parquet files
//	dipper export --to FILE                               write all that the store has into one file
//	dipper import FILE                                    read such a file into an empty store
//	dipper demo                                           the whole of Dipper on this machine, with simulated vehicles
//
// unit and token work whether or not the service runs: a running service listens on DIR/control.sock, where it answers its own
// HTTP API to whoever may open that file; without one, or with --redis, the command goes to the store itself.
package main
