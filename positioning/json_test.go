package positioning

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dipper/positioning/geo"
)

func TestAppendJSON(t *testing.T) {
	full := NewFix(time.Date(2026, 11, 23, 4, 5, 6, 200e6, time.UTC), geo.Point{Lat: 36.0671234, Lon: 120.3826543})
	full.AltitudeM, full.SpeedMps, full.CourseDeg, full.HDOP, full.ErrM = 12.3, 8.4, 271.5, 0.8, 2.1
	full.Mode, full.Solution = Mode3D, SolutionSingle
	full.Sats.Used[BeiDou], full.Sats.Used[GPS], full.Sats.Total = 9, 7, 16
	bare := NewFix(time.Date(2026, 11, 23, 12, 5, 6, 0, time.FixedZone("", 8*3600)), geo.Point{Lat: -0.00000001, Lon: -120.5})
	bare.Verdict = RefusedJump
	total := bare
	total.Sats.Total, total.SpeedMps, total.Verdict = 12, 0, Accepted
	tests := []struct {
		name string
		fix  Fix
		want string
	}{
		{"the line of the specification", full, `{"time":"2026-11-23T04:05:06.200Z","lat":36.0671234,"lon":120.3826543,"alt_m":12.3,"speed_mps":8.4,"course_deg":271.5,"mode":3,"solution":"single","sats":{"beidou":9,"gps":7},"hdop":0.8,"err_m":2.1,"accepted":true,"reason":""}`},
		{"unknown is absent", bare, `{"time":"2026-11-23T04:05:06.000Z","lat":0.0000000,"lon":-120.5000000,"accepted":false,"reason":"jump"}`},
		{"a total only, and a known zero", total, `{"time":"2026-11-23T04:05:06.000Z","lat":0.0000000,"lon":-120.5000000,"speed_mps":0,"sats":{"total":12},"accepted":true,"reason":""}`},
	}
	for _, tt := range tests {
		if got := string(AppendJSON(nil, tt.fix)); got != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.name, got, tt.want)
		}
	}
	if got := string(AppendJSON([]byte("x"), bare)); got[0] != 'x' {
		t.Error("does not append")
	}
}

func TestAppendJSONWithSky(t *testing.T) {
	f := NewFix(time.Date(2026, 11, 23, 4, 5, 6, 0, time.UTC), geo.Point{Lat: 36, Lon: 120})
	var sky Sky
	const bare = `{"time":"2026-11-23T04:05:06.000Z","lat":36.0000000,"lon":120.0000000,"accepted":true,"reason":""`
	if got := string(AppendJSONWithSky(nil, f, &sky)); got != bare+"}" {
		t.Errorf("nothing in view: %s", got)
	}
	sky.Tracked[BeiDou], sky.MeanCN0[BeiDou], sky.MaxCN0[BeiDou], sky.Signals[BeiDou] = 9, 38, 45, 1<<1|1<<3|1<<11
	sky.Tracked[GPS], sky.MeanCN0[GPS], sky.MaxCN0[GPS] = 7, 40, 44
	sky.Signals[SBAS] = 1 << 1 // has no names
	want := bare + `,"signals":{"beidou":["B1I","B1C","B2I"]},"cn0_dbhz":{"beidou":{"tracked":9,"mean":38,"max":45},"gps":{"tracked":7,"mean":40,"max":44}}}`
	if got := string(AppendJSONWithSky(nil, f, &sky)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestAppendJSONIsJSON: any fix gives valid JSON whose numbers are the fix's, to the decimals written.
func TestAppendJSONIsJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := NewFix(time.UnixMilli(rapid.Int64Range(0, 4e12).Draw(t, "ms")), geo.Point{
			Lat: rapid.Float64Range(-90, 90).Draw(t, "lat"), Lon: rapid.Float64Range(-180, 180).Draw(t, "lon")})
		maybe := func(name string, lo, hi float64) float64 {
			if rapid.Bool().Draw(t, name+" known") {
				return rapid.Float64Range(lo, hi).Draw(t, name)
			}
			return math.NaN()
		}
		f.AltitudeM, f.SpeedMps, f.CourseDeg = maybe("alt", -500, 9000), maybe("speed", 0, 100), maybe("course", 0, 359.9)
		f.Verdict = Verdict(rapid.IntRange(0, int(numVerdicts)-1).Draw(t, "verdict"))
		for c := range f.Sats.Used {
			f.Sats.Used[c] = rapid.Uint8Range(0, 3).Draw(t, "used")
		}
		var got struct {
			Time             time.Time
			Lat, Lon         float64
			Alt              *float64 `json:"alt_m"`
			Speed            *float64 `json:"speed_mps"`
			Sats             map[string]int
			Accepted         bool
			Reason           string
			Course, HDOP, Er *float64
		}
		text := AppendJSON(nil, f)
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		same := func(p *float64, v float64) bool {
			return p == nil && !Known(v) || p != nil && math.Abs(*p-v) <= 0.0005001
		}
		if !got.Time.Equal(f.Time) || math.Abs(got.Lat-f.Point.Lat) > 5.01e-8 || math.Abs(got.Lon-f.Point.Lon) > 5.01e-8 ||
			!same(got.Alt, f.AltitudeM) || !same(got.Speed, f.SpeedMps) || got.Accepted != (got.Reason == "") || got.Reason != f.Verdict.String() {
			t.Fatalf("%s is not %+v", text, f)
		}
		for c, n := range f.Sats.Used {
			if got.Sats[Constellation(c).String()] != int(n) {
				t.Fatalf("%s: %v satellites", text, f.Sats)
			}
		}
	})
}
