package stream

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dipper/fleet"
	"dipper/fleet/cell"
	"dipper/positioning/geo"
)

// eyes is what a viewer has before it when it does what docs/wire.md says: the model that every test of a screen compares with
// the truth.
type eyes struct {
	shown map[fleet.UnitID]sighting
	cells *cellsFrame
}

func newEyes() *eyes { return &eyes{shown: map[fleet.UnitID]sighting{}} }

// see applies an update and complains about what must not be in it.
func (e *eyes) see(u *update) error {
	if u.snapshot {
		e.cells = nil
	}
	told := map[fleet.UnitID]bool{}
	for _, rows := range [][]sighting{u.seen, u.followed} {
		for _, s := range rows {
			if told[s.unit] {
				return fmt.Errorf("%s told twice in one turn", s.unit)
			}
			told[s.unit] = true
			e.shown[s.unit] = s
		}
	}
	for _, d := range u.gone {
		if told[d.unit] {
			return fmt.Errorf("%s told and gone in one turn", d.unit)
		}
		if _, ok := e.shown[d.unit]; !ok {
			return fmt.Errorf("%s gone without having been told", d.unit)
		}
		delete(e.shown, d.unit)
	}
	if u.snapshot && len(e.shown) != len(told) {
		return fmt.Errorf("after a snapshot of %d units %d are shown", len(told), len(e.shown))
	}
	if u.cells != nil {
		e.cells = u.cells
		e.shown = map[fleet.UnitID]sighting{}
		for _, s := range u.followed {
			e.shown[s.unit] = s
		}
	}
	return nil
}

// compare holds what is seen against the truth.
func (e *eyes) compare(truth map[fleet.UnitID]fleet.Position, view geo.Box, followed fleet.UnitID, max int) error {
	want := map[fleet.UnitID]fleet.Position{}
	for id, p := range truth {
		if view.Contains(p.Point) {
			want[id] = p
		}
	}
	if e.cells != nil {
		if e.cells.total != len(want) {
			return fmt.Errorf("cells say %d units, %d are in view", e.cells.total, len(want))
		}
		sum, moving := 0, 0
		for _, c := range e.cells.cells {
			sum, moving = sum+c.count, moving+c.moving
		}
		wantMoving := 0
		for _, p := range want {
			if p.SpeedMps >= movingMps {
				wantMoving++
			}
		}
		if sum != len(want) || moving != wantMoving {
			return fmt.Errorf("cells add up to %d units, %d moving; want %d, %d", sum, moving, len(want), wantMoving)
		}
		want = map[fleet.UnitID]fleet.Position{}
	} else if len(want) > max {
		return fmt.Errorf("%d units shown one by one, at most %d", len(want), max)
	}
	if p, ok := truth[followed]; ok {
		want[followed] = p
	}
	for id, p := range want {
		if s, ok := e.shown[id]; !ok || s.point != p.Point || !s.time.Equal(p.Time) {
			return fmt.Errorf("%s shown as %+v (%v), want %+v", id, s, ok, p)
		}
	}
	for id := range e.shown {
		if _, ok := want[id]; !ok {
			return fmt.Errorf("%s is shown and not in view", id)
		}
	}
	return nil
}

func drawPoint(t *rapid.T) geo.Point {
	// A small world, so that units meet views, on both sides of the 180° meridian and at a pole.
	region := rapid.SampledFrom([]geo.Box{{West: 120, South: 36, East: 120.2, North: 36.1}, {West: 179.9, South: -17, East: -179.9, North: -16.9}, {West: -180, South: 89.9, East: 180, North: 90}}).Draw(t, "region")
	width := region.East - region.West
	if width < 0 {
		width += 360
	}
	lon := region.West + width*rapid.Float64Range(0, 1).Draw(t, "x")
	if lon > 180 {
		lon -= 360
	}
	return geo.Point{Lat: region.South + (region.North-region.South)*rapid.Float64Range(0, 1).Draw(t, "y"), Lon: lon}
}

func drawView(t *rapid.T) geo.Box {
	a, b := drawPoint(t), drawPoint(t)
	return geo.Box{West: a.Lon, East: b.Lon, South: min(a.Lat, b.Lat), North: max(a.Lat, b.Lat)}
}

