package geofence

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"dipper/positioning"
)

// State is what the ledger remembers of one unit: its last fix, and the fences that it is in or at the border of. The zero
// value has never seen a fix. State is a value: a copy is a checkpoint that later steps do not change.
type State struct {
	seen  bool
	last  sight
	stays []stay // by fence, each once; never changed in place, only replaced
}

// sight is an observation as the ledger uses it.
type sight struct {
	ms     int64 // Unix milliseconds
	place  place
	errM   float64 // metres, > 0 and finite
	speed  float64 // metres per second; NaN unknown
	series uint32
	seq    uint64
}

// stay is how a unit stands to one fence that it has a visit in, or that it was in, within the band, at the last fix.
type stay struct {
	fence    string
	revision uint64
	in       bool // a visit is open
	atStart  bool
	dwelt    bool  // the dwell event was given
	over     uint8 // fixes in a row above the speed limit; overTold from the second
	since    int64 // Unix milliseconds; with plusMinus of an open visit
	plusMs   int64
	run      run
}

const overTold = 2

// run is the fixes in a row on the side of the border that is not the stay's: a change of sides that is not proven yet.
type run struct {
	fixes  uint32 // 0: none
	first  int64  // time of the first of them
	at     int64  // when the border was crossed
	where  place
	gapMs  int64 // the crossing is no farther than this from either fix around it
	slipMs int64 // the error of the fixes, in time at the speed of the crossing
}

// Time is the time of the last observation, zero if there was none.
func (s *State) Time() time.Time {
	if !s.seen {
		return time.Time{}
	}
	return time.UnixMilli(s.last.ms).UTC()
}

// Open gives the visits that have not ended, by fence.
func (s *State) Open() []Visit {
	var open []Visit
	for _, y := range s.stays {
		if y.in {
			open = append(open, Visit{
				Fence: y.fence, FenceRevision: y.revision, Since: time.UnixMilli(y.since).UTC(),
				PlusMinusS: float64(y.plusMs) / 1000, AtStart: y.atStart,
			})
		}
	}
	return open
}

// stateVersion is the first byte of an encoded State.
const stateVersion = 1

const (
	flagIn = 1 << iota
	flagAtStart
	flagDwelt
	flagRun
)

// AppendBinary appends the state's encoding: about 40 bytes, and about 30 and the fence's id for each open visit.
func (s State) AppendBinary(dst []byte) []byte {
	dst = append(dst, stateVersion)
	if !s.seen {
		return append(dst, 0)
	}
	dst = append(dst, 1)
	dst = binary.AppendVarint(dst, s.last.ms)
	dst = appendPlace(dst, s.last.place)
	dst = appendFloat(dst, s.last.errM)
	dst = appendFloat(dst, s.last.speed)
	dst = binary.AppendUvarint(dst, uint64(s.last.series))
	dst = binary.AppendUvarint(dst, s.last.seq)
	dst = binary.AppendUvarint(dst, uint64(len(s.stays)))
	for i := range s.stays {
		dst = s.stays[i].appendBinary(dst)
	}
	return dst
}

func (y *stay) appendBinary(dst []byte) []byte {
	dst = appendText(dst, y.fence)
	dst = binary.AppendUvarint(dst, y.revision)
	flags := byte(0)
	for i, on := range [...]bool{y.in, y.atStart, y.dwelt, y.run.fixes > 0} {
		if on {
			flags |= 1 << i
		}
	}
	dst = append(dst, flags, y.over)
	if y.in {
		dst = binary.AppendVarint(dst, y.since)
		dst = binary.AppendUvarint(dst, uint64(y.plusMs))
	}
	if y.run.fixes > 0 {
		dst = binary.AppendUvarint(dst, uint64(y.run.fixes))
		dst = binary.AppendVarint(dst, y.run.first)
		dst = binary.AppendVarint(dst, y.run.at)
		dst = appendPlace(dst, y.run.where)
		dst = binary.AppendUvarint(dst, uint64(y.run.gapMs))
		dst = binary.AppendUvarint(dst, uint64(y.run.slipMs))
	}
	return dst
}

