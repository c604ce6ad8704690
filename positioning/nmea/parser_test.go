package nmea

import (
	"errors"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	gonmea "github.com/adrianmo/go-nmea"

	"dipper/positioning/geo"
)

// parse reads a sentence as a Parser gives it.
func parse[T Sentence](t *testing.T, sentence string) T {
	t.Helper()
	s, err := NewParser().Parse([]byte(sentence))
	if err != nil {
		t.Fatalf("Parse(%q) = %v", sentence, err)
	}
	m, ok := s.(T)
	if !ok {
		t.Fatalf("Parse(%q) is a %T", sentence, s)
	}
	return m
}

func near(a, b, eps float64) bool { return math.Abs(a-b) <= eps }

// at is a TimeOfDay.
func at(h, m, s, ms int) TimeOfDay { return TimeOfDay(((h*60+m)*60+s)*1000 + ms) }

func TestRMC(t *testing.T) {
	none := math.NaN()
	tests := []struct {
		in            string
		time          TimeOfDay
		status        byte
		lat, lon      float64 // NaN: no position
		knots, course float64
		date          Date
		mode, nav     byte
	}{
		{"$GNRMC,000653.00,A,4404.12994,N,12118.84613,W,0.052,,090624,,,A,V*08", at(0, 6, 53, 0), 'A', 44.06883233, -121.31410217, 0.052, none, Date{2024, 6, 9}, 'A', 'V'},
		{"$GNRMC,055234.000,A,4739.71890,N,12219.58362,W,0.00,286.35,050826,,,A,V*13", at(5, 52, 34, 0), 'A', 47.66198167, -122.32639367, 0, 286.35, Date{2026, 8, 5}, 'A', 'V'},
		{"$GBRMC,075907.515,A,3137.022779,N,11957.754034,E,0.00,000.00,120624,,,A,U*0E", at(7, 59, 7, 515), 'A', 31.61704632, 119.96256723, 0, 0, Date{2024, 6, 12}, 'A', 'U'},
		{"$GNRMC,010555.000,A,2232.4682,N,11404.6748,E,0.00,125.29,230822,,,D*71", at(1, 5, 55, 0), 'A', 22.54113667, 114.07791333, 0, 125.29, Date{2022, 8, 23}, 'D', 0},
		{"$GNRMC,000706.00,V,4404.12938,N,12118.84590,W,,,090624,,,N,V*36", at(0, 7, 6, 0), 'V', 44.06882300, -121.31409833, none, none, Date{2024, 6, 9}, 'N', 'V'},
		{"$GPRMC,,V,,,,,,,,,,N*53", NoTime, 'V', none, none, none, none, Date{}, 'N', 0},
		{"$GPRMC,235959.00,V,0000.0000,N,00000.0000,E,,,250910,,,N*48", at(23, 59, 59, 0), 'V', 0, 0, none, none, Date{2010, 9, 25}, 'N', 0},
		{"$GNRMC,235960.00,A,3112.3456,N,12130.1234,E,0.0,0.0,311216,,,A,V*37", Day - 1, 'A', 31.20576, 121.50205667, 0, 0, Date{2016, 12, 31}, 'A', 'V'},
		{sum("GPRMC,102136.000,A,3340.8472,S,15117.3205,E"), at(10, 21, 36, 0), 'A', -33.68078667, 151.288675, none, none, Date{}, 0, 0},
		{sum("GPRMC,102136.9999,A,,N,,E,1,360.0,310226,,,A"), at(10, 21, 37, 0), 'A', none, none, 1, 0, Date{}, 'A', 0},
		{sum("GPRMC,235959.9996,A,,,,,nan,inf,010180,,,A"), Day, 'A', none, none, none, none, Date{1980, 1, 1}, 'A', 0},
		{sum("GPRMC,000000,A,0000.0000,S,18000.0000,W,1e3,-90,311279,,,"), 0, 'A', 0, -180, none, 270, Date{2079, 12, 31}, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			m := parse[*RMC](t, tt.in)
			if m.Time != tt.time || m.Status != tt.status || m.Date != tt.date || m.Mode != tt.mode || m.NavStatus != tt.nav {
				t.Errorf("got %v %c %v %c %c", m.Time, m.Status, m.Date, m.Mode, m.NavStatus)
			}
			if m.Position.Known == math.IsNaN(tt.lat) || m.Position.Known && !(near(m.Position.Lat, tt.lat, 1e-8) && near(m.Position.Lon, tt.lon, 1e-8)) {
				t.Errorf("position %+v, want %v %v", m.Position, tt.lat, tt.lon)
			}
			for _, v := range [][2]float64{{m.SpeedKnots, tt.knots}, {m.CourseDeg, tt.course}} {
				if v[0] != v[1] && !(math.IsNaN(v[0]) && math.IsNaN(v[1])) {
					t.Errorf("got %v, want %v", v[0], v[1])
				}
			}
		})
	}
}

