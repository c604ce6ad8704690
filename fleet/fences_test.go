package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"dipper/fleet"
	"dipper/geofence"
	"dipper/positioning"
	"dipper/positioning/geo"
	"dipper/positioning/track"
)

// clock is a wall clock that tests set.
type clock struct{ ns atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.set(testStart)
	return c
}

func (c *clock) set(t time.Time) { c.ns.Store(t.UnixNano()) }
func (c *clock) now() time.Time  { return time.Unix(0, c.ns.Load()).UTC() }

// driver sends one fix a batch.
type driver struct {
	t      testing.TB
	fleet  *fleet.Fleet
	clock  *clock
	unit   fleet.UnitID
	seq    track.Seq
	series track.Series
}

func (d *driver) at(t time.Time, lon float64) {
	d.t.Helper()
	d.clock.set(t)
	d.seq++
	f := positioning.NewFix(t, geo.Point{Lat: testPlace.Lat, Lon: lon})
	f.ErrM, f.SpeedMps = 1, 5
	if err := d.fleet.Accept(d.t.Context(), d.unit, track.Batch{Series: d.series, First: d.seq, Fixes: []positioning.Fix{f}}); err != nil {
		d.t.Fatal(err)
	}
}

func circle(lon, radius float64) []byte {
	return fmt.Appendf(nil, `{"type":"Feature","properties":{"radius_m":%v},"geometry":{"type":"Point","coordinates":[%.7f,%.7f]}}`, radius, lon, testPlace.Lat)
}

func newDriver(t testing.TB) (*driver, running, *modelStore) {
	t.Helper()
	c, store := newClock(), newModelStore()
	f := run(t, fleet.Config{Store: store, Now: c.now})
	t.Cleanup(f.stop)
	return &driver{t: t, fleet: f.Fleet, clock: c, unit: "truck-1", series: 7}, f, store
}

// kinds are the events in the log, as text.
func kinds(t testing.TB, f *fleet.Fleet) (out []string) {
	t.Helper()
	entries, _, err := f.Events(t.Context(), "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		s := string(e.Event.Kind) + " " + e.Event.Fence
		if e.Event.Reason != "" {
			s += " " + e.Event.Reason
		}
		if e.Event.Retracted {
			s += " retracted"
		}
		out = append(out, s)
	}
	return out
}

func wantKinds(t testing.TB, f *fleet.Fleet, want ...string) {
	t.Helper()
	if got := kinds(t, f); !slices.Equal(got, want) {
		t.Fatalf("events %q, want %q", got, want)
	}
}

func TestFenceEditEndsVisits(t *testing.T) {
	d, f, _ := newDriver(t)
	first, created, err := f.PutFence(t.Context(), "a", circle(120, 500))
	if err != nil || !created || first.Revision != 1 || !first.ValidFrom.IsZero() {
		t.Fatalf("first revision %+v, created %v, %v", first, created, err)
	}
	d.at(testStart, 120)
	wantKinds(t, f.Fleet, "inside_at_start a")

	edit := testStart.Add(time.Minute)
	d.clock.set(edit)
	second, created, err := f.PutFence(t.Context(), "a", circle(121, 500))
	if err != nil || created || second.Revision != 2 || !second.ValidFrom.Equal(edit) {
		t.Fatalf("second revision %+v, created %v, %v", second, created, err)
	}
	d.at(testStart.Add(2*time.Minute), 120)
	wantKinds(t, f.Fleet, "inside_at_start a", "exit a fence_changed")
	if inside, err := f.Inside(t.Context(), "a"); err != nil || len(inside) != 0 {
		t.Fatalf("inside %v, %v", inside, err)
	}
	entries, _, _ := f.Events(t.Context(), "1", 1)
	if got := entries[0].Event.Time; !got.Equal(edit) {
		t.Errorf("the visit ended at %v, want the edit at %v", got, edit)
	}
}

func TestFencePutAgainChangesNothing(t *testing.T) {
	d, f, _ := newDriver(t)
	if _, _, err := f.PutFence(t.Context(), "a", circle(120, 500)); err != nil {
		t.Fatal(err)
	}
	d.clock.set(testStart.Add(time.Hour))
	edited, _, err := f.PutFence(t.Context(), "a", circle(120, 600))
	if err != nil || edited.Revision != 2 {
		t.Fatalf("%+v, %v", edited, err)
	}
	d.clock.set(testStart.Add(2 * time.Hour))
	feature, err := edited.AppendFeature(nil) // what the page reads, with valid_from, and puts back
	if err != nil {
		t.Fatal(err)
	}
	for _, again := range [][]byte{circle(120, 600), feature} {
		got, created, err := f.PutFence(t.Context(), "a", again)
		if err != nil || created || got.Revision != 2 {
			t.Errorf("put again: revision %d, created %v, %v", got.Revision, created, err)
		}
	}
}

