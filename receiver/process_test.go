package receiver

import (
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// The real program is killed again and again while a module talks; whatever the spool had, and all that came after, arrives
// once. On SIGTERM it ends in order, with everything delivered.
func TestKilledProcess(t *testing.T) {
	path := agentBinary(t)
	c := openCentre(t)
	m := plug(t)
	spool := filepath.Join(t.TempDir(), "spool")
	const rounds, each = 4, 10
	for round := range rounds {
		p := start(t, path, spool, m.path(), c, "--baud", "9600")
		m.say([]byte(epochs(round*each, (round+1)*each)))
		eventually(t, "the module's fixes at the centre", func() bool { return c.count() >= (round+1)*each })
		if round%2 == 0 {
			if err := p.Process.Signal(unix.SIGKILL); err != nil {
				t.Fatal(err)
			}
			if err := p.Wait(); err == nil {
				t.Fatal("a killed process ended well")
			}
			continue
		}
		p.stop(t)
	}
	sameTrack(t, c.track(), fixesOf([]byte(epochs(0, rounds*each))))
}
