package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"dipper/fleet"
)

func newSteered(t *testing.T) *fleet.Fleet {
	t.Helper()
	f, err := fleet.New(t.Context(), fleet.Config{Store: openEmbedded(t)})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func onboardEvent(i int) fleet.OnboardEvent {
	at := time.UnixMilli(1_795_400_000_000 + int64(i)*1000).UTC()
	return fleet.OnboardEvent{
		ID: fmt.Sprintf("e-%d", i), Kind: "enter", Fence: "泊位", FenceRevision: 3, Series: 9, Seq: 48211, Time: at, ToldAt: at.Add(time.Second),
	}
}

func TestOnboardEventsAreKeptOnceAndBounded(t *testing.T) {
	f := newSteered(t)
	tell := func(from, to int) fleet.OnboardKept {
		t.Helper()
		var events []fleet.OnboardEvent
		for i := from; i <= to; i++ {
			events = append(events, onboardEvent(i))
		}
		kept, err := f.KeepOnboard(t.Context(), "t1", events)
		if err != nil {
			t.Fatal(err)
		}
		return kept
	}
	if kept := tell(1, 50); kept != (fleet.OnboardKept{NotInLedger: 50}) {
		t.Errorf("first time: %+v", kept)
	}
	if kept := tell(41, 60); kept != (fleet.OnboardKept{NotInLedger: 10, Known: 10}) {
		t.Errorf("ten again and ten new: %+v", kept)
	}
	tell(61, 230)
	events, err := f.Onboard(t.Context(), "t1")
	if err != nil || len(events) != 200 || events[0] != onboardEvent(31) || events[199] != onboardEvent(230) {
		t.Errorf("%d events, %v", len(events), err)
	}
	if events, err := f.Onboard(t.Context(), "t2"); err != nil || len(events) != 0 {
		t.Errorf("of another unit: %v, %v", events, err)
	}
}

func TestOnboardEventsAreChecked(t *testing.T) {
	for field, change := range map[string]func(*fleet.OnboardEvent){
		"id":    func(e *fleet.OnboardEvent) { e.ID = strings.Repeat("x", 65) },
		"kind":  func(e *fleet.OnboardEvent) { e.Kind = "" },
		"fence": func(e *fleet.OnboardEvent) { e.Fence = "no/fence" },
		"time":  func(e *fleet.OnboardEvent) { e.Time = time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC) },
		"":      func(e *fleet.OnboardEvent) {},
	} {
		e := onboardEvent(1)
		change(&e)
		var wrong *fleet.InvalidError
		if err := e.Check(); errors.As(err, &wrong) != (field != "") || wrong != nil && wrong.Field != field {
			t.Errorf("%+v: %v, want the field %q", e, err, field)
		}
	}
}

// Changes of many at once all count, and no revision comes twice.
func TestSettingsRevisions(t *testing.T) {
	f := newSteered(t)
	const writers, changes = 4, 10
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen := map[uint64]bool{}
	for w := range writers {
		wg.Go(func() {
			for i := range changes {
				s, err := f.PutSettings(t.Context(), "t1", fmt.Appendf(nil, `{"interval_s":%d}`, 1+w*changes+i), "somebody")
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				if seen[s.Revision] {
					t.Errorf("revision %d came twice", s.Revision)
				}
				seen[s.Revision] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	before, err := f.Settings(t.Context(), "t1")
	if err != nil || before.Revision != writers*changes {
		t.Fatalf("settings %+v, %v", before, err)
	}
	if again, err := f.PutSettings(t.Context(), "t1", before.Body, "another"); err != nil || again.Revision != before.Revision || again.By != "somebody" {
		t.Errorf("the same settings again: %+v, %v", again, err)
	}
	if none, err := f.PutSettings(t.Context(), "t2", []byte("{}"), "somebody"); err != nil || none.Revision != 0 {
		t.Errorf("settings of nothing for a unit without: %+v, %v", none, err)
	}
}

// Whoever watches sees the last state of what it wants, however many changes came at once.
func TestWatchersSeeTheLastState(t *testing.T) {
	f := newSteered(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	type told struct {
		unit fleet.UnitID
		what string
	}
	c := make(chan told)
	give := func(unit fleet.UnitID, what string) {
		select {
		case c <- told{unit, what}:
		case <-ctx.Done():
		}
	}
	wanted := func(unit fleet.UnitID) bool { return unit != "t2" }
	put := func(unit fleet.UnitID, i int) {
		t.Helper()
		if _, err := f.PutSettings(ctx, unit, fmt.Appendf(nil, `{"linger_s":%d}`, i), ""); err != nil {
			t.Fatal(err)
		}
	}
	seek := func(want told) {
		t.Helper()
		for {
			select {
			case got := <-c:
				if got == want {
					return
				}
				if got.unit == "t2" {
					t.Errorf("nobody wants %v", got)
				}
			case <-ctx.Done():
				t.Fatalf("%v was not seen", want)
			}
		}
	}
	put("t1", 1) // before anybody watches
	var wg sync.WaitGroup
	wg.Go(func() {
		err := f.WatchSettings(ctx, wanted, func(unit fleet.UnitID, s fleet.Settings) { give(unit, string(s.Body)) })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("WatchSettings: %v", err)
		}
	})
	wg.Go(func() {
		err := f.WatchNotices(ctx, wanted, func(unit fleet.UnitID, n fleet.Notice) { give(unit, n.Text) })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("WatchNotices: %v", err)
		}
	})
	defer wg.Wait()
	defer cancel()
	seek(told{"t1", `{"linger_s":1}`})
	for i := range 21 {
		put(fleet.UnitID(fmt.Sprintf("t%d", i%3)), i)
	}
	seek(told{"t1", `{"linger_s":19}`})
	for i := range fleet.ChangesKept + 10 { // more than is remembered
		put("t0", 1000+i)
	}
	put("t1", 5000)
	seek(told{"t1", `{"linger_s":5000}`})
	for _, text := range []string{"one", "two"} {
		if _, err := f.PutNotice(ctx, "t1", text, ""); err != nil {
			t.Fatal(err)
		}
	}
	seek(told{"t1", "two"})
}