func TestGGA(t *testing.T) {
	m := parse[*GGA](t, "$GNGGA,000653.00,4404.12994,N,12118.84613,W,1,29,0.69,1109.2,M,,M,,*71")
	if m.Quality != 1 || m.Satellites != 29 || m.HDOP != 0.69 || m.AltitudeM != 1109.2 || !math.IsNaN(m.SeparationM) {
		t.Errorf("got %+v", m)
	}
	m = parse[*GGA](t, "$GPGGA,003832.000,4404.1271062,N,12118.8438377,W,5,14,0.8,1127.630,M,-20.300,M,1.000,0000*74")
	if m.Quality != 5 || m.SeparationM != -20.3 || m.Position.Decimals != 7 || !near(m.Position.Lat, 44.068785103, 1e-9) {
		t.Errorf("got %+v", m)
	}
	m = parse[*GGA](t, "$GPGGA,,,,,,0,,,,,,,,*66")
	if m.Time != NoTime || m.Quality != 0 || m.Position.Known || m.Satellites != -1 || !math.IsNaN(m.HDOP) || !math.IsNaN(m.AltitudeM) {
		t.Errorf("empty fields are not unknown: %+v", m)
	}
	for q, in := range map[int8]string{
		7:  "$GNGGA,120000.00,3112.3456,N,12130.1234,E,7,10,0.8,10.0,M,8.0,M,,*77",
		8:  sum("GNGGA,120000.00,3112.3456,N,12130.1234,E,8,10,0.8,10.0,M,8.0,M,,"),
		9:  sum("GNGGA,120000.00,3112.3456,N,12130.1234,E,9,10,0.8,10.0,M,8.0,M,,"),
		-1: sum("GNGGA,120000.00,3112.3456,N,12130.1234,E,x,10,0.8,10.0,M,8.0,M,,"),
	} {
		if m := parse[*GGA](t, in); m.Quality != q {
			t.Errorf("quality %d, want %d: %s", m.Quality, q, in)
		}
	}
}

func TestGNS(t *testing.T) {
	m := parse[*GNS](t, "$GNGNS,053232.438,3114.8789,N,12135.2442,E,ANNA,07,1.2,153.8,8.3,,0000*5F")
	if m.Modes != "ANNA" || m.Satellites != 7 || m.HDOP != 1.2 || m.AltitudeM != 153.8 || m.SeparationM != 8.3 {
		t.Errorf("got %+v", m)
	}
	if m := parse[*GNS](t, sum("GNGNS,043539.00,4333.190206,N,00127.618380,E,CUNNNN,14,1.3,250.8,50.0,,,V")); m.Modes != "CUNNNN" {
		t.Errorf("modes %q", m.Modes)
	}
}

func TestGLL(t *testing.T) {
	m := parse[*GLL](t, gll)
	if m.Time != at(5, 52, 34, 200) || m.Status != 'A' || m.Mode != 'A' || !near(m.Position.Lat, 47.66198167, 1e-8) {
		t.Errorf("got %+v", m)
	}
	if m := parse[*GLL](t, sum("IIGLL,5924.462,N,01030.048,E")); m.Time != NoTime || !m.Position.Known {
		t.Errorf("old form: %+v", m)
	}
}

