package api_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"

	"dipper/positioning"
	"dipper/receiver/spool"
	"dipper/receiver/uplink"
)

// obedient is a unit that takes whatever comes.
type obedient struct {
	changed chan struct{}

	mu     sync.Mutex
	report uplink.Report
	told   []uplink.OnboardEvent
}

func (o *obedient) change(f func()) {
	o.mu.Lock()
	f()
	o.mu.Unlock()
	select {
	case o.changed <- struct{}{}:
	default: // there is one already
	}
}

func (o *obedient) Report() uplink.Report {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.report
}

func (o *obedient) Told(most int) []uplink.OnboardEvent {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.told[:min(most, len(o.told))])
}

func (o *obedient) Changed() <-chan struct{} { return o.changed }
func (o *obedient) TakeSettings(s uplink.Settings) {
	o.change(func() { o.report.SettingsRevision = s.Revision })
}
func (o *obedient) TakeFences(f uplink.Fences) {
	o.change(func() { o.report.FencesVersion = f.Version })
}
func (o *obedient) TakeNotice(n uplink.Notice) {
	o.change(func() { o.report.NoticeShown = n.ID })
}
func (o *obedient) TakeToldAck(ids []string) {
	o.change(func() {
		o.told = slices.DeleteFunc(o.told, func(e uplink.OnboardEvent) bool { return slices.Contains(ids, e.ID) })
	})
}

// The real client between a unit and the service, with a service that ends and one that comes after it.
func TestClientIsSteered(t *testing.T) {
	store := openStore(t)
	s := startStationOn(t, store, nil)
	key := s.addUnit("t1")
	sp, err := spool.Open(t.TempDir(), spool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer sp.Close()
	if _, err := sp.Append([]positioning.Fix{fixAt(timeAgo(2), 36, 120)}); err != nil {
		t.Fatal(err)
	}
	o := &obedient{changed: make(chan struct{}, 1), report: uplink.Report{WantsFences: true}}
	at := timeAgo(1)
	for i := range 150 {
		o.told = append(o.told, uplink.OnboardEvent{ID: fmt.Sprintf("e-%d", i), Kind: "enter", Fence: "yard", Series: 7, Seq: 1, Time: at, ToldAt: at})
	}
	run := func() (stop func()) {
		ctx, cancel := context.WithCancel(t.Context())
		client, err := uplink.NewClient(uplink.Config{URL: wsURL(s.url), Unit: "t1", Key: key, Source: sp, Steering: o, Log: testLog()})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() { defer close(done); _ = client.Run(ctx) }() // ends with ctx
		return func() { cancel(); <-done }
	}
	stop := run()
	s.must(http.StatusOK, http.MethodPut, settingsPath, `{"interval_s":10}`, nil)
	s.applied("t1", 1)
	s.await("all to be told", func() bool { return len(o.Told(1)) == 0 })
	s.await("fences", func() bool { return o.Report().FencesVersion != 0 })
	s.must(http.StatusOK, http.MethodPut, settingsPath, `{"interval_s":20}`, nil)
	s.applied("t1", 2)
	s.stop()
	stop()
	s = startStationOn(t, store, nil)
	defer run()()
	s.must(http.StatusCreated, http.MethodPost, "/api/v1/units/t1/notice", `{"text":"Gate 5"}`, nil)
	var n noticeAnswer
	s.await("the notice to be shown", func() bool {
		s.must(http.StatusOK, http.MethodGet, "/api/v1/units/t1/notice", nil, &n)
		return n.ShownAt != nil && o.Report().NoticeShown == n.ID
	})
	var got onboardAnswer
	s.must(http.StatusOK, http.MethodGet, "/api/v1/units/t1/onboard", nil, &got)
	if len(got.Events) != 150 {
		t.Errorf("%d events, want each of 150 once", len(got.Events))
	}
}
