package receiver

import (
	"slices"
	"sync"
	"time"

	"dipper/geofence"
	"dipper/positioning"
	"dipper/positioning/track"
	"dipper/receiver/uplink"
)

const (
	// maxUntold bounds the events that wait for the centre's acknowledgement. A busy truck makes about as many in a week; the
	// centre decides all of them itself from the fixes, so what is dropped is only when the driver was told.
	maxUntold = 256
	// newsFor is how old an event may be, by the fixes, that is found by looking back, and still be told to the driver.
	newsFor = 2 * time.Minute
	// saveEvery is after how many fixes without an event the ledger's state is written: a quarter of an hour at 1 Hz. After a
	// restart no more than that is shown to the ledger again.
	saveEvery = 900
	// maxCatchUp bounds what is shown to the ledger at the start: five hours at 1 Hz, decoded in less than a second.
	maxCatchUp = 20_000
	// maxNews is how many of the latest events the status has.
	maxNews = 8
)

// visits is the ledger on board. It shows each fix that has its number, rounded as it travels, to the centre's own code
// (geofence.Ledger) with the fences near the vehicle, so its events have the ids that the centre's have. The centre makes no
// event of them: it only learns when the driver was told.
//
// An InsideAtStart is never told to the driver: the vehicle crossed no border, only the fence or the unit's memory began. Neither is
// an exit with a reason, which is an edit of the fence and no movement. Both are in the state all the same, and on the page.
//
// Ids can differ from the centre's in these cases, and the centre then says so (in_ledger):
//   - a fix came back in time: the centre puts it where it belongs, the unit passes over it;
//   - the spool had to number fixes anew;
//   - a fence came to be known more than 64 fixes after the first that the centre decides with it, or after a restart: on a link that was
//     down so long, or was slow;
//   - the centre decided fixes between the making of a fence and the sending of the set: see use.
//
// Safe for concurrent use.
type visits struct {
	unit     string
	counters *Counters
	now      func() time.Time
	wake     func() // called with mu held when there is something to save or to tell; must not wait

	mu      sync.Mutex
	series  track.Series
	seq     track.Seq // of the last fix shown
	unsaved int       // fixes shown since the state was saved
	state   geofence.State
	ledger  *geofence.Ledger
	fences  []geofence.Fence
	recent  []moment // the last fixes that the ledger took, oldest first; see fenceedit.go
	untold  []uplink.OnboardEvent
	news    []news // the latest, newest first
}

// news is an event that the driver is told of.
type news struct {
	event geofence.Event
	fence geofence.Fence // as it was decided; the zero Fence if it is not known any more
	told  time.Time      // by the clock on board
}

func newVisits(unit string, counters *Counters, now func() time.Time) *visits {
	return &visits{unit: unit, counters: counters, now: now, wake: func() {}, ledger: geofence.NewLedger(unit, geofence.NewIndex(nil))}
}

// observe shows fixes that have just got their numbers to the ledger. They come in the order of their numbers.
func (v *visits) observe(given track.Range, fixes []positioning.Fix) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for i, f := range fixes {
		v.tellLocked(v.showLocked(given.First+track.Seq(i), f))
	}
	if v.unsaved >= saveEvery && len(v.fences) > 0 {
		v.unsaved = 0
		v.wake()
	}
}

func (v *visits) showLocked(seq track.Seq, f positioning.Fix) []geofence.Event {
	v.seq = seq
	v.unsaved++
	return v.stepLocked(geofence.Observation{Series: uint32(v.series), Seq: uint64(seq), Fix: f})
}