func TestVTG(t *testing.T) {
	m := parse[*VTG](t, "$GNVTG,286.35,T,,M,0.00,N,0.00,K,A*29")
	if m.CourseDeg != 286.35 || m.SpeedKnots != 0 || m.Mode != 'A' {
		t.Errorf("got %+v", m)
	}
	m = parse[*VTG](t, sum("GPVTG,054.7,034.4,005.5,010.2"))
	if m.CourseDeg != 54.7 || m.SpeedKnots != 5.5 || m.SpeedKmh != 10.2 {
		t.Errorf("old form: %+v", m)
	}
	if m := parse[*VTG](t, sum("GPVTG,,T,,M,,N,,K,N")); !math.IsNaN(m.CourseDeg) || !math.IsNaN(m.SpeedKnots) {
		t.Errorf("empty: %+v", m)
	}
}

func TestZDAAndGST(t *testing.T) {
	z := parse[*ZDA](t, "$GNZDA,055234.000,05,08,2026,00,00*46")
	if z.Date != (Date{2026, 8, 5}) || z.Time != at(5, 52, 34, 0) {
		t.Errorf("got %+v", z)
	}
	for _, in := range []string{"GPZDA,055234.000,,,,00,00", "GPZDA,055234.000,31,02,2026,00,00", "GPZDA,055234.000,00,00,0000,,",
		"GPZDA,055234.000,01,01,1979,,", "GPZDA,055234.000,01,01,2100,,"} {
		if z := parse[*ZDA](t, sum(in)); z.Date.Known() {
			t.Errorf("%s has the date %v", in, z.Date)
		}
	}
	g := parse[*GST](t, "$GNGST,231408.00,32,0.19,0.12,97,0.049,0.078,0.088*43")
	if g.MajorM != 0.19 || g.LatM != 0.049 || g.LonM != 0.078 || g.AltM != 0.088 {
		t.Errorf("got %+v", g)
	}
	if g := parse[*GST](t, "$GPGST,212406.000,,,,,,,*4A"); !math.IsNaN(g.LatM) || !math.IsNaN(g.MajorM) {
		t.Errorf("empty: %+v", g)
	}
}

func TestGSA(t *testing.T) {
	tests := []struct {
		in   string
		mode int8
		sys  System
		used []uint8
		hdop float64
	}{
		{"$GNGSA,A,3,21,34,19,12,44,11,35,36,22,,,,1.05,0.69,0.79,4*0D", 3, SystemBeiDou, []uint8{21, 34, 19, 12, 44, 11, 35, 36, 22}, 0.69},
		{"$GNGSA,A,3,13,27,37,,,,,,,,,,1.5,0.9,1.2,4*39", 3, SystemBeiDou, []uint8{13, 27, 37}, 0.9},
		{"$BDGSA,A,3,02,03,04,,,,,,,,,,5.1,1.3,4.9,3.3*2F", 3, SystemBeiDou, []uint8{2, 3, 4}, 1.3},
		{"$BDGSA,A,1,,,,,,,,,,,,,,,,*23", 1, SystemBeiDou, nil, math.NaN()},
		{"$BDGSA,A,3,214,,,,,,,,,,,,2.5,1.2,2.2*10", 3, SystemBeiDou, []uint8{14}, 1.2},
		{"$GNGSA,A,2,208,211,213,,,,,,,,,,1.6,1.3,0.9,4*01", 2, SystemBeiDou, []uint8{8, 11, 13}, 1.3},
		{"$GNGSA,A,1,,,,,,,,,,,,,99.99,99.99,99.99,4*36", 1, SystemBeiDou, nil, 99.99},
		{sum("PQGSA,A,3,09,16,,,,,,,,,,,1.6,1.3,0.9,4"), 3, SystemBeiDou, []uint8{9, 16}, 1.3},
		{sum("GBGSA,A,3,01,02,,,,,,,,,,,1.6,1.3,0.9,A"), 3, SystemBeiDou, []uint8{1, 2}, 1.3},
		{sum("GPGSA,A,3,27,23,13,07,25,,,,,,,,,,,,,,,,,,,,07.9,06.0,05.2"), 3, SystemGPS, []uint8{27, 23, 13, 7, 25}, 6},
		{sum("GPGSA,A,1,,,,"), 1, SystemGPS, nil, math.NaN()},
		{sum("GPGSA"), 0, SystemGPS, nil, math.NaN()},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			if tt.in == sum("GPGSA") {
				if _, err := NewParser().Parse([]byte(tt.in)); !errors.Is(err, ErrUnsupported) {
					t.Errorf("without a field: %v", err)
				}
				return
			}
			m := parse[*GSA](t, tt.in)
			if m.Mode != tt.mode || m.Sys != tt.sys || m.HDOP != tt.hdop && !(math.IsNaN(m.HDOP) && math.IsNaN(tt.hdop)) || len(m.Used) != len(tt.used) {
				t.Fatalf("got %d %v %v hdop %v", m.Mode, m.Sys, m.Used, m.HDOP)
			}
			for i, s := range m.Used {
				if s != (Satellite{tt.sys, tt.used[i]}) {
					t.Errorf("satellite %d is %v, want %d", i, s, tt.used[i])
				}
			}
		})
	}
}

