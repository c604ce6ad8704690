package embedstore

import (
	"fmt"
	"log/slog"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// engineOptions are Pebble's. A memtable of 16 MB takes about four seconds of 10,000 units at 1 Hz, so that a unit's segments
// are sorted together before they first reach a table, and recovery after a crash reads at most a few such logs. The bloom
// filters spare the disk for keys that do not exist, which is what "is this event logged already" mostly asks.
func engineOptions(log *brokenLogger, fs vfs.FS) *pebble.Options {
	const bitsPerKey = 10 // about 1 % false positives
	o := &pebble.Options{
		FS:                 fs,
		Logger:             log,
		FormatMajorVersion: pebble.FormatNewest,
		MemTableSize:       16 << 20,
		CacheSize:          32 << 20,
		EventListener:      &pebble.EventListener{BackgroundError: log.background},
	}
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(bitsPerKey)
	}
	return o
}

// brokenLogger is Pebble's logger. Pebble ends the process where it cannot go on, by Fatalf; a library must not, so the reason
// is kept instead, and from then on the store neither writes nor reads but says that it has to be opened again.
type brokenLogger struct {
	log *slog.Logger

	mu   sync.Mutex
	err  error         // why the engine stopped; nil while it works
	done chan struct{} // closed when err is set
}

func (l *brokenLogger) reason() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// fail keeps the first reason.
func (l *brokenLogger) fail(err error) {
	l.mu.Lock()
	first := l.err == nil
	if first {
		l.err = err
		close(l.done)
	}
	l.mu.Unlock()
	if first {
		l.log.Error("embedded store stopped", "err", err.Error()) // a handler would print the engine's stack traces
	}
}

// background is told of a failed flush or compaction, which the engine tries again by itself.
func (l *brokenLogger) background(err error) { l.log.Warn("embedded store upkeep", "err", err.Error()) }

// Infof implements pebble.Logger.
func (l *brokenLogger) Infof(format string, args ...any) { l.log.Debug(fmt.Sprintf(format, args...)) }

// Errorf implements pebble.Logger.
func (l *brokenLogger) Errorf(format string, args ...any) { l.log.Error(fmt.Sprintf(format, args...)) }

// Fatalf implements pebble.Logger.
func (l *brokenLogger) Fatalf(format string, args ...any) { l.fail(fmt.Errorf(format, args...)) }
