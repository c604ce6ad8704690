package track

import "dipper/positioning"

// Batch is consecutive fixes of one unit: Fixes[i] has number First+i. They are in the order of their numbers, which is the
// order in which the receiver gave them and not always that of their times.
type Batch struct {
	Series Series
	First  Seq
	Fixes  []positioning.Fix
}

// Last is the number of the last fix. It is First-1 for an empty batch.
func (b Batch) Last() Seq { return b.First + Seq(len(b.Fixes)) - 1 }
