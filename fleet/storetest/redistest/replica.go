package redistest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"
)

// StartReplica runs a replica of a server until the test ends. It returns when the two are in step. Options.Port is as in Start.
func StartReplica(tb TB, of *Server, o Options) *Server {
	tb.Helper()
	host, port, err := net.SplitHostPort(of.Addr)
	if err != nil {
		tb.Fatal(err)
	}
	o.Args = append([]string{"--replicaof", host, port, "--repl-diskless-sync-delay", "0"}, o.Args...)
	s := Start(tb, o)
	if err := s.awaitStep(of); err != nil {
		tb.Fatal(err)
	}
	return s
}

// awaitStep waits until s has all that its master has.
func (s *Server) awaitStep(master *Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	return master.do(func(r *redis.Client) error {
		return poll(ctx, func() error {
			info, err := r.Info(ctx, "replication").Result()
			if err == nil && !strings.Contains(info, "state=online") {
				err = fmt.Errorf("replicas of %s: %s", master.Addr, strings.Join(strings.Fields(info), " "))
			}
			return err
		})
	})
}

// Promote makes a replica a master of its own, with what it has received so far. What its master takes from now on, it does not.
func (s *Server) Promote() error {
	return s.do(func(r *redis.Client) error { return r.ReplicaOf(context.Background(), "NO", "ONE").Err() })
}

// Follow makes s a replica of a server, and returns when the two are in step. What s has otherwise is gone.
func (s *Server) Follow(master *Server) error {
	host, port, err := net.SplitHostPort(master.Addr)
	if err != nil {
		return err
	}
	err = s.do(func(r *redis.Client) error { return r.ReplicaOf(context.Background(), host, port).Err() })
	return errors.Join(err, s.awaitStep(master))
}