// tellLocked makes the events that are the driver's concern news.
func (v *visits) tellLocked(events []geofence.Event) {
	for _, e := range events {
		if e.Kind == geofence.InsideAtStart || e.Reason != "" {
			continue
		}
		v.counters.Events.Add(1)
		at := v.now()
		v.news = slices.Insert(v.news, 0, news{e, v.fenceOf(e), at})
		v.news = v.news[:min(len(v.news), maxNews)]
		v.untold = append(v.untold, uplink.OnboardEvent{
			ID: e.ID, Kind: string(e.Kind), Fence: e.Fence, FenceRevision: e.FenceRevision,
			Series: track.Series(e.Series), Seq: track.Seq(e.Seq), Time: e.Time, ToldAt: at.UTC(),
		})
		if over := len(v.untold) - maxUntold; over > 0 {
			v.counters.EventsDropped.Add(uint64(over))
			v.untold = v.untold[over:]
		}
		v.wake()
	}
}

// tellLateLocked tells those of the events found by looking back that are still news.
func (v *visits) tellLateLocked(events []geofence.Event) {
	oldest := v.state.Time().Add(-newsFor)
	v.tellLocked(slices.DeleteFunc(events, func(e geofence.Event) bool { return e.FixTime.Before(oldest) }))
}

func (v *visits) fenceOf(e geofence.Event) geofence.Fence {
	for _, f := range v.fences {
		if f.ID == e.Fence && f.Revision == e.FenceRevision {
			return f
		}
	}
	return geofence.Fence{}
}

// toTell is the oldest events that the centre has not acknowledged, at most max.
func (v *visits) toTell(max int) []uplink.OnboardEvent {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.untold[:min(max, len(v.untold))])
}

// acknowledged forgets events that the centre knows of.
func (v *visits) acknowledged(ids []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.untold = slices.DeleteFunc(v.untold, func(e uplink.OnboardEvent) bool { return slices.Contains(ids, e.ID) })
}

// keptVisits is what the ledger on board needs after a restart.
type keptVisits struct {
	Series track.Series          `json:"series"`
	Seq    track.Seq             `json:"seq"` // of the last fix that State has seen
	State  []byte                `json:"state"`
	Untold []uplink.OnboardEvent `json:"untold,omitempty"`
}

func (v *visits) keep() keptVisits {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.unsaved = 0
	return keptVisits{v.series, v.seq, v.state.AppendBinary(nil), slices.Clone(v.untold)}
}

// numberedFixes is the spool, as the ledger on board reads it.
type numberedFixes interface {
	Series() track.Series
	Newest() track.Seq
	Unacked() track.Ranges
	Peek(from track.Seq, max int) (track.Batch, error)
}

// resume takes up where the process before stopped: at the state that it kept, or, where that is not to be had, at nothing. Then it
// shows the ledger what the spool has after it, so a restart makes no event that the centre would not have. The error is one of
// the state, which is then made anew from the spool, or of the spool.
func (v *visits) resume(kept keptVisits, fences []geofence.Fence, sp numberedFixes) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.fences = fences
	v.ledger.Use(geofence.NewIndex(fences))
	v.untold = kept.Untold[max(0, len(kept.Untold)-maxUntold):]
	v.series = sp.Series()
	var damage error
	if len(kept.State) > 0 {
		v.state, damage = geofence.DecodeState(kept.State)
	}
	from := track.Seq(1)
	if damage == nil && len(kept.State) > 0 && kept.Series == v.series {
		v.seq, from = kept.Seq, kept.Seq+1
	}
	if err := v.catchUpLocked(from, sp); err != nil {
		return err
	}
	return damage
}

func (v *visits) catchUpLocked(from track.Seq, sp numberedFixes) error {
	const atOnce = 240
	var found []geofence.Event
	if newest := sp.Newest(); newest > maxCatchUp {
		from = max(from, newest-maxCatchUp+1)
	}
	for {
		b, err := sp.Peek(from, atOnce)
		if err != nil {
			return err
		}
		if len(b.Fixes) == 0 {
			break
		}
		for i, f := range b.Fixes {
			found = append(found, v.showLocked(b.First+track.Seq(i), f)...)
		}
		found = found[max(0, len(found)-maxUntold):]
		from = b.Last() + 1
	}
	v.tellLateLocked(found)
	return nil
}
