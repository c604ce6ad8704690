package fleet

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"dipper/fleet/cell"
	"dipper/fleet/journey"
	"dipper/geofence"
	"dipper/positioning"
	"dipper/positioning/track"
)

// A stored vehicle state, about 150 bytes and 65 for each checkpoint (TestStateSize). Numbers are uvarints unless said otherwise;
// "behind its length" is a uvarint and that many bytes.
//
//	version            1 byte, 3; states of versions 1 and 2 are read as well, and their odometer begins at 0
//	series             count, then for each: series, and the ranges as track.AppendRanges writes them
//	forgotten          how many series were forgotten (from version 2)
//	last               1 byte: 0 none, 1 there, 2 there and retention dropped fixes (from version 2); then
//	    cut            if dropped: varint, Unix milliseconds after which none was
//	    first          varint, Unix milliseconds of the oldest fix that counts
//	    cell           8 bytes, little-endian
//	    fix            one batch of one fix, as track.AppendBatch writes it
//	ledger             behind its length, as geofence.State.AppendBinary writes it
//	odometer           behind its length, as journey.Odometer.AppendBinary writes it, based on the last fix (from version 3)
//	checkpoints        count, then for each, the newest first:
//	    pin            1 byte
//	    age            milliseconds before the checkpoint, or the last fix, that is told before it
//	    same           how many bytes at its end are those of the ledger told before it: the open visits
//	    head           behind its length: the bytes before them
//	    odometer       behind its length, based on the checkpoint (from version 3)
const vehicleVersion = 3

// What the byte before the last fix says.
const (
	lastNone  = 0
	lastWhole = 1
	lastCut   = 2
)

// appendVehicle appends the encoding of v. The error is for a last fix that no batch can hold; none such is decided.
func appendVehicle(dst []byte, v *vehicle) ([]byte, error) {
	dst = append(dst, vehicleVersion)
	dst = binary.AppendUvarint(dst, uint64(len(v.held)))
	for _, h := range v.held {
		dst = binary.AppendUvarint(dst, uint64(h.series))
		dst = track.AppendRanges(dst, h.ranges)
	}
	dst = binary.AppendUvarint(dst, v.forgotten)
	if v.last.Seq == 0 {
		dst = append(dst, lastNone)
	} else {
		if v.cut {
			dst = binary.AppendVarint(append(dst, lastCut), v.cutMs)
		} else {
			dst = append(dst, lastWhole)
		}
		dst = binary.AppendVarint(dst, v.firstMs)
		dst = binary.LittleEndian.AppendUint64(dst, uint64(v.cell))
		var err error
		last := [1]positioning.Fix{v.last.Fix}
		dst, err = track.AppendBatch(dst, track.Batch{Series: v.last.Series, First: v.last.Seq, Fixes: last[:]})
		if err != nil {
			return nil, fmt.Errorf("last fix: %w", err)
		}
	}
	var buf [256]byte
	ledger := v.ledger.AppendBinary(buf[:0])
	dst = appendSized(dst, ledger)
	dst = appendSized(dst, v.odometer.AppendBinary(nil, v.last.Fix.Time))
	return appendCheckpoints(dst, v.checkpoints, v.last.Fix.Time.UnixMilli(), ledger), nil
}

func appendCheckpoints(dst []byte, checkpoints []checkpoint, ms int64, before []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(checkpoints)))
	for i := len(checkpoints) - 1; i >= 0; i-- {
		c := &checkpoints[i]
		same := commonSuffix(before, c.ledger)
		dst = append(dst, byte(c.pin))
		dst = binary.AppendUvarint(dst, uint64(ms-c.ms))
		dst = binary.AppendUvarint(dst, uint64(same))
		dst = appendSized(dst, c.ledger[:len(c.ledger)-same])
		dst = appendSized(dst, c.odometer)
		ms, before = c.ms, c.ledger
	}
	return dst
}

