package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dipper/cmd/internal/command"
	"dipper/fleet/storetest/redistest"
)

// A fleet moves from the embedded store to Redis and back, and its tokens go with it.
func TestBackupMovesAFleet(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	token := line(t, "token", "add", "--role", "admin", "--data", at("data"), "Li Wei")
	line(t, "unit", "add", "鲁B12345", "--data", at("data"))
	said := func(args ...string) string {
		_, contents, _ := strings.Cut(line(t, args...), ": ")
		return contents
	}
	contents := said("export", "--data", at("data"), "--to", at("first"))
	r := redistest.Start(t, redistest.Options{})
	for _, other := range []string{
		said("import", "--check", at("first")),
		said("import", "--redis", r.URL, at("first")),
		said("export", "--redis", r.URL, "--to", at("second")),
		said("import", "--data", at("data2"), at("second")),
	} {
		if other != contents || !strings.Contains(contents, "3 documents") {
			t.Errorf("%s, want %s", other, contents)
		}
	}
	info, err := os.Stat(at("first"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("backup %v, %v", info, err)
	}
	url, _ := serve(t, at("data2"))
	if got := status(t, url, "/api/v1/units/鲁B12345", token); got != 200 {
		t.Errorf("the token gives %d in the new store", got)
	}

	if err := os.WriteFile(at("half"), []byte("dipper export 1\nabc"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"a store in use", []string{"export", "--data", at("data2"), "--to", at("x")}, command.ExitFailure, "stop that first"},
		{"into a store in use", []string{"import", "--data", at("data2"), at("first")}, command.ExitFailure, "stop that first"},
		{"a store that is not there", []string{"export", "--data", at("nowhere"), "--to", at("x")}, command.ExitFailure, "nowhere"},
		{"no file named", []string{"export", "--data", at("data")}, command.ExitUsage, "--to"},
		{"a file that is not there", []string{"import", "--data", at("data3"), at("nothing")}, command.ExitFailure, "nothing"},
		{"half a file", []string{"import", "--data", at("data3"), at("half")}, command.ExitFailure, "at byte 16, record 1"},
		{"a store with something in it", []string{"import", "--redis", r.URL, at("first")}, command.ExitFailure, "not empty"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, _, errs := dipper(t.Context(), tt.args...)
			if code != tt.code || !strings.Contains(errs, tt.want) || strings.Count(errs, "\n") != 1 {
				t.Errorf("code %d, %q; want %d, one line with %q", code, errs, tt.code, tt.want)
			}
		})
	}
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	code, _, errs := dipper(ctx, "export", "--data", at("data"), "--to", at("x"))
	if _, err := os.Stat(at("x")); code != command.ExitFailure || !os.IsNotExist(err) {
		t.Errorf("interrupted: code %d, %q, file %v", code, errs, err)
	}
	if left, err := filepath.Glob(at("*.partial")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
