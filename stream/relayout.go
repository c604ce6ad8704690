package stream

import (
	"sync"

	"dipper/fleet"
	"dipper/fleet/cell"
)

// maxOutgoing bounds the positions that wait to be told to other nodes: some seconds' worth of a busy node, while Redis is away. Beyond
// it they are given up, and the others told to read.
const maxOutgoing = 100_000

// maxMessagePositions bounds one message, to about 90 kB.
const maxMessagePositions = 1000

// outgoing gathers what is to be told to other nodes: of each unit the newest only, by area.
type outgoing struct {
	mu    sync.Mutex
	areas map[cell.ID]map[fleet.UnitID]fleet.Position
	size  int
	lost  uint32 // how often positions were given up
}

// add takes a position for an area. It reports whether it is the first that waits.
func (o *outgoing) add(area cell.ID, p fleet.Position) (first bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	first = o.size == 0
	o.addLocked(area, p)
	return first
}

func (o *outgoing) addLocked(area cell.ID, p fleet.Position) {
	units := o.areas[area]
	if units == nil {
		units = map[fleet.UnitID]fleet.Position{}
		if o.areas == nil {
			o.areas = map[cell.ID]map[fleet.UnitID]fleet.Position{}
		}
		o.areas[area] = units
	}
	before, has := units[p.Unit]
	switch {
	case !has && o.size >= maxOutgoing:
		o.areas, o.size = nil, 0
		o.lost++
		return
	case !has:
		o.size++
	case p.Time.Before(before.Time):
		return
	}
	units[p.Unit] = p
}

// take empties it.
func (o *outgoing) take() map[cell.ID]map[fleet.UnitID]fleet.Position {
	o.mu.Lock()
	defer o.mu.Unlock()
	areas := o.areas
	o.areas, o.size = nil, 0
	return areas
}

// giveBack puts in again what could not be told, but where newer positions came meanwhile.
func (o *outgoing) giveBack(areas map[cell.ID]map[fleet.UnitID]fleet.Position) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for area, units := range areas {
		for _, p := range units {
			o.addLocked(area, p)
		}
	}
}

func (o *outgoing) losses() uint32 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.lost
}

// pack makes the messages: one for each area, or a few for a very busy one.
func pack(node uint64, areas map[cell.ID]map[fleet.UnitID]fleet.Position) (messages []fleet.Message, positions int) {
	for area, units := range areas {
		data, n := appendRelayHead(nil, kindPositions, node), 0
		for _, p := range units {
			if n == maxMessagePositions {
				messages = append(messages, fleet.Message{Area: area, Data: data})
				data, n = appendRelayHead(nil, kindPositions, node), 0
			}
			data = appendRelayPosition(data, p)
			n++
		}
		messages = append(messages, fleet.Message{Area: area, Data: data})
		positions += len(units)
	}
	return messages, positions
}
