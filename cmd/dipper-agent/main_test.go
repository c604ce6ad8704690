package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"dipper/cmd/internal/command"
	"dipper/receiver/spool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// call runs the program as main does.
func call(ctx context.Context, in io.Reader, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	p := command.Program{Name: name, Help: help, Root: &root{}, Streams: command.Streams{In: in, Out: &out, Err: &errs}}
	code = p.Run(ctx, args)
	return code, out.String(), errs.String()
}

func TestExitCodes(t *testing.T) {
	dir := t.TempDir()
	recording := filepath.Join(dir, "a.nmea")
	cut := filepath.Join(dir, "cut.gz")
	for path, text := range map[string]string{recording: "", cut: "\x1f\x8b\x08\x00"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	spool := filepath.Join(dir, "spool")
	run := func(more ...string) []string {
		return append([]string{"run", "--server", "ws://127.0.0.1:1", "--unit", "u", "--key", "k", "--spool", spool}, more...)
	}
	tests := []struct {
		name    string
		args    []string
		want    int
		wantErr string
	}{
		{"unknown flag", run("--sauce", "auto"), 2, "unknown flag --sauce"},
		{"unknown command", []string{"ruin"}, 2, "ruin"},
		{"bad baud", run("--baud", "fast"), 2, "--baud"},
		{"odd baud", run("--baud", "9601"), 2, "9601"},
		{"negative baud", run("--baud=-9600"), 2, "--baud"},
		{"bad source", run("--source", "gps"), 2, "--source"},
		{"tcp without port", run("--source", "tcp://box"), 2, "missing port"},
		{"pace of a port", run("--source", "/dev/ttyUSB0", "--pace"), 2, "only a file"},
		{"bad server", run("--server", "http://centre"), 2, "--server"},
		{"bad pin", run("--tls-pin", "abc"), 2, "--tls-pin"},
		{"pin without TLS", run("--tls-pin", strings.Repeat("0a", 32)), 2, "wss only"},
		{"no roots file", run("--tls-ca", recording+".not"), 2, "no such file"},
		{"no roots in the file", run("--server", "wss://127.0.0.1:1", "--tls-ca", recording), 2, "no certificate"},
		{"bad drain", run("--drain", "0s"), 2, "--drain"},
		{"two recordings", run("--source", "file:a", "--source", "file:b"), 2, "second receiver"},
		{"bad failover", run("--failover", "0s"), 2, "--failover"},
		{"bad thinning", run("--thin-error=-1"), 2, "--thin-error"},
		{"bad interval", run("--interval=-1s"), 2, "--interval"},
		{"small spool", run("--spool-bytes", "1000"), 2, "--spool-bytes"},
		{"spool that keeps nothing", run("--spool-keep", "0s"), 2, "--spool-keep"},
		{"bad maker", run("--setup", "garmin"), 2, "garmin"},
		{"rate of a module that is left alone", run("--rate", "5"), 2, "only a module"},
		{"odd rate", run("--setup", "casic", "--rate", "3"), 2, "rate 3"},
		{"no key", []string{"run", "--server", "ws://c", "--unit", "u", "--spool", spool}, 2, "--key"},
		{"bad key", run("--key", "a b"), 2, "key"},
		{"no server", []string{"run", "--unit", "u", "--key", "k", "--spool", spool}, 2, "--server"},
		{"no file", run("--source", "file:"+recording+".not"), 1, "no such file"},
		{"broken file", run("--source", "file:"+cut), 1, "unexpected EOF"},
		{"spool is a file", run("--source", "file:"+recording, "--spool", recording), 1, recording},
		{"status address", run("--source", "file:"+recording, "--status", "256.0.0.1:1"), 1, "status address"},
		{"decode without file", []string{"decode"}, 2, "<file>"},
		{"decode as of no date", []string{"decode", recording, "--as-of", "2026-13-01"}, 2, "2026-13-01"},
		{"decode no file", []string{"decode", recording + ".not"}, 1, "no such file"},
		{"decode a directory", []string{"decode", dir}, 1, "is a directory"},
		{"decode broken file", []string{"decode", cut}, 1, "unexpected EOF"},
		{"ports takes nothing", []string{"ports", "all"}, 2, "all"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, out, errs := call(t.Context(), strings.NewReader(""), tt.args...)
			if code != tt.want || out != "" {
				t.Errorf("exit code %d and stdout %q, want %d and nothing", code, out, tt.want)
			}
			lines := strings.Split(strings.TrimSuffix(errs, "\n"), "\n")
			if last := lines[len(lines)-1]; !strings.HasPrefix(last, name+": ") || !strings.Contains(last, tt.wantErr) {
				t.Errorf("stderr ends with %q, want one line with %q", last, tt.wantErr)
			}
			if tt.want == command.ExitUsage && len(lines) != 1 {
				t.Errorf("stderr %q, want one line", errs)
			}
		})
	}
}

// Settings come from flags, the environment and a file alike: with all there are, run gets as far as the recording.
func TestSettings(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing.nmea")
	file := filepath.Join(dir, "agent.yaml")
	text := "server: wss://centre.example\nunit: truck-7\nsource: file:" + missing + "\nspool: " + filepath.Join(dir, "spool") + "\nbaud: 115200\nlinger: 10s\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, errs := call(t.Context(), nil, "run", "--config", file)
	if code != command.ExitUsage || !strings.Contains(errs, "--key") {
		t.Errorf("without the key: code %d, stderr %q", code, errs)
	}
	t.Setenv("DIPPER_KEY", "the-key")
	code, _, errs = call(t.Context(), nil, "run", "--config", file)
	if code != command.ExitFailure || !strings.Contains(errs, missing) {
		t.Errorf("with all settings: code %d, stderr %q, want the failure to open %s", code, errs, missing)
	}
	t.Setenv("DIPPER_BAUD", "fast")
	code, _, errs = call(t.Context(), nil, "run", "--config", file)
	if code != command.ExitUsage || !strings.Contains(errs, "fast") {
		t.Errorf("bad baud in the environment: code %d, stderr %q", code, errs)
	}
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"run", "--help"}, {"decode", "--help"}} {
		code, out, errs := call(t.Context(), nil, args...)
		if code != 0 || errs != "" || !strings.Contains(out, "Usage: "+name) {
			t.Errorf("%v: code %d, stdout %q, stderr %q", args, code, out, errs)
		}
	}
}

// Fixes of one unit are never sent as another's.
func TestSpoolOfAnotherUnit(t *testing.T) {
	dir := t.TempDir()
	s, err := spool.Open(dir, spool.Options{Unit: "net-1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	code, _, errs := call(t.Context(), strings.NewReader(""), "run", "--server", "ws://127.0.0.1:1", "--unit", "truck-8", "--key", "k", "--spool", dir, "--source", "-")
	if code != command.ExitFailure || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, "net-1") || !strings.Contains(errs, "truck-8") {
		t.Errorf("code %d, stderr %q, want 1 and one line with both units", code, errs)
	}
}
