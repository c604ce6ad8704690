package fleet_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"dipper/fleet"
	"dipper/fleet/embedstore"
	"dipper/positioning"
	"dipper/positioning/geo"
	"dipper/positioning/track"
)

// BenchmarkAccept is the rate at which fixes become durable: many units at 1 Hz among 1,000 fences, in batches of 10, decided and
// committed together. Of the fences most lie beside the road, and a truck crosses one in some minutes. A store that forgets shows what
// the deciding alone takes.
func BenchmarkAccept(b *testing.B) {
	for _, batch := range []int{1, 10, 60} {
		b.Run(fmt.Sprintf("memory/batch=%d", batch), func(b *testing.B) { benchAccept(b, &forgetful{newModelStore()}, 2000, batch) })
		b.Run(fmt.Sprintf("embedstore/batch=%d", batch), func(b *testing.B) { benchAccept(b, openEmbedded(b), 2000, batch) })
	}
}

// forgetful keeps the records alone.
type forgetful struct{ *modelStore }

func (m *forgetful) Commit(_ context.Context, steps []fleet.Step) []error {
	m.mu.Lock()
	defer m.mu.Unlock()
	errs := make([]error, len(steps))
	for i, s := range steps {
		if m.records[s.Unit].Version != s.Expect {
			errs[i] = fleet.ErrConflict
			continue
		}
		m.records[s.Unit] = fleet.Record{Version: s.Expect + 1, State: s.State}
	}
	return errs
}

func openEmbedded(b testing.TB) fleet.Store {
	b.Helper()
	store, err := embedstore.Open(embedstore.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := store.Close(); err != nil {
			b.Error(err)
		}
	})
	return store
}

func benchAccept(b *testing.B, store fleet.Store, units, batch int) {
	f := run(b, fleet.Config{Store: store, Now: func() time.Time { return testNow.AddDate(10, 0, 0) }})
	defer f.stop()
	for i := range 1000 { // a grid of yards between the roads, 270 m from them, and some on them
		lon, lat := 120+float64(i%40)*0.005, 36.0025+float64(i/40)*0.005
		if i%20 == 0 {
			lat -= 0.0025
		}
		feature := fmt.Sprintf(`{"type":"Feature","properties":{"radius_m":150},"geometry":{"type":"Point","coordinates":[%.4f,%.4f]}}`, lon, lat)
		if _, _, err := f.PutFence(b.Context(), fmt.Sprintf("yard-%d", i), []byte(feature)); err != nil {
			b.Fatal(err)
		}
	}
	const senders = 256
	next := make([]track.Seq, units)
	fixes := make([][]positioning.Fix, senders)
	for i := range fixes {
		fixes[i] = make([]positioning.Fix, batch)
	}
	b.ResetTimer()
	for b.Loop() { // one batch of each unit
		var sending sync.WaitGroup
		for s := range senders {
			sending.Go(func() {
				for u := s; u < units; u += senders {
					first := next[u] + 1
					for i := range fixes[s] {
						fixes[s][i] = benchFix(u, first+track.Seq(i))
					}
					next[u] += track.Seq(batch)
					err := f.Accept(b.Context(), fleet.UnitID(fmt.Sprintf("u%d", u)), track.Batch{Series: 1e9, First: first, Fixes: fixes[s]})
					if err != nil {
						b.Error(err)
					}
				}
			})
		}
		sending.Wait()
	}
	s := f.Stats()
	b.ReportMetric(float64(b.N*units*batch)/b.Elapsed().Seconds(), "fixes/s")
	b.ReportMetric(float64(s.Steps)/float64(s.Commits), "steps/commit")
	b.ReportMetric(float64(s.Events)/float64(s.Fixes), "events/fix")
}

// benchFix is a truck at 15 m/s that goes east and west through the grid.
func benchFix(unit int, seq track.Seq) positioning.Fix {
	at := int(seq) % 2000
	if at > 1000 {
		at = 2000 - at
	}
	f := positioning.NewFix(testStart.Add(time.Duration(seq)*time.Second),
		geo.Point{Lat: 36 + float64(unit%25)*0.005, Lon: 120 + float64(unit%7)*0.01 + float64(at)*1.7e-4})
	f.SpeedMps, f.CourseDeg, f.ErrM, f.HDOP, f.Mode = 15.0, 90, 2.5, 0.9, positioning.Mode3D
	f.Solution = positioning.SolutionSingle
	f.Sats.Used[positioning.BeiDou], f.Sats.Used[positioning.GPS] = 11, 8
	return f
}