func TestFenceDeletedClosesVisitsAndCanComeBack(t *testing.T) {
	d, f, _ := newDriver(t)
	if _, _, err := f.PutFence(t.Context(), "a", circle(120, 500)); err != nil {
		t.Fatal(err)
	}
	d.at(testStart, 120)
	d.clock.set(testStart.Add(time.Minute))
	if err := f.DeleteFence(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if err := f.DeleteFence(t.Context(), "a"); !errors.Is(err, fleet.ErrNotFound) {
		t.Errorf("deleted twice: %v", err)
	}
	if _, err := f.Fence(t.Context(), "a"); !errors.Is(err, fleet.ErrNotFound) {
		t.Errorf("Fence: %v", err)
	}
	if _, err := f.Inside(t.Context(), "a"); !errors.Is(err, fleet.ErrNotFound) {
		t.Errorf("Inside: %v", err)
	}
	if all := f.Fences(); len(all) != 0 {
		t.Errorf("Fences: %v", all)
	}
	d.at(testStart.Add(2*time.Minute), 120)
	wantKinds(t, f.Fleet, "inside_at_start a", "exit a fence_deleted")

	again, created, err := f.PutFence(t.Context(), "a", circle(120, 500))
	if err != nil || !created || again.Revision != 2 || !again.ValidFrom.Equal(d.clock.now()) {
		t.Fatalf("after deletion: %+v, created %v, %v", again, created, err)
	}
	d.at(testStart.Add(3*time.Minute), 120)
	wantKinds(t, f.Fleet, "inside_at_start a", "exit a fence_deleted", "inside_at_start a")
}

func TestFenceScheduled(t *testing.T) {
	d, f, _ := newDriver(t)
	from := testStart.Add(time.Hour)
	scheduled := func(radius int) []byte {
		return fmt.Appendf(nil, `{"type":"Feature","properties":{"radius_m":%d,"valid_from":%q},"geometry":{"type":"Point","coordinates":[120,36]}}`, radius, from.Format(time.RFC3339))
	}
	for _, step := range []struct {
		feature []byte
		want    uint64
	}{{circle(120, 100), 1}, {scheduled(200), 2}, {scheduled(300), 3}} {
		if got, _, err := f.PutFence(t.Context(), "a", step.feature); err != nil || got.Revision != step.want {
			t.Fatalf("revision %d, %v, want %d", got.Revision, err, step.want)
		}
	}
	d.at(testStart, 120) // revision 1 counts until the scheduled one does
	d.at(from.Add(time.Second), 120)
	wantKinds(t, f.Fleet, "inside_at_start a", "exit a fence_changed", "inside_at_start a")
	entries, _, _ := f.Events(t.Context(), "", 3)
	if first, last := entries[0].Event.FenceRevision, entries[2].Event.FenceRevision; first != 1 || last != 3 {
		t.Errorf("revisions %d and %d, want 1 and 3", first, last)
	}
}

func TestFenceRefused(t *testing.T) {
	_, f, _ := newDriver(t)
	var invalid *geofence.InvalidError
	if _, _, err := f.PutFence(t.Context(), "a", []byte(`{"type":"Feature"}`)); !errors.As(err, &invalid) {
		t.Errorf("no geometry: %v", err)
	}
	if _, _, err := f.PutFence(t.Context(), "a/b", circle(120, 1)); !errors.As(err, &invalid) || invalid.Field != "id" {
		t.Errorf("bad id: %v", err)
	}
	few, err := fleet.New(t.Context(), fleet.Config{Store: newModelStore(), Limits: fleet.Limits{Fences: 1}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := few.PutFence(t.Context(), "a", circle(120, 1)); err != nil {
		t.Fatal(err)
	}
	var wrong *fleet.InvalidError
	if _, _, err := few.PutFence(t.Context(), "b", circle(120, 1)); !errors.As(err, &wrong) || wrong.Field != "id" {
		t.Errorf("over the limit: %v", err)
	}
}

func TestFenceOfAnotherNode(t *testing.T) {
	d, f, store := newDriver(t)
	other := run(t, fleet.Config{Store: store, Now: d.clock.now})
	defer other.stop()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	seen := errors.New("seen")
	if _, _, err := other.PutFence(t.Context(), "a", circle(120, 500)); err != nil {
		t.Fatal(err)
	}
	err := f.WatchFences(ctx, func() error {
		if len(f.Fences()) == 1 {
			return seen
		}
		return nil
	})
	if !errors.Is(err, seen) {
		t.Fatalf("the other node's fence did not come: %v", err)
	}
	d.at(testStart, 120)
	wantKinds(t, f.Fleet, "inside_at_start a")
}

// A revision that ended so long ago that it is forgotten must not have its events taken back by a late fix.
func TestEventsOfForgottenRevisionsStay(t *testing.T) {
	d, f, store := newDriver(t)
	if _, _, err := f.PutFence(t.Context(), "a", circle(120, 500)); err != nil {
		t.Fatal(err)
	}
	d.seq = 10
	d.at(testStart, 119.9)
	d.at(testStart.Add(time.Minute), 120)
	d.at(testStart.Add(2*time.Minute), 119.9)
	wantKinds(t, f.Fleet, "enter a", "exit a")
	d.clock.set(testStart.Add(3 * time.Minute))
	if _, _, err := f.PutFence(t.Context(), "a", circle(121, 500)); err != nil {
		t.Fatal(err)
	}
	later := testStart.AddDate(1, 0, 0)
	d.clock.set(later)
	other := run(t, fleet.Config{Store: store, Now: d.clock.now}) // loads the fences anew
	defer other.stop()
	d.fleet, d.seq = other.Fleet, 0
	d.at(testStart.Add(-time.Minute), 119.9) // number 1, which was missing
	if got := other.Stats(); got.LateBatches != 1 || got.RetractedEvents != 0 {
		t.Errorf("%d late batches, %d events retracted", got.LateBatches, got.RetractedEvents)
	}
	wantKinds(t, other.Fleet, "enter a", "exit a")
}
