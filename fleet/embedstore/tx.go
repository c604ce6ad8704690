package embedstore

import (
	"context"

	"github.com/cockroachdb/pebble/v2"

	"dipper/fleet"
)

// tx is one batch in the making. What it put it reads back, so several steps of one unit, or several revisions of one event,
// can be in the same batch.
type tx struct {
	s     *Store
	batch *pebble.Batch
	fresh map[string][]byte // what this batch put by put; nil: deleted
	first fleet.Cursor      // the log's oldest entry after this batch, 0 none
	last  fleet.Cursor      // and its newest
	kinds map[string]bool   // kinds of documents that it changes
}

// write makes a batch with fn and puts it on the disk. Nothing is written when fn fails. An error of the disk wraps
// fleet.ErrUnavailable. Mu is held until the disk has the batch, so that nobody reads what a crash could still undo.
func (s *Store) write(ctx context.Context, fn func(*tx) error) error {
	if err := ctx.Err(); err != nil {
		return unavailable(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.writableLocked(); err != nil {
		return err
	}
	t := &tx{s: s, batch: s.db.NewBatch(), fresh: map[string][]byte{}, first: s.first, last: s.last, kinds: map[string]bool{}}
	if err := fn(t); err != nil {
		return discard(t, err)
	}
	if t.batch.Empty() {
		return t.batch.Close()
	}
	if err := s.sync(t.batch); err != nil {
		return err
	}
	s.announceLocked(t)
	return nil
}

// discard closes a batch that was not written.
func discard(t *tx, err error) error {
	_ = t.batch.Close() // it only returns memory
	return err
}

// sync writes the batch and waits until the disk has it. If that fails, it is unknown what the disk has, while the engine
// already shows the batch; so the store is broken until it is opened again, and reads what there is.
func (s *Store) sync(b *pebble.Batch) error {
	err := s.db.ApplyNoSyncWait(b, pebble.Sync)
	if err == nil && s.broken.reason() == nil {
		err = b.SyncWait()
	}
	if err != nil {
		s.broken.fail(err)
	}
	if err := s.broken.reason(); err != nil {
		return unavailable(err)
	}
	return b.Close()
}

func (s *Store) announceLocked(t *tx) {
	grew := t.last != s.last
	s.first, s.last = t.first, t.last
	if grew {
		s.grew.ring()
	}
	for kind := range t.kinds {
		if b := s.changed[kind]; b != nil {
			b.ring()
		}
	}
}

// get gives the value as this batch leaves it, nil if there is none. The slice is not the caller's to change.
func (t *tx) get(key []byte) ([]byte, error) {
	if v, ok := t.fresh[string(key)]; ok {
		return v, nil
	}
	return get(t.s.db, key)
}

// put sets a value that get may want back in the same batch.
func (t *tx) put(key, value []byte) error {
	t.fresh[string(key)] = value
	return t.batch.Set(key, value, nil)
}

// drop deletes a key that get may look for in the same batch.
func (t *tx) drop(key []byte) error {
	t.fresh[string(key)] = nil
	return t.batch.Delete(key, nil)
}
