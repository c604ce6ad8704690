package api_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// A truck stands, drives 2 km in 5 minutes, and is silent; then what it sent late fills the gap.
func TestTrips(t *testing.T) {
	s := startStation(t, nil)
	b := s.connect("t1", s.addUnit("t1"))
	begin := timeAgo(60).Truncate(time.Second)
	x := 0.0
	at := func(second int, speed float64) {
		f := fixAt(begin.Add(time.Duration(second)*time.Second), 36, 120+x/90163) // metres a degree at 36° north
		f.SpeedMps = speed
		b.send(f)
	}
	for second := 0; second <= 600; second += 60 {
		at(second, 0)
	}
	for second := 630; second <= 900; second += 30 {
		x += 200
		at(second, 6.67)
	}
	b.next += 10 // what will come late
	x += 2000
	at(1200, 6.67)
	x += 200
	at(1230, 6.67)
	for second := 1260; second <= 1800; second += 60 {
		at(second, 0)
	}
	type answer struct {
		Totals struct {
			DistanceM  float64 `json:"distance_m"`
			EstimatedM float64 `json:"estimated_m"`
		}
		Trips []struct {
			From, To  time.Time
			DistanceM float64 `json:"distance_m"`
			IdleS     float64 `json:"idle_s"`
			UnseenS   float64 `json:"unseen_s"`
		}
		Stops    []struct{ Begun, Open bool }
		Silences []struct {
			Reason  string
			Missing int
		}
	}
	check := func(want string) answer {
		t.Helper()
		var r answer
		s.must(http.StatusOK, http.MethodGet, "/api/v1/units/t1/trips", nil, &r)
		got := fmt.Sprintf("%.0f m, %.0f estimated, %d stops", r.Totals.DistanceM, r.Totals.EstimatedM, len(r.Stops))
		for _, trip := range r.Trips {
			got += fmt.Sprintf(", trip %v-%v unseen %v", trip.From.Sub(begin).Seconds(), trip.To.Sub(begin).Seconds(), trip.UnseenS)
		}
		for _, x := range r.Silences[:len(r.Silences)-1] { // the last is the half hour since
			got += fmt.Sprintf(", %s %d", x.Reason, x.Missing)
		}
		if got != want {
			t.Fatalf("%s, want\n%s", got, want)
		}
		var unit struct {
			OdometerM float64 `json:"odometer_m"`
		}
		s.must(http.StatusOK, http.MethodGet, "/api/v1/units/t1", nil, &unit)
		if unit.OdometerM != r.Totals.DistanceM {
			t.Fatalf("odometer %v m, totals %v m", unit.OdometerM, r.Totals.DistanceM)
		}
		return r
	}
	check("4200 m, 2000 estimated, 2 stops, trip 600-1260 unseen 300, link_late 10")
	s.must(http.StatusOK, http.MethodPut, "/api/v1/units/t1/settings", `{"interval_s":120}`, nil)
	check("4200 m, 2000 estimated, 2 stops, trip 600-1260 unseen 300")
	s.must(http.StatusOK, http.MethodPut, "/api/v1/units/t1/settings", `{}`, nil)

	b.next, x = 22, 2000
	for second := 930; second < 1200; second += 30 {
		x += 200
		at(second, 6.67)
	}
	x += 193
	at(1199, 6.67) // the number that is left
	check("4200 m, 0 estimated, 2 stops, trip 600-1260 unseen 0")
}
