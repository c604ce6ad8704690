package redisstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"dipper/fleet"
)

// Document gives one document.
func (s *Store) Document(ctx context.Context, kind, id string) (fleet.Document, error) {
	value, err := s.client.HGet(ctx, documentsKey(kind), id).Bytes()
	if errors.Is(err, redis.Nil) {
		return fleet.Document{}, fmt.Errorf("%s %s: %w", kind, id, fleet.ErrNotFound)
	}
	if err != nil {
		return fleet.Document{}, readError(ctx, err)
	}
	return decodeDocument(id, value)
}

func decodeDocument(id string, value []byte) (fleet.Document, error) {
	revision, data, ok := bytes.Cut(value, []byte{':'})
	n, err := strconv.ParseUint(string(revision), 10, 64)
	if !ok || err != nil {
		return fleet.Document{}, fmt.Errorf("document %s: %w", id, fleet.ErrStored)
	}
	return fleet.Document{ID: id, Revision: n, Data: data}, nil
}

// Documents gives all of a kind by the order of their ids.
func (s *Store) Documents(ctx context.Context, kind string) ([]fleet.Document, error) {
	values, err := s.client.HGetAll(ctx, documentsKey(kind)).Result()
	if err != nil {
		return nil, readError(ctx, err)
	}
	docs := make([]fleet.Document, 0, len(values))
	for id, value := range values {
		d, err := decodeDocument(id, []byte(value))
		if err != nil {
			return nil, err
		}
		docs = append(docs, d)
	}
	slices.SortFunc(docs, func(a, b fleet.Document) int { return strings.Compare(a.ID, b.ID) })
	return docs, nil
}

// PutDocument stores the next revision.
func (s *Store) PutDocument(ctx context.Context, kind, id string, data []byte, expect uint64) (uint64, error) {
	if err := s.changeDocument(ctx, kind, id, strconv.FormatUint(expect, 10), data, "put"); err != nil {
		return 0, err
	}
	return expect + 1, nil
}

// DeleteDocument removes one.
func (s *Store) DeleteDocument(ctx context.Context, kind, id string) error {
	return s.changeDocument(ctx, kind, id, "", nil, "delete")
}

func (s *Store) changeDocument(ctx context.Context, kind, id, expect string, data []byte, what string) error {
	nonce := strconv.FormatUint(s.nonce.Add(1), 36)
	c := &call{script: &s.scripts.document, keys: []string{documentsKey(kind), changesKey(kind)}, args: []any{nonce, id, expect, data, what, fleet.ChangesKept}}
	s.runSettled(ctx, []*call{c})
	const conflict, done, missing = 0, 1, -1
	switch answer, err := c.cmd.Int(); {
	case err != nil:
		return fmt.Errorf("%s %s: %w", what, kind, unavailable(err))
	case answer == conflict:
		return fmt.Errorf("%s %s %s: %w", what, kind, id, fleet.ErrConflict)
	case answer == missing:
		return fmt.Errorf("%s %s: %w", kind, id, fleet.ErrNotFound)
	case answer != done:
		return unavailable(fmt.Errorf("answer %d to %s %s", answer, what, kind))
	}
	return nil
}

// DocumentsVersion counts the changes of a kind.
func (s *Store) DocumentsVersion(ctx context.Context, kind string) (uint64, error) {
	return s.newest(ctx, changesKey(kind))
}

// ChangedDocuments gives what changed after a version.
func (s *Store) ChangedDocuments(ctx context.Context, kind string, since uint64) (ids []string, version uint64, known bool, err error) {
	if since == math.MaxUint64 {
		return nil, since, false, nil
	}
	messages, err := s.client.XRangeN(ctx, changesKey(kind), streamID(since+1), "+", fleet.ChangesKept).Result()
	if err != nil {
		return nil, 0, false, readError(ctx, err)
	}
	if len(messages) == 0 { // nothing, or Redis lost its last second and more
		version, err = s.newest(ctx, changesKey(kind))
		return nil, version, version == since, err
	}
	known = true
	for i, m := range messages {
		if version, err = streamNumber(m.ID); err != nil {
			return nil, 0, false, err
		}
		id, ok := m.Values["id"].(string) // an older version of the service wrote none
		known = known && ok && version == since+1+uint64(i)
		ids = append(ids, id)
	}
	if !known {
		return nil, version, false, nil
	}
	slices.Sort(ids)
	return slices.Compact(ids), version, true, nil
}

// WaitDocuments waits for a change of a kind.
func (s *Store) WaitDocuments(ctx context.Context, kind string, since uint64) error {
	return s.wait(ctx, changesKey(kind), since)
}
