package main

import (
	"bytes"
	"testing"
	"time"

	"dipper/positioning"
	"dipper/positioning/geo"
)

// What a simulated module says must mean what it was told to say, by the agent's own decoder.
func TestModuleSpeaksWhatTheDecoderReads(t *testing.T) {
	for _, talker := range []string{"BD", "GB"} {
		t.Run(talker, func(t *testing.T) {
			start := time.Date(2026, 11, 23, 23, 59, 30, 0, time.UTC) // across midnight
			m := newModule(truckRoute(14, blockA, time.Minute, roadStart), start.Add(-time.Minute), talker, 7)
			decoder := positioning.NewDecoder(positioning.DecoderConfig{})
			var fixes []positioning.Fix
			const epochs = 120
			for i := range epochs {
				at := start.Add(time.Duration(i) * time.Second)
				fixes = append(fixes, decoder.Write(m.appendEpoch(nil, at, time.Second), time.Time{})...)
			}
			fixes = append(fixes, decoder.Flush()...)
			if len(fixes) != epochs {
				t.Fatalf("%d fixes of %d epochs; %+v", len(fixes), epochs, decoder.Stats())
			}
			for i, f := range fixes {
				at := start.Add(time.Duration(i) * time.Second)
				truth := m.route.at(at.Sub(m.start))
				switch {
				case !f.Time.Equal(at):
					t.Fatalf("fix %d at %v, want %v", i, f.Time, at)
				case geo.Distance(f.Point, truth.point) > 6*errorSigmaM:
					t.Fatalf("fix %d is %.1f m from the truth", i, geo.Distance(f.Point, truth.point))
				case f.Verdict != positioning.Accepted || f.Mode != positioning.Mode3D:
					t.Fatalf("fix %d: verdict %v, mode %v", i, f.Verdict, f.Mode)
				case f.Sats.Used[positioning.BeiDou] < 6 || f.Sats.Used[positioning.GPS] < 3:
					t.Fatalf("fix %d: satellites %v", i, f.Sats)
				}
			}
		})
	}
}

func TestCoordinatesNeverReadSixtyMinutes(t *testing.T) {
	tests := []struct {
		deg  float64
		want string
	}{
		{35.9999999999, "3600.00000,N"},
		{-0.5, "0030.00000,S"},
		{36.0671234, "3604.02740,N"},
	}
	for _, tt := range tests {
		if got := latField(tt.deg); got != tt.want {
			t.Errorf("latField(%v) = %s, want %s", tt.deg, got, tt.want)
		}
	}
	if got, want := lonField(120.3826543), "12022.95926,E"; got != want {
		t.Errorf("lonField = %s, want %s", got, want)
	}
}

func TestRouteComesBackToItsStart(t *testing.T) {
	for _, v := range simulatedFleet() {
		t.Run(v.unit, func(t *testing.T) {
			lap := v.route.lap()
			if d := geo.Distance(v.route.at(0).point, v.route.at(lap).point); d > 1 {
				t.Errorf("after a lap of %v the vehicle is %.0f m from its start", lap, d)
			}
			const step = time.Second
			for at := time.Duration(0); at < lap; at += step {
				if d := geo.Distance(v.route.at(at).point, v.route.at(at+step).point); d > 30 {
					t.Fatalf("at %v it jumps %.0f m in a second", at, d)
				}
			}
		})
	}
}

func TestRecordingMovesItsTimesAndNothingElse(t *testing.T) {
	at := time.Date(2026, 11, 23, 4, 5, 6, 200e6, time.UTC)
	tests := []struct{ name, in, want string }{
		{"RMC", "$GNRMC,000653.00,A,4404.12994,N,12118.84613,W,0.052,,090624,,,A,V*08", "GNRMC,040506.20,A,4404.12994,N,12118.84613,W,0.052,,231126,,,A,V"},
		{"GGA keeps its decimals", "$GNGGA,055234.200,4739.71890,N,12219.58362,W,1,14,0.9,76.5,M,-21.6,M,,*4A", "GNGGA,040506.200,4739.71890,N,12219.58362,W,1,14,0.9,76.5,M,-21.6,M,,"},
		{"GLL", "$GNGLL,4739.71890,N,12219.58362,W,055234.200,A,A*5F", "GNGLL,4739.71890,N,12219.58362,W,040506.200,A,A"},
		{"ZDA", "$GNZDA,055234.000,05,08,2026,00,00*46", "GNZDA,040506.200,23,11,2026,00,00"},
		{"GSV is left alone", "$BDGSV,1,1,03,13,19,043,17,27,38,127,33,37,36,091,24,0*49", "BDGSV,1,1,03,13,19,043,17,27,38,127,33,37,36,091,24,0"},
		{"empty time is left alone", "$GPRMC,,V,,,,,,,,,,N*53", "GPRMC,,V,,,,,,,,,,N"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, want := appendMoved(nil, []byte(tt.in), at), appendSentence(nil, tt.want); !bytes.Equal(got, want) {
				t.Errorf("moved\n got %swant %s", got, want)
			}
		})
	}
}
