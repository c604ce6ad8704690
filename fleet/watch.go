package fleet

import (
	"context"
	"time"
)

// How documents are followed.
const (
	watchPause = 100 * time.Millisecond // between two readings of a kind, at least, and
	watchShare = 10                     // so many times what a reading took
)

// watchDocuments calls fn with all documents of a kind: at once, and soon after any changed, on whichever node. Failures of the store
// are logged, and it goes on until ctx ends; it returns ctx's error.
//
// The store says that something of a kind changed, not what. So every change, or all that come close together, cost one reading
// of the whole kind on each node: for 50,000 units with 200 bytes each 10 MB, some 50 ms of this node and 20 ms of a Redis. The
// pauses keep that below a tenth of the time, however fast somebody changes one unit after the other.
func (f *Fleet) watchDocuments(ctx context.Context, kind string, fn func([]Document)) error {
	retry := firstRetry
	for ctx.Err() == nil {
		begin := time.Now()
		version, err := f.readDocuments(ctx, kind, fn)
		pause := max(watchPause, watchShare*time.Since(begin))
		if err == nil && rest(ctx, pause) {
			err = f.store.WaitDocuments(ctx, kind, version)
		}
		if err == nil {
			retry = firstRetry
			continue
		}
		if ctx.Err() == nil {
			f.log.Warn("documents cannot be followed", "kind", kind, "retry", retry, "error", err)
			rest(ctx, retry)
			retry = min(2*retry, longestRetry)
		}
	}
	return ctx.Err()
}

// readDocuments gives the version that the documents have at least.
func (f *Fleet) readDocuments(ctx context.Context, kind string, fn func([]Document)) (version uint64, err error) {
	version, err = f.store.DocumentsVersion(ctx, kind)
	if err != nil {
		return 0, err
	}
	docs, err := f.store.Documents(ctx, kind)
	if err != nil {
		return 0, err
	}
	fn(docs)
	return version, nil
}

// rest waits, and reports whether ctx goes on.
func rest(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
