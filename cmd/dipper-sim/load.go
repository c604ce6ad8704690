package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"dipper/cmd/internal/command"
	"dipper/positioning"
	"dipper/positioning/geo"
	"dipper/positioning/track"
)

// loadCmd sends the fixes of many moving units, each over a connection of its own, in real time.
type loadCmd struct {
	service
	Units    int           `help:"How many units." default:"1000"`
	Hz       float64       `help:"Fixes a second of each unit." default:"1"`
	Batch    int           `help:"Fixes in a message." default:"1"`
	Duration time.Duration `help:"How long." default:"30s"`
	Prefix   string        `help:"Names of the units begin with this." default:"sim-"`
	Seed     uint64        `help:"The same seed drives the same ways." default:"1"`
}

// loadSummary is what Run prints.
type loadSummary struct {
	Units      int     `json:"units"`
	Hz         float64 `json:"hz"`
	Batch      int     `json:"batch"`
	DurationS  float64 `json:"duration_s"`
	Sent       int64   `json:"sent"`  // fixes
	Acked      int64   `json:"acked"` // fixes that the service holds durably
	FixesPerS  float64 `json:"fixes_per_s"`
	AckP50Ms   float64 `json:"ack_p50_ms"`
	AckP99Ms   float64 `json:"ack_p99_ms"`
	Late       int64   `json:"late"` // messages not sent on time, because the link or this machine was behind
	Reconnects int64   `json:"reconnects"`
	LastError  string  `json:"last_error,omitempty"`
}

const (
	loadWindow  = 16               // messages under way per unit; more means that the service is behind
	loadDrain   = 15 * time.Second // at the end, for acknowledgements that are still under way
	loadSamples = 100_000          // of latency, kept at random
)

// check refuses values with which no load can be made.
func (c *loadCmd) check() error {
	switch {
	case c.Units < 1 || c.Units > 1_000_000:
		return command.Usagef("--units %d: want 1 to 1,000,000", c.Units)
	case !(c.Hz > 0 && c.Hz <= 100):
		return command.Usagef("--hz %v: want more than 0, at most 100", c.Hz)
	case c.Batch < 1 || c.Batch > replayBatch:
		return command.Usagef("--batch %d: want 1 to %d", c.Batch, replayBatch)
	case c.Duration <= 0:
		return command.Usagef("--duration %v: want more than 0", c.Duration)
	}
	return nil
}

// Run drives the units for the duration and prints a loadSummary.
func (c *loadCmd) Run(ctx context.Context, s command.Streams) error {
	if err := c.check(); err != nil {
		return err
	}
	units := make([]string, c.Units)
	for i := range units {
		units[i] = fmt.Sprintf("%s%06d", c.Prefix, i+1)
	}
	keys, err := c.keysOf(ctx, units, "truck")
	if err != nil {
		return err
	}
	l := &load{loadCmd: c, begin: time.Now(), random: rand.New(rand.NewPCG(c.Seed, 2))}
	var wg sync.WaitGroup
	for i, unit := range units {
		wg.Go(func() { l.drive(ctx, i, unit, keys[unit]) })
	}
	wg.Wait()
	return json.NewEncoder(s.Out).Encode(l.summary())
}

// load is a run under way.
type load struct {
	*loadCmd
	begin                         time.Time
	sent, acked, late, reconnects atomic.Int64

	mu        sync.Mutex
	random    *rand.Rand
	latencies []time.Duration
	seen      int // latencies offered
	lastError error
}

// drive is one unit's life.
func (l *load) drive(ctx context.Context, index int, unit, key string) {
	period := time.Duration(float64(l.Batch) / l.Hz * float64(time.Second))
	end := l.begin.Add(l.Duration)
	w := newWalk(l.Seed, uint64(index), period/time.Duration(l.Batch))
	due := l.begin.Add(time.Duration(w.random.Int64N(int64(period) + 1))) // units are spread over the period
	series := track.Series(l.begin.Unix())
	next := track.Seq(1)
	var conn *sender
	defer func() {
		if conn != nil {
			drain, cancel := context.WithTimeout(ctx, loadDrain)
			l.note(conn.wait(drain, 1))
			cancel()
			conn.close()
		}
	}()
	for ; due.Before(end); due = due.Add(period) {
		if conn == nil && !sleepUntil(ctx, due) || conn != nil && !conn.idle(ctx, due) {
			return
		}
		if conn == nil {
			fresh, err := connect(ctx, l.uplinkURL(), unit, key, series, next-1, l.latency, func(n int) { l.acked.Add(int64(n)) })
			if err != nil {
				l.note(err)
				l.reconnects.Add(1)
				continue
			}
			conn = fresh
		}
		if conn.inFlight() >= loadWindow {
			l.late.Add(1)
		}
		fixes := w.fixes(due, l.Batch)
		err := conn.wait(ctx, loadWindow)
		if err == nil {
			err = conn.send(next, fixes)
		}
		next += track.Seq(len(fixes))
		l.sent.Add(int64(len(fixes)))
		if err != nil {
			l.note(err)
			l.reconnects.Add(1)
			conn.close()
			conn = nil
		}
	}
}

