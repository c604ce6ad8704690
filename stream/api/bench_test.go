package api_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"dipper/fleet"
	"dipper/fleet/redisstore"
	"dipper/fleet/storetest/redistest"
	"dipper/positioning/track"
	"dipper/stream/api"
)

// shape is how a fleet of agents sends.
type shape struct {
	name   string
	agents int
	order
}

var shapes = []shape{
	{"backlog", 200, order{Fixes: 30, Turns: 16, Window: 8}},
	{"live", 1000, order{Fixes: 1, Turns: 8, Window: 1}},
}

// BenchmarkIngest measures fixes that went through a real WebSocket, the fleet and a store, and were acknowledged: agents that hand
// over a backlog in batches of thirty, each with a window of eight, and more agents that send one fix at a time and wait for its
// acknowledgement. The agents are a process of their own, on the same processors. "service-µs/fix" and the like are processor
// time, the kernel's part included, which is what capacity is planned with: it hardly depends on who else is on the machine.
//
// Beside Redis runs the yardstick, turn about on the same server: the same bytes under keys of the same length, a SET and an APPEND for each
// batch of an agent, in plain pipelines of 500 batches from one connection, with nothing checked, nothing atomic and nobody sending.
//
// "p50-ms" and "p99-ms" are from a frame's arrival to its acknowledgement while the agents send at half the rate just measured.
func BenchmarkIngest(b *testing.B) {
	for _, sh := range shapes {
		b.Run("embedded/"+sh.name, func(b *testing.B) { benchIngest(b, sh, openStore(b), "") })
		b.Run("redis/"+sh.name, func(b *testing.B) {
			server := redistest.Start(b, redistest.Options{Fsync: "everysec"})
			benchIngest(b, sh, openRedis(b, server.URL), server.Addr)
		})
		b.Run("cluster/"+sh.name, func(b *testing.B) {
			benchIngest(b, sh, openRedis(b, redistest.StartCluster(b, redistest.Options{Fsync: "everysec"}).URL), "")
		})
	}
}

func openRedis(b testing.TB, url string) fleet.Store {
	b.Helper()
	store, err := redisstore.Open(b.Context(), redisstore.Config{URL: url})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { store.Close() })
	return store
}

// expense is what so many fixes took.
type expense struct {
	fixes                        int
	spent                        time.Duration
	service, agents, redisServer time.Duration // processor time
}

func (e *expense) rate() float64 { return float64(e.fixes) / e.spent.Seconds() }

func (e *expense) perFix(d time.Duration) float64 {
	return float64(d.Nanoseconds()) / 1e3 / float64(e.fixes)
}

// benchIngest measures one shape; with the yardstick, if there is an address of a Redis.
func benchIngest(b *testing.B, sh shape, store fleet.Store, addr string) {
	last := &lastSteps{Store: store}
	s := startStationOn(b, last, func(c *api.ServiceConfig) { c.Uplink.FixesPerSecond, c.Uplink.Burst = 1e9, 1e9 })
	crew := startCrew(b, s.url, s.keys(sh.agents))
	defer crew.stop()
	var plain *plainWriter
	if addr != "" {
		plain = newPlainWriter(b, addr)
	}
	var through, raw expense
	haul := func(o order) expense {
		begin, service, redisServer := time.Now(), cpuTime(), plain.serverCPU()
		report := crew.haul(o)
		return expense{
			sh.agents * o.Turns * o.Fixes, time.Since(begin),
			cpuTime() - service, report.CPU, plain.serverCPU() - redisServer,
		}
	}
	haul(sh.order) // every unit's first batches are unlike the later ones
	stats := s.service.Fleet().Stats()
	for b.Loop() {
		through.add(haul(sh.order))
		if plain != nil {
			raw.add(plain.write(last.take(), sh.Fixes, through.fixes-raw.fixes))
		}
	}
	stats, before := s.service.Fleet().Stats(), stats
	b.ReportMetric(float64(stats.Steps-before.Steps)/float64(stats.Commits-before.Commits), "steps/commit")
	b.ReportMetric(through.rate(), "fixes/s")
	b.ReportMetric(through.perFix(through.service), "service-µs/fix")
	b.ReportMetric(through.perFix(through.agents), "agents-µs/fix")
	if plain != nil {
		b.ReportMetric(through.rate()/raw.rate(), "x/raw-pipelined-Redis-writes")
		b.ReportMetric(raw.rate(), "raw-fixes/s")
		b.ReportMetric(through.perFix(through.redisServer), "redis-µs/fix")
		b.ReportMetric(raw.perFix(raw.redisServer), "raw-redis-µs/fix")
		b.ReportMetric(raw.perFix(raw.service), "raw-client-µs/fix")
	}
	half := sh.order
	half.Every = time.Duration(2 * float64(sh.agents*sh.Fixes) / through.rate() * float64(time.Second))
	half.Turns = max(1, int(2*time.Second/half.Every))
	earlier := s.ackTimes()
	haul(half)
	acks := s.ackTimes().since(earlier)
	b.ReportMetric(acks.quantile(0.5)*1e3, "p50-ms")
	b.ReportMetric(acks.quantile(0.99)*1e3, "p99-ms")
}

