package stream

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"testing"
	"time"

	"dipper/fleet"
	"dipper/fleet/storetest/redistest"
	"dipper/positioning"
	"dipper/positioning/geo"
	"dipper/positioning/track"
	"dipper/receiver/spool"
	"dipper/receiver/uplink"
)

// lorry is a unit with the real agent's spool and client.
type lorry struct {
	unit  fleet.UnitID
	spool *spool.Spool
	at    time.Time
	fixes int
}

func startLorry(t *testing.T, s *station, unit fleet.UnitID) *lorry {
	t.Helper()
	key, err := s.fleet.RegisterUnit(t.Context(), unit, "", "")
	if err != nil {
		t.Fatal(err)
	}
	l := &lorry{unit: unit, at: time.Now().Add(-time.Hour).UTC().Truncate(time.Second)}
	if l.spool, err = spool.Open(t.TempDir(), spool.Options{SyncEvery: -1}); err != nil {
		t.Fatal(err)
	}
	client, err := uplink.NewClient(uplink.Config{
		URL: s.url, Unit: string(unit), Key: key, Source: l.spool, RetryMin: 20 * time.Millisecond, RetryMax: 200 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = client.Run(ctx) }) // ends with ctx
	t.Cleanup(func() {
		cancel()
		running.Wait()
		if err := l.spool.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// drive goes east, past the fence, one fix at a time.
func (l *lorry) drive(t *testing.T, fixes int) {
	t.Helper()
	for range fixes {
		l.at = l.at.Add(time.Second)
		fix := positioning.NewFix(l.at, geo.Point{Lat: 36, Lon: 120 + 2e-4*float64(l.fixes)})
		fix.ErrM, fix.SpeedMps = 2, 18
		if _, err := l.spool.Append([]positioning.Fix{track.Quantize(fix)}); err != nil {
			t.Fatal(err)
		}
		l.fixes++
	}
}

func (l *lorry) acknowledged() bool {
	return l.spool.Newest() == track.Seq(l.fixes) && l.spool.Unacked().Count() == 0
}

// complete reports whether the service has every fix.
func (l *lorry) complete(t *testing.T, s *station) bool {
	held, err := s.fleet.Completeness(t.Context(), l.unit)
	return err == nil && held.Held.Covers(track.Range{First: 1, Last: track.Seq(l.fixes)})
}

// A master dies whose replica lags: fixes that were acknowledged are gone, and so are events that viewers saw. Nobody sends anything new. In
// the end every unit is complete, and the viewer has exactly the events that the log has.
func TestNothingIsLostWithTheMaster(t *testing.T) {
	master := redistest.Start(t, redistest.Options{Fsync: "everysec"})
	replica := redistest.StartReplica(t, master, redistest.Options{Fsync: "everysec"})
	gate := redistest.StartGate(t, master)
	a, b := startStation(t, gate.URL), startStation(t, gate.URL)
	await(t, "the nodes to hear each other", func() bool { return a.peers() == 1 && b.peers() == 1 })
	fence := []byte(`{"type":"Feature","properties":{"radius_m":300},"geometry":{"type":"Point","coordinates":[120.01,36]}}`)
	if _, _, err := a.fleet.PutFence(t.Context(), "gate", fence); err != nil {
		t.Fatal(err)
	}
	var lorries []*lorry
	for i := range 12 {
		lorries = append(lorries, startLorry(t, []*station{a, b}[i%2], fleet.UnitID(fmt.Sprint("lorry-", i))))
	}
	c := b.look(`{"op":"events","after":""}`)
	ask(t, c.ws, bay)
	c.until("the snapshot", func() bool { return c.ended })
	drive := func(some []*lorry, fixes int) {
		t.Helper()
		for _, l := range some {
			l.drive(t, fixes)
		}
		for _, l := range some {
			await(t, fmt.Sprintf("%s to be acknowledged", l.unit), l.acknowledged)
		}
	}
	drive(lorries[:2], 100) // they pass the fence while the replica listens
	drive(lorries[2:], 20)
	c.until("their events", func() bool { return len(c.events) == 4 })
	if err := errors.Join(replica.InStep(master), replica.Promote()); err != nil {
		t.Fatal(err)
	}
	drive(lorries[2:], 80) // and these while it does not
	c.until("all events", func() bool { return len(c.events) == 24 })

	gate.Lead(replica)
	if err := master.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, l := range lorries {
		await(t, fmt.Sprintf("%s to be complete again", l.unit), func() bool { return l.complete(t, a) })
	}
	c.until("the log to have gone back and come forth", func() bool { return c.backs > 0 && len(c.events) == 24 })
	if got := logOf(t, a); !maps.Equal(c.events, got) {
		t.Errorf("the viewer has %v, the log %v", c.events, got)
	}
	for _, l := range lorries {
		c.until("the last positions", func() bool { return c.lat[string(l.unit)] == 36 })
	}
}

// logOf is the event log, by cursor.
func logOf(t *testing.T, s *station) map[string]string {
	t.Helper()
	entries, _, err := s.fleet.Events(t.Context(), "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	log := map[string]string{}
	for _, e := range entries {
		log[strconv.FormatUint(uint64(e.Cursor), 10)] = fmt.Sprintf("%s revision %d", e.Event.ID, e.Event.Revision)
	}
	return log
}
