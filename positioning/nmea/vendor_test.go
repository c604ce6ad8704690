package nmea

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

// same compares numbers to eps, and unknown with unknown.
func same(a, b, eps float64) bool { return math.IsNaN(a) && math.IsNaN(b) || near(a, b, eps) }

// Logs and a sentence from receivers, with their own sums.
const (
	bestpos = `#BESTPOSA,COM1,0,83.5,FINESTEERING,2163,329760.000,02400000,b1f6,65535;SOL_COMPUTED,SINGLE,51.15043874397,-114.03066788586,` +
		`1097.6822,-17.0000,WGS84,1.3648,1.1806,3.1112,"",0.000,0.000,18,18,18,0,00,02,11,01*c3194e35`
	// The text is the maker's example; the sum is ours, since the printed one does not fit it.
	bestnav = `#BESTNAVA,97,GPS,FINE,2294,472312000,0,0,18,16;SOL_COMPUTED,NARROW_FLOAT,40.0789588272,116.2365102982,65.8312,-8.4925,` +
		`WGS84,1.2221,1.1053,2.1970,"0",0.400,0.200,50,28,28,0,1,12,12,41,SOL_COMPUTED,DOPPLER_VELOCITY,0.000,0.000,0.0046,335.592288,0.0045,0.0194,0.0123*3e3517dd`
	pqtmpvt = "$PQTMPVT,1,31075000,20221225,083737.000,0,3,9,18,31.12738291,117.26372910,34.212,5.267,3.212,2.928,0.238,4.346,34.12,2.16,4.38*51"
)

// logSum makes a log of a text, with its CRC-32.
func logSum(text string) string { return fmt.Sprintf("#%s*%08x", text, longSum(text)) }

