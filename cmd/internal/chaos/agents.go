package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"dipper/positioning"
	"dipper/receiver/spool"
	"dipper/receiver/uplink"
)

// agents is a process with some of the units: a spool and an uplink client for each, as dipper-agent has them, and a drive in place of
// the receiver.
type agents struct {
	First, Count int // units
	Seed         uint64
	Begin        time.Time // of the run: fix i is due i intervals later
	Interval     time.Duration
	Fixes        int // of each unit
	Server       string
	Dir          string            // of the spools
	SyncEvery    time.Duration     // of the spools
	Keys         map[string]string // by unit
}

// agentsMain reads an agents from a file and runs it until SIGTERM.
func agentsMain(args []string) error {
	flags := flag.NewFlagSet("agents", flag.ContinueOnError)
	if err := flags.Parse(args); err != nil {
		return err
	}
	data, err := os.ReadFile(flags.Arg(0))
	if err != nil {
		return err
	}
	var a agents
	if err := json.Unmarshal(data, &a); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return a.run(ctx)
}

func (a *agents) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for i := a.First; i < a.First+a.Count; i++ {
		g.Go(func() error { return a.unit(ctx, i) })
	}
	return g.Wait()
}

// unit is one unit's life. Its drive goes on behind what the spool has from earlier lives.
func (a *agents) unit(ctx context.Context, i int) (err error) {
	name := unitName(i)
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})).With("unit", name)
	s, err := spool.Open(filepath.Join(a.Dir, name), spool.Options{Unit: name, SyncEvery: a.SyncEvery, Log: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	client, err := uplink.NewClient(uplink.Config{
		URL: a.Server, Unit: name, Key: a.Keys[name], Agent: "chaos", Source: s, Log: log,
		Linger: a.Interval, AckTimeout: 15 * time.Second, DeadAfter: 10 * time.Second,
		RetryMin: 200 * time.Millisecond, RetryMax: 5 * time.Second, RefusedRetry: 5 * time.Second,
	})
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return client.Run(ctx) })
	g.Go(func() error { return a.feed(ctx, s, i) })
	return g.Wait()
}

// feed appends each fix when it is due, late ones together.
func (a *agents) feed(ctx context.Context, s *spool.Spool, i int) error {
	d := newDrive(a.Seed, i, a.Begin.Add(-ago))
	given := int(s.Newest())
	for range given {
		d.next()
	}
	tick := time.NewTicker(a.Interval)
	defer tick.Stop()
	for given < a.Fixes {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		due := min(a.Fixes, int(time.Since(a.Begin)/a.Interval))
		var fixes []positioning.Fix
		for ; given < due; given++ {
			fixes = append(fixes, d.next())
		}
		if _, err := s.Append(fixes); err != nil {
			return err
		}
	}
	return nil
}
