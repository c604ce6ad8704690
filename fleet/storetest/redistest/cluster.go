package redistest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// masters and slots of a Redis Cluster. Source: Redis Cluster specification, key distribution model.
const (
	masters = 3
	slots   = 16384
)

// Cluster is a Redis Cluster of three masters without replicas.
type Cluster struct {
	URL     string    // redis://host:port of the first; clients find the others through it
	Addrs   []string  // host:port of each
	Servers []*Server // each can be killed and restarted by itself
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
	for i := range masters {
		each := o
		each.Port = 0
		each.Dir = filepath.Join(o.Dir, "master-"+strconv.Itoa(i))
		err := os.MkdirAll(each.Dir, 0o755)
		if err == nil {
			var s *Server
			if s, err = launch(each, true); err == nil {
				c.Servers = append(c.Servers, s)
				c.Addrs = append(c.Addrs, s.Addr)
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

// Kill ends every master with SIGKILL.
func (c *Cluster) Kill() error { return c.each((*Server).Kill) }

// Restart starts every master again on its port and data and waits until the cluster works.
func (c *Cluster) Restart() error {
	if err := c.each((*Server).Restart); err != nil {
		return err
	}
	return c.Await()
}

// Stop ends every master in order.
func (c *Cluster) Stop() error { return c.each((*Server).Stop) }

// Await waits until every master says that the cluster works, as it does a moment after one was restarted.
func (c *Cluster) Await() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for _, s := range c.Servers {
		if err := s.awaitCluster(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) each(do func(*Server) error) error {
	var errs []error
	for _, s := range c.Servers {
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
	return c.Await()
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

// awaitCluster polls until s sees all masters and all slots.
func (s *Server) awaitCluster(ctx context.Context) error {
	return s.do(func(r *redis.Client) error {
		return poll(ctx, func() error {
			info, err := r.ClusterInfo(ctx).Result()
			if err != nil {
				return err
			}
			known := "cluster_known_nodes:" + strconv.Itoa(masters)
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
