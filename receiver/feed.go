package receiver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"dipper/receiver/watchdog"
)

const (
	// firstBackoff and maxBackoff bound the wait between two attempts to open a lost source. The wait counts from the start
	// of the last attempt, so that a source which is there again is found within two seconds.
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = time.Second
	// chunkSize is how much is read at once; numChunks is how many may wait for the decoder. At 921600 baud they hold half
	// a second of bytes; then reading waits, and the kernel's buffer holds the next.
	chunkSize = 4 << 10
	numChunks = 12
)

// chunk is bytes of the source, or word that it was lost.
type chunk struct {
	bytes []byte    // of a buffer that goes back into free
	at    time.Time // when they came, by the host's clock
	lost  bool      // bytes before and after do not belong together
}

// feed keeps a source open and hands on its bytes.
type feed struct {
	src      Source
	log      *slog.Logger
	counters *Counters
	now      func() time.Time // for chunk.at
	setup    *setup           // nil: the module is never written to
	pulse    *watchdog.Pulse  // of reading the stream

	// chunks is sent to and closed by run. When it is full the feed waits: nothing is discarded here.
	chunks chan chunk
	// free holds the buffers that are not in use. Its reader is run, its writer whoever takes the chunks.
	free chan []byte
}

func newFeed(src Source, log *slog.Logger, counters *Counters, now func() time.Time) *feed {
	f := &feed{src: src, log: log, counters: counters, now: now, pulse: watchdog.NewPulse(), chunks: make(chan chunk, numChunks), free: make(chan []byte, numChunks)}
	for range numChunks {
		f.free <- make([]byte, chunkSize)
	}
	return f
}

// run reads the source, opening it again whenever it is lost, until ctx ends or the source does. It returns an error only
// for a source that ends: nobody can wait for that one to come back.
func (f *feed) run(ctx context.Context) error {
	defer close(f.chunks)
	var down outage
	for {
		begun := time.Now()
		s, err := f.src.Open(ctx)
		if err == nil {
			f.counters.Opened.Add(1)
			err = f.stream(ctx, s, &down)
			if err := s.Close(); err != nil {
				f.log.Debug("source closed", "source", f.src, "err", err)
			}
		} else {
			f.counters.OpenFailed.Add(1)
			err = fmt.Errorf("open: %w", err)
		}
		switch {
		case ctx.Err() != nil, errors.Is(err, io.EOF) && f.src.Ends():
			return nil
		case f.src.Ends():
			return fmt.Errorf("source %v: %w", f.src, err)
		}
		f.report(&down, err)
		if down.attempts == 1 && !f.send(ctx, chunk{lost: true}) {
			return nil
		}
		if !sleep(ctx, down.backoff()-time.Since(begun)) {
			return nil
		}
	}
}

// stream hands on what s gives until it ends, one way or the other.
func (f *feed) stream(ctx context.Context, s Stream, down *outage) error {
	tell := f.teller(s)
	for {
		var buf []byte
		select {
		case buf = <-f.free:
		case <-ctx.Done():
			return ctx.Err()
		}
		n, err := f.read(ctx, s, buf, tell)
		if n > 0 {
			if down.attempts > 0 {
				f.log.Info("source is back", "source", f.src, "after", time.Since(down.since).Round(time.Millisecond))
				*down = outage{}
			}
			f.counters.Bytes.Add(uint64(n))
			if !f.send(ctx, chunk{bytes: buf[:n], at: f.now()}) {
				return ctx.Err()
			}
		} else {
			f.free <- buf
		}
		if err != nil {
			return err
		}
	}
}

// teller is what sets up the module behind s, given what was read; it does nothing where that is not wanted or not possible.
func (f *feed) teller(s Stream) func([]byte) {
	if f.setup == nil {
		return func([]byte) {}
	}
	f.setup.opened()
	w, ok := s.(commander)
	if !ok {
		f.setup.enter("unwritable")
		f.log.Warn("module set-up: this source takes no commands", "source", f.src)
		return func([]byte) {}
	}
	return func(b []byte) { f.setup.step(b, time.Now(), w) }
}

// read waits until there are bytes, an error, or ctx ends.
func (f *feed) read(ctx context.Context, s Stream, buf []byte, tell func([]byte)) (int, error) {
	defer f.pulse.Rest()
	for {
		f.pulse.Work()
		n, err := s.Read(buf)
		tell(buf[:max(n, 0)])
		if n > 0 || err != nil {
			return n, err
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
	}
}

// report logs and counts what took the source away: the loss loudly, further attempts in vain quietly.
func (f *feed) report(down *outage, err error) {
	if down.attempts++; down.attempts == 1 {
		down.since = time.Now()
		f.counters.Lost.Add(1)
		f.log.Warn("source lost; it is tried again until it is back", "source", f.src, "err", err)
		return
	}
	f.log.Debug("source still lost", "source", f.src, "attempt", down.attempts, "err", err)
}

// send hands a chunk on. While there is room it does so even after ctx has ended: the bytes are read, so they count.
func (f *feed) send(ctx context.Context, c chunk) bool {
	select {
	case f.chunks <- c:
		return true
	default:
	}
	select {
	case f.chunks <- c:
		return true
	case <-ctx.Done():
		return false
	}
}

// outage is the time during which a source gives nothing.
type outage struct {
	attempts int // to read from it, since the last byte
	since    time.Time
}

func (o *outage) backoff() time.Duration {
	return min(firstBackoff<<min(o.attempts-1, 10), maxBackoff)
}

// sleep waits for d and reports whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
