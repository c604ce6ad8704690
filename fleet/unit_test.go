package fleet_test

import (
	"errors"
	"strings"
	"testing"

	"dipper/fleet"
)

func TestCheckUnitID(t *testing.T) {
	for _, c := range []struct {
		id   string
		good bool
	}{
		{"truck-1", true}, {"鲁B12345", true}, {"a.b_c-d", true}, {strings.Repeat("字", 64), true}, {"7", true},
		{"", false}, {strings.Repeat("a", 65), false}, {"-a", false}, {".", false}, {"a b", false}, {"a/b", false},
		{"a\x00", false}, {"a\xff", false}, {"a:b", false}, {"{a}", false},
	} {
		err := fleet.CheckUnitID(c.id)
		if (err == nil) != c.good || err != nil && !errors.Is(err, fleet.ErrBadUnitID) {
			t.Errorf("CheckUnitID(%q) = %v", c.id, err)
		}
	}
}
