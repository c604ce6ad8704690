package uplink

import (
	"encoding/binary"
	"fmt"
	"time"

	"dipper/positioning/track"
)

// MaxTold is the most events in one Told, and the most ids in one ToldAck.
const MaxTold = 64

// OnboardEvent is what the ledger on board decided and the driver was told. The centre makes no event of it: its own ledger
// decides from the same fixes and gives the event the same id.
type OnboardEvent struct {
	ID            string
	Kind          string // a geofence.EventKind
	Fence         string
	FenceRevision uint64
	Series        track.Series // with Seq: the first fix that shows it
	Seq           track.Seq
	Time          time.Time // of the event, to the millisecond
	ToldAt        time.Time // when the driver was told, by the unit's clock, to the millisecond
}

// Told tells the centre of events that were decided on board.
type Told struct{ Events []OnboardEvent }

// ToldAck names events of Told that the unit need not tell again.
type ToldAck struct{ IDs []string }

// AppendTold appends the message. The error is for more than MaxTold events.
func AppendTold(dst []byte, t Told) ([]byte, error) {
	if len(t.Events) > MaxTold {
		return dst, fmt.Errorf("told: %d events, at most %d", len(t.Events), MaxTold)
	}
	dst = append(dst, byte(TypeTold))
	dst = binary.AppendUvarint(dst, uint64(len(t.Events)))
	for _, e := range t.Events {
		dst = appendText(dst, e.ID)
		dst = appendText(dst, e.Kind)
		dst = appendText(dst, e.Fence)
		dst = binary.AppendUvarint(dst, e.FenceRevision)
		dst = binary.AppendUvarint(dst, uint64(e.Series))
		dst = binary.AppendUvarint(dst, uint64(e.Seq))
		dst = binary.AppendVarint(dst, e.Time.UnixMilli())
		dst = binary.AppendVarint(dst, e.ToldAt.UnixMilli())
	}
	return dst, nil
}

// DecodeTold reads the message. What its texts say is the reader's to judge.
func DecodeTold(msg []byte) (Told, error) {
	in := open(msg, TypeTold)
	var t Told
	n := in.number("events", MaxTold)
	for i := uint64(0); i < n && in.err == nil; i++ {
		e := OnboardEvent{ID: in.text("id"), Kind: in.text("kind"), Fence: in.text("fence")}
		e.FenceRevision = in.number("fence revision", 0)
		e.Series = in.series()
		e.Seq = track.Seq(in.number("seq", 0))
		e.Time, e.ToldAt = in.time("event time"), in.time("told time")
		t.Events = append(t.Events, e)
	}
	return t, in.end()
}

// AppendToldAck appends the message. The error is for more than MaxTold ids.
func AppendToldAck(dst []byte, a ToldAck) ([]byte, error) {
	if len(a.IDs) > MaxTold {
		return dst, fmt.Errorf("told ack: %d ids, at most %d", len(a.IDs), MaxTold)
	}
	dst = append(dst, byte(TypeToldAck))
	dst = binary.AppendUvarint(dst, uint64(len(a.IDs)))
	for _, id := range a.IDs {
		dst = appendText(dst, id)
	}
	return dst, nil
}

// DecodeToldAck reads the message.
func DecodeToldAck(msg []byte) (ToldAck, error) {
	in := open(msg, TypeToldAck)
	var a ToldAck
	n := in.number("ids", MaxTold)
	for i := uint64(0); i < n && in.err == nil; i++ {
		a.IDs = append(a.IDs, in.text("id"))
	}
	return a, in.end()
}
