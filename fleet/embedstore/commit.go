package embedstore

import (
	"context"
	"encoding/binary"
	"errors"

	"dipper/fleet"
	"dipper/fleet/cell"
)

// Commit stores the steps that meet the version they were decided on, all in one synced batch.
func (s *Store) Commit(ctx context.Context, steps []fleet.Step) []error {
	errs := make([]error, len(steps))
	err := s.write(ctx, func(t *tx) error {
		for i := range steps {
			errs[i] = t.step(&steps[i])
			if errs[i] != nil && !errors.Is(errs[i], fleet.ErrConflict) {
				return errs[i] // half a step is in the batch: none of it may be written
			}
		}
		return nil
	})
	if err == nil {
		return errs
	}
	for i := range errs {
		if !errors.Is(errs[i], fleet.ErrConflict) {
			errs[i] = unavailableOnce(err)
		}
	}
	return errs
}

func unavailableOnce(err error) error {
	if errors.Is(err, fleet.ErrUnavailable) {
		return err
	}
	return unavailable(err)
}

// step puts one step into the batch, or nothing of it and ErrConflict.
func (t *tx) step(st *fleet.Step) error {
	key := recordKey(st.Unit)
	old, err := t.get(key)
	if err != nil {
		return err
	}
	version, was, err := splitHead(old)
	if err != nil {
		return err
	}
	if version != st.Expect {
		return fleet.ErrConflict
	}
	record := make([]byte, 0, recordHead+len(st.State))
	record = binary.BigEndian.AppendUint64(record, st.Expect+1)
	record = st.Position.AppendBinary(record)
	if err := t.put(key, append(record, st.State...)); err != nil {
		return err
	}
	for i, seg := range st.Track {
		if err := t.batch.Set(segmentKey(seg.Day, st.Unit, st.Expect+1, i), seg.Data, nil); err != nil {
			return err
		}
	}
	return errors.Join(t.move(st.Unit, was, st.Position.Cell), t.visits(st), t.events(st))
}

// splitHead reads version and cell of a record; both 0 of none.
func splitHead(record []byte) (version uint64, at cell.ID, err error) {
	switch {
	case len(record) == 0:
		return 0, 0, nil
	case len(record) < recordHead:
		return 0, 0, unavailable(fleet.ErrStored)
	}
	return binary.BigEndian.Uint64(record), cell.ID(binary.BigEndian.Uint64(record[8:])), nil
}

// move keeps the cell index. Where the unit was is what its record says, which cannot be wrong; Step.PrevCell is not needed.
func (t *tx) move(unit fleet.UnitID, from, to cell.ID) error {
	if from == to {
		return nil
	}
	if from != 0 {
		if err := t.batch.Delete(cellKey(from, unit), nil); err != nil {
			return err
		}
	}
	if to == 0 {
		return nil
	}
	return t.batch.Set(cellKey(to, unit), nil, nil)
}

func (t *tx) visits(st *fleet.Step) error {
	for _, fence := range st.Closed {
		if err := t.batch.Delete(insideKey(fence, st.Unit), nil); err != nil {
			return err
		}
	}
	for _, fence := range st.Opened {
		if err := t.batch.Set(insideKey(fence, st.Unit), nil, nil); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) events(st *fleet.Step) error {
	for _, e := range st.Events {
		if err := errors.Join(t.unitEvent(st.Unit, e), t.logEvent(e)); err != nil {
			return err
		}
	}
	return nil
}

// unitEvent keeps the highest revision of an event under its time.
func (t *tx) unitEvent(unit fleet.UnitID, e fleet.EventRecord) error {
	indexKey := unitIndexKey(unit, e.ID)
	stands, err := t.get(indexKey)
	if err != nil {
		return err
	}
	at := fleet.AppendTime(nil, e.FixTime)
	if len(stands) > 0 {
		oldAt, rev := stands[:len(at)], binary.BigEndian.Uint32(stands[len(at):])
		if rev >= e.Revision {
			return nil
		}
		if err := t.batch.Delete(unitEventKey(unit, oldAt, e.ID), nil); err != nil {
			return err
		}
	}
	if err := t.put(indexKey, binary.BigEndian.AppendUint32(at[:len(at):len(at)], e.Revision)); err != nil {
		return err
	}
	return t.batch.Set(unitEventKey(unit, at, e.ID), e.AppendBinary(nil), nil)
}

// logEvent appends e to the log unless this revision of it is there.
func (t *tx) logEvent(e fleet.EventRecord) error {
	key := loggedKey(e.ID)
	stored, err := t.get(key)
	if err != nil {
		return err
	}
	l, err := decodeLogged(stored)
	if err != nil {
		return err
	}
	if l.has(e.Revision) {
		return nil
	}
	t.last++
	if t.first == 0 {
		t.first = t.last
	}
	if l.first == 0 {
		l.first = t.last
	}
	l.last, l.revisions = t.last, append(l.revisions, e.Revision)
	if err := t.put(key, l.append(nil)); err != nil {
		return err
	}
	return t.batch.Set(logKey(t.last), e.AppendBinary(nil), nil)
}
