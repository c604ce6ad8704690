package stream

import (
	"slices"
	"time"

	"dipper/positioning/geo"
)

// view is what a viewer asks to see.
type view struct {
	box  geo.Box
	zoom float64
	ref  int64 // the viewer's own number for the request; 0 none
}

// cellsFrame is a view from so far that units are told as counts.
type cellsFrame struct {
	res   int // H3 resolution
	total int // units in the view; the cells' counts add up to it
	cells []cellCount
}

// update is what one turn of a screen tells, in the order of its fields.
type update struct {
	snapshot bool        // seen is all there is to see: what was told before no longer counts
	seen     []sighting  // units in the view
	gone     []departure // units to be shown no more
	cells    *cellsFrame // in place of seen; nil when nothing changed
	followed []sighting  // the followed unit, when it is not in the view or that is told as cells
	ended    bool        // the answer to a view request is complete
	ref      int64       // that request's number
}

func (u *update) reset() { *u = update{seen: u.seen[:0], followed: u.followed[:0], gone: u.gone[:0]} }

func (u *update) empty() bool {
	return len(u.seen) == 0 && len(u.followed) == 0 && len(u.gone) == 0 && u.cells == nil && !u.ended && !u.snapshot
}

// screen is what one viewer has before its eyes. Each turn compares it with the plot and tells the difference, so however
// long a viewer took over the last turn, the next has the newest state and nothing in between. It is not safe for concurrent
// use.
type screen struct {
	plot     *plot
	maxUnits int // more are told as cells
	maxCells int
	every    time.Duration // between counts of cells

	asked    bool // a view was asked for that has not been answered
	view     view
	visible  bool
	look     *look // nil while the view is told as cells
	cells    cellsFrame
	counted  time.Time // when the cells were counted
	stamp    uint64    // what they included
	follow   *mark
	followed uint64  // the stamp up to which the followed unit was told
	outside  bool    // the followed unit was told beside the view, and nobody but us will take it back
	released []*mark // followed before, and told beside the view
	glance   glance
}

// show sets what is seen from the next turn on.
func (s *screen) show(v view) { s.view, s.asked, s.visible = v, true, true }

// followUnit tells of a unit wherever it is, from the next turn on; nil for none. The one followed before is then gone if only
// following kept it.
func (s *screen) followUnit(m *mark) {
	if m == s.follow {
		return
	}
	if s.outside {
		s.released = append(s.released, s.follow)
	}
	s.follow, s.followed, s.outside = m, 0, false
	if s.look != nil {
		s.look.watchFor(m)
	}
}

// turn adds to u what changed since the last turn.
func (s *screen) turn(now time.Time, u *update) {
	switch {
	case !s.visible:
	case s.asked:
		s.begin(now, u)
	case s.look != nil:
		s.watch(now, u, nil)
	case now.Sub(s.counted) >= s.every && s.plot.changedIn(s.view.box, s.stamp):
		s.count(now, u)
	}
	for _, m := range s.released {
		if m != s.follow && (s.look == nil || !s.look.has(m)) {
			u.gone = append(u.gone, m.depart())
		}
	}
	s.released = s.released[:0]
	s.tellFollowed(u)
}

// begin answers a request for a view.
func (s *screen) begin(now time.Time, u *update) {
	s.asked = false
	u.ended, u.ref = true, s.view.ref
	if s.plot.countIn(s.view.box, s.maxUnits) > s.maxUnits {
		s.cells = cellsFrame{}
		s.count(now, u)
		return
	}
	s.snapshot(now, u)
}

// snapshot tells every unit in the view. Those of the last view that are not in this one are told as gone.
func (s *screen) snapshot(now time.Time, u *update) {
	earlier := s.look
	s.look = newLook(s.view.box)
	s.look.watchFor(s.follow)
	s.followed, s.outside = 0, false
	u.snapshot, u.ended = true, true
	s.watch(now, u, earlier)
}

// watch tells what changed in a view of single units. earlier is the look at the view before, if this one begins; else nil.
func (s *screen) watch(now time.Time, u *update, earlier *look) {
	s.glance.reset()
	s.look.next(s.plot, &s.glance)
	if earlier != nil {
		s.look.dropped(earlier, &s.glance)
	}
	if s.look.total > s.maxUnits {
		s.look, u.snapshot = nil, false
		s.cells = cellsFrame{}
		s.count(now, u)
		return
	}
	u.seen = append(u.seen, s.glance.seen...)
	for _, d := range s.glance.gone {
		if s.follow != nil && d.handle == s.follow.handle {
			s.outside, s.followed = true, 0
			continue
		}
		u.gone = append(u.gone, d)
	}
}

// count tells a view of many units as cells, and goes over to single units when they have become few. The step between the
// two limits keeps a view at the limit from changing to and fro.
func (s *screen) count(now time.Time, u *update) {
	s.look = nil
	cells, res, stamp := s.plot.cellsIn(s.view.box, cellRes(s.view.zoom), s.maxCells)
	s.counted, s.stamp = now, stamp
	f := cellsFrame{res: res, cells: cells}
	for _, c := range cells {
		f.total += c.count
	}
	if f.total <= s.maxUnits*9/10 {
		s.snapshot(now, u)
		return
	}
	if s.cells.res == f.res && slices.Equal(s.cells.cells, f.cells) {
		return
	}
	s.cells = f
	u.cells = &f
	s.followed = 0 // cells replace all that was shown: the followed unit is told again behind them
}

func (s *screen) tellFollowed(u *update) {
	if s.follow == nil {
		return
	}
	s.plot.mu.RLock()
	defer s.plot.mu.RUnlock()
	m := s.follow
	switch {
	case m.leaf == nil:
	case s.look != nil && s.look.holds:
		s.outside, s.followed = false, 0
	case m.stamp > s.followed:
		s.outside, s.followed = true, m.stamp
		u.followed = append(u.followed, m.sight())
	}
}

// since is the stamp up to which everything in the view has been told; the greatest number when nothing is held by cell.
func (s *screen) since() uint64 {
	if s.look == nil {
		return ^uint64(0)
	}
	return s.look.since
}

// cellRes is the H3 resolution whose cells look right at a zoom (512-pixel tiles): 25 to 70 pixels across at the latitude of
// Qingdao, that is 1.73 edges of the cell by the metres in a pixel, 63,300 / 2^zoom.
func cellRes(zoom float64) int {
	limits := [...]float64{2.5, 4, 5.4, 6.8, 8.2, 9.6, 11} // below the i-th: resolution i+1
	for i, z := range limits[:] {
		if zoom < z {
			return min(i+1, len(limits))
		}
	}
	return len(limits)
}
