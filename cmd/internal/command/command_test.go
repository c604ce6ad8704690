package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type testRoot struct {
	Common
	Greet greetCmd `cmd:"" help:"Say hello."`
}

type greetCmd struct {
	Logging
	Name  string `help:"Who." default:"nobody"`
	Times int    `help:"How often." default:"1"`
	Fail  string `help:"How to fail." enum:",failure,usage,cancel" default:""`
}

func (c *greetCmd) Run(_ context.Context, s Streams) error {
	switch c.Fail {
	case "failure":
		return errors.New("disk\nfull")
	case "usage":
		return Usagef("--name and --times exclude each other")
	}
	fmt.Fprintln(s.Out, c.Name, c.Times)
	return nil
}

func TestProgram(t *testing.T) {
	config := filepath.Join(t.TempDir(), "dipper.yaml")
	if err := os.WriteFile(config, []byte("name: file\ntimes: 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(t.TempDir(), "broken.yaml")
	if err := os.WriteFile(broken, []byte("name: [\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	misspelt := filepath.Join(t.TempDir(), "misspelt.yaml")
	if err := os.WriteFile(misspelt, []byte("tims: 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name     string
		args     []string
		env      map[string]string
		wantCode int
		wantOut  string // contained in stdout
		wantErr  string // contained in stderr
	}{
		{name: "defaults", args: []string{"greet"}, wantOut: "nobody 1\n"},
		{name: "flag", args: []string{"greet", "--name", "flag"}, wantOut: "flag 1\n"},
		{name: "environment", args: []string{"greet"}, env: map[string]string{"DIPPER_NAME": "env"}, wantOut: "env 1\n"},
		{name: "file", args: []string{"greet", "--config", config}, wantOut: "file 3\n"},
		{name: "environment wins over file", args: []string{"greet", "--config", config}, env: map[string]string{"DIPPER_NAME": "env"}, wantOut: "env 3\n"},
		{name: "flag wins over both", args: []string{"greet", "--config", config, "--name", "flag"}, env: map[string]string{"DIPPER_NAME": "env"}, wantOut: "flag 3\n"},
		{name: "help", args: []string{"--help"}, wantOut: "greet"},
		{name: "nothing at all gives help", args: nil, wantOut: "greet"},
		{name: "version", args: []string{"--version"}, wantOut: "prog dev"},
		{name: "unknown flag", args: []string{"greet", "--nam", "x"}, wantCode: ExitUsage, wantErr: "unknown flag --nam"},
		{name: "unknown command", args: []string{"great"}, wantCode: ExitUsage, wantErr: "great"},
		{name: "bad value", args: []string{"greet", "--times", "many"}, wantCode: ExitUsage, wantErr: "--times"},
		{name: "bad value in the environment", args: []string{"greet"}, env: map[string]string{"DIPPER_TIMES": "many"}, wantCode: ExitUsage, wantErr: "many"},
		{name: "broken file", args: []string{"greet", "--config", broken}, wantCode: ExitUsage, wantErr: "config"},
		{name: "unknown setting in the file", args: []string{"greet", "--config", misspelt}, wantCode: ExitUsage, wantErr: `unknown setting "tims"`},
		{name: "missing file", args: []string{"greet", "--config", config + ".not"}, wantCode: ExitUsage, wantErr: "no such file"},
		{name: "failure is one line", args: []string{"greet", "--fail", "failure"}, wantCode: ExitFailure, wantErr: "prog: disk full\n"},
		{name: "usage found late", args: []string{"greet", "--fail", "usage"}, wantCode: ExitUsage, wantErr: "exclude"},
		{name: "bad log level", args: []string{"greet", "--log-level", "loud"}, wantCode: ExitUsage, wantErr: "--log-level"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for k, v := range tt.env {
				t.Setenv(k, v)
			}
			var out, errs bytes.Buffer
			p := Program{Name: "prog", Help: "A test.", Root: &testRoot{}, Streams: Streams{In: strings.NewReader(""), Out: &out, Err: &errs}}
			if code := p.Run(t.Context(), tt.args); code != tt.wantCode {
				t.Errorf("exit code %d, want %d (stderr %q)", code, tt.wantCode, errs.String())
			}
			if !strings.Contains(out.String(), tt.wantOut) {
				t.Errorf("stdout %q, want it to contain %q", out.String(), tt.wantOut)
			}
			if !strings.Contains(errs.String(), tt.wantErr) {
				t.Errorf("stderr %q, want it to contain %q", errs.String(), tt.wantErr)
			}
			if tt.wantCode != 0 && strings.Count(errs.String(), "\n") != 1 {
				t.Errorf("stderr %q, want one line", errs.String())
			}
		})
	}
}
