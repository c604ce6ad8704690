package receiver

import (
	"fmt"
	"strings"
	"testing"
)

// The framing and the commands, held against examples that the makers' documents and open drivers print.
func TestCommandsAsDocumented(t *testing.T) {
	tests := []struct {
		source string
		got    []byte
		want   string
	}{
		{"CASIC V4.2.0.3, PCAS04", nmeaCommand("PCAS04,3"), "$PCAS04,3*1A\r\n"},
		{"CASIC, PCAS02 at 1 Hz", nmeaCommand("PCAS02,1000"), "$PCAS02,1000*2E\r\n"},
		{"CASIC, PCAS02 at 10 Hz", nmeaCommand("PCAS02,100"), "$PCAS02,100*1E\r\n"},
		{"CASIC, PCAS03 with all", nmeaCommand("PCAS03,1,1,1,1,1,1,1,1"), "$PCAS03,1,1,1,1,1,1,1,1*02\r\n"},
		{"CASIC, PCAS06", question[dialectCASIC], "$PCAS06,0*1B\r\n"},
		{"Quectel LC76G, PAIR062", nmeaCommand("PAIR062,0,1"), "$PAIR062,0,1*3F\r\n"},
		{"Quectel LC86G, GSV on", nmeaCommand("PAIR062,3,1"), "$PAIR062,3,1*3C\r\n"},
		{"Quectel LC29H, PAIR050", nmeaCommand("PAIR050,1000"), "$PAIR050,1000*12\r\n"},
		{"Quectel, PAIR066 with GPS and BDS", nmeaCommand("PAIR066,1,0,0,1,0,0"), "$PAIR066,1,0,0,1,0,0*3A\r\n"},
		{"Quectel, PQTMVERNO", question[dialectPAIR], "$PQTMVERNO*58\r\n"},
		{"Quectel L76, PMTK353 with GPS and BDS", nmeaCommand("PMTK353,1,0,0,0,1"), "$PMTK353,1,0,0,0,1*2B\r\n"},
		{"MTK, PMTK220", nmeaCommand("PMTK220,1000"), "$PMTK220,1000*1F\r\n"},
		{"MTK, PMTK314 with RMC and GGA", nmeaCommand("PMTK314,0,1,0,1" + strings.Repeat(",0", 15)), "$PMTK314,0,1,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0*28\r\n"},
		{"u-blox, NMEA off on UART1", valset(setting{keyUART1Nmea, 0}), "\xb5\x62\x06\x8a\x09\x00\x00\x01\x00\x00\x02\x00\x74\x10\x00\x20\xb7"},
		{"u-blox, dynamic model 6", valset(setting{0x20110021, 6}), "\xb5\x62\x06\x8a\x09\x00\x00\x01\x00\x00\x21\x00\x11\x20\x06\xf2\x4f"},
		{"u-blox, RMC and VTG on I2C", valset(setting{0x209100ab, 1}, setting{0x209100b5, 1}),
			"\xb5\x62\x06\x8a\x0e\x00\x00\x01\x00\x00\xab\x00\x91\x20\x01\xb5\x00\x91\x20\x01\x63\x1c"},
	}
	for _, tt := range tests {
		if string(tt.got) != tt.want {
			t.Errorf("%s: %q, want %q", tt.source, tt.got, tt.want)
		}
	}
}

func TestCommandsOfEachDialect(t *testing.T) {
	tests := []struct {
		dialect dialect
		rate    int
		want    string // lines, checksums left out
	}{
		{dialectCASIC, 1, "$PCAS04,3 $PCAS03,1,0,1,1,1,0,0,1 $PCAS02,1000"},
		{dialectCASIC, 10, "$PCAS04,3 $PCAS03,1,0,1,9,1,0,0,1 $PCAS02,100"},
		{dialectUnicore, 5, "UNMASK GPS/UNMASK BDS/GPGSV 1/GPGSA 0.2/GNGGA 0.2/GNRMC 0.2"},
		{dialectPAIR, 10, "$PAIR066,1,1,1,1,0,0 $PAIR062,0,1 $PAIR062,4,1 $PAIR062,2,1 $PAIR062,3,10 $PAIR050,100"},
		{dialectPMTK, 2, "$PMTK353,1,0,0,0,1 $PMTK314,0,1,0,1,1,2,0,0,0,0,0,0,0,0,0,0,0,0,0 $PMTK220,500"},
	}
	for _, tt := range tests {
		separator := " "
		if strings.Contains(tt.want, "/") {
			separator = "/"
		}
		var got []string
		for _, c := range tt.dialect.commands(tt.rate) {
			text, _, _ := strings.Cut(strings.TrimSuffix(string(c), "\r\n"), "*")
			got = append(got, text)
		}
		if strings.Join(got, separator) != tt.want {
			t.Errorf("%v at %d Hz: %q, want %q", tt.dialect, tt.rate, got, tt.want)
		}
	}
	if last := dialectUBX.commands(5); !strings.Contains(string(last[3]), "\x01\x00\x21\x30\xc8\x00") {
		t.Errorf("u-blox at 5 Hz: %x, want an interval of 200 ms", last[3])
	}
}

func TestCheckSetup(t *testing.T) {
	for _, tt := range []struct {
		maker string
		rate  int
		want  string
	}{{"", 0, ""}, {"casic", 0, ""}, {"auto", 10, ""}, {"", 5, "only a module"}, {"garmin", 1, "garmin"}, {"ublox", 3, "rate 3"}} {
		if got := fmt.Sprint(CheckSetup(tt.maker, tt.rate)); tt.want == "" && got != "<nil>" || !strings.Contains(got, tt.want) {
			t.Errorf("%q at %d: %s, want %q", tt.maker, tt.rate, got, tt.want)
		}
	}
}
