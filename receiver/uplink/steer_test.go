package uplink_test

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"dipper/receiver/uplink"
)

var (
	report   = uplink.Report{SettingsRevision: 7, SettingsProblem: "hold: want true or false", WantsFences: true, FencesVersion: math.MaxUint64, NoticeShown: "n-1"}
	settings = uplink.Settings{Revision: 8, Body: []byte(`{"hold":true}`)}
	fences   = uplink.Fences{Version: 5, Lat: -34.6, Lon: 179.9999999, RadiusM: 800, Blobs: [][]byte{{1, 2, 3}, {4}}}
	notice   = uplink.Notice{ID: "n-2", At: time.UnixMilli(1_795_400_000_250).UTC(), Text: "请走5号门"}
	told     = uplink.Told{Events: []uplink.OnboardEvent{event("e-1"), event("e-2")}}
	toldAck  = uplink.ToldAck{IDs: []string{"e-1", "e-2"}}
)

func event(id string) uplink.OnboardEvent {
	return uplink.OnboardEvent{
		ID: id, Kind: "enter", Fence: "gate-1", FenceRevision: 3, Series: 9, Seq: 48211,
		Time: time.UnixMilli(1_795_400_000_250).UTC(), ToldAt: time.UnixMilli(1_795_400_001_000).UTC(),
	}
}

func must(msg []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return msg
}

func steeringMessages() [][]byte {
	return [][]byte{
		uplink.AppendReport(nil, report), must(uplink.AppendSettings(nil, settings)), must(uplink.AppendFences(nil, fences)),
		uplink.AppendNotice(nil, notice), must(uplink.AppendTold(nil, told)), must(uplink.AppendToldAck(nil, toldAck)),
	}
}

func addSteering(f *testing.F) {
	for _, msg := range steeringMessages() {
		f.Add(msg)
	}
}

// sameSteering decodes data as each of the messages, and what could be read again from what it is encoded to.
func sameSteering(data []byte, same func(error, func() bool)) {
	r, err := uplink.DecodeReport(data)
	same(err, func() bool { g, err := uplink.DecodeReport(uplink.AppendReport(nil, r)); return err == nil && g == r })
	s, err := uplink.DecodeSettings(data)
	same(err, func() bool {
		g, err := uplink.DecodeSettings(must(uplink.AppendSettings(nil, s)))
		return err == nil && reflect.DeepEqual(g, s)
	})
	x, err := uplink.DecodeFences(data)
	same(err, func() bool {
		g, err := uplink.DecodeFences(must(uplink.AppendFences(nil, x)))
		return err == nil && reflect.DeepEqual(g, x)
	})
	n, err := uplink.DecodeNotice(data)
	same(err, func() bool { g, err := uplink.DecodeNotice(uplink.AppendNotice(nil, n)); return err == nil && g == n })
	o, err := uplink.DecodeTold(data)
	same(err, func() bool {
		g, err := uplink.DecodeTold(must(uplink.AppendTold(nil, o)))
		return err == nil && reflect.DeepEqual(g, o)
	})
	a, err := uplink.DecodeToldAck(data)
	same(err, func() bool {
		g, err := uplink.DecodeToldAck(must(uplink.AppendToldAck(nil, a)))
		return err == nil && reflect.DeepEqual(g, a)
	})
}

// Every beginning of a message is refused as such, and so is a message with something behind it.
func TestSteeringMessagesAreWhole(t *testing.T) {
	decoders := map[uplink.Type]func([]byte) error{
		uplink.TypeReport:   func(b []byte) error { _, err := uplink.DecodeReport(b); return err },
		uplink.TypeSettings: func(b []byte) error { _, err := uplink.DecodeSettings(b); return err },
		uplink.TypeFences:   func(b []byte) error { _, err := uplink.DecodeFences(b); return err },
		uplink.TypeNotice:   func(b []byte) error { _, err := uplink.DecodeNotice(b); return err },
		uplink.TypeTold:     func(b []byte) error { _, err := uplink.DecodeTold(b); return err },
		uplink.TypeToldAck:  func(b []byte) error { _, err := uplink.DecodeToldAck(b); return err },
	}
	for _, msg := range steeringMessages() {
		decode := decoders[uplink.TypeOf(msg)]
		if err := decode(msg); err != nil {
			t.Fatalf("type %d: %v", msg[0], err)
		}
		for end := range msg {
			if err := decode(msg[:end]); !errors.Is(err, uplink.ErrMessage) {
				t.Errorf("type %d cut to %d bytes: %v, want ErrMessage", msg[0], end, err)
			}
		}
		if err := decode(append(msg, 0)); err == nil || !strings.Contains(err.Error(), "1 bytes behind the end") {
			t.Errorf("type %d with a byte behind it: %v", msg[0], err)
		}
	}
}

