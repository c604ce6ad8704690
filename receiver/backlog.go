package receiver

import (
	"sync"
	"time"

	"dipper/positioning/track"
	"dipper/receiver/spool"
)

// backlog knows the time of the oldest fix that waits to be acknowledged. It reads the spool only when that is another one.
type backlog struct {
	mu     sync.Mutex
	oldest track.Seq // 0 none was looked at
	time   time.Time // of that fix
}

// age is how many seconds before the last fix the oldest waiting one was, both by the satellites; nil if none waits or no fix came since the start.
func (b *backlog) age(sp *spool.Spool, last time.Time) *float64 {
	oldest := sp.Unacked().Lowest()
	if oldest == 0 || last.IsZero() {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.oldest != oldest {
		batch, err := sp.Peek(oldest, 1)
		if err != nil || len(batch.Fixes) == 0 || batch.First != oldest {
			return nil
		}
		b.oldest, b.time = oldest, batch.Fixes[0].Time
	}
	s := max(0, last.Sub(b.time).Seconds())
	return &s
}