func TestGSV(t *testing.T) {
	tests := []struct {
		in     string
		sys    System
		signal int
		list   []Visible // system left out
	}{
		{"$GBGSV,4,1,14,07,01,332,,11,23,316,,12,68,259,,19,17,055,23,5*7F", SystemBeiDou, 5, []Visible{{Satellite{Number: 7}, 1, 332, 0}, {Satellite{Number: 11}, 23, 316, 0}, {Satellite{Number: 12}, 68, 259, 0}, {Satellite{Number: 19}, 17, 55, 23}}},
		{"$GBGSV,4,4,14,44,59,199,,46,03,052,,5*7C", SystemBeiDou, 5, []Visible{{Satellite{Number: 44}, 59, 199, 0}, {Satellite{Number: 46}, 3, 52, 0}}},
		{"$BDGSV,1,1,03,13,19,043,17,27,38,127,33,37,36,091,24,0*49", SystemBeiDou, 0, []Visible{{Satellite{Number: 13}, 19, 43, 17}, {Satellite{Number: 27}, 38, 127, 33}, {Satellite{Number: 37}, 36, 91, 24}}},
		{"$GBGSV,2,2,05,209,07,033,*62", SystemBeiDou, 0, []Visible{{Satellite{Number: 9}, 7, 33, 0}}},
		{"$PQGSV,4,2,15,09,16,120,,10,26,049,,16,07,123,,19,34,212,,0,4*62", SystemBeiDou, 0, []Visible{{Satellite{Number: 9}, 16, 120, 0}, {Satellite{Number: 10}, 26, 49, 0}, {Satellite{Number: 16}, 7, 123, 0}, {Satellite{Number: 19}, 34, 212, 0}}},
		{"$BDGSV,2,1,05,08,09,030,39,11,40,081,42,13,17,036,43,21,,,49,4*4D", SystemBeiDou, 4, []Visible{{Satellite{Number: 8}, 9, 30, 39}, {Satellite{Number: 11}, 40, 81, 42}, {Satellite{Number: 13}, 17, 36, 43}, {Satellite{Number: 21}, -1, -1, 49}}},
		{"$GBGSV,1,1,04,09,22,048,13,20,15,298,09,25,43,063,08,32,69,319,11,B*02", SystemBeiDou, 11, []Visible{{Satellite{Number: 9}, 22, 48, 13}, {Satellite{Number: 20}, 15, 298, 9}, {Satellite{Number: 25}, 43, 63, 8}, {Satellite{Number: 32}, 69, 319, 11}}},
		{"$GBGSV,3,1,10,01,29,321,,03,12,292,,04,37,345,,08,49,229,,*49", SystemBeiDou, 0, []Visible{{Satellite{Number: 1}, 29, 321, 0}, {Satellite{Number: 3}, 12, 292, 0}, {Satellite{Number: 4}, 37, 345, 0}, {Satellite{Number: 8}, 49, 229, 0}}},
		{"$GBGSV,6,4,22,01,42,107,35,37,42,000,33,08,49,135,45,20,53,307,50,0*76", SystemBeiDou, 0, []Visible{{Satellite{Number: 1}, 42, 107, 35}, {Satellite{Number: 37}, 42, 0, 33}, {Satellite{Number: 8}, 49, 135, 45}, {Satellite{Number: 20}, 53, 307, 50}}},
		{"$QZGSV,1,1,01,193,34,332,,,,,,,,,,,,,*6A", SystemQZSS, 0, []Visible{{Satellite{Number: 1}, 34, 332, 0}}},
		{sum("GPGSV,1,1,00"), SystemGPS, 0, nil},
		{sum("GPGSV,1"), SystemGPS, 0, nil},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			m := parse[*GSV](t, tt.in)
			if m.Sys != tt.sys || m.Signal != tt.signal || len(m.Visible) != len(tt.list) {
				t.Fatalf("got %v signal %d %v", m.Sys, m.Signal, m.Visible)
			}
			for i, v := range m.Visible {
				want := tt.list[i]
				if want.System = tt.sys; v != want {
					t.Errorf("satellite %d = %+v, want %+v", i, v, want)
				}
			}
		})
	}
}

