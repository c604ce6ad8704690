package embedstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"dipper/fleet"
)

// ErrLocked: another process, or another Store of this one, uses the directory. The error that wraps it names the directory.
var ErrLocked = errors.New("data directory is in use")

// DefaultMinFree is how much space the disk must have for a commit: the engine needs room to sort what it has taken, and
// running out in the middle of that ends the store until it is opened again.
const DefaultMinFree = 256 << 20

// Config says where and how to keep the data. Only Dir is required.
type Config struct {
	Dir            string           // made if it does not exist
	Log            *slog.Logger     // nil: says nothing
	TrackRetention time.Duration    // how long tracks and units' events are kept, by fix time; 0 for ever
	EventCap       uint64           // how many entries the event log keeps; 0 all
	MinFree        uint64           // bytes free on the disk below which commits are refused; 0 DefaultMinFree
	Now            func() time.Time // the clock of retention; nil time.Now

	fs vfs.FS // tests only: a disk that fails
}

// Store is a fleet.Store in a directory.
type Store struct {
	cfg  Config
	db   *pebble.DB
	lock *dirLock

	broken *brokenLogger // set when the engine can take no more

	readers sync.WaitGroup // views in use; Close waits for them

	mu      sync.RWMutex // held by a writer until its batch is on the disk, by a reader only while it takes its view
	closed  bool
	first   fleet.Cursor // the oldest entry kept, 0 none
	last    fleet.Cursor // the newest entry, 0 none
	grew    *bell        // rung when the log grew
	changed map[string]*bell
}

var _ fleet.Store = (*Store)(nil)

// Open opens the store in cfg.Dir or makes one there. It starts nothing that lives longer than the engine's own flushing and
// compaction, which Close ends. The error wraps ErrLocked if the directory is in use.
func Open(cfg Config) (*Store, error) {
	if cfg.Dir == "" {
		return nil, errors.New("embedded store: no directory given")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.MinFree == 0 {
		cfg.MinFree = DefaultMinFree
	}
	if cfg.fs == nil {
		cfg.fs = vfs.Default
	}
	if err := os.MkdirAll(cfg.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("embedded store: %w", err)
	}
	lock, err := lockDir(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("embedded store: %w", err)
	}
	s := &Store{cfg: cfg, lock: lock, grew: newBell(), changed: map[string]*bell{}}
	s.broken = &brokenLogger{log: cfg.Log, done: make(chan struct{})}
	if err := s.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("embedded store in %s: %w", cfg.Dir, err), lock.release())
	}
	return s, nil
}

func (s *Store) open() error {
	db, err := pebble.Open(filepath.Join(s.cfg.Dir, "store"), engineOptions(s.broken, s.cfg.fs))
	if err != nil {
		return err
	}
	s.db = db
	if s.first, s.last, err = logBounds(db); err != nil {
		return errors.Join(err, db.Close())
	}
	return nil
}

// Close waits for readers, ends the engine and gives the directory free.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.grew.ring()
	for _, b := range s.changed {
		b.ring()
	}
	s.mu.Unlock()
	s.readers.Wait()
	if err := errors.Join(s.db.Close(), s.lock.release()); err != nil {
		return fmt.Errorf("close embedded store in %s: %w", s.cfg.Dir, err)
	}
	return nil
}

// Ready says nil, or why the store cannot take a commit now: closed, broken, or too little room on the disk.
func (s *Store) Ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.writableLocked()
}

// Durability says that a commit is on the disk when it returns.
func (s *Store) Durability(context.Context) (string, error) { return "embedded fsync per commit", nil }

// usableLocked says whether the store can be read.
func (s *Store) usableLocked() error {
	if s.closed {
		return fmt.Errorf("%w: embedded store in %s is closed", fleet.ErrUnavailable, s.cfg.Dir)
	}
	if err := s.broken.reason(); err != nil {
		return fmt.Errorf("%w: embedded store in %s has to be opened again: %w", fleet.ErrUnavailable, s.cfg.Dir, err)
	}
	return nil
}

func (s *Store) writableLocked() error {
	if err := s.usableLocked(); err != nil {
		return err
	}
	free, err := freeBytes(s.cfg.Dir)
	if err != nil {
		return fmt.Errorf("%w: free space of %s: %w", fleet.ErrUnavailable, s.cfg.Dir, err)
	}
	if free < s.cfg.MinFree {
		return fmt.Errorf("%w: disk of %s is nearly full: %d MB free, %d MB needed", fleet.ErrUnavailable, s.cfg.Dir, free>>20, s.cfg.MinFree>>20)
	}
	return nil
}
