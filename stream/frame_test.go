package stream

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dipper/fleet"
	"dipper/geofence"
	"dipper/positioning/geo"
)

// vectors are the live stream's messages as the page's tests read them too.
type vectors struct {
	Frames []struct {
		Name     string
		Hex      string
		Snapshot bool
		BaseMs   int64 `json:"base_ms"`
		Units    []struct {
			Handle   uint32
			Lat, Lon float64
			TimeMs   int64    `json:"time_ms"`
			Speed    *float64 `json:"speed_mps"`
			Course   *float64 `json:"course_deg"`
		}
	}
	Texts []struct {
		Name string
		Text json.RawMessage
	}
	Requests []struct{ Name, Text string }
}

func readVectors(t *testing.T) (v vectors) {
	t.Helper()
	data, err := os.ReadFile("../testdata/stream/live-frames.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Frames) == 0 || len(v.Texts) == 0 || len(v.Requests) == 0 {
		t.Fatal("no vectors")
	}
	return v
}

func orNaN(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}

func TestFramesAgreeWithTheVectors(t *testing.T) {
	same := 0
	for _, f := range readVectors(t).Frames {
		if len(f.Units) == 0 || f.Units[0].TimeMs != f.BaseMs {
			continue // right, but not what this service writes: it counts from the first row
		}
		var rows []sighting
		for _, u := range f.Units {
			rows = append(rows, sighting{
				handle: u.Handle, point: geo.Point{Lat: u.Lat, Lon: u.Lon}, time: time.UnixMilli(u.TimeMs),
				speedMps: orNaN(u.Speed), courseDeg: orNaN(u.Course),
			})
		}
		if got := hex.EncodeToString(appendPositions(nil, rows, f.Snapshot)); got != f.Hex {
			t.Errorf("%s:\n%s, want\n%s", f.Name, got, f.Hex)
		}
		same++
	}
	if same < 2 {
		t.Errorf("only %d vectors could be compared", same)
	}
}

func TestRequestsOfThePageAreRead(t *testing.T) {
	for _, r := range readVectors(t).Requests {
		got, err := parseRequest([]byte(r.Text))
		if err != nil {
			t.Errorf("%s: %v", r.Name, err)
		}
		if (got.view != nil) != strings.HasPrefix(r.Name, "view") || (got.events != nil) != strings.HasPrefix(r.Name, "events") || (got.follow != nil) != strings.HasPrefix(r.Name, "follow") {
			t.Errorf("%s was read as %+v", r.Name, got)
		}
	}
}

// What the service writes is what the page's vectors say it reads.
func TestTextsAgreeWithTheVectors(t *testing.T) {
	at := time.Date(2026, 11, 23, 4, 5, 6, 200e6, time.UTC)
	written := map[string][]byte{
		"names": appendNames(nil, []sighting{{handle: 0, unit: "truck-1", label: label{"鲁B12345", "truck"}}, {handle: 7, unit: "bare"}}),
		"gone":  appendGone(nil, []departure{{0, "a"}, {7, "b"}}, false),
		"cells": appendCells(nil, cellsFrame{res: 4, total: 5, cells: []cellCount{
			{geo.Point{Lat: 36.1, Lon: 120.2}, 4, 1}, {geo.Point{Lat: -10, Lon: -179.5}, 1, 0}}}),
		"event": AppendEvent(nil, fleet.EventEntry{Cursor: 17, Event: geofence.Event{
			ID: "2ZKQ5W7J3M", Kind: geofence.Enter, Unit: "鲁B12345", Fence: "gate-1", FenceRevision: 1, Time: at, PlusMinusS: 0.4,
			Point: geo.Point{Lat: 36.0671234, Lon: 120.3826543}, Revision: 1, Series: 1, Seq: 41}}, true),
	}
	for _, text := range readVectors(t).Texts {
		got, ok := written[text.Name]
		if !ok {
			continue
		}
		delete(written, text.Name)
		if !sameJSON(t, got, text.Text) {
			t.Errorf("%s: wrote %s, want %s", text.Name, got, text.Text)
		}
	}
	for name := range written {
		t.Errorf("no vector for %s", name)
	}
}

