package receiver

import (
	"log/slog"
	"sync"
	"time"

	"dipper/positioning"
	"dipper/positioning/track"
)

// appender is the spool, as the decoding sees it.
type appender interface {
	Append(fixes []positioning.Fix) (track.Range, error)
}

// shaping is which fixes are sent, and as what.
type shaping struct {
	interval   time.Duration // at most one accepted fix in so much of the fixes' own time; 0 every fix
	thinErrorM float64       // spare those that others explain to within so many metres; 0 spares none
	hold       bool          // keep a parked vehicle in its place
}

// outlet is where the fixes of all receivers come together on their way into the spool: one receiver's are chosen, a parked
// vehicle is held in its place, one an interval is taken, what the others explain is spared, and what is left gets its number.
// Safe for concurrent use.
type outlet struct {
	counters *Counters
	log      *slog.Logger
	names    []string                             // of the receivers
	numbered func(track.Range, []positioning.Fix) // told of fixes that have their numbers, in order; nil nobody

	mu       sync.Mutex
	spool    appender
	priority *priority
	shaping  shaping
	hold     *positioning.Hold    // nil: parked vehicles wander
	taken    time.Time            // of the accepted fix that the present interval began with
	thinner  *positioning.Thinner // nil: nothing is spared
	thrift   int                  // see save
	waiting  bool                 // the thinner has a fix that it has not decided on
	out      []positioning.Fix
}

func newOutlet(cfg Config, counters *Counters) *outlet {
	o := &outlet{counters: counters, log: cfg.Log, priority: newPriority(1+len(cfg.Backups), cfg.Failover)}
	o.names = append(o.names, cfg.Source.String())
	for _, src := range cfg.Backups {
		o.names = append(o.names, src.String())
	}
	o.adopt(cfg.rules().shaping)
	return o
}

// adopt shapes the fixes from here on otherwise. What the rules before still held back is let go, so that nothing is lost.
func (o *outlet) adopt(s shaping) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if s == o.shaping {
		return
	}
	o.out = o.out[:0]
	o.flushLocked()
	o.keepLocked()
	if s.hold != o.shaping.hold {
		o.hold = nil
		if s.hold {
			o.hold = positioning.NewHold(positioning.HoldConfig{})
		}
	}
	o.shaping = s
	o.thinner = o.newThinner()
}

// save thins harder, or less hard. Thrift 0 is as configured. Each further level doubles the error, and the time and the
// distance between two fixes; it begins with twice the configured error or, where none is, with the default. From 2 on turns
// and changes of speed are kept only as far as the error asks.
func (o *outlet) save(thrift int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.out = o.out[:0]
	o.flushLocked()
	o.keepLocked()
	o.thrift = thrift
	o.thinner = o.newThinner()
}

// saving is the thrift in force.
func (o *outlet) saving() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.thrift
}

func (o *outlet) newThinner() *positioning.Thinner {
	errM := o.shaping.thinErrorM
	if o.thrift == 0 {
		if errM == 0 {
			return nil
		}
		return positioning.NewThinner(positioning.ThinnerConfig{MaxErrorM: errM})
	}
	if errM == 0 {
		errM = positioning.DefaultThinErrorM
	}
	factor := 1 << (o.thrift - 1)
	if o.shaping.thinErrorM > 0 {
		factor *= 2
	}
	cfg := positioning.ThinnerConfig{
		MaxErrorM:    errM * float64(factor),
		MaxInterval:  positioning.DefaultThinInterval * time.Duration(factor),
		MaxParked:    positioning.DefaultThinParked * time.Duration(factor),
		MaxDistanceM: positioning.DefaultThinDistanceM * float64(factor),
	}
	if o.thrift > 1 {
		cfg.TurnDeg, cfg.SpeedDeltaMps = -1, -1
	}
	return positioning.NewThinner(cfg)
}

// active is the index of the receiver in use; the first before any is.
func (o *outlet) active() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return max(0, o.priority.active)
}

// take brings receiver n's next fixes, which came at now and are quantized.
func (o *outlet) take(n int, fixes []positioning.Fix, now time.Time) {
	if len(fixes) == 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.out = o.out[:0]
	for _, f := range fixes {
		use, takesOver := o.priority.admit(n, f, now)
		if takesOver && len(o.names) > 1 {
			o.counters.Switches.Add(1)
			o.log.Info("receiver in use", "source", o.names[n])
		}
		if !use {
			o.counters.Standby.Add(1)
			continue
		}
		o.pass(f)
	}
	o.keepLocked()
}

// pass takes f through hold, interval and thinner to out. A refused fix has its reason to be seen, and no interval keeps it
// back.
func (o *outlet) pass(f positioning.Fix) {
	if o.hold != nil {
		f, _ = o.hold.Step(f)
		f = track.Quantize(f)
	}
	if f.Verdict == positioning.Accepted {
		if since := f.Time.Sub(o.taken); 0 <= since && since < o.shaping.interval {
			o.counters.Thinned.Add(1)
			return
		}
		o.taken = f.Time // also when a receiver's time went back
	}
	if o.thinner == nil {
		o.out = append(o.out, f)
		return
	}
	undecided := 1
	if o.waiting {
		undecided++
	}
	before := len(o.out)
	o.out = o.thinner.Step(f, o.out)
	kept := len(o.out) - before
	o.waiting = kept == 0 || !o.out[len(o.out)-1].Equal(f)
	if o.waiting {
		kept++
	}
	o.counters.Thinned.Add(uint64(undecided - kept))
}

// flush lets go of what waits for n's next fix, which is long in coming.
func (o *outlet) flush(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if n == o.priority.active {
		o.out = o.out[:0]
		o.flushLocked()
		o.keepLocked()
	}
}

func (o *outlet) flushLocked() {
	if o.thinner != nil {
		o.out = o.thinner.Flush(o.out)
	}
	o.waiting = false
}

// keepLocked puts out into the spool. The spool itself holds fixes in memory while the disk takes none, so an error here is one
// that trying again would not heal.
func (o *outlet) keepLocked() {
	if len(o.out) == 0 {
		return
	}
	given, err := o.spool.Append(o.out)
	if err != nil {
		o.counters.Dropped.Add(uint64(len(o.out)))
		o.log.Error("the spool took no fixes; they are lost", "fixes", len(o.out), "err", err)
		return
	}
	o.counters.Spooled.Add(uint64(len(o.out)))
	if o.numbered != nil {
		o.numbered(given, o.out)
	}
}
