package redistest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// masters and slots of a Redis Cluster. Source: Redis Cluster specification, key distribution model.
const (
	masters = 3
	slots   = 16384
)

// Cluster is a Redis Cluster of three masters, and of replicas where Options.Replicas asks for some.
type Cluster struct {
	URL      string    // redis://host:port of the first; clients find the others through it
	Addrs    []string  // host:port of each master
	Servers  []*Server // the masters; each can be killed and restarted by itself
	Replicas []*Server // the i-th is one of the i-th master, modulo the number of masters
}

// StartCluster runs a cluster until the test ends. Options.Port is ignored.
func StartCluster(tb TB, o Options) *Cluster {
	tb.Helper()
	if o.Dir == "" {
		o.Dir = tb.TempDir()
	}
	c, err := LaunchCluster(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := c.Stop(); err != nil {
			tb.Fatal(err)
		}
	})
	return c
}

// LaunchCluster runs a cluster until Stop. It returns when every master says that the cluster works.
func LaunchCluster(o Options) (*Cluster, error) {
	if o.Dir == "" {
		return nil, errors.New("redistest: no directory given")
	}
	c := &Cluster{}
	for i := range masters * (1 + o.Replicas) {
		each := o
		each.Port = 0
		each.Dir = filepath.Join(o.Dir, "node-"+strconv.Itoa(i))
		err := os.MkdirAll(each.Dir, 0o755)
		if err == nil {
			var s *Server
			if s, err = launch(each, true); err == nil {
				c.add(s)
				continue
			}
		}
		return nil, errors.Join(err, c.Stop())
	}
	c.URL = c.Servers[0].URL
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if err := c.join(ctx); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

func (c *Cluster) add(s *Server) {
	if len(c.Servers) == masters {
		c.Replicas = append(c.Replicas, s)
		return
	}
	c.Servers = append(c.Servers, s)
	c.Addrs = append(c.Addrs, s.Addr)
}

// Kill ends every server with SIGKILL.
func (c *Cluster) Kill() error { return c.each((*Server).Kill) }

// Restart starts every server again on its port and data and waits until the cluster works.
func (c *Cluster) Restart() error {
	if err := c.each((*Server).Restart); err != nil {
		return err
	}
	return c.Await()
}

// Stop ends every server in order.
func (c *Cluster) Stop() error { return c.each((*Server).Stop) }

// Await waits until every master says that the cluster works, as it does a moment after one was restarted.
func (c *Cluster) Await() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for _, s := range c.all() {
		if err := s.awaitCluster(ctx, len(c.all())); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) all() []*Server { return append(slices.Clip(c.Servers), c.Replicas...) }

func (c *Cluster) each(do func(*Server) error) error {
	var errs []error
	for _, s := range c.all() {
		errs = append(errs, do(s))
	}
	return errors.Join(errs...)
}

// join makes one cluster of the servers: slots first, then the introductions.
func (c *Cluster) join(ctx context.Context) error {
	for i, s := range c.Servers {
		err := s.do(func(r *redis.Client) error {
			if err := r.Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", i+1).Err(); err != nil {
				return err
			}
			from, to := i*slots/masters, (i+1)*slots/masters-1
			if err := r.ClusterAddSlotsRange(ctx, from, to).Err(); err != nil {
				return err
			}
			return s.meet(ctx, r, c.Servers[0])
		})
		if err != nil {
			return fmt.Errorf("join %s to the cluster: %w", s.Addr, err)
		}
	}
	if len(c.Replicas) == 0 {
		return c.Await()
	}
	for i, s := range c.Replicas {
		if err := s.replicate(ctx, c.Servers[i%masters], c.Servers[0]); err != nil {
			return fmt.Errorf("make %s a replica: %w", s.Addr, err)
		}
	}
	return c.Await()
}

// replicate makes s, which knows nobody yet, a replica of a master of the cluster.
func (s *Server) replicate(ctx context.Context, master, first *Server) error {
	var id string
	err := master.do(func(r *redis.Client) (err error) {
		id, err = r.Do(ctx, "CLUSTER", "MYID").Text()
		return err
	})
	if err != nil {
		return err
	}
	err = s.do(func(r *redis.Client) error {
		if err := s.meet(ctx, r, first); err != nil {
			return err
		}
		return poll(ctx, func() error { return r.ClusterReplicate(ctx, id).Err() }) // until it has heard of the master
	})
	return errors.Join(err, s.InStep(master))
}

// meet introduces s to another server, whose bus port is not the usual port+10000.
func (s *Server) meet(ctx context.Context, r *redis.Client, other *Server) error {
	if s == other {
		return nil
	}
	host, port, err := net.SplitHostPort(other.Addr)
	if err != nil {
		return err
	}
	return r.Do(ctx, "CLUSTER", "MEET", host, port, other.busPort).Err()
}

// awaitCluster polls until s sees all servers and all slots.
func (s *Server) awaitCluster(ctx context.Context, servers int) error {
	return s.do(func(r *redis.Client) error {
		return poll(ctx, func() error {
			info, err := r.ClusterInfo(ctx).Result()
			if err != nil {
				return err
			}
			known := "cluster_known_nodes:" + strconv.Itoa(servers)
			if !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, known) {
				return fmt.Errorf("cluster as seen by %s: %s", s.Addr, strings.Join(strings.Fields(info), " "))
			}
			return nil
		})
	})
}

func (s *Server) do(fn func(*redis.Client) error) error {
	r := redis.NewClient(&redis.Options{Addr: s.Addr})
	defer r.Close()
	return fn(r)
}
