package receiver

import (
	"time"

	"dipper/positioning"
)

// DefaultFailover is how long the receiver in use may give no accepted fix before another takes over. A tunnel of 200 m at
// 70 km/h takes as long; the other receiver is in it too.
const DefaultFailover = 10 * time.Second

// hysteresis is how many times that long a better receiver must have been well before it is used again.
const hysteresis = 2

// none is the index of no receiver.
const none = -1

// priority says which of several receivers is used; their order is their rank. Not safe for concurrent use.
//
// At first it is whichever gives an accepted fix first. One that gives none for a while loses to the best that does. A better
// one comes back when it has given fixes for hysteresis times that while without a pause as long.
type priority struct {
	after  time.Duration
	active int
	last   []time.Time // when each gave an accepted fix, by the host's clock; zero never
	since  []time.Time // when the present run of such fixes began
	kept   time.Time   // the latest accepted fix's own time
}

func newPriority(receivers int, after time.Duration) *priority {
	p := &priority{after: after, active: none, last: make([]time.Time, receivers), since: make([]time.Time, receivers)}
	if receivers == 1 {
		p.active = 0
	}
	return p
}

// admit takes receiver n's next fix, which came at now, and says whether it is to be used, and whether n has just taken over.
// Refused fixes of the receiver in use are used; they carry their reason.
func (p *priority) admit(n int, f positioning.Fix, now time.Time) (use, takesOver bool) {
	if f.Verdict == positioning.Accepted {
		if !p.well(n, now) {
			p.since[n] = now
		}
		p.last[n] = now
		if n != p.active && p.better(n, f, now) {
			p.active, takesOver = n, true
		}
		if n == p.active {
			p.kept = f.Time
		}
	}
	return n == p.active || p.active == none && n == 0, takesOver
}

// well reports whether n gave a fix lately.
func (p *priority) well(n int, now time.Time) bool {
	return !p.last[n].IsZero() && now.Sub(p.last[n]) <= p.after
}

// better reports whether n, which has just given f, is to be used from here on.
func (p *priority) better(n int, f positioning.Fix, now time.Time) bool {
	if p.active == none {
		return true
	}
	if p.well(p.active, now) {
		// Not the instant again that the other has just given.
		return n < p.active && now.Sub(p.since[n]) >= hysteresis*p.after && f.Time.After(p.kept)
	}
	for rank := range n {
		if p.well(rank, now) {
			return false // its next fix will take over
		}
	}
	return true
}
