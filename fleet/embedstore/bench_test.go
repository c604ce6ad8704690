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
