package receiver

import "time"

// wire is a serial line on which a module says text at its rate, 8N1: for each byte a start bit (low), eight data bits with
// the lowest first, and a stop bit (high). Before and after the line is high.
type wire struct {
	text  []byte
	rate  float64 // bits a second
	begin float64 // seconds
}

// silent is a wire on which nothing is said.
var silent = wire{rate: 1}

func (w wire) end() float64 { return w.begin + float64(10*len(w.text))/w.rate }

// bit is the number of the bit at t; -1 before, and 10*len(text) after.
func (w wire) bit(t float64) int {
	switch {
	case t < w.begin:
		return -1
	case t >= w.end():
		return 10 * len(w.text)
	}
	return int((t - w.begin) * w.rate)
}

func (w wire) high(bit int) bool {
	if bit < 0 || bit >= 10*len(w.text) {
		return true
	}
	switch n := bit % 10; n {
	case 0:
		return false
	case 9:
		return true
	default:
		return w.text[bit/10]>>(n-1)&1 == 1
	}
}

// at is when a bit begins.
func (w wire) at(bit int) float64 { return w.begin + float64(bit)/w.rate }

// uart is the receiving end of a wire. It starts at a falling edge, samples the middle of each bit at its own rate, and looks
// for a high stop bit. Where that is low the byte is badly framed:
//
//   - if all its bits are low, it is a break, which reads as one zero, since the port is opened without IGNBRK;
//   - else Linux gives the byte as it is, since the port is opened without INPCK (n_tty_receive_parity_error in the kernel's
//     n_tty.c; before 3.12 it dropped the byte, for IGNPAR: drop).
//
// Then it waits until the line is high again, or takes the low stop bit for the next start bit as a 16550 does: resync.
type uart struct {
	drop, resync bool

	rate  float64 // 0: not open
	t     float64 // up to here all is seen
	start float64 // of the byte being received
	busy  bool
}

// until samples w up to t at a rate; what was begun at another is lost.
func (u *uart) until(w wire, t float64, rate int) (got []byte) {
	if u.rate != float64(rate) {
		u.rate, u.busy = float64(rate), false
	}
	for {
		if !u.busy && !u.fall(w, t) {
			return got
		}
		stop := u.start + 9.5/u.rate
		if stop > t {
			return got
		}
		var b byte
		for i := range 8 {
			if w.high(w.bit(u.start + (float64(i)+1.5)/u.rate)) {
				b |= 1 << i
			}
		}
		u.t, u.busy = stop, false
		if w.high(w.bit(stop)) {
			got = append(got, b)
			continue
		}
		if b == 0 || !u.drop {
			got = append(got, b)
		}
		if u.resync {
			u.start, u.busy = u.start+9/u.rate, true
			continue
		}
		for n := w.bit(stop); !w.high(n); n++ {
			u.t = w.at(n + 1)
		}
	}
}

// fall looks for a start bit before t.
func (u *uart) fall(w wire, t float64) bool {
	n := w.bit(u.t)
	if !w.high(n) && u.t < w.at(n)+1e-12 { // the edge itself
		n--
	}
	for w.high(n+1) || !w.high(n) {
		if n++; n >= 10*len(w.text) || w.at(n+1) >= t {
			u.t = max(u.t, min(t, w.at(n)))
			return false
		}
	}
	edge := w.at(n + 1)
	if edge >= t {
		return false
	}
	u.start, u.busy = edge, true
	return true
}

// bursts cuts a recording into what its module said at once: where the time of day goes on, and after whatever a receiver's
// own language says between.
func bursts(text []byte) (list [][]byte) {
	var stamp time.Duration = -1
	begin := 0
	for at := 0; at < len(text); {
		end := at
		for end < len(text) && text[end] != '\n' {
			end++
		}
		end = min(end+1, len(text))
		if s, ok := timeOfDay(text[at:end]); ok && s != stamp {
			if stamp >= 0 && at > begin {
				list = append(list, text[begin:at])
				begin = at
			}
			stamp = s
		}
		at = end
	}
	return append(list, text[begin:])
}