func appendSized(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

func commonSuffix(a, b []byte) (n int) {
	for n < len(a) && n < len(b) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return n
}

// decodeVehicle reads what appendVehicle wrote. No bytes at all are a unit that never sent. The error wraps ErrStored.
func decodeVehicle(state []byte) (vehicle, error) {
	var v vehicle
	if len(state) == 0 {
		return v, nil
	}
	r := byteReader{src: state}
	version := r.byte()
	if version == 0 || version > vehicleVersion {
		return v, fmt.Errorf("%w: state of version %d, this is version %d", ErrStored, version, vehicleVersion)
	}
	if err := v.readHeld(&r); err != nil {
		return vehicle{}, err
	}
	if version > 1 {
		v.forgotten = r.uvarint()
	}
	if err := v.readLast(&r, version); err != nil {
		return vehicle{}, err
	}
	ledger := r.bytes()
	if r.bad {
		return vehicle{}, fmt.Errorf("%w: state cut off", ErrStored)
	}
	var err error
	if v.ledger, err = geofence.DecodeState(ledger); err != nil {
		return vehicle{}, fmt.Errorf("%w: %w", ErrStored, err)
	}
	if !v.ledger.Time().IsZero() != (v.last.Seq != 0) || v.last.Seq != 0 && !v.ledger.Time().Equal(v.last.Fix.Time) {
		return vehicle{}, fmt.Errorf("%w: ledger at %v, last fix at %v", ErrStored, v.ledger.Time(), v.last.Fix.Time)
	}
	if version > 2 {
		if v.odometer, err = journey.DecodeOdometer(r.bytes(), v.last.Fix.Time); err != nil {
			return vehicle{}, fmt.Errorf("%w: %w", ErrStored, err)
		}
	}
	v.readCheckpoints(&r, ledger, version)
	if r.bad || len(r.src) > 0 {
		return vehicle{}, fmt.Errorf("%w: checkpoints cut off, or bytes behind them", ErrStored)
	}
	return v, nil
}

func (v *vehicle) readHeld(r *byteReader) error {
	n := r.count()
	v.held = make([]seriesRanges, 0, min(n, len(r.src)))
	for range n {
		series := r.uvarint()
		ranges, rest, err := track.DecodeRanges(r.src)
		if err != nil || r.bad {
			return fmt.Errorf("%w: held numbers: %w", ErrStored, err)
		}
		r.src = rest
		if k := len(v.held); series > math.MaxUint32 || len(ranges) == 0 || k > 0 && track.Series(series) <= v.held[k-1].series {
			return fmt.Errorf("%w: series %d out of order, or without numbers", ErrStored, series)
		}
		v.held = append(v.held, seriesRanges{track.Series(series), ranges})
	}
	return nil
}

func (v *vehicle) readLast(r *byteReader, version byte) error {
	what := r.byte()
	if what == lastNone {
		return nil
	}
	if what == lastCut && version > 1 {
		v.cut, v.cutMs = true, r.varint()
	}
	v.firstMs = r.varint()
	if r.bad || len(r.src) < 8 {
		return fmt.Errorf("%w: last fix cut off", ErrStored)
	}
	v.cell = cell.ID(binary.LittleEndian.Uint64(r.src))
	b, rest, err := track.DecodeBatch(r.src[8:])
	if err != nil || len(b.Fixes) != 1 {
		return fmt.Errorf("%w: last fix: %w", ErrStored, err)
	}
	r.src = rest
	v.last = TrackFix{Series: b.Series, Seq: b.First, Fix: b.Fixes[0]}
	return nil
}

func (v *vehicle) readCheckpoints(r *byteReader, before []byte, version byte) {
	n := r.count()
	if n == 0 {
		return
	}
	v.checkpoints = make([]checkpoint, n)
	ms := v.last.Fix.Time.UnixMilli()
	for i := n - 1; i >= 0; i-- {
		c := checkpoint{pin: pin(r.byte())}
		age := r.uvarint()
		same := r.uvarint()
		head := r.bytes()
		c.odometer = unseenOdometer
		if version > 2 {
			c.odometer = r.bytes()
		}
		if r.bad || same > uint64(len(before)) || age > math.MaxInt64/4 || v.last.Seq == 0 {
			r.bad = true
			return
		}
		c.ms = ms - int64(age)
		c.ledger = append(append(make([]byte, 0, len(head)+int(same)), head...), before[len(before)-int(same):]...)
		v.checkpoints[i] = c
		ms, before = c.ms, c.ledger
	}
}

// unseenOdometer is one that begins to count, in a state from before there were any.
var unseenOdometer = new(journey.Odometer).AppendBinary(nil, time.Time{})

// timeOfMs is a time from Unix milliseconds.
func timeOfMs(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
