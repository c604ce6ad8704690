package receiver

import (
	"log/slog"
	"sync/atomic"
	"time"
)

// clockOff is how far the host's clock must be behind the satellites' to be taken for wrong: fixes may wait in a buffer for
// seconds, and a clock that is off by less does no harm.
const clockOff = time.Minute

// clock is the time of day on board. A box without a battery starts in 1970, or at the hour at which it was last switched off,
// and many never reach a time server; the satellites know better as soon as there is a fix. What depends on the right
// time asks here: the dates of the service's certificates, and when the driver was told of something. Safe for concurrent use.
type clock struct {
	host   func() time.Time
	floor  time.Time // before which this program cannot run: the day of its source; zero not known
	log    *slog.Logger
	behind atomic.Int64 // nanoseconds that the host's clock is behind; 0 less than clockOff, or nothing is known
}

func newClock(cfg *Config) *clock {
	return &clock{host: cfg.Now, floor: cfg.Decoder.AsOf, log: cfg.Log}
}

// Now is the host's time, put right by the satellites if it is behind.
func (c *clock) Now() time.Time {
	t := c.host().Add(c.Behind())
	if t.Before(c.floor) {
		return c.floor
	}
	return t
}

// Behind is how far the host's clock is behind; 0 less than clockOff, or nothing is known.
func (c *clock) Behind() time.Duration { return time.Duration(c.behind.Load()) }

// see takes the time of an accepted fix that came at a time by the host's clock.
func (c *clock) see(fix, heard time.Time) {
	off := fix.Sub(heard)
	if off < clockOff {
		off = 0
	}
	switch before := time.Duration(c.behind.Swap(int64(off))); {
	case before == 0 && off > 0:
		c.log.Warn("the host's clock is behind the satellites'; theirs counts", "behind", off.Round(time.Second), "host", heard.UTC(), "satellites", fix.UTC())
	case before > 0 && off == 0:
		c.log.Info("the host's clock is right now")
	}
}