func TestTXTAndDTM(t *testing.T) {
	if m := parse[*TXT](t, txt); m.Severity != 1 || m.Text != "ANTENNA OK" {
		t.Errorf("got %+v", m)
	}
	if m := parse[*TXT](t, "$GNTXT,01*7C"); m.Text != "" { // go-nmea panics on it
		t.Errorf("got %+v", m)
	}
	if m := parse[*TXT](t, sum("GPTXT,01,01,02,a,b")); m.Text != "a,b" {
		t.Errorf("got %q", m.Text)
	}
	if m := parse[*DTM](t, "$GPDTM,W84,C*52"); m.Code != "W84" { // go-nmea refuses it
		t.Errorf("got %+v", m)
	}
}

func TestParseRefuses(t *testing.T) {
	tests := []struct{ name, in, field string }{
		{"minutes of 60", sum("GPGLL,3160.0000,N,12135.2442,E,053232,A"), "field 1"},
		{"NaN", sum("GPGLL,nan,N,12135.2442,E,053232,A"), "field 1"},
		{"infinite", sum("GPGLL,3114.8789,N,+Inf,E,053232,A"), "field 3"},
		{"exponent", sum("GPGLL,3114.8789,N,12135e1,E,053232,A"), "field 3"},
		{"beyond the pole", sum("GPGLL,9000.0001,N,12135.2442,E,053232,A"), "field 1"},
		{"beyond the date line", sum("GPGLL,3114.8789,N,18000.0001,E,053232,A"), "field 3"},
		{"signed", sum("GPGLL,-3114.8789,N,12135.2442,E,053232,A"), "field 1"},
		{"minutes signed", sum("GPGLL,31-4.8789,N,12135.2442,E,053232,A"), "field 1"},
		{"wrong hemisphere", sum("GPGLL,3114.8789,E,12135.2442,N,053232,A"), "field 2"},
		{"no hemisphere", sum("GPGLL,3114.8789,,12135.2442,E,053232,A"), "field 2"},
		{"hour 24", sum("GPGGA,240000,,,,,0,,,,,,,,"), "field 1"},
		{"minute 60", sum("GPGGA,236000,,,,,0,,,,,,,,"), "field 1"},
		{"second 61", sum("GPGGA,235961,,,,,0,,,,,,,,"), "field 1"},
		{"second 60 by day", sum("GPGGA,120060,,,,,0,,,,,,,,"), "field 1"},
		{"short time", sum("GPGGA,1200,,,,,0,,,,,,,,"), "field 1"},
		{"time with a letter", sum("GPGGA,12000o,,,,,0,,,,,,,,"), "field 1"},
		{"fraction with a letter", sum("GPGGA,120000.x,,,,,0,,,,,,,,"), "field 1"},
		{"wrong checksum", "$GPGGA,120000,,,,,0,,,,,,,,*00", "checksum"},
		{"no checksum", "$GPGGA,120000,,,,,0,,,,,,,,", "checksum"},
		{"backslash", sum(`GPTXT,01,01,02,a\b`), "backslash"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := NewParser()
			s, err := p.Parse([]byte(tt.in))
			var syntax *SyntaxError
			if s != nil || !errors.As(err, &syntax) || !strings.Contains(err.Error(), tt.field) {
				t.Errorf("Parse(%q) = %v, %v; want a SyntaxError naming %s", tt.in, s, err, tt.field)
			}
			if p.Stats() != (ParserStats{Malformed: 1}) {
				t.Errorf("counted %+v", p.Stats())
			}
		})
	}
}

