package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestShortForm is the fault run as CI has it: 60 agents for 12 seconds, and the first fault kills a master.
func TestShortForm(t *testing.T) {
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", dir, "dipper/cmd/dipper", "dipper/cmd/internal/chaos")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, output)
	}
	run := exec.CommandContext(t.Context(), filepath.Join(dir, "chaos"),
		"--dipper", filepath.Join(dir, "dipper"), "--agents", "60", "--processes", "4", "--duration", "12s", "--interval", "250ms",
		"--every", "3s", "--seed", "7")
	run.Env = append(os.Environ(), "TMPDIR="+dir)
	var out, log bytes.Buffer
	run.Stdout, run.Stderr = &out, &log
	err := run.Run()
	var s summary
	if e := json.Unmarshal(out.Bytes(), &s); e != nil {
		t.Fatalf("%v, %v: %s\n%s", err, e, out.Bytes(), log.Bytes())
	}
	t.Logf("%s", out.Bytes())
	if err != nil || !s.OK || s.Complete != 60 || s.SameTracks != 60 || s.SameEvents != 60 {
		t.Fatalf("%v\n%s", err, log.Bytes())
	}
	if s.Failovers == 0 || s.Faults["kill a master"] == 0 || s.Events == 0 {
		t.Errorf("the run shows too little")
	}
}
