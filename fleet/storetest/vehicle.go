package storetest

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"dipper/fleet"
)

func testVehicle(t *testing.T, sub Subject) {
	s := sub.New(t)
	if r := load(t, s, "never"); r.Version != 0 || r.State != nil {
		t.Errorf("record of a unit that never committed = %+v, want none", r)
	}
	binary := []byte{0, 1, 0xff, '\n', '{', '}', 0}
	mustCommit(t, s, fleet.Step{Unit: "鲁B-12345", State: binary})
	if r := load(t, s, "鲁B-12345"); r.Version != 1 || !bytes.Equal(r.State, binary) {
		t.Errorf("record = %+v, want version 1 and the state byte by byte", r)
	}
	mustCommit(t, s, fleet.Step{Unit: "鲁B-12345", Expect: 1, State: []byte("second")})
	if r := load(t, s, "鲁B-12345"); r.Version != 2 || string(r.State) != "second" {
		t.Errorf("record = %+v, want version 2, second", r)
	}
	mustCommit(t, s, fleet.Step{Unit: "empty"})
	if r := load(t, s, "empty"); r.Version != 1 || len(r.State) != 0 {
		t.Errorf("record = %+v, want version 1 and an empty state", r)
	}

	seen := map[fleet.UnitID]fleet.Record{}
	err := s.EachRecord(t.Context(), func(u fleet.UnitID, r fleet.Record) error {
		if _, twice := seen[u]; twice {
			t.Errorf("EachRecord gave %s twice", u)
		}
		seen[u] = r
		return nil
	})
	if err != nil || len(seen) != 2 || string(seen["鲁B-12345"].State) != "second" || seen["empty"].Version != 1 {
		t.Errorf("EachRecord gave %+v, %v", seen, err)
	}
	enough := errors.New("enough")
	calls := 0
	err = s.EachRecord(t.Context(), func(fleet.UnitID, fleet.Record) error { calls++; return enough })
	if !errors.Is(err, enough) || calls != 1 {
		t.Errorf("EachRecord whose fn fails called it %d times and returned %v", calls, err)
	}
}

func testCommit(t *testing.T, sub Subject) {
	t.Run("conflict changes nothing", func(t *testing.T) {
		s := sub.New(t)
		mustCommit(t, s, fleet.Step{Unit: "u", State: []byte("one"), Position: at("u", qingdao, 1)})
		for _, expect := range []uint64{0, 2, 1 << 40} {
			errs := s.Commit(t.Context(), []fleet.Step{{
				Unit: "u", Expect: expect, State: []byte("wrong"), Track: []fleet.Segment{{Day: 5, Data: []byte("wrong")}},
				Events: []fleet.EventRecord{event("wrong", 1, noon)}, Position: at("u", shanghai, 2), PrevCell: qingdao,
				Opened: []string{"wrong"},
			}})
			if len(errs) != 1 || !errors.Is(errs[0], fleet.ErrConflict) || errors.Is(errs[0], fleet.ErrUnavailable) {
				t.Fatalf("Commit expecting %d = %v, want ErrConflict alone", expect, errs)
			}
		}
		if r := load(t, s, "u"); r.Version != 1 || string(r.State) != "one" {
			t.Errorf("record = %+v after refused steps", r)
		}
		if days, err := s.Days(t.Context(), "u"); err != nil || len(days) != 0 {
			t.Errorf("Days() = %v, %v after refused steps", days, err)
		}
		if log := logOf(t, s); len(log) != 0 {
			t.Errorf("log = %v after refused steps", log)
		}
		wantUnits(t, s, "wrong")
		wantOccupied(t, s, nil, qingdao)
	})
	t.Run("each step by itself", func(t *testing.T) {
		s := sub.New(t)
		mustCommit(t, s, fleet.Step{Unit: "b", State: []byte("b1")})
		errs := s.Commit(t.Context(), []fleet.Step{
			{Unit: "a", State: []byte("a1")},
			{Unit: "b", State: []byte("wrong"), Events: []fleet.EventRecord{event("wrong", 1, noon)}},
			{Unit: "c", Expect: 3, State: []byte("wrong"), Track: []fleet.Segment{{Day: 1, Data: []byte("x")}, {Day: 2, Data: []byte("y")}}},
			{Unit: "d", State: []byte("d1"), Events: []fleet.EventRecord{event("d", 1, noon)}},
		})
		if len(errs) != 4 || errs[0] != nil || !errors.Is(errs[1], fleet.ErrConflict) || !errors.Is(errs[2], fleet.ErrConflict) || errs[3] != nil {
			t.Fatalf("Commit = %v, want nil, conflict, conflict, nil", errs)
		}
		for unit, want := range map[fleet.UnitID]string{"a": "a1", "b": "b1", "c": "", "d": "d1"} {
			if r := load(t, s, unit); string(r.State) != want {
				t.Errorf("state of %s = %q, want %q", unit, r.State, want)
			}
		}
		if log := logOf(t, s); len(log) != 1 || log[0].ID != "d" {
			t.Errorf("log = %v, want d's event alone", log)
		}
	})
	t.Run("several steps of one unit", func(t *testing.T) {
		s := sub.New(t)
		mustCommit(t, s,
			fleet.Step{Unit: "u", State: []byte("1"), Position: at("u", qingdao, 1), Opened: []string{"gate"}, Events: []fleet.EventRecord{event("e", 1, noon)}},
			fleet.Step{Unit: "u", Expect: 1, State: []byte("2"), Position: at("u", shanghai, 2), PrevCell: qingdao, Closed: []string{"gate"}, Events: []fleet.EventRecord{event("e", 2, noon)}})
		if r := load(t, s, "u"); r.Version != 2 || string(r.State) != "2" {
			t.Errorf("record = %+v, want the second step's", r)
		}
		if log := logOf(t, s); len(log) != 2 || log[0].Revision != 1 || log[1].Revision != 2 {
			t.Errorf("log = %v, want revisions 1, 2", log)
		}
		wantOccupied(t, s, nil, shanghai)
		wantUnits(t, s, "gate")
	})
	t.Run("none", func(t *testing.T) {
		if errs := sub.New(t).Commit(t.Context(), nil); len(errs) != 0 {
			t.Errorf("Commit of nothing = %v", errs)
		}
	})
	t.Run("many", func(t *testing.T) {
		s := sub.New(t)
		const many = 3000
		var steps []fleet.Step
		for i := range many {
			u := unitNo(i)
			steps = append(steps, fleet.Step{Unit: u, State: []byte(u), Position: at(u, qingdao, i), Track: []fleet.Segment{{Day: 1, Data: []byte(u)}}})
		}
		mustCommit(t, s, steps...)
		n := 0
		err := s.EachRecord(t.Context(), func(u fleet.UnitID, r fleet.Record) error {
			if r.Version != 1 || string(r.State) != string(u) {
				t.Errorf("record of %s = %+v", u, r)
			}
			n++
			return nil
		})
		if err != nil || n != many {
			t.Errorf("EachRecord gave %d, %v, want %d", n, err, many)
		}
		if ps := inCells(t, s, qingdao); len(ps) != many {
			t.Errorf("InCells gave %d units, want %d", len(ps), many)
		}
	})
}

