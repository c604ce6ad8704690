// Package redistest starts real redis-server processes on loopback for tests: one server that can be killed like a power cut
// and started again on the same port and data, or a Redis Cluster of three masters.
//
//	srv := redistest.Start(t, redistest.Options{})   // append-only file, fsync on every write
//	store, err := redisstore.Open(ctx, redisstore.Config{URL: srv.URL})
//	srv.Kill()                                       // SIGKILL
//	srv.Restart()                                    // same port, same directory
//
//	cl := redistest.StartCluster(t, redistest.Options{})
//	store, err := redisstore.Open(ctx, redisstore.Config{URL: cl.URL})
//
// StartReplica runs a replica of a server, and a Gate is an address that a failover moves:
//
//	replica := redistest.StartReplica(t, srv, redistest.Options{})
//	gate := redistest.StartGate(t, srv)              // clients use gate.URL
//	replica.Promote()                                // what srv takes from now on is lost with it
//	gate.Lead(replica)
//
// Nothing is skipped: where redis-server is missing the test fails and says what to install. Programs that are no tests use
// Launch and LaunchCluster, which return errors. The servers end with the test (or with Stop), and on Linux also with the
// process that started them, however it ends.
package redistest
