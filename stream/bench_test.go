package stream

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"dipper/fleet"
	"dipper/fleet/cell"
	"dipper/fleet/redisstore"
	"dipper/fleet/storetest/redistest"
	"dipper/positioning/geo"
)

// BenchmarkFanOut measures how fast viewers on real sockets are told of units that all move, when all of them look at all of it.
// Every iteration moves each unit once and waits until every viewer has every move. The viewers' own reading, on the
// same machine, is in the figure.
func BenchmarkFanOut(b *testing.B) {
	for _, form := range []string{"binary", "json"} {
		for _, units := range []int{100, 1000} {
			b.Run(fmt.Sprintf("%s/viewers=200/units=%d", form, units), func(b *testing.B) { benchFanOut(b, form, 200, units) })
		}
	}
}

func benchFanOut(b *testing.B, form string, viewers, units int) {
	h, url := startHub(b, HubConfig{Flush: time.Millisecond})
	swarm(h, units, 0)
	rows := make(chan int, viewers) // from each viewer's reader: rows of one frame
	for range viewers {
		ws := dial(b, url+"?format="+form)
		ask(b, ws, harbour)
		if err := ws.SetReadDeadline(time.Time{}); err != nil {
			b.Fatal(err)
		}
		go func() {
			for {
				kind, data, err := ws.ReadMessage()
				switch {
				case err != nil:
					return
				case kind == websocket.BinaryMessage:
					rows <- int(binary.LittleEndian.Uint32(data[4:]))
				case len(data) > 24 && string(data[9:18]) == "positions":
					rows <- countRows(data)
				}
			}
		}()
	}
	drain := func() {
		for left := viewers * units; left > 0; {
			left -= <-rows
		}
	}
	drain() // the snapshots
	frames := value(b, h.metrics.frames.WithLabelValues("positions"))
	i := 0
	for b.Loop() {
		i++
		swarm(h, units, i)
		drain()
	}
	frames = value(b, h.metrics.frames.WithLabelValues("positions")) - frames
	b.ReportMetric(frames/b.Elapsed().Seconds(), "frames/s")
	b.ReportMetric(float64(i*viewers*units)/b.Elapsed().Seconds(), "positions/s")
}

// countRows counts the units of a JSON frame without reading it.
func countRows(data []byte) (n int) {
	for _, c := range data {
		if c == '{' {
			n++
		}
	}
	return n - 1
}

// BenchmarkMoved is what a fix costs the hub, when nobody looks and when 200 viewers look elsewhere.
func BenchmarkMoved(b *testing.B) {
	for _, viewers := range []int{0, 200} {
		b.Run(fmt.Sprintf("viewers=%d", viewers), func(b *testing.B) {
			h, url := startHub(b, HubConfig{})
			for range viewers {
				ws := dial(b, url)
				ask(b, ws, `{"op":"view","bbox":[0,0,1,1],"zoom":9}`)
			}
			const units = 100_000
			positions := make([]fleet.Position, units)
			for u := range positions {
				at := geo.Point{Lat: 20 + float64(u%1000)/50, Lon: 100 + float64(u/1000)/5}
				positions[u] = fleet.Position{Unit: fleet.UnitID(fmt.Sprint("u", u)), Point: at, Cell: cell.FromPoint(at)}
				h.Moved(positions[u], 0)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				p := &positions[i%units]
				p.Time = time.Unix(int64(i), 0)
				h.Moved(*p, p.Cell)
				i++
			}
		})
	}
}

