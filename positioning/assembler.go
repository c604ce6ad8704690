package positioning

import (
	"time"

	"dipper/positioning/nmea"
)

const (
	// sameInstant is how near two times of one epoch lie together: closer than this. Telit's SL869 has epochs 10 ms apart.
	// Source: gpsd driver_nmea0183.c takes 0.01 s; test/daemon/sl869.log.
	sameInstant nmea.TimeOfDay = 10
	// enderConfirm is how many epochs in a row must end with the same sentence before it closes the next ones at once.
	enderConfirm = 3
	// maxEnderConfirm bounds its doubling each time that the ender was wrong.
	maxEnderConfirm = 64
	// oneDoubt is in how many epochs the ender may be followed by something once: a lost sentence makes that of a right one.
	oneDoubt = 16
	// zdaLag is how much later than its instant ZDA may say it is, exclusive: Trimble's R2 adds 50 ms, the time of sending.
	// Source: a recording of one of 2017.
	zdaLag nmea.TimeOfDay = 100
	// minSilence and silenceShare say how long a line must be silent before an epoch is taken for finished: the longer of
	// 100 ms and a fifth of the interval between epochs. 100 ms covers USB adapters, which deliver every 16 ms.
	minSilence   = 100 * time.Millisecond
	silenceShare = 5
	// maxSilence bounds the patience that grows when a receiver pauses within an epoch.
	maxSilence = 800 * time.Millisecond
	// carryGSA is how long a GSA's mode holds for epochs without one, for receivers that send it every few seconds.
	carryGSA = 10 * 1000
	// maxUndated is how many fixes wait for the first date. Receivers that send RMC or ZDA rarely do so every ten epochs.
	maxUndated = 64
	// weekCycle is how far back a date falls when a receiver's 10-bit GPS week counter wraps: 1024 weeks, in days. It
	// happened in 1999 and 2019 and, by firmware with a cycle of its own, on any day between.
	weekCycle = 1024 * 7
)

// EpochStats counts what became of the instants.
type EpochStats struct {
	Closed     uint64 // instants that had a sentence with a position field
	NoFix      uint64 // of these, without a fix: status V, quality 0, mode N, GSA 1, or an empty position
	NoDate     uint64 // of these, with a fix but without any date: a Fix needs a time, so these are lost
	NoTime     uint64 // sentences without a time, from cold receivers
	Rollovers  uint64 // instants whose date was advanced by 1024 weeks, once or more (DecoderConfig.AsOf)
	Late       uint64 // sentences of an instant that had been given out already
	ByEnder    uint64 // instants closed by the sentence that ends a cycle
	BySilence  uint64
	ByNextTime uint64
}

// assembler makes fixes of sentences: one for each instant that has one. It holds the open instant's sentences until the
// instant is over, because the date and the satellites may come last.
//
// No sentence is last in every receiver, and GSA and VTG carry no time. Which sentence ends a cycle is learned; whether the
// untimed ones stand before or after their instant's timed ones shows when the line pauses, or, in a file, by whether the
// file began with a full set of them.
type assembler struct {
	epoch   epoch
	open    bool
	pending loose // GSA and VTG since the last epoch closed
	led     int   // GSAs that came before the open epoch's first timed sentence
	leads   bool  // untimed sentences stand before their epoch's timed ones
	ordered bool  // leads has been decided

	ender   mark
	length  int // timed sentences in the latest epoch that ended with ender
	streak  int // epochs that ended with ender since it was chosen
	confirm int // streak needed
	rival   mark
	against int // epochs in a row that ended with rival
	epochs  int // with a fix
	doubted int // epochs at the latest doubt

	closedKey nmea.TimeOfDay // of the last epoch closed
	decided   bool           // it had a position or the receiver's word that there is none
	closedBy  cause

	lastByte time.Time
	interval nmea.TimeOfDay // between the last two epochs
	patience time.Duration  // at least this much silence

	asOf    time.Time // DecoderConfig.AsOf, at midnight
	date    nmea.Date // of the last dated fix
	dateKey nmea.TimeOfDay
	undated []held

	drift drift

	fixMode Mode // of the last instant; ModeUnknown if it had no fix
	gsaMode Mode
	gsaKey  nmea.TimeOfDay
	used    [nmea.NumSystems]uint64 // satellites by the latest epoch with a GSA, as sets of numbers

	done    []Fix // finished; the Decoder empties it
	sources []ErrSource
	stats   EpochStats
}

