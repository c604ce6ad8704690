package receiver

import (
	"strings"
	"testing"
)

func TestEar(t *testing.T) {
	tests := []struct {
		name string
		text string
		want int
	}{
		{"nothing", "", 0},
		{"two sentences", epoch(0), 2},
		{"no line ends needed", strings.ReplaceAll(epoch(0), "\r\n", ""), 2},
		{"lower-case digits", "$GPTXT,01,01,01,ANTENNA OJ*3e\r\n", 0},
		{"lower-case digits that fit", "$GPGGA,,,,,,0,,,,,,,,*66\r\n$GNGLL,4739.71890,N,12219.58362,W,055234.200,A,A*5f\r\n", 2},
		{"noise that is text", "$*zz$*00$ab*03$gpgga,1*39$GPGGA*56", 0},
		{"wrong checksum", "$GPGGA,1*00\r\n", 0},
		{"binary in front", "\xb5b\x00$\x01" + epoch(0), 2},
		{"AIS", "!" + sentence("AIVDM,1,1,,A,15M67FC000G?ufbE`FepT@3n00Sa,0")[1:], 1},
		{"line end in the middle", "$GPGGA,\r\n1*00", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var whole, bytewise ear
			if got := whole.listen([]byte(tt.text)); got != tt.want {
				t.Errorf("heard %d sentences in %q, want %d", got, tt.text, tt.want)
			}
			got := 0
			for _, c := range []byte(tt.text) {
				got += bytewise.listen([]byte{c})
			}
			if got != tt.want {
				t.Errorf("heard %d sentences byte by byte, want %d", got, tt.want)
			}
		})
	}
}
