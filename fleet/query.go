package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"dipper/fleet/cell"
	"dipper/geofence"
	"dipper/positioning"
	"dipper/positioning/geo"
)

// How a box is looked up.
const (
	maxWorkingCells   = 1000 // a box with more is looked up through the directory: 5,000 km², a large city
	maxDirectoryCells = 2500 // a box with more, larger than China, looks at every occupied cell
	cellsAtATime      = 256  // in one question to the store
)

// Vehicle is what is known of a unit now.
type Vehicle struct {
	ID       UnitID
	Name     string          // as registered; empty for a unit that is not
	Kind     string          // as registered
	Located  bool            // it has sent a fix that counts; if not, the following are zero
	Position Position        // last
	Fix      positioning.Fix // the last fix in full

	OdometerM          float64 // way of all fixes that count, late ones included
	OdometerEstimatedM float64 // of it, straight across silence

	Visits []geofence.Visit // open, by fence
}

// Occupant is a unit in a fence.
type Occupant struct {
	Unit  UnitID
	Visit geofence.Visit
}

// UnitsIn gives the units whose last position is in a box, edges included, by id: at most limit of them, and truncated says that
// there are more. They are found through the cells that the box meets.
func (f *Fleet) UnitsIn(ctx context.Context, box geo.Box, limit int) (units []Position, truncated bool, err error) {
	area, err := BoxArea(box)
	if err != nil {
		return nil, false, err
	}
	return f.UnitsWithin(ctx, area, limit)
}

// UnitsWithin is UnitsIn for any area. The cells are those that the box around it meets; each position is then held against the
// area itself. A unit that moves while it is asked for may be left out, as if asked a moment earlier or later.
func (f *Fleet) UnitsWithin(ctx context.Context, area Area, limit int) (units []Position, truncated bool, err error) {
	if limit <= 0 {
		return nil, false, &InvalidError{Field: "limit", Reason: "must be above 0"}
	}
	cells, err := f.cellsOf(ctx, area.box)
	if err != nil {
		return nil, false, fmt.Errorf("units in an area: %w", err)
	}
	cut := false
	for some := range slices.Chunk(cells, cellsAtATime) {
		positions, err := f.store.InCells(ctx, some)
		if err != nil {
			return nil, false, fmt.Errorf("units in an area: %w", err)
		}
		for _, p := range positions {
			if area.contains(p.Point) {
				units = append(units, p)
			}
		}
		if cut = len(units) > 2*limit; cut { // enough: which are left out is the store's order
			break
		}
	}
	units = eachOnce(units)
	if len(units) > limit {
		return units[:limit], true, nil
	}
	return units, cut, nil
}

// eachOnce sorts positions by unit and keeps the newest of each: a unit may move from a cell to the next while we ask.
func eachOnce(units []Position) []Position {
	sortPositions(units)
	return slices.CompactFunc(units, func(a, b Position) bool { return a.Unit == b.Unit })
}

// cellsOf are working cells in which every unit of a box is.
func (f *Fleet) cellsOf(ctx context.Context, box geo.Box) ([]cell.ID, error) {
	if cells, ok := cell.Cover(box, cell.Working, maxWorkingCells); ok {
		return cells, nil
	}
	parents, ok := cell.Cover(box, cell.Directory, maxDirectoryCells)
	if !ok {
		parents = nil // everywhere
	}
	return f.store.OccupiedCells(ctx, parents)
}

// AllUnits gives the last position of every unit that has one, by id.
func (f *Fleet) AllUnits(ctx context.Context) ([]Position, error) {
	var units []Position
	err := f.store.EachRecord(ctx, func(id UnitID, r Record) error {
		v, err := decodeVehicle(r.State)
		if err != nil {
			f.log.Warn("a unit is left out", "unit", id, "error", err)
			return nil
		}
		if v.last.Seq != 0 {
			units = append(units, v.position(id))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("all units: %w", err)
	}
	sortPositions(units)
	return units, nil
}

func sortPositions(units []Position) {
	slices.SortFunc(units, func(a, b Position) int {
		return cmp.Or(cmp.Compare(a.Unit, b.Unit), b.Time.Compare(a.Time))
	})
}

// Unit is what is known of one unit; ErrNotFound for one that is not registered and never sent.
func (f *Fleet) Unit(ctx context.Context, id UnitID) (Vehicle, error) {
	v, exists, err := f.vehicle(ctx, id)
	if err != nil {
		return Vehicle{}, err
	}
	out := Vehicle{ID: id, Visits: v.ledger.Open()}
	if v.last.Seq != 0 {
		out.Located, out.Position, out.Fix = true, v.position(id), v.last.Fix
		out.OdometerM, out.OdometerEstimatedM = v.odometer.Metres(), v.odometer.EstimatedMetres()
	}
	registered, err := f.Registered(ctx, id)
	switch {
	case err == nil:
		out.Name, out.Kind = registered.Name, registered.Kind
	case !errors.Is(err, ErrNotFound):
		return Vehicle{}, err
	case !exists:
		return Vehicle{}, err
	}
	return out, nil
}

// LastPosition is where a unit was last; false for one that has sent no fix that counts.
func (f *Fleet) LastPosition(ctx context.Context, id UnitID) (Position, bool, error) {
	v, _, err := f.vehicle(ctx, id)
	if err != nil || v.last.Seq == 0 {
		return Position{}, false, err
	}
	return v.position(id), true, nil
}

// vehicle reads a unit's state as the store has it now. exists says that it ever sent.
func (f *Fleet) vehicle(ctx context.Context, id UnitID) (v vehicle, exists bool, err error) {
	if err := CheckUnitID(string(id)); err != nil {
		return vehicle{}, false, err
	}
	r, err := f.store.Load(ctx, id)
	if err != nil {
		return vehicle{}, false, fmt.Errorf("unit %s: %w", id, err)
	}
	if v, err = decodeVehicle(r.State); err != nil {
		return vehicle{}, false, fmt.Errorf("unit %s: %w", id, err)
	}
	return v, r.Version > 0, nil
}

// loadsAtATime is how many states Inside reads at once.
const loadsAtATime = 16

// Inside gives the units in a fence and since when, by unit. A visit in a revision that has ended is still open until the vehicle's
// next fix. ErrNotFound if there is no such fence.
func (f *Fleet) Inside(ctx context.Context, fence string) ([]Occupant, error) {
	if _, err := f.Fence(ctx, fence); err != nil {
		return nil, err
	}
	units, err := f.store.Inside(ctx, fence)
	if err != nil {
		return nil, fmt.Errorf("inside fence %s: %w", fence, err)
	}
	var mu sync.Mutex // guards inside
	var inside []Occupant
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(loadsAtATime)
	for _, id := range units {
		g.Go(func() error {
			v, _, err := f.vehicle(ctx, id)
			if errors.Is(err, ErrStored) { // the unit's next batch makes it anew
				f.log.Warn("a unit is left out", "unit", id, "error", err)
				return nil
			}
			if err != nil {
				return err
			}
			for _, visit := range v.ledger.Open() { // the store's list may be a moment behind: the state says
				if visit.Fence == fence {
					mu.Lock()
					inside = append(inside, Occupant{Unit: id, Visit: visit})
					mu.Unlock()
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, fmt.Errorf("inside fence %s: %w", fence, err)
	}
	slices.SortFunc(inside, func(a, b Occupant) int { return cmp.Compare(a.Unit, b.Unit) })
	return inside, nil
}
