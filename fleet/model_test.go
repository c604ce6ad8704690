package fleet_test

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"dipper/fleet"
	"dipper/fleet/cell"
)

// modelStore is the slow and obvious store: everything in maps, every question answered by looking at everything. The real stores
// are held against it.
type modelStore struct {
	mu        sync.Mutex // guards the following
	records   map[fleet.UnitID]fleet.Record
	positions map[fleet.UnitID]fleet.Position
	tracks    map[fleet.UnitID]map[fleet.Day][]byte
	inside    map[string]map[fleet.UnitID]bool
	events    map[fleet.UnitID]map[string]fleet.EventRecord
	log       []fleet.EventRecord
	docs      map[string]map[string]fleet.Document
	versions  map[string]uint64
	commits   int
	changed   chan struct{} // closed and replaced at every change
}

var _ fleet.Store = (*modelStore)(nil)

func newModelStore() *modelStore {
	return &modelStore{
		records: map[fleet.UnitID]fleet.Record{}, positions: map[fleet.UnitID]fleet.Position{},
		tracks: map[fleet.UnitID]map[fleet.Day][]byte{}, inside: map[string]map[fleet.UnitID]bool{},
		events: map[fleet.UnitID]map[string]fleet.EventRecord{},
		docs:   map[string]map[string]fleet.Document{}, versions: map[string]uint64{}, changed: make(chan struct{}),
	}
}

func (m *modelStore) Ready(context.Context) error                { return nil }
func (m *modelStore) Durability(context.Context) (string, error) { return "model in memory", nil }
func (m *modelStore) Run(ctx context.Context) error              { <-ctx.Done(); return ctx.Err() }
func (m *modelStore) Close() error                               { return nil }

func (m *modelStore) change() {
	close(m.changed)
	m.changed = make(chan struct{})
}

func (m *modelStore) wait(ctx context.Context, ready func() bool) error {
	for {
		m.mu.Lock()
		ok, changed := ready(), m.changed
		m.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (m *modelStore) Load(_ context.Context, unit fleet.UnitID) (fleet.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.records[unit]
	r.State = bytes.Clone(r.State)
	return r, nil
}

func (m *modelStore) EachRecord(_ context.Context, fn func(fleet.UnitID, fleet.Record) error) error {
	m.mu.Lock()
	all := maps.Clone(m.records)
	m.mu.Unlock()
	for id, r := range all {
		if err := fn(id, r); err != nil {
			return err
		}
	}
	return nil
}

func (m *modelStore) Commit(_ context.Context, steps []fleet.Step) []error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.commits++
	errs := make([]error, len(steps))
	for i := range steps {
		errs[i] = m.step(&steps[i])
	}
	m.change()
	return errs
}

func (m *modelStore) step(s *fleet.Step) error {
	if m.records[s.Unit].Version != s.Expect {
		return fleet.ErrConflict
	}
	m.records[s.Unit] = fleet.Record{Version: s.Expect + 1, State: bytes.Clone(s.State)}
	m.positions[s.Unit] = s.Position
	for _, seg := range s.Track {
		if m.tracks[s.Unit] == nil {
			m.tracks[s.Unit] = map[fleet.Day][]byte{}
		}
		m.tracks[s.Unit][seg.Day] = append(m.tracks[s.Unit][seg.Day], seg.Data...)
	}
	for _, f := range s.Closed {
		delete(m.inside[f], s.Unit)
	}
	for _, f := range s.Opened {
		if m.inside[f] == nil {
			m.inside[f] = map[fleet.UnitID]bool{}
		}
		m.inside[f][s.Unit] = true
	}
	for _, e := range s.Events {
		m.event(s.Unit, e)
	}
	return nil
}

func (m *modelStore) event(unit fleet.UnitID, e fleet.EventRecord) {
	if m.events[unit] == nil {
		m.events[unit] = map[string]fleet.EventRecord{}
	}
	if e.Revision > m.events[unit][e.ID].Revision {
		m.events[unit][e.ID] = e
	}
	if !slices.ContainsFunc(m.log, func(l fleet.EventRecord) bool { return l.ID == e.ID && l.Revision == e.Revision }) {
		m.log = append(m.log, e)
	}
}

func (m *modelStore) Track(_ context.Context, unit fleet.UnitID, day fleet.Day) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return bytes.Clone(m.tracks[unit][day]), nil
}

