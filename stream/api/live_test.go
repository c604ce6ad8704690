package api_test

import (
	"dipper/positioning"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"dipper/stream"
	"dipper/stream/api"
)

// onlooker is a viewer that keeps what it was told, in either form, as docs/wire.md says.
type onlooker struct {
	t     testing.TB
	ws    *websocket.Conn
	names map[uint32]string
	units map[string]place
	next  map[string]place // the snapshot that is coming
	cells *cellsMessage
	ends  int // snapshots that are complete
	order []event
	texts []string // types of other messages
	errs  []apiError
}

type place struct {
	lat, lon, speed, course float64 // NaN unknown
	at                      time.Time
}

type cellsMessage struct {
	Res, Total int
	Cells      [][4]float64
}

type event struct {
	Cursor, ID, Kind, Unit, Fence, Time string
	PlusMinusS                          float64 `json:"plus_minus_s"`
	Lat, Lon                            float64
	Revision                            int
}

type apiError struct{ Code, Field, Message string }

func look(t testing.TB, ws *websocket.Conn) *onlooker {
	return &onlooker{t: t, ws: ws, names: map[uint32]string{}, units: map[string]place{}}
}

func (o *onlooker) ask(text string) {
	o.t.Helper()
	if err := o.ws.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		o.t.Fatal(err)
	}
}

// until reads messages until a condition holds.
func (o *onlooker) until(what string, holds func() bool) {
	o.t.Helper()
	if err := o.ws.SetReadDeadline(time.Now().Add(patience)); err != nil {
		o.t.Fatal(err)
	}
	for !holds() {
		kind, data, err := o.ws.ReadMessage()
		if err != nil {
			o.t.Fatalf("waiting for %s: %v; shown %v, events %v", what, err, o.units, o.order)
		}
		if kind == websocket.BinaryMessage {
			o.frame(data)
		} else {
			o.text(data)
		}
	}
}

// frame reads a binary frame with nothing but the documentation's table.
func (o *onlooker) frame(data []byte) {
	o.t.Helper()
	le := binary.LittleEndian
	if len(data) < 24 || data[0] != 1 || data[1] != 1 {
		o.t.Fatalf("frame begins with % x", data[:min(24, len(data))])
	}
	n := int(le.Uint32(data[4:]))
	if len(data) != 24+20*n {
		o.t.Fatalf("frame of %d rows has %d bytes", n, len(data))
	}
	base := int64(le.Uint64(data[8:]))
	body := data[24:]
	for i := range n {
		handle := le.Uint32(body[4*i:])
		id, ok := o.names[handle]
		if !ok {
			o.t.Fatalf("handle %d has no name yet", handle)
		}
		p := place{
			lat: float64(int32(le.Uint32(body[4*n+4*i:]))) / 1e7, lon: float64(int32(le.Uint32(body[8*n+4*i:]))) / 1e7,
			at:    time.UnixMilli(base + int64(int32(le.Uint32(body[12*n+4*i:])))).UTC(),
			speed: math.NaN(), course: math.NaN(),
		}
		if v := le.Uint16(body[16*n+2*i:]); v != 65535 {
			p.speed = float64(v) / 100
		}
		if v := le.Uint16(body[18*n+2*i:]); v != 65535 {
			p.course = float64(v) / 100
		}
		o.show(id, p, le.Uint16(data[2:])&1 != 0)
	}
}

func (o *onlooker) show(id string, p place, snapshot bool) {
	o.cells = nil
	if snapshot {
		if o.next == nil {
			o.next = map[string]place{}
		}
		if _, twice := o.next[id]; twice {
			o.t.Errorf("%s twice in one snapshot", id)
		}
		o.next[id] = p
	}
	o.units[id] = p
}

