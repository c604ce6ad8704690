package embedstore

import (
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"dipper/fleet"
	"dipper/fleet/storetest"
)

func verifyMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, cfg Config) *Store {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = filepath.Join(t.TempDir(), "data")
	}
	s, err := Open(cfg)
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

func TestConformance(t *testing.T) {
	storetest.Run(t, storetest.Subject{New: func(t *testing.T) fleet.Store { return open(t, Config{}) }})
}
