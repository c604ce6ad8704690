package spool

import (
	"log/slog"
	"time"
)

// Defaults of Options.
const (
	// DefaultMaxBytes holds two weeks at 1 Hz written one fix at a time.
	DefaultMaxBytes = 64 << 20
	// DefaultKeepAcked is far longer than any store needs to find out that it lost seconds.
	DefaultKeepAcked = 24 * time.Hour
	// DefaultSyncEvery delays fixes of a fast receiver by less than a driver sees, at two fsyncs a second at most.
	DefaultSyncEvery = 500 * time.Millisecond
	// DefaultMaxMemory is an hour at 1 Hz in about 400 kB.
	DefaultMaxMemory = 3600
	// DefaultHealEvery is how often a disk that failed is tried again.
	DefaultHealEvery = 5 * time.Second
	// stallAfter is how long an fsync may take; then the disk counts as failed. A worn SD card that erases blocks takes seconds.
	stallAfter = 30 * time.Second

	// MinMaxBytes is the least that Options.MaxBytes can be.
	MinMaxBytes = 64 << 10

	maxSegmentBytes = 256 << 10
	segmentsPerMax  = 8 // so that dropping one segment drops an eighth at most
	upkeepEvery     = time.Minute
)

// Options of a spool. The zero value works.
type Options struct {
	MaxBytes  int64         // limit of all files; 0 is DefaultMaxBytes, at least 64 kB
	KeepAcked time.Duration // how long acknowledged fixes are kept; 0 is DefaultKeepAcked, negative is not at all
	SyncEvery time.Duration // shortest time between two fsyncs; 0 is DefaultSyncEvery, negative is no pause
	MaxMemory int           // fixes kept in memory while the disk takes none, or until its fsync; 0 is DefaultMaxMemory
	HealEvery time.Duration // pause between attempts to use a failed disk again; 0 is DefaultHealEvery
	Unit      string        // whose fixes these are: a spool of another unit is not opened; "" opens any
	Now       func() time.Time
	Log       *slog.Logger // nil discards

	disk  disk          // nil is the real one; tests break it
	stall time.Duration // 0 is stallAfter
}

func (o Options) withDefaults(dir string) Options {
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	o.MaxBytes = max(o.MaxBytes, MinMaxBytes)
	if o.KeepAcked == 0 {
		o.KeepAcked = DefaultKeepAcked
	}
	if o.SyncEvery == 0 {
		o.SyncEvery = DefaultSyncEvery
	}
	if o.MaxMemory <= 0 {
		o.MaxMemory = DefaultMaxMemory
	}
	if o.HealEvery <= 0 {
		o.HealEvery = DefaultHealEvery
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.stall == 0 {
		o.stall = stallAfter
	}
	if o.disk == nil {
		o.disk = realDisk{dir: dir}
	}
	return o
}

func (o Options) segmentBytes() int64 { return min(maxSegmentBytes, o.MaxBytes/segmentsPerMax) }
