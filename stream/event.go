package stream

import (
	"strconv"

	"dipper/fleet"
)

// AppendEvent appends an event of the log as one JSON object, as both /api/v1/events and the live stream write it; the live
// one begins with a type.
//
//	{"type":"event","cursor":"17","id":"…","kind":"enter","unit":"鲁B12345","fence":"gate-1","fence_revision":1,
//	 "time":"2026-11-23T04:05:06.200Z","plus_minus_s":0.4,"lat":36.0671234,"lon":120.3826543,"revision":1}
//
// plus_minus_s is absent where it is not known. reason and retracted are there only when they say something.
func AppendEvent(dst []byte, e fleet.EventEntry, live bool) []byte {
	dst = append(dst, '{')
	if live {
		dst = append(dst, `"type":"event",`...)
	}
	dst = append(dst, `"cursor":"`...)
	dst = strconv.AppendUint(dst, uint64(e.Cursor), 10)
	ev := &e.Event
	dst = appendField(dst, `","id":`, ev.ID)
	dst = appendField(dst, `,"kind":`, string(ev.Kind))
	dst = appendField(dst, `,"unit":`, ev.Unit)
	dst = appendField(dst, `,"fence":`, ev.Fence)
	dst = append(dst, `,"fence_revision":`...)
	dst = strconv.AppendUint(dst, ev.FenceRevision, 10)
	dst = appendTime(dst, `,"time":`, ev.Time)
	dst = appendNumber(dst, `,"plus_minus_s":`, ev.PlusMinusS, 3)
	dst = appendPoint(dst, ev.Point)
	dst = append(dst, `,"revision":`...)
	dst = strconv.AppendUint(dst, uint64(ev.Revision), 10)
	dst = append(dst, `,"series":`...)
	dst = strconv.AppendUint(dst, uint64(ev.Series), 10)
	dst = append(dst, `,"seq":`...)
	dst = strconv.AppendUint(dst, ev.Seq, 10)
	if ev.Reason != "" {
		dst = appendField(dst, `,"reason":`, ev.Reason)
	}
	if ev.Retracted {
		dst = append(dst, `,"retracted":true`...)
	}
	return append(dst, '}')
}