func (m *modelStore) Days(_ context.Context, unit fleet.UnitID) ([]fleet.Day, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.tracks[unit])), nil
}

func (m *modelStore) OccupiedCells(_ context.Context, parents []cell.ID) ([]cell.ID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	set := map[cell.ID]bool{}
	for _, p := range m.positions {
		if p.Cell != 0 && (parents == nil || slices.Contains(parents, cell.Parent(p.Cell, cell.Directory))) {
			set[p.Cell] = true
		}
	}
	return slices.Sorted(maps.Keys(set)), nil
}

func (m *modelStore) InCells(_ context.Context, cells []cell.ID) ([]fleet.Position, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []fleet.Position
	for _, p := range m.positions {
		if p.Cell != 0 && slices.Contains(cells, p.Cell) {
			out = append(out, p)
		}
	}
	return out, nil
}

func (m *modelStore) Inside(_ context.Context, fence string) ([]fleet.UnitID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.inside[fence])), nil
}

func (m *modelStore) UnitEvents(_ context.Context, unit fleet.UnitID, from time.Time) ([]fleet.EventRecord, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []fleet.EventRecord
	for _, e := range m.events[unit] {
		if !e.FixTime.Before(from) {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b fleet.EventRecord) int {
		return cmp.Or(a.FixTime.Compare(b.FixTime), cmp.Compare(a.ID, b.ID))
	})
	return out, nil
}

func (m *modelStore) Events(_ context.Context, after fleet.Cursor, limit int) ([]fleet.LogEntry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []fleet.LogEntry
	for i := int(after); i < len(m.log) && len(out) < limit; i++ {
		out = append(out, fleet.LogEntry{Cursor: fleet.Cursor(i + 1), EventRecord: m.log[i]})
	}
	return out, nil
}

func (m *modelStore) EventCursor(_ context.Context, id string) (fleet.Cursor, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, e := range m.log {
		if e.ID == id {
			return fleet.Cursor(i + 1), nil
		}
	}
	return 0, fleet.ErrNotFound
}

func (m *modelStore) LastCursor(context.Context) (fleet.Cursor, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return fleet.Cursor(len(m.log)), nil
}

func (m *modelStore) WaitEvents(ctx context.Context, after fleet.Cursor) error {
	return m.wait(ctx, func() bool { return len(m.log) > int(after) })
}

func (m *modelStore) Document(_ context.Context, kind, id string) (fleet.Document, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, ok := m.docs[kind][id]
	if !ok {
		return fleet.Document{}, fleet.ErrNotFound
	}
	return d, nil
}

func (m *modelStore) Documents(_ context.Context, kind string) ([]fleet.Document, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.SortedFunc(maps.Values(m.docs[kind]), func(a, b fleet.Document) int { return cmp.Compare(a.ID, b.ID) }), nil
}

func (m *modelStore) PutDocument(_ context.Context, kind, id string, data []byte, expect uint64) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.docs[kind][id].Revision != expect {
		return 0, fleet.ErrConflict
	}
	if m.docs[kind] == nil {
		m.docs[kind] = map[string]fleet.Document{}
	}
	m.docs[kind][id] = fleet.Document{ID: id, Revision: expect + 1, Data: bytes.Clone(data)}
	m.versions[kind]++
	m.change()
	return expect + 1, nil
}

func (m *modelStore) DeleteDocument(_ context.Context, kind, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.docs[kind][id]; !ok {
		return fleet.ErrNotFound
	}
	delete(m.docs[kind], id)
	m.versions[kind]++
	m.change()
	return nil
}

func (m *modelStore) WaitDocuments(ctx context.Context, kind string, since uint64) error {
	return m.wait(ctx, func() bool { return m.versions[kind] != since })
}

func (m *modelStore) DocumentsVersion(_ context.Context, kind string) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.versions[kind], nil
}

// ChangedDocuments remembers nothing: whoever asks reads all.
func (m *modelStore) ChangedDocuments(ctx context.Context, kind string, since uint64) (ids []string, version uint64, known bool, err error) {
	version, err = m.DocumentsVersion(ctx, kind)
	return nil, version, version == since, err
}
