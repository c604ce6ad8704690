package main

import (
	"encoding/json"
	"testing"
)

func TestParse(t *testing.T) {
	tests := []struct {
		name string
		line string
		want string
	}{
		{"own figure with a ratio", "BenchmarkIngest/redis-2   100  1234 ns/op  151000 fixes/s  0.71 x/raw-pipelined-writes",
			`[{"name":"Ingest/redis","value":151000,"unit":"fixes/s","ratio_to":{"yardstick":"raw pipelined writes","ratio":0.71}}]`},
		{"the ratio is of the rate", "BenchmarkStep-2  9  2 B/fence  5 steps/s  3 x/plain",
			`[{"name":"Step","value":2,"unit":"B/fence","ratio_to":null},{"name":"Step","value":5,"unit":"steps/s","ratio_to":{"yardstick":"plain","ratio":3}}]`},
		{"built-in figures only", "BenchmarkDistance-2   1000000  35.2 ns/op  0 B/op  0 allocs/op",
			`[{"name":"Distance","value":35.2,"unit":"ns/op","ratio_to":null},{"name":"Distance","value":0,"unit":"B/op","ratio_to":null},{"name":"Distance","value":0,"unit":"allocs/op","ratio_to":null}]`},
		{"log line", "BenchmarkLog of something else", `null`},
		{"package line", "ok  \tdipper/fleet\t1.2s", `null`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := json.Marshal(parse(tt.line))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tt.want {
				t.Errorf("parse(%q)\n got %s\nwant %s", tt.line, got, tt.want)
			}
		})
	}
}
