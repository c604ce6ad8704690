package redisstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"dipper/fleet"
	"dipper/fleet/storetest/redistest"
)

func TestParseURL(t *testing.T) {
	for _, c := range []struct {
		url    string
		addrs  []string
		master string
		db     int
		tls    bool
		err    string // part of it
	}{
		{url: "redis://localhost:7000", addrs: []string{"localhost:7000"}},
		{url: "redis://localhost", addrs: []string{"localhost:6379"}},
		{url: "redis://user:p%40ss@a:1,b,[::1]:3/4", addrs: []string{"a:1", "b:6379", "[::1]:3"}, db: 4},
		{url: "rediss://a:1", addrs: []string{"a:1"}, tls: true},
		{url: "redis://a:1,b:2/?master=fleet", addrs: []string{"a:1", "b:2"}, master: "fleet"},
		{url: "", err: "redis url is empty"},
		{url: "localhost:6379", err: "want redis://host:port"},
		{url: "http://localhost:6379", err: "want redis://host:port"},
		{url: "redis://", err: "want redis://host:port"},
		{url: "redis://a:b:c", err: "redis url"},
		{url: "redis://a:1/x", err: "database"},
		{url: "redis://me:secret@a:1/x", err: "me:…@a:1"},
	} {
		target, err := parseURL(c.url)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "secret") {
				t.Errorf("parseURL(%q) = %v, want an error with %q", c.url, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("parseURL(%q): %v", c.url, err)
			continue
		}
		if !slices.Equal(target.addrs, c.addrs) || target.master != c.master || target.options.DB != c.db || (target.options.TLSConfig != nil) != c.tls {
			t.Errorf("parseURL(%q) = %+v", c.url, target)
		}
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	locked := redistest.Start(t, redistest.Options{NoAOF: true, Args: []string{"--requirepass", "right"}})
	cl := redistest.StartCluster(t, redistest.Options{NoAOF: true})
	for _, c := range []struct {
		url  string
		text string
	}{
		{"redis://" + nobody, "redis at " + nobody + ": dial tcp " + nobody + ": connect: connection refused"},
		{locked.URL, "NOAUTH"},
		{strings.Replace(locked.URL, "redis://", "redis://:wrong@", 1), "WRONGPASS"},
		{cl.URL + "/3", "SELECT is not allowed in cluster mode"},
	} {
		s, err := Open(t.Context(), Config{URL: c.url})
		if err == nil {
			t.Errorf("Open(%s) succeeded", c.url)
			_ = s.Close()
			continue
		}
		if !errors.Is(err, fleet.ErrUnavailable) || !strings.Contains(err.Error(), c.text) || strings.Contains(err.Error(), "\n") {
			t.Errorf("Open(%s) = %q, want one line with %q", c.url, err, c.text)
		}
	}
	open(t, Config{URL: strings.Replace(locked.URL, "redis://", "redis://:right@", 1)})
	open(t, Config{URL: "redis://" + nobody + "," + cl.Addrs[1]}) // the first host is down, the second is of a cluster
}

func TestCheckServer(t *testing.T) {
	for version, ok := range map[string]bool{"7.0.0": true, "7.0.15": true, "8.2.1": true, "6.2.14": false, "5.0": false, "": false, "10.1": true} {
		err := checkServer(map[string]string{"redis_version": version, "redis_mode": "standalone"}, "h:1")
		if (err == nil) != ok {
			t.Errorf("version %q: %v", version, err)
		}
	}
}

func TestClusterAndSentinelAreFound(t *testing.T) {
	cl := redistest.StartCluster(t, redistest.Options{NoAOF: true})
	s := open(t, Config{URL: "redis://" + cl.Addrs[2]})
	if s.cluster == nil {
		t.Fatal("a cluster's node was taken for a single server")
	}
	for i := range 60 {
		if errs := s.Commit(t.Context(), []fleet.Step{{Unit: fleet.UnitID(fmt.Sprint("unit-", i))}}); errs[0] != nil {
			t.Fatal(errs[0])
		}
	}
	err := s.eachMaster(t.Context(), func(ctx context.Context, c redis.UniversalClient) error {
		if n := c.DBSize(ctx).Val(); n == 0 {
			t.Error("a master got none of 60 units")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}

	primary := redistest.Start(t, redistest.Options{NoAOF: true})
	sentinel := redistest.StartSentinel(t, primary, "fleet")
	s = open(t, Config{URL: sentinel.URL})
	if errs := s.Commit(t.Context(), []fleet.Step{{Unit: "u", State: []byte("through the sentinel")}}); errs[0] != nil {
		t.Fatal(errs[0])
	}
	direct := open(t, Config{URL: primary.URL})
	if r, err := direct.Load(t.Context(), "u"); err != nil || r.Version != 1 {
		t.Errorf("record at the primary = %+v, %v", r, err)
	}
	if _, err := Open(t.Context(), Config{URL: "redis://" + sentinel.Addr}); err == nil || !strings.Contains(err.Error(), "?master=NAME") {
		t.Errorf("Open of a sentinel without a name = %v", err)
	}
}

func TestDurability(t *testing.T) {
	for _, c := range []struct {
		o    redistest.Options
		want string
	}{
		{redistest.Options{}, "redis appendfsync=always"},
		{redistest.Options{Fsync: "everysec"}, "redis appendfsync=everysec: "},
		{redistest.Options{Fsync: "no"}, "redis appendfsync=no: "},
		{redistest.Options{NoAOF: true}, "redis appendonly=no: "},
		{redistest.Options{Args: []string{"--rename-command", "CONFIG", ""}}, "redis persistence unknown"},
	} {
		s := open(t, Config{URL: redistest.Start(t, c.o).URL})
		if text, err := s.Durability(t.Context()); err != nil || !strings.HasPrefix(text, c.want) {
			t.Errorf("Durability() = %q, %v, want %q", text, err, c.want)
		}
	}
	cl := redistest.StartCluster(t, redistest.Options{})
	s := open(t, Config{URL: cl.URL})
	if text, err := s.Durability(t.Context()); err != nil || text != "redis cluster of 3 masters, appendfsync=always" {
		t.Errorf("Durability() = %q, %v", text, err)
	}
	other := redis.NewClient(&redis.Options{Addr: cl.Addrs[1]})
	defer other.Close()
	if err := other.ConfigSet(t.Context(), "appendfsync", "everysec").Err(); err != nil {
		t.Fatal(err)
	}
	if text, err := s.Durability(t.Context()); err != nil || !strings.HasPrefix(text, "redis cluster of 3 masters, appendfsync=everysec") {
		t.Errorf("Durability() = %q, %v, want the weakest master's", text, err)
	}
}

func TestFullMemoryIsUnavailable(t *testing.T) {
	srv := redistest.Start(t, redistest.Options{NoAOF: true})
	s := open(t, Config{URL: srv.URL})
	commit := func(v uint64) error {
		return s.Commit(t.Context(), []fleet.Step{{Unit: "u", Expect: v, State: []byte("s"), Track: []fleet.Segment{{Day: 1, Data: []byte("x")}}, Events: []fleet.EventRecord{event("e")}}})[0]
	}
	if err := commit(0); err != nil {
		t.Fatal(err)
	}
	if err := s.client.ConfigSet(t.Context(), "maxmemory", "1mb").Err(); err != nil {
		t.Fatal(err)
	}
	if err := commit(1); !errors.Is(err, fleet.ErrUnavailable) {
		t.Errorf("Commit into a full Redis = %v, want ErrUnavailable", err)
	}
	if _, err := s.PutDocument(t.Context(), fleet.DocFence, "f", nil, 0); !errors.Is(err, fleet.ErrUnavailable) {
		t.Errorf("PutDocument into a full Redis = %v, want ErrUnavailable", err)
	}
	if err := s.client.ConfigSet(t.Context(), "maxmemory", "0").Err(); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Load(t.Context(), "u"); err != nil || r.Version != 1 {
		t.Errorf("record = %+v, %v, want version 1", r, err)
	}
	if track, err := s.Track(t.Context(), "u", 1); err != nil || string(track) != "x" {
		t.Errorf("track = %q, %v, want the first step's", track, err)
	}
	if err := commit(1); err != nil {
		t.Errorf("Commit with memory again = %v", err)
	}
}

func TestRetention(t *testing.T) {
	const day = 24 * time.Hour
	now := time.Now()
	s := empty(t, Config{URL: redistest.Start(t, redistest.Options{NoAOF: true}).URL, TrackRetention: 10 * day, EventCap: 5, Now: func() time.Time { return now }})
	today := fleet.DayOf(now)
	var version uint64
	commit := func(st fleet.Step) {
		t.Helper()
		st.Unit, st.Expect = "u", version
		if errs := s.Commit(t.Context(), []fleet.Step{st}); errs[0] != nil {
			t.Fatal(errs[0])
		}
		version++
	}
	commit(fleet.Step{Track: []fleet.Segment{{Day: today, Data: []byte("new")}, {Day: today - 5000, Data: []byte("old")}}})
	for d, want := range map[fleet.Day]time.Duration{
		today:        now.Truncate(day).Add(11 * day).Sub(now),
		today - 5000: day, // what was just taken is there for a day at least
	} {
		ttl, err := s.client.TTL(t.Context(), trackKey("u", d)).Result()
		if err != nil || (ttl-want).Abs() > time.Minute {
			t.Errorf("track of day %d expires in %v, %v, want %v", d, ttl, err, want)
		}
	}
	if err := s.client.Del(t.Context(), trackKey("u", today-5000)).Err(); err != nil { // as expiry does
		t.Fatal(err)
	}
	for range 2 {
		if days, err := s.Days(t.Context(), "u"); err != nil || !slices.Equal(days, []fleet.Day{today}) {
			t.Errorf("Days = %v, %v, want today", days, err)
		}
	}
	if n := s.client.SCard(t.Context(), unitKey('l', "u")).Val(); n != 1 {
		t.Errorf("%d days listed, want 1", n)
	}

	old := fleet.EventRecord{ID: "old", Revision: 1, FixTime: now.Add(-11 * day)}
	commit(fleet.Step{Events: []fleet.EventRecord{old}})
	for i := range 8 {
		commit(fleet.Step{Events: []fleet.EventRecord{{ID: fmt.Sprint("e", i), Revision: 1, FixTime: now}}})
	}
	if es, err := s.UnitEvents(t.Context(), "u", time.Time{}); err != nil || len(es) != 8 {
		t.Errorf("UnitEvents = %v, %v, want all but the old one", es, err)
	}
	log, err := s.Events(t.Context(), 0, 100)
	if err != nil || len(log) != 5 || log[0].Cursor != 5 || log[4].Cursor != 9 {
		t.Errorf("log = %v, %v, want entries 5 to 9", log, err)
	}
	if n := s.client.HLen(t.Context(), logIDs).Val(); n != 5 {
		t.Errorf("%d ids remembered, want those of the 5 entries", n)
	}
	commit(fleet.Step{Events: []fleet.EventRecord{{ID: "e7", Revision: 1, FixTime: now}}})
	if last, err := s.LastCursor(t.Context()); err != nil || last != 9 {
		t.Errorf("LastCursor = %d, %v: a kept event was logged again", last, err)
	}
}

func TestClosedStoreSaysSo(t *testing.T) {
	s, err := Open(t.Context(), Config{URL: redistest.Start(t, redistest.Options{NoAOF: true}).URL})
	if err != nil {
		t.Fatal(err)
	}
	waiting := make(chan error, 1)
	go func() { waiting <- s.WaitEvents(t.Context(), 0) }()
	until(t, "somebody waits", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		tl := s.tails[logStream]
		return tl != nil && tl.waiting == 1
	})
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if err := <-waiting; !errors.Is(err, fleet.ErrUnavailable) {
		t.Errorf("WaitEvents on a closed store = %v", err)
	}
	if err := s.Commit(t.Context(), []fleet.Step{{Unit: "u"}})[0]; !errors.Is(err, fleet.ErrUnavailable) {
		t.Errorf("Commit on a closed store = %v", err)
	}
	if err := s.WaitEvents(t.Context(), 0); !errors.Is(err, fleet.ErrUnavailable) {
		t.Errorf("WaitEvents on a closed store = %v", err)
	}
}

// A waiter outlives a Redis that goes away and comes back.
func TestWaitOutlivesRedis(t *testing.T) {
	srv := redistest.Start(t, redistest.Options{})
	s := open(t, Config{URL: srv.URL})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	woken := make(chan error, 1)
	go func() { woken <- s.WaitEvents(ctx, 0) }()
	if err := srv.Restart(); err != nil {
		t.Fatal(err)
	}
	until(t, "the event is committed", func() bool {
		return s.Commit(ctx, []fleet.Step{{Unit: "u", Events: []fleet.EventRecord{event("e")}}})[0] == nil
	})
	if err := <-woken; err != nil {
		t.Errorf("WaitEvents = %v", err)
	}
}
