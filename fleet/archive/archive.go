package archive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"dipper/fleet"
	"dipper/geofence"
)

// Config says what to archive and where. Store and Dir are required.
type Config struct {
	Store    fleet.Store
	Dir      string // made if it does not exist
	From     fleet.Day
	Before   fleet.Day    // the first day that is not archived; it may not be later than today
	PartRows int64        // rows of a file after which, between two units, the next is begun; 0 DefaultPartRows
	Log      *slog.Logger // nil: says nothing
}

// DefaultPartRows makes files of fixes of about 400 MB.
const DefaultPartRows = 16 << 20

// Result is what a run did.
type Result struct {
	Days   int   // with something in the store
	Fixes  int64 // put into files by this run
	Events int64
	Known  int64 // fixes that were in files before
	Parts  int   // files made
	Bytes  int64 // of them

	// Lost are days on which units sent fixes that retention had dropped before the day was archived at all: the first and the
	// last of them, as far as can be seen. Silent days between them are not told apart. Zero times: none.
	LostFrom, LostTo time.Time
}

// Run archives what the store has of the days From to Before-1 and is not in the archive yet. It needs the memory of all units' ids, of one
// unit's day, and of the numbers that the day's files have. It may be interrupted at any time and run again. The error wraps
// ErrLocked, ErrDamaged, or what the store or the disk says.
func Run(ctx context.Context, cfg Config) (Result, error) {
	a, err := open(ctx, cfg)
	if err != nil {
		return Result{}, fmt.Errorf("archive: %w", err)
	}
	err = a.run(ctx)
	if err := errors.Join(err, a.lock.Close()); err != nil {
		return a.result, fmt.Errorf("archive: %w", err)
	}
	return a.result, nil
}

// archiver is one run.
type archiver struct {
	cfg    Config
	fleet  *fleet.Fleet
	lock   *os.File
	units  []fleet.UnitID // all, ascending
	result Result
}

func open(ctx context.Context, cfg Config) (*archiver, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.PartRows <= 0 {
		cfg.PartRows = DefaultPartRows
	}
	f, err := fleet.New(ctx, fleet.Config{Store: cfg.Store, Log: cfg.Log})
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Dir, 0o750); err != nil {
		return nil, err
	}
	lock, err := lockDir(cfg.Dir)
	if err != nil {
		return nil, err
	}
	return &archiver{cfg: cfg, fleet: f, lock: lock}, nil
}

func (a *archiver) run(ctx context.Context) error {
	days, err := a.look(ctx)
	if err != nil {
		return err
	}
	for _, d := range days {
		if d < a.cfg.From || d >= a.cfg.Before {
			continue
		}
		if err := a.day(ctx, d); err != nil {
			return fmt.Errorf("day %s: %w", dayName(d), err)
		}
		a.result.Days++
	}
	return nil
}

