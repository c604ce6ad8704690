package fleet

import (
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// UnitID names an onboard unit: 1–64 characters, letters and digits of any script (licence plates are Chinese), and
// . _ - between them. CheckUnitID is the rule.
type UnitID string

// ErrBadUnitID is returned for an id that breaks the rule of UnitID.
var ErrBadUnitID = errors.New("bad unit id")

// CheckUnitID says what is wrong with id, or nil.
func CheckUnitID(id string) error {
	n := utf8.RuneCountInString(id)
	switch {
	case n == 0:
		return fmt.Errorf("%w: empty", ErrBadUnitID)
	case n > 64:
		return fmt.Errorf("%w %.16q…: %d characters, at most 64", ErrBadUnitID, id, n)
	case !utf8.ValidString(id):
		return fmt.Errorf("%w %q: not UTF-8", ErrBadUnitID, id)
	}
	for i, r := range id {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || i > 0 && (r == '.' || r == '_' || r == '-') {
			continue
		}
		return fmt.Errorf("%w %q: %q at byte %d is not a letter, a digit, or . _ - after the first", ErrBadUnitID, id, r, i)
	}
	return nil
}
