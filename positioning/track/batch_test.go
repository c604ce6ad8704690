package track_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dipper/positioning"
	"dipper/positioning/geo"
	"dipper/positioning/track"
)

// drawFix draws any fix a receiver could give, and some it could not; about a third of the optional values are unknown.
var drawFix = rapid.Custom(func(t *rapid.T) positioning.Fix {
	value := func(label string, lo, hi float64) float64 {
		switch rapid.IntRange(0, 8).Draw(t, label+"?") {
		case 0, 1, 2:
			return math.NaN()
		case 3:
			return rapid.Float64().Draw(t, label)
		}
		return rapid.Float64Range(lo, hi).Draw(t, label)
	}
	ms := rapid.OneOf(rapid.Int64Range(1_700_000_000_000, 1_700_000_600_000), rapid.Int64Range(-62135596800000, 253402300799999)).Draw(t, "ms")
	f := positioning.NewFix(time.UnixMilli(ms), geo.Point{
		Lat: rapid.Float64Range(-90, 90).Draw(t, "lat"), Lon: rapid.Float64Range(-180, 180).Draw(t, "lon"),
	})
	f.AltitudeM, f.SpeedMps = value("alt", -400, 9000), value("speed", 0, 60)
	f.CourseDeg, f.HDOP, f.ErrM = value("course", 0, 360), value("hdop", 0, 99.99), value("err", 0, 100)
	f.Mode, f.Solution = positioning.Mode(rapid.Byte().Draw(t, "mode")), positioning.Solution(rapid.Byte().Draw(t, "solution"))
	f.Verdict = positioning.Verdict(rapid.Byte().Draw(t, "verdict"))
	for i := range f.Sats.Used {
		f.Sats.Used[i] = rapid.Byte().Draw(t, "used")
	}
	f.Sats.Total = rapid.Byte().Draw(t, "total")
	return f
})

var drawBatch = rapid.Custom(func(t *rapid.T) track.Batch {
	fixes := rapid.SliceOfN(drawFix, 0, 40).Draw(t, "fixes")
	if len(fixes) > 0 && rapid.Bool().Draw(t, "still") { // what run lengths are for
		for range rapid.IntRange(0, 60).Draw(t, "again") {
			fixes = append(fixes, fixes[len(fixes)-1])
		}
	}
	return track.Batch{
		Series: track.Series(rapid.Uint32().Draw(t, "series")),
		First:  track.Seq(rapid.Uint64Range(1, math.MaxUint64-200).Draw(t, "first")),
		Fixes:  fixes,
	}
})

func TestBatchHoldsQuantizedFixes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := drawBatch.Draw(t, "batch")
		data, err := track.AppendBatch([]byte("before"), b)
		if err != nil {
			t.Fatal(err)
		}
		data = data[len("before"):]
		if h, err := track.PeekBatch(data); err != nil || h != (track.Header{Series: b.Series, First: b.First, Count: len(b.Fixes), Size: len(data)}) {
			t.Fatalf("header is %+v, error %v", h, err)
		}
		got, rest, err := track.DecodeBatch(append(bytes.Clone(data), "behind"...))
		if err != nil || string(rest) != "behind" {
			t.Fatalf("rest %q, error %v", rest, err)
		}
		if got.Series != b.Series || got.First != b.First || len(got.Fixes) != len(b.Fixes) {
			t.Fatalf("got series %d, first %d, %d fixes", got.Series, got.First, len(got.Fixes))
		}
		for i, f := range got.Fixes {
			if want := track.Quantize(b.Fixes[i]); !f.Equal(want) {
				t.Fatalf("fix %d came back as\n%+v, want\n%+v", i, f, want)
			}
		}
		again, err := track.AppendBatch(nil, got)
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("encoded again it is %d bytes and not the same %d, error %v", len(again), len(data), err)
		}
	})
}

