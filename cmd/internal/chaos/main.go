package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"time"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	if len(args) > 0 && args[0] == "agents" {
		return agentsMain(args[1:])
	}
	c, err := parse(args)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	p := &plant{config: c, ctx: ctx, log: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	s, err := p.run()
	err = errors.Join(err, p.end())
	if err != nil {
		s.problem("%v", err)
	}
	s.OK = len(s.Problems) == 0
	if e := json.NewEncoder(out).Encode(s); e != nil {
		return e
	}
	if !s.OK {
		return fmt.Errorf("%d problems; logs and spools stay in %s; again with --seed %d", len(s.Problems)+s.More, c.Dir, c.Seed)
	}
	return os.RemoveAll(c.Dir)
}

func parse(args []string) (config, error) {
	var c config
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.StringVar(&c.Dipper, "dipper", "bin/dipper", "the service's binary")
	flags.IntVar(&c.Agents, "agents", 2000, "agents")
	flags.IntVar(&c.Processes, "processes", 8, "processes in which the agents run")
	flags.DurationVar(&c.Duration, "duration", 10*time.Minute, "how long faults strike")
	flags.DurationVar(&c.Interval, "interval", 2*time.Second, "time between two fixes of an agent")
	flags.DurationVar(&c.Every, "every", 6*time.Second, "mean pause between two faults of a kind")
	flags.Uint64Var(&c.Seed, "seed", uint64(time.Now().UnixNano()), "chooses drives and faults; default: the time")
	flags.IntVar(&c.WaitReplicas, "wait-replicas", 1, "replicas that must have a commit: 0 or 1")
	if err := flags.Parse(args); err != nil {
		return c, err
	}
	if c.WaitReplicas < 0 || c.WaitReplicas > 1 {
		return c, errors.New("--wait-replicas: want 0 or 1, which is how many there are")
	}
	if c.Agents < 1 || c.Processes < 1 || c.Duration <= 0 || c.Interval <= 0 || c.Every <= 0 {
		return c, errors.New("agents, processes and times must be above 0")
	}
	c.Processes = min(c.Processes, c.Agents)
	var err error
	if c.Dipper, err = filepath.Abs(c.Dipper); err != nil {
		return c, err
	}
	c.Dir, err = os.MkdirTemp("", "dipper-chaos-")
	return c, err
}

// run is the whole run. The summary is never nil.
func (p *plant) run() (*summary, error) {
	s := &summary{Seed: p.Seed, Agents: p.Agents, DurationS: p.Duration.Seconds(), Fixes: p.Agents * p.fixes(), Problems: []string{}}
	p.log.Info("chaos", "seed", p.Seed, "dir", p.Dir, "agents", p.Agents, "duration", p.Duration)
	if err := p.build(); err != nil {
		return s, err
	}
	epoch, err := p.cluster.epoch(p.ctx)
	if err != nil {
		return s, err
	}
	f := &faults{plant: p, every: p.Every, counts: map[string]int{}}
	strikes, end := context.WithTimeout(p.ctx, p.Duration)
	err = f.run(strikes, p.Seed)
	end()
	s.Faults = f.counts
	if err != nil {
		return s, err
	}
	now, err := p.cluster.epoch(p.ctx)
	if err != nil {
		return s, err
	}
	s.Failovers = now - epoch
	p.log.Info("healed; the spools drain")
	for _, n := range p.nodes {
		if err := n.ready(p.ctx); err != nil {
			return s, err
		}
	}
	p.proxy.each(1, (*link).cut) // a link that the fault left half open would drain after its timeout only
	series := p.drained(s)
	p.compareTracks(s)
	if err := p.compareEvents(s, series); err != nil {
		s.problem("%v", err)
	}
	for _, a := range p.agents {
		if err := a.stop(); err != nil {
			s.problem("%v", err)
		}
	}
	p.compareLoad(s)
	for _, n := range p.nodes {
		if err := n.stop(); err != nil {
			s.problem("%v", err)
		}
	}
	return s, p.ctx.Err()
}
