package receiver

import (
	"time"

	"dipper/positioning"
	"dipper/positioning/track"
)

const (
	// idleEvery is how often a silent line is looked at, to close the instant that silence has finished.
	idleEvery = 20 * time.Millisecond
	// idleFor is how long after the last byte that goes on. The decoder's patience is shorter; after this nothing can
	// happen until bytes come, and the agent sleeps.
	idleFor = 2 * time.Second
)

// neverSet is before any host with a set clock can run this program. A box without a battery starts in 1970 and does not
// know what the future is.
var neverSet = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// unsetOffset moves the clock of such a host to where no fix is in its future.
const unsetOffset = 100 * 365 * day

// report is what the decoder has said, for the status page.
type report struct {
	fix     positioning.Fix // the last, refused ones included
	at      time.Time       // when it came, by the host's clock; zero none did
	heard   time.Time       // when the last byte came
	stats   positioning.Stats
	sky     positioning.Sky
	antenna string
}

// decode makes fixes of the feed's bytes and keeps them, until the feed ends.
func (a *Agent) decode(f *feed, sp appender) {
	d := positioning.NewDecoder(a.cfg.Decoder)
	live := a.cfg.Source.Live()
	clock := func(t time.Time) time.Time {
		switch {
		case !live:
			return time.Time{}
		case t.Before(neverSet):
			return t.Add(unsetOffset)
		}
		return t
	}
	idle := time.NewTimer(idleEvery)
	defer idle.Stop()
	var heard time.Time
	for {
		select {
		case c, more := <-f.chunks:
			if !more {
				a.keep(sp, a.note(d, d.Flush(), heard))
				return
			}
			if c.lost {
				a.keep(sp, a.note(d, d.Flush(), heard))
				break
			}
			heard = c.at
			a.keep(sp, a.note(d, d.Write(c.bytes, clock(c.at)), heard))
			f.free <- c.bytes[:chunkSize]
			if live {
				idle.Reset(idleEvery)
			}
		case <-idle.C:
			if !live {
				break
			}
			if len(f.chunks) == 0 {
				a.keep(sp, a.note(d, d.Idle(clock(a.cfg.Now())), heard))
			}
			if a.cfg.Now().Sub(heard) < idleFor {
				idle.Reset(idleEvery)
			}
		}
	}
}

// note quantizes fixes in place and remembers the last for the status page.
func (a *Agent) note(d *positioning.Decoder, fixes []positioning.Fix, heard time.Time) []positioning.Fix {
	for i := range fixes {
		fixes[i] = track.Quantize(fixes[i])
	}
	a.counters.Fixes.Add(uint64(len(fixes)))
	a.mu.Lock()
	defer a.mu.Unlock()
	a.latest.stats, a.latest.sky, a.latest.antenna, a.latest.heard = d.Stats(), d.Sky(), d.Antenna(), heard
	if n := len(fixes); n > 0 {
		a.latest.fix, a.latest.at = fixes[n-1], heard
	}
	return fixes
}

// appender is the spool, as the decoding sees it.
type appender interface {
	Append(fixes []positioning.Fix) (track.Range, error)
}

// keep puts fixes into the spool. The spool itself holds them in memory while the disk takes none, so an error here is one
// that trying again would not heal.
func (a *Agent) keep(sp appender, fixes []positioning.Fix) {
	if len(fixes) == 0 {
		return
	}
	if _, err := sp.Append(fixes); err != nil {
		a.counters.Dropped.Add(uint64(len(fixes)))
		a.cfg.Log.Error("the spool took no fixes; they are lost", "fixes", len(fixes), "err", err)
		return
	}
	a.counters.Spooled.Add(uint64(len(fixes)))
}
