package fleet

import (
	"encoding/hex"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dipper/fleet/cell"
	"dipper/fleet/journey"
	"dipper/geofence"
	"dipper/positioning"
	"dipper/positioning/geo"
	"dipper/positioning/track"
)

var codecStart = time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)

// drive shows fixes to a pass over a fence around the origin of the way and gives the state.
func drive(t testing.TB, fixes int, every time.Duration) vehicle {
	t.Helper()
	yard, err := geofence.NewCircle(geo.Point{Lat: 36, Lon: 120.2}, 5000)
	if err != nil {
		t.Fatal(err)
	}
	ix := geofence.NewIndex([]geofence.Fence{{ID: "yard-7", Kind: geofence.Yard, Shape: yard, Revision: 1}})
	p := pass{ledger: geofence.NewLedger("u", ix)}
	for i := range fixes {
		f := positioning.NewFix(codecStart.Add(time.Duration(i)*every), geo.Point{Lat: 36 + float64(i%100)*1e-5, Lon: 120.2})
		f.SpeedMps, f.CourseDeg, f.ErrM, f.HDOP, f.Mode = 1.5, 10, 2.5, 0.8, positioning.Mode3D
		f.Sats.Used[positioning.BeiDou] = 12
		p.show(&TrackFix{Series: track.Series(codecStart.Unix()), Seq: track.Seq(i + 1), Fix: track.Quantize(f)})
	}
	var v vehicle
	if fixes == 0 {
		return v
	}
	p.into(&v)
	v.firstMs = codecStart.UnixMilli()
	v.cell = cell.FromPoint(v.last.Fix.Point)
	v.hold(track.Series(codecStart.Unix()), track.Range{First: 1, Last: track.Seq(fixes)})
	return v
}

func TestStateRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		v := drive(t, rapid.IntRange(0, 300).Draw(rt, "fixes"), time.Duration(rapid.Int64Range(1, 3e6).Draw(rt, "every"))*time.Millisecond)
		for range rapid.IntRange(0, 3).Draw(rt, "more") {
			first := track.Seq(rapid.Uint32Range(1, 1000).Draw(rt, "first"))
			v.hold(track.Series(rapid.Uint32().Draw(rt, "series")), track.Range{First: first, Last: first + 10})
		}
		if n := len(v.checkpoints); n > 0 {
			v.checkpoints[rapid.IntRange(0, n-1).Draw(rt, "pinned")].pin = pinFrontier
		}
		v.forgotten = rapid.Uint64().Draw(rt, "forgotten")
		if v.last.Seq != 0 && rapid.Bool().Draw(rt, "cut") {
			v.cut, v.cutMs = true, v.firstMs+rapid.Int64Range(-1e6, 1e6).Draw(rt, "by")
		}
		data, err := appendVehicle(nil, &v)
		if err != nil {
			rt.Fatal(err)
		}
		got, err := decodeVehicle(data)
		if err != nil {
			rt.Fatal(err)
		}
		if len(v.held) == 0 {
			v.held, got.held = nil, nil
		}
		if !got.last.Fix.Equal(v.last.Fix) && v.last.Seq != 0 {
			rt.Fatalf("last %+v, want %+v", got.last, v.last)
		}
		v.last.Fix, got.last.Fix = positioning.Fix{}, positioning.Fix{} // NaN
		a, b := v.ledger.AppendBinary(nil), got.ledger.AppendBinary(nil)
		v.ledger, got.ledger = geofence.State{}, geofence.State{}
		if !reflect.DeepEqual(got, v) || !slices.Equal(a, b) {
			rt.Fatalf("decoded\n %+v\nwant\n %+v", got, v)
		}
	})
}

