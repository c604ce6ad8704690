package main

import (
	"math"
	"time"

	"dipper/positioning/geo"
)

// leg is one stretch of a route: drive to a point, then stay.
type leg struct {
	to       geo.Point
	speedMps float64       // on the way
	stay     time.Duration // at the end
}

// route is driven for ever: after the last leg the vehicle goes on to the first point.
type route []leg

// motion is where a vehicle on a route is at a time.
type motion struct {
	point     geo.Point
	speedMps  float64
	courseDeg float64
}

// at is the motion after a time on the route. The same time gives the same place, so a restarted simulation goes on where
// it would have been.
func (r route) at(elapsed time.Duration) motion {
	lap := r.lap()
	left := elapsed % lap
	for i := range r {
		from, l := r[(i+len(r)-1)%len(r)].to, r[i]
		travel := l.travel(from)
		if left < travel {
			return l.between(from, left.Seconds()/travel.Seconds())
		}
		left -= travel
		if left < l.stay {
			return motion{point: l.to, courseDeg: geo.Course(from, l.to)}
		}
		left -= l.stay
	}
	return motion{point: r[len(r)-1].to}
}

// lap is how long the whole route takes.
func (r route) lap() time.Duration {
	var d time.Duration
	for i := range r {
		d += r[i].travel(r[(i+len(r)-1)%len(r)].to) + r[i].stay
	}
	return max(d, time.Second)
}

func (l leg) travel(from geo.Point) time.Duration {
	return time.Duration(geo.Distance(from, l.to) / l.speedMps * float64(time.Second))
}

// between is the motion a share of the way from a point. Speed rises and falls over the first and last tenth, for looks; the
// place is linear, which over a few kilometres is a great circle to within a metre.
func (l leg) between(from geo.Point, share float64) motion {
	edge := math.Min(1, math.Min(share, 1-share)*10+0.3)
	return motion{
		point: geo.Point{
			Lat: from.Lat + (l.to.Lat-from.Lat)*share,
			Lon: from.Lon + geo.LonDelta(from.Lon, l.to.Lon)*share,
		},
		speedMps:  l.speedMps * edge,
		courseDeg: geo.Course(from, l.to),
	}
}
