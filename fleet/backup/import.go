package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"dipper/fleet"
)

var (
	// ErrNotEmpty: the store that was to be filled has something already. An import that was cut short leaves such a store behind; it has
	// no documents yet, so nobody can sign in to it.
	ErrNotEmpty = errors.New("the store is not empty")
	// ErrDiffers: what is stored after an import is not what the file has.
	ErrDiffers = errors.New("what is stored differs from the file")
)

// Verify reads an export through and says what is in it. The error is a *DamagedError or from's.
func Verify(ctx context.Context, from io.Reader) (Contents, error) {
	return each(ctx, from, func(record) error { return nil })
}

// each gives all records between header and end.
func each(ctx context.Context, from io.Reader, fn func(record) error) (Contents, error) {
	r, err := newReader(from)
	if err != nil {
		return Contents{}, err
	}
	defer r.close()
	for ctx.Err() == nil {
		rec, err := r.record()
		if errors.Is(err, io.EOF) {
			return r.tally.contents(), nil
		}
		if err == nil {
			err = fn(rec)
		}
		if err != nil {
			return Contents{}, err
		}
	}
	return Contents{}, ctx.Err()
}

// Import fills an empty store that nobody else uses with what a file has. The file is read twice: nothing is written before all of
// it was found right. At the end what is stored is read back and compared. The error is a *DamagedError, or wraps ErrNotEmpty,
// ErrDiffers, or what the store says; except for the first two, the store must be emptied before another try.
func Import(ctx context.Context, s fleet.Store, from io.ReadSeeker, log *slog.Logger) (Contents, error) {
	put, ok := s.(fleet.Restorer)
	if !ok {
		return Contents{}, fmt.Errorf("import: %T cannot be filled from a file", s)
	}
	want, err := Verify(ctx, from)
	if err != nil {
		return Contents{}, fmt.Errorf("import: nothing was written: %w", err)
	}
	if err := mustBeEmpty(ctx, s); err != nil {
		return Contents{}, fmt.Errorf("import: %w", err)
	}
	if _, err := from.Seek(0, io.SeekStart); err != nil {
		return Contents{}, fmt.Errorf("import: %w", err)
	}
	f := filler{store: s, put: put, log: log}
	if _, err := each(ctx, from, func(r record) error { return f.add(ctx, &r) }); err != nil {
		return Contents{}, fmt.Errorf("import: %w", err)
	}
	if err := f.flush(ctx); err != nil {
		return Contents{}, fmt.Errorf("import: %w", err)
	}
	got, err := contentsOf(ctx, s)
	if err != nil {
		return Contents{}, fmt.Errorf("import: read back: %w", err)
	}
	if got != want {
		return got, fmt.Errorf("import: %w: the file has %v, the store has %v", ErrDiffers, want, got)
	}
	return got, nil
}

// mustBeEmpty says ErrNotEmpty and what is there.
func mustBeEmpty(ctx context.Context, s fleet.Store) error {
	errFound := errors.New("found")
	err := s.EachRecord(ctx, func(unit fleet.UnitID, _ fleet.Record) error {
		return fmt.Errorf("%w: it has unit %s", errFound, unit)
	})
	if errors.Is(err, errFound) {
		return fmt.Errorf("%w (%w)", ErrNotEmpty, err)
	}
	if err != nil {
		return err
	}
	last, err := s.LastCursor(ctx)
	if err != nil {
		return err
	}
	if last > 0 {
		return fmt.Errorf("%w: it has %d events", ErrNotEmpty, last)
	}
	for _, kind := range fleet.DocumentKinds() {
		docs, err := s.Documents(ctx, kind)
		if err != nil {
			return err
		}
		if len(docs) > 0 {
			return fmt.Errorf("%w: it has %d documents of kind %s", ErrNotEmpty, len(docs), kind)
		}
	}
	return nil
}
