package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"dipper/cmd/internal/command"
	"dipper/fleet"
	"dipper/fleet/archive"
)

// archiveCmd writes tracks and events into Parquet files.
type archiveCmd struct {
	storage
	Out    string `help:"Directory of the archive; made if it is not there." required:"" placeholder:"DIR" type:"path"`
	Day    string `help:"Only this day (UTC, of fix time), as 2026-11-23." placeholder:"DATE" xor:"day"`
	From   string `help:"Only days from this one on." placeholder:"DATE" xor:"day"`
	Before string `help:"Only days before this one; without it all that are over." placeholder:"DATE"`
	Check  bool   `help:"Only compare the files of the archive with their checksums."`
}

// Run prints what was archived, and warns of days that are lost.
func (c *archiveCmd) Run(ctx context.Context, s command.Streams) error {
	if c.Check {
		files, err := archive.Check(ctx, c.Out)
		if err != nil {
			return unfinished(ctx, err)
		}
		_, err = fmt.Fprintf(s.Out, "%s: %d files are as they were written\n", c.Out, files)
		return err
	}
	from, before, err := c.days()
	if err != nil {
		return &command.UsageError{Err: err}
	}
	store, err := c.openExisting(ctx, keeping{}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	r, err := archive.Run(ctx, archive.Config{Store: store, Dir: c.Out, From: from, Before: before})
	if err := errors.Join(err, store.Close()); err != nil {
		return unfinished(ctx, err)
	}
	if !r.LostFrom.IsZero() {
		fmt.Fprintf(s.Err, "dipper: warning: units sent fixes between %s and %s on days that are in no file: retention dropped them before they were archived\n",
			r.LostFrom.Format(time.DateOnly), r.LostTo.Format(time.DateOnly))
	}
	_, err = fmt.Fprintf(s.Out, "%s: %d days, %d new files of %d bytes with %d fixes and %d events; %d fixes were there already\n",
		c.Out, r.Days, r.Parts, r.Bytes, r.Fixes, r.Events, r.Known)
	return err
}

// days are those from … before-1 that the flags say. The earliest there can be is the year 1.
func (c *archiveCmd) days() (from, before fleet.Day, err error) {
	today := fleet.DayOf(time.Now())
	from, before = fleet.DayOf(time.Time{}), today
	for _, flag := range []struct {
		name, value string
		day         *fleet.Day
	}{{"--day", c.Day, &from}, {"--from", c.From, &from}, {"--before", c.Before, &before}} {
		if flag.value == "" {
			continue
		}
		at, err := time.Parse(time.DateOnly, flag.value)
		if err != nil {
			return 0, 0, fmt.Errorf("%s %q: want a date as 2026-11-23", flag.name, flag.value)
		}
		*flag.day = fleet.DayOf(at)
	}
	if c.Day != "" {
		if c.Before != "" {
			return 0, 0, errors.New("--day and --before exclude each other")
		}
		before = from + 1
	}
	if before > today {
		return 0, 0, errors.New("only days that are over (UTC) can be archived")
	}
	return from, before, nil
}

// How a running service archives: often enough that a run may fail, and as far back as late fixes usually are.
const (
	archiveEvery = 6 * time.Hour
	archiveDays  = 8
)

// keepArchive archives the days of the last week at once and then every few hours, until ctx ends. A run that fails is logged, and the
// next one does its work.
func keepArchive(ctx context.Context, store fleet.Store, dir string, log *slog.Logger) {
	tick := time.NewTicker(archiveEvery)
	defer tick.Stop()
	for {
		today := fleet.DayOf(time.Now())
		r, err := archive.Run(ctx, archive.Config{Store: store, Dir: dir, From: today - archiveDays, Before: today, Log: log})
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			log.Error("archive run failed", "dir", dir, "error", err)
		default:
			log.Info("archive run", "dir", dir, "days", r.Days, "files", r.Parts, "fixes", r.Fixes, "events", r.Events)
		}
		if !r.LostFrom.IsZero() {
			log.Warn("retention dropped days before they were archived", "from", r.LostFrom.Format(time.DateOnly), "to", r.LostTo.Format(time.DateOnly))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