func (o *onlooker) text(data []byte) {
	o.t.Helper()
	var m struct {
		Type     string
		Units    json.RawMessage
		Snapshot bool
		Handles  []uint32
		IDs      []string
		apiError
	}
	if err := json.Unmarshal(data, &m); err != nil {
		o.t.Fatalf("%v in %s", err, data)
	}
	switch m.Type {
	case "names":
		var rows [][4]any
		o.read(m.Units, &rows)
		for _, r := range rows {
			o.names[uint32(r[0].(float64))] = r[1].(string)
		}
	case "positions":
		var rows []struct {
			ID       string
			Lat, Lon float64
			Speed    *float64 `json:"speed_mps"`
			Course   *float64 `json:"course_deg"`
			Time     time.Time
		}
		o.read(m.Units, &rows)
		for _, r := range rows {
			o.show(r.ID, place{lat: r.Lat, lon: r.Lon, speed: orNaN(r.Speed), course: orNaN(r.Course), at: r.Time}, m.Snapshot)
		}
	case "gone":
		for _, h := range m.Handles {
			m.IDs = append(m.IDs, o.names[h])
		}
		for _, id := range m.IDs {
			if _, ok := o.units[id]; !ok {
				o.t.Errorf("%s gone and never shown", id)
			}
			delete(o.units, id)
		}
	case "snapshot_end":
		o.ends++
		if o.cells == nil && len(o.next) != len(o.units) {
			o.t.Errorf("snapshot of %d units, %d are shown", len(o.next), len(o.units))
		}
		o.next = nil
	case "cells":
		o.cells = new(cellsMessage)
		o.read(data, o.cells)
		clear(o.units)
	case "event":
		var e event
		o.read(data, &e)
		o.order = append(o.order, e)
	case "error":
		o.errs = append(o.errs, m.apiError)
	default:
		o.texts = append(o.texts, m.Type)
	}
}

func (o *onlooker) read(data []byte, v any) {
	o.t.Helper()
	if err := json.Unmarshal(data, v); err != nil {
		o.t.Fatalf("%v in %s", err, data)
	}
}

func orNaN(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}

const qingdao = `{"op":"view","bbox":[120.1,35.9,120.5,36.2],"zoom":11}`

// forms are the two ways in which a viewer can be told.
var forms = map[string]string{"binary": "", "json": "?format=json"}

func TestFixesReachViewers(t *testing.T) {
	s := startStation(t, nil)
	agent := s.connect("鲁B12345", s.addUnit("鲁B12345"))
	now := time.Now()
	agent.send(fixAt(now.Add(-time.Minute), 36.05, 120.30))
	for name, query := range forms {
		t.Run(name, func(t *testing.T) {
			o := look(t, s.watch(s.admin, query))
			o.ask(qingdao)
			o.until("the snapshot", func() bool { return o.ends == 1 })
			if p := o.units["鲁B12345"]; len(o.units) != 1 || p.lat != 36.05 || p.speed != 8.4 || p.course != 271.5 {
				t.Fatalf("snapshot %v", o.units)
			}
			agent.send(fixAt(time.Now(), 36.06, 120.31))
			o.until("the move", func() bool { return o.units["鲁B12345"].lat == 36.06 })
			agent.send(fixAt(time.Now(), 37, 121))
			o.until("the departure", func() bool { return len(o.units) == 0 })
			agent.send(fixAt(time.Now(), 36.05, 120.30))
			o.until("the return", func() bool { return o.units["鲁B12345"].lat == 36.05 })
			o.ask(`{"op":"view","bbox":[170,-10,-170,10],"zoom":5}`)
			o.until("another view", func() bool { return o.ends == 2 })
			if len(o.units) != 0 {
				t.Errorf("an empty view shows %v", o.units)
			}
			o.ask(`{"op":"follow","unit":"鲁B12345"}`)
			o.until("the followed unit", func() bool { return o.units["鲁B12345"].lat == 36.05 })
			o.ask(`{"op":"follow","unit":""}`)
			o.until("no followed unit", func() bool { return len(o.units) == 0 })
		})
	}
}

func TestManyUnitsAreToldAsCells(t *testing.T) {
	s := startStation(t, func(c *api.ServiceConfig) { c.Hub = stream.HubConfig{MaxUnits: 5, CellsEvery: 10 * time.Millisecond} })
	var boxes []*box
	for i := range 6 {
		id := fmt.Sprintf("t%d", i)
		b := s.connect(id, s.addUnit(id))
		b.send(fixAt(time.Now(), 36.0+float64(i)/100, 120.3))
		boxes = append(boxes, b)
	}
	for name, query := range forms {
		t.Run(name, func(t *testing.T) {
			o := look(t, s.watch(s.admin, query))
			o.ask(qingdao)
			o.until("cells", func() bool { return o.ends == 1 })
			sum := 0.0
			for _, c := range o.cells.Cells {
				sum += c[2]
				if c[0] < 35 || c[0] > 37 || c[1] < 119 || c[1] > 122 {
					t.Errorf("a cell lies at %v, %v", c[0], c[1])
				}
			}
			if o.cells.Total != 6 || sum != 6 {
				t.Fatalf("cells %+v, want 6 units", o.cells)
			}
			o.ask(`{"op":"view","bbox":[120.1,36.005,120.5,36.2],"zoom":11}`)
			o.until("five units", func() bool { return o.ends == 2 && len(o.units) == 5 })
			boxes[0].send(fixAt(time.Now(), 36.1, 120.3))
			o.until("the sixth", func() bool { return o.cells != nil && o.cells.Total == 6 })
			boxes[0].send(fixAt(time.Now(), 36.0, 120.3))
			boxes[1].send(fixAt(time.Now(), 36.0, 120.3))
			o.until("four units again", func() bool { return len(o.units) == 4 })
			boxes[1].send(fixAt(time.Now(), 36.01, 120.3))
			o.until("five units again", func() bool { return len(o.units) == 5 })
		})
	}
}

