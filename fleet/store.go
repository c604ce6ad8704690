package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dipper/fleet/cell"
)

// Store keeps all that the fleet knows. There are two, redisstore and embedstore; both pass storetest. A Store treats states,
// track segments, events and documents as bytes: what is in them is the fleet's business. All methods are safe for concurrent
// use and give up when ctx ends.
type Store interface {
	VehicleStore
	CellStore
	EventStore
	DocumentStore

	// Ready says nil, or why the store cannot take a commit now.
	Ready(ctx context.Context) error
	// Durability says in one line what survives what, for /readyz: "redis appendfsync=everysec", "embedded fsync per commit".
	Durability(ctx context.Context) (string, error)
	// Run does the store's own upkeep (applies what a crash left between a commit and its indexes, retention) until ctx ends.
	Run(ctx context.Context) error
	// Close releases the store after Run has returned.
	Close() error
}

// Errors that callers branch on.
var (
	// ErrConflict: somebody else committed this unit since the state was loaded. Load again and decide again.
	ErrConflict = errors.New("vehicle changed by another commit")
	// ErrNotFound: no such document, event or unit.
	ErrNotFound = errors.New("not found")
	// ErrUnavailable: the store cannot be reached or refuses writes; nothing was acknowledged. Trying again later is right.
	ErrUnavailable = errors.New("store unavailable")
)

// ErrLogWentBack: the event log lost its end, as Redis does that lost its last second, and what followed has the same numbers again.
var ErrLogWentBack = errors.New("the event log went back")

// ErrWentBack wraps ErrUnavailable: the store went back to an earlier state of a unit, as Redis does that lost its last second. Numbers
// that were acknowledged are gone with it. Trying the batch again is not enough: the unit must say hello again, so that it
// learns from Held what to send again.
var ErrWentBack = fmt.Errorf("%w: it went back to an earlier state; the unit must say hello again", ErrUnavailable)

// VehicleStore keeps one record and one track per unit. A Step is the commit point of the whole service: it is stored
// completely or not at all, and an acknowledgement is sent only after Commit said nil.
type VehicleStore interface {
	// Load gives a unit's record; Version 0 and no State for a unit that never committed.
	Load(ctx context.Context, unit UnitID) (Record, error)
	// EachRecord calls fn for every unit with a record, in no order, until fn fails. Commits meanwhile may or may not be seen.
	EachRecord(ctx context.Context, fn func(UnitID, Record) error) error
	// Commit stores each step atomically and independently, and returns one error per step, in order: nil, ErrConflict,
	// or an error wrapping ErrUnavailable after which it is unknown whether the step was stored (load to find out).
	// When it says nil, the step's events, cell and visits are visible to readers.
	Commit(ctx context.Context, steps []Step) []error
	// Track gives the segments appended for a day, concatenated in the order of their commits; nil for none.
	Track(ctx context.Context, unit UnitID, day Day) ([]byte, error)
	// Days lists the days of a unit's track, ascending.
	Days(ctx context.Context, unit UnitID) ([]Day, error)
}

// Record is a unit's state at a version. Every commit raises the version by one.
type Record struct {
	Version uint64
	Mark    uint64 // of the step that made it; 0 where the store cannot go back while it is open
	State   []byte
}

// Day is a UTC day of fix time, in days since 1970-01-01.
type Day int32

// DayOf is the day of t.
func DayOf(t time.Time) Day {
	const secondsPerDay = 86400
	s := t.Unix()
	d := s / secondsPerDay
	if s%secondsPerDay < 0 {
		d--
	}
	return Day(d)
}

// startOf is when a day begins.
func startOf(d Day) time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

// Step is all that one batch of one unit changes.
type Step struct {
	Unit   UnitID
	Expect uint64 // the version the step was decided on; the commit makes Expect+1
	// ExpectMark is the Mark of the record the step was decided on. It tells that record from another of the same version, made after the
	// store lost the first. 0: the version is enough.
	ExpectMark uint64
	Mark       uint64        // of the record that the step makes: a random number, or 0 to let the store draw one
	State      []byte        // the new state
	Track      []Segment     // appended to the track
	Events     []EventRecord // to the unit's events (by id, a higher revision replaces) and to the event log
	Position   Position      // last position after the step; zero Cell: the unit has none yet
	PrevCell   cell.ID       // where it was before; 0 none
	Opened     []string      // fences with a visit since this step
	Closed     []string      // fences whose visit ended in this step
}

// Segment is encoded batches (positioning/track) of one day.
type Segment struct {
	Day  Day
	Data []byte
}

