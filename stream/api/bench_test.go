package api_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"dipper/fleet"
	"dipper/fleet/redisstore"
	"dipper/fleet/storetest"
	"dipper/fleet/storetest/redistest"
	"dipper/positioning"
	"dipper/positioning/geo"
	"dipper/positioning/track"
	"dipper/receiver/uplink"
	"dipper/stream/api"
)

// shape is how a fleet of agents sends.
type shape struct {
	name   string
	agents int
	batch  int // fixes
	window int // batches
	turns  int // batches of each agent in one iteration
}

var shapes = []shape{
	{"backlog", 200, 10, 8, 10},
	{"live", 1000, 1, 1, 2},
}

// BenchmarkIngest measures fixes that went through a real WebSocket, the fleet and a store, and were acknowledged: agents that hand
// over a backlog in batches of ten, each with a window of eight, and more agents that send one fix at a time and wait for its
// acknowledgement. The agents run in the same process, so their work is in the figure. Beside Redis runs the yardstick,
// turn about on the same server: the bytes of such batches in plain pipelines of 500, from one connection, with nothing
// checked and nothing atomic.
func BenchmarkIngest(b *testing.B) {
	for _, sh := range shapes {
		b.Run("embedded/"+sh.name, func(b *testing.B) { benchIngest(b, sh, openStore(b), nil) })
		b.Run("redis/"+sh.name, func(b *testing.B) {
			server := redistest.Start(b, redistest.Options{Fsync: "everysec"})
			benchIngest(b, sh, openRedis(b, server.URL), plainWrites(b, server.Addr))
		})
		b.Run("cluster/"+sh.name, func(b *testing.B) {
			benchIngest(b, sh, openRedis(b, redistest.StartCluster(b, redistest.Options{Fsync: "everysec"}).URL), nil)
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

func benchIngest(b *testing.B, sh shape, store fleet.Store, plain func([]fleet.Step)) {
	s := startStationOn(b, store, func(c *api.ServiceConfig) { c.Uplink.FixesPerSecond, c.Uplink.Burst = 1e9, 1e9 })
	agents := make([]*hauler, sh.agents)
	for i := range agents {
		id := fmt.Sprintf("t%d", i)
		key, err := s.service.Fleet().RegisterUnit(b.Context(), fleet.UnitID(id), "", "")
		if err != nil {
			b.Fatal(err)
		}
		agents[i] = &hauler{box: s.connect(id, key), shape: sh, start: time.Now().Add(-20 * 24 * time.Hour), lat: 36 + float64(i)/1000}
	}
	load := storetest.NewLoad(sh.batch)
	var yardstick storetest.Meter
	var spent time.Duration
	perLoop := sh.agents * sh.turns * sh.batch
	n := 0
	for b.Loop() {
		begin := time.Now()
		var wg sync.WaitGroup
		for _, a := range agents {
			wg.Go(a.haul)
		}
		wg.Wait()
		spent += time.Since(begin)
		n += perLoop
		for range 4 { // about as many fixes as the agents sent
			if plain != nil {
				yardstick.Time(load, plain)
			}
		}
	}
	rate := float64(n) / spent.Seconds()
	b.ReportMetric(rate, "fixes/s")
	if plain != nil {
		b.ReportMetric(rate/yardstick.Rate(), "x/raw-pipelined-Redis-writes")
		b.ReportMetric(yardstick.Rate(), "raw-fixes/s")
	}
}

// hauler is an agent with much to send.
type hauler struct {
	*box
	shape
	start time.Time
	lat   float64
}

// haul sends one iteration's batches and waits for the last acknowledgement.
func (h *hauler) haul() {
	flying := 0
	acknowledged := func() bool {
		ack, err := h.conn.ReadAck()
		if err != nil {
			h.s.t.Error(err)
		}
		flying -= int(ack.Ranges.Count()) / h.batch
		return err == nil
	}
	for range h.turns {
		if err := h.conn.SendBatch(track.Batch{Series: h.series, First: h.next, Fixes: h.fixes()}); err != nil {
			h.s.t.Error(err)
			return
		}
		h.next += track.Seq(h.batch)
		flying++
		for flying >= h.window {
			if !acknowledged() {
				return
			}
		}
	}
	for flying > 0 && acknowledged() {
	}
}

func (h *hauler) fixes() []positioning.Fix {
	fixes := make([]positioning.Fix, h.batch)
	for i := range fixes {
		second := int(h.next) + i
		at := h.start.Add(time.Duration(second) * time.Second).UTC().Truncate(time.Millisecond)
		f := positioning.NewFix(at, geo.Point{Lat: h.lat, Lon: 120 + float64(second%10000)/1e5})
		f.SpeedMps, f.CourseDeg, f.ErrM, f.Mode = 10, 90, 2, positioning.Mode3D
		fixes[i] = f
	}
	return fixes
}

// plainWrites writes what a step has to be written, and nothing else.
func plainWrites(b *testing.B, addr string) func([]fleet.Step) {
	b.Helper()
	client := redis.NewClient(&redis.Options{Addr: addr})
	b.Cleanup(func() { client.Close() })
	return func(steps []fleet.Step) {
		p := client.Pipeline()
		for i := range steps {
			st := &steps[i]
			p.Set(b.Context(), "plain:v:"+string(st.Unit), st.State, 0)
			p.Append(b.Context(), "plain:t:"+string(st.Unit), string(st.Track[0].Data))
		}
		if _, err := p.Exec(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// Environment of the process that BenchmarkIdleAgents starts.
const (
	agentsURL  = "DIPPER_BENCH_AGENTS_URL"
	agentsKeys = "DIPPER_BENCH_AGENTS_KEYS"
)

// BenchmarkIdleAgents measures what a connected agent that sends nothing costs the service: heap and stacks with 1,000 agents, less
// those without. The agents are another process. Not in it: the kernel's socket.
func BenchmarkIdleAgents(b *testing.B) {
	const agents = 1000
	s := startStation(b, nil)
	keys := make([]string, agents)
	for i := range keys {
		key, err := s.service.Fleet().RegisterUnit(b.Context(), fleet.UnitID(fmt.Sprintf("t%d", i)), "", "")
		if err != nil {
			b.Fatal(err)
		}
		keys[i] = key
	}
	var perAgent float64
	for b.Loop() {
		before := memory()
		stop := startAgents(b, s.url, keys)
		s.await("all agents", func() bool { return s.metric("dipper_uplink_connections") == agents })
		perAgent = float64(memory()-before) / agents
		stop()
		s.await("all agents to be gone", func() bool { return s.metric("dipper_uplink_connections") == 0 })
	}
	b.ReportMetric(perAgent, "bytes/agent")
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

// startAgents runs this test program as a process full of idle agents.
func startAgents(b *testing.B, url string, keys []string) (stop func()) {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), agentsURL+"="+url, agentsKeys+"="+strings.Join(keys, ","))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "ready\n" {
		b.Fatalf("agents: %q, %v", line, err)
	}
	return func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			b.Errorf("agents: %v", err)
		}
	}
}

// beAgents is that process: it connects all, says so, and holds them until its standard input ends.
func beAgents(url string, keys []string) error {
	buffers := new(sync.Pool)
	var held []*uplink.Conn // what nobody refers to is closed by the garbage collector
	for i, key := range keys {
		conn, err := uplink.Dial(context.Background(), uplink.DialOptions{URL: wsURL(url), Key: key, Buffers: buffers})
		if err != nil {
			return err
		}
		if _, err := conn.Hello(context.Background(), uplink.Hello{Version: uplink.ProtocolVersion, Unit: "t" + strconv.Itoa(i), Series: 1}); err != nil {
			return err
		}
		held = append(held, conn)
	}
	fmt.Println("ready")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n') // ends with the parent at the latest
	for _, conn := range held {
		conn.Close()
	}
	return nil
}