// BenchmarkTurn is what one viewer's turn costs the service without the socket: nothing moved, a twentieth of the screen moved,
// all of it moved, and a view of 100,000 units as cells.
func BenchmarkTurn(b *testing.B) {
	p := newPlot()
	const units = 2000
	positions := make([]fleet.Position, 0, units)
	for u := range units {
		at := geo.Point{Lat: 36 + float64(u%50)/100, Lon: 120 + float64(u/50)/100}
		positions = append(positions, fleet.Position{Unit: fleet.UnitID(fmt.Sprint("u", u)), Point: at, Cell: cell.FromPoint(at)})
		p.move(positions[u])
	}
	for u := range 98_000 {
		at := geo.Point{Lat: 20 + float64(u%1000)/100, Lon: 100 + float64(u/1000)/10}
		p.move(fleet.Position{Unit: fleet.UnitID(fmt.Sprint("far", u)), Point: at, Cell: cell.FromPoint(at)})
	}
	for _, moving := range []int{0, units / 20, units} {
		b.Run(fmt.Sprintf("units=%d/moved=%d", units, moving), func(b *testing.B) {
			s := &screen{plot: p, maxUnits: units, maxCells: DefaultMaxCells}
			s.show(view2(geo.Box{West: 120, South: 36, East: 121, North: 37}))
			var u update
			var out []byte
			i := 0
			var spent time.Duration
			for b.Loop() {
				i++
				for n := range moving {
					pos := &positions[(n+i*moving)%units]
					pos.Time = time.Unix(int64(p.now.Load()), 0)
					p.move(*pos)
				}
				begin := time.Now()
				u.reset()
				s.turn(time.Time{}, &u)
				out = appendPositions(out[:0], u.seen, false)
				spent += time.Since(begin)
			}
			b.ReportMetric(float64(spent.Nanoseconds())/float64(i), "ns/turn")
		})
	}
	b.Run("cells-of-100000", func(b *testing.B) {
		world := geo.Box{West: -180, South: -90, East: 180, North: 90}
		cells := 0
		for b.Loop() {
			got, _, _ := p.cellsIn(world, 5, DefaultMaxCells)
			cells = len(got)
		}
		b.ReportMetric(float64(cells), "cells")
	})
}

// BenchmarkRelay is what a position costs that is told to other nodes: the node that took it until Redis has the message, where 5,000 units
// in 60 areas send between two flushes, and a node that hears it.
func BenchmarkRelay(b *testing.B) {
	const units, areas = 5000, 60
	positions := make([]fleet.Position, units)
	for u := range positions {
		at := geo.Point{Lat: 22 + float64(u%6)*3, Lon: 104 + float64(u%areas/6)*2 + float64(u)/1e5}
		positions[u] = fleet.Position{Unit: fleet.UnitID(fmt.Sprint("unit-", u)), Point: at, Cell: cell.FromPoint(at)}
	}
	b.Run("tell", func(b *testing.B) {
		s := startStation(b, redistest.Start(b, redistest.Options{NoAOF: true}).URL)
		r := s.hub.relay
		s.stop() // the benchmark flushes by itself
		store, err := redisstore.Open(b.Context(), redisstore.Config{URL: redistest.Start(b, redistest.Options{NoAOF: true}).URL})
		if err != nil {
			b.Fatal(err)
		}
		defer store.Close()
		r.store = store
		r.sending.Store(true)
		for b.Loop() {
			for _, p := range positions {
				r.tell(p, p.Cell)
			}
			if !r.flush(b.Context()) {
				b.Fatal("not told")
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*units), "ns/position")
		b.ReportMetric(value(b, r.metrics.relayMessages)/float64(b.N), "messages/flush")
	})
	b.Run("hear", func(b *testing.B) {
		h := NewHub(HubConfig{Log: slog.New(slog.DiscardHandler), Metrics: NewMetrics(prometheus.NewRegistry())})
		h.relay.node = 2
		at := time.Unix(0, 0)
		var spent time.Duration
		for b.Loop() {
			b.StopTimer()
			at = at.Add(time.Second)
			moved := map[cell.ID]map[fleet.UnitID]fleet.Position{1: {}}
			for _, p := range positions {
				p.Time = at
				moved[1][p.Unit] = p
			}
			messages, _ := pack(1, moved)
			b.StartTimer()
			begin := time.Now()
			for _, m := range messages {
				h.relay.Heard(m)
			}
			spent += time.Since(begin)
		}
		b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N*units), "ns/position")
	})
}