// held is a fix that waits for a date.
type held struct {
	fix Fix // on 1970-01-01
	key nmea.TimeOfDay
	src ErrSource
}

type cause uint8

const (
	byNextTime cause = iota
	byEnder
	bySilence
	byEnd
)

func (a *assembler) init() {
	a.pending = newLoose()
	a.confirm = enderConfirm
	a.closedKey = nmea.NoTime
	a.gsaKey = nmea.NoTime
	a.patience = minSilence
}

// add takes one sentence.
func (a *assembler) add(s nmea.Sentence) {
	switch m := s.(type) {
	case *nmea.RMC:
		if a.enter(m.Time, kindRMC) {
			a.epoch.addRMC(m)
		}
	case *nmea.GGA:
		if a.enter(m.Time, kindGGA) {
			a.epoch.addGGA(m)
		}
	case *nmea.GNS:
		if a.enter(m.Time, kindGNS) {
			a.epoch.addGNS(m)
		}
	case *nmea.GLL:
		if a.enter(m.Time, kindGLL) {
			a.epoch.addGLL(m)
		}
	case *nmea.ZDA:
		if a.enter(a.lagging(m.Time), kindZDA) {
			a.epoch.addZDA(m)
		}
	case *nmea.GST:
		if a.enter(m.Time, kindGST) {
			a.epoch.addGST(m)
		}
	case *nmea.VendorFix:
		if a.enter(m.Time, kindVendor) {
			a.epoch.addVendor(m)
		}
	case *nmea.ErrorEstimate:
		a.addError(m)
	case *nmea.Altitude:
		a.untimed(kindAltitude).addAltitude(m)
	case *nmea.GSA:
		a.untimed(kindGSA).addGSA(m)
	case *nmea.VTG:
		a.untimed(kindVTG).addVTG(m)
	default:
		return
	}
	if a.open && a.ended() {
		a.close(byEnder)
	}
}

// ended reports whether the latest sentence is the one that ends an epoch. One timed sentence may be missing before it, not more: on
// a plotter GGA may be the last of one instant and the first of the next.
func (a *assembler) ended() bool {
	return a.streak >= a.confirm && a.epoch.last == a.ender && a.epoch.length >= a.length-1
}

// addError takes GBS, which has a time, and makers' estimates, which have none.
func (a *assembler) addError(m *nmea.ErrorEstimate) {
	if m.Type != nmea.TypeGBS {
		a.untimed(kindError).addError(m)
	} else if a.enter(m.Time, kindError) {
		a.epoch.gbsErrM = m.ErrM
	}
}

// enter opens the epoch of a timed sentence, closing another one, and reports whether the sentence belongs in it.
func (a *assembler) enter(t nmea.TimeOfDay, k kind) bool {
	if t == nmea.NoTime {
		a.stats.NoTime++
		if !a.open {
			a.pending = newLoose()
		}
		return false
	}
	if a.open && !near(t, a.epoch.key) {
		a.close(byNextTime)
	}
	if !a.open {
		if near(t, a.closedKey) && a.decided {
			a.late()
			return false
		}
		a.begin(t)
	}
	a.epoch.loose.merge(a.epoch.tail)
	a.epoch.tail = newLoose()
	a.note(k)
	a.epoch.timed = a.epoch.last
	a.epoch.length++
	return true
}

func (a *assembler) begin(t nmea.TimeOfDay) {
	if a.pending.n > 0 && !a.leads && a.closedBy == byEnder {
		a.doubt() // something came after the end
	}
	if a.closedKey != nmea.NoTime {
		if step := (t - a.closedKey + nmea.Day) % nmea.Day; step > 0 {
			a.interval = step
		}
	}
	a.epoch = newEpoch(t, a.pending)
	a.led = a.pending.gsas
	a.pending = newLoose()
	a.open = true
}

// late counts a sentence of an epoch that is closed: it was closed too early.
func (a *assembler) late() {
	a.stats.Late++
	if a.closedBy == byEnder {
		a.distrust()
	}
	if a.closedBy == bySilence {
		a.patience = min(2*a.patience, maxSilence)
	}
}