// EventRecord is one event as stored. (ID, Revision) is logged exactly once, however often it is committed or retried.
type EventRecord struct {
	ID       string
	Revision uint32
	FixTime  time.Time // of the first fix that shows it
	Data     []byte
}

// CellStore answers where units are, through H3 cells at cell.Working.
type CellStore interface {
	// OccupiedCells gives the working cells below the given coarser ones (resolution cell.Directory) that hold at least one
	// unit; every occupied cell if parents is nil.
	OccupiedCells(ctx context.Context, parents []cell.ID) ([]cell.ID, error)
	// InCells gives the last positions of the units in the given working cells, each unit once, none stale: an entry that the
	// unit's record contradicts is not returned.
	InCells(ctx context.Context, cells []cell.ID) ([]Position, error)
	// Inside gives the units with an open visit in a fence.
	Inside(ctx context.Context, fence string) ([]UnitID, error)
}

// Cursor is a place in the event log: the number of an entry, from 1. 0 is before the first.
type Cursor uint64

// LogEntry is one event in the log of all units.
type LogEntry struct {
	Cursor Cursor
	// Mark tells the entry from another that has got its number after the store lost the end of the log; 0 where that cannot be.
	Mark uint64
	EventRecord
}

// EventStore keeps events by unit and in one log.
type EventStore interface {
	// UnitEvents gives the latest revision of each event of a unit whose FixTime is not before from, in order of FixTime.
	UnitEvents(ctx context.Context, unit UnitID, from time.Time) ([]EventRecord, error)
	// Events gives up to limit log entries after a cursor, in order, without a gap.
	Events(ctx context.Context, after Cursor, limit int) ([]LogEntry, error)
	// EventCursor is where the first log entry of an event id stands; ErrNotFound.
	EventCursor(ctx context.Context, id string) (Cursor, error)
	// LastCursor is the newest entry's; 0 for an empty log.
	LastCursor(ctx context.Context) (Cursor, error)
	// WaitEvents returns nil soon after the log has an entry after the cursor, whichever node wrote it, or has lost its end and stops
	// before the cursor; or ctx's error.
	WaitEvents(ctx context.Context, after Cursor) error
}

// Document kinds.
const (
	DocFence = "fence" // fence revisions, by fence id
	DocUnit  = "unit"  // registered units, by unit id
	DocKey   = "key"   // unit id, by hash of the unit's key
	DocToken = "token" // API tokens, by hash of the token

	DocSettings = "settings" // what is wanted of a unit, by unit id
	DocNotice   = "notice"   // the last notice for a unit's driver, by unit id
	DocReported = "reported" // what a unit said of those two, by unit id
	DocOnboard  = "onboard"  // the last events that a unit decided by itself, by unit id
)

// DocumentKinds are all kinds, as an export takes them. A kind that is not among them is in no backup.
func DocumentKinds() []string {
	return []string{DocFence, DocUnit, DocKey, DocToken, DocSettings, DocNotice, DocReported, DocOnboard}
}

// Document is a small named value with a revision.
type Document struct {
	ID       string
	Revision uint64 // 1, 2, 3 …
	Data     []byte
}

// ChangesKept is how many of the last changes of a kind a store remembers at least.
const ChangesKept = 1024

// DocumentStore keeps small named values that change rarely.
type DocumentStore interface {
	// Document gives one; ErrNotFound.
	Document(ctx context.Context, kind, id string) (Document, error)
	// Documents gives all of a kind, ordered by ID.
	Documents(ctx context.Context, kind string) ([]Document, error)
	// PutDocument stores data as the next revision and returns it. expect is the revision it replaces (0: must not exist);
	// ErrConflict if it is another.
	PutDocument(ctx context.Context, kind, id string, data []byte, expect uint64) (uint64, error)
	// DeleteDocument removes one; ErrNotFound.
	DeleteDocument(ctx context.Context, kind, id string) error
	// WaitDocuments returns nil soon after any document of kind changed, on whichever node, since the given version (as
	// DocumentsVersion gave it), or ctx's error.
	WaitDocuments(ctx context.Context, kind string, since uint64) error
	// DocumentsVersion counts the changes of a kind.
	DocumentsVersion(ctx context.Context, kind string) (uint64, error)
	// ChangedDocuments gives the ids of the documents of a kind that were put or deleted after a version, each once, and the
	// version up to which that is so. known is false, and there are no ids, if that is more than the store remembers.
	ChangedDocuments(ctx context.Context, kind string, since uint64) (ids []string, version uint64, known bool, err error)
}
