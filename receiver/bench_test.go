package receiver

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// agentBinary builds the agent as it is shipped.
func agentBinary(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dipper-agent")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-tags", "nethttpomithttp2", "-ldflags", "-s -w", "-o", path, "dipper/cmd/dipper-agent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// process is the real agent at work.
type process struct {
	*exec.Cmd
	stderr bytes.Buffer
}

func start(t testing.TB, path, spool, source string, c *centre, more ...string) *process {
	t.Helper()
	return startWith(t, nil, path, spool, source, c, more...)
}

// startWith also gives the process a standard input.
func startWith(t testing.TB, in *os.File, path, spool, source string, c *centre, more ...string) *process {
	t.Helper()
	args := append([]string{"run", "--source", source, "--server", c.url(), "--unit", testUnit, "--spool", spool}, more...)
	p := &process{Cmd: exec.Command(path, args...)}
	p.Env = append(os.Environ(), "DIPPER_KEY="+testKey)
	p.Stderr = &p.stderr
	if in != nil {
		p.Stdin = in
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.ProcessState == nil {
			_ = p.Process.Kill() // it may have ended
			_ = p.Wait()
		}
	})
	return p
}

// stop ends the process as systemd does, and fails the test if it does not end well.
func (p *process) stop(t testing.TB) {
	t.Helper()
	if err := p.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Errorf("on SIGTERM: %v: %s", err, p.stderr.String())
	}
}

// rss is the process's resident memory, now and at its highest, in megabytes.
func (p *process) rss(t testing.TB) (now, peak float64) {
	t.Helper()
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.Process.Pid), "status"))
	if err != nil {
		t.Fatal(err)
	}
	megabytes := func(field string) float64 {
		_, rest, _ := strings.Cut(string(status), field+":")
		kB, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
		if err != nil {
			t.Fatalf("%s: %v", field, err)
		}
		return kB / 1000 * 1.024
	}
	return megabytes("VmRSS"), megabytes("VmHWM")
}

// cpu is the processor time that the process has used so far, its own and the kernel's for it.
func (p *process) cpu(t testing.TB) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.Process.Pid), "stat"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // the name may hold anything
	fields := strings.Fields(rest)
	const utime, stime, tick = 11, 12, time.Second / 100 // proc(5): fields 14 and 15; USER_HZ is 100 on every Linux
	user, err1 := strconv.ParseInt(fields[utime], 10, 64)
	system, err2 := strconv.ParseInt(fields[stime], 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return time.Duration(user+system) * tick
}

// burst is what a module says in tenth of a second n of a day: RMC, GGA and GSA of two systems, and once a second who is in view.
func burst(n int) []byte {
	at := fmt.Sprintf("%02d%02d%02d.%d00", n/36000%24, n/600%60, n/10%60, n%10)
	out, course := n%72000, "0.0"
	if out > 36000 { // an hour north, an hour back
		out, course = 72000-out, "180.0"
	}
	lat := fmt.Sprintf("36%07.4f", 4+float64(out)*0.0005) // 0.9 m a step: 18 knots
	text := sentence("GNRMC,"+at+",A,"+lat+",N,12022.9500,E,18.0,"+course+",231124,,,A,V") +
		sentence("GNGGA,"+at+","+lat+",N,12022.9500,E,1,17,0.9,12.0,M,8.0,M,,") +
		sentence("GNGSA,A,3,03,06,11,14,17,19,22,24,,,,,1.6,0.9,1.3,1") +
		sentence("GNGSA,A,3,06,09,13,16,21,22,30,36,39,,,,1.6,0.9,1.3,4")
	if n%10 == 0 {
		text += sentence("GPGSV,2,1,08,03,41,309,38,06,22,250,35,11,14,041,30,14,63,012,44,1") +
			sentence("GPGSV,2,2,08,17,48,112,41,19,32,140,37,22,25,287,33,24,09,190,28,1") +
			sentence("BDGSV,3,1,09,06,71,020,42,09,55,214,40,13,38,178,36,16,66,331,43,1") +
			sentence("BDGSV,3,2,09,21,29,090,35,22,47,061,39,30,18,300,31,36,52,247,41,1") +
			sentence("BDGSV,3,3,09,39,60,155,42,1")
	}
	return []byte(text)
}

