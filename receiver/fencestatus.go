package receiver

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"

	"dipper/geofence"
	"dipper/positioning"
	"dipper/positioning/geo"
)

const (
	// maxAround is how many fences the status has: those that the vehicle is in, and then the nearest.
	maxAround = 8
	// lookAheadM is how far along the course it is tried whether a fence comes nearer.
	lookAheadM = 50
)

// FencesStatus is the set of fences that the unit holds.
type FencesStatus struct {
	Version string        `json:"version"` // as the centre counts; a number that JSON cannot hold
	Count   int           `json:"count"`
	RadiusM float64       `json:"radius_m"`         // of the circle for which it is complete
	Around  []FenceStatus `json:"around,omitempty"` // those that the vehicle is in, and then the nearest; at most eight
}

// FenceStatus is one fence near the vehicle, and what it asks of the driver. Unknown values are absent.
type FenceStatus struct {
	ID     string        `json:"id"`
	Name   string        `json:"name,omitempty"`
	Kind   geofence.Kind `json:"kind"`
	Inside bool          `json:"inside"` // as the ledger on board decided

	Since      *time.Time `json:"since,omitempty"`      // when the visit began
	Entered    bool       `json:"entered,omitempty"`    // the unit saw the entry: else the visit is at least this long
	InsideS    *float64   `json:"inside_s,omitempty"`   // how long that was before the last fix
	DistanceM  *float64   `json:"distance_m,omitempty"` // from a place outside to the border
	Approach   string     `json:"approach,omitempty"`   // "ahead" or "behind": whether it comes nearer on this course
	SpeedLimit float64    `json:"speed_limit_mps,omitempty"`
	TooFast    bool       `json:"too_fast,omitempty"` // inside and faster than that at the last accepted fix
	DwellS     float64    `json:"dwell_s,omitempty"`  // a longer stay is told to the centre
	DwellLeftS *float64   `json:"dwell_left_s,omitempty"`
}

// EventStatus is an event that was decided on board.
type EventStatus struct {
	ID         string             `json:"id"`
	Kind       geofence.EventKind `json:"kind"`
	Fence      string             `json:"fence"`
	Name       string             `json:"name,omitempty"` // of the fence
	Time       time.Time          `json:"time"`
	AgeS       *float64           `json:"age_s"` // since the driver was told
	SpeedLimit float64            `json:"speed_limit_mps,omitempty"`
	DwellS     float64            `json:"dwell_s,omitempty"`
}

// around is the fences near a fix.
func (v *visits) around(f positioning.Fix) []FenceStatus {
	v.mu.Lock()
	fences, open := v.fences, v.state.Open()
	v.mu.Unlock()
	if f.Time.IsZero() {
		return nil
	}
	list := make([]FenceStatus, 0, len(fences))
	for i := range fences {
		p := &fences[i]
		if p.ValidFrom.After(f.Time) || !p.ValidUntil.IsZero() && !p.ValidUntil.After(f.Time) {
			continue
		}
		n := slices.IndexFunc(open, func(y geofence.Visit) bool { return y.Fence == p.ID && y.FenceRevision == p.Revision })
		if n >= 0 {
			list = append(list, insideStatus(p, open[n], f))
		} else {
			list = append(list, outsideStatus(p, f))
		}
	}
	slices.SortStableFunc(list, func(a, b FenceStatus) int { return cmp.Compare(a.order(), b.order()) })
	return list[:min(len(list), maxAround)]
}

// order is what the list is sorted by: the fences that the vehicle is in have the latest entry first.
func (s *FenceStatus) order() float64 {
	if s.Inside {
		return -float64(s.Since.Unix())
	}
	return *s.DistanceM
}

func ruleStatus(p *geofence.Fence) FenceStatus {
	return FenceStatus{ID: p.ID, Name: p.Name, Kind: p.Kind, SpeedLimit: p.SpeedLimitMps, DwellS: p.Dwell.Seconds()}
}

func insideStatus(p *geofence.Fence, y geofence.Visit, f positioning.Fix) FenceStatus {
	s := ruleStatus(p)
	stay := max(0, f.Time.Sub(y.Since).Seconds())
	s.Inside, s.Since, s.Entered, s.InsideS = true, &y.Since, !y.AtStart, &stay
	s.TooFast = p.SpeedLimitMps > 0 && f.SpeedMps > p.SpeedLimitMps // not for NaN, unknown
	if p.Dwell > 0 {
		left := max(0, p.Dwell.Seconds()-stay)
		s.DwellLeftS = &left
	}
	return s
}

func outsideStatus(p *geofence.Fence, f positioning.Fix) FenceStatus {
	s := ruleStatus(p)
	away := max(0, -p.Shape.Depth(f.Point))
	s.DistanceM = &away
	if positioning.Known(f.CourseDeg) && f.SpeedMps >= geofence.MovingMps {
		nearer := away - max(0, -p.Shape.Depth(along(f.Point, f.CourseDeg, lookAheadM)))
		switch {
		case nearer > min(away, lookAheadM)/2:
			s.Approach = "ahead"
		case nearer < -lookAheadM/2:
			s.Approach = "behind"
		}
	}
	return s
}

// along is the place some metres on from p, few enough for a flat earth.
func along(p geo.Point, courseDeg, metres float64) geo.Point {
	const degree = math.Pi / 180 * geo.EarthRadiusM
	sin, cos := math.Sincos(courseDeg * math.Pi / 180)
	lat := p.Lat + metres*cos/degree
	return geo.Point{Lat: lat, Lon: p.Lon + geo.LonDelta(0, metres*sin/(degree*math.Cos(lat*math.Pi/180)))}
}

// latestNews is the last events that the driver was told of, newest first.
func (v *visits) latestNews(now time.Time) []EventStatus {
	v.mu.Lock()
	defer v.mu.Unlock()
	var list []EventStatus
	for _, n := range v.news {
		age := max(0, now.Sub(n.told).Seconds()) // the clock may have been put right since
		list = append(list, EventStatus{
			ID: n.event.ID, Kind: n.event.Kind, Fence: n.event.Fence, Name: n.fence.Name, Time: n.event.Time, AgeS: &age,
			SpeedLimit: n.fence.SpeedLimitMps, DwellS: n.fence.Dwell.Seconds(),
		})
	}
	return list
}

// fencesStatus is the set of fences, and those around a fix; nil before the first set came.
func (s *steering) fencesStatus(f positioning.Fix) *FencesStatus {
	s.mu.Lock()
	k := s.fences
	s.mu.Unlock()
	if k.Version == 0 {
		return nil
	}
	return &FencesStatus{Version: strconv.FormatUint(k.Version, 10), Count: len(k.decoded), RadiusM: k.RadiusM, Around: s.visits.around(f)}
}
