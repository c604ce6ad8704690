package storetest

import (
	"math"
	"strings"
	"testing"
	"time"

	"dipper/fleet"
	"dipper/fleet/cell"
	"dipper/positioning/geo"
)

// Real cells of resolution 7 and their parents of resolution 3, by the H3 library: two in one parent, others elsewhere, one
// that lies across 180°, one at the pole, and a pentagon.
const (
	qingdao       cell.ID = 0x8730a1209ffffff
	qingdaoOffing cell.ID = 0x8730a1273ffffff
	shanghai      cell.ID = 0x87309959dffffff
	fiji          cell.ID = 0x879b43634ffffff
	pole          cell.ID = 0x870326231ffffff
	pentagon      cell.ID = 0x870800000ffffff

	qingdaoParent  cell.ID = 0x8330a1fffffffff
	shanghaiParent cell.ID = 0x833099fffffffff
	fijiParent     cell.ID = 0x839b43fffffffff
	poleParent     cell.ID = 0x830326fffffffff
	pentagonParent cell.ID = 0x830800fffffffff
)

// noon is a time of fixes.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 123e6, time.UTC)

// at is a position whose every value is known and depends on n.
func at(unit fleet.UnitID, c cell.ID, n int) fleet.Position {
	f := float64(n)
	return fleet.Position{
		Unit: unit, Time: noon.Add(time.Duration(n) * time.Second), Point: geo.Point{Lat: 36 + f/1e4, Lon: 120 - f/1e4},
		SpeedMps: f / 10, CourseDeg: math.Mod(f, 360), ErrM: 2.5, Series: 7, Seq: uint64(n), Cell: c,
	}
}

// event is an event whose data tells id and revision.
func event(id string, revision uint32, fixTime time.Time) fleet.EventRecord {
	return fleet.EventRecord{ID: id, Revision: revision, FixTime: fixTime, Data: []byte("event " + id + strings.Repeat("'", int(revision)))}
}

// mustCommit commits steps that must all be stored.
func mustCommit(t *testing.T, s fleet.Store, steps ...fleet.Step) {
	t.Helper()
	for i, err := range s.Commit(t.Context(), steps) {
		if err != nil {
			t.Fatalf("commit of step %d (%s, expecting version %d): %v", i, steps[i].Unit, steps[i].Expect, err)
		}
	}
}

func load(t *testing.T, s fleet.Store, unit fleet.UnitID) fleet.Record {
	t.Helper()
	r, err := s.Load(t.Context(), unit)
	if err != nil {
		t.Fatalf("Load(%s): %v", unit, err)
	}
	return r
}

// logOf reads the whole log, a few entries at a time, and checks that the cursors count 1, 2, 3 …
func logOf(t *testing.T, s fleet.Store) []fleet.LogEntry {
	t.Helper()
	const few = 7
	var all []fleet.LogEntry
	for {
		after := fleet.Cursor(len(all))
		some, err := s.Events(t.Context(), after, few)
		if err != nil {
			t.Fatalf("Events(%d): %v", after, err)
		}
		for i, e := range some {
			if want := after + fleet.Cursor(i) + 1; e.Cursor != want {
				t.Fatalf("entry after %d has cursor %d, want %d", after, e.Cursor, want)
			}
		}
		if len(some) == 0 {
			break
		}
		all = append(all, some...)
	}
	if last, err := s.LastCursor(t.Context()); err != nil || last != fleet.Cursor(len(all)) {
		t.Fatalf("LastCursor() = %d, %v, want %d", last, err, len(all))
	}
	return all
}

func sameEvent(a, b fleet.EventRecord) bool {
	return a.ID == b.ID && a.Revision == b.Revision && a.FixTime.Equal(b.FixTime) && string(a.Data) == string(b.Data)
}

func sameEvents(a, b []fleet.EventRecord) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !sameEvent(a[i], b[i]) {
			return false
		}
	}
	return true
}

// samePosition is == where unknown equals unknown.
func samePosition(a, b fleet.Position) bool {
	for _, pair := range []*float64{&a.SpeedMps, &a.CourseDeg, &a.ErrM, &b.SpeedMps, &b.CourseDeg, &b.ErrM} {
		if math.IsNaN(*pair) {
			*pair = -1
		}
	}
	sameTime := a.Time.Equal(b.Time)
	a.Time, b.Time = time.Time{}, time.Time{}
	return sameTime && a == b
}