// TestStateSize says what a unit's state takes: a vehicle inside a fence, after a week at 1 Hz thinned to 30 s.
func TestStateSize(t *testing.T) {
	for _, c := range []struct {
		name  string
		fixes int
		most  int
	}{{"first fix", 1, 200}, {"an hour", 120, 500}, {"ten days", 10 * 2880, 700}} {
		v := drive(t, c.fixes, 30*time.Second)
		data, err := appendVehicle(nil, &v)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes, %d checkpoints", c.name, len(data), len(v.checkpoints))
		if len(data) > c.most {
			t.Errorf("%s: %d bytes, want at most %d", c.name, len(data), c.most)
		}
	}
}

// What version 1 wrote of three fixes is read, and says the same.
func TestStateOfVersion1(t *testing.T) {
	old, err := hex.DecodeString("" +
		"0101c0f48ed8060100020180a8fce8c068ffffff08120a7308d12140ba036b030106f00000220c00007890aba9d70280c2a8fa08ac02c801a001ab02" +
		"b525ec2a3a0101c0d183e9c06880c2a8fa0890aba9d7020000000000000440000000000000f83fc0f48ed806030106796172642d3701030080a8fce8" +
		"c068000200b0ea0112280101e0fcffe8c06880c2a8fa08c8a9a9d7020000000000000440000000000000f83fc0f48ed8060200b0ea011228010180a8" +
		"fce8c06880c2a8fa0880a8a9d7020000000000000440000000000000f83fc0f48ed80601")
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeVehicle(old)
	if err != nil {
		t.Fatal(err)
	}
	want := drive(t, 3, 30*time.Second)
	want.odometer = journey.Odometer{} // which begins where it is read
	for i := range want.checkpoints {
		want.checkpoints[i].odometer = unseenOdometer
	}
	a, errA := appendVehicle(nil, &got)
	b, errB := appendVehicle(nil, &want)
	if errA != nil || errB != nil || !slices.Equal(a, b) || got.cut {
		t.Errorf("decoded\n %+v\nwant\n %+v", got, want)
	}
}

func TestDecodeStateRefuses(t *testing.T) {
	v := drive(t, 200, 30*time.Second)
	good, err := appendVehicle(nil, &v)
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		if _, err := decodeVehicle(good[:i]); i > 0 && !errors.Is(err, ErrStored) {
			t.Errorf("the first %d bytes of %d: %v, want ErrStored", i, len(good), err)
		}
	}
	if _, err := decodeVehicle(append(slices.Clone(good), 0)); !errors.Is(err, ErrStored) {
		t.Errorf("with a byte behind the end: %v, want ErrStored", err)
	}
	newer := slices.Clone(good)
	newer[0] = vehicleVersion + 1
	if _, err := decodeVehicle(newer); !errors.Is(err, ErrStored) {
		t.Errorf("of the next version: %v, want ErrStored", err)
	}
}

func FuzzDecodeState(f *testing.F) {
	for _, n := range []int{0, 1, 200} {
		v := drive(f, n, 47*time.Second)
		data, err := appendVehicle(nil, &v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := decodeVehicle(data)
		if err != nil {
			if !errors.Is(err, ErrStored) {
				t.Fatalf("%v does not wrap ErrStored", err)
			}
			return
		}
		again, err := appendVehicle(nil, &v)
		if err != nil {
			t.Fatalf("decoded, but does not encode: %v", err)
		}
		if _, err := decodeVehicle(again); err != nil {
			t.Fatalf("encoded again, but does not decode: %v", err)
		}
	})
}

func FuzzDecodeFenceDocument(f *testing.F) {
	shape, err := geofence.NewCircle(geo.Point{Lat: 36, Lon: 120}, 100)
	if err != nil {
		f.Fatal(err)
	}
	data, err := fenceDocument{revisions: []geofence.Fence{{ID: "a", Kind: geofence.Zone, Shape: shape, Revision: 1}}}.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte{fenceDocumentVersion, 1, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := decodeFenceDocument(Document{Data: data})
		if err == nil {
			_, err = d.encode()
		} else if errors.Is(err, ErrStored) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	})
}

