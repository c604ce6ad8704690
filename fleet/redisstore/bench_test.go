package redisstore

import (
	"fmt"
	"strconv"
	"testing"

	"dipper/fleet"
	"dipper/fleet/storetest"
	"dipper/fleet/storetest/redistest"
)

// BenchmarkCommit measures steps through Commit beside the yardstick: the same bytes to the same kinds of keys (SET of the
// record, APPEND to the track, HSET into the cell's hash) in plain pipelines of the same length, on the same server in the same run,
// with nothing checked and nothing atomic. "ratio" is fixes/s over the yardstick's.
func BenchmarkCommit(b *testing.B) {
	b.Run("redis", func(b *testing.B) {
		benchCommit(b, redistest.Start(b, redistest.Options{Fsync: "everysec"}).URL)
	})
	b.Run("cluster", func(b *testing.B) {
		benchCommit(b, redistest.StartCluster(b, redistest.Options{Fsync: "everysec"}).URL)
	})
}

func benchCommit(b *testing.B, url string) {
	for _, fixes := range []int{1, 30} {
		b.Run(fmt.Sprintf("fixes=%d", fixes), func(b *testing.B) {
			s := empty(b, Config{URL: url})
			load, raw := storetest.NewLoad(fixes), storetest.NewLoad(fixes)
			load.Warm(func(steps []fleet.Step) { storetest.MustStore(b, s, steps) })
			raw.Warm(func(steps []fleet.Step) { writePlainly(b, s, steps) })
			for b.Loop() { // turn about, so that both see the same neighbours on the machine
				load.Group(func(steps []fleet.Step) { storetest.MustStore(b, s, steps) })
				raw.Group(func(steps []fleet.Step) { writePlainly(b, s, steps) })
			}
			b.ReportMetric(load.Rate(), "fixes/s")
			b.ReportMetric(raw.Rate(), "yardstick-fixes/s")
			b.ReportMetric(load.Rate()/raw.Rate(), "ratio")
		})
	}
}

// writePlainly writes the bytes of the steps in one plain pipeline, under keys of its own.
func writePlainly(b *testing.B, s *Store, steps []fleet.Step) {
	b.Helper()
	p := s.client.Pipeline()
	for i := range steps {
		st := &steps[i]
		record := make([]byte, recordHead, recordHead+len(st.State))
		p.Set(b.Context(), "plain:"+recordKey(st.Unit), append(record, st.State...), 0)
		p.Do(b.Context(), "APPEND", "plain:"+trackKey(st.Unit, st.Track[0].Day), st.Track[0].Data)
		p.HSet(b.Context(), "plain:"+cellKey(st.Position.Cell), string(st.Unit), strconv.FormatUint(st.Expect+1, 10))
	}
	if _, err := p.Exec(b.Context()); err != nil {
		b.Fatal(err)
	}
}
