package embedstore

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"dipper/fleet"
	"dipper/fleet/cell"
)

const (
	qingdao  cell.ID = 0x8730a1209ffffff
	shanghai cell.ID = 0x87309959dffffff
)

// childDir is set in the process that TestKilled starts from this test binary to kill it.
const childDir = "EMBEDSTORE_TEST_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(child(dir))
	}
	verifyMain(m)
}

// crashUnits commit together, each step leaving a trace in every part of the store.
var crashUnits = [...]fleet.UnitID{"a", "b", "c"}

func crashSteps(version uint64) []fleet.Step {
	places := [...]cell.ID{qingdao, shanghai}
	var steps []fleet.Step
	for _, u := range crashUnits {
		st := fleet.Step{
			Unit: u, Expect: version, State: fmt.Appendf(nil, "state %d", version+1),
			Track:    []fleet.Segment{{Day: 1, Data: fmt.Appendf(nil, "<%d>", version+1)}},
			Position: fleet.Position{Unit: u, Seq: version + 1, Cell: places[version%2]},
			Events:   []fleet.EventRecord{{ID: fmt.Sprint(u, version+1), Revision: 1}},
			Opened:   []string{fmt.Sprint("fence ", version+1)}, Closed: []string{fmt.Sprint("fence ", version)},
		}
		steps = append(steps, st)
	}
	return steps
}

