package receiver

import (
	"fmt"
	"time"
)

// hangsAfter is how long one turn of a loop may last. The longest known is a link that takes nothing, which is dead after
// uplink.DefaultDeadAfter, with a disk behind it that takes seconds for a sync.
const hangsAfter = 40 * time.Second

// Alive returns an error that names the loop which hangs, if one does. A silent module, a lost port and a dead link are well: their
// loops wait. Safe for concurrent use.
func (a *Agent) Alive() error {
	for n, src := range a.sources {
		if busy := a.reading[n].Busy(); busy > a.hangsAfter {
			return fmt.Errorf("reading %v hangs since %v", src, busy.Round(time.Second))
		}
		if busy := a.decoding[n].Busy(); busy > a.hangsAfter {
			return fmt.Errorf("decoding %v hangs since %v", src, busy.Round(time.Second))
		}
	}
	a.mu.Lock()
	client := a.client
	a.mu.Unlock()
	if client == nil {
		return nil
	}
	if busy := client.Busy(); busy > a.hangsAfter {
		return fmt.Errorf("the uplink hangs since %v", busy.Round(time.Second))
	}
	return nil
}
