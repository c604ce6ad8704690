package redisstore

import (
	"testing"

	"pgregory.net/rapid"

	"dipper/fleet"
)

func TestEntriesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := []byte("12345678")
		var want []fleet.EventRecord
		for range rapid.IntRange(0, 4).Draw(t, "steps") {
			var events []fleet.EventRecord
			for range rapid.IntRange(0, 3).Draw(t, "events") {
				events = append(events, fleet.EventRecord{
					ID: rapid.String().Draw(t, "id"), Revision: rapid.Uint32().Draw(t, "revision"), Data: rapid.SliceOf(rapid.Byte()).Draw(t, "data"),
				})
			}
			data = appendFrame(data, events)
			want = append(want, events...)
		}
		got, err := entry{data: string(data)}.events()
		if err != nil || len(got) != len(want) {
			t.Fatalf("%d events, %v, want %d", len(got), err, len(want))
		}
		for i, e := range got {
			if e.ID != want[i].ID || e.Revision != want[i].Revision || string(e.Data) != string(want[i].Data) {
				t.Fatalf("event %d = %+v, want %+v", i, e, want[i])
			}
		}
	})
}

func FuzzEntry(f *testing.F) {
	f.Add("12345678" + string(appendFrame(nil, []fleet.EventRecord{{ID: "e", Revision: 1, Data: []byte("data")}})))
	f.Add("")
	f.Add("1234567")
	f.Add("12345678\xff\xff\xff\xff\x0f")
	f.Fuzz(func(t *testing.T, data string) {
		e := entry{data: data}
		events, err := e.events()
		if err != nil {
			return
		}
		again, err := entry{data: e.version() + string(appendFrame(nil, events))}.events()
		if err != nil || len(again) != len(events) {
			t.Fatalf("%d events became %d, %v", len(events), len(again), err)
		}
	})
}
