package backup

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"

	"dipper/fleet"
)

// Contents says what an export holds. Equal contents are equal stores, but for what a store numbers by itself: the versions of records
// and of kinds of documents.
type Contents struct {
	Units      uint64
	TrackBytes uint64
	UnitEvents uint64
	LogEntries uint64
	Documents  uint64
	Digest     [sha256.Size]byte // SHA-256 of all records between header and end, in order
}

// String is one line for people.
func (c Contents) String() string {
	return fmt.Sprintf("%d units, %d bytes of track, %d events of units, %d log entries, %d documents, sha256 %x",
		c.Units, c.TrackBytes, c.UnitEvents, c.LogEntries, c.Documents, c.Digest)
}

func (c *Contents) append(dst []byte) []byte {
	for _, n := range [...]uint64{c.Units, c.TrackBytes, c.UnitEvents, c.LogEntries, c.Documents} {
		dst = binary.AppendUvarint(dst, n)
	}
	return append(dst, c.Digest[:]...)
}

func decodeContents(body []byte) (Contents, error) {
	var c Contents
	in := bodyReader{src: body}
	for _, n := range [...]*uint64{&c.Units, &c.TrackBytes, &c.UnitEvents, &c.LogEntries, &c.Documents} {
		*n = in.uvarint()
	}
	if in.err == nil && len(in.src) != len(c.Digest) {
		in.fail(errShort)
	}
	copy(c.Digest[:], in.src)
	return c, in.err
}

// tally counts and digests records, and holds them to the order in which an export writes them, so that nothing is in a file twice.
type tally struct {
	counts Contents
	sha    hash.Hash
	last   record // without its data
	part   int    // length of the last track part
}

func newTally() *tally { return &tally{sha: sha256.New()} }

// add takes the next record between header and end, with its bytes.
func (t *tally) add(r *record, raw []byte) error {
	if err := t.inOrder(r); err != nil {
		return err
	}
	switch r.kind {
	case kindUnit:
		t.counts.Units++
	case kindTrack:
		t.counts.TrackBytes += uint64(len(r.data))
	case kindUnitEvent:
		t.counts.UnitEvents++
	case kindLog:
		t.counts.LogEntries++
	case kindDocument:
		t.counts.Documents++
	}
	t.sha.Write(raw)
	t.last, t.part = *r, len(r.data)
	t.last.data, t.last.event.Data = nil, nil // the reader's memory
	return nil
}

// contents is what was added.
func (t *tally) contents() Contents {
	c := t.counts
	t.sha.Sum(c.Digest[:0])
	return c
}

var errOrder = errors.New("stands in the wrong place")

func (t *tally) inOrder(r *record) error {
	last := &t.last
	ok := true
	switch r.kind {
	case kindUnit:
		ok = last.kind == 0 || t.inUnit() && last.unit < r.unit
	case kindTrack:
		ok = last.kind == kindUnit && last.unit == r.unit ||
			last.kind == kindTrack && last.unit == r.unit && (last.day < r.day || last.day == r.day && t.part == trackPart)
	case kindUnitEvent:
		ok = t.inUnit() && last.unit == r.unit && (last.kind != kindUnitEvent || compareEvents(&last.event, &r.event) < 0)
	case kindLog:
		ok = r.number > 0 && (last.kind == 0 || t.inUnit() || last.kind == kindLog && last.number < r.number)
	case kindDocument:
		ok = last.kind != kindDocument || compareDocuments(last, r) < 0
	default:
		ok = false
	}
	if !ok {
		return fmt.Errorf("record of type %q %w", r.kind, errOrder)
	}
	return nil
}

// inUnit reports whether the last record was one of a unit.
func (t *tally) inUnit() bool {
	return t.last.kind == kindUnit || t.last.kind == kindTrack || t.last.kind == kindUnitEvent
}

func compareEvents(a, b *fleet.EventRecord) int {
	return cmp.Or(a.FixTime.Compare(b.FixTime), cmp.Compare(a.ID, b.ID))
}

func compareDocuments(a, b *record) int {
	return cmp.Or(cmp.Compare(a.docKind, b.docKind), cmp.Compare(a.name, b.name))
}
