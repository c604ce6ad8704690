package geofence

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"dipper/positioning/geo"
)

// someStates are states of all forms: never seen, outside, in the band, inside, with a run on the way out.
func someStates(t failer) map[string]State {
	ix := NewIndex(port(t))
	states := map[string]State{"never seen": {}}
	for name, x := range map[string]float64{"outside": -900, "in the port": -300, "in the gate's band": -160, "in the yard": 0, "leaving the berth": 222} {
		states[name], _ = follow(ix, newTrip().line(-1000, 0, x, 0).obs)
	}
	return states
}

func TestStateRoundTrip(t *testing.T) {
	for name, s := range someStates(t) {
		t.Run(name, func(t *testing.T) {
			b := s.AppendBinary([]byte("before"))[len("before"):]
			if len(b) > 400 {
				t.Errorf("%d bytes", len(b))
			}
			d, err := DecodeState(b)
			if err != nil {
				t.Fatal(err)
			}
			if again := d.AppendBinary(nil); !bytes.Equal(again, b) {
				t.Errorf("encoded again: % x\nwant           % x", again, b)
			}
			for cut := range b {
				if _, err := DecodeState(b[:cut]); !errors.Is(err, ErrBadState) {
					t.Fatalf("%d of %d bytes: %v", cut, len(b), err)
				}
			}
			if _, err := DecodeState(append(b, 0)); !errors.Is(err, ErrBadState) {
				t.Errorf("a byte too many: %v", err)
			}
			b[0]++
			if _, err := DecodeState(b); !errors.Is(err, ErrBadState) || !strings.Contains(err.Error(), "version") {
				t.Errorf("another version: %v", err)
			}
		})
	}
}

// FuzzDecodeState: whatever is decoded encodes to a state that decodes to the same, and the ledger can go on from it.
func FuzzDecodeState(f *testing.F) {
	for _, s := range someStates(f) {
		f.Add(s.AppendBinary(nil))
	}
	ix := NewIndex(port(f))
	track := newTrip().fix(0, 0, time.Second).fix(300, 0, time.Second).obs
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := DecodeState(b)
		if err != nil {
			if !errors.Is(err, ErrBadState) {
				t.Fatal(err)
			}
			return
		}
		first := s.AppendBinary(nil)
		again, err := DecodeState(first)
		if err != nil || !bytes.Equal(again.AppendBinary(nil), first) {
			t.Fatalf("%v: % x", err, first)
		}
		for _, ob := range track {
			for _, e := range NewLedger("u", ix).Step(&s, ob, nil) {
				if !e.Point.Valid() || !(e.PlusMinusS >= 0) {
					t.Fatalf("%+v", e)
				}
			}
		}
	})
}

func FuzzUnmarshalFence(f *testing.F) {
	for _, fence := range port(f) {
		b, err := MarshalFence(fence)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		fence, err := UnmarshalFence(b)
		if err != nil {
			var bad *InvalidError
			if !errors.As(err, &bad) {
				t.Fatal(err)
			}
			return
		}
		again, err := MarshalFence(fence)
		if err != nil {
			t.Fatal(err)
		}
		g, err := UnmarshalFence(again)
		if err != nil {
			t.Fatal(err)
		}
		if err := same(g, fence); err != nil {
			t.Fatal(err)
		}
		use(t, fence)
	})
}

// use asks a fence all that can be asked.
func use(t *testing.T, f Fence) {
	ix := NewIndex([]Fence{f})
	b := f.Shape.Box()
	if err := b.Check(); err != nil {
		t.Fatal(err)
	}
	center := geo.Point{Lat: (b.South + b.North) / 2, Lon: b.West}
	ix.At(center, start, nil)
	f.Shape.Depth(center)
	track := newTrip()
	for _, p := range []geo.Point{center, {Lat: b.North, Lon: b.East}, {Lat: b.South, Lon: b.West}} {
		track.fix(0, 0, time.Minute)
		track.obs[len(track.obs)-1].Fix.Point = p
	}
	follow(ix, track.obs)
}

