package redisstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"dipper/fleet"
)

// recordHead is what stands before a record's state: version, the nonce of the step that wrote it, position.
const (
	positionAt = 16
	recordHead = positionAt + fleet.PositionSize
)

// outboxMost bounds a unit's outbox entry. It fills only while the masters of the indexes are down and the unit's is up.
const outboxMost = 256 << 10

// errOutboxFull: too much of this unit still waits to be carried out.
var errOutboxFull = errors.New("outbox full")

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

// Commit runs the steps' scripts, carries out what follows from them, and clears that from the outboxes.
func (s *Store) Commit(ctx context.Context, steps []fleet.Step) []error {
	errs := make([]error, len(steps))
	if err := ctx.Err(); err != nil {
		return fill(errs, unavailable(err))
	}
	entries := make([]entry, 0)
	groups := s.groups(steps)
	for len(groups) > 0 {
		n := min(len(groups), callsPerPipeline)
		calls := make([]*call, n)
		for i, g := range groups[:n] {
			calls[i] = &g.call
		}
		s.run(ctx, calls)
		for _, g := range groups[:n] {
			entries = g.read(steps, errs, entries)
		}
		groups = groups[n:]
	}
	failed := s.carryOut(ctx, entries)
	for i, err := range failed {
		if err != nil {
			errs[entries[i].step] = fmt.Errorf("stored, but not yet told to the indexes: %w", err)
		}
	}
	return errs
}

func fill(errs []error, err error) []error {
	for i := range errs {
		errs[i] = err
	}
	return errs
}

// groups puts the steps into script calls: those of one shard together, since a Cluster runs a script in one slot; any
// together where there is no Cluster. Steps of one unit stay in order.
func (s *Store) groups(steps []fleet.Step) []*group {
	var all []*group
	open := map[int]*group{} // the group that still has room
	for i := range steps {
		together := s.together(steps[i].Unit)
		g := open[together]
		if g == nil || len(g.steps) == stepsPerCall {
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
	}
	record := make([]byte, 0, recordHead+len(st.State))
	record = binary.BigEndian.AppendUint64(record, st.Expect+1)
	record = binary.BigEndian.AppendUint64(record, s.nonce.Add(1))
	record = st.Position.AppendBinary(record)
	record = append(record, st.State...)

	more := ""
	if follows(st) {
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
	g.args = append(g.args, appendFrame(nil, st))
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

// follows reports whether other slots have to hear of the step.
func follows(st *fleet.Step) bool {
	return len(st.Events)+len(st.Closed)+len(st.Opened) > 0 || st.Position.Cell != st.PrevCell
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
