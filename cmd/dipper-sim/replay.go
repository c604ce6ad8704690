package main

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"dipper/cmd/internal/command"
	"dipper/positioning"
	"dipper/positioning/track"
)

// replayCmd sends recordings with the times that they have. A file is a unit, named after it, and its numbers count in a
// series made from its content: sending it again adds nothing.
type replayCmd struct {
	service
	Files  []string `arg:"" name:"file" help:"Recordings, NMEA as received; .gz too." type:"existingfile"`
	Prefix string   `help:"Put this before each unit's name." default:""`
	Kind   string   `help:"What the units are: truck or vessel." default:"truck"`
}

// replayed is the summary of one file.
type replayed struct {
	Unit    string `json:"unit"`
	File    string `json:"file"`
	Fixes   int    `json:"fixes"`
	Refused int    `json:"refused"` // of the fixes, by a gate; they are sent too
	Held    int    `json:"held"`    // of the fixes, already there before
	Acked   int    `json:"acked"`
}

const (
	replayBatch  = 500 // fixes in a batch
	replayWindow = 4   // batches under way
	replayAtOnce = 8   // files
)

// Run sends all files and prints {"units":…,"fixes":…,"acked":…,"duration_s":…,"files":[…]}.
func (c *replayCmd) Run(ctx context.Context, s command.Streams) error {
	begin := time.Now()
	units := make([]string, len(c.Files))
	seen := map[string]string{}
	for i, file := range c.Files {
		units[i] = c.Prefix + unitName(file)
		if other, twice := seen[units[i]]; twice {
			return command.Usagef("%s and %s would both be unit %s", other, file, units[i])
		}
		seen[units[i]] = file
	}
	keys, err := c.keysOf(ctx, units, c.Kind)
	if err != nil {
		return err
	}
	results := make([]replayed, len(c.Files))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(replayAtOnce)
	for i, file := range c.Files {
		g.Go(func() (err error) {
			results[i], err = c.replay(gctx, file, units[i], keys[units[i]])
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	sum := struct {
		Units     int        `json:"units"`
		Fixes     int        `json:"fixes"`
		Acked     int        `json:"acked"`
		DurationS float64    `json:"duration_s"`
		Files     []replayed `json:"files"`
	}{Units: len(units), Files: results}
	for _, r := range results {
		sum.Fixes += r.Fixes
		sum.Acked += r.Acked
	}
	sum.DurationS = time.Since(begin).Seconds()
	return json.NewEncoder(s.Out).Encode(sum)
}

func (c *replayCmd) replay(ctx context.Context, file, unit, key string) (replayed, error) {
	result := replayed{Unit: unit, File: file}
	fixes, series, err := decodeFile(file)
	if err != nil {
		return result, err
	}
	result.Fixes = len(fixes)
	for _, f := range fixes {
		if f.Verdict != positioning.Accepted {
			result.Refused++
		}
	}
	conn, err := connect(ctx, c.uplinkURL(), unit, key, series, track.Seq(len(fixes)),
		func(time.Duration) {}, func(n int) { result.Acked += n }) // by the reader only, which has ended when Acked is read
	if err != nil {
		return result, fmt.Errorf("unit %s: %w", unit, err)
	}
	err = c.sendMissing(ctx, conn, fixes, &result)
	conn.close()
	if err != nil {
		return result, fmt.Errorf("unit %s: %w", unit, err)
	}
	return result, nil
}

func (c *replayCmd) sendMissing(ctx context.Context, conn *sender, fixes []positioning.Fix, result *replayed) error {
	missing := conn.held.Missing(track.Seq(len(fixes)))
	result.Held = len(fixes) - int(missing.Count())
	for _, gap := range missing {
		for first := gap.First; first <= gap.Last; first += replayBatch {
			last := min(first+replayBatch-1, gap.Last)
			if err := conn.wait(ctx, replayWindow); err != nil {
				return err
			}
			if err := conn.send(first, fixes[first-1:last]); err != nil {
				return err
			}
		}
	}
	return conn.wait(ctx, 1)
}

// decodeFile gives a recording's fixes, rounded as an agent would, and the series of its content.
func decodeFile(path string) ([]positioning.Fix, track.Series, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	var in io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if in, err = gzip.NewReader(f); err != nil {
			return nil, 0, fmt.Errorf("%s: %w", path, err)
		}
	}
	decoder := positioning.NewDecoder(positioning.DecoderConfig{})
	sum := crc32.NewIEEE()
	var fixes []positioning.Fix
	keep := func(decoded []positioning.Fix) {
		for _, fix := range decoded {
			fixes = append(fixes, track.Quantize(fix))
		}
	}
	buf := make([]byte, 1<<16)
	for {
		n, err := in.Read(buf)
		_, _ = sum.Write(buf[:n]) // a hash never fails
		keep(decoder.Write(buf[:n], time.Time{}))
		if errors.Is(err, io.EOF) {
			keep(decoder.Flush())
			return fixes, track.Series(max(sum.Sum32(), 1)), nil
		}
		if err != nil {
			return nil, 0, fmt.Errorf("%s: %w", path, err)
		}
	}
}

// unitName is a file's name without its endings.
func unitName(path string) string {
	name := strings.TrimSuffix(filepath.Base(path), ".gz")
	return strings.TrimSuffix(name, filepath.Ext(name))
}
