package receiver

import (
	"slices"
	"time"
)

// autoBauds are the rates that are tried, in the order of the search where nothing better is known. 115200 comes first since
// at that rate the lines of all slower modules can be measured; 9600 is what most Beidou modules are delivered with, 38400 is
// u-blox's from its ninth generation on, 4800 is the standard's (NMEA 0183).
var autoBauds = []int{115200, 9600, 38400, 921600, 57600, 4800, 230400, 460800, 19200}

// measuring are the rates at which a line is measured whose own rate is higher than the present one.
var measuring = []int{115200, 921600}

const (
	// settle is how long after a change of rate bytes may come that were received at the old one. USB converters hold them
	// for 16 ms (FTDI's latency timer).
	settle = 25 * time.Millisecond
	// enough is how many bytes settle whether a line is heard at the right rate, few how many do when it then falls silent.
	enough, few = 32, 4
	// maxBurst cuts talk that has no pauses into bursts: a module speaks once a second or oftener.
	maxBurst = time.Second
	// dwell is how long a rate waits for a module that speaks once a second. Later rounds wait longer, up to maxDwell, for one
	// that speaks seldom.
	dwell    = 1500 * time.Millisecond
	maxDwell = 12 * time.Second
	// searchNoise is how many bytes without a right checksum condemn a rate that deserves patience. The longest sentence
	// seen has 205; a module that mixes binary packets in sends a kilobyte of them between two sentences at most.
	searchNoise = 1200
	// doubtNoise is how many bytes that are no text must come for a burst without a sentence to cast doubt on a rate at
	// which there were some: less is a spike on the wire.
	doubtNoise = 8
	// calmAgain is how many bursts with sentences in a row it takes to forget that there were others.
	calmAgain = 60
)

// tuner decides at which rate a serial line is read. It has no clock and no line of its own. It rests on three observations.
//
// At the right rate NMEA is text. At a wrong one it is not, which a dozen bytes show: a rate is left in the middle of a burst,
// not after seconds.
//
// The shortest time for which a line is low is one bit. Read k times too fast it looks like k bits: a start bit and k-1 zeros at
// the low end of the byte, or all zeros from k = 9 on. So the garbage itself tells the right rate, whatever is being said,
// where the line is slower than it is read. That it is faster shows in that k is 1, and then it is read faster.
//
// What measures right but is no text is a module that mixes in a binary language (UBX, RTCM): there the tuner waits for a whole
// burst. Measuring may lead nowhere, because the driver rounds rates or swallows what is badly framed: every second round
// through the rates only listens, patiently.
//
// Once a sentence has come the rate is sure. Doubt comes from a whole burst that has no sentence and is mostly no text, never
// from noise beside good sentences. A line on which such bursts turn out to be usual gets as much patience as that takes.
type tuner struct {
	rate int
	sure bool
	ear  ear

	since time.Time // when rate was set
	run   run       // since then (and settle), or since the last sentence

	begun time.Time // of the present burst; zero: the line is silent
	spoke bool      // it has a sentence
	quiet int       // bursts of noise since the last sentence, or since the rate was set
	calm  int       // bursts with sentences since the last that had none
	usual int       // how many quiet ones have been followed by another sentence at the same rate

	last    int // the rate at which sentences came last, 0 none
	doubted int // the quiet bursts that cast doubt on it

	rounds   int         // how often all rates were tried
	tries    map[int]int // of each rate in this round
	heard    bool        // anything in this round
	measured bool        // rate is what was measured, not the next in the list

	least, most int // bounds of the rate by what was heard in this round
}

// newTuner begins with the rate good, if it is not 0.
func newTuner(good int, now time.Time) *tuner {
	if good == 0 {
		good = autoBauds[0]
	}
	t := &tuner{}
	t.forget()
	t.set(good, false, now)
	return t
}

func (t *tuner) set(rate int, measured bool, now time.Time) {
	t.rate, t.measured, t.since = rate, measured, now
	t.run, t.ear, t.quiet = run{}, ear{}, 0
	t.tries[rate]++
}

