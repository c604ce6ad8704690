package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"dipper/fleet"
)

func testDocuments(t *testing.T, sub Subject) {
	t.Run("life", func(t *testing.T) {
		s := sub.New(t)
		ctx := t.Context()
		if _, err := s.Document(ctx, fleet.DocFence, "f"); !errors.Is(err, fleet.ErrNotFound) {
			t.Errorf("Document of none = %v, want ErrNotFound", err)
		}
		if err := s.DeleteDocument(ctx, fleet.DocFence, "f"); !errors.Is(err, fleet.ErrNotFound) {
			t.Errorf("DeleteDocument of none = %v, want ErrNotFound", err)
		}
		if err := put(ctx, s, fleet.DocFence, "f", "x", 1); !errors.Is(err, fleet.ErrConflict) {
			t.Errorf("PutDocument over a revision that is not there = %v, want ErrConflict", err)
		}
		for expect := range uint64(12) {
			data := fmt.Sprintf("1:binary \x00 %d", expect)
			if rev, err := s.PutDocument(ctx, fleet.DocFence, "f", []byte(data), expect); err != nil || rev != expect+1 {
				t.Fatalf("PutDocument over %d = %d, %v", expect, rev, err)
			}
			if d, err := s.Document(ctx, fleet.DocFence, "f"); err != nil || d.ID != "f" || d.Revision != expect+1 || string(d.Data) != data {
				t.Fatalf("Document = %+v, %v, want revision %d of %q", d, err, expect+1, data)
			}
		}
		for _, expect := range []uint64{0, 1, 11, 13} {
			if err := put(ctx, s, fleet.DocFence, "f", "wrong", expect); !errors.Is(err, fleet.ErrConflict) {
				t.Errorf("PutDocument over %d where 12 is = %v, want ErrConflict", expect, err)
			}
		}
		if _, err := s.Document(ctx, fleet.DocUnit, "f"); !errors.Is(err, fleet.ErrNotFound) {
			t.Errorf("Document of another kind = %v, want ErrNotFound", err)
		}
		if err := s.DeleteDocument(ctx, fleet.DocFence, "f"); err != nil {
			t.Errorf("DeleteDocument: %v", err)
		}
		if docs, err := s.Documents(ctx, fleet.DocFence); err != nil || len(docs) != 0 {
			t.Errorf("Documents after the deletion = %v, %v", docs, err)
		}
		if err := put(ctx, s, fleet.DocFence, "f", "again", 0); err != nil {
			t.Errorf("PutDocument after the deletion: %v", err)
		}
	})
	t.Run("all by id", func(t *testing.T) {
		s := sub.New(t)
		for _, id := range []string{"b", "泊位", "a", "B", "a/1", ""} {
			if err := put(t.Context(), s, fleet.DocUnit, id, "data of "+id, 0); err != nil {
				t.Fatal(err)
			}
		}
		if err := put(t.Context(), s, "uni", "t", "a kind whose name begins another's", 0); err != nil {
			t.Fatal(err)
		}
		docs, err := s.Documents(t.Context(), fleet.DocUnit)
		if err != nil || len(docs) != 6 {
			t.Fatalf("Documents = %v, %v, want six", docs, err)
		}
		for i, want := range []string{"", "B", "a", "a/1", "b", "泊位"} {
			if d := docs[i]; d.ID != want || string(d.Data) != "data of "+want || d.Revision != 1 {
				t.Errorf("document %d = %+v, want %q", i, d, want)
			}
		}
	})
	t.Run("what changed", func(t *testing.T) {
		handles := twoHandles(t, sub)
		writer, reader := handles[0], handles[1]
		changed := func(since uint64, version uint64, want ...string) {
			t.Helper()
			ids, got, known, err := reader.ChangedDocuments(t.Context(), fleet.DocFence, since)
			if err != nil || !known || got != version || !slices.Equal(ids, want) {
				t.Errorf("ChangedDocuments(%d) = %q, %d, %v, %v, want %q and %d", since, ids, got, known, err, want, version)
			}
		}
		changed(0, 0)
		for _, id := range []string{"b", "泊位", ""} {
			if err := put(t.Context(), writer, fleet.DocFence, id, "data", 0); err != nil {
				t.Fatal(err)
			}
		}
		if err := put(t.Context(), writer, fleet.DocUnit, "u", "another kind", 0); err != nil {
			t.Fatal(err)
		}
		if err := put(t.Context(), writer, fleet.DocFence, "b", "again", 1); err != nil {
			t.Fatal(err)
		}
		if err := writer.DeleteDocument(t.Context(), fleet.DocFence, "泊位"); err != nil {
			t.Fatal(err)
		}
		changed(0, 5, "", "b", "泊位")
		changed(3, 5, "b", "泊位")
		changed(4, 5, "泊位")
		changed(5, 5)
		if ids, version, known, err := reader.ChangedDocuments(t.Context(), fleet.DocFence, 6); err != nil || known || version != 5 || ids != nil {
			t.Errorf("ChangedDocuments after a version that never was = %q, %d, %v, %v", ids, version, known, err)
		}
		for rev := range uint64(fleet.ChangesKept) {
			if err := put(t.Context(), writer, fleet.DocFence, "c", "data", rev); err != nil {
				t.Fatal(err)
			}
		}
		changed(5, 5+fleet.ChangesKept, "c")
		if ids, version, known, err := reader.ChangedDocuments(t.Context(), fleet.DocFence, 4); err != nil || known || version != 5+fleet.ChangesKept || ids != nil {
			t.Errorf("ChangedDocuments after a version long ago = %q, %d, %v, %v", ids, version, known, err)
		}
	})
	t.Run("one of many wins each revision", func(t *testing.T) {
		const writers, revisions = 6, 15
		handles := twoHandles(t, sub)
		var won [revisions]atomic.Int32
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for rev := range uint64(revisions) {
					switch got, err := handles[w%2].PutDocument(t.Context(), fleet.DocFence, "f", []byte("same data"), rev); {
					case err == nil && got == rev+1:
						won[rev].Add(1)
					case !errors.Is(err, fleet.ErrConflict):
						t.Errorf("PutDocument = %d, %v", got, err)
					}
				}
			})
		}
		wg.Wait()
		for rev := range won {
			if n := won[rev].Load(); n != 1 {
				t.Errorf("revision %d was won %d times", rev+1, n)
			}
		}
		if v, err := handles[0].DocumentsVersion(t.Context(), fleet.DocFence); err != nil || v != revisions {
			t.Errorf("DocumentsVersion = %d, %v, want %d", v, err, revisions)
		}
	})
}
