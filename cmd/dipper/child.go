package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// child is a process of ours that is started again when it ends by itself: in the demo anything may be killed.
type child struct {
	name    string
	path    string
	args    []string
	env     []string // added to ours; secrets go here, since arguments can be read by every user of the machine
	log     *slog.Logger
	started func(stdout io.Reader) // called for each start with the child's standard output; nil: it goes to ours
}

// Times of a child's life.
const (
	childGrace   = 20 * time.Second // from SIGTERM to SIGKILL
	childRestart = time.Second      // pause before it is started again
	childTooSoon = 2 * time.Second  // a first run that fails within this ends the demo: it would fail again
)

// run keeps the child running until ctx ends, then stops it with SIGTERM and waits for it.
func (c child) run(ctx context.Context) error {
	for first := true; ; first = false {
		begin := time.Now()
		err := c.runOnce(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if first && err != nil && time.Since(begin) < childTooSoon {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		c.log.Warn("a part of the demo ended; starting it again", "part", c.name, "error", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(childRestart):
		}
	}
}

func (c child) runOnce(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, c.path, c.args...)
	cmd.Env = append(os.Environ(), c.env...)
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = childGrace
	// Its own group, so that the terminal's Ctrl-C reaches only us and we stop the parts in order; and it must not outlive us.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if c.started == nil {
		cmd.Stdout = os.Stdout
		return cmd.Run()
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	c.started(stdout) // returns when the output ends
	return cmd.Wait()
}
