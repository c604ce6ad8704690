package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"dipper/geofence"
)

// fenceSet is the fences as this node knows them. The index is swapped whole, so that Accept never waits for an edit.
type fenceSet struct {
	turn chan struct{} // cap 1: whoever put its token in may read the store and swap; a lock that one can stop waiting for
	now  atomic.Pointer[fenceView]
}

// fenceView is one state of all fences.
type fenceView struct {
	version uint64 // of the documents, as the store counts
	index   *geofence.Index
	docs    []fenceDocument // by id; never changed in place
	next    chan struct{}   // closed when another view takes this one's place
}

// find is where a fence stands in docs, or would.
func (v *fenceView) find(id string) (int, bool) {
	return slices.BinarySearchFunc(v.docs, id, func(d fenceDocument, id string) int { return strings.Compare(d.id, id) })
}

func newFenceSet() *fenceSet {
	s := &fenceSet{turn: make(chan struct{}, 1)}
	s.now.Store(&fenceView{index: geofence.NewIndex(nil), next: make(chan struct{})})
	return s
}

// lock takes the turn, or gives up when ctx ends.
func (s *fenceSet) lock(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *fenceSet) unlock() { <-s.turn }

// swap makes docs the fences that count. The caller has the turn.
func (s *fenceSet) swap(version uint64, docs []fenceDocument) {
	all := make([]geofence.Fence, 0, len(docs))
	for _, d := range docs {
		all = append(all, d.revisions...)
	}
	before := s.now.Swap(&fenceView{version: version, index: geofence.NewIndex(all), docs: docs, next: make(chan struct{})})
	close(before.next)
}

// index is the fences by which the next batch is decided.
func (f *Fleet) index() *geofence.Index { return f.fences.now.Load().index }

// refreshFences reads all fences from the store. What cannot be read is left out and logged; it is a newer version's.
func (f *Fleet) refreshFences(ctx context.Context) error {
	if err := f.fences.lock(ctx); err != nil {
		return err
	}
	defer f.fences.unlock()
	version, err := f.store.DocumentsVersion(ctx, DocFence)
	if err != nil {
		return err
	}
	stored, err := f.store.Documents(ctx, DocFence)
	if err != nil {
		return err
	}
	docs := make([]fenceDocument, 0, len(stored))
	var bad uint64
	for _, d := range stored {
		doc, err := decodeFenceDocument(d)
		if err != nil {
			bad++
			f.log.Error("a fence is left out", "fence", d.ID, "error", err)
			continue
		}
		doc.forget(f.now().Add(-f.limits.FenceHistory), f.limits.FenceRevisions)
		docs = append(docs, doc)
	}
	f.stats.badFences.Store(bad)
	f.fences.swap(version, docs)
	return nil
}

// Pauses between attempts to reach the store.
const (
	firstRetry   = 100 * time.Millisecond
	longestRetry = 5 * time.Second
)

