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

// Whoever watches sees the last state of everything, however many changes came at once.
func TestWatchersSeeTheLastState(t *testing.T) {
	f := newSteered(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	settings, notices := make(chan map[fleet.UnitID]fleet.Settings), make(chan map[fleet.UnitID]fleet.Notice)
	var wg sync.WaitGroup
	wg.Go(func() {
		err := f.WatchSettings(ctx, func(all map[fleet.UnitID]fleet.Settings) { give(ctx, settings, all) })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("WatchSettings: %v", err)
		}
	})
	wg.Go(func() {
		err := f.WatchNotices(ctx, func(all map[fleet.UnitID]fleet.Notice) { give(ctx, notices, all) })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("WatchNotices: %v", err)
		}
	})
	defer wg.Wait()
	defer cancel()
	if all := <-settings; len(all) != 0 {
		t.Errorf("at first: %v", all)
	}
	<-notices
	for i := range 20 {
		if _, err := f.PutSettings(ctx, fleet.UnitID(fmt.Sprintf("t%d", i%3)), fmt.Appendf(nil, `{"linger_s":%d}`, i), ""); err != nil {
			t.Fatal(err)
		}
	}
	last, err := f.PutNotice(ctx, "t1", "one", "")
	if err == nil {
		last, err = f.PutNotice(ctx, "t1", "two", "")
	}
	if err != nil || last.Revision != 2 {
		t.Fatalf("notice %+v, %v", last, err)
	}
	seek(t, ctx, settings, func(all map[fleet.UnitID]fleet.Settings) bool {
		return all["t1"].Revision == 7 && string(all["t1"].Body) == `{"linger_s":19}`
	})
	seek(t, ctx, notices, func(all map[fleet.UnitID]fleet.Notice) bool { return all["t1"].ID == last.ID })
}

// seek takes values until one is right.
func seek[T any](t *testing.T, ctx context.Context, c <-chan T, right func(T) bool) {
	t.Helper()
	for {
		select {
		case v := <-c:
			if right(v) {
				return
			}
		case <-ctx.Done():
			t.Fatal("what was put last was not seen")
		}
	}
}

func give[T any](ctx context.Context, c chan<- T, v T) {
	select {
	case c <- v:
	case <-ctx.Done():
	}
}
