package receiver

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"dipper/positioning/track"
)

func FuzzEar(f *testing.F) {
	f.Add([]byte(epoch(0)), uint8(7))
	f.Add([]byte("$*00!*00$A*41"), uint8(1))
	f.Fuzz(func(t *testing.T, text []byte, at uint8) {
		var whole, cut ear
		n := min(int(at), len(text))
		want := whole.listen(text)
		if got := cut.listen(text[:n]) + cut.listen(text[n:]); got != want {
			t.Errorf("cut at %d it hears %d sentences in %q, in one piece %d", n, got, text, want)
		}
		if most := len(text) / len("$*00"); want > most {
			t.Errorf("%d sentences in %d bytes", want, len(text))
		}
	})
}

func FuzzTimeOfDay(f *testing.F) {
	f.Add([]byte(epoch(0)))
	f.Add([]byte("$GNZDA,235960.999999999999,23,11,2026,,"))
	f.Add([]byte("$GPRMC,"))
	f.Fuzz(func(t *testing.T, line []byte) {
		if at, ok := timeOfDay(line); at < 0 || at > day+time.Second || !ok && at != 0 {
			t.Errorf("%q gives %v, %v", line, at, ok)
		}
	})
}

// emptySpool has no fixes.
type emptySpool struct{}

func (emptySpool) Series() track.Series                     { return 1 }
func (emptySpool) Newest() track.Seq                        { return 0 }
func (emptySpool) Unacked() track.Ranges                    { return nil }
func (emptySpool) Peek(track.Seq, int) (track.Batch, error) { return track.Batch{}, nil }

// Whatever stands in the files that the centre's words are kept in, with the right checksum or none, the agent starts.
func FuzzSteeringFiles(f *testing.F) {
	f.Add([]byte(`{"revision":4,"in_force":{"interval_s":2}}`), []byte(`{"version":7,"fences":["AQR5YXJk"]}`), []byte(`{"series":1,"seq":9,"state":"AQA="}`), true)
	f.Add([]byte(`{"revision":4,"in_force":{"volume":11}}`), []byte(`{"version":7,"fences":[""]}`), []byte(`{"untold":[{}]}`), true)
	f.Add([]byte("crc32c 00000000\n"), []byte(nil), []byte("null"), false)
	f.Fuzz(func(t *testing.T, settings, fences, visits []byte, right bool) {
		dir := t.TempDir()
		for name, body := range map[string][]byte{settingsFile: settings, fencesFile: fences, visitsFile: visits} {
			if right {
				body = append(fmt.Appendf(nil, checksumLine, checksum(body)), body...)
			}
			if err := os.WriteFile(filepath.Join(dir, name), body, safeFileMode); err != nil {
				t.Fatal(err)
			}
		}
		var k Counters
		v := newVisits(testUnit, &k, time.Now)
		s := newSteering(&Config{Spool: dir, Log: slog.New(slog.DiscardHandler)}, &k, v)
		if err := s.resume(emptySpool{}); err != nil {
			t.Fatal(err)
		}
		s.save()
		if k.SaveFailures.Load() > 0 {
			t.Error("what was read cannot be saved")
		}
	})
}

// Whatever comes, in whatever pieces, the tuner stays at one of its rates, and says that it is sure only after a sentence.
func FuzzTuner(f *testing.F) {
	f.Add([]byte(epoch(0)), uint8(7), uint16(30))
	f.Add(noise(500, 1), uint8(33), uint16(5))
	f.Add(make([]byte, 300), uint8(64), uint16(110))
	f.Fuzz(func(t *testing.T, text []byte, piece uint8, pause uint16) {
		u, now := newTuner(0, time.Unix(1e9, 0)), time.Unix(1e9, 0)
		var e ear
		sentences := e.listen(text)
		for len(text) > 0 {
			n := min(len(text), int(piece)+1)
			u.hear(text[:n], now)
			now = now.Add(time.Duration(pause) * time.Millisecond)
			u.hear(nil, now)
			if !slices.Contains(autoBauds, u.rate) || u.sure && sentences == 0 {
				t.Fatalf("at %d, sure %v", u.rate, u.sure)
			}
			text = text[n:]
		}
	})
}
