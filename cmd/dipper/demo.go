package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"dipper/cmd/internal/command"
)

// demoCmd runs the whole of Dipper on one machine, each part as the process that it is in real life: this program as the
// service, dipper-sim as the Beidou modules on pseudo-terminals, and one dipper-agent a vehicle. Any of them may be killed;
// it is started again and nothing is lost.
type demoCmd struct {
	command.Logging
	Listen     string `help:"Address of the page and the API." default:"127.0.0.1:8080"`
	Data       string `help:"Directory for all that the demo stores; a later run goes on with it." default:"data/demo" type:"path"`
	Redis      string `help:"Use this Redis in place of the embedded store." placeholder:"URL"`
	Recordings string `help:"Directory with the recordings to play." default:"testdata/nmea" type:"path"`
	Fences     string `help:"Directory with the fences to start with, one GeoJSON Feature a file." default:"testdata/fences" type:"path"`
}

// demoUnit is one line of dipper-sim fleet.
type demoUnit struct {
	Unit string `json:"unit"`
	Name string `json:"name"`
	Kind string `json:"kind"`
}

// serviceStart bounds how long the service may take until it is ready.
const serviceStart = 30 * time.Second

// Run starts the parts in the order of dependence, and stops them in the other: agents first, so that they can still hand
// over what they have.
func (c *demoCmd) Run(ctx context.Context, s command.Streams) error {
	log := c.Logger(s.Err)
	binaries, err := siblings("dipper-sim", "dipper-agent")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.Data, 0o755); err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return err
	}
	units, err := demoFleet(ctx, binaries["dipper-sim"])
	if err != nil {
		return err
	}
	serviceCtx, stopService := context.WithCancel(context.WithoutCancel(ctx))
	defer stopService()
	service := make(chan error, 1) // the supervisor sends its one result and ends
	go func() { service <- c.service(log).run(serviceCtx) }()

	agents := c.runAgents(ctx, s, log, binaries, units, service)
	stopService()
	return errors.Join(agents, <-service)
}

// check finds what would end the demo before anything of it is started, and says it in one line.
func (c *demoCmd) check() error {
	listener, err := net.Listen("tcp", c.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is in use: choose another address with --listen or DIPPER_LISTEN", c.Listen)
	}
	if err != nil {
		return fmt.Errorf("--listen %s: %w", c.Listen, err)
	}
	if err := listener.Close(); err != nil {
		return err
	}
	for _, need := range []struct{ what, flag, dir, pattern string }{
		{"recordings", "--recordings", c.Recordings, "*.nmea"},
		{"fences", "--fences", c.Fences, "*.geojson"},
	} {
		found, err := filepath.Glob(filepath.Join(need.dir, need.pattern))
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fmt.Errorf("no %s in %s: name the directory that has them with %s", need.what, need.dir, need.flag)
		}
	}
	return nil
}

// runAgents prepares the service's data and runs modules and agents until ctx ends or the service cannot be run. It puts the
// service's result back for Run.
func (c *demoCmd) runAgents(ctx context.Context, s command.Streams, log *slog.Logger, binaries map[string]string, units []demoUnit, service chan error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case err := <-service:
			service <- err
			cancel()
		case <-ctx.Done():
		}
	}()
	defer func() { cancel(); <-watched }()

	control := newControl(filepath.Join(c.Data, "service"))
	if err := control.waitReady(ctx, serviceStart); err != nil {
		if len(service) > 0 { // the service's own words say more
			return nil
		}
		return err
	}
	keys, err := demoKeys(ctx, control, filepath.Join(c.Data, "demo-keys.json"), units)
	if err != nil {
		return err
	}
	if err := demoFences(ctx, control, c.Fences); err != nil {
		return err
	}
	ports := filepath.Join(c.Data, "ports")
	ready := make(chan struct{}, 1) // one word from the feed's first start
	feedCtx, stopFeed := context.WithCancel(context.WithoutCancel(ctx))
	feed := make(chan error, 1) // the supervisor sends its one result and ends
	go func() { feed <- c.feed(binaries["dipper-sim"], ports, log, ready).run(feedCtx); cancel() }()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		select {
		case <-ready:
		case <-ctx.Done():
			return nil
		}
		for _, u := range units {
			g.Go(func() error { return c.agent(binaries["dipper-agent"], ports, u.Unit, keys[u.Unit], log).run(ctx) })
		}
		fmt.Fprintf(s.Out, "\n  Dipper's demo runs: %d vehicles on pseudo-terminals, an agent each.\n  Open  http://%s/\n  Ctrl-C stops it; another run goes on with what is stored in %s.\n\n", len(units), c.Listen, c.Data)
		return nil
	})
	err = g.Wait() // the modules speak until the last agent has hung up
	stopFeed()
	return errors.Join(err, <-feed)
}

