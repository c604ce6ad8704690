package redistest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
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
	if err := s.InStep(of); err != nil {
		tb.Fatal(err)
	}
	return s
}

// InStep waits until s, a replica, has all that its master had when it was called.
func (s *Server) InStep(master *Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	var want int64
	err := master.do(func(r *redis.Client) (err error) {
		want, err = replication(ctx, r, "master_repl_offset")
		return err
	})
	if err != nil {
		return err
	}
	return s.do(func(r *redis.Client) error {
		return poll(ctx, func() error {
			info, err := r.Info(ctx, "replication").Result()
			if err != nil {
				return err
			}
			if !strings.Contains(info, "master_link_status:up") {
				return fmt.Errorf("replica %s has no master", s.Addr)
			}
			got, err := replication(ctx, r, "slave_repl_offset")
			if err == nil && got < want {
				err = fmt.Errorf("replica %s is at %d of %d", s.Addr, got, want)
			}
			return err
		})
	})
}

// replication is a number out of a server's INFO replication.
func replication(ctx context.Context, r *redis.Client, field string) (int64, error) {
	info, err := r.Info(ctx, "replication").Result()
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), field+":"); ok {
			return strconv.ParseInt(value, 10, 64)
		}
	}
	return 0, fmt.Errorf("no %s in INFO replication", field)
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
	return errors.Join(err, s.InStep(master))
}
