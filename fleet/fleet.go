package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"dipper/fleet/cell"
	"dipper/geofence"
)

// Config says what a Fleet works with. Only Store is required.
type Config struct {
	Store    Store
	Log      *slog.Logger     // nil: says nothing
	Now      func() time.Time // the wall clock; nil: time.Now
	Listener Listener         // nil: nobody listens
	Limits   Limits
}

// Limits bound what a Fleet takes and keeps. A zero field stands for its default.
type Limits struct {
	FutureSkew     time.Duration   // a fix later than the clock by more is kept as refused; default 5 min
	CachedUnits    int             // units whose state stays decoded in memory, about 1.5 KB each; default 50,000
	CommitGroup    int             // steps in one commit; default 500. More raise the rate a little and the wait a lot.
	Committers     int             // commits under way at a time; default 2
	CommitTimeout  time.Duration   // after which a commit counts as unavailable; default 10 s
	SeriesPerUnit  int             // runs of numbers of a unit that are kept count of; default 4096. Beyond, the oldest is forgotten.
	RangesPerUnit  int             // ranges held in one series; default 4096. A unit that fills its gaps has a handful. Beyond, the shortest is forgotten.
	Fences         int             // fences there can be; default 100,000
	FenceHistory   time.Duration   // how long a revision that ended is remembered, for late fixes; default 90 days
	FenceRevisions int             // revisions of one fence that are remembered; default 256
	Fence          geofence.Limits // of one fence's shape
}

func (l *Limits) setDefaults() {
	orDefault(&l.FutureSkew, 5*time.Minute)
	orDefault(&l.CachedUnits, 50_000)
	orDefault(&l.CommitGroup, 500)
	orDefault(&l.Committers, 2)
	orDefault(&l.CommitTimeout, 10*time.Second)
	orDefault(&l.SeriesPerUnit, 4096)
	orDefault(&l.RangesPerUnit, 4096)
	orDefault(&l.Fences, 100_000)
	orDefault(&l.FenceHistory, 90*24*time.Hour)
	orDefault(&l.FenceRevisions, 256)
}

func orDefault[T int | time.Duration](field *T, value T) {
	if *field <= 0 {
		*field = value
	}
}

// Listener is told of positions as they change on this node.
type Listener interface {
	// Moved is called after the step is durable, when a unit's last position moved forward in time. Calls of one unit come in
	// order and one at a time, those of different units at once. It must not block: the unit's next batch waits for it. from is
	// the cell in which the unit was before; 0 none.
	Moved(p Position, from cell.ID)
}

// Fleet is the central model on a Store. All methods are safe for concurrent use. Accept works while Run runs; everything else
// works without it.
type Fleet struct {
	store    Store
	log      *slog.Logger
	now      func() time.Time
	listener Listener
	limits   Limits

	units      *unitCache
	commits    *committer
	fences     *fenceSet
	stats      counters
	workspaces sync.Pool // *workspace
}

// New makes a Fleet and loads the fences. It starts nothing.
func New(ctx context.Context, cfg Config) (*Fleet, error) {
	if cfg.Store == nil {
		return nil, errors.New("fleet: no store given")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Limits.setDefaults()
	f := &Fleet{store: cfg.Store, log: cfg.Log, now: cfg.Now, listener: cfg.Listener, limits: cfg.Limits}
	f.units = newUnitCache(cfg.Limits.CachedUnits)
	f.commits = newCommitter(cfg.Store, cfg.Limits, &f.stats)
	f.fences = newFenceSet()
	if err := f.refreshFences(ctx); err != nil {
		return nil, fmt.Errorf("fleet: load fences: %w", err)
	}
	return f, nil
}

// Run commits what Accept decides and follows changes of the fences by other nodes, until ctx ends. It may be called once.
// Commits under way are finished first; whoever still waits for one gets ErrUnavailable. The Store's own Run is the caller's
// to run, and to end after this one.
func (f *Fleet) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return f.commits.run(ctx) })
	g.Go(func() error { return f.followFences(ctx) })
	g.Go(func() error { return f.followLosses(ctx) })
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("fleet: %w", err)
	}
	return nil
}

// Ready says nil, or why batches cannot be taken now.
func (f *Fleet) Ready(ctx context.Context) error { return f.store.Ready(ctx) }

// Durability says in one line what an acknowledged fix survives.
func (f *Fleet) Durability(ctx context.Context) (string, error) { return f.store.Durability(ctx) }