func FuzzParseFeature(f *testing.F) {
	for _, doc := range []string{
		feature(polygon(squareRing), `"name":"Yard","kind":"yard","speed_limit_mps":8.5,"dwell_s":1800`),
		feature(polygon(squareRing+`,[[120.4,36.4],[120.4,36.6],[120.6,36.6],[120.4,36.4]]`), `"valid_from":"2026-11-23T12:00:00+08:00"`),
		feature(`{"type":"MultiPolygon","coordinates":[[`+squareRing+`],[[[122,36],[123,36],[123,37],[122,36]]]]}`, ``),
		feature(`{"type":"Point","coordinates":[120,36]}`, `"radius_m":50`),
		feature(`{"type":"LineString","coordinates":[[179.9,36],[-179.9,36],[-179.9,36.1]]}`, `"width_m":50`),
		feature(polygon(`[[120,36],[121,37],[121,36],[120,37],[120,36]]`), ``),
		feature(polygon(`[[36,120],[36,121],[37,121],[36,120]]`), ``),
	} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fence, err := ParseFeature("x", data, Limits{MaxVertices: 200, MaxBytes: 20_000})
		if err != nil {
			var bad *InvalidError
			if !errors.As(err, &bad) || bad.Reason == "" || bad.HasAt && !bad.At.Valid() {
				t.Fatalf("%#v", err)
			}
			return
		}
		doc, err := fence.AppendFeature(nil)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseFeature("x", doc, Limits{})
		if err != nil {
			t.Fatalf("%v: %s", err, doc)
		}
		if err := same(again, fence); err != nil {
			t.Fatal(err)
		}
		use(t, fence)
	})
}

func TestEventJSON(t *testing.T) {
	e := Event{
		ID: EventID("鲁B·12345", "yard", Enter, 7, 42), Kind: Enter, Unit: "鲁B·12345", Fence: "yard", FenceRevision: 3,
		Time: start.Add(1234 * time.Millisecond), PlusMinusS: 0.9, Point: yardCenter, Series: 7, Seq: 42, FixTime: start.Add(2 * time.Second), Revision: 1,
	}
	const want = `{"id":"ID","kind":"enter","unit":"鲁B·12345","fence":"yard","fence_revision":3,"time":"2026-11-23T04:00:01.234Z","plus_minus_s":0.9,` +
		`"lat":36.01,"lon":120.21,"series":7,"seq":42,"fix_time":"2026-11-23T04:00:02.000Z","revision":1}`
	b, err := json.Marshal(e)
	if err != nil || string(b) != strings.Replace(want, "ID", e.ID, 1) {
		t.Errorf("%v: %s", err, b)
	}
	e.Reason, e.Retracted, e.Kind = ReasonChanged, true, Exit
	b, err = json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var back Event
	if err := json.Unmarshal(b, &back); err != nil || back != e {
		t.Errorf("%v: %+v, want %+v", err, back, e)
	}
	for _, bad := range []string{
		`{}`, `[]`, strings.Replace(string(b), `"exit"`, `"flew"`, 1), strings.Replace(string(b), `36.01`, `136.01`, 1),
		strings.Replace(string(b), `"lat":36.01,`, ``, 1), strings.Replace(string(b), `0.9`, `-0.9`, 1), strings.Replace(string(b), `T04:00:02`, ``, 1),
	} {
		if err := json.Unmarshal([]byte(bad), &back); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}

func TestEventIDIsStable(t *testing.T) {
	id := EventID("truck-7", "yard", Enter, 7, 42)
	if id != EventID("truck-7", "yard", Enter, 7, 42) || len(id) != 26 {
		t.Errorf("id %q", id)
	}
	const golden = "5wakmqhxb6vstv2yhspnlb6xw4" // never to change: ids are in stores and in others' systems
	if id != golden {
		t.Errorf("id %q, want %q", id, golden)
	}
	seen := map[string]bool{}
	for _, other := range []string{
		id, EventID("truck-", "7yard", Enter, 7, 42), EventID("truck-8", "yard", Enter, 7, 42), EventID("truck-7", "berth", Enter, 7, 42),
		EventID("truck-7", "yard", Exit, 7, 42), EventID("truck-7", "yard", Enter, 8, 42), EventID("truck-7", "yard", Enter, 7, 43),
	} {
		if seen[other] {
			t.Errorf("id %q twice", other)
		}
		seen[other] = true
	}
}

func TestVisitJSON(t *testing.T) {
	v := Visit{Fence: "yard", FenceRevision: 3, Since: start, PlusMinusS: 0.9, AtStart: true}
	b, err := json.Marshal(v)
	const want = `{"fence":"yard","fence_revision":3,"since":"2026-11-23T04:00:00.000Z","plus_minus_s":0.9,"at_start":true}`
	if err != nil || string(b) != want {
		t.Errorf("%v: %s", err, b)
	}
	var back Visit
	if err := json.Unmarshal(b, &back); err != nil || back != v {
		t.Errorf("%v: %+v", err, back)
	}
	for _, bad := range []string{`{}`, `5`, `{"since":"2026-11-23T04:00:00Z","plus_minus_s":-1}`} {
		if err := json.Unmarshal([]byte(bad), &back); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}
