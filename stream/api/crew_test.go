package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"dipper/positioning"
	"dipper/positioning/geo"
	"dipper/positioning/track"
	"dipper/receiver/uplink"
)

// Environment of the process that startCrew starts.
const (
	crewURL  = "DIPPER_BENCH_AGENTS_URL"
	crewKeys = "DIPPER_BENCH_AGENTS_KEYS"
)

// crew is another process full of agents, so that what they cost can be told apart from what the service costs. It is told
// orders and answers each with a report, a line of JSON each.
type crew struct {
	b      testing.TB
	cmd    *exec.Cmd
	orders *json.Encoder
	input  io.Closer
	output *json.Decoder
}

// order has each agent send so many batches, with so many under way at most.
type order struct {
	Fixes  int // of a batch
	Turns  int // batches of each agent
	Window int
	Every  time.Duration // from one batch or ping of an agent to the next; 0: as soon as the window lets it
	Pings  int           // instead of batches, as an agent does that has nothing to send
}

// report is what an order took.
type report struct {
	CPU time.Duration // of the whole process
}

// startCrew runs this test program as a crew, and returns when all agents are connected.
func startCrew(b testing.TB, url string, keys []string) *crew {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crewURL+"="+url, crewKeys+"="+strings.Join(keys, ","))
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
	c := &crew{b, cmd, json.NewEncoder(stdin), stdin, json.NewDecoder(stdout)}
	c.report()
	return c
}

func (c *crew) haul(o order) report {
	c.b.Helper()
	if err := c.orders.Encode(o); err != nil {
		c.b.Fatal(err)
	}
	return c.report()
}

func (c *crew) report() (r report) {
	c.b.Helper()
	if err := c.output.Decode(&r); err != nil {
		c.b.Fatalf("the agents' process: %v", err)
	}
	return r
}

func (c *crew) stop() {
	c.input.Close()
	if err := c.cmd.Wait(); err != nil {
		c.b.Errorf("the agents' process: %v", err)
	}
}

// beCrew is that process: it connects all, says so, and does what it is told until its standard input ends.
func beCrew(url string, keys []string) error {
	buffers := new(sync.Pool)
	haulers := make([]*hauler, len(keys)) // a connection that nobody refers to is closed by the garbage collector
	for i, key := range keys {
		conn, err := uplink.Dial(context.Background(), uplink.DialOptions{URL: wsURL(url), Key: key, Buffers: buffers, DeadAfter: time.Hour})
		if err != nil {
			return err
		}
		defer conn.Close()
		hello := uplink.Hello{Version: uplink.ProtocolVersion, Unit: "t" + strconv.Itoa(i), Series: 1}
		if _, err := conn.Hello(context.Background(), hello); err != nil {
			return err
		}
		haulers[i] = &hauler{conn: conn, next: 1, start: time.Now().Add(-20 * time.Hour), lat: 36 + float64(i)/1000}
	}
	answers := json.NewEncoder(os.Stdout)
	if err := answers.Encode(report{}); err != nil {
		return err
	}
	orders := json.NewDecoder(bufio.NewReader(os.Stdin)) // ends with the parent at the latest
	for {
		var o order
		if err := orders.Decode(&o); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		before := cpuTime()
		if err := haulAll(haulers, o); err != nil {
			return err
		}
		if err := answers.Encode(report{cpuTime() - before}); err != nil {
			return err
		}
	}
}

func haulAll(haulers []*hauler, o order) error {
	errs := make(chan error, len(haulers))
	for i, h := range haulers {
		phase := o.Every * time.Duration(i) / time.Duration(len(haulers))
		go func() { errs <- h.haul(o, phase) }()
	}
	for range haulers {
		if err := <-errs; err != nil {
			return err
		}
	}
	return nil
}

// cpuTime is what this process has used of the processors, its own and the kernel's for it.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // only a wrong argument makes it fail
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// hauler is an agent with much to send: a fix a second, from twenty hours ago on.
type hauler struct {
	conn  *uplink.Conn
	next  track.Seq
	start time.Time
	lat   float64
}

// haul sends an order's batches and waits for the last acknowledgement.
func (h *hauler) haul(o order, phase time.Duration) error {
	flying := 0
	begin := time.Now().Add(phase)
	for turn := range o.Pings {
		time.Sleep(time.Until(begin.Add(time.Duration(turn) * o.Every)))
		if err := h.conn.Ping(); err != nil {
			return err
		}
	}
	for turn := range o.Turns {
		if o.Every > 0 {
			time.Sleep(time.Until(begin.Add(time.Duration(turn) * o.Every)))
		}
		if err := h.conn.SendBatch(track.Batch{Series: 1, First: h.next, Fixes: h.fixes(o.Fixes)}); err != nil {
			return err
		}
		h.next += track.Seq(o.Fixes)
		flying += o.Fixes
		most := (o.Window - 1) * o.Fixes
		if turn == o.Turns-1 {
			most = 0
		}
		for flying > most {
			ack, err := h.conn.ReadAck()
			if err != nil {
				return fmt.Errorf("acknowledgement: %w", err)
			}
			flying -= int(ack.Ranges.Count())
		}
	}
	return nil
}

func (h *hauler) fixes(n int) []positioning.Fix {
	fixes := make([]positioning.Fix, n)
	for i := range fixes {
		second := int(h.next) + i
		at := h.start.Add(time.Duration(second) * time.Second).UTC().Truncate(time.Millisecond)
		f := positioning.NewFix(at, geo.Point{Lat: h.lat, Lon: 120 + float64(second%10000)/1e5})
		f.SpeedMps, f.CourseDeg, f.ErrM, f.Mode = 10, 90, 2, positioning.Mode3D
		fixes[i] = f
	}
	return fixes
}
