package receiver

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dipper/geofence"
	"dipper/positioning"
	"dipper/positioning/geo"
	"dipper/positioning/track"
	"dipper/receiver/spool"
)

// circle is a fence around a place.
func circle(t testing.TB, id string, p geo.Point, radiusM float64) geofence.Fence {
	t.Helper()
	shape, err := geofence.NewCircle(p, radiusM)
	if err != nil {
		t.Fatal(err)
	}
	return geofence.Fence{ID: id, Name: "The " + id, Kind: geofence.Zone, Shape: shape, Revision: 1}
}

// circlesAlong are fences along a track with every rule there is.
func circlesAlong(t testing.TB, fixes []positioning.Fix) []geofence.Fence {
	var fences []geofence.Fence
	for i, radius := range []float64{40, 80, 25, 60} {
		f := circle(t, string(rune('a'+i)), fixes[(2*i+1)*len(fixes)/9].Point, radius)
		f.SpeedLimitMps, f.Dwell = 2, 4*time.Second
		fences = append(fences, f)
	}
	return fences
}

func openSpool(t testing.TB, dir string) *spool.Spool {
	t.Helper()
	sp, err := spool.Open(dir, spool.Options{Unit: testUnit})
	if err != nil {
		t.Fatal(err)
	}
	return sp
}

// centreIDs is what the centre's ledger makes of the numbered fixes: the events that are the driver's concern, by id.
func centreIDs(t testing.TB, sp *spool.Spool, fences []geofence.Fence) []string {
	t.Helper()
	ledger := geofence.NewLedger(testUnit, geofence.NewIndex(fences))
	var state geofence.State
	var events []geofence.Event
	for from := track.Seq(1); ; {
		b, err := sp.Peek(from, 100)
		if err != nil {
			t.Fatal(err)
		}
		if len(b.Fixes) == 0 {
			break
		}
		for i, f := range b.Fixes {
			events = ledger.Step(&state, geofence.Observation{Series: uint32(b.Series), Seq: uint64(b.First) + uint64(i), Fix: f}, events)
		}
		from = b.Last() + 1
	}
	return concernIDs(events)
}