func TestQuantize(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFix.Draw(t, "fix")
		q := track.Quantize(f)
		if again := track.Quantize(q); !again.Equal(q) {
			t.Fatalf("quantizing twice: %+v, then %+v", q, again)
		}
		if d := math.Abs(q.Point.Lat - f.Point.Lat); d > 0.51e-7 {
			t.Fatalf("latitude moved by %g degrees", d)
		}
		if d := q.Time.Sub(f.Time).Abs(); d > time.Millisecond/2 {
			t.Fatalf("time moved by %v", d)
		}
		if v := q.SpeedMps; positioning.Known(v) && math.Abs(v-f.SpeedMps) > 0.0051 {
			t.Fatalf("speed %v became %v", f.SpeedMps, v)
		}
		if v := q.CourseDeg; positioning.Known(v) && (v < 0 || v >= 360) {
			t.Fatalf("course %v became %v", f.CourseDeg, v)
		}
	})
}

func TestQuantizeEdges(t *testing.T) {
	at := time.Date(2026, 11, 23, 4, 5, 6, 200_400_000, time.FixedZone("CST", 8*3600))
	f := positioning.NewFix(at, geo.Point{Lat: 36.06712344, Lon: math.Copysign(0, -1)})
	f.CourseDeg, f.SpeedMps, f.HDOP, f.ErrM, f.AltitudeM = 359.97, -1, 0.001, math.Inf(1), -0.04
	q := track.Quantize(f)
	if want := "2026-11-22T20:05:06.2Z"; q.Time.Format(time.RFC3339Nano) != want {
		t.Errorf("time %v, want %s", q.Time, want)
	}
	if q.Point.Lat != 36.0671234 || math.Signbit(q.Point.Lon) {
		t.Errorf("point %v", q.Point)
	}
	if q.CourseDeg != 0 {
		t.Errorf("course %v, want 0: north has one form", q.CourseDeg)
	}
	if q.AltitudeM != 0 || math.Signbit(q.AltitudeM) {
		t.Errorf("altitude %v, want 0 without a sign", q.AltitudeM)
	}
	for name, v := range map[string]float64{"negative speed": q.SpeedMps, "hdop near 0": q.HDOP, "infinite error": q.ErrM} {
		if positioning.Known(v) {
			t.Errorf("%s became %v, want unknown", name, v)
		}
	}
}

func TestAppendBatchRefuses(t *testing.T) {
	good := positioning.NewFix(time.Unix(1_700_000_000, 0), geo.Point{Lat: 36, Lon: 120})
	with := func(change func(*positioning.Fix)) []positioning.Fix {
		f := good
		change(&f)
		return []positioning.Fix{good, f}
	}
	for _, tc := range []struct {
		name, why string
		batch     track.Batch
	}{
		{"number 0", "first number is 0", track.Batch{Fixes: []positioning.Fix{good}}},
		{"numbers run out", "beyond the highest", track.Batch{First: math.MaxUint64, Fixes: []positioning.Fix{good, good}}},
		{"too many", "at most 4096", track.Batch{First: 1, Fixes: make([]positioning.Fix, track.MaxBatchFixes+1)}},
		{"no point", "fix 8: point NaN", track.Batch{First: 7, Fixes: with(func(f *positioning.Fix) { f.Point.Lat = math.NaN() })}},
		{"off the earth", "fix 8: point", track.Batch{First: 7, Fixes: with(func(f *positioning.Fix) { f.Point.Lon = 180.1 })}},
		{"year 10000", "fix 8: time", track.Batch{First: 7, Fixes: with(func(f *positioning.Fix) { f.Time = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) })}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			data, err := track.AppendBatch([]byte("kept"), tc.batch)
			if !errors.Is(err, track.ErrInvalid) || !strings.Contains(err.Error(), tc.why) || string(data) != "kept" {
				t.Fatalf("appended to %q, error %v, want ErrInvalid with %q", data, err, tc.why)
			}
		})
	}
}

func TestDecodeBatchRefusesDamage(t *testing.T) {
	data, err := track.AppendBatch(nil, track.Batch{Series: 1_700_000_000, First: 5, Fixes: drive(20)})
	if err != nil {
		t.Fatal(err)
	}
	for n := range data {
		if _, _, err := track.DecodeBatch(data[:n]); !errors.Is(err, track.ErrCorrupt) {
			t.Fatalf("cut to %d of %d bytes: error %v, want ErrCorrupt", n, len(data), err)
		}
		for bit := range 8 {
			bad := bytes.Clone(data)
			bad[n] ^= 1 << bit
			if b, _, err := track.DecodeBatch(bad); err == nil {
				t.Fatalf("bit %d of byte %d flipped: read as %d fixes", bit, n, len(b.Fixes))
			}
		}
	}
	bad := bytes.Clone(data)
	bad[0] = 0xD2
	if _, _, err := track.DecodeBatch(bad); !errors.Is(err, track.ErrVersion) {
		t.Fatalf("next version: error %v, want ErrVersion", err)
	}
}

