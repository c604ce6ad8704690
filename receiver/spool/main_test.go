package spool

import (
	"bytes"
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"dipper/positioning"
	"dipper/positioning/geo"
	"dipper/positioning/track"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixAt is a fix that can be told from all others by its time: second n.
func fixAt(n int) positioning.Fix {
	f := positioning.NewFix(time.Unix(1_700_000_000+int64(n), 0).UTC(), geo.Point{Lat: 36 + float64(n%1000)/1e4, Lon: 120})
	f.SpeedMps = float64(n % 30)
	f.Sats.Used[positioning.BeiDou] = uint8(n % 12)
	return track.Quantize(f)
}

func fixesFrom(n, count int) []positioning.Fix {
	out := make([]positioning.Fix, count)
	for i := range out {
		out[i] = fixAt(n + i)
	}
	return out
}

// quick are options under which nothing waits.
func quick() Options { return Options{SyncEvery: -1, HealEvery: time.Millisecond} }

func mustOpen(tb testing.TB, dir string, o Options) *Spool {
	tb.Helper()
	s, err := Open(dir, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	return s
}

// mustTake opens a spool without its keeper: nothing happens by itself.
func mustTake(tb testing.TB, dir string, o Options) *Spool {
	tb.Helper()
	s, err := take(dir, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.finish(); s.locked.Close() })
	return s
}

// mustAppend appends, and waits until the disk has it.
func mustAppend(tb testing.TB, s *Spool, fixes ...positioning.Fix) track.Range {
	tb.Helper()
	r, err := s.Append(fixes)
	if err != nil {
		tb.Fatal(err)
	}
	if err := s.Sync(); err != nil {
		tb.Fatal(err)
	}
	return r
}

// fataler is a test, rapid's or the standard library's.
type fataler interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// all reads everything there is, by number.
func all(tb fataler, s *Spool) map[track.Seq]positioning.Fix {
	tb.Helper()
	out := map[track.Seq]positioning.Fix{}
	for at := track.Seq(1); ; {
		b, err := s.Read(at, 100)
		if err != nil {
			tb.Fatal(err)
		}
		if len(b.Fixes) == 0 {
			return out
		}
		if b.First < at {
			tb.Fatalf("Read(%d) gave fix %d", at, b.First)
		}
		for i, f := range b.Fixes {
			out[b.First+track.Seq(i)] = f
		}
		at = b.Last() + 1
	}
}

// wantFixes fails unless the spool holds exactly the numbers of want, and fix n of them is fixAt(n).
func wantFixes(tb fataler, s *Spool, want track.Ranges) {
	tb.Helper()
	got := all(tb, s)
	var have track.Ranges
	for seq, f := range got {
		have = have.Add(track.Range{First: seq, Last: seq})
		if !f.Equal(fixAt(int(seq))) {
			tb.Fatalf("fix %d is %+v, want %+v", seq, f, fixAt(int(seq)))
		}
	}
	if !slices.Equal(have, want) {
		tb.Fatalf("spool holds %v, want %v", have, want)
	}
}

func upTo(last track.Seq) track.Ranges { return track.Ranges{{First: 1, Last: last}} }

func copyDir(tb testing.TB, from string) string {
	tb.Helper()
	to := tb.TempDir()
	for _, name := range segmentNames(tb, from) {
		data, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, name), data, fileMode); err != nil {
			tb.Fatal(err)
		}
	}
	return to
}

func segmentNames(tb testing.TB, dir string) []string {
	tb.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		tb.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// logBuffer collects log lines.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logBuffer) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// eventually waits for a condition that a goroutine brings about.
func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			tb.Fatalf("%s did not come about", what)
		}
		<-time.After(time.Millisecond)
	}
}

// brokenDisk is the real disk until it is told to fail; and it knows what a power cut would leave.
type brokenDisk struct {
	realDisk
	mu      sync.Mutex
	gate    chan struct{}    // fsyncs wait for it to be closed; nil does not hold them
	failing map[string]error // by operation: "create", "write", "sync", "remove", "open", "open NAME", "read"
	closed  func()           // called when a segment was read; nil is nothing
	room    int64            // bytes that all files together may have; 0 is no limit
	synced  map[string]int64 // size at the last fsync, by name
	written map[string]int64
}

func newBrokenDisk(dir string) *brokenDisk {
	return &brokenDisk{realDisk: realDisk{dir}, failing: map[string]error{}, synced: map[string]int64{}, written: map[string]int64{}}
}

