package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"dipper/fleet"
	"dipper/fleet/cell"
)

// eventsPerCall bounds how many events one run of log.lua appends.
const eventsPerCall = 100

// work is what some outbox entries ask for, sorted by where it is to be done. Each piece remembers for which entries it is.
type work struct {
	cells  map[cell.ID]*piece // by parent: changes of the cell index
	fences map[string]*piece  // changes of the fence index
	log    []*piece           // entries of the event log, in order
	world  []any              // parents that are occupied now
}

func newWork() work { return work{cells: map[cell.ID]*piece{}, fences: map[string]*piece{}} }

// piece is the arguments of one script call; the last ones are appended after all others came.
type piece struct {
	first, last []any
	entries     []int
}

func (p *piece) of(i int) *piece {
	if len(p.entries) == 0 || p.entries[len(p.entries)-1] != i {
		p.entries = append(p.entries, i)
	}
	return p
}

// carryOut does what the entries ask for and clears them. It returns one error per entry, nil where all of it was done. Doing
// it twice, or late, is harmless.
func (s *Store) carryOut(ctx context.Context, entries []entry) []error {
	errs := make([]error, len(entries))
	if len(entries) == 0 {
		return errs
	}
	w := newWork()
	for i, e := range entries {
		frames, err := e.frames()
		if err != nil {
			errs[i] = unavailable(fmt.Errorf("outbox entry of %s: %w", e.unit, err))
			continue
		}
		for _, f := range frames {
			w.add(i, e.unit, f)
		}
	}
	s.carry(ctx, w, func(i int, err error) { errs[i] = errors.Join(errs[i], err) })
	s.clear(ctx, entries, errs)
	return errs
}

// carry does the work and calls failed for each entry of which something could not be done.
func (s *Store) carry(ctx context.Context, w work, failed func(entry int, err error)) {
	calls, owners := w.calls(s)
	s.run(ctx, calls)
	for i, c := range calls {
		if err := c.cmd.Err(); err != nil {
			for _, k := range owners[i] {
				failed(k, unavailable(err))
			}
		}
	}
	if len(w.world) == 0 {
		return
	}
	if err := s.client.SAdd(ctx, worldKey, w.world...).Err(); err != nil {
		for _, p := range w.cells {
			for _, k := range p.entries {
				failed(k, unavailable(err))
			}
		}
	}
}

// add sorts a frame of entry i into the work.
func (w *work) add(i int, unit fleet.UnitID, f frame) {
	version := strconv.FormatUint(f.version, 10)
	if f.from != f.to {
		if f.to != 0 {
			parent := directoryOf(f.to)
			p := pieceOf(w.cells, parent).of(i)
			p.first = append(p.first, "+", hexCell(f.to), string(unit), version)
			if name := hexCell(parent); !slices.Contains(w.world, any(name)) {
				w.world = append(w.world, name)
			}
		}
		if f.from != 0 {
			p := pieceOf(w.cells, directoryOf(f.from)).of(i)
			p.last = append(p.last, "-", hexCell(f.from), string(unit), version)
		}
	}
	for _, fence := range f.closed {
		p := pieceOf(w.fences, fence).of(i)
		p.first = append(p.first, "-", string(unit), version)
	}
	for _, fence := range f.opened {
		p := pieceOf(w.fences, fence).of(i)
		p.first = append(p.first, "+", string(unit), version)
	}
	for _, e := range f.events {
		w.event(i, e)
	}
}

func (w *work) event(i int, e fleet.EventRecord) {
	const argsPerEvent = 3
	if n := len(w.log); n == 0 || len(w.log[n-1].first) >= eventsPerCall*argsPerEvent {
		w.log = append(w.log, &piece{})
	}
	p := w.log[len(w.log)-1].of(i)
	id := e.ID
	e.ID = "" // the entry's field name
	p.first = append(p.first, id, e.Revision, e.AppendBinary(nil))
}

func pieceOf[K comparable](m map[K]*piece, key K) *piece {
	p := m[key]
	if p == nil {
		p = &piece{}
		m[key] = p
	}
	return p
}

// calls makes script calls of the work, and says for which entries each is.
func (w *work) calls(s *Store) (calls []*call, owners [][]int) {
	for _, p := range w.log {
		args := append([]any{s.cfg.EventCap}, p.first...)
		calls = append(calls, &call{script: &s.scripts.log, keys: []string{logStream, logIDs}, args: args})
		owners = append(owners, p.entries)
	}
	for parent, p := range w.cells {
		calls = append(calls, &call{script: &s.scripts.cells, keys: []string{directoryKey(parent)}, args: append(p.first, p.last...)})
		owners = append(owners, p.entries)
	}
	for fence, p := range w.fences {
		calls = append(calls, &call{script: &s.scripts.inside, keys: []string{insideKey(fence)}, args: p.first})
		owners = append(owners, p.entries)
	}
	return calls, owners
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
