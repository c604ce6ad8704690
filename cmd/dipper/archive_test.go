package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dipper/cmd/internal/command"
	"dipper/fleet"
	"dipper/fleet/archive"
	"dipper/fleet/embedstore"
	"dipper/positioning"
	"dipper/positioning/geo"
	"dipper/positioning/track"
)

// yesterday puts one fix of yesterday and one of today into a store.
func yesterday(t *testing.T, dir string) {
	t.Helper()
	s, err := embedstore.Open(embedstore.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i, ago := range []time.Duration{24 * time.Hour, 0} {
		at := time.Now().Add(-ago)
		fix := track.Quantize(positioning.NewFix(at, geo.Point{Lat: 36, Lon: 120}))
		data, err := track.AppendBatch(nil, track.Batch{Series: 1, First: track.Seq(i + 1), Fixes: []positioning.Fix{fix}})
		if err != nil {
			t.Fatal(err)
		}
		step := fleet.Step{Unit: "t1", Expect: uint64(i), Track: []fleet.Segment{{Day: fleet.DayOf(at), Data: data}}}
		if err := s.Commit(t.Context(), []fleet.Step{step})[0]; err != nil {
			t.Fatal(err)
		}
	}
}

func TestArchive(t *testing.T) {
	data, out := t.TempDir(), filepath.Join(t.TempDir(), "archive")
	yesterday(t, data)
	if got := line(t, "archive", "--data", data, "--out", out); !strings.Contains(got, "1 days, 1 new files") || !strings.Contains(got, "1 fixes and 0 events; 0 fixes") {
		t.Errorf("first: %s", got)
	}
	day := time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly)
	if got := line(t, "archive", "--data", data, "--out", out, "--day", day); !strings.Contains(got, "0 new files") || !strings.Contains(got, "1 fixes were there") {
		t.Errorf("again: %s", got)
	}
	if got := line(t, "archive", "--check", "--out", out); !strings.Contains(got, "1 files") {
		t.Errorf("check: %s", got)
	}
	for _, tt := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"no directory", []string{"--data", data}, command.ExitUsage, "--out"},
		{"today", []string{"--data", data, "--out", out, "--day", time.Now().UTC().Format(time.DateOnly)}, command.ExitUsage, "over"},
		{"no date", []string{"--data", data, "--out", out, "--before", "yesterday"}, command.ExitUsage, "--before"},
		{"two ways", []string{"--data", data, "--out", out, "--day", day, "--before", day}, command.ExitUsage, "--before"},
		{"no store", []string{"--data", out, "--out", out}, command.ExitFailure, "no embedded store"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, _, errs := dipper(t.Context(), append([]string{"archive"}, tt.args...)...)
			if code != tt.code || !strings.Contains(errs, tt.want) || strings.Count(errs, "\n") != 1 {
				t.Errorf("code %d, %q; want %d, one line with %q", code, errs, tt.code, tt.want)
			}
		})
	}
}

// The embedded store is the service's own while it runs, so the service archives.
func TestServiceArchives(t *testing.T) {
	data, out := t.TempDir(), filepath.Join(t.TempDir(), "archive")
	yesterday(t, data)
	_, stop := serve(t, data, "--archive", out)
	waited, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	look := time.NewTicker(readyPoll)
	defer look.Stop()
	for {
		files, err := archive.Check(waited, out)
		if err == nil && files == 1 {
			break
		}
		select {
		case <-waited.Done():
			t.Fatalf("%d files, %v", files, err)
		case <-look.C:
		}
	}
	stop()
	if got := line(t, "archive", "--data", data, "--out", out); !strings.Contains(got, "0 new files") {
		t.Errorf("after the service: %s", got)
	}
}
