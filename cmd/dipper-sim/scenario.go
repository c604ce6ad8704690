package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"dipper/positioning/geo"
)

// Waypoints around Qianwan bay, WGS-84: those of testdata/fences/README.md, through the demo's fences, and some beyond them.
var (
	jiaonan    = geo.Point{Lat: 35.9000, Lon: 119.9800}
	xinan      = geo.Point{Lat: 35.9400, Lon: 120.0600}
	huangdao   = geo.Point{Lat: 35.9650, Lon: 120.1300}
	roadStart  = geo.Point{Lat: 35.972000, Lon: 120.190000}
	roadBend   = geo.Point{Lat: 35.983156, Lon: 120.220484}
	beforeGate = geo.Point{Lat: 35.987563, Lon: 120.217458}
	gate       = geo.Point{Lat: 35.988153, Lon: 120.217053}
	yardEntry  = geo.Point{Lat: 35.988822, Lon: 120.216594}
	blockA     = geo.Point{Lat: 35.989315, Lon: 120.212446}
	blockB     = geo.Point{Lat: 35.991950, Lon: 120.218256}

	anchorage     = geo.Point{Lat: 36.000000, Lon: 120.450000}
	anchorageEast = geo.Point{Lat: 36.004000, Lon: 120.458000}
	approachStart = geo.Point{Lat: 36.004000, Lon: 120.420000}
	offQingdao    = geo.Point{Lat: 36.030000, Lon: 120.340000}
	bayMouth      = geo.Point{Lat: 36.033000, Lon: 120.300000}
	approachTurn  = geo.Point{Lat: 36.020000, Lon: 120.270000}
	qianwanBay    = geo.Point{Lat: 36.006000, Lon: 120.235000}
	approachEnd   = geo.Point{Lat: 35.995748, Lon: 120.211839}
	offBerth1     = geo.Point{Lat: 35.993929, Lon: 120.210103}
	berth1        = geo.Point{Lat: 35.991922, Lon: 120.211481}
	offBerth2     = geo.Point{Lat: 35.995993, Lon: 120.214655}
	berth2        = geo.Point{Lat: 35.993986, Lon: 120.216033}
	tugBase       = geo.Point{Lat: 36.050000, Lon: 120.282000}
)

// truckRoute goes along the port road and through the gate to a block of the yard, waits there, and back. from are the places
// that it comes from, the last one next to the port.
func truckRoute(cruiseMps float64, block geo.Point, stay time.Duration, from ...geo.Point) route {
	const portRoadMps, insideMps = 11, 7 // 40 and 25 km/h
	var r route
	for i, p := range from {
		halt := time.Duration(0)
		if i == 0 {
			halt = 20 * time.Second
		}
		r = append(r, leg{p, cruiseMps, halt})
	}
	r = append(r,
		leg{roadBend, portRoadMps, 0}, leg{beforeGate, 8, 0}, leg{gate, 3, 6 * time.Second},
		leg{yardEntry, insideMps, 0}, leg{block, insideMps, stay}, leg{yardEntry, insideMps, 0},
		leg{gate, 5, 4 * time.Second}, leg{beforeGate, 5, 0}, leg{roadBend, portRoadMps, 0})
	for i := len(from) - 1; i > 0; i-- {
		r = append(r, leg{from[i], cruiseMps, 0})
	}
	return r
}

// vesselRoute goes from the anchorage by the approach to a berth and back.
func vesselRoute(off, berth geo.Point, cruiseMps float64, stay time.Duration) route {
	return route{
		{anchorage, cruiseMps, stay},
		{approachStart, cruiseMps, 0},
		{offQingdao, cruiseMps, 0},
		{bayMouth, cruiseMps, 0},
		{approachTurn, cruiseMps, 0},
		{qianwanBay, cruiseMps, 0},
		{approachEnd, 4, 0},
		{off, 2, 0},
		{berth, 1, stay},
		{off, 1, 0},
		{approachEnd, 2.5, 0},
		{qianwanBay, cruiseMps, 0},
		{approachTurn, cruiseMps, 0},
		{bayMouth, cruiseMps, 0},
		{offQingdao, cruiseMps, 0},
		{approachStart, cruiseMps, 0},
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
		{"truck-01", "鲁B·T1001", "truck", truckRoute(14, blockA, 40*time.Second, roadStart), "BD", 0},
		{"truck-02", "鲁B·T1002", "truck", truckRoute(20, blockB, 60*time.Second, huangdao, roadStart), "GB", 3 * minute},
		{"truck-03", "鲁B·T1003", "truck", truckRoute(22, blockA, 90*time.Second, xinan, huangdao, roadStart), "BD", 9 * minute},
		{"truck-04", "鲁B·T1004", "truck", truckRoute(24, blockB, 80*time.Second, jiaonan, xinan, huangdao, roadStart), "GB", 15 * minute},
		{"shuttle-05", "鲁B·S2005", "truck", truckRoute(11, blockA, 25*time.Second), "BD", minute},
		{"shuttle-06", "鲁B·S2006", "truck", truckRoute(11, blockB, 35*time.Second), "GB", 2 * minute},
		{"vessel-rizhao", "日照 RIZHAO", "vessel", vesselRoute(offBerth1, berth1, 7, 4*minute), "BD", 42 * minute},
		{"vessel-laoshan", "崂山 LAOSHAN", "vessel", vesselRoute(offBerth2, berth2, 7.4, 3*minute), "GB", 12 * minute},
		{"tug-09", "拖轮 TUG 9", "vessel", route{{tugBase, 6, 30 * time.Second}, {approachTurn, 6, 0}, {qianwanBay, 6, 0}, {approachEnd, 4, 40 * time.Second}, {qianwanBay, 6, 0}, {approachTurn, 6, 0}}, "BD", 0},
		{"pilot-10", "引航 PILOT 10", "vessel", route{{bayMouth, 9, 30 * time.Second}, {offQingdao, 10, 20 * time.Second}, {anchorage, 10, 40 * time.Second}, {offQingdao, 10, 0}}, "BD", 8 * minute},
	}
}

// playedRecording is a real receiver's log in the demo's fleet.
type playedRecording struct {
	unit, name, kind, file string
	// pause is long enough for the way back to the start, and longer than the gap over which the ledger takes a straight way
	// between two fixes for the vehicle's way (geofence.MaxPassGap, 2 minutes): the way back was not recorded.
	pause time.Duration
}

func playedRecordings() []playedRecording {
	return []playedRecording{
		{"hangzhou-drive", "杭州 实录 BDS+GPS", "truck", "hangzhou-bds-gps-drive.nmea", 125 * time.Second},
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