func TestVendorFix(t *testing.T) {
	none := math.NaN()
	tests := []struct {
		name, in                        string
		time                            TimeOfDay
		date                            Date
		valid                           bool
		mode                            byte
		lat, lon                        float64 // NaN: no position
		sats                            int
		hdop, alt, speed, course, sigma float64
	}{
		{"PUBX 3D", "$PUBX,00,023255.00,2218.07038,N,11410.73832,E,-0.845,G3,5.3,6.8,0.932,235.36,0.236,,0.92,1.37,0.98,8,0,0*4B",
			at(2, 32, 55, 0), Date{}, true, 'A', 22.30117300, 114.17897200, 8, 0.92, none, 0.2589, 235.36, 5.3},
		{"PUBX differential", sum("PUBX,00,023255.00,2218.07038,S,11410.73832,W,-0.845,D2,1.3,6.8,3.6,,0.236,,,,,8,0,0"),
			at(2, 32, 55, 0), Date{}, true, 'D', -22.30117300, -114.17897200, 8, none, none, 1, none, 1.3},
		{"PUBX dead reckoning", sum("PUBX,00,023255.00,2218.07038,N,11410.73832,E,-0.845,DR,50,6.8,36,10,0.2,,99.99,99.99,99.99,0,0,1"),
			at(2, 32, 55, 0), Date{}, true, 'E', 22.30117300, 114.17897200, 0, 99.99, none, 10, 10, 50},
		{"PUBX without fix", sum("PUBX,00,023255.00,0000.00000,N,00000.00000,E,0.000,NF,5303302,3750001,0.000,0.00,0.000,,99.99,99.99,99.99,0,0,0"),
			at(2, 32, 55, 0), Date{}, false, 'N', 0, 0, 0, 99.99, none, 0, 0, 5303302},
		{"PUBX time only", sum("PUBX,00,023255.00,,,,,,TT,,,,,,,,,,,,"),
			at(2, 32, 55, 0), Date{}, false, 'N', none, none, -1, none, none, none, none, none},
		{"PSTI float or none of the known", "$PSTI,030,003832.000,A,4404.1271062,N,12118.8438377,W,1127.630,-0.00,-0.01,0.02,290322,O,1.000,1.100*32",
			at(0, 38, 32, 0), Date{2022, 3, 29}, true, 'O', 44.06878510, -121.31406396, -1, none, 1127.63, 0.01, none, none},
		{"PSTI fixed, moving south-west", sum("PSTI,030,003832.000,A,4404.1271062,N,12118.8438377,W,1127.630,-3.00,-3.00,0.02,290322,R,1.000,4.1"),
			at(0, 38, 32, 0), Date{2022, 3, 29}, true, 'R', 44.06878510, -121.31406396, -1, none, 1127.63, 4.24264, 225, none},
		{"PSTI without fix", sum("PSTI,030,231420.000,A,0000.0000000,N,00000.0000000,E,0.000,0.00,0.00,0.00,280316,N,0.0,0.0"),
			at(23, 14, 20, 0), Date{2016, 3, 28}, false, 'N', 0, 0, -1, none, 0, 0, none, none},
		{"PGRMF", "$PGRMF,290,293895,160305,093802,13,5213.1439,N,02100.6511,E,A,2,0,226,2,1*11",
			at(9, 38, 2, 0), Date{2005, 3, 16}, true, 'A', 52.219065, 21.01085167, -1, none, none, 0, 226, none},
		{"PGRMF without fix", sum("PGRMF,290,293895,160305,093802,13,,,,,A,0,,,,"),
			at(9, 38, 2, 0), Date{2005, 3, 16}, false, 'N', none, none, -1, none, none, none, none, none},
		{"KSXT single", "$KSXT,20211016083433.00,116.31296102,39.95817066,49.4911,223.57,-11.32,330.19,0.024,,1,3,28,27,,,,-0.012,0.021,0.020,,*2D",
			at(8, 34, 33, 0), Date{2021, 10, 16}, true, 'A', 39.95817066, 116.31296102, 27, none, none, none, none, none},
		{"KSXT fixed, CRC-32", ksxtLong,
			at(7, 57, 20, 0), Date{2020, 12, 22}, true, 'R', 32.07387900, 119.17084152, 25, none, none, none, none, none},
		{"KSXT float, west", sum("KSXT,20261009001935.90,-87.18038977,32.59045030,57.6625,20.54,-1.00,140.70,0.006,0.00,2,3,27,31"),
			at(0, 19, 35, 900), Date{2026, 10, 9}, true, 'F', 32.59045030, -87.18038977, 31, none, none, none, none, none},
		{"PQTMPVT", pqtmpvt,
			at(8, 37, 37, 0), Date{2022, 12, 25}, true, 'A', 31.12738291, 117.26372910, 9, 2.16, 34.212, 4.346, 34.12, none},
		{"PQTMPVT standing", "$PQTMPVT,1,459596000,20230505,073938.000,1,3,31,18,31.82176510,117.11534360,99.357,-0.337,-0.004,0.000,-0.003,0.004,96.91,0.51,0.93*74",
			at(7, 39, 38, 0), Date{2023, 5, 5}, true, 'A', 31.82176510, 117.11534360, 31, 0.51, 99.357, 0.004, none, none},
		{"PQTMPVT without fix", sum("PQTMPVT,1,1000,20230505,073938.000,,0,00,18,,,,,,,,,,,"),
			at(7, 39, 38, 0), Date{2023, 5, 5}, false, 'N', none, none, 0, none, none, none, none, none},
		{"PASHR differential", "$PASHR,POS,1,10,134035.35,5700.8745400,N,00959.1551112,E,059.318,10.4,077.3,000.459,+000.069,1.7,0.9,1.4,0.9,Hp23*30",
			at(13, 40, 35, 350), Date{}, true, 'D', 57.01457567, 9.98591852, 10, 0.9, none, 0.23613, 77.3, none},
		{"PASHR without fix", sum("PASHR,POS,,00,134035.35,,,,,,,,,,,,,,Hp23"),
			at(13, 40, 35, 350), Date{}, false, 'N', none, none, 0, none, none, none, none, none},
		{"BESTPOS by NovAtel", bestpos,
			at(19, 35, 42, 0), Date{2021, 6, 23}, true, 'A', 51.15043874, -114.03066789, 18, none, 1097.6822, none, none, 1.80458},
		{"BESTNAV by Unicore", bestnav,
			at(11, 11, 34, 0), Date{2023, 12, 29}, true, 'F', 40.07895883, 116.23651030, 28, none, 65.8312, 0.0046, none, 1.64780},
		{"BESTNAV moving, BeiDou time", logSum("BESTNAVA,97,BDS,FINE,938,472298000,0,0,18,16;SOL_COMPUTED,NARROW_INT,40.5,116.2,65.8,-8.4,WGS84,0.3,0.4,2.1,\"0\",0.4,0.2,50,28,28,0,1,12,12,41,SOL_COMPUTED,DOPPLER_VELOCITY,0,0,12.5,335.5,0.1,0.1,0.1"),
			at(11, 11, 34, 0), Date{2023, 12, 29}, true, 'R', 40.5, 116.2, 28, none, 65.8, 12.5, 335.5, 0.5},
		{"BESTPOS without fix", logSum("BESTPOSA,COM2,0,0.0,FINE,2349,479940.000,,,;INSUFFICIENT_OBS,NONE,0.00000000,0.00000000,0.000,17.230,WGS84,0.0000,0.0000,0.0000,\"\",0.0,0.0,31,0,,,,,,"),
			at(13, 18, 42, 0), Date{2025, 1, 17}, false, 'N', 0, 0, 0, none, 0, none, none, none},
		{"BESTPOS without time", logSum("BESTPOSA,COM2,0,0.0,UNKNOWN,0,0.000,,,;INSUFFICIENT_OBS,NONE,,,,"),
			NoTime, Date{}, false, 'N', none, none, -1, none, none, none, none, none},
		{"KSXT without fix", sum("KSXT,,,,,,,,,,0,0,0,0,,,,,,,,"),
			NoTime, Date{}, false, 'N', none, none, 0, none, none, none, none, none},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := parse[*VendorFix](t, tt.in)
			if m.Time != tt.time || m.Date != tt.date || m.Valid != tt.valid || m.Mode != tt.mode || m.Satellites != tt.sats {
				t.Errorf("time %v, date %v, valid %v, mode %c, satellites %d", m.Time, m.Date, m.Valid, m.Mode, m.Satellites)
			}
			lat, lon := m.Position.Lat, m.Position.Lon
			if !m.Position.Known {
				lat, lon = none, none
			}
			if !same(lat, tt.lat, 1e-8) || !same(lon, tt.lon, 1e-8) {
				t.Errorf("position %v, %v, want %v, %v", lat, lon, tt.lat, tt.lon)
			}
			if !same(m.HDOP, tt.hdop, 0) || !same(m.AltitudeM, tt.alt, 0) || !same(m.SpeedMps, tt.speed, 1e-4) ||
				!same(m.CourseDeg, tt.course, 1e-9) || !same(m.ErrM, tt.sigma, 1e-5) {
				t.Errorf("HDOP %v, altitude %v, speed %v, course %v, error %v", m.HDOP, m.AltitudeM, m.SpeedMps, m.CourseDeg, m.ErrM)
			}
		})
	}
}