func TestBadSteeringMessagesAreNamed(t *testing.T) {
	varint := func(v int64) []byte { // zigzag
		u := uint64(v)<<1 ^ uint64(v>>63)
		var b []byte
		for ; u >= 0x80; u >>= 7 {
			b = append(b, byte(u)|0x80)
		}
		return append(b, byte(u))
	}
	join := func(parts ...[]byte) (b []byte) {
		for _, p := range parts {
			b = append(b, p...)
		}
		return b
	}
	for _, tc := range []struct {
		name, want string
		err        func() error
	}{
		{"wants 2 fences", "report: wants fences: 2 is above 1", func() error {
			_, err := uplink.DecodeReport([]byte{6, 0, 0, 2, 0, 0})
			return err
		}},
		{"settings too long", "settings: body: 4097 is above 4096", func() error {
			_, err := uplink.DecodeSettings(join([]byte{7, 1, 0x81, 0x20}, make([]byte, 4097)))
			return err
		}},
		{"fences of no version", "fences: version: 0", func() error {
			_, err := uplink.DecodeFences([]byte{8, 0, 0, 0, 0, 0})
			return err
		}},
		{"fences off the earth", "fences: centre: 90.0000001, 0 is no place", func() error {
			_, err := uplink.DecodeFences(join([]byte{8, 1}, varint(900000001), []byte{0, 0, 0}))
			return err
		}},
		{"fences too far", "fences: radius: 20001 is above 20000", func() error {
			_, err := uplink.DecodeFences([]byte{8, 1, 0, 0, 0xa1, 0x9c, 1, 0})
			return err
		}},
		{"too many fences", "fences: fences: 201 is above 200", func() error {
			_, err := uplink.DecodeFences([]byte{8, 1, 0, 0, 0, 0xc9, 1})
			return err
		}},
		{"an empty fence", "fences: blob 0: empty", func() error {
			_, err := uplink.DecodeFences([]byte{8, 1, 0, 0, 0, 1, 0})
			return err
		}},
		{"notice without id", "notice: id: empty", func() error {
			_, err := uplink.DecodeNotice([]byte{9, 0, 0, 0})
			return err
		}},
		{"notice after all time", "notice: time: 253402300800000 ms is not in the years 1 to 9999", func() error {
			_, err := uplink.DecodeNotice(join([]byte{9, 1, 'n'}, varint(253_402_300_800_000), []byte{0}))
			return err
		}},
		{"too many events", "told: events: 65 is above 64", func() error { _, err := uplink.DecodeTold([]byte{10, 65}); return err }},
		{"too many ids", "told ack: ids: 65 is above 64", func() error { _, err := uplink.DecodeToldAck([]byte{11, 65}); return err }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := tc.err(); !errors.Is(err, uplink.ErrMessage) || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("error %v, want %q", err, tc.want)
			}
		})
	}
}

// What no decoder would take is not encoded.
func TestSteeringMessagesAboveTheirLimits(t *testing.T) {
	with := func(change func(*uplink.Fences)) uplink.Fences { f := fences; change(&f); return f }
	encode := func(f uplink.Fences) func() ([]byte, error) {
		return func() ([]byte, error) { return uplink.AppendFences([]byte{0}, f) }
	}
	for _, tc := range []struct {
		want   string
		encode func() ([]byte, error)
	}{
		{"settings: body: 4097 bytes, at most 4096", func() ([]byte, error) {
			return uplink.AppendSettings([]byte{0}, uplink.Settings{Body: make([]byte, 4097)})
		}},
		{"told: 65 events, at most 64", func() ([]byte, error) {
			return uplink.AppendTold([]byte{0}, uplink.Told{Events: make([]uplink.OnboardEvent, 65)})
		}},
		{"told ack: 65 ids, at most 64", func() ([]byte, error) {
			return uplink.AppendToldAck([]byte{0}, uplink.ToldAck{IDs: make([]string, 65)})
		}},
		{"fences: version: 0", encode(with(func(f *uplink.Fences) { f.Version = 0 }))},
		{"fences: centre: NaN", encode(with(func(f *uplink.Fences) { f.Lat = math.NaN() }))},
		{"fences: radius: NaN", encode(with(func(f *uplink.Fences) { f.RadiusM = math.NaN() }))},
		{"fences: radius: 20000.5", encode(with(func(f *uplink.Fences) { f.RadiusM = 20_000.5 }))},
		{"fences: fences: 201, at most 200", encode(with(func(f *uplink.Fences) {
			f.Blobs = make([][]byte, 201)
			for i := range f.Blobs {
				f.Blobs[i] = []byte{1}
			}
		}))},
		{"fences: blobs: 131073 bytes, at most 131072", encode(with(func(f *uplink.Fences) { f.Blobs = [][]byte{make([]byte, 128<<10), {1}} }))},
		{"fences: blob 1: empty", encode(with(func(f *uplink.Fences) { f.Blobs = [][]byte{{1}, {}} }))},
	} {
		if msg, err := tc.encode(); err == nil || !strings.Contains(err.Error(), tc.want) || len(msg) != 1 {
			t.Errorf("error %v with %d bytes, want %q and nothing appended", err, len(msg), tc.want)
		}
	}
	f := with(func(f *uplink.Fences) { f.RadiusM = 799.9 })
	if got, err := uplink.DecodeFences(must(uplink.AppendFences(nil, f))); err != nil || got.RadiusM != 799 {
		t.Errorf("a radius of 799.9 m came back as %v, %v: the set is complete no farther than it was", got.RadiusM, err)
	}
}

