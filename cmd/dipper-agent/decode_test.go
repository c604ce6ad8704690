package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dipper/cmd/internal/command"
)

const recordings = "../../testdata/nmea"

// fix is what the expected output says of each fix; see testdata/nmea/README.md.
type fix struct {
	Time     string
	Lat, Lon float64
	Mode     int
}

func readFixes(t *testing.T, lines string) []fix {
	t.Helper()
	var fixes []fix
	for s := bufio.NewScanner(strings.NewReader(lines)); s.Scan(); {
		var f fix
		if err := json.Unmarshal(s.Bytes(), &f); err != nil {
			t.Fatalf("line %d: %v", len(fixes)+1, err)
		}
		fixes = append(fixes, f)
	}
	return fixes
}

// What decode prints agrees with what others found in the same recordings: position within 1e-6°, time exact, mode equal.
// Byte by byte it is what package positioning keeps as golden.
func TestDecodeAgreesWithExpected(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(recordings, "*.nmea"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	const near = 1e-6 + 1e-9 // decode's own rounding is to 1e-7
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			expected, err := os.ReadFile(strings.TrimSuffix(file, ".nmea") + ".expected.jsonl")
			if err != nil {
				t.Fatal(err)
			}
			code, out, errs := call(t.Context(), nil, "decode", file)
			if code != 0 {
				t.Fatalf("exit code %d: %s", code, errs)
			}
			golden, err := os.ReadFile(strings.TrimSuffix(file, ".nmea") + ".golden.jsonl")
			if err != nil {
				t.Fatal(err)
			}
			if out != string(golden) {
				t.Error("the output is not the golden file's")
			}
			got, want := readFixes(t, out), readFixes(t, string(expected))
			if len(got) != len(want) {
				t.Fatalf("%d fixes, want %d", len(got), len(want))
			}
			for i, g := range got {
				w := want[i]
				if g.Time != w.Time || g.Mode != w.Mode || math.Abs(g.Lat-w.Lat) > near || math.Abs(g.Lon-w.Lon) > near {
					t.Errorf("fix %d is %+v, want %+v", i, g, w)
				}
			}
			if want := fmt.Sprintf("%d fixes", len(got)); !strings.Contains(errs, want) {
				t.Errorf("summary %q does not say %q", errs, want)
			}
		})
	}
}

// A file, the same packed, and the same on standard input give the same.
func TestDecodeWays(t *testing.T) {
	file := filepath.Join(recordings, "hangzhou-bds-gps-drive.nmea")
	plain, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, want, _ := call(t.Context(), nil, "decode", file)
	if strings.Count(want, "\n") != 36 {
		t.Fatalf("%d lines, want 36", strings.Count(want, "\n"))
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "packed")
	if err := os.WriteFile(path, packed.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, got, errs := call(t.Context(), nil, "decode", path); got != want {
		t.Errorf("packed file gives something else: %s", errs)
	}
	if _, got, errs := call(t.Context(), bytes.NewReader(plain), "decode", "-"); got != want {
		t.Errorf("standard input gives something else: %s", errs)
	}
	if _, got, errs := call(t.Context(), &packed, "decode", "-"); got != want {
		t.Errorf("packed standard input gives something else: %s", errs)
	}
}

// A receiver whose week counter wrapped is put right from the day that is given on; without one its dates stand.
func TestDecodeAsOf(t *testing.T) {
	const text = "$GPRMC,235959.000,A,4829.0005,N,00022.0015,E,0.15,212.28,110407,,,A*65\r\n" // 1024 weeks before 2026-11-25
	for asOf, want := range map[string]string{"": "2007-04-11", "2007-04-11": "2007-04-11", "2007-04-12": "2026-11-25", "2026-11-25": "2026-11-25"} {
		args := []string{"decode", "-"}
		if asOf != "" {
			args = append(args, "--as-of", asOf)
		}
		code, out, errs := call(t.Context(), strings.NewReader(text), args...)
		if code != 0 || !strings.HasPrefix(out, `{"time":"`+want+`T23:59:59.000Z"`) {
			t.Errorf("as of %q: code %d, %s%s", asOf, code, out, errs)
		}
		if moved := strings.Contains(errs, "1 epochs with a date moved"); moved != (want[:4] == "2026") {
			t.Errorf("as of %q: summary %q", asOf, errs)
		}
	}
}

// A packed file that was cut gives all that is in it, the summary, and the error.
func TestDecodeCutFile(t *testing.T) {
	plain, err := os.ReadFile(filepath.Join(recordings, "hangzhou-bds-gps-drive.nmea"))
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := z.Flush(); err != nil { // and no Close: the end is missing
		t.Fatal(err)
	}
	code, out, errs := call(t.Context(), &packed, "decode", "-")
	if code != command.ExitFailure || strings.Count(out, "\n") != 36 || !strings.Contains(errs, "36 fixes") || !strings.Contains(errs, "unexpected EOF") {
		t.Errorf("code %d, %d lines, stderr %q", code, strings.Count(out, "\n"), errs)
	}
}

// Waiting for a pipe that says nothing, decode still ends when it is told to.
func TestDecodeStops(t *testing.T) {
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer out.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if code, _, errs := call(ctx, in, "decode", "-"); code != 0 || errs != "" {
		t.Errorf("exit code %d, stderr %q", code, errs)
	}
}
