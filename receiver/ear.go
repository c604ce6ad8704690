package receiver

// ear recognises sentences with a right checksum in any stream of bytes, and only counts them: $ or !, an address of five capitals
// or digits at least, more text, then * and the exclusive or of all bytes between in two hexadecimal digits. The noise of a wrong
// baud rate is text by chance here and there; without the address a "$*" and two letters would do.
type ear struct {
	state  earState
	length int  // of the text so far
	sum    byte // so far
	want   byte // first digit
}

// addressLen is how many characters of a sentence are its address, or more.
const addressLen = 5

type earState uint8

const (
	earOutside earState = iota
	earText
	earFirstDigit
	earSecondDigit
)

// listen returns how many sentences ended within b.
func (e *ear) listen(b []byte) (sentences int) {
	for _, c := range b {
		if e.hear(c) {
			sentences++
		}
	}
	return sentences
}

// hear reports whether a sentence ends with c.
func (e *ear) hear(c byte) bool {
	switch {
	case c == '$' || c == '!':
		e.state, e.length, e.sum = earText, 0, 0
	case c < ' ' || c > '~':
		e.state = earOutside
	case e.state == earText && c == '*' && e.length > addressLen:
		e.state = earFirstDigit
	case e.state == earText:
		if e.length++; e.length <= addressLen && !isAddress(c) {
			e.state = earOutside
		}
		e.sum ^= c
	case e.state == earFirstDigit:
		d, ok := hexDigit(c)
		e.want, e.state = d<<4, earSecondDigit
		if !ok {
			e.state = earOutside
		}
	case e.state == earSecondDigit:
		e.state = earOutside
		d, ok := hexDigit(c)
		return ok && e.want|d == e.sum
	}
	return false
}

func isAddress(c byte) bool { return c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' }

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	}
	return 0, false
}
