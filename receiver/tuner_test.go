package receiver

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// bench plays a module to a tuner through a uart, in a time of its own.
type bench struct {
	*tuner
	uart  uart
	now   float64 // seconds
	tick  float64 // how often the driver hands on what came
	quiet float64 // since when nothing came
}

// Drivers hand on bytes at once, as UARTs of the board do, or with the latency of a USB converter.
const atOnce, usbLatency = 0.001, 0.016

func newBench(good int, tick float64, u uart) *bench {
	return &bench{tuner: newTuner(good, benchTime(0)), tick: tick, uart: u}
}

func benchTime(seconds float64) time.Time {
	return time.Unix(1e9, 0).Add(time.Duration(seconds * float64(time.Second)))
}

// play lets time run until to, or done, with w on the line.
func (b *bench) play(w wire, to float64, done func() bool) {
	for b.now < to && !done() {
		b.now += b.tick
		got := b.uart.until(w, b.now, b.rate)
		if len(got) == 0 && b.now-b.quiet < patience.Seconds() {
			continue
		}
		b.quiet = b.now
		b.hear(got, benchTime(b.now))
	}
}

// say plays one burst a second at rate, the first from begin on, until done, but no more than n. It returns how many were played,
// and the seconds since begin or now, whichever was later.
func (b *bench) say(list [][]byte, rate int, begin float64, n int, done func() bool) (played int, took float64) {
	from := max(begin, b.now)
	for played < n && !done() {
		w := wire{text: list[played%len(list)], rate: float64(rate), begin: begin}
		begin = max(w.end(), w.begin+1)
		b.play(w, begin, done)
		played++
	}
	return played, b.now - from
}

func (b *bench) at(rate int) func() bool { return func() bool { return b.sure && b.rate == rate } }

func never() bool { return false }

// lines is every way in which a line is read.
func lines(try func(name string, tick float64, u uart)) {
	for _, tick := range []float64{atOnce, usbLatency} {
		for _, u := range []uart{{}, {drop: true}, {resync: true}} {
			try(fmt.Sprintf("tick %v, drop %v, resync %v", tick, u.drop, u.resync), tick, u)
		}
	}
}

// A module that speaks once a second is found within five seconds, whatever its rate, whichever part of the second the port is
// opened in, be it pure NMEA or mixed with a binary language.
func TestTunerFindsEveryRate(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"hangzhou-bds-gps-drive", "quectel-l76k-dual", "ublox-zed-f9p-nmea", "haicom-305n"} {
		list := bursts(recording(t, name+".nmea"))
		for _, rate := range slices.Sorted(slices.Values(autoBauds)) {
			var longest, sum float64
			most, n := 0, 0
			lines(func(line string, tick float64, u uart) {
				for _, phase := range []float64{0, .02, .1, .3, .6, .9} {
					for skip := 1; skip < 8; skip += 3 {
						b := newBench(0, tick, u)
						played, took := b.say(list[skip:], rate, -phase, 20, b.at(rate))
						if took > 5 {
							t.Errorf("%s at %d, %s, opened %v s into burst %d: took %.2f s", name, rate, line, phase, skip, took)
						}
						longest, most, sum, n = max(longest, took), max(most, played), sum+took, n+1
					}
				}
			})
			t.Logf("%s at %d: found after %.2f s on average, %.2f s and %d bursts at most", name, rate, sum/float64(n), longest, most)
		}
	}
}

// When the module's rate changes, sentences are back within two seconds where both rates are usual ones, and within a few more
// where a burst leaves only a handful of bytes at the old rate.
func TestTunerFollows(t *testing.T) {
	t.Parallel()
	list := bursts(recording(t, "hangzhou-bds-gps-drive.nmea"))
	usual := []int{9600, 19200, 38400, 57600, 115200}
	for _, from := range autoBauds {
		for _, to := range autoBauds {
			if from == to {
				continue
			}
			limit := 5.0
			if slices.Contains(usual, from) && slices.Contains(usual, to) {
				limit = 2
			}
			lines(func(line string, tick float64, u uart) {
				if u.drop {
					return // every byte may then be badly framed, so that the line falls silent
				}
				b := newBench(from, tick, u)
				b.say(list, from, 0, 3, never)
				if !b.at(from)() {
					t.Fatalf("not at %d, but at %d", from, b.rate)
				}
				if _, took := b.say(list[3:], to, b.now, 20, b.at(to)); took > limit {
					t.Errorf("%d to %d, %s: took %.2f s, want at most %v", from, to, line, took, limit)
				}
			})
		}
	}
}

// noise is what interference leaves: bytes of all values.
func noise(n int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(1, seed))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// What may come at the right rate without casting doubt on it.
func TestTunerStays(t *testing.T) {
	t.Parallel()
	list := bursts(recording(t, "hangzhou-bds-gps-drive.nmea"))[:6]
	insert := func(at func(len int) int, n int) (got [][]byte) {
		for i, b := range list {
			got = append(got, slices.Insert(slices.Clone(b), at(len(b)), noise(n, uint64(i))...))
		}
		return got
	}
	begin, middle, end := func(int) int { return 0 }, func(n int) int { return n / 2 }, func(n int) int { return n }
	alternate := func(text []byte) (got [][]byte) {
		for _, b := range list {
			got = append(got, b, text)
		}
		return got
	}
	tests := []struct {
		name string
		list [][]byte
	}{
		{"noise before every burst", insert(begin, 200)},
		{"noise in every burst", insert(middle, 400)},
		{"noise after every burst", insert(end, 400)},
		{"a spike in the silence", alternate(noise(doubtNoise-1, 1))},
		{"text without checksums in the silence", alternate([]byte(strings.Repeat("$GPTXT,01,01,02,hello\r\n", 20)))},
		{"damaged sentences in every other burst", alternate(bytes.ReplaceAll(list[0], []byte("*"), []byte("*\x00")))},
	}
	for _, tt := range tests {
		for _, rate := range []int{9600, 115200} {
			b := newBench(rate, atOnce, uart{})
			b.say(list, rate, 0, 1, never)
			b.say(tt.list, rate, b.now, len(tt.list), func() bool { return !b.sure })
			if !b.at(rate)() {
				t.Errorf("%s made it leave %d", tt.name, rate)
			}
		}
	}
}

