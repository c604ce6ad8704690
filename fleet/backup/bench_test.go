package backup

import (
	"bytes"
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

// benchFixes is a day of 200 units at a fix in 30 s, in batches of ten.
const benchUnits, benchFixes = 200, 2880

func benchStore(b *testing.B) fleet.Store {
	s := embedded(b, embedstore.Config{})
	rng := rand.New(rand.NewPCG(1, 1))
	for u := range benchUnits {
		step := fleet.Step{Unit: fleet.UnitID(fmt.Sprintf("truck-%d", u))}
		var data []byte
		at, place := time.Unix(20000*86400, 0).UTC(), geo.Point{Lat: 36, Lon: 120}
		for i := 0; i < benchFixes; i += 10 {
			batch := track.Batch{Series: 1, First: track.Seq(i + 1)}
			for k := i; k < i+10; k++ {
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
		step.Track = []fleet.Segment{{Day: 20000, Data: data}}
		if err := s.Commit(b.Context(), []fleet.Step{step})[0]; err != nil {
			b.Fatal(err)
		}
	}
	return s
}

func BenchmarkExport(b *testing.B) {
	s := benchStore(b)
	var file []byte
	for b.Loop() {
		file, _ = export(b, s)
	}
	report(b, len(file))
}

func BenchmarkImport(b *testing.B) {
	file, _ := export(b, benchStore(b))
	for b.Loop() {
		s := embedded(b, embedstore.Config{})
		if _, err := Import(b.Context(), s, bytes.NewReader(file), quiet); err != nil {
			b.Fatal(err)
		}
	}
	report(b, len(file))
}

func report(b *testing.B, size int) {
	b.ReportMetric(float64(size)/(benchUnits*benchFixes), "bytes/fix")
	b.ReportMetric(benchUnits*benchFixes*float64(b.N)/b.Elapsed().Seconds(), "fixes/s")
}
