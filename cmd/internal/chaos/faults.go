package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"syscall"
	"time"
)

// faults is what strikes while the agents send. There are four lanes, and in each one fault at a time: Redis, nodes, agents, links. So a
// master, a node, a part of the agents and the network may be away together, but never a master and its only replica.
type faults struct {
	*plant
	every time.Duration // mean pause between two faults of a lane

	mu     sync.Mutex
	counts map[string]int
}

// fault strikes when it is called, and what it returns heals.
type fault struct {
	name   string
	weight int
	strike func(ctx context.Context, random *rand.Rand) (heal func() error, err error)
}

// run strikes until ctx ends, heals everything and returns.
func (f *faults) run(ctx context.Context, seed uint64) error {
	lanes := [][]fault{f.redisFaults(), f.nodeFaults(), f.agentFaults(), f.linkFaults()}
	errs := make([]error, len(lanes))
	var wg sync.WaitGroup
	for i, lane := range lanes {
		random := rand.New(rand.NewPCG(seed, 1000+uint64(i)))
		wg.Go(func() { errs[i] = f.lane(ctx, random, lane) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// lane strikes with the first of its faults, and from then on with any.
func (f *faults) lane(ctx context.Context, random *rand.Rand, lane []fault) error {
	next := lane[0]
	for {
		if !pause(ctx, f.every/2+time.Duration(random.Int64N(int64(f.every)))) {
			return nil
		}
		hold := f.every/4 + time.Duration(random.Int64N(int64(f.every)))
		f.log.Info("fault", "what", next.name, "for", hold)
		heal, err := next.strike(ctx, random)
		if err == nil {
			f.mu.Lock()
			f.counts[next.name]++
			f.mu.Unlock()
			pause(ctx, hold)
			err = heal()
		}
		if err != nil {
			return fmt.Errorf("fault %q: %w", next.name, err)
		}
		next = choose(random, lane)
	}
}

func choose(random *rand.Rand, lane []fault) fault {
	total := 0
	for _, x := range lane {
		total += x.weight
	}
	n := random.IntN(total)
	for _, x := range lane {
		if n < x.weight {
			return x
		}
		n -= x.weight
	}
	return lane[0]
}

// failover is how long a master stays away at least, so that its replica takes over.
const failover = 4 * time.Second

func (f *faults) redisFaults() []fault {
	whole := func() error { return f.cluster.whole(context.WithoutCancel(f.ctx)) }
	kill := func(role string, least time.Duration) func(context.Context, *rand.Rand) (func() error, error) {
		return func(ctx context.Context, random *rand.Rand) (func() error, error) {
			servers := f.cluster.ofRole(f.ctx, role)
			if len(servers) == 0 {
				return nil, fmt.Errorf("no server is a %s", role)
			}
			s := servers[random.IntN(len(servers))]
			if err := s.Kill(); err != nil {
				return nil, err
			}
			pause(f.ctx, least)
			return func() error {
				if err := s.Restart(); err != nil {
					return err
				}
				return whole()
			}, nil
		}
	}
	stop := func(ctx context.Context, random *rand.Rand) (func() error, error) {
		servers := f.cluster.ofRole(f.ctx, "master")
		if len(servers) == 0 {
			return nil, fmt.Errorf("no server is a master")
		}
		s := servers[random.IntN(len(servers))]
		signalServer(s, syscall.SIGSTOP)
		if random.IntN(2) == 0 { // else it may be back before anybody missed it
			pause(f.ctx, failover)
		}
		return func() error {
			signalServer(s, syscall.SIGCONT)
			return whole()
		}, nil
	}
	return []fault{
		{"kill a master", 3, kill("master", failover)},
		{"pause a master", 2, stop},
		{"kill a replica", 1, kill("slave", 0)},
	}
}

func (f *faults) nodeFaults() []fault {
	return []fault{
		{"kill a node", 2, func(ctx context.Context, random *rand.Rand) (func() error, error) {
			n := f.nodes[random.IntN(len(f.nodes))]
			n.kill()
			return func() error { return n.revive(f.ctx) }, nil
		}},
		{"pause a node", 1, func(ctx context.Context, random *rand.Rand) (func() error, error) {
			return pauseProcess(&f.nodes[random.IntN(len(f.nodes))].process)
		}},
	}
}

func (f *faults) agentFaults() []fault {
	return []fault{
		{"kill agents", 2, func(ctx context.Context, random *rand.Rand) (func() error, error) {
			p := f.agents[random.IntN(len(f.agents))]
			p.kill()
			return p.start, nil
		}},
		{"pause agents", 1, func(ctx context.Context, random *rand.Rand) (func() error, error) {
			return pauseProcess(f.agents[random.IntN(len(f.agents))])
		}},
	}
}

func pauseProcess(p *process) (func() error, error) {
	p.signal(syscall.SIGSTOP)
	return func() error { p.signal(syscall.SIGCONT); return nil }, nil
}

func (f *faults) linkFaults() []fault {
	some := func(do func(*link)) func(context.Context, *rand.Rand) (func() error, error) {
		return func(ctx context.Context, random *rand.Rand) (func() error, error) {
			n := f.proxy.each(0.1+0.6*random.Float64(), do)
			f.log.Info("links", slog.Int("struck", n))
			return func() error { f.proxy.each(1, (*link).heal); return nil }, nil
		}
	}
	return []fault{
		{"cut links", 3, some((*link).cut)},
		{"stall links", 2, some((*link).stall)},
		{"slow links", 2, some((*link).slowDown)},
		{"no network", 1, func(context.Context, *rand.Rand) (func() error, error) {
			f.proxy.setDown(true)
			return func() error { f.proxy.setDown(false); return nil }, nil
		}},
	}
}
