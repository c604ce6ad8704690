package archive

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"go.uber.org/goleak"

	"dipper/fleet"
	"dipper/fleet/embedstore"
	"dipper/fleet/redisstore"
	"dipper/fleet/storetest/redistest"
	"dipper/geofence"
	"dipper/positioning"
	"dipper/positioning/geo"
	"dipper/positioning/track"
)

var update = flag.Bool("update", false, "write the golden schemas anew")

// childDir makes this test binary archive the store of that directory and end: the tests kill it.
const childDir = "DIPPER_TEST_ARCHIVE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(child(dir))
	}
	goleak.VerifyTestMain(m)
}

var (
	start = time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC)
	first = fleet.DayOf(start)
	now   = start.Add(72 * time.Hour)
	units = []fleet.UnitID{"鲁B12345", "a", "truck-7"}
)

const yard = `{"type":"Feature","properties":{"kind":"yard","dwell_s":60},"geometry":{"type":"Polygon",
	"coordinates":[[[120.2,35.99],[120.21,35.99],[120.21,36.01],[120.2,36.01],[120.2,35.99]]]}}`

func embedded(t testing.TB, cfg embedstore.Config) *embedstore.Store {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	s, err := embedstore.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func with(t testing.TB, s fleet.Store, do func(*fleet.Fleet)) {
	t.Helper()
	f, err := fleet.New(t.Context(), fleet.Config{Store: s, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	do(f)
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// fixNo is a fix that says much, little or nothing beside time and place.
func fixNo(i int, at time.Time) positioning.Fix {
	f := positioning.NewFix(at, geo.Point{Lat: 36, Lon: 120.2 + 0.02*math.Sin(float64(i)/40)})
	f.Mode = positioning.Mode3D
	switch i % 3 {
	case 0:
		f.AltitudeM, f.SpeedMps, f.CourseDeg, f.HDOP, f.ErrM = 0, 0, 0, 0.8, 4 // zero is a value
		f.Sats = positioning.Sats{Total: 12}
		f.Sats.Used[positioning.BeiDou], f.Sats.Used[positioning.GPS] = 8, 4
		f.Solution = positioning.SolutionRTKFixed
	case 1:
		f.SpeedMps, f.ErrM = 12.34, 2.5
		f.Sats.Total = 9
	}
	if i%17 == 0 {
		f.Verdict = positioning.RefusedHDOP
	}
	return track.Quantize(f)
}

// drive sends fixes from ≤ i < to of each unit, a fix in 4 minutes, in shuffled batches of ten.
func drive(t testing.TB, f *fleet.Fleet, from, to int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, uint64(from)))
	for _, unit := range units {
		var batches []track.Batch
		for i := from; i < to; i += 10 {
			b := track.Batch{Series: track.Series(start.Unix()), First: track.Seq(i + 1)}
			for k := i; k < min(to, i+10); k++ {
				b.Fixes = append(b.Fixes, fixNo(k, start.Add(time.Duration(k)*4*time.Minute)))
			}
			batches = append(batches, b)
		}
		rng.Shuffle(len(batches), func(i, j int) { batches[i], batches[j] = batches[j], batches[i] })
		for _, b := range batches {
			if err := f.Accept(t.Context(), unit, b); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// populate makes a fleet of three units over three days, of which ten fixes of each hundred have not arrived yet.
func populate(t testing.TB, s fleet.Store) {
	t.Helper()
	with(t, s, func(f *fleet.Fleet) {
		if _, _, err := f.PutFence(t.Context(), "yard", []byte(yard)); err != nil {
			t.Fatal(err)
		}
		for i := 0; i < 600; i += 100 {
			drive(t, f, i, i+20)
			drive(t, f, i+30, i+100)
		}
	})
}

func late(t testing.TB, s fleet.Store) {
	t.Helper()
	with(t, s, func(f *fleet.Fleet) {
		for i := 0; i < 600; i += 100 {
			drive(t, f, i+20, i+30)
		}
	})
}

func run(t testing.TB, s fleet.Store, dir string, before fleet.Day) Result {
	t.Helper()
	r, err := Run(t.Context(), Config{Store: s, Dir: dir, Before: before, PartRows: 350})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// read gives all rows of a table, checked against the manifests.
func read[T any](t testing.TB, dir, table string) []T {
	t.Helper()
	var all []T
	files, err := filepath.Glob(filepath.Join(dir, table, "day=*", "*.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	listed := int64(0)
	for _, path := range files {
		if err := eachRow(path, func(row *T) { all = append(all, *row) }); err != nil {
			t.Fatal(err)
		}
	}
	manifests, err := filepath.Glob(filepath.Join(dir, table, "day=*", manifestName))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range manifests {
		data, err := os.ReadFile(path)
		var m manifest
		if err = errors.Join(err, json.Unmarshal(data, &m)); err != nil {
			t.Fatal(err)
		}
		for _, p := range m.Parts {
			listed += p.Rows
		}
	}
	if int64(len(all)) != listed {
		t.Errorf("%s: %d rows in files, %d in manifests", table, len(all), listed)
	}
	return all
}

// holds compares an archive with the fleet's own tracks and events of the days before.
func holds(t testing.TB, dir string, s fleet.Store, before fleet.Day) {
	t.Helper()
	f, err := fleet.New(t.Context(), fleet.Config{Store: s})
	if err != nil {
		t.Fatal(err)
	}
	got := read[fixRow](t, dir, "fixes")
	slices.SortFunc(got, func(a, b fixRow) int {
		return cmp.Or(cmp.Compare(a.Unit, b.Unit), cmp.Compare(a.Time, b.Time), cmp.Compare(a.Series, b.Series), cmp.Compare(a.Seq, b.Seq))
	})
	var want []fixRow
	events := 0
	for _, unit := range slices.Sorted(slices.Values(units)) {
		fixes, _, err := f.Track(t.Context(), unit, time.Time{}, startOf(before).Add(-time.Millisecond), 1e6)
		if err != nil {
			t.Fatal(err)
		}
		for i := range fixes {
			want = append(want, rowOfFix(unit, &fixes[i]))
		}
		told, err := s.UnitEvents(t.Context(), unit, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range told {
			if e.FixTime.Before(startOf(before)) {
				events++
			}
		}
	}
	if a, b := text(got), text(want); a != b {
		t.Errorf("archive has %d fixes, the fleet %d\n%.1500s\n%.1500s", len(got), len(want), a, b)
	}
	latest := map[string]eventRow{}
	seen := map[eventKey]bool{}
	for _, e := range read[eventRow](t, dir, "events") {
		if seen[eventKey{e.ID, e.Revision}] {
			t.Errorf("event %s revision %d is there twice", e.ID, e.Revision)
		}
		seen[eventKey{e.ID, e.Revision}] = true
		if latest[e.ID].Revision < e.Revision {
			latest[e.ID] = e
		}
	}
	if len(latest) != events {
		t.Errorf("archive has %d events, the fleet %d", len(latest), events)
	}
}

// text is rows as JSON, where null shows.
func text(rows []fixRow) string {
	var b strings.Builder
	for _, r := range rows {
		j, err := json.Marshal(r)
		if err != nil {
			panic(err)
		}
		b.Write(append(j, '\n'))
	}
	return b.String()
}

func TestArchiveHasEveryFixOnce(t *testing.T) {
	redis, err := redisstore.Open(t.Context(), redisstore.Config{URL: redistest.Start(t, redistest.Options{}).URL})
	if err != nil {
		t.Fatal(err)
	}
	defer redis.Close()
	for name, s := range map[string]fleet.Store{"embedded": embedded(t, embedstore.Config{}), "redis": redis} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			populate(t, s)
			r := run(t, s, dir, first+2)
			if r.Days != 2 || r.Fixes == 0 || r.Events == 0 || r.Known != 0 || !r.LostFrom.IsZero() {
				t.Errorf("first run %+v", r)
			}
			holds(t, dir, s, first+2)
			if again := run(t, s, dir, first+2); again.Fixes != 0 || again.Events != 0 || again.Parts != 0 || again.Known != r.Fixes {
				t.Errorf("second run %+v, the first %+v", again, r)
			}
			late(t, s)
			if more := run(t, s, dir, first+2); more.Known != r.Fixes || more.Fixes == 0 || more.Events == 0 || more.Parts != 4 {
				t.Errorf("run after late fixes %+v, the first %+v", more, r)
			}
			holds(t, dir, s, first+2)
			run(t, s, dir, first+3)
			holds(t, dir, s, first+3)
			if n, err := Check(t.Context(), dir); err != nil || n < 8 {
				t.Errorf("check: %d files, %v", n, err)
			}
		})
	}
}

// What the columns say of a fix that says everything, of one that says nothing, and of zeros.
func TestRows(t *testing.T) {
	full, none := fixNo(0, start), positioning.NewFix(start, geo.Point{})
	zero := 0.0
	row := rowOfFix("u", &fleet.TrackFix{Series: 7, Seq: 9, Fix: full})
	if *row.Speed != zero || *row.Altitude != zero || *row.BeiDou != 8 || *row.GLONASS != 0 || *row.Satellites != 12 || *row.Mode != 3 ||
		row.Solution != "rtk_fixed" || row.Reason != "hdop" || row.Accepted || row.Seq != 9 || row.Series != 7 || row.Time != start.UnixMilli() {
		t.Errorf("full %+v", row)
	}
	row = rowOfFix("u", &fleet.TrackFix{Fix: none})
	for what, unknown := range map[string]bool{
		"speed": row.Speed == nil, "altitude": row.Altitude == nil, "course": row.Course == nil, "hdop": row.HDOP == nil, "err": row.Err == nil,
		"mode": row.Mode == nil, "satellites": row.Satellites == nil, "beidou": row.BeiDou == nil, "solution": row.Solution == "",
	} {
		if !unknown {
			t.Errorf("%s is known", what)
		}
	}
	if !row.Accepted || row.Reason != "" {
		t.Errorf("accepted %v, %q", row.Accepted, row.Reason)
	}
}

func TestSchemasAreAsPublished(t *testing.T) {
	for name, schema := range map[string]*parquet.Schema{
		"fixes": parquet.SchemaOf(fixRow{}), "events": parquet.SchemaOf(eventRow{}),
	} {
		path := filepath.Join("testdata", name+".schema")
		got := schema.String() + "\n"
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil || got != string(want) {
			t.Errorf("schema of %s\n%s\nwant (%v)\n%s", name, got, err, want)
		}
	}
}

func TestGeoMetadata(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.parquet")
	w, err := newPart[eventRow](path)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []geo.Point{{Lat: 36, Lon: 120}, {Lat: -18, Lon: -179.5}} {
		if err := w.add(rowOfEvent(&geofence.Event{Point: p}), p.Lon, p.Lat); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, _, err := w.close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(file, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"version":"1.1.0","primary_column":"geometry","columns":{"geometry":{"encoding":"WKB","geometry_types":["Point"],"bbox":[-179.5,-18,120,36]}}}`
	if got, _ := f.Lookup("geo"); got != want {
		t.Errorf("geo is %s\nwant   %s", got, want)
	}
	if got := fmt.Sprintf("%x", appendPoint(nil, 120, 36)); got != "0101000000"+"0000000000005e40"+"0000000000004240" {
		t.Errorf("WKB %s", got)
	}
}

// Retention drops a day that was archived, and late fixes of that day come after that: nothing of it is lost. What was dropped before it was
// archived is told.
func TestRetention(t *testing.T) {
	disk, dir, other := t.TempDir(), t.TempDir(), t.TempDir()
	s := embedded(t, embedstore.Config{Dir: disk})
	populate(t, s)
	r := run(t, s, dir, first+1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = embedded(t, embedstore.Config{Dir: disk, TrackRetention: 24 * time.Hour, Now: func() time.Time { return startOf(first + 2).Add(time.Hour) }})
	expire(t, s)
	late(t, s)
	more := run(t, s, dir, first+1)
	if more.Fixes == 0 || !more.LostFrom.IsZero() {
		t.Errorf("late fixes of a dropped day: %+v", more)
	}
	if got := len(read[fixRow](t, dir, "fixes")); int64(got) != r.Fixes+more.Fixes {
		t.Errorf("%d fixes in the archive, want %d and %d", got, r.Fixes, more.Fixes)
	}
	expire(t, s)
	if r := run(t, s, other, first+2); !r.LostFrom.Equal(startOf(first)) || !r.LostTo.Equal(startOf(first)) {
		t.Errorf("lost from %v to %v, want %s", r.LostFrom, r.LostTo, dayName(first))
	}
}

// expire runs the store's upkeep until retention took effect.
func expire(t *testing.T, s fleet.Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	for {
		days, err := s.Days(ctx, units[0])
		if err != nil {
			t.Fatal(err)
		}
		if days[0] > first {
			break
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// What a run leaves that was killed at each place of a commit.
func TestInterruptedCommit(t *testing.T) {
	s := embedded(t, embedstore.Config{})
	populate(t, s)
	for name, undo := range map[string]func(t *testing.T, day string) error{
		"before the manifest": func(t *testing.T, day string) error {
			return errors.Join(os.Rename(part1(day), part1(day)+unfinished), os.Remove(filepath.Join(day, manifestName)))
		},
		"in the manifest": func(t *testing.T, day string) error {
			name := filepath.Join(day, manifestName)
			return errors.Join(os.Rename(part1(day), part1(day)+unfinished), os.Rename(name, name+unfinished), os.Truncate(name+unfinished, 9))
		},
		"before the parts get their names": func(t *testing.T, day string) error { return os.Rename(part1(day), part1(day)+unfinished) },
		"with half a part behind": func(t *testing.T, day string) error {
			return os.WriteFile(filepath.Join(day, "part-0009.parquet"+unfinished), []byte("PAR1"), 0o600)
		},
		"with a part that is not listed": func(t *testing.T, day string) error {
			return os.WriteFile(filepath.Join(day, "part-0009.parquet"), []byte("PAR1"), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			run(t, s, dir, first+2)
			for _, table := range []string{"fixes", "events"} {
				if err := undo(t, filepath.Join(dir, table, "day="+dayName(first))); err != nil {
					t.Fatal(err)
				}
			}
			run(t, s, dir, first+2)
			holds(t, dir, s, first+2)
			if left, err := filepath.Glob(filepath.Join(dir, "*", "*", "*"+unfinished)); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

func part1(day string) string { return filepath.Join(day, "part-0001.parquet") }

// stopping ends the context at the nth question about a track.
type stopping struct {
	fleet.Store
	n    int
	stop context.CancelFunc
}

func (s *stopping) Track(ctx context.Context, unit fleet.UnitID, day fleet.Day) ([]byte, error) {
	if s.n--; s.n < 0 {
		s.stop()
	}
	return s.Store.Track(ctx, unit, day)
}

func TestInterruptedAnywhere(t *testing.T) {
	s := embedded(t, embedstore.Config{})
	populate(t, s)
	dir := t.TempDir()
	for n := range 9 {
		ctx, stop := context.WithCancel(t.Context())
		_, err := Run(ctx, Config{Store: &stopping{s, n, stop}, Dir: dir, Before: first + 3, PartRows: 100})
		stop()
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatalf("stopped at question %d: %v", n, err)
		}
		if n == 4 {
			late(t, s)
		}
	}
	run(t, s, dir, first+3)
	holds(t, dir, s, first+3)
}

// child archives into dir/archive what dir/data has, over and over with one file a unit, until it is killed.
func child(dir string) int {
	s, err := embedstore.Open(embedstore.Config{Dir: filepath.Join(dir, "data")})
	if err == nil {
		fmt.Println("begins")
		_, err = Run(context.Background(), Config{Store: s, Dir: filepath.Join(dir, "archive"), Before: first + 3, PartRows: 1})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func TestKilled(t *testing.T) {
	dir := t.TempDir()
	s := embedded(t, embedstore.Config{Dir: filepath.Join(dir, "data")})
	populate(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for range 12 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), childDir+"="+dir)
		out, err := cmd.StdoutPipe()
		if err = errors.Join(err, cmd.Start()); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		killer := time.AfterFunc(time.Duration(rng.IntN(60))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // killed, or done before
		killer.Stop()
	}
	s = embedded(t, embedstore.Config{Dir: filepath.Join(dir, "data")})
	run(t, s, filepath.Join(dir, "archive"), first+3)
	holds(t, filepath.Join(dir, "archive"), s, first+3)
}

func TestDamagedArchiveIsLeftAlone(t *testing.T) {
	s := embedded(t, embedstore.Config{})
	populate(t, s)
	for name, damage := range map[string]func(day string) error{
		"a part is gone":          func(day string) error { return os.Remove(part1(day)) },
		"a part is short":         func(day string) error { return os.Truncate(part1(day), 100) },
		"the manifest is no JSON": func(day string) error { return os.WriteFile(filepath.Join(day, manifestName), []byte("{"), 0o600) },
		"a manifest of later": func(day string) error {
			return os.WriteFile(filepath.Join(day, manifestName), fmt.Appendf(nil, `{"version":2,"day":%q}`, dayName(first)), 0o600)
		},
	} {
		dir := t.TempDir()
		run(t, s, dir, first+2)
		day := filepath.Join(dir, "fixes", "day="+dayName(first))
		if err := damage(day); err != nil {
			t.Fatal(err)
		}
		if _, err := Run(t.Context(), Config{Store: s, Dir: dir, Before: first + 2}); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), day) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := Check(t.Context(), dir); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: check says %v", name, err)
		}
	}
	dir := t.TempDir()
	run(t, s, dir, first+2)
	path := part1(filepath.Join(dir, "events", "day="+dayName(first)))
	data, err := os.ReadFile(path)
	data[len(data)/2] ^= 1
	if err = errors.Join(err, os.WriteFile(path, data, 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := Check(t.Context(), dir); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), path) {
		t.Errorf("a wrong bit: check says %v", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if _, err := Run(t.Context(), Config{Store: s, Dir: dir, Before: first + 2}); !errors.Is(err, ErrLocked) {
		t.Errorf("two runs at once: %v", err)
	}
}
