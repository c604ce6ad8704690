package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"dipper/cmd/internal/command"
	"dipper/fleet"
	"dipper/fleet/backup"
	"dipper/fleet/embedstore"
)

// exportCmd writes a backup.
type exportCmd struct {
	storage
	To string `help:"File to write. It appears when it is complete, in place of one of that name." required:"" placeholder:"FILE" type:"path"`
}

// Run prints what was exported.
func (c *exportCmd) Run(ctx context.Context, s command.Streams) error {
	store, err := c.openExisting(ctx, keeping{}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	contents, err := writeBackup(ctx, store, c.To)
	if err := errors.Join(err, store.Close()); err != nil {
		return unfinished(ctx, err)
	}
	_, err = fmt.Fprintf(s.Out, "%s: %v\n", c.To, contents)
	return err
}

// writeBackup writes under another name and renames when the disk has all of it.
func writeBackup(ctx context.Context, store fleet.Store, path string) (contents backup.Contents, err error) {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.partial") // of mode 0600: it says where everybody was
	if err != nil {
		return contents, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	contents, err = backup.Export(ctx, store, file, "dipper "+command.Version(), time.Now())
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return contents, err
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return contents, err
	}
	return contents, syncDir(filepath.Dir(path))
}

// syncDir puts a directory's entries on the disk.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// importCmd reads a backup into an empty store.
type importCmd struct {
	command.Logging
	storage
	keeping
	File  string `arg:"" help:"File that export wrote." type:"path"`
	Check bool   `help:"Only read the file through and say what is in it."`
}

// Validate is called by kong.
func (c *importCmd) Validate() error { return errors.Join(c.storage.Validate(), c.keeping.Validate()) }

// Run prints what is in the file, and is then in the store.
func (c *importCmd) Run(ctx context.Context, s command.Streams) error {
	file, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer file.Close()
	var contents backup.Contents
	if c.Check {
		contents, err = backup.Verify(ctx, file)
	} else {
		contents, err = c.fill(ctx, file, c.Logger(s.Err))
	}
	if err != nil {
		return unfinished(ctx, fmt.Errorf("%s: %w", c.File, err))
	}
	_, err = fmt.Fprintf(s.Out, "%s: %v\n", c.File, contents)
	return err
}

func (c *importCmd) fill(ctx context.Context, file *os.File, log *slog.Logger) (contents backup.Contents, err error) {
	store, err := c.open(ctx, c.keeping, log)
	if err != nil {
		return contents, stopFirst(err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return backup.Import(ctx, store, file, log)
}

// openExisting opens a store that is there already: a directory by a wrong name would be an empty store.
func (s storage) openExisting(ctx context.Context, k keeping, log *slog.Logger) (fleet.Store, error) {
	if s.Redis == "" {
		if _, err := os.Stat(filepath.Join(s.Data, "store")); err != nil {
			return nil, fmt.Errorf("no embedded store in --data %s: %w", s.Data, err)
		}
	}
	store, err := s.open(ctx, k, log)
	return store, stopFirst(err)
}

// stopFirst says what helps when a running service has the embedded store.
func stopFirst(err error) error {
	if errors.Is(err, embedstore.ErrLocked) {
		return fmt.Errorf("%w: the embedded store is for one process; stop that first", err)
	}
	return err
}

// unfinished makes a failure of being interrupted: whoever relies on the result must not take it for done.
func unfinished(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted before it was done: %v", err)
	}
	return err
}