func concernIDs(events []geofence.Event) []string {
	ids := []string{}
	for _, e := range events {
		if e.Kind != geofence.InsideAtStart && e.Reason == "" {
			ids = append(ids, e.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func untoldIDs(v *visits) []string {
	ids := []string{}
	for _, e := range v.toTell(maxUntold) {
		ids = append(ids, e.ID)
	}
	slices.Sort(ids)
	return ids
}

// restarted is the ledger of the next process, which has what the one before kept in its file.
func restarted(t testing.TB, kept keptVisits, fences []geofence.Fence, sp *spool.Spool) *visits {
	t.Helper()
	text, err := json.Marshal(kept)
	if err != nil {
		t.Fatal(err)
	}
	var read keptVisits
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	v := newVisits(testUnit, new(Counters), time.Now)
	if err := v.resume(read, fences, sp); err != nil {
		t.Fatal(err)
	}
	return v
}

// The unit and the centre give the same events the same ids, whatever the outlet spares, and over restarts: after an orderly one the
// state is of the last fix, after a crash it may be of any before.
func TestVisitsAreTheCentres(t *testing.T) {
	recordings := map[string][]positioning.Fix{}
	for _, name := range []string{drive, "boat-amsterdam.nmea", "quectel-l76k-dual.nmea"} {
		recordings[name] = fixesOf(recording(t, name))
	}
	seen := 0
	rapid.Check(t, func(rt *rapid.T) {
		fixes := recordings[rapid.SampledFrom([]string{drive, "boat-amsterdam.nmea", "quectel-l76k-dual.nmea"}).Draw(rt, "recording")]
		fences := circlesAlong(t, fixes)
		sp := openSpool(t, filepath.Join(t.TempDir(), "spool"))
		defer sp.Close()
		cfg := Config{
			Source: parse(t, "auto", SourceOptions{}), Log: testLog(t), Hold: rapid.Bool().Draw(rt, "hold"),
			ThinErrorM: rapid.SampledFrom([]float64{0, 0, 5}).Draw(rt, "thin"),
		}
		o := newOutlet(cfg, new(Counters))
		o.spool = sp
		v := restarted(t, keptVisits{}, fences, sp)
		o.numbered = v.observe
		kept := v.keep()
		for i, f := range fixes {
			o.take(0, []positioning.Fix{f}, time.Unix(int64(i), 0))
			switch rapid.IntRange(0, 19).Draw(rt, "happens") {
			case 0: // an orderly end
				v = restarted(t, v.keep(), fences, sp)
			case 1: // a crash: the file is of an earlier fix, and of its events
				v = restarted(t, kept, fences, sp)
			case 2:
				kept = v.keep()
			default:
				continue
			}
			o.numbered = v.observe
		}
		o.flush(0)
		got, want := untoldIDs(v), centreIDs(t, sp, fences)
		got = slices.Compact(got)
		if !slices.Equal(got, want) {
			rt.Fatalf("on board %v, the centre %v", got, want)
		}
		seen = max(seen, len(want))
	})
	if seen < 8 {
		t.Errorf("at most %d events: the fences are badly placed", seen)
	}
}

// numbered gives fixes numbers, without a spool.
func numbered(v *visits, first int, fixes ...positioning.Fix) {
	v.series = 1
	v.observe(track.Range{First: track.Seq(first), Last: track.Seq(first + len(fixes) - 1)}, fixes)
}

// passing is a drive due east at 10 m/s by one fix a second, from 500 m before a place on.
func passing(p geo.Point, n int) []positioning.Fix {
	var list []positioning.Fix
	for i := range n {
		f := positioning.NewFix(fixAt(i).Time, along(p, 90, float64(10*i-500)))
		f.SpeedMps, f.CourseDeg, f.ErrM = 10, 90, 2
		list = append(list, track.Quantize(f))
	}
	return list
}

var gate = geo.Point{Lat: 36.06, Lon: 120.38}

// A fence that comes while the vehicle is in it has no entry to tell of; that it is left is told.
func TestFirstSightIsNoNews(t *testing.T) {
	v := newVisits(testUnit, new(Counters), time.Now)
	fixes := passing(gate, 100)
	numbered(v, 1, fixes[:50]...)
	v.use([]geofence.Fence{circle(t, "yard", gate, 100)}, 51)
	numbered(v, 51, fixes[50])
	if n := len(v.toTell(9)); n != 0 {
		t.Fatalf("%d events at first sight", n)
	}
	around := v.around(fixes[50])
	if len(around) != 1 || !around[0].Inside || around[0].Entered {
		t.Errorf("around: %+v", around)
	}
	numbered(v, 52, fixes[51:]...)
	if told := v.toTell(9); len(told) != 1 || told[0].Kind != string(geofence.Exit) {
		t.Errorf("told %+v, want the exit", told)
	}
}

// An edit counts from when the centre says, though it comes seconds later: the fixes since are decided again, and nothing is
// told twice. That the fence changed under the vehicle is not told to its driver.
func TestEditReachesBack(t *testing.T) {
	fixes := passing(gate, 80)
	first := circle(t, "yard", gate, 100)
	first.SpeedLimitMps = 20
	edited := first
	edited.Revision, edited.SpeedLimitMps, edited.Dwell, edited.ValidFrom = 2, 5, 6*time.Second, fixes[48].Time
	ended := first
	ended.ValidUntil = edited.ValidFrom
	for _, late := range []int{0, 1, 5} {
		v := newVisits(testUnit, new(Counters), time.Now)
		v.use([]geofence.Fence{first}, 1)
		numbered(v, 1, fixes[:48+late]...)
		v.use([]geofence.Fence{edited}, track.Seq(49+late))
		numbered(v, 49+late, fixes[48+late:]...)

		ledger := geofence.NewLedger(testUnit, geofence.NewIndex([]geofence.Fence{ended, edited}))
		var state geofence.State
		var events []geofence.Event
		for i, f := range fixes {
			events = ledger.Step(&state, geofence.Observation{Series: 1, Seq: uint64(i + 1), Fix: f}, events)
		}
		want := concernIDs(events)
		if got := untoldIDs(v); !slices.Equal(got, want) || len(want) != 4 { // enter, overspeed, dwell, exit
			t.Errorf("an edit late by %d fixes: on board %v, the centre %v", late, got, want)
		}
	}
}

// A fence that is made under way counts from the first fix that the centre decides with it, though the unit hears of it later: with the
// same ids, in the fence or before it, speeding or not. Being in it is told to nobody.
func TestNewFenceReachesBack(t *testing.T) {
	seen := map[geofence.EventKind]int{}
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.SampledFrom([]string{drive, "boat-amsterdam.nmea"}).Draw(rt, "recording")
		fixes := fixesOf(recording(t, name))
		made := rapid.IntRange(0, len(fixes)-1).Draw(rt, "made before fix")
		heard := min(made+rapid.IntRange(0, remembered).Draw(rt, "fixes until it is heard of"), len(fixes))
		f := circle(t, "new", fixes[rapid.IntRange(0, len(fixes)-1).Draw(rt, "place")].Point, rapid.Float64Range(20, 300).Draw(rt, "radius"))
		f.SpeedLimitMps, f.Dwell = 1, 4*time.Second
		if rapid.Bool().Draw(rt, "made again after it was deleted") {
			f.Revision, f.ValidFrom = 2, fixes[made].Time
		}
		others := circlesAlong(t, fixes)

		v := newVisits(testUnit, new(Counters), time.Now)
		v.use(others, 1)
		numbered(v, 1, fixes[:heard]...)
		v.use(append(slices.Clone(others), f), track.Seq(made+1))
		numbered(v, heard+1, fixes[heard:]...)

		ledger := geofence.NewLedger(testUnit, geofence.NewIndex(others))
		var state geofence.State
		var events []geofence.Event
		for i, x := range fixes {
			if i == made {
				ledger.Use(geofence.NewIndex(append(slices.Clone(others), f)))
			}
			events = ledger.Step(&state, geofence.Observation{Series: 1, Seq: uint64(i + 1), Fix: x}, events)
		}
		if got, want := slices.Compact(untoldIDs(v)), concernIDs(events); !slices.Equal(got, want) {
			rt.Fatalf("on board %v, the centre %v", got, want)
		}
		for _, e := range events {
			if e.Fence == f.ID {
				seen[e.Kind]++
			}
		}
	})
	for _, k := range []geofence.EventKind{geofence.InsideAtStart, geofence.Enter, geofence.Overspeed, geofence.Dwell, geofence.Exit} {
		if seen[k] == 0 {
			t.Errorf("no %s of the new fence: the test shows nothing of it", k)
		}
	}
}

// What waits for the centre is bounded, and what is dropped is counted.
func TestUntoldIsBounded(t *testing.T) {
	var k Counters
	v := newVisits(testUnit, &k, time.Now)
	v.use([]geofence.Fence{circle(t, "gate", gate, 50)}, 1)
	for lap := range maxUntold {
		fixes := passing(gate, 100)
		for i := range fixes {
			fixes[i].Time = fixes[i].Time.Add(time.Duration(lap) * time.Hour)
		}
		numbered(v, 1+100*lap, fixes...)
	}
	waiting := v.toTell(2 * maxUntold)
	if k.Events.Load() != 2*maxUntold || k.EventsDropped.Load() != maxUntold || len(waiting) != maxUntold {
		t.Errorf("%d events, %d dropped, %d wait", k.Events.Load(), k.EventsDropped.Load(), len(waiting))
	}
	v.acknowledged([]string{waiting[0].ID, waiting[1].ID, "another"})
	if left := v.toTell(2 * maxUntold); len(left) != maxUntold-2 || left[0].ID != waiting[2].ID {
		t.Errorf("%d wait after two were acknowledged", len(left))
	}
}

// A state that cannot be read is made anew from the spool: the visit is known again, and old events are not told as news.
func TestVisitsWithoutState(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	sp := openSpool(t, dir)
	defer sp.Close()
	fence := circle(t, "yard", gate, 2000)
	fixes := passing(along(gate, 270, 2000), 200) // enters at the 50th
	if _, err := sp.Append(fixes); err != nil {
		t.Fatal(err)
	}
	v := newVisits(testUnit, new(Counters), time.Now)
	if err := v.resume(keptVisits{Series: sp.Series(), Seq: 150, State: []byte("damage")}, []geofence.Fence{fence}, sp); err == nil {
		t.Error("no word of the damage")
	}
	around := v.around(fixes[199])
	if len(around) != 1 || !around[0].Inside || !around[0].Entered || *around[0].InsideS < 140 {
		t.Errorf("around: %+v", around)
	}
	if told := v.toTell(9); len(told) != 0 {
		t.Errorf("told %+v of minutes ago", told)
	}
}

// Around says what the driver wants to know, nearest first.
func TestAround(t *testing.T) {
	at := fixAt(0).Time
	f := positioning.NewFix(at, gate)
	f.SpeedMps, f.CourseDeg, f.ErrM = 10, 0, 2
	limit := circle(t, "limit", gate, 100)
	limit.SpeedLimitMps, limit.Dwell = 5, time.Minute
	ended := circle(t, "ended", gate, 100)
	ended.ValidUntil = at
	v := newVisits(testUnit, new(Counters), time.Now)
	v.use([]geofence.Fence{
		circle(t, "north", along(gate, 0, 1000), 100), circle(t, "south", along(gate, 180, 500), 100),
		circle(t, "east", along(gate, 90, 3000), 100), limit, ended,
	}, 1)
	numbered(v, 1, f)
	f.Time = at.Add(20 * time.Second)
	list := v.around(f)
	var ids, approach []string
	for _, s := range list {
		ids, approach = append(ids, s.ID), append(approach, s.Approach)
	}
	if !slices.Equal(ids, []string{"limit", "south", "north", "east"}) || !slices.Equal(approach, []string{"", "behind", "ahead", ""}) {
		t.Fatalf("around are %v, %v", ids, approach)
	}
	if s := list[0]; !s.TooFast || *s.InsideS != 20 || *s.DwellLeftS != 40 || s.DistanceM != nil {
		t.Errorf("inside: %+v", s)
	}
	if d := *list[2].DistanceM; d < 890 || d > 910 {
		t.Errorf("north is %.0f m away, want 900", d)
	}
}
