package fleet

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"dipper/geofence"
	"dipper/positioning/track"
)

// OnboardEvent is what a unit decided by itself and told its driver. It is no event of the centre's: that comes, with the same
// id, when the centre has the fixes that show it.
type OnboardEvent struct {
	ID            string
	Kind          geofence.EventKind
	Fence         string
	FenceRevision uint64
	Series        track.Series // with Seq: the first fix that shows it
	Seq           track.Seq
	Time          time.Time // of the event, to the millisecond
	ToldAt        time.Time // when the driver was told, by the unit's clock, to the millisecond; zero: not known
	InLedger      bool      // the centre's ledger has the event and has not taken it back, as of the reading. It forgets events with its retention.
}

// Bounds of what is kept of a unit.
const (
	maxOnboard    = 200 // events; about 100 bytes each
	maxEventIDLen = 64  // characters; an id of ours has 26
	maxKindName   = 32
)

// firstOnboard is no later than any fix of a receiver that knows its date; BeiDou began then. findInLedger reads from the earliest
// event's time on, so one of the year 1 would have it read all that there is with every Told.
var firstOnboard = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// Check says which field of an event is wrong, as an *InvalidError, or nil.
func (e *OnboardEvent) Check() error {
	switch {
	case e.ID == "" || len(e.ID) > maxEventIDLen:
		return &InvalidError{Field: "id", Reason: fmt.Sprintf("%d characters, want 1 to %d", len(e.ID), maxEventIDLen)}
	case e.Kind == "" || len(e.Kind) > maxKindName:
		return &InvalidError{Field: "kind", Reason: fmt.Sprintf("%d characters, want 1 to %d", len(e.Kind), maxKindName)}
	}
	if e.Time.Before(firstOnboard) {
		return &InvalidError{Field: "time", Reason: fmt.Sprintf("%s is before %s", e.Time.UTC().Format(time.RFC3339), firstOnboard.Format(time.DateOnly))}
	}
	if err := geofence.CheckID(e.Fence); err != nil {
		return &InvalidError{Field: "fence", Reason: err.Error()}
	}
	return nil
}

// OnboardKept counts what came of some on-board events.
type OnboardKept struct {
	InLedger    int // new, and the centre's ledger had them already
	NotInLedger int // new, and it had them not yet
	Known       int // told before
}

// KeepOnboard stores events that a unit tells, each once by its id; of more than 200 those told first are forgotten.
func (f *Fleet) KeepOnboard(ctx context.Context, unit UnitID, events []OnboardEvent) (kept OnboardKept, err error) {
	var fresh []OnboardEvent
	for conflicts := 0; ; conflicts++ {
		if fresh, err = f.keepOnboard(ctx, unit, events); !errors.Is(err, ErrConflict) {
			break
		}
		if conflicts == maxConflicts {
			err = fmt.Errorf("%w: %d conflicts in a row", ErrUnavailable, maxConflicts)
			break
		}
	}
	if err == nil {
		err = f.findInLedger(ctx, unit, fresh)
	}
	if err != nil {
		return OnboardKept{}, fmt.Errorf("on-board events of unit %s: %w", unit, err)
	}
	kept.Known = len(events) - len(fresh)
	for i := range fresh {
		if fresh[i].InLedger {
			kept.InLedger++
		} else {
			kept.NotInLedger++
		}
	}
	return kept, nil
}

func (f *Fleet) keepOnboard(ctx context.Context, unit UnitID, events []OnboardEvent) (fresh []OnboardEvent, err error) {
	all, revision, err := f.onboard(ctx, unit)
	if errors.Is(err, ErrStored) { // written anew
		f.log.Error("on-board events are lost", "unit", unit, "error", err)
		err = nil
	}
	if err != nil {
		return nil, err
	}
	known := make(map[string]bool, len(all))
	for i := range all {
		known[all[i].ID] = true
	}
	for _, e := range events {
		if !known[e.ID] {
			known[e.ID] = true
			fresh = append(fresh, e)
		}
	}
	if len(fresh) == 0 {
		return nil, nil
	}
	all = append(all, fresh...)
	_, err = f.store.PutDocument(ctx, DocOnboard, string(unit), encodeOnboard(all[max(0, len(all)-maxOnboard):]), revision)
	return fresh, err
}

