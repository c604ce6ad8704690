package receiver

import (
	"strings"
	"testing"
)

func TestParseSource(t *testing.T) {
	tests := []struct {
		spec    string
		baud    int
		pace    bool
		wantErr string // contained; "" none
	}{
		{spec: "auto"},
		{spec: "auto", baud: 115200},
		{spec: "/dev/ttyUSB0"},
		{spec: "/dev/pts/3", baud: 921600},
		{spec: "data/ports/truck-7"},
		{spec: "tcp://10.0.0.7:2947"},
		{spec: "tcp://[::1]:2947"},
		{spec: "gpsd://127.0.0.1:2947"},
		{spec: "gpsd://[::1]:2947"},
		{spec: "gpsd://box:0", wantErr: "bad port"},
		{spec: "gpsd://:2947", wantErr: "no host"},
		{spec: "gpsd://a:b:c", wantErr: "too many colons"},
		{spec: "udp://:10110"},
		{spec: "udp://127.0.0.1:10110"},
		{spec: "file:/tmp/a.nmea"},
		{spec: "file:a.nmea.gz", pace: true},
		{spec: "-"},
		{spec: "", wantErr: "want auto"},
		{spec: "ttyUSB0", wantErr: "want auto"},
		{spec: "http://x", wantErr: "want auto"},
		{spec: "file:", wantErr: "without a path"},
		{spec: "tcp://:2947", wantErr: "no host"},
		{spec: "tcp://box", wantErr: "missing port"},
		{spec: "tcp://box:0", wantErr: "bad port"},
		{spec: "tcp://box:70000", wantErr: "bad port"},
		{spec: "udp://:nmea!", wantErr: "bad port"},
		{spec: "auto", baud: 9601, wantErr: "baud 9601"},
		{spec: "auto", baud: -1, wantErr: "baud -1"},
		{spec: "auto", pace: true, wantErr: "only a file"},
	}
	for _, tt := range tests {
		t.Run(tt.spec, func(t *testing.T) {
			src, err := ParseSource(tt.spec, SourceOptions{Baud: tt.baud, Pace: tt.pace})
			switch {
			case tt.wantErr == "" && err != nil:
				t.Errorf("got %v", err)
			case tt.wantErr == "" && src.String() != tt.spec:
				t.Errorf("is written %q", src)
			case tt.wantErr != "" && (err == nil || !strings.Contains(err.Error(), tt.wantErr)):
				t.Errorf("error %v, want %q", err, tt.wantErr)
			}
		})
	}
}
