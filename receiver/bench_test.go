package receiver

import (
	"bytes"
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
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "dipper/cmd/dipper-agent")
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
	args := append([]string{"run", "--source", source, "--server", c.url(), "--unit", testUnit, "--spool", spool}, more...)
	p := &process{Cmd: exec.Command(path, args...)}
	p.Env = append(os.Environ(), "DIPPER_KEY="+testKey)
	p.Stderr = &p.stderr
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

// BenchmarkAgentMemory is the resident memory of the real agent, connected to a centre: idle, with a module that is silent, and
// with one that gives ten fixes a second at 115200 baud.
func BenchmarkAgentMemory(b *testing.B) {
	path := agentBinary(b)
	const seconds = 5
	run := func(name string, hz int) {
		b.Run(name, func(b *testing.B) {
			c := openCentre(b)
			m := plug(b)
			p := start(b, path, filepath.Join(b.TempDir(), "spool"), m.path(), c)
			m.say([]byte(epoch(0)))
			eventually(b, "the agent to be connected", func() bool { return c.count() == 1 })
			for b.Loop() {
				from := c.count()
				for i := range seconds * hz {
					m.say([]byte(epoch(from + i)))
					time.Sleep(time.Second / time.Duration(hz))
				}
				if hz == 0 {
					time.Sleep(seconds * time.Second)
				}
				eventually(b, "all fixes to arrive", func() bool { return c.count() >= from+seconds*hz })
			}
			now, peak := p.rss(b)
			b.ReportMetric(now, "MB-rss")
			b.ReportMetric(peak, "MB-rss-peak")
			b.ReportMetric(0, "ns/op") // the pace is the module's
			p.stop(b)
		})
	}
	run("idle", 0)
	run("10Hz", 10)
}