func TestLargestBatchFitsItsLimit(t *testing.T) {
	worst := make([]positioning.Fix, track.MaxBatchFixes)
	for i := range worst {
		sign := float64(1 - i%2*2)
		f := positioning.NewFix(time.UnixMilli(int64(sign)*60_000_000_000_000+int64(i)), geo.Point{Lat: 90 * sign, Lon: 180 * sign})
		f.AltitudeM, f.SpeedMps, f.CourseDeg = 1e6*sign, 1e4+1e4*sign, 179.9+179.9*sign
		f.HDOP, f.ErrM = 5e3+4.9e3*sign, 1e7+1e7*sign
		for c := range f.Sats.Used {
			f.Sats.Used[c] = uint8(i)
		}
		f.Mode, f.Solution, f.Verdict, f.Sats.Total = positioning.Mode(i), positioning.Solution(i), positioning.Verdict(i), uint8(i)
		worst[i] = f
	}
	data, err := track.AppendBatch(nil, track.Batch{Series: math.MaxUint32, First: 1 << 62, Fixes: worst})
	if err != nil {
		t.Fatal(err)
	}
	if len(data) > track.MaxBatchBytes {
		t.Fatalf("%d bytes, MaxBatchBytes says %d", len(data), track.MaxBatchBytes)
	}
	if b, _, err := track.DecodeBatch(data); err != nil || len(b.Fixes) != len(worst) {
		t.Fatalf("%d fixes came back, error %v", len(b.Fixes), err)
	}
}

// drive is a short made-up drive along Huangdao's coast, for tests that need some plausible batch.
func drive(n int) []positioning.Fix {
	fixes := make([]positioning.Fix, n)
	for i := range fixes {
		f := positioning.NewFix(time.Unix(1_700_000_100+int64(i), 0), geo.Point{Lat: 36.0 + float64(i)*1e-4, Lon: 120.2 + float64(i*i)*1e-6})
		f.SpeedMps, f.CourseDeg, f.HDOP, f.ErrM, f.AltitudeM = 11+float64(i%7)/10, 45, 0.8, 2.1, 12.3
		f.Mode, f.Solution = positioning.Mode3D, positioning.SolutionSingle
		f.Sats.Used[positioning.BeiDou], f.Sats.Total = 9, uint8(9+i/8)
		fixes[i] = track.Quantize(f)
	}
	return fixes
}

func FuzzDecodeBatch(f *testing.F) {
	for _, n := range []int{0, 1, 20} {
		data, err := track.AppendBatch(nil, track.Batch{Series: 1_700_000_000, First: 5, Fixes: drive(n)})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	still, err := hex.DecodeString("d10700000000010080200000")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(still)
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, try := range [][]byte{data, track.Reseal(data)} {
			b, _, err := track.DecodeBatch(try)
			if err != nil {
				if !errors.Is(err, track.ErrCorrupt) && !errors.Is(err, track.ErrVersion) {
					t.Fatalf("error %v is of no known kind", err)
				}
				continue
			}
			again, err := track.AppendBatch(nil, b)
			if err != nil {
				t.Fatalf("decoded, but cannot be encoded: %v", err)
			}
			same, _, err := track.DecodeBatch(again)
			if err != nil || len(same.Fixes) != len(b.Fixes) {
				t.Fatalf("%d fixes came back as %d, error %v", len(b.Fixes), len(same.Fixes), err)
			}
			for i := range b.Fixes {
				if !same.Fixes[i].Equal(b.Fixes[i]) || !track.Quantize(b.Fixes[i]).Equal(b.Fixes[i]) {
					t.Fatalf("fix %d: %+v came back as %+v", i, b.Fixes[i], same.Fixes[i])
				}
			}
		}
	})
}
