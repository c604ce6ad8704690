package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"dipper/positioning/geo"
)

// Waypoints around Qingdao's Qianwan port, WGS-84. testdata/fences draws the demo's fences along them.
var (
	expresswayWest = geo.Point{Lat: 36.0080, Lon: 120.0900}
	expressway     = geo.Point{Lat: 36.0050, Lon: 120.1250}
	gateOutside    = geo.Point{Lat: 36.0060, Lon: 120.1405}
	gateInside     = geo.Point{Lat: 36.0068, Lon: 120.1475}
	yardSouth      = geo.Point{Lat: 36.0050, Lon: 120.1590}
	yardNorth      = geo.Point{Lat: 36.0140, Lon: 120.1620}
	depot          = geo.Point{Lat: 35.9500, Lon: 120.1500}

	anchorage     = geo.Point{Lat: 35.9900, Lon: 120.4500}
	anchorageEast = geo.Point{Lat: 35.9960, Lon: 120.4640}
	fairwayOuter  = geo.Point{Lat: 36.0150, Lon: 120.3500}
	bayMouth      = geo.Point{Lat: 36.0350, Lon: 120.2960}
	bayInner      = geo.Point{Lat: 36.0400, Lon: 120.2400}
	basin         = geo.Point{Lat: 36.0280, Lon: 120.1900}
	berth1        = geo.Point{Lat: 36.0130, Lon: 120.1745}
	berth2        = geo.Point{Lat: 36.0220, Lon: 120.1755}
	pilotStation  = geo.Point{Lat: 36.0430, Lon: 120.3000}
	tugBase       = geo.Point{Lat: 36.0560, Lon: 120.2800}
)

// truckRoute goes from the expressway through the gate to the yard, waits there, and back.
func truckRoute(cruiseMps float64, stay time.Duration) route {
	const insideMps = 6 // about 20 km/h, the yard's limit is 25
	return route{
		{expresswayWest, cruiseMps, 20 * time.Second},
		{expressway, cruiseMps, 0},
		{gateOutside, 14, 0},
		{gateInside, 5, 8 * time.Second},
		{yardSouth, insideMps, 0},
		{yardNorth, insideMps, stay},
		{yardSouth, insideMps, 0},
		{gateInside, insideMps, 5 * time.Second},
		{gateOutside, 5, 0},
		{expressway, 14, 0},
	}
}

// shuttleRoute goes to and fro between the depot in the south and the yard.
func shuttleRoute(cruiseMps float64) route {
	return route{
		{depot, cruiseMps, 30 * time.Second},
		{gateOutside, cruiseMps, 0},
		{gateInside, 5, 6 * time.Second},
		{yardSouth, 6, 25 * time.Second},
		{gateInside, 6, 0},
		{gateOutside, 5, 0},
	}
}

// vesselRoute goes from the anchorage by the fairway to a berth and back.
func vesselRoute(berth geo.Point, cruiseMps float64, stay time.Duration) route {
	return route{
		{anchorage, cruiseMps, stay},
		{fairwayOuter, cruiseMps, 0},
		{bayMouth, cruiseMps, 0},
		{bayInner, cruiseMps, 0},
		{basin, 4, 0},
		{berth, 2, stay},
		{basin, 2.5, 0},
		{bayInner, cruiseMps, 0},
		{bayMouth, cruiseMps, 0},
		{fairwayOuter, cruiseMps, 0},
		{anchorageEast, cruiseMps, 0},
	}
}

// simulatedVehicle is one line of the demo's fleet.
type simulatedVehicle struct {
	unit, name, kind string
	route            route
	talker           string        // of the module's BeiDou sentences
	ahead            time.Duration // how far along its route it is at the demo's zero hour
}

func simulatedFleet() []simulatedVehicle {
	const minute = time.Minute
	return []simulatedVehicle{
		{"truck-01", "鲁B·T1001", "truck", truckRoute(20, 40*time.Second), "BD", 3 * minute},
		{"truck-02", "鲁B·T1002", "truck", truckRoute(22, 90*time.Second), "GB", 5*minute + 20*time.Second},
		{"truck-03", "鲁B·T1003", "truck", truckRoute(18, 60*time.Second), "BD", 9 * minute},
		{"truck-04", "鲁B·T1004", "truck", truckRoute(24, 30*time.Second), "GB", 12 * minute},
		{"shuttle-05", "鲁B·S2005", "truck", shuttleRoute(15), "BD", 2 * minute},
		{"shuttle-06", "鲁B·S2006", "truck", shuttleRoute(17), "GB", 7 * minute},
		{"vessel-rizhao", "日照 RIZHAO", "vessel", vesselRoute(berth1, 8, 4*minute), "BD", 25 * minute},
		{"vessel-laoshan", "崂山 LAOSHAN", "vessel", vesselRoute(berth2, 9, 3*minute), "GB", 52 * minute},
		{"tug-09", "拖轮 TUG 9", "vessel", route{{tugBase, 6, 30 * time.Second}, {basin, 6, 0}, {berth2, 3, 40 * time.Second}, {basin, 5, 0}}, "BD", 0},
		{"pilot-10", "引航 PILOT 10", "vessel", route{{pilotStation, 9, 30 * time.Second}, {fairwayOuter, 10, 20 * time.Second}, {anchorage, 10, 40 * time.Second}}, "BD", 8 * minute},
	}
}

// playedRecording is a real receiver's log in the demo's fleet.
type playedRecording struct {
	unit, name, kind, file string
	pause                  time.Duration // long enough for the way back to the start at a believable speed
}

func playedRecordings() []playedRecording {
	return []playedRecording{
		{"hangzhou-drive", "杭州 实录 BDS+GPS", "truck", "hangzhou-bds-gps-drive.nmea", 40 * time.Second},
		{"beidou-trig", "SiRF-TriG 实录", "truck", "beidou-bd.nmea", 10 * time.Second},
		{"l76k-static", "L76K 5 Hz 实录", "truck", "quectel-l76k-dual.nmea", 5 * time.Second},
	}
}

// demoEpoch is the demo's zero hour: routes are driven from here, so that a restart goes on where the vehicles would be.
var demoEpoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// demoVehicles is the demo's fleet. A recording that is not in the directory is an error that names it.
func demoVehicles(recordings string) ([]vehicle, error) {
	var fleet []vehicle
	for i, s := range simulatedFleet() {
		fleet = append(fleet, vehicle{
			unit: s.unit, name: s.name, kind: s.kind, interval: time.Second,
			module: newModule(s.route, demoEpoch.Add(-s.ahead), s.talker, uint64(i+1)),
		})
	}
	for _, p := range playedRecordings() {
		path := filepath.Join(recordings, p.file)
		r, err := openRecording(path, p.pause)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("recording %s is missing: name the directory that has it with --recordings", path)
		}
		if err != nil {
			return nil, err
		}
		fleet = append(fleet, vehicle{unit: p.unit, name: p.name, kind: p.kind, recording: r})
	}
	return fleet, nil
}
