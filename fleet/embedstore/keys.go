package embedstore

import (
	"encoding/binary"
	"slices"

	"dipper/fleet"
	"dipper/fleet/cell"
)

// What lies where. Numbers are big-endian, so keys sort by them; a name that is followed by more has its length before it, so
// that no name is the beginning of another.
//
//	v unit                     version 8, position 72, state          the record
//	t day unit version part    segment                                the track; day first, so that old days are one range
//	c cell unit                -                                      who is in a working cell
//	i fence unit               -                                      who has an open visit
//	x unit time id             event                                  a unit's events by time, latest revision
//	y unit id                  time 12, revision 4                    where in x an event stands
//	e cursor                   event                                  the log
//	k id                       first cursor 8, last cursor 8, revisions   what of an event the log has
//	g kind id                  revision 8, data                       documents
//	h kind                     changes 8                              how often a kind changed
//	j kind change              id                                     which document of the kind that was; the last fleet.ChangesKept
const (
	kindRecord    = 'v'
	kindTrack     = 't'
	kindCell      = 'c'
	kindInside    = 'i'
	kindUnitEvent = 'x'
	kindUnitIndex = 'y'
	kindLog       = 'e'
	kindLogged    = 'k'
	kindDocument  = 'g'
	kindChanges   = 'h'
	kindChange    = 'j'
)

func recordKey(u fleet.UnitID) []byte { return append([]byte{kindRecord}, u...) }

// recordHead is what stands before a record's state: version and position.
const recordHead = 8 + fleet.PositionSize

func appendName(dst []byte, name string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(name)))
	return append(dst, name...)
}

// cutName reads what appendName wrote and returns the rest.
func cutName(src []byte) (name string, rest []byte, ok bool) {
	n, used := binary.Uvarint(src)
	if used <= 0 || n > uint64(len(src)-used) {
		return "", nil, false
	}
	return string(src[used : used+int(n)]), src[used+int(n):], true
}

// dayKey is the beginning of all tracks of a day. Days before 1970 sort first.
func dayKey(d fleet.Day) []byte {
	const flipSign = 1 << 31
	return binary.BigEndian.AppendUint32([]byte{kindTrack}, uint32(d)^flipSign)
}

func dayOfKey(key []byte) fleet.Day {
	const flipSign = 1 << 31
	return fleet.Day(binary.BigEndian.Uint32(key[1:]) ^ flipSign)
}

func trackPrefix(d fleet.Day, u fleet.UnitID) []byte { return appendName(dayKey(d), string(u)) }

func segmentKey(d fleet.Day, u fleet.UnitID, version uint64, part int) []byte {
	key := binary.BigEndian.AppendUint64(trackPrefix(d, u), version)
	return binary.BigEndian.AppendUint32(key, uint32(part))
}

func cellKey(c cell.ID, u fleet.UnitID) []byte {
	return append(binary.BigEndian.AppendUint64([]byte{kindCell}, uint64(c)), u...)
}

func insidePrefix(fence string) []byte { return appendName([]byte{kindInside}, fence) }

func insideKey(fence string, u fleet.UnitID) []byte { return append(insidePrefix(fence), u...) }

func unitEventPrefix(u fleet.UnitID) []byte { return appendName([]byte{kindUnitEvent}, string(u)) }

// unitEventKey wants the time as fleet.AppendTime wrote it.
func unitEventKey(u fleet.UnitID, at []byte, id string) []byte {
	return append(append(unitEventPrefix(u), at...), id...)
}

func unitIndexKey(u fleet.UnitID, id string) []byte {
	return append(appendName([]byte{kindUnitIndex}, string(u)), id...)
}

func logKey(c fleet.Cursor) []byte { return binary.BigEndian.AppendUint64([]byte{kindLog}, uint64(c)) }

func loggedKey(id string) []byte { return append([]byte{kindLogged}, id...) }

func documentPrefix(kind string) []byte { return appendName([]byte{kindDocument}, kind) }

func documentKey(kind, id string) []byte { return append(documentPrefix(kind), id...) }

func changesKey(kind string) []byte { return append([]byte{kindChanges}, kind...) }

func changePrefix(kind string) []byte { return appendName([]byte{kindChange}, kind) }

func changeKey(kind string, n uint64) []byte {
	return binary.BigEndian.AppendUint64(changePrefix(kind), n)
}

// after is the first key that does not begin with prefix.
func after(prefix []byte) []byte {
	end := slices.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		end[i]++
		if end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil // 0xff throughout: there is nothing behind
}
