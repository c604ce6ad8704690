package positioning

import (
	"bytes"
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the golden files from what the code says now")

// names are the recordings of testdata/nmea, without folder and ending.
func names(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(recordings + "*.nmea")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d recordings: %v", len(files), err)
	}
	for i, f := range files {
		files[i] = strings.TrimSuffix(filepath.Base(f), ".nmea")
	}
	return files
}

// TestRecordingsExpected holds the fixes against NAME.expected.jsonl, which other code wrote (testdata/nmea/expected.py):
// time exact, place within 1e-6°, mode equal, and no fix more or less.
func TestRecordingsExpected(t *testing.T) {
	for _, name := range names(t) {
		t.Run(name, func(t *testing.T) {
			want := bytes.Split(bytes.TrimSpace(readRecording(t, recordings+name+".expected.jsonl")), []byte("\n"))
			if len(want) == 1 && len(want[0]) == 0 {
				want = nil
			}
			got, _ := decodeAll(readRecording(t, recordings+name+".nmea"))
			if len(got) != len(want) {
				t.Errorf("%d fixes, want %d", len(got), len(want))
			}
			for i := range min(len(got), len(want)) {
				var w report
				if err := json.Unmarshal(want[i], &w); err != nil {
					t.Fatal(err)
				}
				f := got[i]
				if !f.Time.Equal(w.Time) || math.Abs(f.Point.Lat-*w.Lat) > sameDegrees ||
					math.Abs(f.Point.Lon-*w.Lon) > sameDegrees || int(f.Mode) != w.Mode {
					t.Errorf("fix %d = %s, want %s", i+1, AppendJSON(nil, f), want[i])
				}
			}
		})
	}
}

// TestRecordingsGolden holds every field of decode's lines, evidence included.
func TestRecordingsGolden(t *testing.T) {
	for _, name := range names(t) {
		t.Run(name, func(t *testing.T) {
			d := NewDecoder(DecoderConfig{Skies: true})
			var got []byte
			take := func(fixes []Fix) {
				for i, f := range fixes {
					got = append(AppendJSONWithSky(got, f, &d.Skies()[i]), '\n')
				}
			}
			take(d.Write(readRecording(t, recordings+name+".nmea"), time.Time{}))
			take(d.Flush())
			golden := recordings + name + ".golden.jsonl"
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want := readRecording(t, golden); !bytes.Equal(got, want) {
				t.Errorf("decode's lines are not those of %s; run with -update and look at the difference\ngot:\n%s", golden, got)
			}
		})
	}
}

// TestSlicing feeds recordings in pieces of every small size: the fixes may not depend on how the bytes arrive.
func TestSlicing(t *testing.T) {
	for _, name := range []string{"beidou-bd", "st-teseo-liv4f", "quectel-eg25-g"} {
		data := readRecording(t, recordings+name+".nmea")
		want, _ := decodeAll(data)
		for _, size := range []int{1, 2, 3, 7, 64, 1000} {
			d := NewDecoder(DecoderConfig{})
			var got []Fix
			for rest := data; len(rest) > 0; {
				n := min(size, len(rest))
				got = append(got, d.Write(rest[:n], time.Time{})...)
				rest = rest[n:]
			}
			got = append(got, d.Flush()...)
			if len(got) != len(want) {
				t.Fatalf("%s in pieces of %d: %d fixes, want %d", name, size, len(got), len(want))
			}
			for i := range got {
				if !got[i].Equal(want[i]) {
					t.Fatalf("%s in pieces of %d: fix %d = %s, want %s", name, size, i+1, AppendJSON(nil, got[i]), AppendJSON(nil, want[i]))
				}
			}
		}
	}
}
