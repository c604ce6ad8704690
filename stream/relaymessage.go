package stream

import (
	"encoding/binary"
	"errors"
	"fmt"

	"dipper/fleet"
	"dipper/fleet/cell"
)

// Messages between nodes: version 1, kind, the sender's number (8 bytes, big-endian), and then
//
//	kind 1, positions: of each the unit's id with its length before it (varint), and fleet.Position in its binary form
//	kind 2, beat: flags (bit 0 sending, bit 1 leaving), and a count of losses (4 bytes)
//
// A node passes over versions and kinds that it does not know, so that nodes can be renewed one by one.
const (
	relayVersion   = 1
	kindPositions  = 1
	kindBeat       = 2
	relayHead      = 10
	beatSize       = relayHead + 5
	flagSending    = 1
	flagLeaving    = 2
	maxUnitIDBytes = 64 * 4 // characters of UTF-8
)

var errRelayMessage = errors.New("bad message of another node")

// beat is what each node tells all others now and then.
type beat struct {
	sending bool   // tells what it takes: it knows that others are there
	leaving bool   // this is its last word
	losses  uint32 // raised when it had to give up positions that it could not tell
}

// relayMessage is a message that was read: positions, or a beat.
type relayMessage struct {
	node      uint64
	beat      *beat
	positions []fleet.Position
}

func appendRelayHead(dst []byte, kind byte, node uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, relayVersion, kind), node)
}

func appendBeat(dst []byte, node uint64, b beat) []byte {
	var flags byte
	if b.sending {
		flags |= flagSending
	}
	if b.leaving {
		flags |= flagLeaving
	}
	return binary.BigEndian.AppendUint32(append(appendRelayHead(dst, kindBeat, node), flags), b.losses)
}

// appendRelayPosition adds a position to a message that begins with the head of kindPositions.
func appendRelayPosition(dst []byte, p fleet.Position) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(p.Unit)))
	dst = append(dst, p.Unit...)
	return p.AppendBinary(dst)
}

// decodeRelayMessage reads a message. One of another version or kind is empty; one that is damaged is errRelayMessage.
func decodeRelayMessage(src []byte) (m relayMessage, err error) {
	if len(src) < relayHead {
		return m, fmt.Errorf("%w: %d bytes", errRelayMessage, len(src))
	}
	m.node = binary.BigEndian.Uint64(src[2:])
	body := src[relayHead:]
	switch {
	case src[0] != relayVersion:
	case src[1] == kindPositions:
		m.positions, err = decodeRelayPositions(body)
	case src[1] == kindBeat && len(src) < beatSize:
		err = fmt.Errorf("%w: a beat of %d bytes", errRelayMessage, len(src))
	case src[1] == kindBeat:
		flags := body[0]
		m.beat = &beat{sending: flags&flagSending != 0, leaving: flags&flagLeaving != 0, losses: binary.BigEndian.Uint32(body[1:])}
	}
	return m, err
}

func decodeRelayPositions(src []byte) ([]fleet.Position, error) {
	all := make([]fleet.Position, 0, len(src)/(fleet.PositionSize+8))
	for len(src) > 0 {
		n, used := binary.Uvarint(src)
		if used <= 0 || n > maxUnitIDBytes || uint64(len(src)-used) < n+fleet.PositionSize {
			return nil, fmt.Errorf("%w: cut off in position %d", errRelayMessage, len(all)+1)
		}
		src = src[used:]
		unit := fleet.UnitID(src[:n])
		p, err := fleet.DecodePosition(unit, src[n:])
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errRelayMessage, err)
		}
		if fleet.CheckUnitID(string(unit)) != nil || !p.Point.Valid() || !cell.IsValid(p.Cell) || cell.Resolution(p.Cell) != cell.Working {
			return nil, fmt.Errorf("%w: position %d is of unit %.64q in cell %s", errRelayMessage, len(all)+1, unit, p.Cell)
		}
		all = append(all, p)
		src = src[n+fleet.PositionSize:]
	}
	return all, nil
}
