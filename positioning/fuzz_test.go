package positioning

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"
)

// FuzzDecoder: whatever the bytes and however they are cut, nothing panics, every fix is sound, and file and pieces agree.
func FuzzDecoder(f *testing.F) {
	f.Add([]byte(lines(rmcA, ggaA, gsaB, "GNZDA,040506.20,23,11,2026,00,00")), uint8(7))
	f.Add([]byte(cycles["LC79D"].at(0)+cycles["LC79D"].at(1)), uint8(1))
	f.Add([]byte("# note\n\xb5\x62"+line("GPRMC,235959.9999,A,0000.0,S,00000.0,W,,,311299,,,E")), uint8(3))
	f.Fuzz(func(t *testing.T, raw []byte, size uint8) {
		data := sumRight(raw)
		whole, _ := decodeAll(data)
		d := NewDecoder(DecoderConfig{})
		var pieces []Fix
		for rest := data; len(rest) > 0; {
			n := min(int(size)+1, len(rest))
			pieces = append(pieces, d.Write(rest[:n], time.Time{})...)
			rest = rest[n:]
		}
		pieces = append(pieces, d.Flush()...)
		if len(whole) != len(pieces) {
			t.Fatalf("%d fixes of the whole, %d of the pieces", len(whole), len(pieces))
		}
		for i, fix := range whole {
			if !fix.Equal(pieces[i]) {
				t.Fatalf("fix %d differs: %s, %s", i, AppendJSON(nil, fix), AppendJSON(nil, pieces[i]))
			}
			if !fix.Point.Valid() || fix.Time.IsZero() || fix.SpeedMps < 0 || fix.CourseDeg < 0 || fix.CourseDeg >= 360 || fix.HDOP <= 0 || fix.ErrM <= 0 {
				t.Fatalf("unsound: %s", AppendJSON(nil, fix))
			}
			if !json.Valid(AppendJSON(nil, fix)) {
				t.Fatalf("not JSON: %s", AppendJSON(nil, fix))
			}
		}
	})
}

// sumRight puts the checksums of all lines that end in one right; hardly any mutation would get past the Framer otherwise.
// The other lines stay as they are.
func sumRight(raw []byte) []byte {
	var out []byte
	for l := range bytes.Lines(raw) {
		body, _, found := bytes.Cut(l, []byte("*"))
		if start := bytes.LastIndexByte(body, '$'); found && start >= 0 {
			out = append(append(out, body[:start]...), line(string(body[start+1:]))...)
			continue
		}
		out = append(out, l...)
	}
	return out
}