// sayAtBaud writes b in the pieces in which a UART hands it over, a FIFO's 64 bytes at a time, at 115200 baud.
func (m *module) sayAtBaud(b []byte) {
	const piece, bytesPerSecond = 64, 11520
	for len(b) > 0 {
		n := min(piece, len(b))
		time.Sleep(time.Duration(n) * time.Second / bytesPerSecond)
		m.say(b[:n])
		b = b[n:]
	}
}

// BenchmarkAgent is what the real agent takes of a box: resident memory and processor time, connected to a centre that
// acknowledges every fix. Idle, with a module that is silent; and with one that gives ten fixes a second, each of them put on
// the disk and sent at once.
func BenchmarkAgent(b *testing.B) {
	path := agentBinary(b)
	const seconds = 20
	run := func(name string, hz int) {
		b.Run(name, func(b *testing.B) {
			c := openCentre(b)
			m := plug(b)
			p := start(b, path, filepath.Join(b.TempDir(), "spool"), m.path(), c, "--baud", "115200")
			said := 0
			for ; said < 10; said++ {
				m.sayAtBaud(burst(said))
			}
			eventually(b, "the agent to be connected", func() bool { return c.count() >= said-1 })
			var used, wall time.Duration
			for b.Loop() {
				began, before := time.Now(), p.cpu(b)
				for i := range seconds * hz {
					time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / time.Duration(hz))))
					m.sayAtBaud(burst(said))
					said++
				}
				time.Sleep(time.Until(began.Add(seconds * time.Second)))
				used, wall = used+p.cpu(b)-before, wall+time.Since(began)
				eventually(b, "all fixes to arrive", func() bool { return c.count() >= said })
			}
			now, peak := p.rss(b)
			b.ReportMetric(now, "MB-rss")
			b.ReportMetric(peak, "MB-rss-peak")
			b.ReportMetric(100*used.Seconds()/wall.Seconds(), "%-of-a-core")
			b.ReportMetric(0, "ns/op") // the pace is the module's
			p.stop(b)
		})
	}
	run("idle", 0)
	run("10Hz", 10)
}

// BenchmarkAgentDay is the resident memory of the real agent after a day's fixes at 10 Hz, which it gets as fast as it takes them:
// decoded, put on the disk, sent and acknowledged one and all. What would grow with their number would show.
func BenchmarkAgentDay(b *testing.B) {
	const day = 864_000
	path := agentBinary(b)
	for b.Loop() {
		c := openCentre(b)
		out, in, err := os.Pipe()
		if err != nil {
			b.Fatal(err)
		}
		p := startWith(b, out, path, filepath.Join(b.TempDir(), "spool"), "-", c)
		if err := out.Close(); err != nil {
			b.Fatal(err)
		}
		say := func(from, to int) (rss float64) {
			w := bufio.NewWriterSize(in, 64<<10)
			for n := from; n < to; n++ {
				if _, err := w.Write(burst(n)); err != nil {
					b.Fatalf("%v: %s", err, p.stderr.String())
				}
			}
			if err := w.Flush(); err != nil {
				b.Fatal(err)
			}
			for c.count() < to-1 { // the last instant may be open
				time.Sleep(10 * time.Millisecond)
			}
			rss, _ = p.rss(b)
			return rss
		}
		hour := say(0, day/24)
		end := say(day/24, day)
		_, peak := p.rss(b)
		b.ReportMetric(hour, "MB-rss-after-an-hour")
		b.ReportMetric(end, "MB-rss-after-a-day")
		b.ReportMetric(peak, "MB-rss-peak")
		if err := in.Close(); err != nil {
			b.Fatal(err)
		}
		if err := p.Wait(); err != nil {
			b.Errorf("at the end of its input: %v: %s", err, p.stderr.String())
		}
	}
	b.ReportMetric(0, "ns/op")
}