// Checkpoints thin out with age, but wherever a late fix falls, one is not much farther back than the fix is.
func TestCheckpointsAreNearWhereverFixesAreLate(t *testing.T) {
	for _, every := range []time.Duration{time.Second, 30 * time.Second, 7 * time.Minute} {
		v := drive(t, int(36*time.Hour/every), every)
		if n := len(v.checkpoints); n > len(checkpointAges)+2 {
			t.Errorf("every %v: %d checkpoints", every, n)
		}
		for _, lateBy := range []time.Duration{2 * time.Second, 90 * time.Second, 6 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour} {
			h := history{points: slices.Clone(v.checkpoints)}
			at := v.last.Fix.Time.Add(-lateBy)
			c, ok := h.before(at.UnixMilli())
			if !ok {
				t.Errorf("every %v, late by %v: no checkpoint", every, lateBy)
				continue
			}
			rerun := v.last.Fix.Time.Sub(timeOfMs(c.ms))
			i := spanOf(lateBy.Milliseconds())
			farthest := checkpointAges[min(i+1, len(checkpointAges)-1)] + 2*every + time.Minute
			if !timeOfMs(c.ms).Before(at) || rerun > farthest {
				t.Errorf("every %v, late by %v: run again over %v, want at most %v", every, lateBy, rerun, farthest)
			}
		}
	}
}

func TestPinnedCheckpointsStay(t *testing.T) {
	v := drive(t, 100, time.Minute)
	v.checkpoints[1].pin = pinGap
	pinned := v.checkpoints[1].ms
	h := history{points: slices.Clone(v.checkpoints)}
	h.thin(v.last.Fix.Time.Add(30 * 24 * time.Hour).UnixMilli())
	if !slices.ContainsFunc(h.points, func(c checkpoint) bool { return c.ms == pinned }) {
		t.Error("a pinned checkpoint was thinned out")
	}
	if len(h.points) != 2 { // it, and the newest of those beyond the last age
		t.Errorf("%d checkpoints after a month, want 2", len(h.points))
	}
	if got := unpin(h.points); got[0].pin != unpinned || h.points[0].pin == unpinned {
		t.Error("unpin must change a copy")
	}
}

func TestChanges(t *testing.T) {
	opened, closed := changes([]string{"a", "b", "d"}, []string{"b", "c", "e"})
	if !slices.Equal(opened, []string{"c", "e"}) || !slices.Equal(closed, []string{"a", "d"}) {
		t.Errorf("opened %v, closed %v", opened, closed)
	}
}

func TestUnitCacheKeepsThoseUsedLast(t *testing.T) {
	c := newUnitCache(2)
	use := func(u UnitID) *slot {
		s, err := c.take(t.Context(), u)
		if err != nil {
			t.Fatal(err)
		}
		c.give(s)
		return s
	}
	a := use("a")
	use("b")
	if use("a") != a {
		t.Error("a was not kept")
	}
	use("c")
	if use("a") != a {
		t.Error("a was used last and must stay; b goes")
	}
	if c.size() != 2 {
		t.Errorf("%d units in a cache of 2", c.size())
	}
	held, _ := c.take(t.Context(), "held")
	for _, u := range []UnitID{"d", "e", "f"} {
		use(u)
	}
	if c.slots["held"] != held {
		t.Error("a unit in use was dropped")
	}
	c.give(held)
}

func TestSecretsHaveOneShape(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		key, hash := newSecret(unitKeyPrefix)
		if len(key) != 48 || !looksLike(unitKeyPrefix, key) || looksLike(tokenPrefix, key) || len(hash) != 64 || seen[key] {
			t.Fatalf("key %q, hash %q", key, hash)
		}
		seen[key] = true
	}
	for _, bad := range []string{"", "dipu_", "dipu_short", "dipt_" + string(make([]byte, 43)), "dipu_" + "ä" + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"} {
		if looksLike(unitKeyPrefix, bad) {
			t.Errorf("%q looks like a key", bad)
		}
	}
}
