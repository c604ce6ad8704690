package positioning

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// sharedData is the folder of recordings beside the repository; DIPPER_DATA names another.
func sharedData(t testing.TB, sub string) string {
	t.Helper()
	root := os.Getenv("DIPPER_DATA")
	if root == "" {
		root = "../../shared/data" // beside the repository
	}
	dir := filepath.Join(root, sub)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the shared recordings are not here (%v); set DIPPER_DATA to their folder", err)
	}
	return dir
}

// report is one TPV of gpsd.
type report struct {
	Class string    `json:"class"`
	Time  time.Time `json:"time"`
	Mode  int       `json:"mode"`
	Lat   *float64  `json:"lat"`
	Lon   *float64  `json:"lon"`
	Speed *float64  `json:"speed"`
}

// oracle is what gpsd's .chk says: for each instant with a position, in order, its reports.
func oracle(t testing.TB, path string) (order []time.Time, reports map[time.Time][]report) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	reports = make(map[time.Time][]report)
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		line := in.Bytes()
		if !bytes.HasPrefix(line, []byte(`{"class":"TPV"`)) {
			continue
		}
		var r report
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if r.Time.IsZero() || r.Lat == nil || r.Lon == nil || r.Mode < 2 {
			continue
		}
		if reports[r.Time] == nil {
			order = append(order, r.Time)
		}
		reports[r.Time] = append(reports[r.Time], r)
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
	return order, reports
}

