package redisstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"dipper/fleet"
)

// outboxMost bounds a unit's outbox entry. It fills only while the master of the event log is down and the unit's is up.
const outboxMost = 256 << 10

// errOutboxFull: too many events of this unit still wait to be logged.
var errOutboxFull = errors.New("outbox full")

// entry is what a unit's outbox holds: the version of the last step in it (8 bytes), then a frame of each step whose
// events are not known to be in the log, oldest first.
type entry struct {
	unit fleet.UnitID
	data string
	step int // the place in Commit's steps; of no meaning in a sweep
}

// version is that of the last step in the entry.
func (e entry) version() string { return e.data[:min(8, len(e.data))] }

// appendFrame appends a step's events with their length before them.
func appendFrame(dst []byte, events []fleet.EventRecord) []byte {
	for _, e := range events {
		b := e.AppendBinary(nil)
		dst = append(binary.AppendUvarint(dst, uint64(len(b))), b...)
	}
	return dst
}

// events takes an entry apart; fleet.ErrStored if it is damaged.
func (e entry) events() ([]fleet.EventRecord, error) {
	var events []fleet.EventRecord
	rest := []byte(e.data[len(e.version()):])
	for len(rest) > 0 {
		n, used := binary.Uvarint(rest)
		if used <= 0 || n > uint64(len(rest)-used) {
			return nil, fleet.ErrStored
		}
		end := used + int(n)
		event, err := fleet.DecodeEventRecord(rest[used:end])
		if err != nil {
			return nil, err
		}
		events = append(events, event)
		rest = rest[end:]
	}
	return events, nil
}

// post adds the entries' events to the work; the owners are the entries' places. It returns the errors of damaged entries.
func (w *work) post(entries []entry) []error {
	errs := make([]error, len(entries))
	for i, e := range entries {
		events, err := e.events()
		if err != nil {
			errs[i] = unavailable(fmt.Errorf("outbox entry of %s: %w", e.unit, err))
		}
		for _, event := range events {
			w.event(i, event)
		}
	}
	return errs
}

// carryOut logs the entries' events, does the rest of the work with them, and clears what was done from the outboxes. It returns one
// error per entry. Doing it twice, or late, is harmless.
func (s *Store) carryOut(ctx context.Context, entries []entry, w work) []error {
	errs := w.post(entries)
	s.carry(ctx, w, func(i int, err error) { errs[i] = err })
	s.clear(ctx, entries, errs)
	return errs
}

// clear takes the entries without an error from their outboxes. Failing is harmless: a sweep does them again.
func (s *Store) clear(ctx context.Context, entries []entry, errs []error) {
	const unitsPerCall = 50
	open := map[int]*call{} // the call that still has room
	var calls []*call
	for i, e := range entries {
		if errs[i] != nil {
			continue
		}
		together := s.together(e.unit)
		c := open[together]
		if c == nil || len(c.keys) == unitsPerCall {
			c = &call{script: &s.scripts.clear}
			open[together] = c
			calls = append(calls, c)
		}
		c.keys = append(c.keys, shardKey('o', shardOf(e.unit)))
		c.args = append(c.args, string(e.unit), e.version())
	}
	s.run(ctx, calls)
	for _, c := range calls {
		if err := c.cmd.Err(); err != nil {
			s.cfg.Log.Debug("outbox not cleared", "err", err)
		}
	}
}
