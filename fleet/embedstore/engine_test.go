package embedstore

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"go.etcd.io/bbolt"
)

// The write set by which the engine was chosen (docs/decisions/0002-embedded-store.md): 10,000 units at 1 Hz, their steps
// committed in groups, each group one synced batch. A step writes a record of 400 bytes over the old one, appends 60 bytes of
// track, and moves the unit between two cells once in 50 steps.
const (
	engineUnits    = 10_000
	engineState    = 400
	engineTrack    = 60
	engineCellMove = 50
)

// engine is the least that both engines can do.
type engine interface {
	commit(sets [][2][]byte, deletes [][]byte) error
	close() error
}

type pebbleEngine struct{ db *pebble.DB }

func (e pebbleEngine) commit(sets [][2][]byte, deletes [][]byte) error {
	b := e.db.NewBatch()
	defer b.Close()
	for _, kv := range sets {
		if err := b.Set(kv[0], kv[1], nil); err != nil {
			return err
		}
	}
	for _, k := range deletes {
		if err := b.Delete(k, nil); err != nil {
			return err
		}
	}
	return b.Commit(pebble.Sync)
}

func (e pebbleEngine) close() error { return e.db.Close() }

type boltEngine struct{ db *bbolt.DB }

func (e boltEngine) commit(sets [][2][]byte, deletes [][]byte) error {
	return e.db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte("dipper"))
		if err != nil {
			return err
		}
		for _, kv := range sets {
			if err := b.Put(kv[0], kv[1]); err != nil {
				return err
			}
		}
		for _, k := range deletes {
			if err := b.Delete(k); err != nil {
				return err
			}
		}
		return nil
	})
}

func (e boltEngine) close() error { return e.db.Close() }

// BenchmarkEngine measures both engines with the same write set. Beside steps/s it tells what one step costs in processor time
// and in bytes written to the disk, which is what wears out the flash of a small machine.
func BenchmarkEngine(b *testing.B) {
	engines := []struct {
		name string
		open func(dir string) (engine, error)
	}{
		{"pebble", func(dir string) (engine, error) {
			db, err := pebble.Open(dir, engineOptions(&brokenLogger{log: slog.New(slog.DiscardHandler), done: make(chan struct{})}, vfs.Default))
			return pebbleEngine{db}, err
		}},
		{"bbolt", func(dir string) (engine, error) {
			db, err := bbolt.Open(filepath.Join(dir, "db"), 0o600, &bbolt.Options{FreelistType: bbolt.FreelistMapType, NoFreelistSync: true})
			return boltEngine{db}, err
		}},
	}
	for _, group := range []int{100, 1000} {
		for _, e := range engines {
			b.Run(fmt.Sprintf("%s/group=%d", e.name, group), func(b *testing.B) {
				dir := b.TempDir()
				en, err := e.open(dir)
				if err != nil {
					b.Fatal(err)
				}
				benchEngine(b, en, group)
				if err := en.close(); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(diskBytes(b, dir))/float64(b.N*group), "kept-B/step")
			})
		}
	}
}

func benchEngine(b *testing.B, en engine, group int) {
	rng := rand.New(rand.NewPCG(1, 2))
	state := make([]byte, engineState)
	version := make([]uint64, engineUnits)
	order := rng.Perm(engineUnits) // units do not report in the order of their names
	cpu0, written0 := usage(b)
	next := 0
	for b.Loop() {
		var sets [][2][]byte
		var deletes [][]byte
		for range group {
			u := order[next%engineUnits]
			next++
			version[u]++
			for i := range state[:64] { // as compressible as a real state: mostly the same
				state[i] = byte(rng.Uint32())
			}
			track := make([]byte, engineTrack)
			for i := range track {
				track[i] = byte(rng.Uint32())
			}
			unit := fmt.Sprintf("unit-%05d", u)
			sets = append(sets,
				[2][]byte{[]byte("v" + unit), append([]byte(nil), state...)},
				[2][]byte{binary.BigEndian.AppendUint64([]byte("t0001"+unit+"\x00"), version[u]), track})
			if version[u]%engineCellMove == 1 {
				at := func(v uint64) []byte { return []byte(fmt.Sprintf("c%08x%s", uint32(u)*2654435761+uint32(v), unit)) }
				sets = append(sets, [2][]byte{at(version[u]), nil})
				deletes = append(deletes, at(version[u]-engineCellMove))
			}
		}
		if err := en.commit(sets, deletes); err != nil {
			b.Fatal(err)
		}
	}
	cpu1, written1 := usage(b)
	steps := float64(b.N * group)
	b.ReportMetric(steps/b.Elapsed().Seconds(), "steps/s")
	b.ReportMetric((cpu1-cpu0)*1e6/steps, "cpu-µs/step")
	b.ReportMetric(float64(written1-written0)/steps, "written-B/step")
}

// usage is the process's processor time in seconds and the bytes it made the kernel write.
func usage(b *testing.B) (cpu float64, written int64) {
	b.Helper()
	var ru syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &ru); err != nil {
		b.Fatal(err)
	}
	cpu = float64(ru.Utime.Sec+ru.Stime.Sec) + float64(ru.Utime.Usec+ru.Stime.Usec)/1e6
	io, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return cpu, 0 // not Linux: no figure
	}
	for line := range strings.Lines(string(io)) {
		_, _ = fmt.Sscanf(line, "write_bytes: %d", &written)
	}
	return cpu, written
}

func diskBytes(b *testing.B, dir string) (sum int64) {
	b.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return sum
}
