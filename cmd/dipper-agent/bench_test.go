package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// beidouLog is a recording of a Beidou module (CASIC, with binary between the sentences), again and again until there are so many lines.
func beidouLog(b *testing.B, lines int) (path string) {
	b.Helper()
	recording, err := os.ReadFile("../../testdata/nmea/quectel-l76k-dual.nmea")
	if err != nil {
		b.Fatal(err)
	}
	var log []byte
	for lines > 0 {
		for line := range bytes.Lines(recording) {
			log = append(log, line...)
			if lines--; lines == 0 {
				break
			}
		}
	}
	path = filepath.Join(b.TempDir(), "beidou.nmea")
	if err := os.WriteFile(path, log, 0o600); err != nil {
		b.Fatal(err)
	}
	return path
}

// BenchmarkDecodeLog is the processor time, the kernel's included, of a whole dipper-agent decode of a Beidou log of 15,400
// lines; and beside it of gpsd's gpsdecode, which does the same with the same bytes, in turn with ours. Both write their lines
// to nowhere. Medians. Without gpsdecode (Debian: gpsd-clients) there is no ratio.
func BenchmarkDecodeLog(b *testing.B) {
	const lines, pairs = 15_400, 15
	agent := filepath.Join(b.TempDir(), "dipper-agent")
	build := exec.Command("go", "build", "-trimpath", "-tags", "nethttpomithttp2", "-ldflags", "-s -w", "-o", agent, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	log := beidouLog(b, lines)
	yardstick, err := exec.LookPath("gpsdecode")
	if err != nil {
		b.Log("no gpsdecode: no ratio; it is in Debian's gpsd-clients")
	}
	var ours, theirs []time.Duration
	for b.Loop() {
		for range pairs {
			ours = append(ours, cpuOf(b, nil, agent, "decode", log))
			if yardstick != "" {
				in, err := os.Open(log)
				if err != nil {
					b.Fatal(err)
				}
				theirs = append(theirs, cpuOf(b, in, yardstick))
				if err := in.Close(); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	our := median(ours)
	b.ReportMetric(our.Seconds(), "CPU-s")
	b.ReportMetric(lines/our.Seconds(), "lines/CPU-s")
	if yardstick != "" {
		b.ReportMetric(median(theirs).Seconds(), "gpsdecode-CPU-s")
		b.ReportMetric(our.Seconds()/median(theirs).Seconds(), "x/gpsdecode")
	}
	b.ReportMetric(0, "ns/op")
}

// cpuOf runs a program, with an input or none, and says how much processor time it took.
func cpuOf(b *testing.B, in *os.File, path string, args ...string) time.Duration {
	b.Helper()
	c := exec.Command(path, args...)
	if in != nil {
		c.Stdin = in
	}
	var stderr bytes.Buffer
	c.Stderr = &stderr
	if err := c.Run(); err != nil {
		b.Fatalf("%s: %v: %s", path, err, stderr.String())
	}
	return c.ProcessState.UserTime() + c.ProcessState.SystemTime()
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}
