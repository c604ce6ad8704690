package geofence_test

import (
	"fmt"
	"time"

	"dipper/geofence"
	"dipper/positioning"
	"dipper/positioning/geo"
)

// A truck drives through a gate, with a fix every second.
func Example() {
	gate, err := geofence.ParseFeature("gate-1", []byte(`{
		"type": "Feature",
		"properties": {"name": "North gate", "kind": "gate"},
		"geometry": {"type": "Polygon", "coordinates": [[[120.2100, 36.01], [120.2110, 36.01], [120.2110, 36.0104], [120.2100, 36.0104], [120.2100, 36.01]]]}
	}`), geofence.Limits{})
	if err != nil {
		fmt.Println(err)
		return
	}
	ledger := geofence.NewLedger("truck-7", geofence.NewIndex([]geofence.Fence{gate}))

	var state geofence.State
	start := time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)
	for i := range 20 {
		fix := positioning.NewFix(start.Add(time.Duration(i)*time.Second), geo.Point{Lat: 36.0102, Lon: 120.2095 + 0.0001*float64(i)})
		fix.ErrM, fix.SpeedMps = 2, 9
		for _, e := range ledger.Step(&state, geofence.Observation{Series: 1, Seq: uint64(i + 1), Fix: fix}, nil) {
			fmt.Printf("%s %s at %s ± %.1f s, told by fix %d\n", e.Kind, e.Fence, e.Time.Format("15:04:05.0"), e.PlusMinusS, e.Seq)
		}
	}
	// Output:
	// enter gate-1 at 04:00:05.0 ± 1.4 s, told by fix 7
	// exit gate-1 at 04:00:15.0 ± 1.4 s, told by fix 17
}

// What is refused says where and why.
func ExampleParseFeature() {
	_, err := geofence.ParseFeature("yard", []byte(`{
		"type": "Feature",
		"properties": {},
		"geometry": {"type": "Polygon", "coordinates": [[[120, 36], [121, 37], [121, 36], [120, 37], [120, 36]]]}
	}`), geofence.Limits{})
	fmt.Println(err)
	// Output:
	// fence geometry.coordinates[0][0]: the ring crosses or touches itself: the edge from here meets the edge from point 2 (at lon 120.5000000, lat 36.5000000)
}