func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	if err := json.Unmarshal(a, &x); err != nil {
		t.Fatalf("%v in %s", err, a)
	}
	if err := json.Unmarshal(b, &y); err != nil {
		t.Fatal(err)
	}
	p, _ := json.Marshal(x)
	q, _ := json.Marshal(y)
	return string(p) == string(q)
}

// Any rows, in frames as splitRows cuts them, come out as they went in, to the columns' resolution.
func TestFramesHoldAnyRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.Float64Range(0, 700), rapid.Just(math.NaN()), rapid.Just(-1.0), rapid.Just(math.Inf(1)))
		rows := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) sighting {
			return sighting{
				handle: rapid.Uint32().Draw(t, "handle"), time: time.UnixMilli(rapid.Int64Range(0, 4e12).Draw(t, "ms")),
				point:    geo.Point{Lat: rapid.Float64Range(-90, 90).Draw(t, "lat"), Lon: rapid.Float64Range(-180, 180).Draw(t, "lon")},
				speedMps: value.Draw(t, "speed"), courseDeg: value.Draw(t, "course"),
			}
		}), 0, 40).Draw(t, "rows")
		left := rows
		for len(left) > 0 {
			var frame []sighting
			frame, left = splitRows(left)
			if len(frame) == 0 {
				t.Fatal("no progress")
			}
			data := appendPositions(nil, frame, false)
			le, n := binary.LittleEndian, len(frame)
			if len(data) != frameHeader+n*frameRow {
				t.Fatalf("%d rows in %d bytes", n, len(data))
			}
			base, body := int64(le.Uint64(data[8:])), data[frameHeader:]
			for i, r := range frame {
				ms := base + int64(int32(le.Uint32(body[12*n+4*i:])))
				lat, lon := float64(int32(le.Uint32(body[4*n+4*i:])))/1e7, float64(int32(le.Uint32(body[8*n+4*i:])))/1e7
				course := le.Uint16(body[18*n+2*i:])
				if ms != r.time.UnixMilli() || math.Abs(lat-r.point.Lat) > 0.51e-7 || math.Abs(lon-r.point.Lon) > 0.51e-7 || le.Uint32(body[4*i:]) != r.handle {
					t.Fatalf("row %d: %d %v %v, want %+v", i, ms, lat, lon, r)
				}
				if course != unknown16 && course >= 36000 {
					t.Fatalf("course %d", course)
				}
				if known := le.Uint16(body[16*n+2*i:]) != unknown16; known != (r.speedMps >= 0) {
					t.Fatalf("speed %v known: %v", r.speedMps, known)
				}
			}
		}
		var read struct{ Units []struct{ ID string } }
		if err := json.Unmarshal(appendPositionsJSON(nil, rows, true), &read); err != nil || len(read.Units) != len(rows) {
			t.Fatalf("json: %d units, %v", len(read.Units), err)
		}
	})
}

// An extent's relation to a view is that of the points in it.
func TestExtentAgreesWithItsPoints(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		view, e := drawView(t), nowhere
		points := make([]geo.Point, rapid.IntRange(1, 6).Draw(t, "n"))
		inside := 0
		for i := range points {
			points[i] = drawPoint(t)
			e.include(points[i])
			if view.Contains(points[i]) {
				inside++
			}
		}
		switch rel := e.in(view); {
		case rel == apart && inside > 0:
			t.Fatalf("apart, with %d points inside", inside)
		case rel == within && inside < len(points):
			t.Fatalf("within, with %d of %d points inside", inside, len(points))
		}
	})
}

func FuzzParseRequest(f *testing.F) {
	for _, s := range []string{`{"op":"view","bbox":[120.1,35.9,120.5,36.2],"zoom":11.5}`, `{"op":"events","after":""}`, `{"op":"follow","unit":"x"}`, `{`, `{"op":"view","bbox":[1e999,0,0,0]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := parseRequest(data)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without words")
			}
			return
		}
		set := 0
		if r.view != nil {
			set++
			if err := r.view.box.Check(); err != nil {
				t.Errorf("took %v", err)
			}
			if !(math.Abs(r.view.zoom) <= maxZoom) {
				t.Errorf("took zoom %v", r.view.zoom)
			}
		}
		if r.events != nil {
			set++
		}
		if r.follow != nil {
			set++
		}
		if set != 1 {
			t.Errorf("%d requests in one", set)
		}
	})
}
