package redisstore

import (
	"strings"
	"testing"

	"dipper/fleet"
	"dipper/fleet/storetest/redistest"
)

// The rights that docs/nodes.md asks for are enough.
func TestLeastRights(t *testing.T) {
	rights := []string{
		"--user", "dipper", "on", ">secret", "~*", "resetchannels", "&p*",
		"+@read", "+@write", "+@scripting", "+@pubsub", "+@connection", "-@dangerous", "+info", "+wait",
	}
	srv := redistest.Start(t, redistest.Options{Args: rights})
	s := open(t, Config{URL: strings.Replace(srv.URL, "redis://", "redis://dipper:secret@", 1)})
	if err := s.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	if text, err := s.Durability(t.Context()); err != nil || text != "redis persistence unknown: CONFIG is not permitted" {
		t.Errorf("Durability = %q, %v", text, err)
	}
	st := fleet.Step{Unit: "u", Position: position("u", qingdao), Events: []fleet.EventRecord{event("e")}, Opened: []string{"gate"}}
	if err := s.Commit(t.Context(), []fleet.Step{st})[0]; err != nil {
		t.Error(err)
	}
	if _, err := s.PutDocument(t.Context(), "fence", "f", nil, 0); err != nil {
		t.Error(err)
	}
	if err := s.WaitEvents(t.Context(), 0); err != nil {
		t.Error(err)
	}
	f := follow(t, s)
	say(t, s, f, 0, "hello")
	runUpkeep(t, s)()
}
