package backup

import (
	"bytes"
	"errors"
	"testing"

	"dipper/fleet"
)

func sample() []*record {
	event := fleet.EventRecord{ID: "e", Revision: 2, FixTime: start, Data: []byte("{}")}
	return []*record{
		{kind: kindUnit, unit: "a", data: []byte("state")},
		{kind: kindTrack, unit: "a", day: -1, data: []byte("track")},
		{kind: kindTrack, unit: "a", day: 20000, data: []byte("track")},
		{kind: kindUnitEvent, unit: "a", event: event},
		{kind: kindUnit, unit: "鲁B12345"},
		{kind: kindLog, number: 300, event: event},
		{kind: kindDocument, docKind: fleet.DocFence, name: "yard", number: 7, data: []byte("fence")},
	}
}

// FuzzVerify reads any bytes as a file.
func FuzzVerify(f *testing.F) {
	f.Add([]byte(nil))
	f.Add([]byte(magic))
	f.Add(forge())
	f.Add(forge(sample()...))
	f.Fuzz(func(t *testing.T, file []byte) { verifyAny(t, file) })
}

// FuzzRecords reads any bytes as the records of a block whose checksum is right, so that they get past it.
func FuzzRecords(f *testing.F) {
	var block, scratch []byte
	for _, r := range append([]*record{{kind: kindHeader, name: "test"}}, sample()...) {
		block = r.appendFramed(block, &scratch)
	}
	f.Add(block)
	f.Fuzz(func(t *testing.T, block []byte) {
		var file bytes.Buffer
		w, err := newWriter(&file)
		if err != nil {
			t.Fatal(err)
		}
		w.block = block
		if err := w.flush(); err != nil {
			t.Fatal(err)
		}
		verifyAny(t, file.Bytes())
	})
}

// verifyAny holds that a file is refused with a place, or that writing its records again gives the same contents.
func verifyAny(t *testing.T, file []byte) {
	var again bytes.Buffer
	w, err := newWriter(&again)
	if err != nil {
		t.Fatal(err)
	}
	contents, err := each(t.Context(), bytes.NewReader(file), func(r record) error { return w.write(&r) })
	if err != nil {
		var damaged *DamagedError
		if !errors.As(err, &damaged) || damaged.Offset < 0 || damaged.Offset > int64(len(file)) || damaged.Record == 0 {
			t.Fatalf("%d bytes: %v", len(file), err)
		}
		return
	}
	if contents.Units+contents.LogEntries+contents.Documents == 0 {
		return
	}
	if got, err := w.end(); err != nil || got.Units != contents.Units || got.Documents != contents.Documents {
		t.Fatalf("written again: %v, %v, was %v", got, err, contents)
	}
}