func (e *expense) add(o expense) {
	e.fixes += o.fixes
	e.spent += o.spent
	e.service += o.service
	e.agents += o.agents
	e.redisServer += o.redisServer
}

// keys registers units and gives their keys.
func (s *station) keys(units int) []string {
	s.t.Helper()
	keys := make([]string, units)
	for i := range keys {
		key, err := s.service.Fleet().RegisterUnit(s.t.Context(), fleet.UnitID(fmt.Sprintf("t%d", i)), "", "")
		if err != nil {
			s.t.Fatal(err)
		}
		keys[i] = key
	}
	return keys
}

// ackTimes is the service's histogram of the time to the acknowledgement.
type ackTimes []ackBucket

type ackBucket struct{ atMost, count float64 } // s; cumulative

func (s *station) ackTimes() (h ackTimes) {
	s.t.Helper()
	_, body := s.do(http.MethodGet, "/metrics", "", nil)
	for line := range strings.Lines(string(body)) {
		if text, ok := strings.CutPrefix(line, `dipper_uplink_ack_seconds_bucket{le="`); ok {
			edge, count, _ := strings.Cut(strings.TrimSpace(text), `"} `)
			x, err := strconv.ParseFloat(edge, 64) // the last is +Inf
			n, err2 := strconv.ParseFloat(count, 64)
			if err != nil || err2 != nil {
				s.t.Fatalf("metric %q", line)
			}
			h = append(h, ackBucket{x, n})
		}
	}
	return h
}

func (h ackTimes) since(before ackTimes) ackTimes {
	for i := range h {
		h[i].count -= before[i].count
	}
	return h
}

// quantile is interpolated within its bucket, of which each is twice as wide as the one before.
func (h ackTimes) quantile(q float64) float64 {
	rank := q * h[len(h)-1].count
	var below ackBucket
	for _, to := range h[:len(h)-1] {
		if to.count >= rank {
			return below.atMost + (to.atMost-below.atMost)*(rank-below.count)/(to.count-below.count)
		}
		below = to
	}
	return below.atMost
}

// lastSteps is a store that remembers what was committed last, as it was.
type lastSteps struct {
	fleet.Store
	mu    sync.Mutex
	steps []fleet.Step // at most mostSteps; no more are remembered until they were taken
}

const mostSteps = 4000

func (s *lastSteps) Commit(ctx context.Context, steps []fleet.Step) []error {
	s.mu.Lock()
	if len(s.steps) < mostSteps {
		s.steps = append(s.steps, steps...)
	}
	s.mu.Unlock()
	return s.Store.Commit(ctx, steps)
}

func (s *lastSteps) take() (steps []fleet.Step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	steps, s.steps = s.steps, nil
	return steps
}

// plainWriter writes what steps have to be written, and nothing else.
type plainWriter struct {
	b      *testing.B
	client *redis.Client
}

func newPlainWriter(b *testing.B, addr string) *plainWriter {
	client := redis.NewClient(&redis.Options{Addr: addr})
	b.Cleanup(func() { client.Close() })
	return &plainWriter{b, client}
}

// plainWrite is a batch of an agent: the bytes of the record that its step wrote, and of the fixes.
type plainWrite struct {
	record, track string // keys
	state, fixes  string
}

