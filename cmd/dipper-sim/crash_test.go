package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"dipper/geofence"
	"dipper/positioning"
	"dipper/positioning/track"
	"dipper/receiver/spool"
)

// crashFences lie along the simulated truck's way.
func crashFences() map[string]string {
	circle := func(name, kind string, lon, lat, radius float64) string {
		return fmt.Sprintf(`{"type":"Feature","properties":{"name":%q,"kind":%q,"radius_m":%v},"geometry":{"type":"Point","coordinates":[%v,%v]}}`, name, kind, radius, lon, lat)
	}
	return map[string]string{
		"gate": circle("Gate", "gate", gate.Lon, gate.Lat, 60),
		"yard": circle("Yard", "yard", blockA.Lon, blockA.Lat, 300),
	}
}

func (p *plant) putFences() {
	p.t.Helper()
	for id, feature := range crashFences() {
		if _, err := p.request(http.MethodPut, "/api/v1/fences/"+id, []byte(feature)); err != nil {
			p.t.Fatal(err)
		}
	}
}

// TestNothingIsLostOrDoubledWhateverIsKilled drives a truck through two fences while agent, service and Redis are killed in turn,
// and then holds what the service has against the agent's spool, fix by fix, and the events against the ledger run over that track.
func TestNothingIsLostOrDoubledWhateverIsKilled(t *testing.T) {
	for _, b := range backends() {
		t.Run(b.name, func(t *testing.T) {
			p := newPlant(t, b)
			p.putFences()
			const unit = "truck-7"
			key := p.command("unit", "add", unit)
			port, err := openPort(filepath.Join(p.dir, "port"))
			if err != nil {
				t.Fatal(err)
			}
			defer port.close()
			agent := p.startAgent(unit, key, port.link)

			fed := make(chan error, 1)
			go func() { fed <- feedFast(t.Context(), port) }()
			agent = p.killInTurn(b, agent, unit, key, port.link, fed)

			newest := p.drain(agent, unit, key, port.link)
			fixes := p.compareWithSpool(unit, newest)
			p.compareEvents(unit, fixes)
			p.service.stop(t)
			p.service = nil
		})
	}
}

// feedFast plays a truck's 25 minutes in about 25 seconds. The times are of two hours ago, so that none is in the future.
func feedFast(ctx context.Context, port *port) error {
	const epochs, step, pause = 1500, time.Second, 16 * time.Millisecond
	start := time.Now().UTC().Truncate(time.Second).Add(-2 * time.Hour)
	m := newModule(truckRoute(14, blockA, time.Minute, roadStart), start.Add(-3*time.Minute), "BD", 42)
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for i := range epochs {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		if err := port.write(m.appendEpoch(nil, start.Add(time.Duration(i)*step), step)); err != nil {
			return err
		}
	}
	return nil
}

// killInTurn kills agent, service and store one after another, again and again, until the module has said all.
func (p *plant) killInTurn(b *backend, agent *process, unit, key, port string, fed <-chan error) *process {
	p.t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	kills := 0
	for {
		life := time.Duration(200+random.IntN(900)) * time.Millisecond
		select {
		case err := <-fed:
			if err != nil {
				p.t.Fatal(err)
			}
			p.t.Logf("%d processes killed", kills)
			if kills < 12 {
				p.t.Errorf("only %d processes were killed while the module spoke", kills)
			}
			return agent
		case <-time.After(life):
		}
		kills++
		switch victim := kills % 3; {
		case victim == 0:
			agent.kill()
			agent = p.startAgent(unit, key, port)
		case victim == 2 && b.kill != nil:
			if err := b.kill(); err != nil {
				p.t.Fatal(err)
			}
			if err := b.restart(); err != nil {
				p.t.Fatal(err)
			}
		default:
			p.service.kill()
			p.startService()
		}
	}
}

// drain waits until the service has all that the spool holds, and gives the spool's newest number. The agent is stopped.
func (p *plant) drain(agent *process, unit, key, port string) track.Seq {
	p.t.Helper()
	var newest track.Seq
	for range 5 {
		agent.stop(p.t)
		s := p.openSpool(unit)
		newest = s.Newest()
		if err := s.Close(); err != nil {
			p.t.Fatal(err)
		}
		var c completeness
		if err := p.get("/api/v1/units/"+unit+"/completeness", &c); err != nil {
			p.t.Fatal(err)
		}
		if c.Highest == newest && len(c.Missing) == 0 {
			return newest
		}
		p.t.Logf("the spool has %d fixes, the service %+v: the agent runs once more", newest, c)
		agent = p.startAgent(unit, key, port)
		p.eventually("the service is complete", func() error {
			if err := p.get("/api/v1/units/"+unit+"/completeness", &c); err != nil {
				return err
			}
			if c.Highest < newest || len(c.Missing) > 0 {
				return fmt.Errorf("the spool has %d fixes, the service %+v", newest, c)
			}
			return nil
		})
	}
	p.t.Fatal("the agent never came to rest")
	return 0
}

