package redisstore

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"dipper/fleet"
	"dipper/fleet/cell"
	"dipper/fleet/storetest/redistest"
	"dipper/positioning/geo"
)

// ear remembers what it was told.
type ear struct {
	mu    sync.Mutex
	heard map[cell.ID][]string
	begun map[cell.ID]int
}

func (e *ear) Heard(m fleet.Message) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard[m.Area] = append(e.heard[m.Area], string(m.Data))
}

func (e *ear) Began(area cell.ID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.begun[area]++
}

func (e *ear) began(area cell.ID) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.begun[area]
}

func (e *ear) has(area cell.ID, text string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Contains(e.heard[area], text)
}

// follower is a node that listens.
type follower struct {
	*ear
	areas chan []cell.ID
	stop  func()
}

func follow(t *testing.T, s *Store) *follower {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	f := &follower{ear: &ear{heard: map[cell.ID][]string{}, begun: map[cell.ID]int{}}, areas: make(chan []cell.ID)}
	var running sync.WaitGroup
	running.Go(func() { s.Follow(ctx, f.areas, f.ear) })
	f.stop = func() {
		cancel()
		running.Wait()
	}
	t.Cleanup(f.stop)
	return f
}

// say sends until the follower has heard it.
func say(t *testing.T, s *Store, f *follower, area cell.ID, text string) {
	t.Helper()
	until(t, fmt.Sprintf("%q is heard in %s", text, area), func() bool {
		err := s.Send(t.Context(), []fleet.Message{{Area: area, Data: []byte(text)}})
		return err == nil && f.has(area, text)
	})
}

func areas(n int) []cell.ID {
	all, ok := cell.Cover(geo.Box{West: -180, South: -90, East: 180, North: 90}, cell.Area, 1<<20)
	if !ok {
		panic("the earth has areas")
	}
	return all[:n]
}

// What is said about an area is heard by those who follow it, and by nobody else; what is said to all nodes by everybody.
func TestFollowersHearTheirAreas(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		a, b := open(t, Config{URL: url}), open(t, Config{URL: url})
		f, other := follow(t, b), follow(t, b)
		all := areas(200)
		mine, theirs := all[:100], all[100:]
		f.areas <- mine
		other.areas <- theirs
		for i := range mine {
			until(t, "both follow", func() bool { return f.began(mine[i]) > 0 && other.began(theirs[i]) > 0 })
		}
		until(t, "both follow the nodes", func() bool { return f.began(0) > 0 && other.began(0) > 0 })
		var messages []fleet.Message
		for _, area := range append(all, 0) {
			messages = append(messages, fleet.Message{Area: area, Data: []byte("hello")})
		}
		if err := a.Send(t.Context(), messages); err != nil {
			t.Fatal(err)
		}
		for _, area := range append(mine, 0) {
			until(t, "heard", func() bool { return f.has(area, "hello") })
		}
		f.areas <- theirs
		until(t, "the new area begins", func() bool { return f.began(theirs[0]) == 1 })
		say(t, a, f, theirs[0], "again")
		f.stop()
		for _, area := range theirs[1:] {
			if f.has(area, "hello") {
				t.Fatalf("heard of %s before following it", area)
			}
		}
		if f.began(mine[0]) != 1 {
			t.Errorf("an area that stayed connected began %d times", f.began(mine[0]))
		}
	})
}

// A server that comes back is followed again, and the follower learns that it may have missed something.
func TestFollowersLearnOfGaps(t *testing.T) {
	t.Run("single", func(t *testing.T) {
		srv := redistest.Start(t, redistest.Options{Fsync: "everysec"})
		testGap(t, srv.URL, srv.Restart)
	})
	t.Run("cluster", func(t *testing.T) {
		cl := redistest.StartCluster(t, redistest.Options{Fsync: "everysec"})
		testGap(t, cl.URL, cl.Restart)
	})
}

func testGap(t *testing.T, url string, restart func() error) {
	s := open(t, Config{URL: url})
	f := follow(t, s)
	some := areas(30)
	f.areas <- some
	for _, area := range some {
		say(t, s, f, area, "before")
	}
	if err := restart(); err != nil {
		t.Fatal(err)
	}
	for _, area := range append(some, 0) {
		until(t, "the area begins again", func() bool { return f.began(area) > 1 })
		say(t, s, f, area, "after")
	}
}

// Two fleets in databases of one server do not hear each other.
func TestChannelsOfDatabases(t *testing.T) {
	srv := redistest.Start(t, redistest.Options{NoAOF: true})
	a, b := open(t, Config{URL: srv.URL}), open(t, Config{URL: srv.URL + "/1"})
	f, g := follow(t, a), follow(t, b)
	say(t, a, f, 0, "zero")
	say(t, b, g, 0, "one")
	if f.has(0, "one") || g.has(0, "zero") {
		t.Error("heard what was said in another database")
	}
}

func TestPositionsOfUnits(t *testing.T) {
	s := empty(t, Config{URL: redistest.Start(t, redistest.Options{NoAOF: true}).URL})
	for _, err := range s.Commit(t.Context(), []fleet.Step{{Unit: "u", Position: position("u", qingdao)}, {Unit: "nowhere"}}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Positions(t.Context(), []fleet.UnitID{"nowhere", "u", "unknown"})
	if err != nil || len(got) != 1 || got[0] != position("u", qingdao) {
		t.Errorf("Positions = %+v, %v, want u's", got, err)
	}
}
