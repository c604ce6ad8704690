package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"dipper/cmd/internal/command"
)

// feedCmd plays the demo's modules, each on a pseudo-terminal of its own.
type feedCmd struct {
	command.Logging
	Ports      string `help:"Make a link to each module's pseudo-terminal in this directory, named after its unit." required:"" placeholder:"DIR" type:"path"`
	Recordings string `help:"Directory with the recordings to play." default:"testdata/nmea" type:"path"`
}

// Run plays until ctx ends. It prints "ready" once every port is there.
func (c *feedCmd) Run(ctx context.Context, s command.Streams) error {
	log := c.Logger(s.Err)
	vehicles, err := demoVehicles(c.Recordings)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	for _, v := range vehicles {
		p, err := openPort(filepath.Join(c.Ports, v.unit))
		if err != nil {
			cancel()
			return fmt.Errorf("port of %s: %w (%v)", v.unit, err, g.Wait())
		}
		g.Go(func() error { return playOn(ctx, p, v, log) })
	}
	fmt.Fprintln(s.Out, "ready")
	return g.Wait()
}

func playOn(ctx context.Context, p *port, v vehicle, log *slog.Logger) error {
	err := v.play(ctx, p.write)
	if p.lost > 0 {
		log.Debug("nobody read in time", "unit", v.unit, "bytes", p.lost)
	}
	if closeErr := p.close(); err == nil {
		err = closeErr
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// vehicle is one module of the demo: either simulated on a route or a recording in a loop.
type vehicle struct {
	unit, name, kind string
	module           *module
	recording        *recording
	interval         time.Duration // of the simulated module
}

// play writes epochs at their time until ctx ends or write fails.
func (v vehicle) play(ctx context.Context, write func([]byte) error) error {
	if v.recording != nil {
		return v.playRecording(ctx, write)
	}
	ticker := time.NewTicker(v.interval)
	defer ticker.Stop()
	var buf []byte
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-ticker.C:
			at := now.UTC().Truncate(v.interval)
			buf = v.module.appendEpoch(buf[:0], at, v.interval)
			if err := write(buf); err != nil {
				return err
			}
		}
	}
}

func (v vehicle) playRecording(ctx context.Context, write func([]byte) error) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	var buf []byte
	for {
		// Whole seconds, so that the recording's own phase within the second stays.
		start := time.Now().UTC().Truncate(time.Second).Add(time.Second)
		for _, e := range v.recording.epochs {
			at := start.Add(e.at)
			timer.Reset(time.Until(at))
			select {
			case <-ctx.Done():
				return nil
			case <-timer.C:
			}
			buf = e.appendEpoch(buf[:0], at)
			if err := write(buf); err != nil {
				return err
			}
		}
		timer.Reset(v.recording.pause)
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
	}
}
