package embedstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"dipper/fleet"
)

// view is the store at one moment, durable as far as it shows. Call close.
type view struct {
	s    *Store
	snap *pebble.Snapshot
}

// view takes a view of what is on the disk: a writer holds mu until its batch is.
func (s *Store) view(ctx context.Context) (*view, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usableLocked(); err != nil {
		return nil, err
	}
	s.readers.Add(1)
	return &view{s, s.db.NewSnapshot()}, nil
}

func (v *view) close() {
	_ = v.snap.Close() // fails only where it was closed before
	v.s.readers.Done()
}

// reader is what can be read: the engine, or a view of it.
type reader interface {
	pebble.Reader
}

// get gives a copy of the value, nil if there is none.
func get(r reader, key []byte) ([]byte, error) {
	v, closer, err := r.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, unavailable(err)
	}
	defer closer.Close()
	return append(make([]byte, 0, len(v)), v...), nil
}

// errStop ends a scan without an error.
var errStop = errors.New("stop")

// scan calls fn for the keys in [from, to) in order, until fn fails; errStop ends it well. The slices are the engine's and
// hold until fn returns. Ctx is looked at now and then.
func scan(ctx context.Context, r reader, from, to []byte, fn func(key, value []byte) error) error {
	const lookEvery = 1024
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return unavailable(err)
	}
	n := 0
	for ok := it.First(); ok; ok = it.Next() {
		if n++; n%lookEvery == 0 && ctx.Err() != nil {
			return errors.Join(ctx.Err(), it.Close())
		}
		value, err := it.ValueAndErr()
		if err != nil {
			return errors.Join(unavailable(err), it.Close())
		}
		if err := fn(it.Key(), value); err != nil {
			if err == errStop {
				return it.Close()
			}
			return errors.Join(err, it.Close())
		}
	}
	if err := it.Close(); err != nil {
		return unavailable(err)
	}
	return nil
}

// hop calls fn with the first key of [from, to) and goes on at the key that fn returns, until it returns nil: a way over
// groups of keys that touches one key of each.
func hop(ctx context.Context, r reader, from, to []byte, fn func(key []byte) (next []byte)) error {
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return unavailable(err)
	}
	for next := from; next != nil && it.SeekGE(next); {
		if ctx.Err() != nil {
			return errors.Join(ctx.Err(), it.Close())
		}
		next = fn(it.Key())
	}
	if err := it.Close(); err != nil {
		return unavailable(err)
	}
	return nil
}

func unavailable(err error) error { return fmt.Errorf("%w: %w", fleet.ErrUnavailable, err) }
