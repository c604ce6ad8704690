package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"dipper/fleet/storetest/redistest"
)

// cluster is the Redis Cluster and what this process asks it.
type cluster struct {
	*redistest.Cluster
	servers []*redistest.Server
}

// launchCluster starts three masters with a replica each. Failover begins after failoverMs of silence.
func launchCluster(dir string) (*cluster, error) {
	const failoverMs = "1500"
	c, err := redistest.LaunchCluster(redistest.Options{
		Dir: dir, Fsync: "everysec", Replicas: 1,
		Args: []string{"--cluster-node-timeout", failoverMs, "--repl-diskless-sync-delay", "0"},
	})
	if err != nil {
		return nil, err
	}
	return &cluster{c, append(append([]*redistest.Server{}, c.Servers...), c.Replicas...)}, nil
}

// ofRole gives the servers that are masters or replicas now.
func (c *cluster) ofRole(ctx context.Context, role string) []*redistest.Server {
	var out []*redistest.Server
	for _, s := range c.servers {
		if text, err := s.Ask(ctx, "INFO", "replication"); err == nil && strings.Contains(text, "role:"+role) {
			out = append(out, s)
		}
	}
	return out
}

// whole waits until the cluster works and each master has a replica that follows it.
func (c *cluster) whole(ctx context.Context) error {
	return eventually(ctx, "the cluster is whole", func() error {
		masters := 0
		for _, s := range c.servers {
			state, err := s.Ask(ctx, "CLUSTER", "INFO")
			if err != nil {
				return err
			}
			if !strings.Contains(state, "cluster_state:ok") {
				return fmt.Errorf("%s: %.40s", s.Addr, state)
			}
			text, err := s.Ask(ctx, "INFO", "replication")
			if err != nil {
				return err
			}
			master := strings.Contains(text, "role:master")
			if master {
				masters++
			}
			if master && !strings.Contains(text, "connected_slaves:1") || !master && !strings.Contains(text, "master_link_status:up") {
				return fmt.Errorf("%s: %s", s.Addr, strings.Join(strings.Fields(text), " "))
			}
		}
		if masters != len(c.servers)/2 {
			return fmt.Errorf("%d masters", masters)
		}
		return nil
	})
}

// epoch is how often the cluster has elected a master, and what it had when it was made.
func (c *cluster) epoch(ctx context.Context) (int, error) {
	text, err := c.servers[0].Ask(ctx, "CLUSTER", "INFO")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "cluster_current_epoch:"); ok {
			return strconv.Atoi(strings.TrimSpace(rest))
		}
	}
	return 0, errors.New("the cluster does not say its epoch")
}

func signalServer(s *redistest.Server, sig syscall.Signal) {
	if pid := s.Pid(); pid != 0 {
		_ = syscall.Kill(pid, sig) // it runs, since nobody else ends it
	}
}