const gate = `{"type":"Feature","properties":{"name":"Gate 1","kind":"gate"},"geometry":{"type":"Polygon","coordinates":[[[120.30,36.00],[120.31,36.00],[120.31,36.01],[120.30,36.01],[120.30,36.00]]]}}`

// drive goes through the gate once, from west to east: one enter and one exit.
func (b *box) drive(start time.Time) {
	b.s.t.Helper()
	for i := range 5 {
		b.send(fixAt(start.Add(time.Duration(i)*time.Minute), 36.005, 120.29+0.0075*float64(i)))
	}
}

func TestEventsComeLiveAndResume(t *testing.T) {
	s := startStation(t, nil)
	s.must(http.StatusCreated, http.MethodPut, "/api/v1/fences/gate-1", gate, nil)
	agent := s.connect("t1", s.addUnit("t1"))
	o := look(t, s.watch(s.admin, ""))
	o.ask(`{"op":"events","after":""}`)
	o.ask(`{"op":"view","bbox":[0,0,1,1],"zoom":3}`)
	o.until("the view", func() bool { return o.ends == 1 })
	now := time.Now().Add(-time.Hour)
	agent.drive(now)
	o.until("enter and exit", func() bool { return len(o.order) == 2 })
	if o.order[0].Kind != "enter" || o.order[1].Kind != "exit" || o.order[0].Unit != "t1" || o.order[0].Fence != "gate-1" || o.order[0].Revision != 1 {
		t.Fatalf("events %+v", o.order)
	}
	first := o.order[0]
	o.ws.Close()
	agent.drive(now.Add(10 * time.Minute))
	var all struct {
		Events []event
		Next   string
	}
	s.must(http.StatusOK, http.MethodGet, "/api/v1/events", nil, &all)
	if len(all.Events) != 4 || all.Events[0] != first || all.Next != all.Events[3].Cursor {
		t.Fatalf("the log has %+v", all)
	}
	for name, after := range map[string]string{"cursor": first.Cursor, "id": first.ID} {
		t.Run("after "+name, func(t *testing.T) {
			again := look(t, s.watch(s.admin, "?format=json"))
			again.ask(fmt.Sprintf(`{"op":"events","after":%q}`, after))
			again.until("the backlog", func() bool { return len(again.order) == 3 })
			for i, e := range again.order {
				if e != all.Events[i+1] {
					t.Errorf("event %d is %+v, want %+v", i, e, all.Events[i+1])
				}
			}
		})
	}
	t.Run("unknown", func(t *testing.T) {
		again := look(t, s.watch(s.admin, ""))
		for i, after := range []string{"99999", "AAAAAAAAAAAAAAAAAAAAAAAAAA"} {
			again.ask(fmt.Sprintf(`{"op":"events","after":%q}`, after))
			again.until("a refusal", func() bool { return len(again.errs) == i+1 })
			if e := again.errs[i]; e.Code != "not_found" || e.Field != "after" {
				t.Errorf("refusal %+v", e)
			}
		}
		agent.drive(now.Add(20 * time.Minute))
		again.until("events from now on", func() bool { return len(again.order) == 2 })
	})
}

