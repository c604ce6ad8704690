package embedstore

import (
	"fmt"
	"testing"

	"dipper/fleet"
	"dipper/fleet/storetest"
)

// BenchmarkCommit measures the same steps as redisstore's benchmark of this name.
func BenchmarkCommit(b *testing.B) {
	for _, fixes := range []int{1, 30} {
		b.Run(fmt.Sprintf("embedded/fixes=%d", fixes), func(b *testing.B) {
			s := open(b, Config{})
			load := storetest.NewLoad(fixes)
			write := func(steps []fleet.Step) { storetest.MustStore(b, s, steps) }
			load.Warm(write)
			var rate storetest.Meter
			for b.Loop() {
				rate.Time(load, write)
			}
			b.ReportMetric(rate.Rate(), "fixes/s")
		})
	}
}

// BenchmarkTrackDay reads a unit's day of 86,400 segments of one fix each, between the segments of others.
func BenchmarkTrackDay(b *testing.B) {
	s := open(b, Config{})
	const seconds, group = 86_400, 800
	units := [...]fleet.UnitID{"a", "b", "c"}
	var steps []fleet.Step
	for v := range uint64(seconds) {
		for _, u := range units {
			steps = append(steps, fleet.Step{Unit: u, Expect: v, Track: []fleet.Segment{{Day: 1, Data: make([]byte, 40)}}})
		}
		if len(steps) >= group {
			storetest.MustStore(b, s, steps)
			steps = steps[:0]
		}
	}
	storetest.MustStore(b, s, steps)
	for b.Loop() {
		if track, err := s.Track(b.Context(), "b", 1); err != nil || len(track) != seconds*40 {
			b.Fatalf("%d bytes, %v", len(track), err)
		}
	}
}
