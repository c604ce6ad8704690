package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"dipper/geofence"
	"dipper/positioning"
	"dipper/positioning/geo"
	"dipper/positioning/track"
)

// The port and the ring road around it, on which all units drive, and along which the fences lie.
var port = geo.Point{Lat: 36.05, Lon: 120.25}

const (
	ringM   = 2000             // radius of the road, metres
	fixStep = 10 * time.Second // between two fixes of a drive
	ago     = 24 * time.Hour   // drives begin so long before the run: no fix is from the future
)

// at is the place at an angle (radians) and a distance (metres) from the port.
func at(angle, metres float64) geo.Point {
	const metresPerDegree = 111195
	sin, cos := math.Sincos(angle)
	return geo.Point{
		Lat: port.Lat + metres*cos/metresPerDegree,
		Lon: port.Lon + metres*sin/(metresPerDegree*math.Cos(port.Lat*math.Pi/180)),
	}
}

// fences are GeoJSON features by id: circles on the road, every second with rules, some overlapping.
func fences() map[string]string {
	const count = 8
	out := map[string]string{}
	for i := range count {
		p := at(float64(i)*2*math.Pi/count, ringM)
		rules := ""
		if i%2 == 0 {
			rules = `"dwell_s":120,"speed_limit_mps":12,`
		}
		out[fmt.Sprintf("place-%d", i)] = fmt.Sprintf(
			`{"type":"Feature","properties":{%s"kind":"yard","radius_m":%d},"geometry":{"type":"Point","coordinates":[%.7f,%.7f]}}`,
			rules, 150+150*i, p.Lon, p.Lat)
	}
	return out
}

func unitName(i int) string { return fmt.Sprintf("chaos-%05d", i+1) }

// drive gives the fixes of one unit, one after the other. The same seed, unit and start give the same ones.
type drive struct {
	random *rand.Rand
	time   time.Time
	angle  float64 // radians
	mps    float64 // along the road; below 0 backwards
}

func newDrive(seed uint64, unit int, start time.Time) *drive {
	random := rand.New(rand.NewPCG(seed, uint64(unit)))
	return &drive{random: random, time: start, angle: random.Float64() * 2 * math.Pi, mps: 15}
}

// next is the next fix, as the spool keeps it.
func (d *drive) next() positioning.Fix {
	switch d.random.IntN(20) {
	case 0:
		d.mps = 0
	case 1, 2:
		d.mps = 5 + 15*d.random.Float64()
	case 3:
		d.mps = -d.mps
	case 4:
		if d.random.IntN(5) == 0 { // a tunnel, or the night
			d.time = d.time.Add(time.Duration(d.random.IntN(3600)) * time.Second)
		}
	}
	d.time = d.time.Add(fixStep)
	d.angle += d.mps * fixStep.Seconds() / ringM
	f := positioning.NewFix(d.time, at(d.angle, ringM+d.random.NormFloat64()*3))
	f.SpeedMps, f.ErrM, f.HDOP = math.Abs(d.mps), 2.5, 0.9
	f.Mode, f.Solution = positioning.Mode3D, positioning.SolutionSingle
	if d.random.IntN(30) == 0 {
		f.Verdict = positioning.RefusedJump
	}
	return track.Quantize(f)
}

// undisturbed is what the ledger says of the first n fixes of a unit whose numbers count in a series, in order of event id.
func undisturbed(seed uint64, unit int, start time.Time, series track.Series, n int, ix *geofence.Index) []told {
	ledger := geofence.NewLedger(unitName(unit), ix)
	d := newDrive(seed, unit, start)
	var state geofence.State
	var events []geofence.Event
	for i := range n {
		f := d.next()
		if f.Verdict == positioning.Accepted {
			events = ledger.Step(&state, geofence.Observation{Series: uint32(series), Seq: uint64(i + 1), Fix: f}, events)
		}
	}
	out := make([]told, len(events))
	for i, e := range events {
		out[i] = asTold(e)
	}
	return sortedByID(out)
}

// fenceIndex is the fences as the service numbers their first revisions.
func fenceIndex() (*geofence.Index, error) {
	var all []geofence.Fence
	for id, feature := range fences() {
		f, err := geofence.ParseFeature(id, []byte(feature), geofence.Limits{})
		if err != nil {
			return nil, err
		}
		f.Revision = 1
		all = append(all, f)
	}
	return geofence.NewIndex(all), nil
}
