package receiver

import (
	"strings"
	"testing"
	"time"
)

// A lock that is never let go hangs the loops that want it, and Alive names them; silence and a dead link hang nothing.
func TestAlive(t *testing.T) {
	c := openCentre(t)
	m, silent := plug(t), plug(t)
	cfg := config(t, c, parse(t, m.path(), SourceOptions{Baud: 9600}))
	cfg.Backups = []Source{parse(t, silent.path(), SourceOptions{Baud: 9600})}
	ready := make(chan struct{})
	cfg.Ready = func() { close(ready) }
	a, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Alive(); err != nil {
		t.Errorf("before it runs: %v", err)
	}
	w := work(t, cfg)
	<-ready
	m.say([]byte(epoch(0)))
	eventually(t, "a fix at the centre", func() bool { return c.count() > 0 })
	c.hangUp(true)
	if err := w.Alive(); err != nil {
		t.Errorf("with a module that talked, one that is silent, and no link: %v", err)
	}

	w.outlet.mu.Lock()
	m.say([]byte(epoch(1)))
	eventually(t, "decoding to hang", func() bool { return w.decoding[0].Busy() > 0 })
	w.hangsAfter = time.Millisecond
	hangs := func() bool {
		err := w.Alive()
		return err != nil && strings.Contains(err.Error(), "decoding "+m.path())
	}
	eventually(t, "Alive to say so", hangs)
	w.outlet.mu.Unlock()
	eventually(t, "the loop to turn again", func() bool { return !hangs() })
}