// Whatever moves and wherever a viewer looks, after each turn it sees exactly what is there: nothing missing, nothing twice,
// nothing left behind.
func TestScreenShowsWhatIsThere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const limit = 12
		p := newPlot()
		s := &screen{plot: p, maxUnits: limit, maxCells: rapid.IntRange(1, 30).Draw(t, "max_cells")}
		e := newEyes()
		truth := map[fleet.UnitID]fleet.Position{}
		var view geo.Box
		var followed fleet.UnitID
		var u update
		now := time.Unix(1_800_000_000, 0).UTC()
		move := func(t *rapid.T) {
			id := fleet.UnitID(fmt.Sprintf("u%d", rapid.IntRange(0, 30).Draw(t, "unit")))
			at := drawPoint(t)
			now = now.Add(time.Second)
			pos := fleet.Position{Unit: id, Time: now, Point: at, SpeedMps: rapid.SampledFrom([]float64{0, 9, math.NaN()}).Draw(t, "speed"), Cell: cell.FromPoint(at)}
			truth[id] = pos
			if !p.move(pos) {
				t.Fatalf("a newer position was not taken")
			}
			if old := pos; rapid.Bool().Draw(t, "stale") {
				old.Time, old.Point = now.Add(-time.Hour), geo.Point{}
				if p.move(old) {
					t.Fatalf("an older position was taken")
				}
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"move": move,
			"look": func(t *rapid.T) {
				view = drawView(t)
				s.show(view2(view))
			},
			"follow": func(t *rapid.T) {
				followed = fleet.UnitID(fmt.Sprintf("u%d", rapid.IntRange(0, 31).Draw(t, "unit")))
				m := p.find(followed)
				if m == nil {
					followed = ""
				}
				s.followUnit(m)
			},
			"prune": func(*rapid.T) { p.prune(min(p.now.Load(), s.since())) },
			"turn": func(t *rapid.T) {
				u.reset()
				s.turn(now, &u)
				if err := e.see(&u); err != nil {
					t.Fatal(err)
				}
				if !s.visible {
					return
				}
				if err := e.compare(truth, view, followed, limit); err != nil {
					t.Fatal(err)
				}
			},
		})
	})
}

func view2(b geo.Box) view { return view{box: b, zoom: 8} }