func (d *brokenDisk) set(err error, ops ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(ops) == 0 {
		ops = []string{"create", "write", "sync", "remove"}
	}
	for _, op := range ops {
		d.failing[op] = err
	}
}

// holdSyncs makes every fsync wait until the returned function is called.
func (d *brokenDisk) holdSyncs() (release func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	gate := make(chan struct{})
	d.gate = gate
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.gate = nil
		close(gate)
	}
}

func (d *brokenDisk) check(op string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failing[op]
}

func (d *brokenDisk) open(name string) (opened, error) {
	if err := errors.Join(d.check("open"), d.check("open "+name)); err != nil {
		return nil, err
	}
	f, err := d.realDisk.open(name)
	return &brokenReading{f, d}, err
}

type brokenReading struct {
	opened
	disk *brokenDisk
}

func (r *brokenReading) Read(p []byte) (int, error) {
	if err := r.disk.check("read"); err != nil {
		return 0, err
	}
	return r.opened.Read(p)
}

func (r *brokenReading) ReadAt(p []byte, off int64) (int, error) {
	if err := r.disk.check("read"); err != nil {
		return 0, err
	}
	return r.opened.ReadAt(p, off)
}

func (r *brokenReading) Close() error {
	if r.disk.closed != nil {
		r.disk.closed()
	}
	return r.opened.Close()
}

func (d *brokenDisk) create(name string) (file, error) {
	if err := d.check("create"); err != nil {
		return nil, err
	}
	f, err := d.realDisk.create(name)
	return &brokenFile{file: f, disk: d, name: name}, err
}

func (d *brokenDisk) reopen(name string, size int64) (file, error) {
	if err := d.check("create"); err != nil {
		return nil, err
	}
	f, err := d.realDisk.reopen(name, size)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.written[name], d.synced[name] = size, size
	return &brokenFile{file: f, disk: d, name: name}, err
}

func (d *brokenDisk) remove(name string) error {
	if err := d.check("remove"); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.written, name)
	return d.realDisk.remove(name)
}

func (d *brokenDisk) sync(string) error { return d.check("sync") }

func (d *brokenDisk) syncDir() error { return d.check("sync") }

type brokenFile struct {
	file
	disk *brokenDisk
	name string
}

// Write fails half way, as a disk that runs full does.
func (f *brokenFile) Write(p []byte) (int, error) {
	if err := f.disk.check("write"); err != nil {
		n, _ := f.file.Write(p[:len(p)/2])
		return n, err
	}
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	fits := len(p)
	if f.disk.room > 0 {
		left := f.disk.room
		for _, size := range f.disk.written {
			left -= size
		}
		fits = int(min(int64(fits), left))
	}
	n, err := f.file.Write(p[:fits])
	if fits < len(p) {
		err = syscall.ENOSPC
	}
	f.disk.written[f.name] += int64(n)
	return n, err
}

func (f *brokenFile) Truncate(size int64) error {
	if err := f.disk.check("write"); err != nil {
		return err
	}
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.disk.written[f.name] = size
	return f.file.Truncate(size)
}

// Sync notes what the real disk would have: a test's power cut leaves that much. No fsync: the kernel will not fail.
func (f *brokenFile) Sync() error {
	f.disk.mu.Lock()
	gate := f.disk.gate
	f.disk.mu.Unlock()
	if gate != nil {
		<-gate
	}
	if err := f.disk.check("sync"); err != nil {
		return err
	}
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.disk.synced[f.name] = f.disk.written[f.name]
	return nil
}

// knowAll counts all that is in the directory as synced.
func (d *brokenDisk) knowAll(tb testing.TB) {
	for _, name := range segmentNames(tb, d.dir) {
		info, err := os.Stat(filepath.Join(d.dir, name))
		if err != nil {
			tb.Fatal(err)
		}
		d.synced[name], d.written[name] = info.Size(), info.Size()
	}
}

// powerCut leaves of every segment what was synced, and of the rest as much as draw says.
func (d *brokenDisk) powerCut(tb testing.TB, draw func(max int64) int64) (dir string) {
	d.mu.Lock()
	synced, written := maps.Clone(d.synced), maps.Clone(d.written) // before the copy, which may have more by then
	d.mu.Unlock()
	dir = copyDir(tb, d.dir)
	for _, name := range segmentNames(tb, dir) {
		keep := synced[name] + draw(max(0, written[name]-synced[name]))
		if err := os.Truncate(filepath.Join(dir, name), keep); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}
