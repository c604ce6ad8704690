package redisstore

import (
	"testing"

	"pgregory.net/rapid"

	"dipper/fleet"
	"dipper/fleet/cell"
)

func TestFramesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var data = []byte("12345678")
		var want []fleet.Step
		for range rapid.IntRange(1, 4).Draw(t, "frames") {
			st := fleet.Step{
				Expect: rapid.Uint64Max(1<<50).Draw(t, "expect"), PrevCell: cell.ID(rapid.Uint64().Draw(t, "from")),
				Closed: rapid.SliceOf(rapid.String()).Draw(t, "closed"), Opened: rapid.SliceOf(rapid.String()).Draw(t, "opened"),
			}
			st.Position.Cell = cell.ID(rapid.Uint64().Draw(t, "to"))
			for range rapid.IntRange(0, 3).Draw(t, "events") {
				st.Events = append(st.Events, fleet.EventRecord{ID: rapid.String().Draw(t, "id"), Revision: 3, Data: []byte("data")})
			}
			want = append(want, st)
			data = appendFrame(data, &st)
		}
		got, err := entry{data: string(data)}.frames()
		if err != nil || len(got) != len(want) {
			t.Fatalf("%d frames, %v, want %d", len(got), err, len(want))
		}
		for i, f := range got {
			w := want[i]
			if f.version != w.Expect+1 || f.from != w.PrevCell || f.to != w.Position.Cell ||
				len(f.closed) != len(w.Closed) || len(f.opened) != len(w.Opened) || len(f.events) != len(w.Events) {
				t.Fatalf("frame %d = %+v, want %+v", i, f, w)
			}
		}
	})
}

func FuzzFrames(f *testing.F) {
	st := fleet.Step{Expect: 3, Closed: []string{"gate"}, Opened: []string{"yard"}, Events: []fleet.EventRecord{{ID: "e", Revision: 1}}}
	f.Add("12345678" + string(appendFrame(nil, &st)))
	f.Add("")
	f.Add("1234567")
	f.Add("12345678\xff\xff\xff\xff\x0f")
	f.Fuzz(func(t *testing.T, data string) {
		frames, err := entry{data: data}.frames()
		if err != nil && frames != nil {
			t.Fatal("frames of a damaged entry")
		}
		_ = entry{data: data}.version()
	})
}

func TestShardsAreStable(t *testing.T) {
	// These stand in stored data: a unit whose shard changes is lost.
	for unit, want := range map[fleet.UnitID]string{"unit-1": "v:{1fd}:unit-1", "鲁B-12345": "v:{2f7}:鲁B-12345"} {
		if got := recordKey(unit); got != want {
			t.Errorf("recordKey(%s) = %s, want %s", unit, got, want)
		}
	}
	if got := trackKey("unit-1", -3); got != "t:{1fd}:unit-1:-3" {
		t.Errorf("trackKey = %s", got)
	}
	if got := cellKey(qingdao); got != "c:{8330a1fffffffff}:8730a1209ffffff" {
		t.Errorf("cellKey = %s", got)
	}
}
