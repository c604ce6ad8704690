package journey_test

import (
	"encoding/csv"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"dipper/fleet/journey"
	"dipper/positioning"
	"dipper/positioning/geo"
	"dipper/positioning/track"
)

var update = flag.Bool("update", false, "rewrite the golden report")

// TestGolden holds the report of a real voyage against the one that was looked through by eye: its distance is 5 % below the
// sum of all ways between its reports, the rest being what the anchored ship swings.
func TestGolden(t *testing.T) {
	const name = "../../testdata/tracks/vessel-adak-2017-01"
	d := journey.NewDiary(journey.Config{})
	var sum float64
	var last geo.Point
	for i, f := range readTrack(t, name+".csv") {
		if i > 0 {
			sum += geo.Geodesic(last, f.Point)
		}
		last = f.Point
		d.Add(1, uint64(i+1), f)
	}
	r := d.Finish(time.Time{})
	if r.Totals.DistanceM > sum || r.Totals.DistanceM < 0.94*sum {
		t.Errorf("%.0f m, the sum of all ways is %.0f m", r.Totals.DistanceM, sum)
	}
	got := tell(r)
	if *update {
		if err := os.WriteFile(name+".journey.txt", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name + ".journey.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func readTrack(t *testing.T, name string) []positioning.Fix {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var fixes []positioning.Fix
	for _, row := range rows[1:] {
		var v [4]float64 // ms, lat, lon, speed
		for i := range v {
			if v[i], err = strconv.ParseFloat(row[i+1], 64); err != nil && row[i+1] == "" {
				v[i] = nan
			} else if err != nil {
				t.Fatal(err)
			}
		}
		f := positioning.NewFix(time.UnixMilli(int64(v[0])).UTC(), geo.Point{Lat: v[1], Lon: v[2]})
		f.SpeedMps = v[3]
		fixes = append(fixes, track.Quantize(f))
	}
	return fixes
}

// tell is a report for people.
func tell(r journey.Report) string {
	var b strings.Builder
	at := func(t time.Time) string { return t.Format("02 15:04:05") }
	for _, x := range r.Trips {
		fmt.Fprintf(&b, "trip    %s – %s  %.0f m, %.0f estimated; driving %v, idle %v, unseen %v\n",
			at(x.From), at(x.To), x.DistanceM, x.EstimatedM, x.Driving, x.Idle, x.Unseen)
	}
	for _, x := range r.Stops {
		fmt.Fprintf(&b, "stop    %s – %s  at %.5f %.5f, moved %.0f m\n", at(x.From), at(x.To), x.Point.Lat, x.Point.Lon, x.MovedM)
	}
	for _, x := range r.Silences {
		fmt.Fprintf(&b, "silence %s – %s  %s, moved %.0f m\n", at(x.From), at(x.To), x.Reason, x.MovedM)
	}
	fmt.Fprintf(&b, "total   %.0f m, %.0f estimated; driving %v, standing %v, unseen %v\n",
		r.Totals.DistanceM, r.Totals.EstimatedM, r.Totals.Driving, r.Totals.Standing, r.Totals.Unseen)
	return b.String()
}