// look finds the units, the days of which the store has something, and those that were lost.
func (a *archiver) look(ctx context.Context) ([]fleet.Day, error) {
	first := map[fleet.UnitID]time.Time{}
	err := a.cfg.Store.EachRecord(ctx, func(unit fleet.UnitID, r fleet.Record) error {
		a.units = append(a.units, unit)
		if s, err := fleet.Summarize(unit, r.State); err == nil && !s.First.IsZero() { // of one that cannot be read nothing is known
			first[unit] = s.First
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list of units: %w", err)
	}
	slices.Sort(a.units)
	a.units = slices.Compact(a.units)
	stored := map[fleet.Day]bool{}
	for _, unit := range a.units {
		days, err := a.cfg.Store.Days(ctx, unit)
		if err != nil {
			return nil, fmt.Errorf("days of %s: %w", unit, err)
		}
		for _, d := range days {
			stored[d] = true
		}
		if at, ok := first[unit]; ok {
			a.noteLost(fleet.DayOf(at), days)
		}
	}
	days := make([]fleet.Day, 0, len(stored))
	for d := range stored {
		days = append(days, d)
	}
	slices.Sort(days)
	return days, nil
}

// noteLost looks at the days from a unit's first to the first that the store has of it: retention dropped them. Those that are not in the
// archive are lost.
func (a *archiver) noteLost(first fleet.Day, stored []fleet.Day) {
	if len(stored) == 0 || first >= stored[0] {
		return
	}
	for d := first; d < stored[0]; d++ {
		at := startOf(d)
		known := !a.result.LostFrom.IsZero() && !at.Before(a.result.LostFrom) && !at.After(a.result.LostTo)
		if known || a.archived(d) {
			continue
		}
		if a.result.LostFrom.IsZero() || at.Before(a.result.LostFrom) {
			a.result.LostFrom = at
		}
		if at.After(a.result.LostTo) {
			a.result.LostTo = at
		}
	}
}

func (a *archiver) archived(d fleet.Day) bool {
	_, err := os.Stat(filepath.Join(a.path("fixes", d), manifestName))
	return err == nil
}

func (a *archiver) path(what string, d fleet.Day) string {
	return filepath.Join(a.cfg.Dir, what, "day="+dayName(d))
}

// day archives what of a day is not in its files yet.
func (a *archiver) day(ctx context.Context, d fleet.Day) error {
	fixes, err := a.openTable(d)
	if err != nil {
		return err
	}
	events, err := a.openEvents(d)
	if err != nil {
		return err
	}
	for _, unit := range a.units {
		err := a.unitDay(ctx, unit, d, fixes, events)
		if err != nil {
			return errors.Join(fmt.Errorf("unit %s: %w", unit, err), fixes.rows.abandon(), events.rows.abandon())
		}
	}
	if err := errors.Join(fixes.rows.commit(), events.rows.commit()); err != nil {
		return err
	}
	for _, p := range slices.Concat(fixes.rows.made, events.rows.made) {
		a.result.Parts++
		a.result.Bytes += p.Bytes
	}
	a.cfg.Log.Debug("archived", "day", dayName(d), "files", a.result.Parts)
	return nil
}

// fixTable and eventTable are a day's files, and what was in them before this run.
type fixTable struct {
	rows  *rows[fixRow]
	known numbers
}

type eventTable struct {
	rows  *rows[eventRow]
	known map[eventKey]bool
}

func (a *archiver) openTable(d fleet.Day) (*fixTable, error) {
	f, err := openFolder(a.path("fixes", d), dayName(d))
	if err != nil {
		return nil, err
	}
	known, err := fixesIn(f)
	return &fixTable{&rows[fixRow]{folder: f, most: a.cfg.PartRows}, known}, err
}

func (a *archiver) openEvents(d fleet.Day) (*eventTable, error) {
	f, err := openFolder(a.path("events", d), dayName(d))
	if err != nil {
		return nil, err
	}
	known, err := eventsIn(f)
	return &eventTable{&rows[eventRow]{folder: f, most: a.cfg.PartRows}, known}, err
}

// unitDay writes what is new of one unit's day.
func (a *archiver) unitDay(ctx context.Context, unit fleet.UnitID, d fleet.Day, fixes *fixTable, events *eventTable) error {
	const all = 1<<63 - 1
	end := startOf(d + 1)
	track, _, err := a.fleet.Track(ctx, unit, startOf(d), end.Add(-time.Millisecond), all)
	if err != nil {
		return err
	}
	for i := range track {
		x := &track[i]
		if fixes.known.has(string(unit), x.Series, x.Seq) {
			a.result.Known++
			continue
		}
		a.result.Fixes++
		if err := fixes.rows.add(rowOfFix(unit, x), x.Fix.Point.Lon, x.Fix.Point.Lat); err != nil {
			return err
		}
	}
	told, err := a.cfg.Store.UnitEvents(ctx, unit, startOf(d))
	if err != nil {
		return err
	}
	for _, r := range told {
		if !r.FixTime.Before(end) {
			break
		}
		if events.known[eventKey{r.ID, r.Revision}] {
			continue
		}
		var e geofence.Event
		if err := json.Unmarshal(r.Data, &e); err != nil {
			return fmt.Errorf("event %s: %w: %w", r.ID, fleet.ErrStored, err)
		}
		a.result.Events++
		if err := events.rows.add(rowOfEvent(&e), e.Point.Lon, e.Point.Lat); err != nil {
			return err
		}
	}
	return errors.Join(fixes.rows.betweenUnits(), events.rows.betweenUnits())
}

// Check reads all files of an archive and compares them with their manifests. It returns how many there are. The error wraps ErrDamaged.
func Check(ctx context.Context, dir string) (files int, err error) {
	for _, what := range []string{"fixes", "events"} {
		folders, err := filepath.Glob(filepath.Join(dir, what, "day=*"))
		if err != nil {
			return files, err
		}
		for _, path := range folders {
			if ctx.Err() != nil {
				return files, ctx.Err()
			}
			f := &folder{path: path, manifest: manifest{Day: filepath.Base(path)[len("day="):]}}
			err := f.readManifest()
			if err == nil {
				err = f.check()
			}
			if errors.Is(err, fs.ErrNotExist) {
				err = fmt.Errorf("%w: %w", ErrDamaged, err)
			}
			if err != nil {
				return files, fmt.Errorf("archive: %w", err)
			}
			files += len(f.manifest.Parts)
		}
	}
	return files, nil
}
