package stream

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"dipper/fleet"
	"dipper/geofence"
	"dipper/positioning/geo"
	"dipper/receiver/uplink"
)

// fenceAround is a polygon of about 300 m around a point.
func fenceAround(t testing.TB, id string, centre geo.Point, vertices int) geofence.Fence {
	t.Helper()
	ring := make([]geo.Point, 0, vertices+1)
	for k := range vertices {
		sin, cos := math.Sincos(2 * math.Pi * float64(k) / float64(vertices))
		r := 0.003 + 0.0002*float64(k%2)
		ring = append(ring, geo.Point{Lat: centre.Lat + r*sin, Lon: centre.Lon + r*cos})
	}
	shape, err := geofence.NewPolygons([][][]geo.Point{{append(ring, ring[0])}}, geofence.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return geofence.Fence{ID: id, Revision: 1, Shape: shape}
}

// The circle ends where the set is complete no more, whichever limit cuts it.
func TestFencesNearKeepTheLimitOfBytes(t *testing.T) {
	var fences []geofence.Fence
	here := geo.Point{Lat: 39.9, Lon: 116.4}
	for i := range 40 {
		fences = append(fences, fenceAround(t, fmt.Sprintf("f%02d", i), geo.Point{Lat: 39.9 + 0.01*float64(1+i), Lon: 116.4}, 2000))
	}
	ix := geofence.NewIndex(fences)
	h, msg, err := fencesNear(ix, here, time.Now())
	if err != nil || len(msg) > uplink.MaxMessageBytes {
		t.Fatalf("%d bytes, %v", len(msg), err)
	}
	set, err := uplink.DecodeFences(msg)
	if err != nil || set.Version != h.Version || set.RadiusM != h.RadiusM {
		t.Fatalf("%+v of %+v, %v", set, h, err)
	}
	n := len(set.Blobs)
	if n == 0 || n == len(fences) {
		t.Fatalf("%d fences of %d bytes", n, len(msg))
	}
	if d := -fences[n].Shape.Depth(here); set.RadiusM > d || set.RadiusM < d-1 {
		t.Errorf("complete to %v m, the first that is left out is at %v m", set.RadiusM, d)
	}
	if again, _, err := fencesNear(ix, here, time.Now()); err != nil || again != h {
		t.Errorf("the same again: %+v, %v", again, err)
	}
}

// A unit keeps the set it has while that is right and the unit is not far, and else gets the one around it.
func TestFencesFromWhatTheUnitHolds(t *testing.T) {
	centre := geo.Point{Lat: 39.9, Lon: 116.4}
	near := fenceAround(t, "near", geo.Point{Lat: 39.95, Lon: 116.4}, 8)
	ix := geofence.NewIndex([]geofence.Fence{near})
	held, _, err := fencesNear(ix, centre, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	edited := near
	edited.Revision = 2
	for _, tc := range []struct {
		name string
		ix   *geofence.Index
		held fleet.FencesHeld
		here geo.Point
		kept bool
	}{
		{"nearby", ix, held, geo.Point{Lat: 39.98, Lon: 116.4}, true},
		{"too far", ix, held, geo.Point{Lat: 40, Lon: 116.4}, false},
		{"nothing held", ix, fleet.FencesHeld{}, geo.Point{Lat: 39.91, Lon: 116.4}, false},
		{"edited", geofence.NewIndex([]geofence.Fence{edited}), held, geo.Point{Lat: 39.91, Lon: 116.4}, false},
	} {
		got, _, err := fencesFrom(tc.ix, tc.held, tc.here, time.Now())
		if err != nil || (got == held) != tc.kept || !tc.kept && got.Centre != tc.here {
			t.Errorf("%s: %+v, %v", tc.name, got, err)
		}
	}
}

func TestChangedFences(t *testing.T) {
	p := geo.Point{Lat: 39.9, Lon: 116.4}
	now := time.Now()
	fence := func(id string, revision uint64, until time.Time) geofence.Fence {
		f := fenceAround(t, id, p, 4)
		f.Revision, f.ValidUntil = revision, until
		return f
	}
	before := geofence.NewIndex([]geofence.Fence{fence("a", 1, time.Time{}), fence("b", 1, time.Time{}), fence("b", 2, time.Time{}), fence("d", 1, time.Time{})})
	after := geofence.NewIndex([]geofence.Fence{fence("a", 1, time.Time{}), fence("b", 2, now), fence("c", 1, time.Time{}), fence("d", 1, time.Time{}), fence("e", 7, now)})
	var got []string
	for _, f := range changedFences(before, after).Fences() {
		got = append(got, fmt.Sprintf("%s@%d", f.ID, f.Revision))
		if !f.ValidFrom.IsZero() || !f.ValidUntil.IsZero() {
			t.Errorf("%s counts for a time only", f.ID)
		}
	}
	if fmt.Sprint(got) != "[b@1 b@2 c@1 e@7]" {
		t.Errorf("changed: %v", got)
	}
	if n := len(changedFences(after, after).Fences()); n != 0 {
		t.Errorf("%d of the same are changed", n)
	}
}

// What one unit costs the goroutine that pushes fences, in a city of 60 km with 30,000 fences.
func BenchmarkFencesNear(b *testing.B) {
	for _, vertices := range []int{8, 100} {
		b.Run(fmt.Sprintf("%d vertices", vertices), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 2))
			somewhere := func() geo.Point { return geo.Point{Lat: 39.6 + 0.6*rng.Float64(), Lon: 116 + 0.7*rng.Float64()} }
			var fences []geofence.Fence
			for i := range 30_000 {
				fences = append(fences, fenceAround(b, fmt.Sprintf("f%05d", i), somewhere(), vertices))
			}
			ix := geofence.NewIndex(fences)
			now := time.Now()
			var bytes int
			b.ReportAllocs()
			for b.Loop() {
				_, msg, err := fencesNear(ix, somewhere(), now)
				if err != nil {
					b.Fatal(err)
				}
				bytes = len(msg)
			}
			b.ReportMetric(float64(bytes), "bytes/set")
		})
	}
}
