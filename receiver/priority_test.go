package receiver

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dipper/positioning"
	"dipper/positioning/geo"
)

// fixAt is an accepted fix of second n.
func fixAt(n int) positioning.Fix {
	f := positioning.NewFix(time.Date(2024, 11, 23, 4, 0, n, 0, time.UTC), geo.Point{Lat: 36 + float64(n)*1e-4, Lon: 120})
	f.SpeedMps, f.Mode, f.ErrM = 11, positioning.Mode3D, 2
	return f
}

func TestPriority(t *testing.T) {
	tests := []struct {
		name string
		// Each word is one second of three receivers, by rank: a an accepted fix, r a refused one, - nothing.
		play string
		want string // who is used after each second; - nobody
	}{
		{"the first that has fixes", "r-- -r- -a-", "--1"},
		{"the best stays", "aaa aaa aaa", "000"},
		{"the next after the silence", "aa- -a- -a- -a- -a-", "00011"},
		{"no fix is as bad as silence", "aa- ra- ra- ra- ra-", "00011"},
		{"the best of those that are well", "-aa aaa a-a --a --a --a --a", "1111122"},
		{"a short gap changes nothing", "aa- -a- -a- aa- -a-", "00000"},
		{"back after twice the while", "-a- -a- aa- aa- aa- aa- aa- aa- aa-", "111111110"},
		{"a gap begins the count again", "-a- aa- aa- aa- -a- -a- -a- -a- aa- aa- aa- aa- aa- aa- aa-", "111111111111110"},
		{"lower ranks never take over from a good one", "-aa -aa -aa -aa -aa", "11111"},
		{"all silent", "a-- --- --- --- --- --- ---", "0000000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPriority(3, 3*time.Second)
			now := time.Unix(1e9, 0)
			var got strings.Builder
			for second, word := range strings.Fields(tt.play) {
				for n, c := range word {
					f := fixAt(second)
					switch c {
					case 'r':
						f.Verdict = positioning.RefusedHDOP
						fallthrough
					case 'a':
						p.admit(n, f, now.Add(time.Duration(n)*time.Millisecond))
					}
				}
				got.WriteByte("-012"[p.active+1])
				now = now.Add(time.Second)
			}
			if got.String() != tt.want {
				t.Errorf("%s gives %s, want %s", tt.play, got.String(), tt.want)
			}
		})
	}
}

// While receivers come and go, no instant is used twice, time never runs backwards, and with one well receiver at any time
// no second of it is lost for longer than the fail-over and the return take.
func TestPriorityNeverRepeatsATime(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := newPriority(3, 3*time.Second)
		now := time.Unix(1e9, 0)
		lastUsed, lastGiven := -1, -1
		for second := range rapid.IntRange(1, 80).Draw(rt, "seconds") {
			for n := range 3 {
				if !rapid.Bool().Draw(rt, "gives") {
					continue
				}
				lastGiven = second
				if use, _ := p.admit(n, fixAt(second), now); use {
					if second <= lastUsed {
						rt.Fatalf("second %d is used after second %d", second, lastUsed)
					}
					lastUsed = second
				}
			}
			if lastGiven == second && second-lastUsed > 4+3 {
				rt.Fatalf("at second %d fixes come, but none was used since %d", second, lastUsed)
			}
			now = now.Add(time.Second)
		}
	})
}

// Two receivers on the network: the first falls silent, the second takes over, the first comes back. The numbers have no gap
// and no fix arrives twice.
func TestAgentFailsOver(t *testing.T) {
	c := openCentre(t)
	best, next := listenTCP(t, "127.0.0.1:0"), listenTCP(t, "127.0.0.1:0")
	cfg := config(t, c, parse(t, "tcp://"+best.Addr().String(), SourceOptions{}))
	cfg.Backups = []Source{parse(t, "tcp://"+next.Addr().String(), SourceOptions{})}
	cfg.Failover = 300 * time.Millisecond
	w := work(t, cfg)
	first, second := accept(t, best), accept(t, next)
	n := 0
	say := func(what string, first, second bool, conns [2]interface{ Write([]byte) (int, error) }, until func() bool) {
		t.Helper()
		eventually(t, what, func() bool {
			for i, speaks := range []bool{first, second} {
				if speaks {
					if _, err := conns[i].Write([]byte(epoch(n))); err != nil {
						t.Error(err)
					}
				}
			}
			n++
			sleep(t.Context(), idleEvery)
			return until()
		})
	}
	conns := [2]interface{ Write([]byte) (int, error) }{first, second}
	used := func(i int) func() bool {
		return func() bool { return w.Status().Source.Name == w.sources[i].String() && c.count() > 3 }
	}
	say("the first to be used", true, false, conns, used(0))
	say("some of both", true, true, conns, func() bool { return w.Counters().Standby.Load() > 3 })
	say("the second to take over", false, true, conns, used(1))
	if others := w.Status().Others; len(others) != 1 || others[0].Name != w.sources[0].String() {
		t.Errorf("the others are %+v", others)
	}
	say("the first to come back", true, true, conns, used(0))
	eventually(t, "all to be acknowledged", func() bool { return w.Status().Spool.Unacked == 0 })
	w.end(t)
	list := c.track() // fails on a gap in the numbers
	for i := 1; i < len(list); i++ {
		if !list[i].Time.After(list[i-1].Time) {
			t.Errorf("fix %d is of %v, after one of %v", i+1, list[i].Time, list[i-1].Time)
		}
	}
	if k := w.Counters(); k.Fixes.Load() != k.Spooled.Load()+k.Standby.Load() || k.Switches.Load() < 3 {
		t.Errorf("%d fixes, %d in the spool, %d standby, %d switches", k.Fixes.Load(), k.Spooled.Load(), k.Standby.Load(), k.Switches.Load())
	}
}