func TestVendorFixMalformed(t *testing.T) {
	for _, in := range []string{
		sum("KSXT,202110160834x,116.3,39.9"),
		sum("KSXT,20211016,116.3,39.9"),
		sum("KSXT,20211016083433.00,196.31296102,39.95817066"),
		sum("KSXT,20211016083433.00,116.31296102,99.95817066"),
		sum("KSXT,20211016083433.00,nan,39.95817066"),
		sum("PUBX,00,253255.00,2218.07038,N,11410.73832,E"),
		sum("PUBX,00,023255.00,2260.07038,N,11410.73832,E"),
		sum("PSTI,030,003832.000,A,4404.1271062,X,12118.8438377,W"),
		"$KSXT,20211016083433.00,116.3,39.9*00000000",
		sum("PQTMPVT,1,1000,20230505,253938.000,,3,9,18,31.1,117.2"),
		bestpos[:len(bestpos)-1] + "6",
		logSum("BESTPOSA,COM1,0,83.5,FINESTEERING,2163,329760.000"),
		logSum("BESTPOSA,COM1,0,83.5,FINESTEERING,2163,-1;SOL_COMPUTED,SINGLE,51.1,-114.0"),
		logSum("BESTPOSA,COM1,0,83.5,FINESTEERING,9999,1;SOL_COMPUTED,SINGLE,51.1,-114.0"),
		logSum("BESTPOSA,COM1,0,83.5,FINESTEERING,2163,1;SOL_COMPUTED,SINGLE,91.1,-114.0"),
		logSum("BESTPOSA,;"),
	} {
		var syntax *SyntaxError
		if s, err := NewParser().Parse([]byte(in)); s != nil || !errors.As(err, &syntax) {
			t.Errorf("Parse(%q) = %v, %v; want a SyntaxError", in, s, err)
		}
	}
}

