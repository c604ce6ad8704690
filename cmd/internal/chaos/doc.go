// Command chaos is the fault run: two processes of the service on a Redis Cluster of three masters with a replica each, and many agents
// with real spools and real uplink clients behind a proxy. For a while masters, service nodes and agents are killed and paused,
// and links cut, stalled and slowed. Then everything is healed, and when the spools have drained
//
//   - every unit is complete: the service holds each number, and each fix as the agent made it;
//   - every event is that of the ledger run over the same drives and fences in this process, undisturbed;
//   - neither node has more goroutines or open files than before the agents came, and everything ends with exit code 0.
//
// It prints one JSON object, with the seed that chose the faults, and ends with 1 if something is not so. The same seed chooses the same
// drives and the same faults in the same order; when each of them strikes is the machine's to say.
//
//	go run ./cmd/internal/chaos --agents 2000 --duration 10m
//
// Commits wait for a replica (dipper serve --redis-wait-replicas 1), so a failover loses nothing that was acknowledged; what was not is
// in the spools.
package main
