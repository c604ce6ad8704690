package redisstore

import (
	"fmt"
	"testing"
	"time"

	"dipper/fleet"
	"dipper/fleet/storetest"
	"dipper/fleet/storetest/redistest"
)

// BenchmarkCommit measures steps through Commit beside the yardstick: the same bytes to the same kinds of keys (SET of the
// record, APPEND to the track, HSET into the cell's hash) in plain pipelines of the same length, on the same server in the same run,
// with nothing checked and nothing atomic. "x/raw-pipelined-Redis-writes" is fixes/s over the yardstick's.
func BenchmarkCommit(b *testing.B) {
	b.Run("redis", func(b *testing.B) {
		benchCommit(b, redistest.Start(b, redistest.Options{Fsync: "everysec"}).URL)
	})
	b.Run("cluster", func(b *testing.B) {
		benchCommit(b, redistest.StartCluster(b, redistest.Options{Fsync: "everysec"}).URL)
	})
}

// BenchmarkWait is what waiting for a replica costs: the same steps with and without, turn about, on one master with one replica.
func BenchmarkWait(b *testing.B) {
	master := redistest.Start(b, redistest.Options{Fsync: "everysec"})
	redistest.StartReplica(b, master, redistest.Options{Fsync: "everysec"})
	for _, fixes := range []int{1, 30} {
		b.Run(fmt.Sprintf("fixes=%d", fixes), func(b *testing.B) {
			s := empty(b, Config{URL: master.URL, WaitTimeout: LongestWait})
			load := storetest.NewLoad(fixes)
			commit := func(steps []fleet.Step) { storetest.MustStore(b, s, steps) }
			load.Warm(commit)
			var rates [2]storetest.Meter
			for b.Loop() {
				for replicas := range rates {
					s.cfg.WaitReplicas = replicas
					rates[replicas].Time(load, commit)
				}
			}
			b.ReportMetric(rates[0].Rate(), "fixes/s")
			b.ReportMetric(rates[1].Rate(), "waiting-fixes/s")
		})
	}
}

func benchCommit(b *testing.B, url string) {
	for _, fixes := range []int{1, 30} {
		b.Run(fmt.Sprintf("fixes=%d", fixes), func(b *testing.B) {
			s := empty(b, Config{URL: url})
			load, plain := storetest.NewLoad(fixes), storetest.NewLoad(fixes)
			var rate, yardstick storetest.Meter
			commit := func(steps []fleet.Step) { storetest.MustStore(b, s, steps) }
			write := func(steps []fleet.Step) { writePlainly(b, s, steps, true) }
			load.Warm(commit)
			plain.Warm(write)
			for b.Loop() { // turn about, so that both see the same neighbours on the machine
				rate.Time(load, commit)
				yardstick.Time(plain, write)
			}
			b.ReportMetric(rate.Rate(), "fixes/s")
			b.ReportMetric(yardstick.Rate(), "yardstick-fixes/s")
			b.ReportMetric(rate.Rate()/yardstick.Rate(), "x/raw-pipelined-Redis-writes")
		})
	}
}

// writePlainly writes the bytes of the steps in one plain pipeline, under keys of its own; with inCell, the position also into the
// hash of its cell.
func writePlainly(b *testing.B, s *Store, steps []fleet.Step, inCell bool) {
	b.Helper()
	p := s.client.Pipeline()
	for i := range steps {
		st := &steps[i]
		record := make([]byte, recordHead, recordHead+len(st.State))
		p.Set(b.Context(), "plain:"+recordKey(st.Unit), append(record, st.State...), 0)
		p.Do(b.Context(), "APPEND", "plain:"+trackKey(st.Unit, st.Track[0].Day), st.Track[0].Data)
		if inCell {
			p.HSet(b.Context(), "plain:"+cellKey(st.Position.Cell), string(st.Unit), st.Position.AppendBinary(nil))
		}
	}
	if _, err := p.Exec(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkStepsPerCall is how the constant of this name was chosen: the variants take turns on one server.
func BenchmarkStepsPerCall(b *testing.B) {
	s := empty(b, Config{URL: redistest.Start(b, redistest.Options{Fsync: "everysec"}).URL})
	variants := []int{1, 4, 16, 64}
	load := storetest.NewLoad(1)
	rates := make([]storetest.Meter, len(variants))
	write := func(steps []fleet.Step) { storetest.MustStore(b, s, steps) }
	load.Warm(write)
	for b.Loop() {
		for i, n := range variants {
			s.stepsPerCall = n
			rates[i].Time(load, write)
		}
	}
	for i, n := range variants {
		b.ReportMetric(rates[i].Rate(), fmt.Sprintf("fixes/s@%d", n))
	}
}

// BenchmarkPositionInCell is why a cell's hash holds no positions: what one more HSET a fix costs in plain pipelines.
func BenchmarkPositionInCell(b *testing.B) {
	s := empty(b, Config{URL: redistest.Start(b, redistest.Options{Fsync: "everysec"}).URL})
	load := storetest.NewLoad(1)
	var with, without storetest.Meter
	for b.Loop() {
		with.Time(load, func(steps []fleet.Step) { writePlainly(b, s, steps, true) })
		without.Time(load, func(steps []fleet.Step) { writePlainly(b, s, steps, false) })
	}
	b.ReportMetric(with.Rate(), "with-fixes/s")
	b.ReportMetric(without.Rate(), "without-fixes/s")
}

// BenchmarkInCells reads the positions of 2,000 units in 400 cells, the most that a view shows one by one.
func BenchmarkInCells(b *testing.B) {
	s := empty(b, Config{URL: redistest.Start(b, redistest.Options{NoAOF: true}).URL})
	load := storetest.NewLoad(1)
	const groups = 4 // of 500
	var m storetest.Meter
	for range groups {
		m.Time(load, func(steps []fleet.Step) { storetest.MustStore(b, s, steps) })
	}
	cells, err := s.OccupiedCells(b.Context(), nil)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		ps, err := s.InCells(b.Context(), cells)
		if err != nil || len(ps) != 2000 {
			b.Fatalf("%d positions, %v", len(ps), err)
		}
	}
	b.ReportMetric(float64(b.N*2000)/b.Elapsed().Seconds(), "positions/s")
}

// BenchmarkEvents commits steps of which each has one event: the rate that the one log bounds.
func BenchmarkEvents(b *testing.B) {
	s := empty(b, Config{URL: redistest.Start(b, redistest.Options{Fsync: "everysec"}).URL})
	const units = 500
	version := uint64(0)
	for b.Loop() {
		steps := make([]fleet.Step, units)
		for i := range steps {
			u := fleet.UnitID(fmt.Sprint("unit-", i))
			e := fleet.EventRecord{ID: fmt.Sprint(u, "/", version), Revision: 1, FixTime: time.Unix(int64(version), 0), Data: make([]byte, 200)}
			steps[i] = fleet.Step{Unit: u, Expect: version, State: make([]byte, 300), Events: []fleet.EventRecord{e}}
		}
		storetest.MustStore(b, s, steps)
		version++
	}
	b.ReportMetric(float64(b.N*units)/b.Elapsed().Seconds(), "events/s")
}
