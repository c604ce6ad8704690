package redisstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"dipper/fleet"
)

// recordHead is what stands before a record's state: version, the mark of the step that wrote it, position.
const (
	markAt     = 8
	positionAt = 16
	recordHead = positionAt + fleet.PositionSize
)

// stepsPerCall is how many steps share one script call where they can, and callsPerPipeline how many calls share one round trip: enough
// that a script's fixed cost is spread, and few enough that other clients wait for it below a millisecond.
const (
	stepsPerCall     = 16
	callsPerPipeline = 64
)

// group is a script call with the steps in it, by their place in Commit's argument.
type group struct {
	call
	steps []int
}

// Commit announces in the indexes where units come into a cell or a fence, runs the steps' scripts, and then logs their events and
// takes from the indexes where units left.
func (s *Store) Commit(ctx context.Context, steps []fleet.Step) []error {
	errs := make([]error, len(steps))
	if err := ctx.Err(); err != nil {
		return fill(errs, unavailable(err))
	}
	w := newWork()
	for i := range steps {
		w.arrivals(i, &steps[i])
	}
	s.carry(ctx, w, func(i int, err error) { errs[i] = err })

	entries := s.store(ctx, steps, errs)

	w = newWork()
	var recant []sighting // announced, but another commit was first
	for i := range steps {
		st := &steps[i]
		switch {
		case errs[i] == nil:
			w.departures(st)
		case errs[i] == fleet.ErrConflict && st.Position.Cell != st.PrevCell:
			recant = append(recant, sighting{st.Unit, st.Position.Cell, st.Expect + 1})
		}
	}
	if err := s.check(ctx, recant, func(fleet.Position) {}); err != nil {
		s.cfg.Log.Debug("index entries of refused steps not looked at", "err", err) // readers will
	}
	for i, err := range s.carryOut(ctx, entries, w) {
		if err != nil {
			errs[entries[i].step] = fmt.Errorf("stored, but its events are not yet in the log: %w", err)
		}
	}
	return errs
}

// arrivals adds to the indexes where the step brings its unit.
func (w *work) arrivals(i int, st *fleet.Step) {
	version := st.Expect + 1
	if at := st.Position.Cell; at != 0 && at != st.PrevCell {
		w.enter(i, st.Unit, at, version)
	}
	for _, fence := range st.Opened {
		w.open(i, st.Unit, fence, version)
	}
}

// departures takes from the indexes where a stored step ended its unit's stay.
func (w *work) departures(st *fleet.Step) {
	version := st.Expect + 1
	if from := st.PrevCell; from != 0 && from != st.Position.Cell {
		w.leave(st.Unit, from, version)
	}
	for _, fence := range st.Closed {
		w.close(st.Unit, fence, version)
	}
}

// store runs the scripts of the steps that have no error yet. It returns the outbox entries that are to be carried out.
func (s *Store) store(ctx context.Context, steps []fleet.Step, errs []error) []entry {
	var entries []entry
	for groups := range slices.Chunk(s.groups(steps, errs), callsPerPipeline) {
		calls := make([]*call, len(groups))
		for i, g := range groups {
			calls[i] = &g.call
		}
		s.runSettled(ctx, calls)
		for _, g := range groups {
			entries = g.read(steps, errs, entries)
		}
	}
	return entries
}

func fill(errs []error, err error) []error {
	for i := range errs {
		errs[i] = err
	}
	return errs
}

// groups puts the steps into script calls: those of one shard together, since a Cluster runs a script in one slot; any
// together where there is no Cluster. Steps of one unit stay in order. Steps with an error are left out.
func (s *Store) groups(steps []fleet.Step, errs []error) []*group {
	var all []*group
	open := map[int]*group{} // the group that still has room
	for i := range steps {
		if errs[i] != nil {
			continue
		}
		together := s.together(steps[i].Unit)
		g := open[together]
		if g == nil || len(g.steps) == s.stepsPerCall {
			g = &group{call: call{script: &s.scripts.step}}
			g.args = append(g.args, s.cfg.Now().Unix(), int64(s.cfg.TrackRetention.Seconds()), outboxMost)
			open[together] = g
			all = append(all, g)
		}
		g.steps = append(g.steps, i)
		s.add(g, &steps[i])
	}
	return all
}

// together is the same for units that can share a script call: all, or in a Cluster those of one shard.
func (s *Store) together(unit fleet.UnitID) int {
	if s.cluster == nil {
		return 0
	}
	return shardOf(unit)
}

// add appends a step's arguments, in the order that step.lua reads them.
func (s *Store) add(g *group, st *fleet.Step) {
	var expect []byte
	if st.Expect > 0 {
		expect = binary.BigEndian.AppendUint64(nil, st.Expect)
		if st.ExpectMark != 0 {
			expect = binary.BigEndian.AppendUint64(expect, st.ExpectMark)
		}
	}
	mark := st.Mark
	if mark == 0 {
		mark = s.nonce.Add(1)
	}
	record := make([]byte, 0, recordHead+len(st.State))
	record = binary.BigEndian.AppendUint64(record, st.Expect+1)
	record = binary.BigEndian.AppendUint64(record, mark)
	record = st.Position.AppendBinary(record)
	record = append(record, st.State...)

	more := ""
	if len(st.Events)+len(st.Closed)+len(st.Opened) > 0 {
		more = fmt.Sprintf("%d %d %d", len(st.Events), len(st.Closed), len(st.Opened))
	}
	segments := 0
	for _, seg := range st.Track {
		if len(seg.Data) > 0 {
			segments++
		}
	}
	g.keys = append(g.keys, recordKey(st.Unit))
	g.args = append(g.args, expect, record, more, segments)
	for _, seg := range st.Track {
		if len(seg.Data) > 0 {
			g.args = append(g.args, int32(seg.Day), seg.Data)
		}
	}
	if more == "" {
		return
	}
	if len(st.Events) > 0 {
		g.args = append(g.args, appendFrame(nil, st.Events))
	}
	for _, e := range st.Events {
		g.args = append(g.args, e.ID, e.Revision, e.FixTime.Unix(), e.AppendBinary(nil))
	}
	for _, fence := range st.Closed {
		g.args = append(g.args, fence)
	}
	for _, fence := range st.Opened {
		g.args = append(g.args, fence)
	}
}

// read takes the answers of a group's steps into errs, and the outbox entries that are to be carried out into entries.
func (g *group) read(steps []fleet.Step, errs []error, entries []entry) []entry {
	answers, err := g.cmd.Slice()
	if err == nil && len(answers) != len(g.steps) {
		err = fmt.Errorf("%d answers to %d steps", len(answers), len(g.steps))
	}
	if err != nil {
		for _, i := range g.steps {
			errs[i] = unavailable(err)
		}
		return entries
	}
	const conflict, stored, full = 0, 1, -1
	for k, i := range g.steps {
		switch a := answers[k].(type) {
		case string:
			entries = append(entries, entry{unit: steps[i].Unit, data: a, step: i})
		case int64:
			switch a {
			case stored:
			case conflict:
				errs[i] = fleet.ErrConflict
			case full:
				errs[i] = unavailable(errOutboxFull)
			}
		default:
			errs[i] = unavailable(fmt.Errorf("answer %v to a step", a))
		}
	}
	return entries
}
