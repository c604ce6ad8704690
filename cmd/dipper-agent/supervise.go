package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"dipper/cmd/internal/command"
	"dipper/receiver"
	"dipper/receiver/watchdog"
)

// statusEvery is how often systemctl status gets a new line where no watchdog asks for more.
const statusEvery = 30 * time.Second

// watchdogEvery is how often systemd wants a sign of life: half the time after which it would act, as sd_watchdog_enabled(3) advises;
// 0 if it wants none of this process.
func watchdogEvery(getenv func(string) string) (time.Duration, error) {
	usec, pid := getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID")
	if usec == "" || pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0, nil
	}
	n, err := strconv.ParseInt(usec, 10, 64)
	if err != nil || n <= 0 || n > int64(24*time.Hour/time.Microsecond) {
		return 0, fmt.Errorf("WATCHDOG_USEC %q: want microseconds", usec)
	}
	return time.Duration(n) * time.Microsecond / 2, nil
}

// supervised is an agent as systemd sees it.
type supervised struct {
	agent interface {
		Alive() error
		Status() receiver.Status
	}
	notifier *watchdog.Notifier
	every    time.Duration // 0: no watchdog
	log      *slog.Logger
	ready    chan struct{} // closed when the agent is up
}

// newSupervised looks into the environment for what systemd wants; without a systemd it tells nobody. The caller closes its notifier.
func newSupervised(log *slog.Logger) (*supervised, error) {
	every, err := watchdogEvery(os.Getenv)
	if err != nil {
		return nil, command.Usagef("%w", err)
	}
	notifier, err := watchdog.Dial(os.Getenv("NOTIFY_SOCKET"))
	if err != nil {
		return nil, err
	}
	return &supervised{notifier: notifier, every: every, log: log, ready: make(chan struct{})}, nil
}

// up is for the agent's Config.Ready.
func (s *supervised) up() { close(s.ready) }

// work runs the agent until ctx ends, and gives the signs of life until it has returned: the spool is drained after ctx.
func (s *supervised) work(ctx context.Context, agent *receiver.Agent) error {
	s.agent = agent
	supervising, end := context.WithCancel(context.WithoutCancel(ctx))
	var supervision sync.WaitGroup
	supervision.Go(func() { s.supervise(supervising, ctx.Done()) })
	defer supervision.Wait()
	defer end()
	return agent.Run(ctx)
}

// supervise gives the signs of life until ctx ends; they stop when a loop of the agent hangs, and then systemd restarts it.
// stopping is done when the agent was told to stop.
func (s *supervised) supervise(ctx context.Context, stopping <-chan struct{}) {
	select {
	case <-ctx.Done():
		return
	case <-s.ready:
		s.tell(s.notifier.Ready())
	}
	every := s.every
	if every == 0 {
		every = statusEvery
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-stopping:
			stopping = nil
			s.tell(s.notifier.Stopping())
		case <-tick.C:
			s.turn()
		}
	}
}

func (s *supervised) turn() {
	if err := s.agent.Alive(); err != nil {
		s.log.Error("no sign of life for the watchdog", "err", err)
		s.tell(s.notifier.Status(err.Error()))
		return
	}
	if s.every > 0 {
		s.tell(s.notifier.Alive())
	}
	s.tell(s.notifier.Status(line(s.agent.Status())))
}

func (s *supervised) tell(err error) {
	if err != nil {
		s.log.Warn("systemd was not told", "err", err)
	}
}

// line says how the agent is in one line.
func line(s receiver.Status) string {
	var b strings.Builder
	b.WriteString(s.Source.Name)
	if s.FixAge != nil {
		fmt.Fprintf(&b, ": last fix %.0f s ago", *s.FixAge)
	} else {
		b.WriteString(": no fix yet")
	}
	if s.Spool != nil {
		fmt.Fprintf(&b, "; %d fixes to send", s.Spool.Unacked)
	}
	switch {
	case s.Link == nil:
	case s.Link.Connected:
		b.WriteString("; connected")
	case s.Link.LastError != "":
		fmt.Fprintf(&b, "; not connected: %s", s.Link.LastError)
	default:
		b.WriteString("; not connected")
	}
	return b.String()
}
