package positioning

import (
	"slices"
	"testing"
	"time"
)

// heard is a decoder that has taken some sentences.
func heard(bodies ...string) *Decoder {
	d := NewDecoder(DecoderConfig{})
	d.Write([]byte(lines(bodies...)), time.Time{})
	return d
}

func TestAntenna(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"GPTXT,01,01,01,ANTENNA OPEN", "OPEN"},        // CASIC
		{"GNTXT,01,01,02,ANTSTATUS=SHORT", "SHORT"},    // u-blox
		{"GNTXT,01,01,02,ANTSUPERV=AC SD PDoS SR", ""}, // u-blox, of its means
		{"GPTXT,01,01,01,ANTENNA ", ""},
	} {
		if got := heard(tt.text).Antenna(); got != tt.want {
			t.Errorf("%s: antenna %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestSky(t *testing.T) {
	d := heard(
		"BDGSV,2,1,05,01,10,100,30,02,20,200,,03,30,300,45,04,40,040,20,1", "BDGSV,2,2,05,05,50,050,,1",
		"BDGSV,1,1,02,01,10,100,33,03,30,360,,8",
		"GPGSV,1,1,02,01,60,010,41,33,30,120,38", // 33 is a satellite of SBAS, whatever the talker
		"GNGSA,A,3,01,03,,,,,,,,,,,1.5,0.9,1.2,4",
		rmcA)
	d.Flush()
	s := d.Sky()
	want := Sky{}
	want.InView[BeiDou], want.Tracked[BeiDou], want.Used[BeiDou] = 5, 3, 2
	want.MaxCN0[BeiDou], want.MeanCN0[BeiDou] = 45, 33 // of 33, 45 and 20
	want.Signals[BeiDou] = 1<<1 | 1<<8
	want.InView[GPS], want.Tracked[GPS], want.MaxCN0[GPS], want.MeanCN0[GPS] = 1, 1, 41, 41
	want.InView[SBAS], want.Tracked[SBAS], want.MaxCN0[SBAS], want.MeanCN0[SBAS] = 1, 1, 38, 38
	if s != want {
		t.Errorf("sky\n%+v, want\n%+v", s, want)
	}
	if names := s.Signals[BeiDou].Names(BeiDou); !slices.Equal(names, []string{"B1I", "B3I"}) {
		t.Errorf("signals %q", names)
	}
	i := slices.IndexFunc(d.AppendSatellites(nil), func(v SkySatellite) bool { return v.System == BeiDou && v.Number == 3 })
	if got, want := d.AppendSatellites(nil)[i], (SkySatellite{BeiDou, 3, 30, 0, 45, 1 << 1, true}); got != want {
		t.Errorf("satellite %+v, want %+v", got, want)
	}
	if n := len(d.AppendSatellites(nil)); n != 7 {
		t.Errorf("%d satellites, want 7", n)
	}
}

// Nobody sees half of a list, the next list replaces it, and one that no longer comes is forgotten.
func TestSkyLists(t *testing.T) {
	d := heard("BDGSV,1,1,02,01,10,100,30,02,20,200,,1", "BDGSV,2,1,05,03,10,100,30,04,20,200,,05,20,200,,06,20,200,,1")
	if s := d.Sky(); s.InView[BeiDou] != 2 {
		t.Errorf("%d in view while a list is coming, want the 2 of the one before", s.InView[BeiDou])
	}
	d.Write([]byte(lines("BDGSV,2,2,05,07,10,100,30,1")), time.Time{})
	if s := d.Sky(); s.InView[BeiDou] != 5 || s.Tracked[BeiDou] != 2 {
		t.Errorf("in view %d, tracked %d, want 5 and 2", s.InView[BeiDou], s.Tracked[BeiDou])
	}
	for range 2 * skyRounds {
		d.Write([]byte(lines("GPGSV,1,1,01,01,60,010,41,1")), time.Time{})
	}
	if s := d.Sky(); s.InView[BeiDou] != 0 || s.InView[GPS] != 1 {
		t.Errorf("in view %v, want GPS alone", s.InView)
	}
}

// A Quectel L76K sees BeiDou on one signal; satellites in use are in view.
func TestSkyOfARecording(t *testing.T) {
	d := NewDecoder(DecoderConfig{})
	d.Write(readRecording(t, recordings+"quectel-l76k-dual.nmea"), time.Time{})
	d.Flush()
	s := d.Sky()
	if s.InView[BeiDou] == 0 || s.Used[BeiDou] == 0 || s.MeanCN0[BeiDou] < 15 || s.MeanCN0[BeiDou] > s.MaxCN0[BeiDou] {
		t.Errorf("BeiDou: in view %d, used %d, C/N0 %d to %d", s.InView[BeiDou], s.Used[BeiDou], s.MeanCN0[BeiDou], s.MaxCN0[BeiDou])
	}
	for _, v := range d.AppendSatellites(nil) {
		if v.ElevationDeg < -1 || v.ElevationDeg > 90 || v.AzimuthDeg < -1 || v.AzimuthDeg > 359 || v.CN0 > 60 {
			t.Errorf("%+v", v)
		}
	}
}