// latency keeps a uniform sample of all latencies.
func (l *load) latency(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen++
	if len(l.latencies) < loadSamples {
		l.latencies = append(l.latencies, d)
	} else if i := l.random.IntN(l.seen); i < loadSamples {
		l.latencies[i] = d
	}
}

func (l *load) note(err error) {
	if err == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lastError = err
}

func (l *load) summary() loadSummary {
	elapsed := min(time.Since(l.begin), l.Duration).Seconds()
	sum := loadSummary{
		Units: l.Units, Hz: l.Hz, Batch: l.Batch, DurationS: elapsed, Sent: l.sent.Load(), Acked: l.acked.Load(),
		Late: l.late.Load(), Reconnects: l.reconnects.Load(),
	}
	sum.FixesPerS = math.Round(float64(sum.Acked)/elapsed*10) / 10
	slices.Sort(l.latencies)
	if n := len(l.latencies); n > 0 {
		sum.AckP50Ms = float64(l.latencies[n/2].Microseconds()) / 1000
		sum.AckP99Ms = float64(l.latencies[n*99/100].Microseconds()) / 1000
	}
	if l.lastError != nil {
		sum.LastError = l.lastError.Error()
	}
	return sum
}

// walk is a unit's way: straight on with small turns, near a port city of China.
type walk struct {
	random    *rand.Rand
	step      time.Duration
	point     geo.Point
	courseDeg float64
	speedMps  float64
}

var cities = []geo.Point{
	{Lat: 36.07, Lon: 120.38}, {Lat: 31.23, Lon: 121.47}, {Lat: 29.87, Lon: 121.55}, {Lat: 22.54, Lon: 114.06},
	{Lat: 38.91, Lon: 121.60}, {Lat: 39.08, Lon: 117.20}, {Lat: 24.48, Lon: 118.09}, {Lat: 30.59, Lon: 114.31},
}

func newWalk(seed, index uint64, step time.Duration) *walk {
	random := rand.New(rand.NewPCG(seed, index))
	city := cities[random.IntN(len(cities))]
	return &walk{
		random: random, step: step,
		point:     geo.Point{Lat: city.Lat + random.NormFloat64()*0.3, Lon: city.Lon + random.NormFloat64()*0.3},
		courseDeg: random.Float64() * 360, speedMps: 5 + random.Float64()*20,
	}
}

// fixes are the n fixes of which the last is at a time.
func (w *walk) fixes(last time.Time, n int) []positioning.Fix {
	const metresPerDegree = 111195
	fixes := make([]positioning.Fix, n)
	for i := range fixes {
		w.courseDeg = math.Mod(w.courseDeg+w.random.NormFloat64()*3+360, 360)
		metres := w.speedMps * w.step.Seconds()
		sin, cos := math.Sincos(w.courseDeg * math.Pi / 180)
		w.point.Lat += metres * cos / metresPerDegree
		w.point.Lon += metres * sin / (metresPerDegree * math.Cos(w.point.Lat*math.Pi/180))
		f := positioning.NewFix(last.Add(-time.Duration(n-1-i)*w.step).UTC(), w.point)
		f.SpeedMps, f.CourseDeg, f.HDOP, f.ErrM, f.AltitudeM = w.speedMps, w.courseDeg, 0.8, 2.1, 12
		f.Mode, f.Solution = positioning.Mode3D, positioning.SolutionSingle
		f.Sats.Used[positioning.BeiDou], f.Sats.Used[positioning.GPS] = 11, 7
		fixes[i] = track.Quantize(f)
	}
	return fixes
}

func sleepUntil(ctx context.Context, at time.Time) bool {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
