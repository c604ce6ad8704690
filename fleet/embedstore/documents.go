package embedstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"dipper/fleet"
)

// Document gives one document.
func (s *Store) Document(ctx context.Context, kind, id string) (fleet.Document, error) {
	v, err := s.view(ctx)
	if err != nil {
		return fleet.Document{}, err
	}
	defer v.close()
	value, err := get(v.snap, documentKey(kind, id))
	if err != nil {
		return fleet.Document{}, err
	}
	if value == nil {
		return fleet.Document{}, fmt.Errorf("%s %s: %w", kind, id, fleet.ErrNotFound)
	}
	return decodeDocument(id, value)
}

func decodeDocument(id string, value []byte) (fleet.Document, error) {
	if len(value) < 8 {
		return fleet.Document{}, fmt.Errorf("document %s: %w", id, fleet.ErrStored)
	}
	return fleet.Document{ID: id, Revision: binary.BigEndian.Uint64(value), Data: value[8:]}, nil
}

// Documents gives all of a kind by the order of their ids.
func (s *Store) Documents(ctx context.Context, kind string) ([]fleet.Document, error) {
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	defer v.close()
	var docs []fleet.Document
	prefix := documentPrefix(kind)
	err = scan(ctx, v.snap, prefix, after(prefix), func(key, value []byte) error {
		d, err := decodeDocument(string(key[len(prefix):]), slices.Clone(value))
		if err == nil {
			docs = append(docs, d)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return docs, nil
}

// PutDocument stores the next revision.
func (s *Store) PutDocument(ctx context.Context, kind, id string, data []byte, expect uint64) (uint64, error) {
	err := s.changeDocument(ctx, kind, id, func(t *tx, key []byte, revision uint64) error {
		if revision != expect {
			return fleet.ErrConflict
		}
		return t.put(key, append(binary.BigEndian.AppendUint64(nil, expect+1), data...))
	})
	if err != nil {
		return 0, err
	}
	return expect + 1, nil
}

// DeleteDocument removes one.
func (s *Store) DeleteDocument(ctx context.Context, kind, id string) error {
	return s.changeDocument(ctx, kind, id, func(t *tx, key []byte, revision uint64) error {
		if revision == 0 {
			return fleet.ErrNotFound
		}
		return t.drop(key)
	})
}

// changeDocument calls change with the present revision, 0 of none, and counts the change.
func (s *Store) changeDocument(ctx context.Context, kind, id string, change func(t *tx, key []byte, revision uint64) error) error {
	err := s.write(ctx, func(t *tx) error {
		key := documentKey(kind, id)
		old, err := t.get(key)
		if err != nil {
			return err
		}
		var doc fleet.Document
		if old != nil {
			if doc, err = decodeDocument(id, old); err != nil {
				return err
			}
		}
		if err := change(t, key, doc.Revision); err != nil {
			return err
		}
		n, err := changes(t.s.db, kind)
		if err != nil {
			return err
		}
		t.kinds[kind] = true
		n++
		if err := t.put(changeKey(kind, n), []byte(id)); err != nil {
			return err
		}
		if n > fleet.ChangesKept {
			if err := t.drop(changeKey(kind, n-fleet.ChangesKept)); err != nil {
				return err
			}
		}
		return t.put(changesKey(kind), binary.BigEndian.AppendUint64(nil, n))
	})
	if err != nil {
		return fmt.Errorf("%s %s: %w", kind, id, err)
	}
	return nil
}

func changes(r reader, kind string) (uint64, error) {
	value, err := get(r, changesKey(kind))
	if len(value) < 8 || err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(value), nil
}

// DocumentsVersion counts the changes of a kind.
func (s *Store) DocumentsVersion(ctx context.Context, kind string) (uint64, error) {
	v, err := s.view(ctx)
	if err != nil {
		return 0, err
	}
	defer v.close()
	return changes(v.snap, kind)
}

// ChangedDocuments gives what changed after a version.
func (s *Store) ChangedDocuments(ctx context.Context, kind string, since uint64) (ids []string, version uint64, known bool, err error) {
	v, err := s.view(ctx)
	if err != nil {
		return nil, 0, false, err
	}
	defer v.close()
	version, err = changes(v.snap, kind)
	if err != nil || since > version {
		return nil, version, false, err
	}
	missing := version - since // a store of an older version did not write them down
	err = scan(ctx, v.snap, changeKey(kind, since+1), after(changePrefix(kind)), func(_, id []byte) error {
		ids = append(ids, string(id))
		missing--
		return nil
	})
	if err != nil || missing > 0 {
		return nil, version, false, err
	}
	slices.Sort(ids)
	return slices.Compact(ids), version, true, nil
}

// WaitDocuments waits for a change of a kind.
func (s *Store) WaitDocuments(ctx context.Context, kind string, since uint64) error {
	s.mu.Lock()
	b := s.changed[kind]
	if b == nil {
		b = newBell()
		s.changed[kind] = b
	}
	s.mu.Unlock()
	return s.await(ctx, b, func() (bool, error) {
		n, err := s.DocumentsVersion(ctx, kind)
		return n > since, err
	})
}
