package storetest

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"dipper/fleet"
	"dipper/fleet/cell"
)

// The load of the stores' benchmarks: so many units, each reporting once a round, committed in groups as the fleet commits
// them; a state of the size that a few open visits and checkpoints make; batches of the size that the wire format makes of one fix
// and of many; a change of cell about once in 100 km/h × 100 s.
const (
	loadUnits     = 10_000
	loadGroup     = 500
	loadState     = 300
	loadFirstFix  = 40 // bytes of a batch of one fix
	loadNextFix   = 9  // bytes of each further one
	loadCells     = 400
	loadCellMove  = 100 // seconds of driving in one working cell
	loadStartStep = 1_764_000_000
)

// Load makes the steps of a fleet at work, for benchmarks.
type Load struct {
	fixes    int // of a step
	steps    int // made so far
	versions []uint64
	cells    []cell.ID
	rng      *rand.Rand
	order    []int
}

// NewLoad is a fleet whose steps have so many fixes each, at 1 Hz.
func NewLoad(fixes int) *Load {
	l := &Load{fixes: fixes, versions: make([]uint64, loadUnits), cells: make([]cell.ID, loadUnits), rng: rand.New(rand.NewPCG(1, 2))}
	l.order = l.rng.Perm(loadUnits)
	return l
}

// next makes the next group of steps.
func (l *Load) next() []fleet.Step {
	steps := make([]fleet.Step, loadGroup)
	for i := range steps {
		steps[i] = l.step(l.order[l.steps%loadUnits])
		l.steps++
	}
	return steps
}

func (l *Load) step(u int) fleet.Step {
	unit := unitNo(u)
	version := l.versions[u]
	l.versions[u]++
	st := fleet.Step{Unit: unit, Expect: version, State: l.bytes(loadState), PrevCell: l.cells[u]}
	if l.cells[u] == 0 || l.rng.IntN(loadCellMove) < l.fixes {
		l.cells[u] = l.cell()
	}
	st.Position = at(unit, l.cells[u], int(version))
	data := l.bytes(loadFirstFix + loadNextFix*(l.fixes-1))
	st.Track = []fleet.Segment{{Day: fleet.DayOf(time.Unix(loadStartStep+int64(version)*int64(l.fixes), 0)), Data: data}}
	return st
}

// cell is one of the working cells around Qingdao.
func (l *Load) cell() cell.ID {
	const lastDigit, digitBits, digits = 24, 3, 4 // of resolution 7; digits of four resolutions, 0–6 each
	c, n := qingdao, l.rng.IntN(loadCells)
	for i := range digits {
		shift := lastDigit + digitBits*i
		c = c&^(7<<shift) | cell.ID(n%7)<<shift
		n /= 7
	}
	return c
}

// bytes are half random: states and tracks compress, but not much.
func (l *Load) bytes(n int) []byte {
	b := make([]byte, n+8)
	for i := 0; i < n; i += 16 {
		binary.LittleEndian.PutUint64(b[i:], l.rng.Uint64())
	}
	return b[:n]
}

// Warm writes every unit's first step, which is unlike all later ones.
func (l *Load) Warm(write func([]fleet.Step)) {
	for range loadUnits / loadGroup {
		write(l.next())
	}
}

// Meter adds up how long it took to write how many fixes.
type Meter struct {
	fixes int
	spent time.Duration
}

// Time makes the load's next group of steps and writes it; only the writing is timed.
func (m *Meter) Time(l *Load, write func([]fleet.Step)) {
	steps := l.next()
	start := time.Now()
	write(steps)
	m.spent += time.Since(start)
	m.fixes += len(steps) * l.fixes
}

// Rate is fixes/s.
func (m *Meter) Rate() float64 { return float64(m.fixes) / m.spent.Seconds() }

// MustStore commits steps that must all be stored.
func MustStore(b *testing.B, s fleet.Store, steps []fleet.Step) {
	b.Helper()
	for _, err := range s.Commit(b.Context(), steps) {
		if err != nil {
			b.Fatal(err)
		}
	}
}
