package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"dipper/fleet"
	"dipper/fleet/cell"
)

// testConcurrency lets many writers on two handles change few units, each deciding again after a conflict, while readers read,
// and then counts.
func testConcurrency(t *testing.T, sub Subject) {
	const writers, units, each = 8, 3, 25
	handles := twoHandles(t, sub)
	places := []cell.ID{qingdao, qingdaoOffing, shanghai}
	var write, read sync.WaitGroup
	done := make(chan struct{})
	for w := range writers {
		write.Go(func() {
			for n := range each {
				u := unitNo((w + n) % units)
				tag := fmt.Sprintf("<%d.%d>", w, n)
				if err := decide(t, handles[w%2], u, tag, places[(w*n)%len(places)]); err != nil {
					t.Errorf("commit of %s: %v", tag, err)
				}
			}
		})
	}
	for r := range 2 {
		read.Go(func() {
			for running := true; running; {
				select {
				case <-done:
					running = false
				default:
				}
				checkInCells(t, handles[r], places)
			}
		})
	}
	write.Wait()
	close(done)
	read.Wait()

	log := logOf(t, handles[0])
	if len(log) != writers*each {
		t.Errorf("log has %d entries, want %d", len(log), writers*each)
	}
	var versions uint64
	for i := range units {
		r := load(t, handles[1], unitNo(i))
		versions += r.Version
		track, err := handles[0].Track(t.Context(), unitNo(i), 1)
		if err != nil || string(track) != string(r.State)[strings.Index(string(r.State), "<"):] {
			t.Errorf("track of %s = %q, %v; its state tells %q", unitNo(i), track, err, r.State)
		}
		if n := strings.Count(string(track), "<"); uint64(n) != r.Version {
			t.Errorf("%s has %d segments at version %d", unitNo(i), n, r.Version)
		}
	}
	if versions != writers*each {
		t.Errorf("versions sum to %d, want %d", versions, writers*each)
	}
	if ps := inCells(t, handles[0], places...); len(ps) != units {
		t.Errorf("InCells = %+v, want each unit once", ps)
	}
}

// decide loads, adds a tag to the unit's state and track, logs it, moves the unit, and tries again after a conflict. The state is
// the present cell in hexadecimal and then all tags.
func decide(t *testing.T, s fleet.Store, u fleet.UnitID, tag string, to cell.ID) error {
	for {
		r, err := s.Load(t.Context(), u)
		if err != nil {
			return err
		}
		var from cell.ID
		tags := ""
		if r.Version > 0 {
			head, rest, _ := strings.Cut(string(r.State), "<")
			if _, err := fmt.Sscanf(head, "%x", &from); err != nil {
				return fmt.Errorf("state %q: %w", r.State, err)
			}
			tags = "<" + rest
		}
		err = s.Commit(t.Context(), []fleet.Step{{
			Unit: u, Expect: r.Version, State: fmt.Appendf(nil, "%x%s%s", uint64(to), tags, tag),
			Track:  []fleet.Segment{{Day: 1, Data: []byte(tag)}},
			Events: []fleet.EventRecord{event(tag, 1, noon)}, Position: at(u, to, int(r.Version)+1), PrevCell: from,
		}})[0]
		if !errors.Is(err, fleet.ErrConflict) {
			return err
		}
	}
}

func checkInCells(t *testing.T, s fleet.Store, cells []cell.ID) {
	for _, ask := range append([][]cell.ID{cells}, cells[:1], cells[1:2]) {
		ps, err := s.InCells(t.Context(), ask)
		if err != nil {
			t.Errorf("InCells while others write: %v", err)
			return
		}
		seen := map[fleet.UnitID]bool{}
		for _, p := range ps {
			if seen[p.Unit] {
				t.Errorf("InCells gave %s twice", p.Unit)
			}
			seen[p.Unit] = true
			asked := false
			for _, c := range ask {
				asked = asked || c == p.Cell
			}
			if !asked {
				t.Errorf("InCells(%x) gave %s in %x", ask, p.Unit, p.Cell)
			}
		}
	}
}