// ErrBadState is wrapped by errors for bytes that no State encodes to. The way out is to run the ledger again over the track.
var ErrBadState = errors.New("bad ledger state")

// DecodeState reads what AppendBinary wrote, and nothing after it.
func DecodeState(b []byte) (State, error) {
	d := decoder{b: b}
	if v := d.byte(); d.err == nil && v != stateVersion {
		return State{}, fmt.Errorf("%w: version %d, this is version %d", ErrBadState, v, stateVersion)
	}
	var s State
	switch seen := d.byte(); {
	case seen == 1:
		s.seen = true
		s.last = d.sight()
		n := d.count(4)
		for i := range n {
			s.stays = append(s.stays, d.stay())
			if d.err == nil && i > 0 && s.stays[i-1].fence >= s.stays[i].fence {
				d.fail("stays out of order")
			}
			if d.err != nil {
				break
			}
		}
	case seen > 1:
		d.fail("flag %d", seen)
	}
	if d.err == nil && len(d.b) > 0 {
		d.fail("%d bytes too many", len(d.b))
	}
	if d.err != nil {
		return State{}, fmt.Errorf("%w: %w", ErrBadState, d.err)
	}
	return s, nil
}

func (d *decoder) sight() sight {
	v := sight{ms: d.millis(), place: d.place(), errM: d.float(), speed: d.float()}
	if !(v.errM > 0) || math.IsInf(v.errM, 0) {
		d.fail("error %v m", v.errM)
	}
	if positioning.Known(v.speed) && !(v.speed >= 0) || math.IsInf(v.speed, 0) {
		d.fail("speed %v m/s", v.speed)
	}
	series := d.uvarint()
	if series > math.MaxUint32 {
		d.fail("series %d", series)
	}
	v.series, v.seq = uint32(series), d.uvarint()
	return v
}

func (d *decoder) stay() stay {
	y := stay{fence: d.text(), revision: d.uvarint()}
	flags := d.byte()
	if flags >= 2*flagRun {
		d.fail("flags %x", flags)
	}
	y.in, y.atStart, y.dwelt = flags&flagIn != 0, flags&flagAtStart != 0, flags&flagDwelt != 0
	if y.over = d.byte(); y.over > overTold {
		d.fail("%d fixes over the limit", y.over)
	}
	if y.in {
		y.since, y.plusMs = d.millis(), d.span()
	}
	if flags&flagRun == 0 {
		return y
	}
	fixes := d.uvarint()
	if fixes == 0 || fixes > math.MaxUint32 {
		d.fail("run of %d fixes", fixes)
	}
	y.run = run{fixes: uint32(fixes), first: d.millis(), at: d.millis(), where: d.place(), gapMs: d.span(), slipMs: d.span()}
	return y
}

// millis reads a time in Unix milliseconds.
func (d *decoder) millis() int64 {
	v := d.varint()
	if v < minMillis || v > maxMillis {
		d.fail("time %d ms is not in the years 1 to 9999", v)
		return 0
	}
	return v
}

// span reads a length of time in milliseconds.
func (d *decoder) span() int64 {
	v := d.uvarint()
	if v > maxMillis-minMillis {
		d.fail("span of %d ms", v)
		return 0
	}
	return int64(v)
}

func appendPlace(b []byte, p place) []byte {
	return binary.AppendVarint(binary.AppendVarint(b, int64(p.x)), int64(p.y))
}

func (d *decoder) place() place {
	x, y := d.varint(), d.varint()
	if x < -halfTurn || x >= halfTurn || y < -quarterTurn || y > quarterTurn {
		d.fail("place %d, %d", x, y)
		return place{}
	}
	return place{x: int32(x), y: int32(y)}
}
