package receiver

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dipper/geofence"
	"dipper/positioning"
	"dipper/positioning/geo"
	"dipper/positioning/track"
	"dipper/receiver/uplink"
)

func settingsMessage(t testing.TB, revision uint64, body string) []byte {
	t.Helper()
	msg, err := uplink.AppendSettings(nil, uplink.Settings{Revision: revision, Body: []byte(body)})
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

func fencesMessage(t testing.TB, version uint64, centre geo.Point, fences ...geofence.Fence) []byte {
	t.Helper()
	set := uplink.Fences{Version: version, Lat: centre.Lat, Lon: centre.Lon, RadiusM: 20_000}
	for _, f := range fences {
		blob, err := geofence.MarshalFence(f)
		if err != nil {
			t.Fatal(err)
		}
		set.Blobs = append(set.Blobs, blob)
	}
	msg, err := uplink.AppendFences(nil, set)
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

// placeOf is where the module of epochs is at a second.
func placeOf(second int) geo.Point { return fixesOf([]byte(epochs(second, second+1)))[0].Point }

// Settings are put into force as a whole, are reported with why they are not, and end when the centre has none any more.
func TestAgentTakesSettings(t *testing.T) {
	c := openCentre(t)
	m := plug(t)
	cfg := config(t, c, parse(t, m.path(), SourceOptions{Baud: 9600}))
	cfg.ThinErrorM, cfg.Linger = 7, 0
	w := work(t, cfg)
	own := SettingsStatus{ThinErrorM: 7}
	given := SettingsStatus{Revision: 4, IntervalS: 2, ThinErrorM: 7, Hold: true, BytesPerDay: 200_000, LingerS: 3}
	steps := []struct {
		revision uint64
		body     string
		want     SettingsStatus
	}{
		{4, `{"interval_s":2,"hold":true,"max_bytes_per_day":200000,"linger_s":3}`, given},
		{5, `{"interval_s":9,"thin_error_m":-1}`, SettingsStatus{5, "thin_error_m: -1 is not in 0 to 1000", 2, 7, true, 200_000, 3, 0}},
		{6, `{"volume":11}`, SettingsStatus{6, "volume: no such setting", 2, 7, true, 200_000, 3, 0}},
		{7, `{"thin_error_m":0}`, SettingsStatus{Revision: 7}},
		{0, `{}`, own},
	}
	for _, s := range steps {
		c.order(settingsMessage(t, s.revision, s.body))
		eventually(t, s.body+" to be reported", func() bool {
			r := c.report()
			return r.SettingsRevision == s.revision && r.SettingsProblem == s.want.Problem && w.Status().Settings.Revision == s.revision
		})
		if got := w.Status().Settings; got != s.want {
			t.Errorf("after %s: %+v, want %+v", s.body, got, s.want)
		}
	}
	if k := w.Counters(); k.Settings.Load() != 3 || k.SettingsRefused.Load() != 2 {
		t.Errorf("%d sets of settings in force, %d refused", k.Settings.Load(), k.SettingsRefused.Load())
	}
	w.end(t)
}

// What the centre said counts after a restart without a network; what the driver has read stays read.
func TestSteeringSurvives(t *testing.T) {
	c := openCentre(t)
	m := plug(t)
	cfg := config(t, c, parse(t, m.path(), SourceOptions{Baud: 9600}))
	cfg.Status = freeAddress(t)
	w := work(t, cfg)
	at := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	c.order(settingsMessage(t, 4, `{"interval_s":2}`))
	c.order(fencesMessage(t, 77, placeOf(0), circle(t, "yard", placeOf(0), 500)))
	c.order(uplink.AppendNotice(nil, uplink.Notice{ID: "n1", At: at, Text: "去三号泊位"}))
	eventually(t, "all to be reported", func() bool { r := c.report(); return r.SettingsRevision == 4 && r.FencesVersion == 77 })
	eventually(t, "the notice", func() bool { return w.Status().Notice != nil })
	if c.report().NoticeShown != "" || !c.report().WantsFences {
		t.Errorf("report %+v before anybody read", c.report())
	}
	post := func(id string) int {
		r := serveRequest(w.Handler(), "POST", "/notice/read", id)
		return r.Code
	}
	if code := post("n0"); code != 409 {
		t.Errorf("reading another notice gives %d", code)
	}
	if code := post("n1"); code != 204 {
		t.Errorf("reading the notice gives %d", code)
	}
	eventually(t, "the reading to be reported", func() bool { return c.report().NoticeShown == "n1" })
	w.end(t)

	c.hangUp(true)
	w = work(t, cfg)
	eventually(t, "the agent", func() bool { return w.Status().Spool != nil })
	m.say([]byte(epochs(0, 5)))
	eventually(t, "the fence around", func() bool { f := w.Status().Fences; return f != nil && len(f.Around) == 1 && f.Around[0].Inside })
	s := w.Status()
	if s.Settings.Revision != 4 || s.Settings.IntervalS != 2 || s.Fences.Version != "77" || s.Notice.Text != "去三号泊位" || !s.Notice.Read || !s.Notice.At.Equal(at) {
		t.Errorf("after the restart: %+v, %+v, %+v", s.Settings, s.Fences, s.Notice)
	}
	eventually(t, "the interval to be kept", func() bool { return w.Counters().Thinned.Load() >= 2 })
	w.end(t)
}

// Damage is counted, and the rest counts all the same.
func TestSteeringFilesDamaged(t *testing.T) {
	spoil := map[string]func([]byte) []byte{
		"cut":     func(b []byte) []byte { return b[:len(b)/2] },
		"flipped": func(b []byte) []byte { b[len(b)-3] ^= 1; return b },
		"empty":   func([]byte) []byte { return nil },
		"long":    func([]byte) []byte { return make([]byte, maxFileBytes+1) },
	}
	for name, change := range spoil {
		t.Run(name, func(t *testing.T) {
			c := openCentre(t)
			m := plug(t)
			cfg := config(t, c, parse(t, m.path(), SourceOptions{Baud: 9600}))
			w := work(t, cfg)
			c.order(settingsMessage(t, 4, `{"interval_s":2}`))
			c.order(fencesMessage(t, 77, placeOf(0), circle(t, "yard", placeOf(0), 500)))
			eventually(t, "all to be reported", func() bool { r := c.report(); return r.SettingsRevision == 4 && r.FencesVersion == 77 })
			w.end(t)
			c.hangUp(true)
			for _, file := range []string{settingsFile, visitsFile} {
				path := filepath.Join(cfg.Spool, file)
				data, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, change(data), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			w = work(t, cfg)
			eventually(t, "the agent", func() bool { return w.Status().Spool != nil && w.Status().Fences != nil })
			if s := w.Status(); s.Settings.Revision != 0 || s.Fences.Version != "77" || w.Counters().FilesDamaged.Load() != 2 {
				t.Errorf("settings %+v, fences %+v, %d damaged", s.Settings, s.Fences, w.Counters().FilesDamaged.Load())
			}
			w.end(t)
		})
	}
}

// A fence of a newer centre that this agent cannot read is left out, counted, and not asked for again.
func TestUnreadableFence(t *testing.T) {
	c := openCentre(t)
	m := plug(t)
	w := work(t, config(t, c, parse(t, m.path(), SourceOptions{Baud: 9600})))
	good := circle(t, "yard", placeOf(0), 500)
	blob, err := geofence.MarshalFence(good)
	if err != nil {
		t.Fatal(err)
	}
	newer := slices.Clone(blob)
	newer[0] = 99
	msg, err := uplink.AppendFences(nil, uplink.Fences{Version: 5, RadiusM: 10, Blobs: [][]byte{newer, blob}})
	if err != nil {
		t.Fatal(err)
	}
	c.order(msg)
	eventually(t, "the set to be reported", func() bool { return c.report().FencesVersion == 5 })
	if n := w.Counters().FencesUnreadable.Load(); n != 1 || w.Status().Fences.Count != 1 {
		t.Errorf("%d unreadable, %d held", n, w.Status().Fences.Count)
	}
	w.end(t)
}

// What was decided on board is told until the centre has it, over a restart, and no more afterwards.
func TestAgentTellsUntilAcknowledged(t *testing.T) {
	c := openCentre(t)
	c.mu.Lock()
	c.deaf = true
	c.mu.Unlock()
	m := plug(t)
	cfg := config(t, c, parse(t, m.path(), SourceOptions{Baud: 9600}))
	w := work(t, cfg)
	c.order(fencesMessage(t, 1, placeOf(0), circle(t, "behind", placeOf(0), 30), circle(t, "ahead", placeOf(19), 60)))
	eventually(t, "the fences", func() bool { return c.report().FencesVersion == 1 })
	m.say([]byte(epochs(0, 20)))
	eventually(t, "two events", func() bool { return len(c.toldIDs()) == 2 }) // out of the one, into the other
	want := c.toldIDs()
	w.end(t)

	c.mu.Lock()
	c.deaf, c.told = false, nil
	c.mu.Unlock()
	w = work(t, cfg)
	eventually(t, "the events again", func() bool { return slices.Equal(c.toldIDs(), want) })
	eventually(t, "their acknowledgement", func() bool { return len(w.visits.toTell(9)) == 0 })
	w.end(t)

	c.mu.Lock()
	c.told = nil
	c.mu.Unlock()
	w = work(t, cfg)
	m.say([]byte(epochs(20, 22)))
	eventually(t, "further fixes", func() bool { return c.count() == 22 })
	w.end(t)
	if again := c.toldIDs(); len(again) > 0 {
		t.Errorf("%v was told after it was acknowledged", again)
	}
}

// A fence is made around a vehicle that drives and is too fast, and its set is on the way while the fixes are. What the unit tells
// has the numbers that the centre's has: the centre decides with the fence from the first fix on that it had not acknowledged.
func TestNewFenceUnderWay(t *testing.T) {
	c := openCentre(t)
	m := plug(t)
	w := work(t, config(t, c, parse(t, m.path(), SourceOptions{Baud: 9600})))
	c.order(fencesMessage(t, 1, placeOf(0)))
	eventually(t, "a set without fences", func() bool { return c.report().FencesVersion == 1 })
	m.say([]byte(epochs(0, 5)))
	eventually(t, "the first fixes", func() bool { return c.count() == 5 && w.Status().Spool.Unacked == 0 })
	c.setMute(true) // the acknowledgements of the next are on the way
	m.say([]byte(epochs(5, 12)))
	eventually(t, "the next fixes", func() bool { return w.Status().Spool.Unacked == 7 })
	f := circle(t, "slow", placeOf(5), 5000)
	f.SpeedLimitMps = 1
	c.order(fencesMessage(t, 2, placeOf(0), f))
	eventually(t, "the fence", func() bool { return c.report().FencesVersion == 2 })
	eventually(t, "the overspeed", func() bool { return len(c.toldIDs()) > 0 })
	w.end(t)
	if got, want := c.toldIDs(), []string{geofence.EventID(testUnit, "slow", geofence.Overspeed, uint32(c.series), 7)}; !slices.Equal(got, want) {
		t.Errorf("told %v, want the overspeed of the 7th fix, the second with the fence: %v", got, want)
	}
}

// However often the rules change while fixes flow, each fix is kept or counted as thinned, once, in order; within the
// reign of an interval the accepted ones have it between them, and refused ones all stay.
func TestRulesChangeWhileFixesFlow(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var k Counters
		o := newOutlet(Config{Source: parse(t, "auto", SourceOptions{}), Log: testLog(t)}, &k)
		kept := &listSpool{}
		o.spool = kept
		n := rapid.IntRange(1, 200).Draw(rt, "fixes")
		refused := 0
		for i := range n {
			f := fixAt(i)
			if rapid.IntRange(0, 9).Draw(rt, "refused") == 0 {
				f.Verdict = positioning.RefusedHDOP
				refused++
			}
			switch rapid.IntRange(0, 14).Draw(rt, "change") {
			case 0:
				o.adopt(shaping{
					interval:   time.Duration(rapid.IntRange(0, 12).Draw(rt, "interval")) * time.Second,
					thinErrorM: float64(rapid.SampledFrom([]int{0, 10}).Draw(rt, "thin")), hold: rapid.Bool().Draw(rt, "hold"),
				})
			case 1:
				o.save(rapid.IntRange(0, maxThrift).Draw(rt, "thrift"))
			}
			o.take(0, []positioning.Fix{track.Quantize(f)}, time.Unix(int64(i), 0))
		}
		o.flush(0)
		if k.Spooled.Load() != uint64(len(kept.fixes)) || k.Spooled.Load()+k.Thinned.Load() != uint64(n) {
			rt.Fatalf("%d in the spool, %d counted so, %d thinned, of %d", len(kept.fixes), k.Spooled.Load(), k.Thinned.Load(), n)
		}
		for i, f := range kept.fixes {
			if f.Verdict != positioning.Accepted {
				refused--
			}
			if i > 0 && !f.Time.After(kept.fixes[i-1].Time) {
				rt.Fatalf("fix %d is not after the one before", i)
			}
		}
		if refused != 0 {
			rt.Fatalf("%d refused fixes are missing", refused)
		}
	})
}

func TestInterval(t *testing.T) {
	for interval, want := range map[time.Duration]int{0: 60, time.Second: 60, 10 * time.Second: 6, 7 * time.Second: 9, time.Hour: 1} {
		o := newOutlet(Config{Source: parse(t, "auto", SourceOptions{}), Interval: interval, Log: testLog(t)}, new(Counters))
		kept := &listSpool{}
		o.spool = kept
		for i := range 60 {
			o.take(0, []positioning.Fix{fixAt(i)}, fixAt(i).Time)
		}
		if len(kept.fixes) != want {
			t.Errorf("%v: %d fixes in a minute, want %d", interval, len(kept.fixes), want)
		}
		back := fixAt(0) // a receiver whose time goes back is not silenced until it is where it was
		back.Time = back.Time.Add(-time.Hour)
		o.take(0, []positioning.Fix{back}, back.Time)
		if len(kept.fixes) != want+1 {
			t.Errorf("%v: a fix from before is spared", interval)
		}
	}
}

// The metrics have what the page has.
func TestMetricsOfSteering(t *testing.T) {
	c := openCentre(t)
	m := plug(t)
	w := work(t, config(t, c, parse(t, m.path(), SourceOptions{Baud: 9600})))
	c.order(settingsMessage(t, 4, `{"interval_s":0,"max_bytes_per_day":200000}`))
	yard := circle(t, `ya"rd`, placeOf(0), 500)
	yard.ID = "yard"
	c.order(fencesMessage(t, 3, placeOf(0), yard))
	c.order(uplink.AppendNotice(nil, uplink.Notice{ID: "n1", At: time.Now(), Text: "x"}))
	eventually(t, "all to be there", func() bool {
		r := c.report()
		return r.SettingsRevision == 4 && r.FencesVersion == 3 && w.Status().Notice != nil
	})
	m.say([]byte(sentence("GBGSV,1,1,02,21,45,120,42,22,30,080,38,1") + epochs(0, 3)))
	eventually(t, "three fixes", func() bool { return c.count() == 3 })
	text := string(w.appendMetrics(nil))
	for _, line := range []string{
		"settings_revision 4", "settings_problem 0", "settings_max_bytes_per_day 200000", "notice_unread 1", "fences 1",
		`fence_inside{fence="yard"} 1`, `satellites_in_view{constellation="beidou"} 2`, `satellites_max_cn0_dbhz{constellation="beidou"} 42`,
		"fix_accepted 1", "fence_sets_total 1", "notices_total 1",
	} {
		if !strings.Contains(text, "\ndipper_agent_"+line+"\n") {
			t.Errorf("metrics lack %s:\n%s", line, text)
		}
	}
	seen := map[string]bool{}
	for _, line := range strings.Split(text, "\n") {
		if head, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, _, _ := strings.Cut(head, " ")
			if seen[name] {
				t.Errorf("%s has two heads", name)
			}
			seen[name] = true
		}
	}
	w.end(t)
}
