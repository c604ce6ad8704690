package track_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"dipper/positioning"
	"dipper/positioning/track"
)

// recordings at 1 Hz of real receivers: a Beidou module in a car for half a minute, one that stands for two, and a boat.
var recordings = []string{"hangzhou-bds-gps-drive", "quectel-l76k-dual", "boat-amsterdam"}

func recording(tb testing.TB, name string) []positioning.Fix {
	data, err := os.ReadFile("../../testdata/nmea/" + name + ".nmea")
	if err != nil {
		tb.Fatal(err)
	}
	d := positioning.NewDecoder(positioning.DecoderConfig{})
	fixes := append([]positioning.Fix(nil), d.Write(data, time.Time{})...)
	fixes = append(fixes, d.Flush()...)
	for i := range fixes {
		fixes[i] = track.Quantize(fixes[i])
	}
	return fixes
}

func inBatches(tb testing.TB, fixes []positioning.Fix, n int, use func(track.Batch, []byte)) {
	series := track.Series(fixes[0].Time.Unix() - 86400) // a spool of yesterday
	const first = 86_401
	for i := 0; i < len(fixes); i += n {
		b := track.Batch{Series: series, First: first + track.Seq(i), Fixes: fixes[i:min(i+n, len(fixes))]}
		data, err := track.AppendBatch(nil, b)
		if err != nil {
			tb.Fatal(err)
		}
		use(b, data)
	}
}

func TestRecordingsSurviveTheWire(t *testing.T) {
	for _, name := range recordings {
		for _, n := range []int{1, 10, 60} {
			inBatches(t, recording(t, name), n, func(b track.Batch, data []byte) {
				got, rest, err := track.DecodeBatch(data)
				if err != nil || len(rest) > 0 {
					t.Fatalf("%s: %v", name, err)
				}
				for i := range b.Fixes {
					if !got.Fixes[i].Equal(b.Fixes[i]) {
						t.Fatalf("%s: fix %d came back as %+v, want %+v", name, int(b.First)+i, got.Fixes[i], b.Fixes[i])
					}
				}
			})
		}
	}
}

// BenchmarkEncode reports the size of real 1 Hz tracks on the wire, without the WebSocket's frame of 6 to 8 bytes.
func BenchmarkEncode(b *testing.B) {
	for _, name := range recordings {
		fixes := recording(b, name)
		for _, n := range []int{1, 10, 60} {
			if n > len(fixes) {
				continue
			}
			b.Run(fmt.Sprintf("%s/batch=%d", name, n), func(b *testing.B) {
				var dst []byte
				size, full := 0, 0 // a last batch that is not full says nothing about n
				inBatches(b, fixes[:len(fixes)/n*n], n, func(x track.Batch, data []byte) { size, full = size+len(data), full+len(x.Fixes) })
				batch := track.Batch{Series: 1, First: 1, Fixes: fixes[:n]}
				b.ReportAllocs()
				for b.Loop() {
					dst, _ = track.AppendBatch(dst[:0], batch)
				}
				b.ReportMetric(float64(size)/float64(full), "bytes/fix")
				b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "fixes/s")
			})
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	fixes := recording(b, recordings[0])
	for _, n := range []int{1, 10} {
		b.Run(fmt.Sprintf("batch=%d", n), func(b *testing.B) {
			data, err := track.AppendBatch(nil, track.Batch{Series: 1, First: 1, Fixes: fixes[:n]})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := track.DecodeBatch(data); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "fixes/s")
		})
	}
}