func TestUnitSettings(t *testing.T) {
	for _, tc := range []struct{ body, problem string }{
		{`{}`, ""},
		{`{"interval_s":10,"thin_error_m":15,"hold":true,"max_bytes_per_day":2000000,"linger_s":10}`, ""},
		{`{"interval_s":0,"thin_error_m":0,"hold":false,"max_bytes_per_day":0,"linger_s":0}`, ""},
		{`{"interval_s":3600,"thin_error_m":1000,"max_bytes_per_day":200000,"linger_s":600}`, ""},
		{`{"interval_s":0.2}`, ""},
		{`{"interval_s":-1}`, "interval_s: -1 is not in 0 to 3600"},
		{`{"interval_s":3600.5}`, "interval_s: 3600.5 is not in 0 to 3600"},
		{`{"interval_s":1e999}`, "interval_s: 1e999: want a number"},
		{`{"interval_s":"10"}`, `interval_s: "10": want a number`},
		{`{"interval_s":null}`, "interval_s: null: want a number"},
		{`{"thin_error_m":-3}`, "thin_error_m: -3 is not in 0 to 1000"},
		{`{"linger_s":601}`, "linger_s: 601 is not in 0 to 600"},
		{`{"hold":1}`, "hold: 1: want true or false"},
		{`{"max_bytes_per_day":199999}`, "max_bytes_per_day: 199999 is below 200000, and 0 is no limit"},
		{`{"max_bytes_per_day":-1}`, "max_bytes_per_day: -1: want a whole number from 0 up"},
		{`{"max_bytes_per_day":100000.5}`, "max_bytes_per_day: 100000.5: want a whole number from 0 up"},
		{`{"Interval_S":1}`, "Interval_S: no such setting"},
		{`{"hold":true,"a":1,"b":2}`, "a: no such setting"},
		{`[]`, "settings: not a JSON object"},
		{`null`, "settings: not a JSON object"},
		{``, "settings: not a JSON object"},
		{`{} {}`, "settings: not a JSON object"},
		{`{"hold":true` + strings.Repeat(" ", 4096) + `}`, "settings: 4109 bytes, at most 4096"},
	} {
		got, err := uplink.ParseUnitSettings([]byte(tc.body))
		problem := ""
		if err != nil {
			problem = err.Error()
		}
		if problem != tc.problem {
			t.Errorf("%.60s: %q, want %q", tc.body, problem, tc.problem)
		}
		if err != nil && got != (uplink.UnitSettings{}) {
			t.Errorf("%.60s: something of it counts: %+v", tc.body, got)
		}
	}
	s, err := uplink.ParseUnitSettings([]byte(`{"interval_s":10,"hold":false,"max_bytes_per_day":2000000}`))
	if err != nil || *s.IntervalS != 10 || *s.Hold || *s.MaxBytesPerDay != 2_000_000 || s.ThinErrorM != nil || s.LingerS != nil {
		t.Errorf("settings %+v, %v", s, err)
	}
}

func FuzzParseUnitSettings(f *testing.F) {
	f.Add([]byte(`{"interval_s":10,"thin_error_m":15,"hold":true,"max_bytes_per_day":2000000,"linger_s":10}`))
	f.Add([]byte(`{"hold":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		_, err := uplink.ParseUnitSettings(body)
		var named *uplink.SettingsError
		if err != nil && (!errors.As(err, &named) || named.Reason == "") {
			t.Fatalf("error %v names no reason", err)
		}
	})
}
