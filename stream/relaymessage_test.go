package stream

import (
	"errors"
	"math"
	"reflect"
	"testing"
	"time"

	"dipper/fleet"
	"dipper/fleet/cell"
	"dipper/positioning/geo"
)

func relayPosition(unit string, lat float64) fleet.Position {
	at := geo.Point{Lat: lat, Lon: 120}
	return fleet.Position{
		Unit: fleet.UnitID(unit), Time: time.UnixMilli(1_800_000_000_123).UTC(), Point: at, SpeedMps: 5, CourseDeg: 271, ErrM: 2.5,
		Series: 7, Seq: 9, Cell: cell.FromPoint(at),
	}
}

func TestRelayMessages(t *testing.T) {
	want := []fleet.Position{relayPosition("鲁B12345", 36), relayPosition("u", -89.9)}
	data := appendRelayHead(nil, kindPositions, 42)
	for _, p := range want {
		data = appendRelayPosition(data, p)
	}
	m, err := decodeRelayMessage(data)
	if err != nil || m.node != 42 || m.beat != nil || !reflect.DeepEqual(m.positions, want) {
		t.Errorf("%+v, %v", m, err)
	}
	for _, b := range []beat{{}, {sending: true, losses: math.MaxUint32}, {leaving: true}} {
		m, err := decodeRelayMessage(appendBeat(nil, 1, b))
		if err != nil || m.node != 1 || m.beat == nil || *m.beat != b {
			t.Errorf("%+v came back as %+v, %v", b, m.beat, err)
		}
	}
	bad := relayPosition("u", 36)
	bad.Cell = cell.Parent(bad.Cell, cell.Area)
	for name, data := range map[string][]byte{
		"empty":                 {},
		"no sender":             {relayVersion, kindBeat, 1, 2},
		"beat cut off":          appendBeat(nil, 1, beat{})[:beatSize-1],
		"position cut off":      data[:len(data)-1],
		"id longer than any":    append(appendRelayHead(nil, kindPositions, 1), 0xff, 0xff, 0xff),
		"not a unit":            appendRelayPosition(appendRelayHead(nil, kindPositions, 1), relayPosition("", 36)),
		"not a working cell":    appendRelayPosition(appendRelayHead(nil, kindPositions, 1), bad),
		"not a place on earth":  appendRelayPosition(appendRelayHead(nil, kindPositions, 1), relayPosition("u", 91)),
		"not a number of a lat": appendRelayPosition(appendRelayHead(nil, kindPositions, 1), relayPosition("u", math.NaN())),
	} {
		if m, err := decodeRelayMessage(data); !errors.Is(err, errRelayMessage) {
			t.Errorf("%s: %+v, %v, want errRelayMessage", name, m, err)
		}
	}
	for name, data := range map[string][]byte{
		"of a later version": append([]byte{relayVersion + 1}, data[1:]...),
		"of a later kind":    {relayVersion, 9, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3},
	} {
		if m, err := decodeRelayMessage(data); err != nil || m.beat != nil || m.positions != nil {
			t.Errorf("a message %s: %+v, %v, want to pass over it", name, m, err)
		}
	}
}

func FuzzRelayMessage(f *testing.F) {
	f.Add(appendBeat(nil, 1, beat{sending: true}))
	f.Add(appendRelayPosition(appendRelayHead(nil, kindPositions, 1), relayPosition("鲁B12345", 36)))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := decodeRelayMessage(data)
		if err != nil {
			return
		}
		p := newPlot()
		for _, pos := range m.positions {
			p.move(pos) // must find a place for whatever was taken
		}
	})
}
