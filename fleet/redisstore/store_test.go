package redisstore

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"dipper/fleet"
	"dipper/fleet/storetest"
	"dipper/fleet/storetest/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, cfg Config) *Store {
	t.Helper()
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// empty opens a store on a server after removing all that is there.
func empty(t testing.TB, cfg Config) *Store {
	t.Helper()
	s := open(t, cfg)
	err := s.eachMaster(t.Context(), func(ctx context.Context, c redis.UniversalClient) error { return c.FlushAll(ctx).Err() })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func subject(url string) storetest.Subject {
	return storetest.Subject{
		New:   func(t *testing.T) fleet.Store { return empty(t, Config{URL: url}) },
		Again: func(t *testing.T, _ fleet.Store) fleet.Store { return open(t, Config{URL: url}) },
	}
}

func TestConformanceSingle(t *testing.T) {
	storetest.Run(t, subject(redistest.Start(t, redistest.Options{Fsync: "everysec"}).URL))
}

func TestConformanceCluster(t *testing.T) {
	storetest.Run(t, subject(redistest.StartCluster(t, redistest.Options{Fsync: "everysec"}).URL))
}
