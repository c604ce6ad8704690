package stream

import (
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"dipper/fleet"
)

// feedLen is how many of the newest events are kept ready to send. A viewer farther behind reads the store's log.
const feedLen = 1024

// feedRetry is the pause after the store could not be read.
const feedRetry = time.Second

// feed is the end of the event log, encoded once for all viewers. Viewers take from it; nothing is pushed at them, so a slow
// one costs nothing and misses nothing.
type feed struct {
	mu      sync.Mutex
	entries []*feedEntry // ascending by cursor
	low     fleet.Cursor // every event after low is in entries, up to high
	high    fleet.Cursor
	backs   []fleet.Cursor // where the log stood each time that it had lost its end
}

type feedEntry struct {
	cursor fleet.Cursor
	mark   uint64
	size   int
	text   *websocket.PreparedMessage
}

// begin sets where the feed starts. It must come before add.
func (f *feed) begin(at fleet.Cursor) { f.low, f.high = at, at }

func (f *feed) newest() fleet.Cursor {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.high
}

// place is where the feed goes on.
func (f *feed) place() fleet.LogPlace {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.entries); n > 0 {
		return f.entries[n-1].place()
	}
	return fleet.LogPlace{Cursor: f.high}
}

func (e *feedEntry) place() fleet.LogPlace { return fleet.LogPlace{Cursor: e.cursor, Mark: e.mark} }

// places are those of all entries.
func (f *feed) places() []fleet.LogPlace {
	f.mu.Lock()
	defer f.mu.Unlock()
	places := make([]fleet.LogPlace, len(f.entries))
	for i, e := range f.entries {
		places[i] = e.place()
	}
	return places
}

// goBack forgets what is after a place that the log has lost its end to.
func (f *feed) goBack(to fleet.Cursor) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.entries = slices.DeleteFunc(f.entries, func(e *feedEntry) bool { return e.cursor > to })
	f.low, f.high = min(f.low, to), to
	f.backs = append(f.backs, to)
}

// lostSince gives the place from which the log must be told anew to one who has seen so many of the times it went back, and how
// many there are by now. at is where he stands.
func (f *feed) lostSince(seen int, at fleet.Cursor) (from fleet.Cursor, times int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, to := range f.backs[seen:] {
		at = min(at, to)
	}
	return at, len(f.backs)
}

// lastBack is where the log stood when it went back last. It did.
func (f *feed) lastBack() fleet.Cursor {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.backs[len(f.backs)-1]
}

func (f *feed) add(entries []fleet.EventEntry) error {
	ready := make([]*feedEntry, 0, len(entries))
	for _, e := range entries {
		entry, err := newFeedEntry(e)
		if err != nil {
			return err
		}
		ready = append(ready, entry)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range ready {
		if e.cursor > f.high {
			f.entries = append(f.entries, e)
			f.high = e.cursor
		}
	}
	if over := len(f.entries) - feedLen; over > 0 {
		f.low = f.entries[over-1].cursor
		f.entries = slices.Delete(f.entries, 0, over)
	}
	return nil
}

func newFeedEntry(e fleet.EventEntry) (*feedEntry, error) {
	text := AppendEvent(nil, e, true)
	m, err := websocket.NewPreparedMessage(websocket.TextMessage, text)
	if err != nil {
		return nil, err
	}
	return &feedEntry{cursor: e.Cursor, mark: e.Mark, size: len(text), text: m}, nil
}

// after gives up to limit events after a cursor. ok is false if the feed does not reach back that far.
func (f *feed) after(c fleet.Cursor, limit int) (entries []*feedEntry, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c < f.low {
		return nil, false
	}
	i, found := slices.BinarySearchFunc(f.entries, c, func(e *feedEntry, c fleet.Cursor) int {
		switch {
		case e.cursor < c:
			return -1
		case e.cursor > c:
			return 1
		}
		return 0
	})
	if found {
		i++
	}
	return slices.Clone(f.entries[i:min(len(f.entries), i+limit)]), true
}