// readRecording gives a file's bytes, unpacked.
func readRecording(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(path, ".gz") {
		return data
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if data, err = io.ReadAll(z); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return data
}

// recordings is the folder of recordings that are part of the repository.
const recordings = "../testdata/nmea/"

func decodeAll(data []byte) ([]Fix, Stats) {
	d := NewDecoder(DecoderConfig{})
	fixes := append([]Fix(nil), d.Write(data, time.Time{})...)
	fixes = append(fixes, d.Flush()...)
	return fixes, d.Stats()
}

const sameDegrees = 1e-6

// rollover is what gpsd adds to the date of a receiver whose week counter it takes for wrapped: 1,024 weeks, once or more.
// Dipper keeps the date as the receiver sent it.
const rollover = 7168 * 24 * time.Hour

// beidou is the recordings in which BeiDou sentences stand; every instant of theirs must agree.
var beidou = []string{
	"beidou-bd", "gpsdf", "quectel-eg25-g", "quectel-l76k-dual", "quectellc79d-1", "skytraq", "skytraq-fix", "skytraq-px1172rh-ds",
	"st-teseo-liv4f", "ublox-f9p-hpnmea", "ublox-zed-f9p-nmea", "ublox-zed-f9r",
}

// binaryOnly has positions in UBX messages and none in its NMEA sentences.
const binaryOnly = "ublox-neo-m8l"

// zeus is a plotter in whose recording gpsd says 0.0 to 0.4 m/s for 47 instants whose RMC and VTG both say 4.8 to 6.2 kn.
const zeus = "bundg-zeus-9"

// differs is the instants at which Dipper does not say what gpsd says, and why.
var differs = map[string]string{
	"garmin25lp 12:03:26.000":   "mode: gpsd has not learned the cycle yet and still shows GSA's 2 beside an altitude",
	"sl869 10:21:43.000":        "mode: gpsd has not learned the cycle yet and still shows GSA's 2 beside an altitude",
	"bundg-zeus-9 09:48:54.000": "place: RMC's, 0.3 m from GLL's, which gpsd takes although RMC follows",
}

// TestAgreesWithGPSD holds Dipper's fixes against gpsd's output for gpsd's own recordings: every instant that gpsd gives a
// position must be a fix with the same time, the same place within 1e-6° and the same mode.
func TestAgreesWithGPSD(t *testing.T) {
	logs, err := filepath.Glob(filepath.Join(sharedData(t, "nmea/gpsd"), "*.log.chk"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	var sum agreement
	t.Logf("%-30s %s", "recording", "matched / expected; time found; of those: place, mode, speed / speeds told by both")
	for _, chk := range logs {
		log := strings.TrimSuffix(chk, ".chk")
		name := strings.TrimSuffix(filepath.Base(log), ".log")
		if name == binaryOnly {
			continue
		}
		a := compare(t, name, log, chk)
		if a.expected > 0 {
			t.Logf("%-30s %s", name, a)
		}
		if slices.Contains(beidou, name) && a.matched != a.expected {
			t.Errorf("%s: %d of %d instants agree; a BeiDou recording must agree in all", name, a.matched, a.expected)
		}
		sum.add(a)
	}
	t.Logf("%-30s %s; %.2f %% matched", "all", sum, 100*float64(sum.matched)/float64(sum.expected))
	if sum.matched+len(differs) < sum.expected {
		t.Errorf("%d of %d instants agree, want all but the %d known ones", sum.matched, sum.expected, len(differs))
	}
}

// agreement is how many of gpsd's instants are matched: found, by time, with the same place and mode; and how many of those
// found agree in each.
type agreement struct{ expected, matched, found, place, mode, speeds, speed int }

func (a *agreement) add(b agreement) {
	a.expected, a.matched, a.found = a.expected+b.expected, a.matched+b.matched, a.found+b.found
	a.place, a.mode = a.place+b.place, a.mode+b.mode
	a.speeds, a.speed = a.speeds+b.speeds, a.speed+b.speed
}

func (a agreement) String() string {
	return fmt.Sprintf("%4d / %4d; %4d; %4d %4d %4d / %4d", a.matched, a.expected, a.found, a.place, a.mode, a.speed, a.speeds)
}

// sameSpeed is half of the last digit of a tenth of a knot, and gpsd's own rounding: RMC and VTG may differ by so much.
const sameSpeed = 0.06

func compare(t *testing.T, name, log, chk string) (a agreement) {
	fixes, _ := decodeAll(readRecording(t, log))
	byTime := make(map[time.Time]Fix, len(fixes))
	for _, f := range fixes {
		byTime[f.Time] = f
	}
	order, reports := oracle(t, chk)
	for _, at := range order {
		last := reports[at][len(reports[at])-1]
		f, found := byTime[at]
		for shift := rollover; !found && shift <= 2*rollover; shift += rollover {
			f, found = byTime[at.Add(-shift)]
		}
		instant := name + at.Format(" 15:04:05.000")
		if !found {
			t.Errorf("%s: no fix, gpsd has one", instant)
			continue
		}
		placeAgrees := slices.ContainsFunc(reports[at], func(r report) bool { return here(f, r) })
		modeAgrees := int(f.Mode) == last.Mode
		a.found++
		a.place += count(placeAgrees)
		a.mode += count(modeAgrees)
		if last.Speed != nil && Known(f.SpeedMps) {
			speedAgrees := math.Abs(f.SpeedMps-*last.Speed) <= sameSpeed
			a.speeds++
			a.speed += count(speedAgrees)
			switch {
			case speedAgrees:
			case name == zeus:
				t.Logf("%s: speed %.2f m/s, gpsd %.2f: ours is RMC's and VTG's, no sentence says gpsd's", instant, f.SpeedMps, *last.Speed)
			default:
				t.Errorf("%s: speed %.3f m/s, gpsd %.3f", instant, f.SpeedMps, *last.Speed)
			}
		}
		switch {
		case differs[instant] != "":
			t.Logf("%s: %s", instant, differs[instant])
		case !placeAgrees:
			t.Errorf("%s: %v, gpsd %v %v", instant, f.Point, *last.Lat, *last.Lon)
		case !modeAgrees:
			t.Errorf("%s: mode %d, gpsd %d", instant, f.Mode, last.Mode)
		default:
			a.matched++
		}
	}
	a.expected = len(order)
	return a
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// here reports whether a report of the fix's instant has its place. gpsd reports some instants twice or more, as more
// sentences come in, and the place may change.
func here(f Fix, r report) bool {
	return math.Abs(f.Point.Lat-*r.Lat) <= sameDegrees && math.Abs(f.Point.Lon-*r.Lon) <= sameDegrees
}

// TestEveryRecording decodes every file of the shared data, whatever it is: nothing may panic, and no fix may be without a
// sound time and place.
func TestEveryRecording(t *testing.T) {
	var files []string
	for _, dir := range []string{"nmea/gpsd", "nmea/recordings", "tracks", "geofences"} {
		found, err := filepath.Glob(filepath.Join(sharedData(t, dir), "*"))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) < 100 {
		t.Fatalf("only %d files", len(files))
	}
	for _, path := range files {
		fixes, stats := decodeAll(readRecording(t, path))
		for _, f := range fixes {
			if !f.Point.Valid() || f.Time.Year() < 1980 || f.Time.Year() > 2080 {
				t.Errorf("%s: fix %s", filepath.Base(path), AppendJSON(nil, f))
			}
		}
		if stats.Sentences.Panics > 0 {
			t.Errorf("%s: go-nmea panicked %d times", filepath.Base(path), stats.Sentences.Panics)
		}
	}
}
