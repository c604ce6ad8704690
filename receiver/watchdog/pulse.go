package watchdog

import (
	"sync/atomic"
	"time"
)

// Pulse says for how long a loop has been at work without a pause. A loop that waits, for bytes or for a link, is well however
// long that takes; one that never comes back from its work hangs. Make one with NewPulse; its methods are safe for concurrent use.
type Pulse struct {
	begun time.Time    // for a clock that nobody sets
	since atomic.Int64 // nanoseconds after begun, at least 1; 0: the loop rests
}

// NewPulse is the pulse of a loop at rest.
func NewPulse() *Pulse { return &Pulse{begun: time.Now()} }

// Work begins a turn of the loop.
func (p *Pulse) Work() { p.since.Store(max(1, int64(time.Since(p.begun)))) }

// Rest ends it: what follows is a wait.
func (p *Pulse) Rest() { p.since.Store(0) }

// Busy is how long the present turn has lasted; 0 at rest.
func (p *Pulse) Busy() time.Duration {
	since := time.Duration(p.since.Load())
	if since == 0 {
		return 0
	}
	return time.Since(p.begun) - since
}