// A module that sends a second of binary between two seconds of NMEA is doubted once; when the doubt has proved wrong, not again.
func TestTunerLearnsPatience(t *testing.T) {
	t.Parallel()
	binary := slices.Concat(noise(300, 1), noise(300, 2))
	nmea := bursts(recording(t, "hangzhou-bds-gps-drive.nmea"))
	for _, rate := range []int{9600, 115200} {
		b := newBench(rate, atOnce, uart{})
		doubts := 0
		for i := range 40 {
			text := binary
			if i%2 == 0 {
				text = nmea[i%len(nmea)]
			}
			b.say([][]byte{text}, rate, b.now, 1, func() bool { return b.doubted > 0 })
			if b.doubted > 0 {
				doubts++
				b.say(nmea, rate, b.now, 5, b.at(rate))
			}
			if !b.sure {
				t.Fatalf("lost at %d, second %d", rate, i)
			}
		}
		if doubts > 1 {
			t.Errorf("at %d: doubted %d times, want once", rate, doubts)
		}
		// What was learned is forgotten when a minute has passed without: the line follows as fast as any other.
		b.say(nmea, rate, b.now, calmAgain+2, never)
		if _, took := b.say(nmea, 38400, b.now, 20, b.at(38400)); took > 2 {
			t.Errorf("from %d after a calm minute: took %.2f s", rate, took)
		}
	}
}

// Long after the search has begun, be it in silence or in noise, a module that begins to talk is still found in seconds.
func TestTunerIsNotWornOut(t *testing.T) {
	t.Parallel()
	list := bursts(recording(t, "hangzhou-bds-gps-drive.nmea"))
	garbage := [][]byte{noise(300, 1), noise(20, 2), noise(1000, 3)}
	for _, rate := range []int{9600, 38400, 115200, 921600} {
		for _, seconds := range []float64{7, 33, 100.3} {
			b := newBench(0, atOnce, uart{})
			b.play(silent, seconds, never)
			if b.rounds > 0 {
				t.Errorf("silence was counted as %d rounds", b.rounds)
			}
			if _, took := b.say(list, rate, b.now, 20, b.at(rate)); took > 5 {
				t.Errorf("%d after %v s of silence: took %.2f s", rate, seconds, took)
			}
			b = newBench(0, atOnce, uart{})
			b.say(garbage, rate, 0, int(seconds), never)
			if _, took := b.say(list, rate, b.now, 60, b.at(rate)); took > 40 {
				t.Errorf("%d after %v s of garbage: took %.2f s", rate, seconds, took)
			}
		}
	}
}

// A module that speaks once in ten seconds is found too.
func TestTunerWaitsForTheSlow(t *testing.T) {
	t.Parallel()
	list := bursts(recording(t, "hangzhou-bds-gps-drive.nmea"))
	for _, rate := range []int{4800, 9600, 38400, 115200} {
		b := newBench(0, atOnce, uart{})
		n := 0
		for ; n < 10 && !b.sure; n++ {
			b.play(wire{text: list[n], rate: float64(rate), begin: b.now}, b.now+10, never)
		}
		if !b.at(rate)() || n > 4 {
			t.Errorf("%d: after %d bursts it is at %d, sure %v", rate, n, b.rate, b.sure)
		}
	}
}

// A line that brings one byte now and then, as some networks of serial converters do, is not left between two of them.
func TestTunerSlowDelivery(t *testing.T) {
	t.Parallel()
	b := newBench(9600, atOnce, uart{})
	for _, c := range []byte(epoch(0)) {
		b.hear([]byte{c}, benchTime(b.now))
		b.now += 0.15
		b.hear(nil, benchTime(b.now))
		if b.rate != 9600 {
			t.Fatalf("left after %.1f s for %d", b.now, b.rate)
		}
	}
	if !b.sure {
		t.Error("two sentences, and not sure")
	}
}

func TestUART(t *testing.T) {
	text := epoch(0)
	w := wire{text: []byte(text), rate: 9600, begin: 0.5}
	var u uart
	var got []byte
	for now := 0.0; now < w.end()+0.1; now += 0.0007 {
		got = append(got, u.until(w, now, 9600)...)
	}
	if string(got) != text {
		t.Errorf("at the right rate it reads %q, want %q", got, text)
	}
	tests := []struct {
		name string
		rate int
		u    uart
		want string
	}{
		// U is 0x55: start 0, data 1 0 1 0 1 0 1 0, stop 1, a square wave.
		{"twice too fast", 19200, uart{}, "\x66\x66\x66\xfe"}, // 0 0 1 1 0 0 1 1 0 0: the stop bit is low, but for the last
		{"and badly framed bytes are dropped", 19200, uart{drop: true}, "\xfe"},
		{"twelve times too fast is all breaks", 115200, uart{}, strings.Repeat("\x00", 10)},
		{"half as fast", 4800, uart{}, "\xff"},
	}
	for _, tt := range tests {
		got := tt.u.until(wire{text: []byte("UU"), rate: 9600, begin: 0}, 1, tt.rate)
		if string(got) != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