func TestUnsupported(t *testing.T) {
	p := NewParser()
	for _, in := range []string{"", "$", "$GP", "$GPGGA", "!AIVDM,1,1,,A,14eG;o@034o8sd<L9i:a;WF>062D,0*7D", "$PSTI,032,003832.000,A*00",
		"$CCTCQ,1*00", "$SNRSTAT,1,1,1,1*00", "$PUBX,03,00*1C", "$PQTMVERNO*58", "#UNIHEADINGA,97,GPS,FINE;SOL*1a2b3c4d"} {
		if s, err := p.Parse([]byte(in)); s != nil || !errors.Is(err, ErrUnsupported) {
			t.Errorf("Parse(%q) = %v, %v", in, s, err)
		}
	}
	if got := p.Stats(); got.Unsupported != 11 || got.Parsed != 0 {
		t.Errorf("counted %+v", got)
	}
}

// TestQuotedSentences reads single sentences quoted in public firmware sources: those with a right checksum must parse or be
// unsupported, those with a wrong one must not come through the Framer.
func TestQuotedSentences(t *testing.T) {
	root := os.Getenv("DIPPER_DATA")
	if root == "" {
		root = "../../../shared/data"
	}
	data, err := os.ReadFile(root + "/nmea/recordings/beidou-sentences-quoted.tsv")
	if err != nil {
		t.Skipf("the shared recordings are not here (%v); set DIPPER_DATA to their folder", err)
	}
	for line := range strings.Lines(string(data)) {
		verdict, in, _ := strings.Cut(strings.TrimSpace(line), "\t")
		got, _ := frame(in + "\r\n")
		if !strings.HasPrefix(in, "$") {
			continue
		}
		if (verdict == "ok") != (len(got) == 1) {
			t.Errorf("%s: %d sentences in %q", verdict, len(got), in)
		}
		for _, s := range got {
			if _, err := NewParser().Parse([]byte(s)); err != nil && !errors.Is(err, ErrUnsupported) {
				t.Errorf("Parse(%q) = %v", s, err)
			}
		}
	}
}

// TestBDSGGA: Unicore's GGA of BeiDou alone is a GGA; the address has six letters. The sum in the maker's manual is wrong.
func TestBDSGGA(t *testing.T) {
	m := parse[*GGA](t, "$BDSGGA,025754.00,4004.74102107,N,11614.19532779,E,1,18,0.7,63.3224,M,-9.7848,M,00,0000*04")
	if m.Talker != "BD" || m.Time != at(2, 57, 54, 0) || m.Quality != 1 || m.Satellites != 18 || !near(m.Position.Lat, 40.0790170, 1e-7) {
		t.Errorf("%+v", m)
	}
}

func TestDate(t *testing.T) {
	d := Date{2024, 2, 28}
	if got := d.AddDays(1).AddDays(1); got != (Date{2024, 3, 1}) {
		t.Errorf("two days on: %v", got)
	}
	if got := (Date{2025, 12, 31}).At(Day); !got.Equal(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("the end of the year is %v", got)
	}
	if (Date{}).Known() {
		t.Error("the zero Date is known")
	}
}

