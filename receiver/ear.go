package receiver

// ear recognises sentences with a right checksum in any stream of bytes, and only counts them: $ or !, then text, then * and
// the exclusive or of all bytes between in two hexadecimal digits.
type ear struct {
	state earState
	sum   byte // so far
	want  byte // first digit
}

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
		e.state, e.sum = earText, 0
	case c < ' ' || c > '~':
		e.state = earOutside
	case e.state == earText && c == '*':
		e.state = earFirstDigit
	case e.state == earText:
		e.sum ^= c
	case e.state == earFirstDigit:
		e.want, e.state = hexDigit(c)<<4, earSecondDigit
	case e.state == earSecondDigit:
		e.state = earOutside
		return e.want|hexDigit(c) == e.sum
	}
	return false
}

// hexDigit is the value of c, or 0: what is not a digit then almost never makes a right checksum, and need not never.
func hexDigit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 0
}