// write writes the steps' bytes again and again until about so many fixes are written.
func (p *plainWriter) write(steps []fleet.Step, batch, fixes int) (e expense) {
	p.b.Helper()
	const pipeline = 500
	writes := p.writes(steps, batch)
	begin, client, server := time.Now(), cpuTime(), p.serverCPU()
	for n := 0; e.fixes < fixes; {
		pipe := p.client.Pipeline()
		for range pipeline {
			w := &writes[n%len(writes)]
			n++
			pipe.Set(p.b.Context(), w.record, w.state, 0)
			pipe.Append(p.b.Context(), w.track, w.fixes)
			e.fixes += batch
		}
		if _, err := pipe.Exec(p.b.Context()); err != nil {
			p.b.Fatal(err)
		}
	}
	e.spent, e.service, e.redisServer = time.Since(begin), cpuTime()-client, p.serverCPU()-server
	return e
}

// writes divides steps, in which batches of a backlog are joined, into one write for each batch.
func (p *plainWriter) writes(steps []fleet.Step, batch int) (writes []plainWrite) {
	p.b.Helper()
	for i := range steps {
		st := &steps[i]
		for _, seg := range st.Track {
			b, _, err := track.DecodeBatch(seg.Data)
			if err != nil {
				p.b.Fatal(err)
			}
			parts := max(1, len(b.Fixes)/batch)
			w := plainWrite{
				record: "v:{" + string(st.Unit) + "}", track: fmt.Sprintf("t:{%s}:%d", st.Unit, seg.Day),
				state: string(st.Position.AppendBinary(make([]byte, 16))) + string(st.State),
				fixes: string(seg.Data[:len(seg.Data)/parts]),
			}
			for range parts {
				writes = append(writes, w)
			}
		}
	}
	return writes
}

// serverCPU is what Redis has used of the processors; 0 where there is none.
func (p *plainWriter) serverCPU() time.Duration {
	if p == nil {
		return 0
	}
	p.b.Helper()
	text, err := p.client.Info(p.b.Context(), "cpu").Result()
	if err != nil {
		p.b.Fatal(err)
	}
	var seconds float64
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name == "used_cpu_sys" || name == "used_cpu_user" {
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				p.b.Fatal(err)
			}
			seconds += v
		}
	}
	return time.Duration(seconds * float64(time.Second))
}

// BenchmarkIdleAgents measures what connected agents that send nothing but their pings, each every five seconds, cost the service: heap
// and stacks with 1,000 agents, and processor time while they are there, less those without. The agents are another process. Not in it: the
// kernel's socket.
func BenchmarkIdleAgents(b *testing.B) {
	const agents = 1000
	const pings, pingEvery = 2, 5 * time.Second
	s := startStation(b, nil)
	keys := s.keys(agents)
	var bytesPerAgent, load float64
	connect := func() *crew {
		crew := startCrew(b, s.url, keys)
		s.await("all agents", func() bool { return s.metric("dipper_uplink_connections") == agents })
		return crew
	}
	disconnect := func(c *crew) {
		c.stop()
		s.await("all agents to be gone", func() bool { return s.metric("dipper_uplink_connections") == 0 })
	}
	disconnect(connect())                 // what the service keeps of units that were here is not the connections'
	usage := func(while func()) float64 { // cores
		begin, cpu := time.Now(), cpuTime()
		while()
		return (cpuTime() - cpu).Seconds() / time.Since(begin).Seconds()
	}
	alone := usage(func() { time.Sleep(pings * pingEvery) })
	for b.Loop() {
		before := memory()
		crew := connect()
		bytesPerAgent = float64(memory()-before) / agents
		load = usage(func() { crew.haul(order{Pings: pings, Every: pingEvery}) }) - alone
		disconnect(crew)
	}
	b.ReportMetric(bytesPerAgent, "bytes/agent")
	b.ReportMetric(load*100*10_000/agents, "%-of-a-core/10,000-agents")
}

// memory is what is in use of heap and stacks, after what can be freed was.
func memory() int64 {
	var m runtime.MemStats
	for range 3 { // pools are emptied at the second
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
