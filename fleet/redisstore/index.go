package redisstore

import (
	"context"
	"slices"
	"strconv"

	"dipper/fleet"
	"dipper/fleet/cell"
)

// work is changes to what lies outside the units' own slots, sorted by the script call that makes them. Each change may have an
// owner, a number of the caller's, so that the caller learns what could not be done.
//
// An index entry carries the version of the step that made it. It is written before that step and removed after the step
// that ends it, so the index always names at least those who are there, and a crash leaves an entry too many, never one too
// few. Readers ask the unit's own keys, and remove what those contradict.
type work struct {
	cells  map[cell.ID]*piece // by parent: changes of the cell index
	fences map[string]*piece  // changes of the fence index
	log    []*piece           // entries of the event log, in order
	world  []any              // parents that are occupied now
}

// piece is the arguments of one script call, and whose they are.
type piece struct {
	args   []any
	owners []int
}

// nobody is the owner of a change that may fail: it will be made up for.
const nobody = -1

func newWork() work { return work{cells: map[cell.ID]*piece{}, fences: map[string]*piece{}} }

func (p *piece) add(owner int, args ...any) {
	p.args = append(p.args, args...)
	if owner != nobody && !slices.Contains(p.owners[max(0, len(p.owners)-1):], owner) {
		p.owners = append(p.owners, owner)
	}
}

func pieceOf[K comparable](m map[K]*piece, key K) *piece {
	p := m[key]
	if p == nil {
		p = &piece{}
		m[key] = p
	}
	return p
}

func decimal(n uint64) string { return strconv.FormatUint(n, 10) }

// enter adds a unit to a cell, by the step that makes version.
func (w *work) enter(owner int, unit fleet.UnitID, c cell.ID, version uint64) {
	parent := directoryOf(c)
	pieceOf(w.cells, parent).add(owner, "+", hexCell(c), string(unit), decimal(version))
	if name := any(hexCell(parent)); !slices.Contains(w.world, name) {
		w.world = append(w.world, name)
	}
}

// leave removes a unit from a cell unless a later step brought it back.
func (w *work) leave(unit fleet.UnitID, c cell.ID, version uint64) {
	pieceOf(w.cells, directoryOf(c)).add(nobody, "-", hexCell(c), string(unit), decimal(version))
}

// open adds a unit to a fence.
func (w *work) open(owner int, unit fleet.UnitID, fence string, version uint64) {
	pieceOf(w.fences, fence).add(owner, "+", string(unit), decimal(version))
}

// close removes a unit from a fence unless a later step opened a visit again.
func (w *work) close(unit fleet.UnitID, fence string, version uint64) {
	pieceOf(w.fences, fence).add(nobody, "-", string(unit), decimal(version))
}

// stale removes an index entry unless it changed since it was read.
func (w *work) stale(e sighting) {
	pieceOf(w.cells, directoryOf(e.at)).add(nobody, "?", hexCell(e.at), string(e.unit), decimal(e.version))
}

// event appends an event to the log.
func (w *work) event(owner int, e fleet.EventRecord) {
	const argsPerEvent, eventsPerCall = 3, 100
	if n := len(w.log); n == 0 || len(w.log[n-1].args) >= eventsPerCall*argsPerEvent {
		w.log = append(w.log, &piece{})
	}
	id := e.ID
	e.ID = "" // the entry's field name
	w.log[len(w.log)-1].add(owner, id, e.Revision, e.AppendBinary(nil))
}

// carry does the work in one pipeline per master and calls failed for each owner of what could not be done.
func (s *Store) carry(ctx context.Context, w work, failed func(owner int, err error)) {
	var calls []*call
	var pieces []*piece
	add := func(p *piece, sc *script, keys []string, args []any) {
		calls = append(calls, &call{script: sc, keys: keys, args: args})
		pieces = append(pieces, p)
	}
	for _, p := range w.log {
		add(p, &s.scripts.log, []string{logStream, logIDs}, append([]any{s.cfg.EventCap, s.nonce.Add(1)}, p.args...))
	}
	logged := len(calls)
	for parent, p := range w.cells {
		add(p, &s.scripts.cells, []string{directoryKey(parent)}, p.args)
	}
	for fence, p := range w.fences {
		add(p, &s.scripts.inside, []string{insideKey(fence)}, p.args)
	}
	if s.cfg.WaitReplicas > 0 { // for the log, which nothing makes up for
		s.runSettled(ctx, calls[:logged])
		s.run(ctx, calls[logged:])
	} else {
		s.run(ctx, calls)
	}
	for i, c := range calls {
		if err := c.cmd.Err(); err != nil {
			pieces[i].fail(failed, unavailable(err))
		}
	}
	if len(w.world) == 0 {
		return
	}
	if err := s.client.SAdd(ctx, worldKey, w.world...).Err(); err != nil {
		for _, p := range w.cells {
			p.fail(failed, unavailable(err))
		}
	}
}

func (p *piece) fail(failed func(int, error), err error) {
	for _, owner := range p.owners {
		failed(owner, err)
	}
}
