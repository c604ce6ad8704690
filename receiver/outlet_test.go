package receiver

import (
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dipper/positioning"
	"dipper/positioning/track"
)

// listSpool keeps what it is given.
type listSpool struct{ fixes []positioning.Fix }

func (l *listSpool) Append(fixes []positioning.Fix) (track.Range, error) {
	l.fixes = append(l.fixes, fixes...)
	return track.Range{First: 1, Last: track.Seq(len(l.fixes))}, nil
}

// Whatever comes, each fix is counted as kept or as thinned, once, and the kept are in order.
func TestThinnedFixesAreCounted(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var k Counters
		o := newOutlet(Config{Source: parse(t, "auto", SourceOptions{}), ThinErrorM: 10, Hold: rapid.Bool().Draw(rt, "hold"), Log: testLog(t)}, &k)
		kept := &listSpool{}
		o.spool = kept
		n := rapid.IntRange(1, 120).Draw(rt, "fixes")
		for i := range n {
			f := fixAt(i)
			f.Point.Lat += rapid.Float64Range(-1e-4, 1e-4).Draw(rt, "off")
			if rapid.IntRange(0, 9).Draw(rt, "refused") == 0 {
				f.Verdict = positioning.RefusedHDOP
			}
			o.take(0, []positioning.Fix{track.Quantize(f)}, time.Unix(int64(i), 0))
			if rapid.IntRange(0, 19).Draw(rt, "pause") == 0 {
				o.flush(0)
			}
		}
		o.flush(0)
		if k.Spooled.Load() != uint64(len(kept.fixes)) || k.Spooled.Load()+k.Thinned.Load() != uint64(n) {
			rt.Fatalf("%d in the spool, %d counted so, %d thinned, of %d", len(kept.fixes), k.Spooled.Load(), k.Thinned.Load(), n)
		}
		for i := 1; i < len(kept.fixes); i++ {
			if !kept.fixes[i].Time.After(kept.fixes[i-1].Time) {
				rt.Fatalf("fix %d is not after the one before", i)
			}
		}
	})
}

// A straight drive needs few fixes; the last is never lost.
func TestAgentThins(t *testing.T) {
	c := openCentre(t)
	src := parse(t, "file:"+filepath.Join("..", "testdata", "nmea", drive), SourceOptions{})
	cfg := config(t, c, src)
	cfg.ThinErrorM = 10
	w := work(t, cfg)
	if err := <-w.done; err != nil {
		t.Fatal(err)
	}
	all, sent := fixesOf(recording(t, drive)), c.track()
	if len(sent) >= len(all) || len(sent) < 2 {
		t.Fatalf("%d of %d fixes were sent", len(sent), len(all))
	}
	if !sent[0].Equal(all[0]) || !sent[len(sent)-1].Equal(all[len(all)-1]) {
		t.Error("the first or the last fix is missing")
	}
	if k := w.Counters(); k.Thinned.Load() != uint64(len(all)-len(sent)) {
		t.Errorf("%d thinned, want %d", k.Thinned.Load(), len(all)-len(sent))
	}
}
