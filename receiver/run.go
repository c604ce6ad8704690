package receiver

import "math/bits"

// breakLow is the low bits of a byte of zeros with its start bit. The line may have been low for longer.
const breakLow = 9

// run is what is known of the bytes that came without a sentence.
type run struct {
	bytes int
	junk  int               // those that are no text
	lows  [breakLow + 1]int // how many began with so many low bits, the start bit included
	told  int               // sum of lows
	zero  bool              // the last byte was
}

func (r *run) add(c byte) {
	r.bytes++
	if (c < ' ' || c > '~') && c != '\r' && c != '\n' {
		r.junk++
	}
	// Some UARTs take what is left of a low time longer than a byte for the next start bit. That would measure short.
	if c == 0 || !r.zero {
		r.lows[min(1+bits.TrailingZeros8(c), breakLow)]++
		r.told++
	}
	r.zero = c == 0
}

// noisy reports whether it is not all text, but for a damaged byte here and there. Read at half the right rate, text still looks
// like text but for one byte in five.
func (r *run) noisy() bool { return 16*r.junk > r.bytes }

// heard reports whether it is long enough to judge by. Digits and commas that are framed wrong at the right rate all begin with
// two low bits, bits 6 and 7 of the byte before, until a letter comes; on a line that is read too fast there are longer low times
// too, of two bits and more.
func (r *run) heard() bool {
	k := r.shortestLow()
	if k == breakLow {
		return r.told >= 2*enough
	}
	longer := 0
	for _, count := range r.lows[min(2*k, breakLow):] {
		longer += count
	}
	return r.told >= enough && (k == 1 || 4*longer >= r.told)
}

// shortestLow is the least number of bits for which the line was low, at the rate at which it was read; breakLow stands for that
// or more. Of the bytes that are not all zeros one in six must show it: so many do in recordings played over a simulated wire
// (uart_test.go), while fewer do so falsely. Where next to none are not all zeros, those are damaged.
func (r *run) shortestLow() int {
	short := r.told - r.lows[breakLow]
	if short < 2 || 48*short < r.told {
		return breakLow
	}
	n := 0
	for k, count := range r.lows {
		if n += count; n > 0 && 6*n >= short {
			return k
		}
	}
	return breakLow
}