func testTrack(t *testing.T, sub Subject) {
	s := sub.New(t)
	segment := func(d fleet.Day, data string) fleet.Segment { return fleet.Segment{Day: d, Data: []byte(data)} }
	mustCommit(t, s,
		fleet.Step{Unit: "u", Track: []fleet.Segment{segment(100, "a"), segment(-3, "old"), segment(100, "b")}},
		fleet.Step{Unit: "u2", Track: []fleet.Segment{segment(100, "other")}},
		fleet.Step{Unit: "no track"})
	mustCommit(t, s, fleet.Step{Unit: "u", Expect: 1, Track: []fleet.Segment{segment(99, "c\x00"), segment(100, "d")}})
	for v := uint64(2); v < 300; v++ {
		mustCommit(t, s, fleet.Step{Unit: "u", Expect: v, Track: []fleet.Segment{segment(101, string(rune('a'+v%26)))}})
	}
	long, err := s.Track(t.Context(), "u", 101)
	if err != nil || len(long) != 298 {
		t.Fatalf("track of 298 one-byte segments has %d bytes, %v", len(long), err)
	}
	for i, c := range long {
		if want := byte('a' + (i+2)%26); c != want {
			t.Fatalf("byte %d is %q, want %q: segments must stand in the order of their commits", i, c, want)
		}
	}
	for _, c := range []struct {
		unit fleet.UnitID
		day  fleet.Day
		want string
	}{{"u", 100, "abd"}, {"u", 99, "c\x00"}, {"u", -3, "old"}, {"u2", 100, "other"}} {
		if got, err := s.Track(t.Context(), c.unit, c.day); err != nil || string(got) != c.want {
			t.Errorf("Track(%s, %d) = %q, %v, want %q", c.unit, c.day, got, err, c.want)
		}
	}
	for _, u := range []fleet.UnitID{"no track", "never"} {
		if got, err := s.Track(t.Context(), u, 100); err != nil || got != nil {
			t.Errorf("Track(%s) = %q, %v, want nil", u, got, err)
		}
		if days, err := s.Days(t.Context(), u); err != nil || len(days) != 0 {
			t.Errorf("Days(%s) = %v, %v, want none", u, days, err)
		}
	}
	if days, err := s.Days(t.Context(), "u"); err != nil || !slices.Equal(days, []fleet.Day{-3, 99, 100, 101}) {
		t.Errorf("Days(u) = %v, %v, want [-3 99 100 101]", days, err)
	}
	if days, err := s.Days(t.Context(), "u2"); err != nil || !slices.Equal(days, []fleet.Day{100}) {
		t.Errorf("Days(u2) = %v, %v, want [100]", days, err)
	}
}