// doubt notes that sentences without a time came after the ender. Once in a while that only shows that the first timed sentence of
// the next instant was lost.
func (a *assembler) doubt() {
	if a.doubted > 0 && a.epochs-a.doubted <= oneDoubt {
		a.distrust()
	}
	a.doubted = a.epochs
}

// distrust forgets the ender and asks for more confirmation next time.
func (a *assembler) distrust() {
	a.streak, a.ender = 0, mark{}
	a.confirm = min(2*a.confirm, maxEnderConfirm)
}

// lagging is the instant that a ZDA belongs to.
func (a *assembler) lagging(t nmea.TimeOfDay) nmea.TimeOfDay {
	key := a.closedKey
	if a.open {
		key = a.epoch.key
	}
	if key != nmea.NoTime && t != nmea.NoTime && t >= key && t < key+zdaLag {
		return key
	}
	return t
}

// untimed is where a sentence without a time belongs.
func (a *assembler) untimed(k kind) *loose {
	if !a.open {
		return &a.pending
	}
	a.note(k)
	return &a.epoch.tail
}

func (a *assembler) note(k kind) {
	a.epoch.counts[k]++
	a.epoch.last = mark{k, a.epoch.counts[k]}
}

func near(a, b nmea.TimeOfDay) bool {
	d := a - b
	return d < sameInstant && d > -sameInstant
}

// heard notes that bytes came, and closes an epoch that the silence before them ended.
func (a *assembler) heard(now time.Time) {
	a.silence(now)
	a.lastByte = now
}

// silence closes the open epoch if the line has been silent for long enough.
func (a *assembler) silence(now time.Time) {
	if !a.open || now.IsZero() || a.lastByte.IsZero() || !a.epoch.positional() {
		return
	}
	wait := max(a.patience, time.Duration(min(a.interval, 1000))*time.Millisecond/silenceShare)
	if now.Sub(a.lastByte) > wait {
		a.close(bySilence)
	}
}

func (a *assembler) flush() {
	if a.open {
		a.close(byEnd)
	}
	for range a.undated {
		a.stats.NoDate++
	}
	a.undated = a.undated[:0]
}

// close ends the open epoch.
func (a *assembler) close(why cause) {
	a.settleOrder(why)
	end := a.epoch.last
	if a.leads && why == byNextTime {
		a.pending, end = a.epoch.tail, a.epoch.timed
	} else {
		a.epoch.loose.merge(a.epoch.tail)
	}
	a.learn(end, why)
	a.open = false
	a.closedKey, a.closedBy = a.epoch.key, why
	a.decided = a.epoch.positional()
	a.finish()
	switch why {
	case byEnder:
		a.stats.ByEnder++
	case bySilence:
		a.stats.BySilence++
	case byNextTime:
		a.stats.ByNextTime++
	}
}

// settleOrder decides whether untimed sentences lead their epoch. A pause shows it; without one, the first epoch does: a
// file that starts with as many GSA as stand between its first two instants starts with a cycle.
func (a *assembler) settleOrder(why cause) {
	switch {
	case why == bySilence && a.epoch.tail.gsas > 0:
		a.leads, a.ordered = false, true
	case why == bySilence && a.led > 0 && a.closedBy == bySilence:
		a.leads, a.ordered = true, true
	case why == byNextTime && !a.ordered:
		a.leads = a.led > 0 && a.led >= a.epoch.tail.gsas && a.led == a.epoch.gsas
		a.ordered = true
	}
}

// learn takes the last sentence of an epoch for the one that ends all of them. One that has proven itself stays until another has: in
// single epochs it may just have been lost.
func (a *assembler) learn(end mark, why cause) {
	if why == byEnd || !a.epoch.hasFix() { // before its first fix a receiver may send less
		return
	}
	a.epochs++
	switch {
	case end == a.ender:
		a.streak++
		a.length, a.against = a.epoch.length, 0
		return
	case end == a.rival:
		a.against++
	default:
		a.rival, a.against = end, 1
	}
	if a.streak < a.confirm || a.against >= enderConfirm {
		a.ender, a.length, a.streak, a.against = end, a.epoch.length, a.against, 0
	}
}

