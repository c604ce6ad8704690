package geofence

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dipper/positioning"
	"dipper/positioning/geo"
)

// demoFences reads testdata/fences.
func demoFences(t testing.TB) []Fence {
	t.Helper()
	files, err := filepath.Glob("../testdata/fences/*.geojson")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %d files", err, len(files))
	}
	var fences []Fence
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		f, err := ParseFeature(strings.TrimSuffix(filepath.Base(file), ".geojson"), data, Limits{})
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		f.Revision = 1
		fences = append(fences, f)
	}
	return fences
}

// drive makes a fix a second along a way, at a speed.
func drive(mps float64, way ...geo.Point) []Observation {
	var obs []Observation
	at := start
	for i := range way[:len(way)-1] {
		a, b := placeOf(way[i]), placeOf(way[i+1])
		n := int(math.Ceil(metresBetween(a, b) / mps))
		for j := range n {
			f := positioning.NewFix(at, along(a, b, float64(j)/float64(n)).point())
			f.ErrM, f.SpeedMps = 2, mps
			obs = append(obs, Observation{Series: 1, Seq: uint64(len(obs) + 1), Fix: f})
			at = at.Add(time.Second)
		}
	}
	return obs
}

func lonLat(lon, lat float64) geo.Point { return geo.Point{Lat: lat, Lon: lon} }

// TestDemoRoutes drives the ways of testdata/fences/README.md, there and back, and the stretch of the recorded drive.
func TestDemoRoutes(t *testing.T) {
	ix := NewIndex(demoFences(t))
	truck := []geo.Point{
		lonLat(120.19, 35.972), lonLat(120.220484, 35.983156), lonLat(120.217458, 35.987563), lonLat(120.217053, 35.988153),
		lonLat(120.216594, 35.988822), lonLat(120.212446, 35.989315),
	}
	vessel := []geo.Point{
		lonLat(120.45, 36), lonLat(120.42, 36.004), lonLat(120.34, 36.03), lonLat(120.3, 36.033), lonLat(120.27, 36.02), lonLat(120.235, 36.006),
		lonLat(120.211839, 35.995748), lonLat(120.210103, 35.993929), lonLat(120.211481, 35.991922),
	}
	tests := []struct {
		name string
		mps  float64
		way  []geo.Point
		want string
	}{
		{"truck", 8, there(truck), "inside_at_start qianwan-road, enter qianwan-gate, exit qianwan-road, exit qianwan-gate, enter qianwan-yard, " +
			"exit qianwan-yard, enter qianwan-gate, enter qianwan-road, exit qianwan-gate"},
		{"vessel", 7, there(vessel), "inside_at_start qingdao-anchorage, exit qingdao-anchorage, enter qingdao-approach, exit qingdao-approach, enter qianwan-berth-1, " +
			"exit qianwan-berth-1, enter qingdao-approach, exit qingdao-approach, enter qingdao-anchorage"},
		{"the recorded drive", 26, []geo.Point{lonLat(119.9580, 30.0028), lonLat(119.9671, 30.0038)}, "enter hangzhou-drive, overspeed hangzhou-drive, exit hangzhou-drive"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, events := follow(ix, drive(tt.mps, tt.way...))
			var got []string
			for _, e := range events {
				got = append(got, string(e.Kind)+" "+e.Fence)
			}
			if s := strings.Join(got, ", "); s != tt.want {
				t.Errorf("got  %s\nwant %s", s, tt.want)
			}
		})
	}
}

// there gives a way there and back.
func there(way []geo.Point) []geo.Point {
	back := slices.Clone(way)
	slices.Reverse(back)
	return append(slices.Clone(way), back[1:]...)
}
