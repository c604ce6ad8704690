package fleet

import (
	"slices"
	"time"

	"dipper/fleet/journey"
	"dipper/geofence"
)

// checkpoint is the ledger and the odometer as they were after all fixes up to a time, from which late fixes after that time can
// be decided.
type checkpoint struct {
	ms       int64  // Unix milliseconds, the ledger's time
	ledger   []byte // as geofence.State.AppendBinary writes it; never changed
	odometer []byte // as journey.Odometer.AppendBinary writes it, with ms as the base; never changed
	pin      pin
}

// pin is why a checkpoint must not be thinned out.
type pin byte

const (
	unpinned    pin = iota
	pinGap          // before the newest gap in the numbers: the backlog that will fill it begins here
	pinFrontier     // behind the last late batch: the next one of the same backlog begins here
)

// checkpointAges are how far back checkpoints lie: about one in each span between two of them, and one beyond the last. So a fix
// that is late by some time costs running the ledger over a few times that time at most.
var checkpointAges = [...]time.Duration{
	time.Minute, 5 * time.Minute, 20 * time.Minute, time.Hour, 4 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour,
}

// checkpointEvery is how far apart new checkpoints are at least.
const checkpointEvery = int64(time.Minute / time.Millisecond)

// history is a unit's checkpoints while fixes are decided.
type history struct {
	points []checkpoint // ascending by ms, one for each; owned
}

// note keeps the ledger and the odometer as they are before the fix at ms is shown to them, if the newest checkpoint is old enough
// or it is to be pinned.
func (h *history) note(s *geofence.State, o *journey.Odometer, ms int64, why pin) {
	at := s.Time()
	if at.IsZero() {
		return
	}
	n := len(h.points)
	if why == unpinned && n > 0 && ms-h.points[n-1].ms < checkpointEvery {
		return
	}
	if why != unpinned {
		for i := range h.points {
			if h.points[i].pin == why {
				h.points[i].pin = unpinned
			}
		}
	}
	if n > 0 && h.points[n-1].ms == at.UnixMilli() {
		if why != unpinned {
			h.points[n-1].pin = why
		}
		return
	}
	h.points = append(h.points, checkpoint{
		ms: at.UnixMilli(), ledger: s.AppendBinary(nil), odometer: o.AppendBinary(nil, at), pin: why,
	})
	h.thin(ms)
}

// thin keeps, of the checkpoints of each span of ages, the oldest, which is the next to grow into the following span; of those beyond
// the last age the newest; and pinned ones.
func (h *history) thin(nowMs int64) {
	kept := h.points[:0]
	span := -1
	for i, c := range h.points { // the oldest first
		s := spanOf(nowMs - c.ms)
		beyond := s == len(checkpointAges)
		newestBeyond := beyond && (i+1 == len(h.points) || spanOf(nowMs-h.points[i+1].ms) < s)
		if c.pin != unpinned || newestBeyond || !beyond && s != span {
			kept = append(kept, c)
		}
		if c.pin == unpinned {
			span = s
		}
	}
	h.points = kept
}

// spanOf is how many of checkpointAges an age has reached.
func spanOf(ageMs int64) int {
	n := 0
	for n < len(checkpointAges) && ageMs >= checkpointAges[n].Milliseconds() {
		n++
	}
	return n
}

// before drops the checkpoints at or after a time and gives the newest that is left, if one is.
func (h *history) before(ms int64) (checkpoint, bool) {
	n, _ := slices.BinarySearchFunc(h.points, ms, func(c checkpoint, ms int64) int {
		if c.ms < ms {
			return -1
		}
		return 1
	})
	h.points = h.points[:n]
	if n == 0 {
		return checkpoint{}, false
	}
	return h.points[n-1], true
}

// unpin lets all checkpoints be thinned out.
func unpin(points []checkpoint) []checkpoint {
	if !slices.ContainsFunc(points, func(c checkpoint) bool { return c.pin != unpinned }) {
		return points
	}
	points = slices.Clone(points)
	for i := range points {
		points[i].pin = unpinned
	}
	return points
}
