package track_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"math"
	"os"
	"slices"
	"testing"
	"time"

	"dipper/positioning"
	"dipper/positioning/geo"
	"dipper/positioning/track"
)

var update = flag.Bool("update", false, "write the hex of testdata/wire anew from the meaning")

const wireDir = "../../testdata/wire/"

// batchVector is one batch of testdata/wire/batches.json.
type batchVector struct {
	Name   string       `json:"name"`
	Hex    string       `json:"hex"`
	Series track.Series `json:"series"`
	First  track.Seq    `json:"first"`
	Fixes  []fixVector  `json:"fixes"`
}

// fixVector is a fix with absent for unknown, and the numbers of the wire for mode, solution and verdict.
type fixVector struct {
	Time      time.Time        `json:"time"`
	Lat       float64          `json:"lat"`
	Lon       float64          `json:"lon"`
	AltM      *float64         `json:"alt_m,omitempty"`
	SpeedMps  *float64         `json:"speed_mps,omitempty"`
	CourseDeg *float64         `json:"course_deg,omitempty"`
	HDOP      *float64         `json:"hdop,omitempty"`
	ErrM      *float64         `json:"err_m,omitempty"`
	Mode      uint8            `json:"mode,omitempty"`
	Solution  uint8            `json:"solution,omitempty"`
	Verdict   uint8            `json:"verdict,omitempty"`
	Total     uint8            `json:"sats_total,omitempty"`
	Sats      map[string]uint8 `json:"sats,omitempty"`
}

func (v fixVector) fix() positioning.Fix {
	f := positioning.NewFix(v.Time, geo.Point{Lat: v.Lat, Lon: v.Lon})
	known := func(p *float64) float64 {
		if p == nil {
			return math.NaN()
		}
		return *p
	}
	f.AltitudeM, f.SpeedMps, f.CourseDeg, f.HDOP, f.ErrM = known(v.AltM), known(v.SpeedMps), known(v.CourseDeg), known(v.HDOP), known(v.ErrM)
	f.Mode, f.Solution, f.Verdict = positioning.Mode(v.Mode), positioning.Solution(v.Solution), positioning.Verdict(v.Verdict)
	f.Sats.Total = v.Total
	for c := range positioning.NumConstellations {
		f.Sats.Used[c] = v.Sats[c.String()]
	}
	return f
}

// readVectors reads a file of testdata/wire, and with -update writes it back after the test.
func readVectors[T any](t *testing.T, name string) []T {
	data, err := os.ReadFile(wireDir + name)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		About   string `json:"about"`
		Vectors []T    `json:"vectors"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Vectors) == 0 {
		t.Fatalf("%s has no vectors", name)
	}
	if *update {
		t.Cleanup(func() {
			data, err := json.MarshalIndent(file, "", "  ")
			if err == nil {
				err = os.WriteFile(wireDir+name, append(data, '\n'), 0o644)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	return file.Vectors
}

func TestBatchVectors(t *testing.T) {
	vectors := readVectors[batchVector](t, "batches.json")
	for i := range vectors {
		v := &vectors[i]
		t.Run(v.Name, func(t *testing.T) {
			b := track.Batch{Series: v.Series, First: v.First}
			for _, f := range v.Fixes {
				b.Fixes = append(b.Fixes, f.fix())
			}
			data, err := track.AppendBatch(nil, b)
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				v.Hex = hex.EncodeToString(data)
			}
			if got := hex.EncodeToString(data); got != v.Hex {
				t.Fatalf("encoded\n%s, want\n%s", got, v.Hex)
			}
			got, rest, err := track.DecodeBatch(data)
			if err != nil || len(rest) > 0 || got.Series != b.Series || got.First != b.First || len(got.Fixes) != len(b.Fixes) {
				t.Fatalf("decoded %+v, error %v", got, err)
			}
			for i, f := range got.Fixes {
				if !f.Equal(b.Fixes[i]) {
					t.Errorf("fix %d decoded\n%+v, want\n%+v", i, f, b.Fixes[i])
				}
			}
		})
	}
}

func TestRangesVectors(t *testing.T) {
	type vector struct {
		Name   string       `json:"name"`
		Hex    string       `json:"hex"`
		Ranges track.Ranges `json:"ranges"`
	}
	vectors := readVectors[vector](t, "ranges.json")
	for i := range vectors {
		v := &vectors[i]
		t.Run(v.Name, func(t *testing.T) {
			data := track.AppendRanges(nil, v.Ranges)
			if *update {
				v.Hex = hex.EncodeToString(data)
			}
			want, err := hex.DecodeString(v.Hex)
			if err != nil || !bytes.Equal(data, want) {
				t.Fatalf("encoded %x, want %s", data, v.Hex)
			}
			if got, rest, err := track.DecodeRanges(want); err != nil || len(rest) > 0 || !slices.Equal(got, v.Ranges) {
				t.Fatalf("decoded %v, error %v, want %v", got, err, v.Ranges)
			}
		})
	}
}
