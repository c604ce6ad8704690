package archive

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"dipper/fleet"
	"dipper/fleet/embedstore"
	"dipper/positioning"
	"dipper/positioning/geo"
	"dipper/positioning/track"
)

// BenchmarkRun archives a day of 200 units at a fix in 30 s.
func BenchmarkRun(b *testing.B) {
	const benchUnits, benchFixes = 200, 2880
	s := embedded(b, embedstore.Config{})
	rng := rand.New(rand.NewPCG(1, 1))
	for u := range benchUnits {
		at, place := startOf(first), geo.Point{Lat: 36, Lon: 120}
		var data []byte
		for i := 0; i < benchFixes; i += 10 {
			batch := track.Batch{Series: 1, First: track.Seq(i + 1)}
			for range 10 {
				course := rng.Float64() * 360
				fix := positioning.NewFix(at, place)
				fix.SpeedMps, fix.CourseDeg, fix.HDOP, fix.ErrM = 20*rng.Float64(), course, 0.6+rng.Float64(), 2+rng.Float64()
				batch.Fixes = append(batch.Fixes, track.Quantize(fix))
				at = at.Add(30 * time.Second)
				place.Lat += 0.005 * math.Cos(course*math.Pi/180)
				place.Lon += 0.005 * math.Sin(course*math.Pi/180)
			}
			var err error
			if data, err = track.AppendBatch(data, batch); err != nil {
				b.Fatal(err)
			}
		}
		step := fleet.Step{Unit: fleet.UnitID(fmt.Sprintf("truck-%d", u)), Track: []fleet.Segment{{Day: first, Data: data}}}
		if err := s.Commit(b.Context(), []fleet.Step{step})[0]; err != nil {
			b.Fatal(err)
		}
	}
	var r Result
	for b.Loop() {
		var err error
		if r, err = Run(b.Context(), Config{Store: s, Dir: b.TempDir(), Before: first + 1}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(r.Bytes)/float64(r.Fixes), "bytes/fix")
	b.ReportMetric(float64(r.Fixes)*float64(b.N)/b.Elapsed().Seconds(), "fixes/s")
}