func TestIdentify(t *testing.T) {
	tests := []struct {
		sys  System
		n    int
		want Satellite
	}{
		{SystemBeiDou, 14, Satellite{SystemBeiDou, 14}},
		{SystemBeiDou, 63, Satellite{SystemBeiDou, 63}},
		{SystemBeiDou, 214, Satellite{SystemBeiDou, 14}},
		{SystemBeiDou, 414, Satellite{SystemBeiDou, 14}},
		{SystemBeiDou, 174, Satellite{SystemBeiDou, 14}},
		{SystemBeiDou, 141, Satellite{SystemBeiDou, 1}},
		{SystemBeiDou, 87, Satellite{SystemBeiDou, 37}},
		{SystemUnknown, 214, Satellite{SystemBeiDou, 14}},
		{SystemUnknown, 401, Satellite{SystemBeiDou, 1}},
		{SystemUnknown, 12, Satellite{SystemGPS, 12}},
		{SystemUnknown, 65, Satellite{SystemGLONASS, 1}},
		{SystemUnknown, 33, Satellite{SystemSBAS, 1}},
		{SystemUnknown, 120, Satellite{SystemSBAS, 1}},
		{SystemUnknown, 301, Satellite{SystemGalileo, 1}},
		{SystemUnknown, 103, Satellite{SystemGalileo, 3}},
		{SystemUnknown, 901, Satellite{SystemNavIC, 1}},
		{SystemGPS, 51, Satellite{SystemSBAS, 19}},
		{SystemGPS, 193, Satellite{SystemQZSS, 1}},
		{SystemGLONASS, 24, Satellite{SystemGLONASS, 24}},
		{SystemGLONASS, 88, Satellite{SystemGLONASS, 24}},
		{SystemGalileo, 136, Satellite{SystemGalileo, 36}},
		{SystemQZSS, 195, Satellite{SystemQZSS, 3}},
		{SystemNavIC, 7, Satellite{SystemNavIC, 7}},
	}
	for _, tt := range tests {
		if got, ok := Identify(tt.sys, tt.n); !ok || got != tt.want {
			t.Errorf("Identify(%d, %d) = %v %v, want %v", tt.sys, tt.n, got, ok, tt.want)
		}
	}
	for _, bad := range []struct {
		sys System
		n   int
	}{{SystemBeiDou, 0}, {SystemBeiDou, 100}, {SystemUnknown, 500}, {SystemGLONASS, 40}, {SystemGalileo, 40}, {SystemGPS, -1}} {
		if got, ok := Identify(bad.sys, bad.n); ok {
			t.Errorf("Identify(%d, %d) = %v, want none", bad.sys, bad.n, got)
		}
	}
}

// TestParserAllocates: beyond what go-nmea needs to split a sentence, nothing is allocated.
func TestParserAllocates(t *testing.T) {
	p := NewParser()
	for _, in := range []string{
		rmc, gll, "$GNGGA,000653.00,4404.12994,N,12118.84613,W,1,29,0.69,1109.2,M,,M,,*71", "$GNVTG,286.35,T,,M,0.00,N,0.00,K,A*29",
		"$GNGSA,A,3,21,34,19,12,44,11,35,36,22,,,,1.05,0.69,0.79,4*0D", "$GBGSV,4,1,14,07,01,332,,11,23,316,,12,68,259,,19,17,055,23,5*7F",
		"$GNZDA,055234.000,05,08,2026,00,00*46", "$GNGST,231408.00,32,0.19,0.12,97,0.049,0.078,0.088*43",
		"$GNGNS,053232.438,3114.8789,N,12135.2442,E,ANNA,07,1.2,153.8,8.3,,0000*5F",
	} {
		sentence := []byte(in)
		own := gonmea.SentenceParser{
			ParsePrefix:   splitAddress,
			CustomParsers: map[string]gonmea.ParserFunc{in[3:6]: func(s gonmea.BaseSentence) (gonmea.Sentence, error) { return &p.txt, nil }},
		}
		base := testing.AllocsPerRun(100, func() { _, _ = own.Parse(in) })
		if got := testing.AllocsPerRun(100, func() { _, _ = p.Parse(sentence) }); got > base {
			t.Errorf("%s: %v allocations, go-nmea alone %v", in, got, base)
		}
	}
}