// A backlog that is longer than what the hub keeps ready comes from the store, with live events behind it and no gap between.
func TestEventBacklogHasNoGap(t *testing.T) {
	s := startStation(t, nil)
	s.must(http.StatusCreated, http.MethodPut, "/api/v1/fences/gate-1", gate, nil)
	agent := s.connect("t1", s.addUnit("t1"))
	const trips = 700 // 1,400 events: more than the feed holds
	start := time.Now().Add(-20 * 24 * time.Hour)
	fixes := trip(start, trips)
	o := look(t, s.watch(s.admin, ""))
	for len(fixes) > 0 {
		n := min(len(fixes), 500)
		agent.send(fixes[:n]...)
		fixes = fixes[n:]
		if len(o.texts) == 0 && len(fixes) < trips*2 {
			o.texts = append(o.texts, "asked")
			o.ask(`{"op":"events","after":"0"}`) // while more are coming
		}
	}
	o.until("all events", func() bool { return len(o.order) == 2*trips })
	for i, e := range o.order {
		if want := fmt.Sprint(i + 1); e.Cursor != want {
			t.Fatalf("event %d has cursor %s, want %s", i, e.Cursor, want)
		}
	}
}

func TestFenceChangesAreTold(t *testing.T) {
	s := startStation(t, nil)
	o := look(t, s.watch(s.admin, ""))
	o.ask(qingdao)
	o.until("the view", func() bool { return o.ends == 1 })
	s.must(http.StatusCreated, http.MethodPut, "/api/v1/fences/gate-1", gate, nil)
	o.until("the change", func() bool { return len(o.texts) == 1 && o.texts[0] == "fences_changed" })
}

func TestBadRequestsOfViewers(t *testing.T) {
	s := startStation(t, nil)
	o := look(t, s.watch(s.admin, ""))
	bad := []struct{ text, field string }{
		{`{`, ""},
		{`[]`, ""},
		{`{}`, "op"},
		{`{"op":"dance"}`, "op"},
		{`{"op":"view"}`, "bbox"},
		{`{"op":"view","bbox":[1,2,3]}`, "bbox"},
		{`{"op":"view","bbox":[1,2,3,"4"]}`, ""},
		{`{"op":"view","bbox":[1,20,3,4]}`, "bbox"},
		{`{"op":"view","bbox":[-181,2,3,4]}`, "bbox"},
		{`{"op":"view","bbox":[1,2,3,4],"zoom":1e300}`, "zoom"},
		{`{"op":"events"}`, "after"},
		{`{"op":"follow"}`, "unit"},
		{`{"op":"follow","unit":"nobody"}`, "unit"},
	}
	for i, b := range bad {
		o.ask(b.text)
		o.until("a refusal of "+b.text, func() bool { return len(o.errs) == i+1 })
		if e := o.errs[i]; e.Field != b.field || e.Message == "" {
			t.Errorf("%s was refused with %+v, want field %q", b.text, e, b.field)
		}
	}
	o.ask(qingdao)
	o.until("the view, after all that", func() bool { return o.ends == 1 })
	for name, send := range map[string]func(*websocket.Conn) error{
		"binary": func(ws *websocket.Conn) error { return ws.WriteMessage(websocket.BinaryMessage, []byte{1}) },
		"long":   func(ws *websocket.Conn) error { return ws.WriteMessage(websocket.TextMessage, make([]byte, 1<<20)) },
	} {
		t.Run(name, func(t *testing.T) {
			ws := s.watch(s.admin, "")
			_ = send(ws) // the service may close before all is written
			wantClosed(t, ws, websocket.ClosePolicyViolation, websocket.CloseMessageTooBig, websocket.CloseAbnormalClosure)
		})
	}
}

// wantClosed reads until the service closes with one of the codes.
func wantClosed(t testing.TB, ws *websocket.Conn, codes ...int) {
	t.Helper()
	if err := ws.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	for {
		if _, _, err := ws.ReadMessage(); err != nil {
			if !websocket.IsCloseError(err, codes...) && !isReset(err) {
				t.Errorf("closed with %v, want one of %v", err, codes)
			}
			return
		}
	}
}

// isReset: the service closed while we were still writing.
func isReset(err error) bool { return errors.Is(err, syscall.ECONNRESET) }

// trip is fixes through the gate, there and away, many times.
func trip(start time.Time, times int) []positioning.Fix {
	var fixes []positioning.Fix
	for i := range times {
		at := start.Add(time.Duration(i) * 20 * time.Minute)
		fixes = append(fixes, fixAt(at, 36.005, 120.29), fixAt(at.Add(5*time.Minute), 36.005, 120.305), fixAt(at.Add(10*time.Minute), 36.005, 120.32))
	}
	return fixes
}
