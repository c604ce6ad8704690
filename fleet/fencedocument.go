package fleet

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"dipper/geofence"
)

// fenceDocument is all that is remembered of one fence: its revisions, the last of them the newest. A deleted fence stays with its
// end, so that visits in it close and late fixes from before still find it.
type fenceDocument struct {
	id        string           // the document's
	revisions []geofence.Fence // ascending; never changed in place
	deleted   bool
}

// fenceDocumentVersion is the first byte of a stored fenceDocument. Then: 1 if deleted, the number of revisions, and each behind
// its length. Numbers are uvarints.
const fenceDocumentVersion = 1

// current is the newest revision of a fence that is not deleted.
func (d fenceDocument) current() (geofence.Fence, bool) {
	if d.deleted || len(d.revisions) == 0 {
		return geofence.Fence{}, false
	}
	return d.revisions[len(d.revisions)-1], true
}

// put makes next the newest revision from now on, or from its own ValidFrom if that is later. The first revision ever counts for
// all fixes if it does not say from when. A fence equal to the current one changes nothing.
func (d *fenceDocument) put(next geofence.Fence, now time.Time) (fence geofence.Fence, created, changed bool, err error) {
	current, exists := d.current()
	if exists {
		same, err := sayTheSame(current, next)
		if err != nil || same {
			return current, false, false, err
		}
	}
	next.Revision = 1
	if n := len(d.revisions); n > 0 {
		next.Revision = d.revisions[n-1].Revision + 1
		if next.ValidFrom.Before(now) {
			next.ValidFrom = now
		}
		if !next.ValidUntil.IsZero() && !next.ValidUntil.After(next.ValidFrom) {
			return geofence.Fence{}, false, false, &InvalidError{Field: "valid_until", Reason: "has passed: to end a fence, delete it"}
		}
		d.end(next.ValidFrom)
	}
	d.revisions = append(slices.Clip(d.revisions), next)
	d.deleted = false
	return next, !exists, true, nil
}

// sayTheSame reports whether a feature says what the current revision says. One that was read before and is put back carries
// the ValidFrom that it was given.
func sayTheSame(current, next geofence.Fence) (bool, error) {
	next.Revision = current.Revision
	if next.ValidFrom.IsZero() && current.Revision > 1 {
		next.ValidFrom = current.ValidFrom
	}
	a, err := geofence.MarshalFence(current)
	if err != nil {
		return false, err
	}
	b, err := geofence.MarshalFence(next)
	return bytes.Equal(a, b), err
}

// end lets no revision count at or after a time.
func (d *fenceDocument) end(at time.Time) {
	d.revisions = slices.Clone(d.revisions)
	for i := range d.revisions {
		if until := &d.revisions[i].ValidUntil; until.IsZero() || until.After(at) {
			*until = at
		}
	}
}

// forget drops revisions that never counted and those that ended before a time, and the oldest of too many. The last stays, for
// its number.
func (d *fenceDocument) forget(before time.Time, most int) {
	last := len(d.revisions) - 1
	kept := make([]geofence.Fence, 0, len(d.revisions))
	for i, r := range d.revisions {
		ended := !r.ValidUntil.IsZero() && (r.ValidUntil.Before(before) || !r.ValidUntil.After(r.ValidFrom))
		if !ended || i == last {
			kept = append(kept, r)
		}
	}
	d.revisions = kept[max(0, len(kept)-most):]
}

func (d fenceDocument) encode() ([]byte, error) {
	b := []byte{fenceDocumentVersion, 0}
	if d.deleted {
		b[1] = 1
	}
	b = binary.AppendUvarint(b, uint64(len(d.revisions)))
	for _, r := range d.revisions {
		data, err := geofence.MarshalFence(r)
		if err != nil {
			return nil, err
		}
		b = binary.AppendUvarint(b, uint64(len(data)))
		b = append(b, data...)
	}
	return b, nil
}

// decodeFenceDocument reads a stored document; an empty one is a fence that never was. The error wraps ErrStored.
func decodeFenceDocument(stored Document) (fenceDocument, error) {
	if len(stored.Data) == 0 {
		return fenceDocument{}, nil
	}
	r := byteReader{src: stored.Data}
	if v := r.byte(); v != fenceDocumentVersion {
		return fenceDocument{}, fmt.Errorf("%w: version %d, this is version %d", ErrStored, v, fenceDocumentVersion)
	}
	d := fenceDocument{id: stored.ID, deleted: r.byte() != 0}
	for range r.count() {
		f, err := geofence.UnmarshalFence(r.bytes())
		if r.bad {
			break
		}
		if err != nil {
			return fenceDocument{}, fmt.Errorf("%w: %w", ErrStored, err)
		}
		d.revisions = append(d.revisions, f)
	}
	if r.bad || len(r.src) > 0 {
		return fenceDocument{}, fmt.Errorf("%w: fence cut off, or with bytes behind its end", ErrStored)
	}
	return d, nil
}