// child commits until it is killed, and prints each version that was acknowledged.
func child(dir string) int {
	s, err := Open(Config{Dir: dir})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ctx := context.Background()
	r, err := s.Load(ctx, crashUnits[0])
	for version := r.Version; err == nil; version++ {
		err = errors.Join(s.Commit(ctx, crashSteps(version))...)
		if err == nil {
			fmt.Println(version + 1)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// TestKilled kills a process in the middle of its commits, again and again. What it printed as acknowledged must be there, and
// a commit whole or not at all.
func TestKilled(t *testing.T) {
	const kills = 15
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	var acked uint64
	for range kills {
		most := 1 + rng.IntN(300)
		acked = max(acked, killChild(t, dir, most))
		s := open(t, Config{Dir: dir})
		version := checkCrashed(t, s)
		if version < acked {
			t.Fatalf("version %d after a crash, %d was acknowledged", version, acked)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if acked < kills {
		t.Fatalf("only %d commits in %d lives", acked, kills)
	}
}

// killChild lets a child commit up to most times, kills it, and gives the last version it acknowledged.
func killChild(t *testing.T, dir string, most int) (acked uint64) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		if _, err := fmt.Sscan(lines.Text(), &acked); err != nil {
			t.Errorf("child said %q", lines.Text())
		}
		if n == most {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || acked == 0 {
		t.Fatalf("child ended with %v before it was killed: %s", err, complaint.String())
	}
	return acked
}

// checkCrashed checks that every part of the store tells of the same steps, and gives their number.
func checkCrashed(t *testing.T, s *Store) (version uint64) {
	t.Helper()
	ctx := t.Context()
	r, err := s.Load(ctx, crashUnits[0])
	if err != nil {
		t.Fatal(err)
	}
	version = r.Version
	if version == 0 {
		return 0 // nothing was ever stored
	}
	var want strings.Builder
	for v := range version {
		fmt.Fprintf(&want, "<%d>", v+1)
	}
	for _, u := range crashUnits {
		if r, err := s.Load(ctx, u); err != nil || r.Version != version || string(r.State) != fmt.Sprintf("state %d", version) {
			t.Errorf("record of %s = %+v, %v, want version %d", u, r, err, version)
		}
		if track, err := s.Track(ctx, u, 1); err != nil || string(track) != want.String() {
			t.Errorf("track of %s has %d bytes, %v, want %d steps (%d bytes)", u, len(track), err, version, want.Len())
		}
		if es, err := s.UnitEvents(ctx, u, time.Time{}); err != nil || uint64(len(es)) != version {
			t.Errorf("%s has %d events, %v, want %d", u, len(es), err, version)
		}
	}
	units := uint64(len(crashUnits))
	if last, err := s.LastCursor(ctx); err != nil || uint64(last) != units*version {
		t.Errorf("log ends at %d, %v, want %d", last, err, units*version)
	}
	here := [...]cell.ID{qingdao, shanghai}[(version+1)%2]
	if ps, err := s.InCells(ctx, []cell.ID{here}); err != nil || uint64(len(ps)) != units || ps[0].Seq != version {
		t.Errorf("InCells = %v, %v, want all units at step %d", ps, err, version)
	}
	if cells, err := s.OccupiedCells(ctx, nil); err != nil || len(cells) != 1 || cells[0] != here {
		t.Errorf("OccupiedCells = %x, %v, want %x", cells, err, here)
	}
	for v, want := range map[uint64]int{version: len(crashUnits), version - 1: 0} {
		if us, err := s.Inside(ctx, fmt.Sprint("fence ", v)); err != nil || len(us) != want {
			t.Errorf("inside fence %d: %v, %v, want %d", v, us, err, want)
		}
	}
	return version
}

func TestLocked(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "fleet data")
	s := open(t, Config{Dir: dir})
	_, err := Open(Config{Dir: dir})
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Fatalf("second Open = %v, want ErrLocked with the directory and the process", err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	if said, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(said), ErrLocked.Error()) {
		t.Errorf("another process ended with %v: %s", err, said)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, Config{Dir: dir})
}

func TestReopened(t *testing.T) {
	dir := t.TempDir()
	for v := range uint64(3) {
		s := open(t, Config{Dir: dir})
		if err := errors.Join(s.Commit(t.Context(), crashSteps(v))...); err != nil {
			t.Fatal(err)
		}
		if rev, err := s.PutDocument(t.Context(), fleet.DocFence, "f", []byte("data"), v); err != nil || rev != v+1 {
			t.Fatalf("PutDocument = %d, %v", rev, err)
		}
		if got := checkCrashed(t, s); got != v+1 {
			t.Fatalf("version %d, want %d", got, v+1)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNearlyFullDiskRefusesCommits(t *testing.T) {
	s := open(t, Config{MinFree: 1 << 62})
	commit := func() error { return s.Commit(t.Context(), []fleet.Step{{Unit: "u", State: []byte("s")}})[0] }
	if err := commit(); !errors.Is(err, fleet.ErrUnavailable) || !strings.Contains(err.Error(), "nearly full") {
		t.Errorf("Commit = %v, want unavailable: nearly full", err)
	}
	if err := s.Ready(t.Context()); !errors.Is(err, fleet.ErrUnavailable) {
		t.Errorf("Ready = %v, want ErrUnavailable", err)
	}
	if r, err := s.Load(t.Context(), "u"); err != nil || r.Version != 0 {
		t.Errorf("Load = %+v, %v: reading must go on", r, err)
	}
	s.cfg.MinFree = 1 // room again
	if err := errors.Join(s.Ready(t.Context()), commit()); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

// TestFailingDisk lets the disk fill up under the engine, at every write in turn until a whole run of commits succeeds. What was
// acknowledged must be there once the store is opened again, and nothing may be shown that is not.
func TestFailingDisk(t *testing.T) {
	for budget := int64(0); ; budget += 700 {
		dir := t.TempDir()
		disk := &fullDisk{FS: vfs.Default}
		disk.left.Store(1 << 40)
		s, err := Open(Config{Dir: dir, fs: disk})
		if err != nil {
			t.Fatal(err)
		}
		disk.left.Store(budget)
		const commits = 8
		var acked uint64
		for acked < commits {
			err = errors.Join(s.Commit(t.Context(), crashSteps(acked))...)
			if err != nil {
				break
			}
			acked++
		}
		if err == nil {
			if budget == 0 {
				t.Fatal("a disk without room took commits")
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return
		}
		if !errors.Is(err, fleet.ErrUnavailable) || !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("Commit into a full disk = %v, want ErrUnavailable because of ENOSPC", err)
		}
		if r, err := s.Load(t.Context(), "a"); err == nil && r.Version > acked {
			t.Fatalf("version %d is shown, %d was acknowledged", r.Version, acked)
		}
		if err := s.Ready(t.Context()); !errors.Is(err, fleet.ErrUnavailable) {
			t.Errorf("Ready = %v, want ErrUnavailable", err)
		}
		if err := s.Run(t.Context()); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("Run of the broken store = %v, want why it has to be opened again", err)
		}
		disk.left.Store(1 << 40)
		if err := s.Close(); err != nil {
			t.Logf("Close of the broken store: %v", err)
		}
		s = open(t, Config{Dir: dir})
		if version := checkCrashed(t, s); version < acked {
			t.Fatalf("version %d after opening again, %d was acknowledged", version, acked)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
