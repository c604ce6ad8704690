package receiver

import (
	"testing"
	"time"
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