// followFences takes over what other nodes change, until ctx ends. While the store is away, the fences stay as they were.
func (f *Fleet) followFences(ctx context.Context) error {
	pause := firstRetry
	for {
		err := f.store.WaitDocuments(ctx, DocFence, f.fences.now.Load().version)
		if err == nil {
			err = f.refreshFences(ctx)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			pause = firstRetry
			continue
		}
		f.log.Warn("fences cannot be followed", "retry", pause, "error", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
		pause = min(2*pause, longestRetry)
	}
}

// PutFence makes a fence of a GeoJSON Feature, or changes the fence with this id. A change is a new revision: the one before ends
// now, or when the new one's valid_from comes; visits in it close, with an exit of reason "fence_changed", at each vehicle's
// next fix. The same feature again changes nothing. Batches accepted by this node after PutFence returned are decided by the
// new revision, on other nodes a moment later. created says that there was no such fence before.
//
// The error is a *geofence.InvalidError, an *InvalidError, or ErrUnavailable.
func (f *Fleet) PutFence(ctx context.Context, id string, feature []byte) (fence geofence.Fence, created bool, err error) {
	next, err := geofence.ParseFeature(id, feature, f.limits.Fence)
	if err != nil {
		return geofence.Fence{}, false, err
	}
	view := f.fences.now.Load()
	if _, known := view.find(id); !known && len(view.docs) >= f.limits.Fences {
		return geofence.Fence{}, false, &InvalidError{Field: "id", Reason: fmt.Sprintf("there are %d fences already, which is the limit", f.limits.Fences)}
	}
	err = f.changeFence(ctx, id, func(d *fenceDocument, now time.Time) (bool, error) {
		var changed bool
		fence, created, changed, err = d.put(next, now)
		return changed, err
	})
	return fence, created, err
}

// DeleteFence ends a fence now: open visits close, with an exit of reason "fence_deleted", at each vehicle's next fix. ErrNotFound
// if there is no such fence.
func (f *Fleet) DeleteFence(ctx context.Context, id string) error {
	return f.changeFence(ctx, id, func(d *fenceDocument, now time.Time) (bool, error) {
		if d.deleted || len(d.revisions) == 0 {
			return false, fmt.Errorf("fence %.64s: %w", id, ErrNotFound)
		}
		d.end(now)
		d.deleted = true
		return true, nil
	})
}

// changeFence applies a change to what the store has, again if another node was faster, and to this node's index.
func (f *Fleet) changeFence(ctx context.Context, id string, change func(*fenceDocument, time.Time) (bool, error)) error {
	if err := f.fences.lock(ctx); err != nil {
		return err
	}
	defer f.fences.unlock()
	for {
		stored, err := f.store.Document(ctx, DocFence, id)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return fmt.Errorf("fence %s: %w", id, err)
		}
		doc, err := decodeFenceDocument(stored)
		if err != nil {
			return fmt.Errorf("fence %s: %w", id, err)
		}
		doc.id = id
		now := f.now().UTC().Truncate(time.Millisecond)
		changed, err := change(&doc, now)
		if err != nil || !changed {
			return err
		}
		doc.forget(now.Add(-f.limits.FenceHistory), f.limits.FenceRevisions)
		data, err := doc.encode()
		if err != nil {
			return fmt.Errorf("fence %s: %w", id, err)
		}
		_, err = f.store.PutDocument(ctx, DocFence, id, data, stored.Revision)
		if errors.Is(err, ErrConflict) {
			continue
		}
		if err != nil {
			return fmt.Errorf("fence %s: %w", id, err)
		}
		f.stats.fenceChanges.Add(1)
		f.takeOver(ctx, doc)
		return nil
	}
}

// takeOver puts a fence that was just stored into this node's index. Where the store has seen no other change since, the node is up
// to date with that; otherwise followFences reads everything again.
func (f *Fleet) takeOver(ctx context.Context, doc fenceDocument) {
	view := f.fences.now.Load()
	docs := slices.Clone(view.docs)
	if i, known := view.find(doc.id); known {
		docs[i] = doc
	} else {
		docs = slices.Insert(docs, i, doc)
	}
	version := view.version
	if now, err := f.store.DocumentsVersion(ctx, DocFence); err == nil && now == version+1 {
		version = now
	}
	f.fences.swap(version, docs)
}

// Fence is the newest revision of a fence; ErrNotFound if there is none or it was deleted.
func (f *Fleet) Fence(ctx context.Context, id string) (geofence.Fence, error) {
	stored, err := f.store.Document(ctx, DocFence, id)
	if err != nil {
		return geofence.Fence{}, fmt.Errorf("fence %.64s: %w", id, err)
	}
	doc, err := decodeFenceDocument(stored)
	if err != nil {
		return geofence.Fence{}, fmt.Errorf("fence %s: %w", id, err)
	}
	fence, ok := doc.current()
	if !ok {
		return geofence.Fence{}, fmt.Errorf("fence %s: %w", id, ErrNotFound)
	}
	return fence, nil
}

// Fences are the newest revisions of all fences that are not deleted, by id, as this node knows them.
func (f *Fleet) Fences() []geofence.Fence {
	docs := f.fences.now.Load().docs
	out := make([]geofence.Fence, 0, len(docs))
	for _, d := range docs {
		if fence, ok := d.current(); ok {
			out = append(out, fence)
		}
	}
	return out
}

// FenceIndex is all fences as this node knows them, with all their revisions that are remembered.
func (f *Fleet) FenceIndex() *geofence.Index { return f.index() }

// WatchFences calls fn at once, and then whenever the fences of this node changed, until fn fails or ctx ends. Changes that come
// while fn runs are told once.
func (f *Fleet) WatchFences(ctx context.Context, fn func() error) error {
	for {
		next := f.fences.now.Load().next
		if err := fn(); err != nil {
			return err
		}
		select {
		case <-next:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
