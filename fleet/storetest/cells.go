package storetest

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"

	"dipper/fleet"
	"dipper/fleet/cell"
)

func unitNo(i int) fleet.UnitID { return fleet.UnitID(fmt.Sprintf("unit-%05d", i)) }

// inCells gives the positions in the order of their units.
func inCells(t *testing.T, s fleet.Store, cells ...cell.ID) []fleet.Position {
	t.Helper()
	ps, err := s.InCells(t.Context(), cells)
	if err != nil {
		t.Fatalf("InCells: %v", err)
	}
	slices.SortFunc(ps, func(a, b fleet.Position) int { return cmp.Compare(a.Unit, b.Unit) })
	return ps
}

func wantIn(t *testing.T, s fleet.Store, cells []cell.ID, want ...fleet.Position) {
	t.Helper()
	got := inCells(t, s, cells...)
	if !slices.EqualFunc(got, want, samePosition) {
		t.Errorf("InCells(%x)\n got %+v\nwant %+v", cells, got, want)
	}
}

func wantOccupied(t *testing.T, s fleet.Store, parents []cell.ID, want ...cell.ID) {
	t.Helper()
	got, err := s.OccupiedCells(t.Context(), parents)
	if err != nil {
		t.Fatalf("OccupiedCells: %v", err)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("OccupiedCells(%x) = %x, want %x", parents, got, want)
	}
}

// wantUnits checks who is inside a fence.
func wantUnits(t *testing.T, s fleet.Store, fence string, want ...fleet.UnitID) {
	t.Helper()
	got, err := s.Inside(t.Context(), fence)
	if err != nil {
		t.Fatalf("Inside: %v", err)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("Inside(%s) = %v, want %v", fence, got, want)
	}
}

func testCells(t *testing.T, sub Subject) {
	t.Run("move", func(t *testing.T) {
		s := sub.New(t)
		wantOccupied(t, s, nil)
		wantIn(t, s, []cell.ID{qingdao})
		p1, p2, p3, p4 := at("u", qingdao, 1), at("u", qingdao, 2), at("u", shanghai, 3), at("u", qingdao, 4)
		mustCommit(t, s, fleet.Step{Unit: "u", Position: p1})
		wantIn(t, s, []cell.ID{qingdao, qingdaoOffing, shanghai}, p1)
		mustCommit(t, s, fleet.Step{Unit: "u", Expect: 1, Position: p2, PrevCell: qingdao})
		wantIn(t, s, []cell.ID{qingdao}, p2)
		mustCommit(t, s, fleet.Step{Unit: "u", Expect: 2, Position: p3, PrevCell: qingdao})
		wantIn(t, s, []cell.ID{qingdao})
		wantIn(t, s, []cell.ID{shanghai, qingdao, shanghai}, p3)
		wantOccupied(t, s, nil, shanghai)
		wantOccupied(t, s, []cell.ID{qingdaoParent})
		mustCommit(t, s, fleet.Step{Unit: "u", Expect: 3, Position: p4, PrevCell: shanghai})
		wantIn(t, s, []cell.ID{shanghai})
		wantIn(t, s, []cell.ID{qingdao}, p4)
	})
	t.Run("no position", func(t *testing.T) {
		s := sub.New(t)
		mustCommit(t, s, fleet.Step{Unit: "u", State: []byte("s")})
		wantOccupied(t, s, nil)
		p := at("u", qingdao, 1)
		mustCommit(t, s, fleet.Step{Unit: "u", Expect: 1, Position: p})
		wantIn(t, s, []cell.ID{qingdao}, p)
	})
	t.Run("unknown stays unknown", func(t *testing.T) {
		s := sub.New(t)
		p := at("u", qingdao, 1)
		p.SpeedMps, p.CourseDeg, p.ErrM = math.NaN(), math.NaN(), math.NaN()
		mustCommit(t, s, fleet.Step{Unit: "u", Position: p})
		wantIn(t, s, []cell.ID{qingdao}, p)
	})
	t.Run("directory", func(t *testing.T) {
		s := sub.New(t)
		var steps []fleet.Step
		for i, c := range []cell.ID{qingdao, qingdaoOffing, shanghai, fiji, pole, pentagon, qingdao} {
			steps = append(steps, fleet.Step{Unit: unitNo(i), Position: at(unitNo(i), c, i)})
		}
		mustCommit(t, s, steps...)
		wantOccupied(t, s, nil, qingdao, qingdaoOffing, shanghai, fiji, pole, pentagon)
		wantOccupied(t, s, []cell.ID{}, []cell.ID{}...)
		for parent, want := range map[cell.ID][]cell.ID{
			qingdaoParent: {qingdao, qingdaoOffing}, shanghaiParent: {shanghai}, fijiParent: {fiji}, poleParent: {pole}, pentagonParent: {pentagon},
		} {
			wantOccupied(t, s, []cell.ID{parent, parent}, want...)
		}
		wantOccupied(t, s, []cell.ID{fijiParent, qingdaoParent}, qingdao, qingdaoOffing, fiji)
		mustCommit(t, s, fleet.Step{Unit: unitNo(0), Expect: 1, Position: at(unitNo(0), shanghai, 9), PrevCell: qingdao})
		wantOccupied(t, s, []cell.ID{qingdaoParent}, qingdao, qingdaoOffing) // unit 6 is still there
		mustCommit(t, s, fleet.Step{Unit: unitNo(6), Expect: 1, Position: at(unitNo(6), qingdaoOffing, 9), PrevCell: qingdao})
		wantOccupied(t, s, []cell.ID{qingdaoParent}, qingdaoOffing)
	})
	t.Run("antimeridian", func(t *testing.T) {
		s := sub.New(t)
		west, east := at("west", fiji, 1), at("east", fiji, 2)
		west.Point.Lat, west.Point.Lon = -17, -179.9995
		east.Point.Lat, east.Point.Lon = -17, 179.9995
		mustCommit(t, s, fleet.Step{Unit: "west", Position: west}, fleet.Step{Unit: "east", Position: east})
		wantIn(t, s, []cell.ID{fiji}, east, west)
	})
}

func testInside(t *testing.T, sub Subject) {
	s := sub.New(t)
	wantUnits(t, s, "gate")
	mustCommit(t, s,
		fleet.Step{Unit: "a", Opened: []string{"gate", "码头 {7}/x"}},
		fleet.Step{Unit: "b", Opened: []string{"gate"}},
		fleet.Step{Unit: "c", Opened: []string{"gat"}})
	wantUnits(t, s, "gate", "a", "b")
	wantUnits(t, s, "码头 {7}/x", "a")
	wantUnits(t, s, "gat", "c")
	mustCommit(t, s, fleet.Step{Unit: "a", Expect: 1, State: []byte("nothing about visits")})
	wantUnits(t, s, "gate", "a", "b")
	mustCommit(t, s, fleet.Step{Unit: "a", Expect: 2, Closed: []string{"gate", "never opened"}, Opened: []string{"yard"}})
	wantUnits(t, s, "gate", "b")
	wantUnits(t, s, "yard", "a")
	mustCommit(t, s, fleet.Step{Unit: "a", Expect: 3, Opened: []string{"gate"}, Closed: []string{"码头 {7}/x"}})
	wantUnits(t, s, "gate", "a", "b")
	wantUnits(t, s, "码头 {7}/x")
}
