package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"dipper/cmd/internal/command"
	"dipper/positioning"
	"dipper/receiver"
)

type decodeCmd struct {
	File string `arg:"" help:"A recording, packed by gzip or not; - for standard input." placeholder:"FILE|-"`
	AsOf string `help:"Repair dates of wrapped week counters: the recording is of this day or later. Without it dates are given as the receiver sent them." placeholder:"YYYY-MM-DD"`
}

// Run prints the fixes of one recording.
func (c *decodeCmd) Run(ctx context.Context, s command.Streams) error {
	var asOf time.Time
	if c.AsOf != "" {
		var err error
		if asOf, err = time.Parse(time.DateOnly, c.AsOf); err != nil {
			return command.Usagef("--as-of: %q is not a date YYYY-MM-DD", c.AsOf)
		}
	}
	in := s.In
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	in, err := receiver.Unpack(receiver.Interruptible(ctx, in))
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	out := bufio.NewWriterSize(s.Out, 64<<10)
	stats, err := decode(ctx, in, out, asOf)
	if flushed := out.Flush(); flushed != nil {
		return fmt.Errorf("write fixes: %w", flushed)
	}
	if _, err := io.WriteString(s.Err, summary(stats)); err != nil {
		return err
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	return nil
}

// decode writes a line for each fix of in, those before an error of in included.
func decode(ctx context.Context, in io.Reader, out io.Writer, asOf time.Time) (positioning.Stats, error) {
	d := positioning.NewDecoder(positioning.DecoderConfig{AsOf: asOf, Skies: true})
	buf := make([]byte, 64<<10)
	var line []byte
	print := func(fixes []positioning.Fix) error {
		for i, f := range fixes {
			line = append(positioning.AppendJSONWithSky(line[:0], f, &d.Skies()[i]), '\n')
			if _, err := out.Write(line); err != nil {
				return fmt.Errorf("write fixes: %w", err)
			}
		}
		return nil
	}
	for ctx.Err() == nil {
		n, err := in.Read(buf)
		if err := print(d.Write(buf[:n], time.Time{})); err != nil {
			return d.Stats(), err
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			err = errors.Join(err, print(d.Flush()))
			return d.Stats(), err
		}
	}
	return d.Stats(), ctx.Err()
}

// summary says in a few lines what became of the bytes.
func summary(s positioning.Stats) string {
	var b strings.Builder
	f, p, e := s.Frames, s.Sentences, s.Epochs
	fmt.Fprintf(&b, "%d bytes, %d sentences", f.Bytes, f.Sentences)
	counts(&b, "discarded", []named{
		{"bad checksum", f.BadChecksum}, {"no checksum", f.NoChecksum}, {"cut", f.Cut}, {"overlong", f.Overlong}, {"CRC-32", f.LongSum},
		{"other types", p.Unsupported}, {"malformed", p.Malformed + p.Panics}, {"no time", e.NoTime}, {"late", e.Late}, {"noise bytes", f.NoiseBytes},
		{"comments", f.Comments}, {"tag blocks", f.TagBlocks},
	})
	fmt.Fprintf(&b, "%d epochs", e.Closed)
	counts(&b, "without", []named{{"fix", e.NoFix}, {"date", e.NoDate}})
	if e.Rollovers > 0 {
		fmt.Fprintf(&b, "%d epochs with a date moved by 1024 weeks\n", e.Rollovers)
	}
	fmt.Fprintf(&b, "%d fixes, %d accepted", s.Fixes, s.Verdicts[positioning.Accepted])
	var refused []named
	for v, n := range s.Verdicts {
		if positioning.Verdict(v) != positioning.Accepted {
			refused = append(refused, named{positioning.Verdict(v).String(), n})
		}
	}
	counts(&b, "refused", refused)
	return b.String()
}

type named struct {
	name  string
	count uint64
}

// counts ends a line of the summary with those that are not zero.
func counts(b *strings.Builder, what string, list []named) {
	sep := "; " + what + ": "
	for _, c := range list {
		if c.count > 0 {
			fmt.Fprintf(b, "%s%s %d", sep, c.name, c.count)
			sep = ", "
		}
	}
	b.WriteByte('\n')
}
