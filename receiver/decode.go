package receiver

import (
	"time"

	"dipper/positioning"
	"dipper/positioning/track"
)

const (
	// A line that is silent for quietAfter is looked at every idleEvery, to close the instant that silence has finished. The
	// decoder takes no shorter silence for one, and a timer that goes off between a fast receiver's bytes costs more than they.
	quietAfter = 100 * time.Millisecond
	idleEvery  = 20 * time.Millisecond
	// idleFor is how long after the last byte that goes on. The decoder's patience is shorter; after this nothing can
	// happen until bytes come, and the agent sleeps.
	idleFor = 2 * time.Second
)

// neverSet is before any host with a set clock can run this program. A box without a battery starts in 1970 and does not
// know what the future is.
var neverSet = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// unsetOffset moves the clock of such a host to where no fix is in its future.
const unsetOffset = 100 * 365 * day

// report is what a receiver's decoder has said, for the status page.
type report struct {
	fix        positioning.Fix // the last, refused ones included
	at         time.Time       // when it came, by the host's clock; zero none did
	accepted   positioning.Fix // the last that was; its time is zero if none was
	heard      time.Time       // when the last byte came
	stats      positioning.Stats
	sky        positioning.Sky
	satellites []positioning.SkySatellite
	antenna    string
}

// decode makes fixes of receiver n's bytes and hands them on, until the feed ends.
func (a *Agent) decode(n int, f *feed) {
	live := f.src.Live()
	d := positioning.NewDecoder(a.decoderOf(f.src))
	take := func(fixes []positioning.Fix, heard time.Time) {
		a.outlet.take(n, a.note(n, d, fixes, heard, live), a.cfg.Now())
	}
	clock := func(t time.Time) time.Time {
		switch {
		case !live:
			return time.Time{}
		case t.Before(neverSet):
			return t.Add(unsetOffset)
		}
		return t
	}
	idle := time.NewTimer(quietAfter)
	defer idle.Stop()
	var heard time.Time
	pulse := a.decoding[n]
	defer pulse.Rest()
	for {
		pulse.Rest()
		select {
		case c, more := <-f.chunks:
			pulse.Work()
			if !more {
				take(d.Flush(), heard)
				a.outlet.flush(n)
				return
			}
			if c.lost {
				take(d.Flush(), heard)
				a.outlet.flush(n)
				break
			}
			heard = c.at
			take(d.Write(c.bytes, clock(c.at)), heard)
			f.free <- c.bytes[:chunkSize]
			if live {
				idle.Reset(quietAfter)
			}
		case <-idle.C:
			pulse.Work()
			if !live {
				break
			}
			if len(f.chunks) == 0 {
				take(d.Idle(clock(a.cfg.Now())), heard)
			}
			if a.cfg.Now().Sub(heard) < idleFor {
				idle.Reset(idleEvery)
			} else {
				a.outlet.flush(n)
			}
		}
	}
}

// decoderOf configures the decoder of a source. The dates of a recording are what they are, however old; a receiver's are not
// before the program's own.
func (a *Agent) decoderOf(src Source) positioning.DecoderConfig {
	cfg := a.cfg.Decoder
	if _, recorded := src.(*file); recorded {
		cfg.AsOf = time.Time{}
	}
	return cfg
}

// note quantizes fixes in place and remembers the last for the status page.
func (a *Agent) note(n int, d *positioning.Decoder, fixes []positioning.Fix, heard time.Time, live bool) []positioning.Fix {
	for i := range fixes {
		fixes[i] = track.Quantize(fixes[i])
	}
	a.counters.Fixes.Add(uint64(len(fixes)))
	a.mu.Lock()
	defer a.mu.Unlock()
	r := &a.latest[n]
	r.stats, r.sky, r.antenna, r.heard = d.Stats(), d.Sky(), d.Antenna(), heard
	r.satellites = d.AppendSatellites(r.satellites[:0])
	for _, f := range fixes {
		r.fix, r.at = f, heard
		if f.Verdict == positioning.Accepted {
			r.accepted = f
			if live {
				a.clock.see(f.Time, heard)
			}
		}
	}
	return fixes
}
