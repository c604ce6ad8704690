package fleet_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dipper/fleet"
	"dipper/fleet/embedstore"
	"dipper/positioning/track"
)

// The stores name what they did not find, and so does the fleet: it is said once.
func TestNotFoundIsSaidOnce(t *testing.T) {
	f := run(t, fleet.Config{Store: openEmbedded(t)})
	defer f.stop()
	_, _, noEvent := f.Events(t.Context(), "nope", 1)
	for _, err := range []error{second(f.Unit(t.Context(), "nope")), second(f.ReplaceKey(t.Context(), "nope")), noEvent} {
		if err == nil || strings.Count(err.Error(), "nope") != 1 {
			t.Errorf("%v", err)
		}
	}
}

// scenario is a track and one way in which it arrives.
type scenario struct {
	fixes   []fleet.TrackFix
	arrival []track.Batch
}

// TestAnyArrivalEndsTheSameOnDisk holds the embedded store against the same expectation as the model, with the service ending
// and beginning again in the middle.
func TestAnyArrivalEndsTheSameOnDisk(t *testing.T) {
	scenarios := rapid.Custom(func(t *rapid.T) scenario {
		fixes := drawTrack(t)
		return scenario{fixes, drawArrival(t, fixes)}
	})
	for seed := range 12 {
		s := scenarios.Example(seed)
		dir := t.TempDir()
		half := len(s.arrival) / 2
		serve := func(do func(*fleet.Fleet, fleet.Store)) {
			store, err := embedstore.Open(embedstore.Config{Dir: dir, Now: func() time.Time { return testNow }})
			if err != nil {
				t.Fatal(err)
			}
			f := run(t, fleet.Config{Store: store})
			do(f.Fleet, store)
			f.stop()
			if err := store.Close(); err != nil {
				t.Fatal(err)
			}
		}
		send := func(f *fleet.Fleet, batches []track.Batch) {
			for _, b := range batches {
				if err := f.Accept(t.Context(), testUnit, b); err != nil {
					t.Fatal(err)
				}
			}
		}
		serve(func(f *fleet.Fleet, _ fleet.Store) {
			putFences(t, f)
			send(f, s.arrival[:half])
		})
		serve(func(f *fleet.Fleet, store fleet.Store) {
			send(f, s.arrival[half:])
			look(t, testUnit, f, store).check(t, expect(t, testUnit, s.fixes, indexOf(f)))
			checkLog(t, testUnit, f, store)
		})
	}
}
