package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"dipper/fleet"
)

// LongestWait bounds Config.WaitTimeout: an answer has a second left to come before the connection is given up.
const LongestWait = answerTimeout - time.Second

// defaultWait is the default of Config.WaitTimeout.
const defaultWait = time.Second

// errReplicas: fewer replicas than asked for had a write in time. It is stored on the master and may yet reach them.
var errReplicas = errors.New("too few replicas have it")

// settling is a pipeline on one master that ends by waiting for replicas.
//
// WAIT tells how many replicas have what its own connection wrote last. A pipeline whose answer was lost is sent again on another
// connection, where the scripts find their work done and write nothing. So a write of its own goes before the WAIT: what
// has that has all that was before it.
type settling struct {
	redis.Pipeliner
	replicas int
	mark     *redis.StatusCmd
	wait     *redis.IntCmd
}

// settling begins a pipeline on the master of a key.
func (s *Store) settling(ctx context.Context, key string) (*settling, error) {
	if s.cluster == nil {
		return &settling{Pipeliner: s.client.Pipeline(), replicas: s.cfg.WaitReplicas}, nil
	}
	master, err := s.cluster.MasterForKey(ctx, key)
	if err != nil {
		return nil, err
	}
	return &settling{Pipeliner: master.Pipeline(), replicas: s.cfg.WaitReplicas}, nil
}

// settle sends the pipeline and waits. key is one that its master has. The error is that of the waiting, each command has
// its own as well.
func (s *Store) settle(ctx context.Context, p *settling, key string) error {
	p.mark = p.Set(ctx, settleKey(key), "", 0)
	p.wait = redis.NewIntCmd(ctx, "wait", p.replicas, s.cfg.WaitTimeout.Milliseconds())
	if err := p.Process(ctx, p.wait); err != nil {
		return err
	}
	_, _ = p.Exec(ctx) // each answer has its own error
	have, err := p.wait.Result()
	switch {
	case p.mark.Err() != nil:
		err = p.mark.Err()
	case err == nil && have < int64(p.replicas):
		err = fmt.Errorf("%w: %d of %d within %v", errReplicas, have, p.replicas, s.cfg.WaitTimeout)
	}
	if s.cluster != nil && redirected(err) {
		s.cluster.ReloadState(ctx)
	}
	return err
}

// redirected reports whether a master of a Cluster sent us to another, which a pipeline on one master cannot follow: the caller
// comes again when it knows better.
func redirected(err error) bool {
	return err != nil && (redis.HasErrorPrefix(err, "MOVED") || redis.HasErrorPrefix(err, "ASK") || redis.HasErrorPrefix(err, "READONLY"))
}

// settleKey is a key in the slot of another one that has a hash tag.
func settleKey(key string) string {
	from := strings.IndexByte(key, '{')
	return "w:" + key[from:from+strings.IndexByte(key[from:], '}')+1]
}

// runSettled is run for calls that somebody will rely on. Where replicas are waited for, an answer without an error means that
// enough of them have what the call wrote, or found written.
func (s *Store) runSettled(ctx context.Context, calls []*call) {
	if s.cfg.WaitReplicas == 0 {
		s.run(ctx, calls)
		return
	}
	masters := map[*redis.Client][]*call{} // under nil all, where there is no Cluster
	for _, c := range calls {
		var master *redis.Client
		if s.cluster != nil {
			var err error
			if master, err = s.cluster.MasterForKey(ctx, c.keys[0]); err != nil {
				c.cmd = redis.NewCmd(ctx)
				c.cmd.SetErr(err)
				continue
			}
		}
		masters[master] = append(masters[master], c)
	}
	var waiting sync.WaitGroup
	for _, part := range masters {
		waiting.Go(func() { s.runWith(ctx, part, s.pipeSettled) })
	}
	waiting.Wait()
}

// pipeSettled is pipe for calls to one master.
func (s *Store) pipeSettled(ctx context.Context, calls []*call, send sender) {
	key := calls[0].keys[0]
	p, err := s.settling(ctx, key)
	if err == nil {
		for _, c := range calls {
			c.cmd = send(p, c)
		}
		err = s.settle(ctx, p, key)
	}
	if err == nil {
		return
	}
	for _, c := range calls {
		if c.cmd == nil {
			c.cmd = redis.NewCmd(ctx)
		}
		if c.cmd.Err() == nil {
			c.cmd.SetErr(err)
		}
	}
}

// LoadSettled is Load for a caller who tells a unit what is stored. A record that was committed while too few replicas answered is
// there for Load, and may be gone after a failover: here it is told once the replicas have it.
func (s *Store) LoadSettled(ctx context.Context, unit fleet.UnitID) (fleet.Record, error) {
	if s.cfg.WaitReplicas == 0 {
		return s.Load(ctx, unit)
	}
	key := recordKey(unit)
	p, err := s.settling(ctx, key)
	if err != nil {
		return fleet.Record{}, readError(ctx, err)
	}
	value := p.Get(ctx, key)
	if err := s.settle(ctx, p, key); err != nil {
		return fleet.Record{}, readError(ctx, err)
	}
	return recordOf(ctx, unit, value)
}
