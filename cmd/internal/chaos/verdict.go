package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"dipper/positioning/track"
)

// summary is what a run prints.
type summary struct {
	Seed       uint64          `json:"seed"`
	Agents     int             `json:"agents"`
	DurationS  float64         `json:"duration_s"`
	Faults     map[string]int  `json:"faults"`
	Failovers  int             `json:"failovers"`    // replicas that became masters
	Fixes      int             `json:"fixes"`        // that the agents made
	Complete   int             `json:"complete"`     // units of which the service holds all
	DrainS     float64         `json:"drain_s"`      // from the last fault healed until then
	SameTracks int             `json:"same_tracks"`  // units whose track is as the agent made it
	Events     int             `json:"events"`       // of the undisturbed run
	SameEvents int             `json:"same_events"`  // units whose events are those
	Nodes      map[string]held `json:"nodes"`        // what they hold before and after
	OK         bool            `json:"ok"`           // all as it should be
	Problems   []string        `json:"problems"`     // else: at most maxProblems of them
	More       int             `json:"and_problems"` // not listed

	mu sync.Mutex
}

// held is what a node holds when no agent has come, and when all have gone.
type held struct {
	Before load `json:"before"`
	After  load `json:"after"`

	FailedStarts int `json:"failed_starts"` // while Redis was away
}

const maxProblems = 8

func (s *summary) problem(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.Problems) >= maxProblems {
		s.More++
		return
	}
	s.Problems = append(s.Problems, fmt.Sprintf(format, args...))
}

// drained waits until the service says that every unit is complete. It gives up when for a while no unit became so.
func (p *plant) drained(s *summary) (series []track.Series) {
	const patience, poll = 90 * time.Second, 200 * time.Millisecond
	series = make([]track.Series, p.Agents)
	begin := time.Now()
	left := make([]int, p.Agents)
	for i := range left {
		left[i] = i
	}
	var last error
	for moved := time.Now(); len(left) > 0 && time.Since(moved) < patience; {
		var mu sync.Mutex
		var still []int
		each(p.ctx, left, func(i int) {
			c, err := p.complete(i)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				still, last = append(still, i), err
				return
			}
			series[i] = c.Series
		})
		if len(still) < len(left) {
			moved = time.Now()
		}
		left = still
		if len(left) > 0 && !pause(p.ctx, poll) {
			break
		}
	}
	s.DrainS = time.Since(begin).Round(time.Millisecond).Seconds()
	s.Complete = p.Agents - len(left)
	for _, i := range left {
		_, err := p.complete(i)
		s.problem("not complete: %v", errors.Join(err, last))
	}
	return series
}

// each calls fn for each of some units, several at once.
func each(ctx context.Context, units []int, fn func(i int)) {
	var g errgroup.Group
	g.SetLimit(8)
	for _, i := range units {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error { fn(i); return nil })
	}
	_ = g.Wait() // fn says what is wrong
}

func (p *plant) complete(i int) (completeness, error) {
	var c completeness
	err := p.nodes[i%len(p.nodes)].get(p.ctx, "/api/v1/units/"+unitName(i)+"/completeness", &c)
	if err == nil && (int(c.Highest) != p.fixes() || len(c.Missing) > 0 || c.Earlier != nil) {
		err = fmt.Errorf("%s: of %d fixes the highest held is %d, missing %v, earlier series %s", unitName(i), p.fixes(), c.Highest, c.Missing, c.Earlier)
	}
	return c, err
}

// compareTracks holds what the service has against what the agents made.
func (p *plant) compareTracks(s *summary) {
	var same atomic.Int64
	each(p.ctx, all(p.Agents), func(i int) {
		if err := p.compareTrack(i); err != nil {
			s.problem("track of %s: %v", unitName(i), err)
			return
		}
		same.Add(1)
	})
	s.SameTracks = int(same.Load())
}

