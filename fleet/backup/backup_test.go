package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"dipper/fleet"
	"dipper/fleet/embedstore"
	"dipper/fleet/redisstore"
	"dipper/fleet/storetest/redistest"
	"dipper/positioning"
	"dipper/positioning/geo"
	"dipper/positioning/track"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	start = time.Date(2026, 11, 22, 22, 0, 0, 0, time.UTC) // a midnight lies in the tracks
	now   = start.Add(30 * time.Hour)
	place = geo.Point{Lat: 36, Lon: 120.2}
	quiet = slog.New(slog.DiscardHandler)
)

const box = `{"type":"Feature","properties":{"kind":"yard","dwell_s":60,"name":"%s"},"geometry":{"type":"Polygon",
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

func inRedis(t testing.TB, url string, cfg redisstore.Config) *redisstore.Store {
	t.Helper()
	cfg.URL = url
	s, err := redisstore.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// with runs a fleet on a store.
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

// drive sends n fixes of a unit that goes through the fence and back, some a good deal late.
func drive(t testing.TB, f *fleet.Fleet, unit fleet.UnitID, n int, rng *rand.Rand) {
	t.Helper()
	var batches []track.Batch
	for first := 0; first < n; first += 10 {
		b := track.Batch{Series: track.Series(start.Unix()), First: track.Seq(first + 1)}
		for i := first; i < min(n, first+10); i++ {
			x := 0.02 * math.Sin(float64(i)/40)
			fix := positioning.NewFix(start.Add(time.Duration(i)*30*time.Second), geo.Point{Lat: place.Lat, Lon: place.Lon + x})
			fix.SpeedMps, fix.ErrM = rng.Float64()*20, 3
			b.Fixes = append(b.Fixes, track.Quantize(fix))
		}
		batches = append(batches, b)
	}
	rng.Shuffle(len(batches)/2, func(i, j int) { batches[i], batches[j] = batches[j], batches[i] })
	for _, b := range batches {
		if err := f.Accept(t.Context(), unit, b); err != nil {
			t.Fatal(err)
		}
	}
}

// units of the fleet of these tests. One is registered and never sent, one sends and is not registered.
var units = []fleet.UnitID{"鲁B12345", "a", "truck-7", "silent"}

// populate makes a fleet with some of everything, and returns a unit's key and a token.
func populate(t testing.TB, s fleet.Store) (key, token string) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	with(t, s, func(f *fleet.Fleet) {
		for _, name := range []string{"first", "second", "third"} { // revisions of one fence, and one that ends
			if _, _, err := f.PutFence(t.Context(), "yard", fmt.Appendf(nil, box, name)); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := f.PutFence(t.Context(), "old", fmt.Appendf(nil, box, "old")); err != nil {
			t.Fatal(err)
		}
		if err := f.DeleteFence(t.Context(), "old"); err != nil {
			t.Fatal(err)
		}
		var err error
		for _, u := range []fleet.UnitID{"鲁B12345", "truck-7", "silent"} {
			if key, err = f.RegisterUnit(t.Context(), u, "Name of "+string(u), "truck"); err != nil {
				t.Fatal(err)
			}
		}
		if token, err = f.AddToken(t.Context(), "Li", fleet.RoleDispatcher); err != nil {
			t.Fatal(err)
		}
		for i, u := range units[:3] {
			drive(t, f, u, 400+i*60, rng)
		}
	})
	return key, token
}

// answers is all that people can ask a fleet.
type answers struct {
	Vehicles []string // with their visits
	Complete []fleet.Completeness
	Tracks   [][]fleet.TrackFix
	Events   []fleet.EventEntry
	Inside   []fleet.Occupant
	In       []fleet.Position
	Units    []fleet.Registration
}

func ask(t testing.TB, s fleet.Store) answers {
	t.Helper()
	ctx := t.Context()
	f, err := fleet.New(ctx, fleet.Config{Store: s, Now: func() time.Time { return now }})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(err)
	var a answers
	for _, u := range units {
		v, err := f.Unit(ctx, u)
		must(err)
		a.Vehicles = append(a.Vehicles, fmt.Sprintf("%+v", v)) // NaN differs from itself
		c, err := f.Completeness(ctx, u)
		must(err)
		a.Complete = append(a.Complete, c)
		fixes, _, err := f.Track(ctx, u, start, now, 1e6)
		must(err)
		a.Tracks = append(a.Tracks, fixes)
	}
	a.Events, _, err = f.Events(ctx, "", 1e6)
	must(err)
	unmark(a.Events)
	a.Inside, err = f.Inside(ctx, "yard")
	must(err)
	a.In, _, err = f.UnitsIn(ctx, geo.Box{West: 120, South: 35, East: 121, North: 37}, 100)
	must(err)
	a.Units, err = f.Registrations(ctx)
	must(err)
	return a
}

// unmark takes away the marks, which each store draws for itself.
func unmark(events []fleet.EventEntry) {
	for i := range events {
		events[i].Mark = 0
	}
}

func export(t testing.TB, s fleet.Store) ([]byte, Contents) {
	t.Helper()
	var file bytes.Buffer
	c, err := Export(t.Context(), s, &file, "test", now)
	if err != nil {
		t.Fatal(err)
	}
	return file.Bytes(), c
}

func fill(t testing.TB, s fleet.Store, file []byte) Contents {
	t.Helper()
	c, err := Import(t.Context(), s, bytes.NewReader(file), quiet)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// sameAnswers compares through text where unknown values are, which == denies.
func sameAnswers(t *testing.T, got, want answers) {
	t.Helper()
	g, w := reflect.ValueOf(got), reflect.ValueOf(want)
	for i := range g.NumField() {
		if a, b := fmt.Sprintf("%+v", g.Field(i)), fmt.Sprintf("%+v", w.Field(i)); a != b {
			t.Errorf("%s\n got %.2000s\nwant %.2000s", g.Type().Field(i).Name, a, b)
		}
	}
}

func TestEmbeddedToRedisToClusterAndBack(t *testing.T) {
	first := embedded(t, embedstore.Config{})
	key, token := populate(t, first)
	want := ask(t, first)
	if len(want.Events) < 10 || len(want.Inside) == 0 || len(want.In) != 3 {
		t.Fatalf("the fleet shows too little to test with: %d events, %d inside, %d in the box", len(want.Events), len(want.Inside), len(want.In))
	}
	file, contents := export(t, first)
	if contents.Units != 3 || contents.Documents != 9 || contents.LogEntries != uint64(len(want.Events)) {
		t.Errorf("contents %v", contents)
	}
	stores := []fleet.Store{
		inRedis(t, redistest.Start(t, redistest.Options{}).URL, redisstore.Config{}),
		inRedis(t, redistest.StartCluster(t, redistest.Options{}).URL, redisstore.Config{}),
		embedded(t, embedstore.Config{}),
	}
	for _, s := range stores {
		if got := fill(t, s, file); got != contents {
			t.Errorf("%T holds %v, want %v", s, got, contents)
		}
		var again []byte
		if again, _ = export(t, s); !bytes.Equal(again, file) {
			t.Errorf("the export of %T is another file", s)
		}
		file = again
		sameAnswers(t, ask(t, s), want)
		with(t, s, func(f *fleet.Fleet) {
			if u, err := f.UnitByKey(t.Context(), key); err != nil || u != "silent" {
				t.Errorf("the key opens %q, %v", u, err)
			}
			if tk, err := f.TokenByValue(t.Context(), token); err != nil || tk.Name != "Li" {
				t.Errorf("the token is of %q, %v", tk.Name, err)
			}
		})
	}
	// Life goes on the same in all of them.
	var tails []answers
	for _, s := range append(stores, first) {
		with(t, s, func(f *fleet.Fleet) {
			if _, _, err := f.PutFence(t.Context(), "yard", fmt.Appendf(nil, box, "fourth")); err != nil {
				t.Fatal(err)
			}
			drive(t, f, "a", 900, rand.New(rand.NewPCG(3, 4)))
		})
		tails = append(tails, ask(t, s))
	}
	for _, tail := range tails[:len(tails)-1] {
		sameAnswers(t, tail, tails[len(tails)-1])
	}
}

// A log that was cut at its beginning and events that retention dropped come back as they were, cursors included.
func TestTrimmedLogKeepsItsCursors(t *testing.T) {
	url := redistest.Start(t, redistest.Options{}).URL
	from := inRedis(t, url, redisstore.Config{EventCap: 8})
	populate(t, from)
	file, contents := export(t, from)
	if contents.LogEntries != 8 || contents.UnitEvents <= 8 {
		t.Fatalf("contents %v: the log was not cut", contents)
	}
	to := embedded(t, embedstore.Config{})
	fill(t, to, file)
	for _, s := range []fleet.Store{from, to} {
		log, err := s.Events(t.Context(), 0, 100)
		if err != nil || len(log) != 8 || log[0].Cursor < 2 {
			t.Errorf("%T: log %v, %v", s, log, err)
		}
	}
	if a, b := second(from.LastCursor(t.Context())), second(to.LastCursor(t.Context())); a != b {
		t.Errorf("logs end at %d and %d", a, b)
	}
}

// busy calls a function between the reading of a unit's state and of its track.
type busy struct {
	fleet.Store
	between func()
}

func (b busy) Days(ctx context.Context, unit fleet.UnitID) ([]fleet.Day, error) {
	b.between()
	return b.Store.Days(ctx, unit)
}

// A unit sends while it is being exported. Restored, it sends again what its state does not have, and all ends as it did.
func TestExportWhileAUnitSends(t *testing.T) {
	from, to := embedded(t, embedstore.Config{}), embedded(t, embedstore.Config{})
	rng := func() *rand.Rand { return rand.New(rand.NewPCG(9, 9)) }
	var file bytes.Buffer
	with(t, from, func(f *fleet.Fleet) {
		if _, _, err := f.PutFence(t.Context(), "yard", fmt.Appendf(nil, box, "yard")); err != nil {
			t.Fatal(err)
		}
		drive(t, f, "a", 300, rng())
		sending := busy{from, func() { drive(t, f, "a", 520, rng()) }}
		if _, err := Export(t.Context(), sending, &file, "test", now); err != nil {
			t.Fatal(err)
		}
	})
	fill(t, to, file.Bytes())
	with(t, to, func(f *fleet.Fleet) {
		held, err := f.Held(t.Context(), "a", track.Series(start.Unix()))
		if err != nil || held.Highest() != 300 {
			t.Errorf("held %v, %v, want what was held when the state was read", held, err)
		}
		drive(t, f, "a", 520, rng())
	})
	look := func(s fleet.Store) string {
		f, err := fleet.New(t.Context(), fleet.Config{Store: s})
		if err != nil {
			t.Fatal(err)
		}
		c, err1 := f.Completeness(t.Context(), "a")
		fixes, _, err2 := f.Track(t.Context(), "a", start, now, 1e6)
		events, _, err3 := f.Events(t.Context(), "", 1e6)
		unmark(events)
		return fmt.Sprint(c, fixes, events, errors.Join(err1, err2, err3))
	}
	if got, want := look(to), look(from); got != want {
		t.Errorf("restored\n%.3000s\nwant\n%.3000s", got, want)
	}
}

func second(c fleet.Cursor, _ error) fleet.Cursor { return c }

// More than fits into a record, a step and a block.
func TestLongTrack(t *testing.T) {
	from, to := embedded(t, embedstore.Config{}), embedded(t, embedstore.Config{})
	rng := rand.New(rand.NewPCG(5, 6))
	for v := range 3 {
		noise := make([]byte, 2*trackPart-trackPart/2*v)
		for i := range noise {
			noise[i] = byte(rng.Uint32())
		}
		for _, err := range from.Commit(t.Context(), []fleet.Step{{Unit: "u", Expect: uint64(v), Track: []fleet.Segment{{Day: 5, Data: noise}, {Day: 7, Data: noise[:9]}}}}) {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	file, contents := export(t, from)
	if got := fill(t, to, file); got != contents || contents.TrackBytes != 9*trackPart/2+27 {
		t.Errorf("%v, want %v", got, contents)
	}
}

func TestOnlyIntoAnEmptyStore(t *testing.T) {
	s := embedded(t, embedstore.Config{})
	populate(t, s)
	file, _ := export(t, s)
	only := func(do func(*embedstore.Store) error) *embedstore.Store {
		s := embedded(t, embedstore.Config{})
		if err := do(s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	for what, s := range map[string]fleet.Store{
		"everything": s,
		"a unit":     only(func(s *embedstore.Store) error { return s.Commit(t.Context(), []fleet.Step{{Unit: "u"}})[0] }),
		"a document": only(func(s *embedstore.Store) error {
			_, err := s.PutDocument(t.Context(), fleet.DocToken, "x", nil, 0)
			return err
		}),
		"a log": only(func(s *embedstore.Store) error {
			return s.RestoreLog(t.Context(), []fleet.LogEntry{{Cursor: 5, EventRecord: fleet.EventRecord{ID: "e"}}})
		}),
	} {
		if _, err := Import(t.Context(), s, bytes.NewReader(file), quiet); !errors.Is(err, ErrNotEmpty) {
			t.Errorf("import into a store with %s: %v", what, err)
		}
	}
}

// Wherever a file is cut or a bit of it is wrong, the place is told and nothing is written.
func TestDamagedFilesAreRefused(t *testing.T) {
	s := embedded(t, embedstore.Config{})
	populate(t, s)
	file, _ := export(t, s)
	to := embedded(t, embedstore.Config{})
	refused := func(name string, damaged []byte, at int) {
		t.Helper()
		_, err := Import(t.Context(), to, bytes.NewReader(damaged), quiet)
		var d *DamagedError
		if !errors.As(err, &d) || d.Offset > int64(at) || !strings.Contains(err.Error(), fmt.Sprintf("at byte %d", d.Offset)) {
			t.Errorf("%s at %d of %d: %v", name, at, len(file), err)
		}
	}
	rng := rand.New(rand.NewPCG(7, 8))
	places := []int{0, 1, len(magic) - 1, len(magic), len(magic) + 3, len(magic) + blockHead - 1, len(magic) + blockHead, len(file) - 1}
	for range 300 {
		places = append(places, rng.IntN(len(file)))
	}
	for _, at := range places {
		refused("cut", file[:at], at)
		flipped := bytes.Clone(file)
		flipped[at] ^= 1 << rng.IntN(8)
		refused("bit flipped", flipped, at)
	}
	refused("something behind", append(bytes.Clone(file), 0), len(file))
	refused("twice", append(bytes.Clone(file), file...), len(file))
	if err := mustBeEmpty(t.Context(), to); err != nil {
		t.Errorf("something was written: %v", err)
	}
}

// Blocks that are whole and stand in the wrong order, or that are missing.
func TestBlocksInTheWrongOrderAreRefused(t *testing.T) {
	unit := func(id string) *record { return &record{kind: kindUnit, unit: fleet.UnitID(id)} }
	part := func(id string, d fleet.Day) *record {
		return &record{kind: kindTrack, unit: fleet.UnitID(id), day: d, data: []byte("x")}
	}
	event := func(id string, e fleet.EventRecord) *record {
		return &record{kind: kindUnitEvent, unit: fleet.UnitID(id), event: e}
	}
	log := func(c uint64) *record { return &record{kind: kindLog, number: c} }
	doc := func(kind, id string) *record { return &record{kind: kindDocument, docKind: kind, name: id, number: 1} }
	for name, records := range map[string][]*record{
		"a unit twice":              {unit("a"), unit("a")},
		"units descending":          {unit("b"), unit("a")},
		"track of no unit":          {part("a", 1)},
		"track of another unit":     {unit("a"), part("b", 1)},
		"a day twice":               {unit("a"), part("a", 1), part("a", 1)},
		"track behind events":       {unit("a"), event("a", fleet.EventRecord{ID: "e"}), part("a", 1)},
		"an event twice":            {unit("a"), event("a", fleet.EventRecord{ID: "e"}), event("a", fleet.EventRecord{ID: "e"})},
		"log entry 0":               {log(0)},
		"log descending":            {log(2), log(1)},
		"a unit behind the log":     {log(1), unit("a")},
		"a log behind documents":    {doc(fleet.DocUnit, "a"), log(1)},
		"a document twice":          {doc(fleet.DocUnit, "a"), doc(fleet.DocUnit, "a")},
		"kinds descending":          {doc(fleet.DocUnit, "a"), doc(fleet.DocFence, "a")},
		"a kind nobody knows":       {doc("shoe", "a")},
		"a unit with a bad id":      {unit("a b")},
		"a header in the middle":    {unit("a"), {kind: kindHeader}},
		"a type nobody knows":       {{kind: 'q'}},
		"a log entry without event": {{kind: kindLog}},
	} {
		if _, err := Verify(t.Context(), bytes.NewReader(forge(records...))); !errors.As(err, new(*DamagedError)) {
			t.Errorf("%s: %v, want a *DamagedError", name, err)
		}
	}
	good := forge(unit("a"), part("a", 1), part("a", 2), event("a", fleet.EventRecord{ID: "e"}), unit("b"), log(3), log(4), doc(fleet.DocFence, "b"), doc(fleet.DocUnit, "a"))
	if _, err := Verify(t.Context(), bytes.NewReader(good)); err != nil {
		t.Errorf("in order: %v", err)
	}
}

// forge writes a file of any records, with the end record that fits them.
func forge(records ...*record) []byte {
	var file bytes.Buffer
	w, err := newWriter(&file)
	if err != nil {
		panic(err)
	}
	t := newTally()
	for _, r := range append([]*record{{kind: kindHeader}}, records...) {
		from := len(w.block)
		w.block = r.appendFramed(w.block, &w.body)
		if r.kind != kindHeader {
			t.sha.Write(w.block[from:])
			_ = t.add(r, nil) // for the counts
		}
	}
	end := record{kind: kindEnd, end: t.contents()}
	w.block = end.appendFramed(w.block, &w.body)
	if err := w.flush(); err != nil {
		panic(err)
	}
	return file.Bytes()
}