// finish makes a fix of the closed epoch, if it has one.
func (a *assembler) finish() {
	e := &a.epoch
	if e.gsas > 0 {
		a.gsaMode, a.gsaKey, a.used = e.mode, e.key, e.loose.used
	}
	if !e.positional() {
		a.dateAlone()
		return
	}
	a.stats.Closed++
	if !e.hasFix() {
		a.fixMode = ModeUnknown
		a.stats.NoFix++
		return
	}
	f, src := e.fix(a.carriedMode())
	a.fixMode = f.Mode
	if !Known(f.ErrM) {
		f.ErrM = a.drift.grow(f.SpeedMps, e.key)
	} else {
		a.drift.anchor(f.ErrM, e.key)
	}
	a.dateFix(f, src)
}

// dateAlone takes the date of a ZDA that stands at another time than the fixes, as behind a pulse for the second that comes. Without
// a fix it would be the module's own clock's.
func (a *assembler) dateAlone() {
	if date := a.repaired(a.epoch.date); date.Known() && a.fixMode != ModeUnknown {
		a.release(date, a.epoch.key)
		a.date, a.dateKey = date, a.epoch.key
	}
}

// carriedMode is what is known of the dimension from before. An instant without GGA and GNS says nothing of it: the last fix's
// stands. Otherwise it is the latest GSA's, if it is not old.
func (a *assembler) carriedMode() Mode {
	if a.fixMode != ModeUnknown && a.epoch.gga == silent && a.epoch.gns == silent {
		return a.fixMode
	}
	if a.gsaKey == nmea.NoTime || (a.epoch.key-a.gsaKey+nmea.Day)%nmea.Day > carryGSA {
		return ModeUnknown
	}
	return a.gsaMode
}

// dateFix puts the fix on its day: the epoch's own, or the last known one with midnight between them taken into account.
// Before the first date it waits.
func (a *assembler) dateFix(f Fix, src ErrSource) {
	key := a.epoch.key
	date := a.epoch.date
	if !date.Known() {
		date = a.epoch.vendor.Date
	}
	date = a.repaired(date)
	switch {
	case date.Known():
		a.release(date, key)
	case a.date.Known():
		date = a.date.AddDays(midnights(a.dateKey, key))
	default:
		if len(a.undated) == maxUndated {
			a.undated = append(a.undated[:0], a.undated[1:]...)
			a.stats.NoDate++
		}
		a.undated = append(a.undated, held{f, key, src})
		return
	}
	a.date, a.dateKey = date, key
	a.emit(f, date, key, src)
}

// repaired advances a date that lies before AsOf's by cycles of the week counter, to the first that does not.
func (a *assembler) repaired(date nmea.Date) nmea.Date {
	if !date.Known() || a.asOf.IsZero() {
		return date
	}
	cycles := 0
	for date.AddDays(cycles * weekCycle).At(0).Before(a.asOf) {
		cycles++
	}
	if cycles > 0 {
		a.stats.Rollovers++
	}
	return date.AddDays(cycles * weekCycle)
}

// release gives the fixes that waited the days on which the first dated one shows them to be.
func (a *assembler) release(date nmea.Date, key nmea.TimeOfDay) {
	for i := len(a.undated) - 1; i >= 0; i-- { // from the nearest back
		h := &a.undated[i]
		date = date.AddDays(-midnights(h.key, key))
		key = h.key
		h.fix.Time = date.At(key)
	}
	for _, h := range a.undated {
		a.done = append(a.done, h.fix)
		a.sources = append(a.sources, h.src)
	}
	a.undated = a.undated[:0]
}

func (a *assembler) emit(f Fix, date nmea.Date, key nmea.TimeOfDay, src ErrSource) {
	f.Time = date.At(key)
	a.done = append(a.done, f)
	a.sources = append(a.sources, src)
}

// lateBy is how far time of day may fall back without a new day having begun.
const lateBy = nmea.Day / 24

// midnights is how many midnights lie between two times of day, the second of which is at most lateBy earlier than the first and
// less than a day later: 1 after, -1 before, else 0.
func midnights(from, to nmea.TimeOfDay) int {
	late := (to-from+nmea.Day)%nmea.Day > nmea.Day-lateBy
	switch {
	case late && to > from:
		return -1
	case !late && to < from:
		return 1
	}
	return 0
}
