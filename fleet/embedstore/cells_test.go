package embedstore

import (
	"testing"

	"pgregory.net/rapid"

	"dipper/fleet/cell"
)

// A working cell is in the range below each of its parents, and in no other parent's.
func TestWorkingBelow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func() cell.ID {
			c := qingdao &^ (1<<52 - 1) // base cell and digits are drawn
			c |= cell.ID(rapid.IntRange(0, 121).Draw(t, "base")) << 45
			for r := 1; r <= 15; r++ {
				digit := 7 // unused
				if r <= cell.Working {
					digit = rapid.IntRange(0, 6).Draw(t, "digit")
				}
				c |= cell.ID(digit) << (45 - 3*r)
			}
			return c
		}
		a, b := draw(), draw()
		for r := 0; r <= cell.Working; r++ {
			parent := cell.Parent(a, r)
			first, last := workingBelow(parent)
			if got, want := first <= b && b <= last, cell.Parent(b, r) == parent; got != want {
				t.Fatalf("%x in the range [%x, %x] below %x = %t, want %t", uint64(b), uint64(first), uint64(last), uint64(parent), got, want)
			}
			if a < first || a > last {
				t.Fatalf("%x is not in the range below its parent %x", uint64(a), uint64(parent))
			}
		}
	})
}