func (c *demoCmd) service(log *slog.Logger) child {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	args := []string{"serve", "--listen", c.Listen, "--data", filepath.Join(c.Data, "service"), "--open-loopback",
		"--log-level", c.LogLevel.String(), "--log-format", c.LogFormat}
	if c.Redis != "" {
		args = append(args, "--redis", c.Redis)
	}
	return child{name: "service", path: self, args: args, log: log}
}

func (c *demoCmd) feed(path, ports string, log *slog.Logger, ready chan<- struct{}) child {
	return child{
		name: "modules", path: path, log: log,
		args: []string{"feed", "--ports", ports, "--recordings", c.Recordings},
		started: func(stdout io.Reader) {
			lines := bufio.NewScanner(stdout)
			for lines.Scan() {
				if lines.Text() == "ready" {
					select {
					case ready <- struct{}{}:
					default: // a later start: the agents find their ports again by themselves
					}
				}
			}
		},
	}
}

func (c *demoCmd) agent(path, ports, unit, key string, log *slog.Logger) child {
	return child{
		name: "agent " + unit, path: path, log: log,
		args: []string{"run", "--source", filepath.Join(ports, unit), "--server", "ws://" + c.Listen, "--unit", unit,
			"--spool", filepath.Join(c.Data, "spool", unit), "--log-level", "warn", "--log-format", c.LogFormat},
		env: []string{"DIPPER_KEY=" + key},
	}
}

// siblings finds other binaries of ours beside this one.
func siblings(names ...string) (map[string]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for _, name := range names {
		path := filepath.Join(filepath.Dir(self), name)
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("the demo needs %s beside %s: run make build", name, self)
		}
		found[name] = path
	}
	return found, nil
}

func demoFleet(ctx context.Context, sim string) ([]demoUnit, error) {
	out, err := exec.CommandContext(ctx, sim, "fleet").Output()
	if err != nil {
		return nil, fmt.Errorf("dipper-sim fleet: %w", err)
	}
	var units []demoUnit
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var u demoUnit
		if err := decoder.Decode(&u); errors.Is(err, io.EOF) {
			return units, nil
		} else if err != nil {
			return nil, fmt.Errorf("dipper-sim fleet: %w", err)
		}
		units = append(units, u)
	}
}

// demoKeys registers the units that are not yet, and keeps their keys in a file that only the owner can read: a key is told
// once.
func demoKeys(ctx context.Context, control *control, path string, units []demoUnit) (map[string]string, error) {
	keys := map[string]string{}
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		if err := json.Unmarshal(data, &keys); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	for _, u := range units {
		if keys[u.Unit] != "" {
			continue
		}
		key, err := control.addUnit(ctx, u.Unit, u.Name, u.Kind)
		if err != nil {
			return nil, fmt.Errorf("register %s: %w", u.Unit, err)
		}
		keys[u.Unit] = key
		data, err := json.MarshalIndent(keys, "", "  ")
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// demoFences puts the fences that are not there yet, so that a fence which somebody has changed stays as it is.
func demoFences(ctx context.Context, control *control, dir string) error {
	paths, err := filepath.Glob(filepath.Join(dir, "*.geojson"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		id := strings.TrimSuffix(filepath.Base(path), ".geojson")
		feature, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := control.putFenceIfAbsent(ctx, id, feature); err != nil {
			return fmt.Errorf("fence %s: %w", id, err)
		}
	}
	return nil
}
