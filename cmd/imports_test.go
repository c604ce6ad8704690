// Package cmd_test holds the tree's imports against the directions of docs/architecture.md.
package cmd_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// allowed says which of our packages a package may import, tests not counted. "dir/..." is everything below dir, and dir.
// Data flows one way: what is not listed here is forbidden.
var allowed = map[string][]string{
	"positioning/geo":           {},
	"positioning/nmea":          {"positioning/geo"},
	"positioning":               {"positioning/geo", "positioning/nmea"},
	"positioning/track":         {"positioning", "positioning/geo"},
	"geofence":                  {"positioning", "positioning/geo"},
	"receiver/spool":            {"positioning", "positioning/track"},
	"receiver/watchdog":         {},
	"receiver/uplink":           {"positioning", "positioning/track", "receiver/watchdog"},
	"receiver":                  {"positioning/...", "geofence", "receiver/..."},
	"fleet/cell":                {"positioning/geo"},
	"fleet/journey":             {"positioning", "positioning/geo"},
	"fleet":                     {"positioning/...", "geofence", "fleet/cell", "fleet/journey"},
	"fleet/embedstore":          {"fleet", "fleet/cell", "positioning/geo"},
	"fleet/redisstore":          {"fleet", "fleet/cell", "positioning/geo"},
	"fleet/archive":             {"fleet", "geofence", "positioning", "positioning/track"},
	"fleet/backup":              {"fleet"},
	"fleet/storetest":           {"fleet/...", "positioning/geo"},
	"fleet/storetest/redistest": {},
	"stream":                    {"fleet", "fleet/cell", "geofence", "positioning/...", "receiver/uplink"},
	"stream/web":                {},
	"stream/api":                {"stream/...", "fleet", "fleet/journey", "geofence", "positioning/...", "receiver/uplink"},
	"cmd/internal/command":      {},
	"cmd/internal/bench":        {},
	"cmd/internal/chaos":        {"fleet/storetest/redistest", "geofence", "positioning/...", "receiver/spool", "receiver/uplink"},
	"cmd/dipper":                {"cmd/internal/...", "stream/...", "fleet/...", "geofence", "positioning/...", "receiver/uplink"},
	"cmd/dipper-agent":          {"cmd/internal/...", "receiver/...", "positioning/..."},
	"cmd/dipper-sim":            {"cmd/internal/...", "receiver/...", "positioning/..."},
}

// onlyIn says which of our packages alone may import a module outside.
var onlyIn = map[string][]string{
	"github.com/uber/h3-go/v4":      {"fleet/cell"},
	"github.com/redis/go-redis/v9":  {"fleet/redisstore", "fleet/storetest/redistest"},
	"github.com/cockroachdb/pebble": {"fleet/embedstore"},
	"github.com/parquet-go/":        {"fleet/archive"},
	"github.com/klauspost/compress": {"fleet/backup"},
	"github.com/tarm/serial":        {"receiver"},
	"github.com/adrianmo/go-nmea":   {"positioning/nmea"},
}

type goPackage struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func TestImportsFollowTheWayOfAFix(t *testing.T) {
	for _, p := range listPackages(t, "dipper/...") {
		name := strings.TrimPrefix(p.ImportPath, "dipper/")
		rules, known := allowed[name]
		if !known && len(p.Imports) > 0 {
			t.Errorf("%s has no rule in this test: add one, and the package to docs/architecture.md", name)
			continue
		}
		for _, path := range p.Imports {
			if ours, isOurs := strings.CutPrefix(path, "dipper/"); isOurs && !matches(ours, rules) {
				t.Errorf("%s imports %s, against the directions", name, ours)
			}
			for module, users := range onlyIn {
				if strings.HasPrefix(path, module) && !slices.Contains(users, name) {
					t.Errorf("%s imports %s, which is for %v only", name, path, users)
				}
			}
		}
	}
}

// The agent is a small static binary: C code and a Redis client must not come in by any way.
func TestAgentReachesNoServer(t *testing.T) {
	for _, p := range listPackages(t, "dipper/cmd/dipper-agent") {
		for _, dep := range p.Deps {
			for _, banned := range []string{"github.com/uber/h3-go", "github.com/redis/", "github.com/prometheus/", "github.com/cockroachdb/", "github.com/parquet-go/", "dipper/fleet", "dipper/stream"} {
				if strings.HasPrefix(dep, banned) {
					t.Errorf("dipper-agent reaches %s", dep)
				}
			}
		}
	}
}

func matches(name string, rules []string) bool {
	for _, rule := range rules {
		dir, tree := strings.CutSuffix(rule, "/...")
		if name == dir || tree && strings.HasPrefix(name, dir+"/") {
			return true
		}
	}
	return false
}

func listPackages(t *testing.T, pattern string) []goPackage {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,Deps", pattern)
	var stderr strings.Builder
	list.Stderr = &stderr
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v: %s", err, stderr.String())
	}
	var packages []goPackage
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}
