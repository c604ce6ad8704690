package journey

import (
	"encoding/binary"
	"errors"
	"time"
)

// ErrBadOdometer is returned for bytes that no Odometer encodes to. The way out is to count again over the track.
var ErrBadOdometer = errors.New("bad odometer")

// An encoded odometer, 16 to 40 bytes. Numbers are uvarints, signed ones varints.
//
//	flags       1 byte, see below; nothing follows if nothing was seen
//	total       millimetres
//	estimated   millimetres
//	last        milliseconds before the base, lat and lon (signed, 1e-7 degrees), error in cm
//	anchor      while standing: milliseconds before last; lat and lon less last's (signed), error in cm
//	doubt       if there is one: milliseconds after last, the rest as the anchor
const (
	flagSeen = 1 << iota
	flagStanding
	flagDoubtful
	flagStands
	flagsEnd
)

// AppendBinary appends the odometer's encoding relative to a time not before its last fix, which DecodeOdometer must be given.
func (o *Odometer) AppendBinary(dst []byte, base time.Time) []byte {
	if !o.seen {
		return append(dst, 0)
	}
	flags := byte(flagSeen)
	for _, f := range []struct {
		set  bool
		flag byte
	}{{o.standing, flagStanding}, {o.doubtful, flagDoubtful}, {o.stands, flagStands}} {
		if f.set {
			flags |= f.flag
		}
	}
	dst = append(dst, flags)
	dst = binary.AppendUvarint(dst, uint64(o.total))
	dst = binary.AppendUvarint(dst, uint64(o.estimated))
	dst = appendSpot(dst, base.UnixMilli()-o.last.ms, &o.last, &spot{})
	if o.standing {
		dst = appendSpot(dst, o.last.ms-o.anchor.ms, &o.anchor, &o.last)
	}
	if o.doubtful {
		dst = appendSpot(dst, o.doubt.ms-o.last.ms, &o.doubt, &o.last)
	}
	return dst
}

func appendSpot(dst []byte, ms int64, s, near *spot) []byte {
	dst = binary.AppendUvarint(dst, uint64(ms))
	dst = binary.AppendVarint(dst, int64(s.lat)-int64(near.lat))
	dst = binary.AppendVarint(dst, int64(s.lon)-int64(near.lon))
	return binary.AppendUvarint(dst, uint64(s.errCM))
}

// DecodeOdometer reads what AppendBinary wrote, and nothing after it.
func DecodeOdometer(src []byte, base time.Time) (Odometer, error) {
	if len(src) == 1 && src[0] == 0 {
		return Odometer{}, nil
	}
	if len(src) == 0 || src[0]&flagSeen == 0 || src[0] >= flagsEnd {
		return Odometer{}, ErrBadOdometer
	}
	flags := src[0]
	r := spotReader{src: src[1:]}
	o := Odometer{seen: true, standing: flags&flagStanding != 0, doubtful: flags&flagDoubtful != 0}
	o.total, o.estimated = r.whole(maxMillimetres), r.whole(maxMillimetres)
	baseMs := base.UnixMilli()
	o.last = r.spot(&spot{}, func(ms int64) int64 { return baseMs - ms })
	if o.standing {
		o.anchor = r.spot(&o.last, func(ms int64) int64 { return o.last.ms - ms })
	}
	if o.doubtful {
		o.doubt = r.spot(&o.last, func(ms int64) int64 { return o.last.ms + ms })
		o.stands = flags&flagStands != 0
	}
	if r.bad || len(r.src) > 0 || o.doubtful && !o.standing || o.estimated > o.total {
		return Odometer{}, ErrBadOdometer
	}
	return o, nil
}

const (
	maxMillimetres = 1 << 60
	maxAgeMs       = 1 << 50 // 35,000 years
)

// spotReader reads numbers. After one that is not there, or out of range, bad is set and all are 0.
type spotReader struct {
	src []byte
	bad bool
}

func (r *spotReader) whole(most uint64) int64 {
	v, n := binary.Uvarint(r.src)
	if n <= 0 || v > most {
		r.bad, r.src = true, nil
		return 0
	}
	r.src = r.src[n:]
	return int64(v)
}

func (r *spotReader) near(base, most int32) int32 {
	v, n := binary.Varint(r.src)
	if n <= 0 || v > 1<<33 || v < -1<<33 || v+int64(base) > int64(most) || v+int64(base) < -int64(most) {
		r.bad, r.src = true, nil
		return 0
	}
	r.src = r.src[n:]
	return base + int32(v)
}

func (r *spotReader) spot(near *spot, at func(ms int64) int64) spot {
	s := spot{ms: at(r.whole(maxAgeMs))}
	s.lat, s.lon = r.near(near.lat, 90*unitsPerDegree), r.near(near.lon, 180*unitsPerDegree)
	s.errCM = int32(r.whole(maxErrCM))
	return s
}
