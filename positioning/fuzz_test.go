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
	f.Add([]byte(lines("PUBX,00,040506.200,3604.0280,N,12022.9575,E,-0.8,G3,2.5,6.8,36,235.3,0.2,,0.9,1.3,0.9,8,0,0", "PUBX,04,040506.200,231126,1,2,18,3,4,21", "PGRME,1,M,1,M,1,M", "GNGBS,040506.200,1,1,1,,,,")), uint8(5))
	f.Add([]byte(lines("KSXT,20211016083433.00,116.31296102,39.95817066,49.4,223.5,-11.3,330.1,0.02,,1,3,28,27", "PSTI,030,083433.000,A,3957.49,N,11618.77,E,49.4,0,9,0,161021,R,1.0,1.1")), uint8(9))
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