func all(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func (p *plant) compareTrack(i int) error {
	var answer struct {
		Fixes []struct {
			Seq      track.Seq `json:"seq"`
			Time     time.Time `json:"time"`
			Lat, Lon float64
		} `json:"fixes"`
	}
	if err := p.nodes[i%len(p.nodes)].get(p.ctx, "/api/v1/units/"+unitName(i)+"/track?limit=100000", &answer); err != nil {
		return err
	}
	if len(answer.Fixes) != p.fixes() {
		return fmt.Errorf("%d fixes, %d were made", len(answer.Fixes), p.fixes())
	}
	d := newDrive(p.Seed, i, p.begin.Add(-ago))
	for k, got := range answer.Fixes {
		f := d.next()
		if int(got.Seq) != k+1 || !got.Time.Equal(f.Time) || got.Lat != f.Point.Lat || got.Lon != f.Point.Lon {
			return fmt.Errorf("fix %d is %+v, want %v %v", k+1, got, f.Time, f.Point)
		}
	}
	return nil
}

// compareEvents holds the events in the log against an undisturbed run. Events that a crash left in an outbox come a moment later.
func (p *plant) compareEvents(s *summary, series []track.Series) error {
	ix, err := fenceIndex()
	if err != nil {
		return err
	}
	want := make([][]told, p.Agents)
	for i := range want {
		want[i] = undisturbed(p.Seed, i, p.begin.Add(-ago), series[i], p.fixes(), ix)
		s.Events += len(want[i])
	}
	if s.Events == 0 {
		return errors.New("no drive gives an event: the run shows nothing")
	}
	var got map[string][]told
	differ := func(i int) bool { return !slices.Equal(sortedByID(got[unitName(i)]), want[i]) }
	err = eventually(p.ctx, "events are those of an undisturbed run", func() (err error) {
		if got, err = p.nodes[0].events(p.ctx); err != nil {
			return err
		}
		bad := slices.IndexFunc(all(p.Agents), differ)
		if bad >= 0 {
			return fmt.Errorf("%s: %s", unitName(bad), difference(got[unitName(bad)], want[bad]))
		}
		return nil
	})
	if err != nil {
		s.problem("%v", err)
	}
	for i := range want {
		if differ(i) {
			s.problem("events of %s: %s", unitName(i), difference(got[unitName(i)], want[i]))
			continue
		}
		s.SameEvents++
	}
	return nil
}

func sortedByID(events []told) []told {
	slices.SortFunc(events, func(a, b told) int { return cmp.Compare(a.ID, b.ID) })
	return events
}

// difference says what is too much, what lacks, and the first that is otherwise.
func difference(got, want []told) string {
	byID := map[string]told{}
	for _, e := range want {
		byID[e.ID] = e
	}
	var text []string
	for _, e := range got {
		w, ok := byID[e.ID]
		delete(byID, e.ID)
		switch {
		case !ok:
			text = append(text, fmt.Sprintf("too much: %+v", e))
		case e != w:
			text = append(text, fmt.Sprintf("%+v, want %+v", e, w))
		}
	}
	for _, e := range byID {
		text = append(text, fmt.Sprintf("lacks %+v", e))
	}
	const most = 1
	return fmt.Sprintf("%d of %d differ: %v", len(text), len(want), text[:min(len(text), most)])
}

// A node may hold more than before the agents came: up to 256 goroutines that wait for the next batch (stream.Uplink's hands), and
// connections to Redis, of which it makes more under load and keeps some.
const (
	moreGoroutines = 256 + 20
	moreOpenFiles  = 150
)

// compareLoad waits until each node holds what it held before the agents came. They have gone.
func (p *plant) compareLoad(s *summary) {
	s.Nodes = map[string]held{}
	for _, n := range p.nodes {
		h := held{Before: n.baseline, FailedStarts: n.restarts}
		err := eventually(p.ctx, n.name+" lets go of what the agents needed", func() (err error) {
			if h.After, err = n.load(p.ctx); err != nil {
				return err
			}
			if h.After.Agents != 0 || h.After.Goroutines > h.Before.Goroutines+moreGoroutines || h.After.OpenFiles > h.Before.OpenFiles+moreOpenFiles {
				return fmt.Errorf("%+v", h)
			}
			return nil
		})
		if err != nil {
			s.problem("leak: %v", err)
			n.signal(syscall.SIGQUIT) // its goroutines stand in its log
			_ = n.stop()              // it ends with 2
		}
		s.Nodes[n.name] = h
	}
}