func TestAltitude(t *testing.T) {
	for in, want := range map[string]Altitude{
		"$PGRMZ,93,f,3*21":       {AltitudeM: 28.3464, Dimensions: 3},
		sum("PGRMZ,-10,f,2"):     {AltitudeM: -3.048, Dimensions: 2},
		sum("PGRMZ,,f,1"):        {AltitudeM: math.NaN()},
		sum("PGRMZ,12,fathom,3"): {AltitudeM: math.NaN(), Dimensions: 3},
	} {
		if m := parse[*Altitude](t, in); !same(m.AltitudeM, want.AltitudeM, 1e-9) || m.Dimensions != want.Dimensions {
			t.Errorf("%s: %v m, %d dimensions", in, m.AltitudeM, m.Dimensions)
		}
	}
}

// TestManyZeros: a number with more decimals than a float64 has digits is read, not a reason to panic.
func TestManyZeros(t *testing.T) {
	p := NewParser()
	in := sum("KSXT,20211016083433.00,0." + strings.Repeat("0", 60) + "1,39.95817066")
	if s, err := p.Parse([]byte(in)); err != nil || s.(*VendorFix).Position.Lon != 0 || p.Stats().Panics != 0 {
		t.Errorf("Parse(%q) = %v, %v, %+v", in, s, err, p.Stats())
	}
	if v, ok := parseDecimal("-0." + strings.Repeat("0", 18) + "123"); !ok || !near(v, -1e-19, 1e-25) {
		t.Errorf("parseDecimal = %v, %v", v, ok)
	}
}

func TestPUBXTime(t *testing.T) {
	m := parse[*ZDA](t, "$PUBX,04,023255.00,170521,95574.99,2158,18,354828,539.429,21*24")
	if m.Time != at(2, 32, 55, 0) || m.Date != (Date{2021, time.May, 17}) {
		t.Errorf("time %v, date %v", m.Time, m.Date)
	}
}

func TestErrorEstimate(t *testing.T) {
	tests := []struct {
		in   string
		time TimeOfDay
		want float64
	}{
		{"$GPGBS,194907.00,3.0,1.9,4.2,,,,*4E", at(19, 49, 7, 0), 3.5511},
		{sum("GNGBS,194907.00,,,,,,,"), at(19, 49, 7, 0), math.NaN()},
		{"$PGRME,7.6,M,41.7,M,42.4,M*2F", NoTime, 7.6 * 1.20112},
		{sum("PGRME,7.6,f,41.7,M,42.4,M"), NoTime, math.NaN()},
		{sum("PGRME,,,,,,"), NoTime, math.NaN()},
		{"$PQTMEPE,2,3.393,3.476,12.713,4.857,13.609*5D", NoTime, 4.857},
		{sum("PQTMEPE,2,,,,,"), NoTime, math.NaN()},
		{sum("PQTMEPE,2,1,1,1,-4,2"), NoTime, math.NaN()},
	}
	for _, tt := range tests {
		m := parse[*ErrorEstimate](t, tt.in)
		if m.Time != tt.time || !same(m.ErrM, tt.want, 1e-3) {
			t.Errorf("%s: time %v, error %v, want %v", tt.in, m.Time, m.ErrM, tt.want)
		}
	}
}