// TestErrorsOutlive: an error may be kept, whatever is parsed after it.
func TestErrorsOutlive(t *testing.T) {
	p := NewParser()
	_, err := p.Parse([]byte(sum("GNRMC,055234.000,A,4799.71890,N,12219.58362,W,0.00,286.35,050826,,,A,V")))
	if err == nil {
		t.Fatal("no error")
	}
	before := strings.Clone(err.Error())
	if _, err := p.Parse([]byte("$GBGSV,4,1,14,07,01,332,,11,23,316,,12,68,259,,19,17,055,23,5*7F")); err != nil {
		t.Fatal(err)
	}
	if err.Error() != before {
		t.Errorf("error became %q, was %q", err, before)
	}
}

func FuzzParser(f *testing.F) {
	for _, s := range []string{rmc, gll, txt, "$GNTXT,01*7C", "$GPDTM,W84,C*52", "$BDGSA,A,3,02,03,04,,,,,,,,,,5.1,1.3,4.9,3.3*2F",
		"$PQGSV,4,2,15,09,16,120,,10,26,049,,16,07,123,,19,34,212,,0,4*62", "$GPGGA,,,,,,0,,,,,,,,*66", `$GPTXT,\*00`,
		"$PUBX,00,023255.00,2218.07038,N,11410.73832,E,-0.845,G3,5.3,6.8,0.932,235.36,0.236,,0.92,1.37,0.98,8,0,0*4B",
		"$PUBX,04,023255.00,170521,95574.99,2158,18,354828,539.429,21*24", ksxtLong, "$PGRME,7.6,M,41.7,M,42.4,M*2F",
		"$PSTI,030,003832.000,A,4404.1271062,N,12118.8438377,W,1127.630,-0.00,-0.01,0.02,290322,O,1.000,1.100*32",
		"$PGRMF,290,293895,160305,093802,13,5213.1439,N,02100.6511,E,A,2,0,226,2,1*11",
		"$PQTMEPE,2,3.393,3.476,12.713,4.857,13.609*5D", "$GPGBS,194907.00,3.0,1.9,4.2,,,,*4E", "$PGRMZ,93,f,3*21",
		"$PASHR,POS,1,10,134035.35,5700.8745400,N,00959.1551112,E,059.318,10.4,077.3,000.459,+000.069,1.7,0.9,1.4,0.9,Hp23*30", pqtmpvt, bestpos, bestnav} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		p := NewParser()
		// The sum is put right, or nearly nothing would get past it.
		body, _, _ := strings.Cut(strings.TrimPrefix(in, "$"), "*")
		whole := sum(body)
		if log, ok := strings.CutPrefix(body, "#"); ok {
			whole = logSum(log)
		}
		s, err := p.Parse([]byte(whole))
		if (s == nil) == (err == nil) {
			t.Fatalf("Parse(%q) = %v, %v", body, s, err)
		}
		if p.Stats().Panics > 0 {
			t.Fatalf("go-nmea panicked on %q", body)
		}
		switch m := s.(type) {
		case *VendorFix:
			if m.Position.Known && !m.Position.Valid() || m.SpeedMps < 0 || m.CourseDeg < 0 || m.CourseDeg >= 360 || m.ErrM < 0 || m.HDOP < 0 {
				t.Fatalf("Parse(%q) = %+v", body, m)
			}
		case *ErrorEstimate:
			if m.ErrM < 0 {
				t.Fatalf("Parse(%q) = %+v", body, m)
			}
		case *RMC:
			checkPosition(t, m.Position)
			checkTime(t, m.Time)
		case *GGA:
			checkPosition(t, m.Position)
			checkTime(t, m.Time)
		case *GSA:
			for _, u := range m.Used {
				if u.Number < 1 || u.Number > 63 {
					t.Fatalf("satellite %v", u)
				}
			}
		}
	})
}

func checkPosition(t *testing.T, p Position) {
	if !p.Known && p.Point != (geo.Point{}) || !p.Valid() {
		t.Fatalf("position %+v", p)
	}
}

func checkTime(t *testing.T, tod TimeOfDay) {
	if tod != NoTime && (tod < 0 || tod > Day) {
		t.Fatalf("time %d", tod)
	}
}