// hear takes what came at now; nothing stands for a tenth of a second of silence. Afterwards rate is the one to go on with.
func (t *tuner) hear(b []byte, now time.Time) {
	settled := now.Sub(t.since) >= settle
	for _, c := range b {
		if t.ear.hear(c) {
			t.sentence()
		} else if settled {
			t.run.add(c)
		}
	}
	ended := t.burst(len(b) > 0, now)
	switch {
	case t.sure && ended && t.quiet > 2*t.usual:
		t.sure, t.doubted = false, t.quiet
		t.rounds, t.heard = 0, false
	case !t.sure && t.hopeless(ended, now):
	default:
		return
	}
	t.skip(now)
}

// skip goes on to the next rate.
func (t *tuner) skip(now time.Time) {
	rate, measured := t.next()
	t.set(rate, measured, now)
}

// sentence is called for each that comes.
func (t *tuner) sentence() {
	if t.rate != t.last {
		t.last, t.usual, t.doubted = t.rate, 0, 0
	}
	t.usual = max(t.usual, t.quiet, t.doubted)
	t.sure, t.spoke, t.quiet, t.doubted, t.run = true, true, 0, 0, run{}
}

// burst keeps count of bursts and reports whether one has just ended.
func (t *tuner) burst(talks bool, now time.Time) (ended bool) {
	if t.begun.IsZero() {
		if talks {
			t.begun = now
		}
		return false
	}
	if talks && now.Sub(t.begun) < maxBurst {
		return false
	}
	switch {
	case t.spoke:
		if t.calm++; t.calm > calmAgain {
			t.usual = 0
		}
	case t.run.junk >= doubtNoise && t.run.noisy() && !t.begun.Before(t.since): // heard from its beginning
		t.quiet++
		t.calm = 0
	}
	t.begun, t.spoke = time.Time{}, false
	return true
}

// hopeless reports whether it is time to try another rate.
func (t *tuner) hopeless(ended bool, now time.Time) bool {
	r := &t.run
	text := r.bytes >= few && !r.noisy()
	limit := dwell
	switch {
	case t.measured, text && r.bytes >= 2*few: // fewer can be text by chance
		limit = maxDwell
	case t.listening():
		limit = min(dwell*time.Duration(t.rounds+1), maxDwell)
	}
	switch {
	case r.bytes > searchNoise || now.Sub(t.since) > limit:
		return true
	case text || t.listening():
		return false
	case t.measured && r.shortestLow() == 1: // a binary language?
		return t.quiet > 0
	}
	return r.heard() || ended && r.bytes >= few
}

// listening reports whether this round takes its time; the others measure.
func (t *tuner) listening() bool { return t.rounds%2 == 1 }

// next is the rate to try, and whether it was measured.
func (t *tuner) next() (rate int, measured bool) {
	if t.run.bytes >= few {
		if !t.heard { // what was tried in silence was not tried
			t.forget()
			t.heard = true
			t.tries[t.rate] = 1
		}
		if !t.listening() {
			if rate, measured := t.measure(); rate != 0 {
				return rate, measured
			}
		}
	}
	for {
		for _, rate := range autoBauds {
			if t.tries[rate] == 0 && rate != t.rate && rate >= t.least && rate <= t.most {
				return rate, t.least > 0
			}
		}
		if t.heard { // silence speaks against no rate
			t.rounds++
		}
		t.forget()
	}
}

// forget begins a round.
func (t *tuner) forget() {
	t.tries, t.heard, t.least, t.most = map[int]int{}, false, 0, slices.Max(autoBauds)
}

// measure is the rate that the noise speaks for; 0 if there is none that was not tried already.
func (t *tuner) measure() (rate int, measured bool) {
	switch k := t.run.shortestLow(); k {
	case 1:
		t.least = max(t.least, t.rate/2)
		for _, rate := range measuring {
			if rate > t.rate && rate <= t.most && t.tries[rate] == 0 {
				return rate, rate == slices.Max(autoBauds) // if it is not this one, it will be measured again
			}
		}
		return 0, false
	case breakLow:
		t.most = min(t.most, t.rate/(k-1))
		for _, r := range autoBauds {
			if r <= t.most && t.tries[r] == 0 {
				rate = max(rate, r)
			}
		}
		return rate, true
	default:
		for _, rate := range autoBauds {
			if off := float64(rate*k) / float64(t.rate); off > 0.85 && off < 1.15 && t.tries[rate] < 2 {
				return rate, true
			}
		}
		return 0, false
	}
}