// BenchmarkLate is what one late fix costs a unit with a day of fixes at 1 Hz: the stored day is read, and the ledger runs again from a
// checkpoint before the fix.
func BenchmarkLate(b *testing.B) {
	const day = 86_000
	for _, by := range []time.Duration{10 * time.Second, 5 * time.Minute, time.Hour, 12 * time.Hour} {
		b.Run("by="+by.String(), func(b *testing.B) {
			f := run(b, fleet.Config{Store: newModelStore()})
			defer f.stop()
			start := testStart.Truncate(24 * time.Hour)
			fixes := fixesAt(start, time.Second, day)
			for i := 0; i < day; i += 10 {
				if err := f.Accept(b.Context(), "u", track.Batch{Series: 1e9, First: track.Seq(i + 1), Fixes: fixes[i : i+10]}); err != nil {
					b.Fatal(err)
				}
			}
			late := fixes[day-1].Time.Add(-by)
			for seq := track.Seq(day + 1); b.Loop(); seq++ {
				late = late.Add(time.Millisecond)
				one := fixesAt(late, time.Second, 1)
				if err := f.Accept(b.Context(), "u", track.Batch{Series: 1e9, First: seq, Fixes: one}); err != nil {
					b.Fatal(err)
				}
			}
			s := f.Stats()
			b.ReportMetric(float64(s.RedecidedFixes)/float64(s.LateBatches), "fixes-again/batch")
		})
	}
}

// BenchmarkJourney is what reading a day of a unit takes, from the embedded store to trips: what a page of trips costs that is not
// kept but worked out when somebody asks.
func BenchmarkJourney(b *testing.B) {
	for _, every := range []time.Duration{30 * time.Second, time.Second} {
		b.Run("every="+every.String(), func(b *testing.B) {
			f := run(b, fleet.Config{Store: openEmbedded(b)})
			defer f.stop()
			start := testStart.Truncate(24 * time.Hour)
			n := int(24 * time.Hour / every)
			for i := 0; i < n; i += 10 {
				batch := track.Batch{Series: 1e9, First: track.Seq(i + 1)}
				for k := range 10 {
					x := benchFix(3, track.Seq(i+k+1))
					x.Time = start.Add(time.Duration(i+k) * every)
					batch.Fixes = append(batch.Fixes, x)
				}
				if err := f.Accept(b.Context(), "u", batch); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				r, err := f.Journey(b.Context(), "u", fleet.JourneyQuery{From: start, To: start.Add(24*time.Hour - time.Millisecond)})
				if err != nil || r.Totals.DistanceM == 0 {
					b.Fatal(r, err)
				}
			}
			b.ReportMetric(b.Elapsed().Seconds()*1e6/float64(b.N*n), "µs/fix")
		})
	}
}

// BenchmarkWasHere is what it takes to look through the tracks of 500 units, a day of each with a fix each 30 s, for who was in a yard
// within ten minutes and within the day.
func BenchmarkWasHere(b *testing.B) {
	const units, fixes = 500, 2880
	f := run(b, fleet.Config{Store: openEmbedded(b)})
	defer f.stop()
	start := testStart.Truncate(24 * time.Hour)
	for u := range units {
		for i := 0; i < fixes; i += 60 {
			batch := track.Batch{Series: 1e9, First: track.Seq(i + 1)}
			for k := range 60 {
				x := benchFix(u, track.Seq(i+k+1))
				x.Time = start.Add(time.Duration(i+k) * 30 * time.Second)
				batch.Fixes = append(batch.Fixes, x)
			}
			if err := f.Accept(b.Context(), fleet.UnitID(fmt.Sprintf("u%d", u)), batch); err != nil {
				b.Fatal(err)
			}
		}
	}
	area, err := fleet.BoxArea(geo.Box{West: 120.05, South: 36.009, East: 120.051, North: 36.011})
	if err != nil {
		b.Fatal(err)
	}
	for _, window := range []time.Duration{10 * time.Minute, 20 * time.Hour} {
		b.Run("window="+window.String(), func(b *testing.B) {
			for b.Loop() {
				r, err := f.WasHere(b.Context(), fleet.WasHereQuery{Area: area, From: start.Add(2 * time.Hour), To: start.Add(2*time.Hour + window), Limit: units})
				if err != nil || r.Left > 0 {
					b.Fatal(r, err)
				}
			}
			b.ReportMetric(float64(b.N*units)/b.Elapsed().Seconds(), "units/s")
		})
	}
}

// BenchmarkNearest is the nearest ten of 20,000 units, in the middle of a port where 5,000 of them are and far from all.
func BenchmarkNearest(b *testing.B) {
	const units = 20_000
	f := run(b, fleet.Config{Store: openEmbedded(b)})
	defer f.stop()
	var sending sync.WaitGroup
	for s := range 64 {
		sending.Go(func() {
			for u := s; u < units; u += 64 {
				p := geo.Point{Lat: 30 + float64(u%141)*0.07, Lon: 110 + float64(u%137)*0.1}
				if u%4 == 0 { // in the port
					p = geo.Point{Lat: 36 + float64(u%401)*1e-4, Lon: 120.2 + float64(u%397)*1e-4}
				}
				batch := track.Batch{Series: 1e9, First: 1, Fixes: []positioning.Fix{positioning.NewFix(testStart, p)}}
				if err := f.Accept(b.Context(), fleet.UnitID(fmt.Sprintf("u%d", u)), batch); err != nil {
					b.Error(err)
				}
			}
		})
	}
	sending.Wait()
	for name, p := range map[string]geo.Point{"port": {Lat: 36.02, Lon: 120.22}, "desert": {Lat: 40, Lon: 90}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if near, err := f.Nearest(b.Context(), p, 10, 0); err != nil || len(near) != 10 {
					b.Fatal(near, err)
				}
			}
		})
	}
}