func (p *plant) openSpool(unit string) *spool.Spool {
	p.t.Helper()
	s, err := spool.Open(p.spoolDir(unit), spool.Options{})
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

// completeness is the API's word on what it holds.
type completeness struct {
	Highest track.Seq    `json:"highest"`
	Held    track.Ranges `json:"held"`
	Missing track.Ranges `json:"missing"`
}

// storedFix is a fix as the API's track gives it.
type storedFix struct {
	Series track.Series `json:"series"`
	Seq    track.Seq    `json:"seq"`
	Time   time.Time    `json:"time"`
	Lat    float64      `json:"lat"`
	Lon    float64      `json:"lon"`
}

// compareWithSpool proves that the service's track is the spool's fixes, each once, and gives them.
func (p *plant) compareWithSpool(unit string, newest track.Seq) []geofence.Observation {
	p.t.Helper()
	s := p.openSpool(unit)
	defer s.Close()
	if newest < 300 {
		p.t.Errorf("only %d fixes came through", newest)
	}
	var answer struct {
		Fixes     []storedFix `json:"fixes"`
		Truncated bool        `json:"truncated"`
	}
	if err := p.get("/api/v1/units/"+unit+"/track?from=2000-01-01T00:00:00Z&to=2100-01-01T00:00:00Z&limit=10000", &answer); err != nil {
		p.t.Fatal(err)
	}
	bySeq := map[track.Seq]storedFix{}
	for _, f := range answer.Fixes {
		if _, twice := bySeq[f.Seq]; twice {
			p.t.Errorf("fix %d is in the track twice", f.Seq)
		}
		if f.Series != s.Series() {
			p.t.Errorf("fix %d is of series %d, the spool's is %d", f.Seq, f.Series, s.Series())
		}
		bySeq[f.Seq] = f
	}
	if len(bySeq) != int(newest) {
		p.t.Errorf("the track has %d fixes, the spool %d", len(bySeq), newest)
	}
	var observations []geofence.Observation
	for next := track.Seq(1); next <= newest; {
		batch, err := s.Read(next, 500)
		if err != nil {
			p.t.Fatal(err)
		}
		for i, f := range batch.Fixes {
			seq := batch.First + track.Seq(i)
			got := bySeq[seq]
			if !got.Time.Equal(f.Time) || got.Lat != f.Point.Lat || got.Lon != f.Point.Lon {
				p.t.Fatalf("fix %d: the service has %+v, the spool %v %v", seq, got, f.Time, f.Point)
			}
			observations = append(observations, geofence.Observation{Series: uint32(batch.Series), Seq: uint64(seq), Fix: f})
		}
		next = batch.Last() + 1
	}
	return observations
}

// compareEvents runs the ledger over the track, in the order of time and in one go, and wants the same events from the service.
func (p *plant) compareEvents(unit string, observations []geofence.Observation) {
	p.t.Helper()
	want := ledgerEvents(p.t, unit, observations)
	if len(want) < 4 {
		p.t.Errorf("the drive gives only %d events", len(want))
	}
	var got []string
	p.eventually("the events are those of the ledger", func() error {
		var err error
		if got, err = p.events(); err != nil {
			return err
		}
		if !slices.Equal(got, want) {
			return fmt.Errorf("events\n got %v\nwant %v", got, want)
		}
		return nil
	})
}

// ledgerEvents is what the pure ledger makes of a whole track, one line an event, sorted.
func ledgerEvents(t *testing.T, unit string, observations []geofence.Observation) []string {
	t.Helper()
	var fences []geofence.Fence
	for id, feature := range crashFences() {
		f, err := geofence.ParseFeature(id, []byte(feature), geofence.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		f.Revision = 1
		fences = append(fences, f)
	}
	slices.SortFunc(observations, func(a, b geofence.Observation) int {
		return cmp.Or(a.Fix.Time.Compare(b.Fix.Time), cmp.Compare(a.Series, b.Series), cmp.Compare(a.Seq, b.Seq))
	})
	ledger := geofence.NewLedger(unit, geofence.NewIndex(fences))
	var state geofence.State
	var events []geofence.Event
	for _, ob := range observations {
		if ob.Fix.Verdict == positioning.Accepted {
			events = ledger.Step(&state, ob, events)
		}
	}
	lines := make([]string, 0, len(events))
	for _, e := range events {
		lines = append(lines, eventLine(e.ID, string(e.Kind), e.Fence, e.Time))
	}
	slices.Sort(lines)
	return lines
}

func eventLine(id, kind, fence string, at time.Time) string {
	return fmt.Sprintf("%s %s %s %s", at.UTC().Format("15:04:05.000"), fence, kind, id)
}

// events is the service's events after all corrections, one line each, sorted.
func (p *plant) events() ([]string, error) {
	type entry struct {
		ID        string    `json:"id"`
		Kind      string    `json:"kind"`
		Fence     string    `json:"fence"`
		Time      time.Time `json:"time"`
		Revision  uint32    `json:"revision"`
		Retracted bool      `json:"retracted"`
	}
	latest := map[string]entry{}
	seen := map[string]bool{}
	after := ""
	for {
		var page struct {
			Events []entry         `json:"events"`
			Next   json.RawMessage `json:"next"`
		}
		if err := p.get("/api/v1/events?limit=100&after="+after, &page); err != nil {
			return nil, err
		}
		if len(page.Events) == 0 {
			break
		}
		for _, e := range page.Events {
			if once := fmt.Sprint(e.ID, e.Revision); seen[once] {
				return nil, fmt.Errorf("event %s revision %d is in the log twice", e.ID, e.Revision)
			} else {
				seen[once] = true
			}
			if e.Revision >= latest[e.ID].Revision {
				latest[e.ID] = e
			}
		}
		if err := json.Unmarshal(page.Next, &after); err != nil {
			return nil, err
		}
	}
	lines := []string{}
	for _, e := range latest {
		if !e.Retracted {
			lines = append(lines, eventLine(e.ID, e.Kind, e.Fence, e.Time))
		}
	}
	slices.Sort(lines)
	return lines, nil
}

// TestTheSameEventsOnEveryStore sends one drive in batches out of order, some of them twice, to a service on each store. The events
// are the same everywhere, and those of the ledger run over the drive in order.
func TestTheSameEventsOnEveryStore(t *testing.T) {
	const unit, series = "truck-7", track.Series(20261123)
	fixes := simulatedDrive(t)
	var observations []geofence.Observation
	for i, f := range fixes {
		observations = append(observations, geofence.Observation{Series: uint32(series), Seq: uint64(i + 1), Fix: f})
	}
	want := ledgerEvents(t, unit, observations)
	for _, b := range backends() {
		t.Run(b.name, func(t *testing.T) {
			p := newPlant(t, b)
			p.putFences()
			key := p.command("unit", "add", unit)
			conn, err := connect(t.Context(), "ws://"+p.address, unit, key, series, track.Seq(len(fixes)), func(time.Duration) {}, func(int) {})
			if err != nil {
				t.Fatal(err)
			}
			defer conn.close()
			for _, first := range shuffledBatches(len(fixes)) {
				last := min(first+shuffledBatch-1, len(fixes))
				if err := conn.send(track.Seq(first), fixes[first-1:last]); err != nil {
					t.Fatal(err)
				}
			}
			if err := conn.wait(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			p.eventually("the events are those of the ledger", func() error {
				got, err := p.events()
				if err == nil && !slices.Equal(got, want) {
					err = fmt.Errorf("events\n got %v\nwant %v", got, want)
				}
				return err
			})
		})
	}
}

const shuffledBatch = 40

// shuffledBatches is the first numbers of batches that cover 1 to n, out of order, every fifth twice.
func shuffledBatches(n int) []int {
	var firsts []int
	for first := 1; first <= n; first += shuffledBatch {
		firsts = append(firsts, first)
		if len(firsts)%5 == 0 {
			firsts = append(firsts, first)
		}
	}
	random := rand.New(rand.NewPCG(3, 4))
	random.Shuffle(len(firsts), func(i, j int) { firsts[i], firsts[j] = firsts[j], firsts[i] })
	return firsts
}

// simulatedDrive is two laps of a truck through the fences, as an agent would decode it.
func simulatedDrive(t *testing.T) []positioning.Fix {
	t.Helper()
	start := time.Now().UTC().Truncate(time.Second).Add(-2 * time.Hour)
	m := newModule(truckRoute(14, blockA, time.Minute, roadStart), start, "GB", 5)
	decoder := positioning.NewDecoder(positioning.DecoderConfig{})
	var fixes []positioning.Fix
	keep := func(decoded []positioning.Fix) {
		for _, f := range decoded {
			fixes = append(fixes, track.Quantize(f))
		}
	}
	for at := start; at.Before(start.Add(2 * m.route.lap())); at = at.Add(time.Second) {
		keep(decoder.Write(m.appendEpoch(nil, at, time.Second), time.Time{}))
	}
	keep(decoder.Flush())
	return fixes
}