// Units move while viewers take their turns: once all is quiet, each viewer sees what is there, and on the way none was told
// of a unit twice in a turn or of a departure without an arrival.
func TestScreensDuringMoves(t *testing.T) {
	const units, moves, viewers = 50, 400, 4
	p := newPlot()
	last := make([]fleet.Position, units)
	var writers, readers sync.WaitGroup
	stop := make(chan struct{})
	box := geo.Box{West: 120, South: 36, East: 120.1, North: 36.1}
	for w := range 2 {
		writers.Add(1)
		go func() {
			defer writers.Done()
			r := rand.New(rand.NewPCG(1, uint64(w)))
			for i := range moves {
				for unit := w; unit < units; unit += 2 {
					at := geo.Point{Lat: 36 + r.Float64()*0.2, Lon: 120 + r.Float64()*0.2}
					last[unit] = fleet.Position{Unit: fleet.UnitID(fmt.Sprint(unit)), Time: time.Unix(int64(i), 0), Point: at, Cell: cell.FromPoint(at)}
					p.move(last[unit])
				}
			}
		}()
	}
	screens, seen := make([]*screen, viewers), make([]*eyes, viewers)
	for v := range viewers {
		s, e := &screen{plot: p, maxUnits: units, maxCells: 100}, newEyes()
		screens[v], seen[v] = s, e
		s.show(view2(box))
		readers.Add(1)
		go func() {
			defer readers.Done()
			var u update
			for {
				u.reset()
				s.turn(time.Time{}, &u)
				if err := e.see(&u); err != nil {
					t.Error(err)
					return
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		}()
	}
	writers.Wait()
	close(stop)
	readers.Wait()
	truth := map[fleet.UnitID]fleet.Position{}
	for _, pos := range last {
		truth[pos.Unit] = pos
	}
	for v, s := range screens {
		var u update
		s.turn(time.Time{}, &u)
		if err := seen[v].see(&u); err != nil {
			t.Fatal(err)
		}
		if err := seen[v].compare(truth, box, "", units); err != nil {
			t.Errorf("viewer %d: %v", v, err)
		}
	}
}

func TestPruneForgetsEmptyCells(t *testing.T) {
	p := newPlot()
	for i := range 100 {
		at := geo.Point{Lat: 30 + float64(i)/10, Lon: 120}
		p.move(fleet.Position{Unit: "a", Time: time.Unix(int64(i), 0), Point: at, Cell: cell.FromPoint(at)})
	}
	if n := len(p.nodes[cell.Working]); n < 90 {
		t.Fatalf("%d working cells before pruning, want about 100", n)
	}
	p.prune(p.now.Load())
	for res, nodes := range p.nodes {
		if len(nodes) != 1 {
			t.Errorf("%d cells of resolution %d after pruning, want the one with the unit", len(nodes), res)
		}
	}
	if p.size() != 1 {
		t.Errorf("size %d, want 1", p.size())
	}
}

func TestCellsBecomeUnitsAndBack(t *testing.T) {
	p := newPlot()
	world := geo.Box{West: -180, South: -90, East: 180, North: 90}
	put := func(n int, lat float64) {
		for i := range n {
			at := geo.Point{Lat: lat, Lon: 120 + float64(i)/1000}
			p.move(fleet.Position{Unit: fleet.UnitID(fmt.Sprint("u", i)), Time: time.Unix(int64(p.now.Load())+1, 0), Point: at, Cell: cell.FromPoint(at)})
		}
	}
	s, now := &screen{plot: p, maxUnits: 100, maxCells: 1000, every: time.Second}, time.Unix(0, 0)
	turn := func() *update {
		var u update
		now = now.Add(time.Second)
		s.turn(now, &u)
		return &u
	}
	put(100, 36)
	s.show(view2(geo.Box{West: 100, South: 35, East: 140, North: 37}))
	if u := turn(); !u.snapshot || len(u.seen) != 100 || u.cells != nil || !u.ended {
		t.Fatalf("100 units with a limit of 100: %+v", u)
	}
	at := geo.Point{Lat: 36, Lon: 121}
	p.move(fleet.Position{Unit: "one more", Time: time.Unix(1, 0), Point: at, Cell: cell.FromPoint(at)})
	if u := turn(); u.cells == nil || u.cells.total != 101 || len(u.seen) != 0 {
		t.Fatalf("101 units with a limit of 100: %+v", u)
	}
	put(5, 36.5)
	if u := turn(); u.cells == nil || u.cells.total != 101 {
		t.Fatalf("moves within cells: %+v", u)
	}
	if u := turn(); !u.empty() {
		t.Fatalf("nothing moved: %+v", u)
	}
	put(8, 50) // 93 left: above nine tenths of the limit
	if u := turn(); u.cells == nil || u.cells.total != 93 {
		t.Fatalf("93 left: %+v", u)
	}
	put(11, 50)
	if u := turn(); !u.snapshot || len(u.seen) != 90 || !u.ended {
		t.Fatalf("90 left: %+v", u)
	}
	s.show(view2(world))
	if u := turn(); u.cells == nil || u.cells.total != 101 || !u.ended {
		t.Fatalf("the world: %+v", u)
	}
}

// Cells replace all that was shown, so a unit that is followed beside them is told again each time.
func TestFollowedUnitIsToldBehindCells(t *testing.T) {
	p := newPlot()
	for i := range 3 {
		at := geo.Point{Lat: 36, Lon: 120 + float64(i)}
		p.move(fleet.Position{Unit: fleet.UnitID(fmt.Sprint("u", i)), Time: time.Unix(1, 0), Point: at, Cell: cell.FromPoint(at)})
	}
	s := &screen{plot: p, maxUnits: 2, maxCells: 10}
	s.followUnit(p.find("u0"))
	var u update
	s.turn(time.Time{}, &u)
	if len(u.followed) != 1 {
		t.Fatalf("without a view: %+v", u)
	}
	s.show(view2(geo.Box{West: 100, South: 30, East: 140, North: 40}))
	u.reset()
	s.turn(time.Time{}, &u)
	if u.cells == nil || len(u.followed) != 1 {
		t.Fatalf("with cells: %+v", u)
	}
	u.reset()
	s.turn(time.Time{}, &u)
	if !u.empty() {
		t.Fatalf("nothing moved: %+v", u)
	}
}