// Onboard gives the last on-board events of a unit in the order in which they were told, and whether the centre's ledger has them now.
func (f *Fleet) Onboard(ctx context.Context, unit UnitID) ([]OnboardEvent, error) {
	events, _, err := f.onboard(ctx, unit)
	if err == nil {
		err = f.findInLedger(ctx, unit, events)
	}
	if err != nil {
		return nil, fmt.Errorf("on-board events of unit %s: %w", unit, err)
	}
	return events, nil
}

// findInLedger fills in InLedger. It reads the unit's events from the earliest of these on.
func (f *Fleet) findInLedger(ctx context.Context, unit UnitID, events []OnboardEvent) error {
	if len(events) == 0 {
		return nil
	}
	earliest := slices.MinFunc(events, func(a, b OnboardEvent) int { return a.Time.Compare(b.Time) })
	records, err := f.store.UnitEvents(ctx, unit, earliest.Time) // no fix that shows an event is earlier than the event
	if err != nil {
		return err
	}
	had := make(map[string]EventRecord, len(records))
	for _, r := range records {
		had[r.ID] = r
	}
	for i := range events {
		r, ok := had[events[i].ID]
		if !ok {
			continue
		}
		e, err := decodeEvent(r)
		if err != nil {
			f.log.Error("an event cannot be read", "unit", unit, "error", err)
		}
		events[i].InLedger = !e.Retracted
	}
	return nil
}

func (f *Fleet) onboard(ctx context.Context, unit UnitID) (events []OnboardEvent, revision uint64, err error) {
	stored, err := f.store.Document(ctx, DocOnboard, string(unit))
	if errors.Is(err, ErrNotFound) {
		return nil, 0, nil
	}
	if err == nil {
		events, err = decodeOnboard(stored.Data)
	}
	return events, stored.Revision, err
}

// onboardVersion is the first byte of a stored DocOnboard. Then: the number of events, and each as its texts behind their lengths, its
// numbers as uvarints, its times in Unix milliseconds as varints.
const onboardVersion = 1

func encodeOnboard(events []OnboardEvent) []byte {
	b := binary.AppendUvarint([]byte{onboardVersion}, uint64(len(events)))
	for _, e := range events {
		for _, s := range [...]string{e.ID, string(e.Kind), e.Fence} {
			b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
		}
		for _, n := range [...]uint64{e.FenceRevision, uint64(e.Series), uint64(e.Seq)} {
			b = binary.AppendUvarint(b, n)
		}
		b = binary.AppendVarint(b, e.Time.UnixMilli())
		b = binary.AppendVarint(b, e.ToldAt.UnixMilli())
	}
	return b
}

func decodeOnboard(data []byte) ([]OnboardEvent, error) {
	r := byteReader{src: data}
	if v := r.byte(); v != onboardVersion {
		return nil, fmt.Errorf("%w: version %d, this is version %d", ErrStored, v, onboardVersion)
	}
	n := r.count()
	events := make([]OnboardEvent, 0, min(n, maxOnboard))
	for range n {
		e := OnboardEvent{ID: string(r.bytes()), Kind: geofence.EventKind(r.bytes()), Fence: string(r.bytes())}
		e.FenceRevision, e.Series, e.Seq = r.uvarint(), track.Series(r.uvarint()), track.Seq(r.uvarint())
		e.Time, e.ToldAt = time.UnixMilli(r.varint()).UTC(), time.UnixMilli(r.varint()).UTC()
		if r.bad {
			break
		}
		events = append(events, e)
	}
	if r.bad || len(r.src) > 0 {
		return nil, fmt.Errorf("%w: on-board events cut off, or with bytes behind their end", ErrStored)
	}
	return events, nil
}
