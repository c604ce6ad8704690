package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"dipper/fleet"
	"dipper/fleet/storetest/redistest"
	"dipper/geofence"
	"dipper/positioning/track"
	"dipper/receiver/uplink"
	"dipper/stream/api"
)

// onEachStore runs a test on the embedded store and on a real Redis.
func onEachStore(t *testing.T, test func(t *testing.T, open func(testing.TB) fleet.Store)) {
	t.Run("embedded", func(t *testing.T) {
		store := openStore(t)
		test(t, func(testing.TB) fleet.Store { return store })
	})
	t.Run("redis", func(t *testing.T) {
		server := redistest.Start(t, redistest.Options{})
		test(t, func(t testing.TB) fleet.Store { return openRedis(t, server.URL) })
	})
}

// steered is a unit's agent that understands what the service tells it, by hand.
type steered struct {
	*box
	report uplink.Report
}

// steer opens an uplink and reports.
func (s *station) steer(unit, key string, report uplink.Report) *steered {
	s.t.Helper()
	b := &steered{box: s.connect(unit, key), report: report}
	b.say(func(*uplink.Report) {})
	return b
}

// say changes the report and sends it.
func (b *steered) say(change func(*uplink.Report)) {
	b.s.t.Helper()
	change(&b.report)
	b.write(uplink.AppendReport(nil, b.report), nil)
}

func (b *steered) write(msg []byte, err error) {
	b.s.t.Helper()
	if err == nil {
		err = b.conn.SendMessage(msg)
	}
	if err != nil {
		b.s.t.Fatal(err)
	}
}

// read reads a message, which must be of a type.
func (b *steered) read(want uplink.Type) []byte {
	b.s.t.Helper()
	msg, err := b.conn.ReadMessage()
	if err != nil {
		b.s.t.Fatal(err)
	}
	if got := uplink.TypeOf(msg); got != want {
		b.s.t.Fatalf("message of type %d, want %d", got, want)
	}
	return msg
}

func (b *steered) nextSettings() uplink.Settings {
	b.s.t.Helper()
	return decoded(b.s.t, uplink.DecodeSettings, b.read(uplink.TypeSettings))
}

func (b *steered) nextNotice() uplink.Notice {
	b.s.t.Helper()
	return decoded(b.s.t, uplink.DecodeNotice, b.read(uplink.TypeNotice))
}

func decoded[T any](t testing.TB, decode func([]byte) (T, error), msg []byte) T {
	t.Helper()
	v, err := decode(msg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// nextFences gives the ids and revisions of the fences in the next message, "gate@1".
func (b *steered) nextFences() (set uplink.Fences, names []string) {
	b.s.t.Helper()
	set = decoded(b.s.t, uplink.DecodeFences, b.read(uplink.TypeFences))
	for _, blob := range set.Blobs {
		f := decoded(b.s.t, geofence.UnmarshalFence, blob)
		names = append(names, fmt.Sprintf("%s@%d", f.ID, f.Revision))
	}
	slices.Sort(names)
	return set, names
}

type settingsAnswer struct {
	Revision uint64
	Settings map[string]any
	By       string
	Applied  *struct {
		Revision uint64
		At       time.Time
		Problem  string
	}
}

func (s *station) settingsOf(unit string) (a settingsAnswer) {
	s.t.Helper()
	s.must(http.StatusOK, http.MethodGet, "/api/v1/units/"+unit+"/settings", nil, &a)
	return a
}

// applied waits until the service says that a unit took a revision, and gives the problem it had.
func (s *station) applied(unit string, revision uint64) (problem string) {
	s.t.Helper()
	s.await(fmt.Sprintf("revision %d to be reported", revision), func() bool {
		a := s.settingsOf(unit).Applied
		if a == nil || a.Revision != revision {
			return false
		}
		problem = a.Problem
		return true
	})
	return problem
}

const settingsPath = "/api/v1/units/t1/settings"

// A change reaches a connected unit, and what the unit says of it is told to whoever asks.
func TestSettingsReachTheUnitAndBack(t *testing.T) {
	onEachStore(t, func(t *testing.T, open func(testing.TB) fleet.Store) {
		s := startStationOn(t, open(t), nil)
		key := s.addUnit("t1")
		if a := s.settingsOf("t1"); a.Revision != 0 || len(a.Settings) != 0 || a.Applied != nil {
			t.Errorf("settings of a unit that nobody touched: %+v", a)
		}
		b := s.steer("t1", key, uplink.Report{})
		var put settingsAnswer
		s.must(http.StatusOK, http.MethodPut, settingsPath, `{"thin_error_m":15, "interval_s":10}`, &put)
		if put.Revision != 1 || put.By != "test admin" || put.Settings["interval_s"] != 10.0 {
			t.Errorf("PUT answered %+v", put)
		}
		if got := b.nextSettings(); got.Revision != 1 || string(got.Body) != `{"interval_s":10,"thin_error_m":15}` {
			t.Errorf("the unit got revision %d of %s", got.Revision, got.Body)
		}
		b.say(func(r *uplink.Report) { r.SettingsRevision = 1 })
		if problem := s.applied("t1", 1); problem != "" {
			t.Errorf("problem %q", problem)
		}

		s.must(http.StatusOK, http.MethodPut, settingsPath, `{"interval_s":10,"thin_error_m":15}`, &put)
		if put.Revision != 1 {
			t.Errorf("the same settings again are revision %d", put.Revision)
		}
		s.must(http.StatusOK, http.MethodPut, settingsPath, `{"hold":true}`, nil)
		b.nextSettings()
		b.say(func(r *uplink.Report) { r.SettingsRevision, r.SettingsProblem = 2, "hold: no such setting" })
		if problem := s.applied("t1", 2); problem != "hold: no such setting" {
			t.Errorf("problem %q", problem)
		}

		s.must(http.StatusNoContent, http.MethodDelete, settingsPath, nil, nil)
		if got := b.nextSettings(); got.Revision != 3 || string(got.Body) != `{}` {
			t.Errorf("after DELETE the unit got revision %d of %s", got.Revision, got.Body)
		}
		for name, want := range map[string]float64{
			`dipper_settings_reported_total{result="applied"}`: 1, `dipper_settings_reported_total{result="failed"}`: 1,
			`dipper_uplink_steered_total{message="settings"}`: 3, "dipper_uplink_reports_total": 3,
		} {
			if got := s.metric(name); got != want {
				t.Errorf("%s is %v, want %v", name, got, want)
			}
		}
	})
}

func TestSettingsWaitForAUnitThatIsAway(t *testing.T) {
	s := startStation(t, nil)
	key := s.addUnit("t1")
	s.must(http.StatusOK, http.MethodPut, settingsPath, `{"linger_s":5}`, nil)
	s.must(http.StatusOK, http.MethodPut, settingsPath, `{"linger_s":6}`, nil)
	b := s.steer("t1", key, uplink.Report{SettingsRevision: 1})
	if got := b.nextSettings(); got.Revision != 2 || string(got.Body) != `{"linger_s":6}` {
		t.Errorf("the unit got revision %d of %s", got.Revision, got.Body)
	}
	b.say(func(r *uplink.Report) { r.SettingsRevision = 2 })
	s.applied("t1", 2)
	b.conn.Close()

	b = s.steer("t1", key, uplink.Report{SettingsRevision: 2}) // has them
	b.send(fixAt(timeAgo(2), 36, 120))                         // the next message is the acknowledgement
	b.say(func(r *uplink.Report) { r.SettingsRevision = 9 })   // of another centre
	if got := b.nextSettings(); got.Revision != 2 {
		t.Errorf("the unit got revision %d", got.Revision)
	}
}

// A unit whose centre lost its store hears that there are no settings.
func TestSettingsThatNobodyKnowsAreTakenBack(t *testing.T) {
	s := startStation(t, nil)
	b := s.steer("t1", s.addUnit("t1"), uplink.Report{SettingsRevision: 5})
	if got := b.nextSettings(); got.Revision != 0 || string(got.Body) != `{}` {
		t.Errorf("the unit got revision %d of %s", got.Revision, got.Body)
	}
}

func TestSettingsReachUnitsOfOtherNodes(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	one := startStationOn(t, openRedis(t, server.URL), nil)
	other := startStationOn(t, openRedis(t, server.URL), quickFences)
	b := other.steer("t1", one.addUnit("t1"), uplink.Report{})
	one.must(http.StatusOK, http.MethodPut, settingsPath, `{"hold":false}`, nil)
	if got := b.nextSettings(); string(got.Body) != `{"hold":false}` {
		t.Errorf("the unit got %s", got.Body)
	}
	b.say(func(r *uplink.Report) { r.SettingsRevision = 1 })
	one.applied("t1", 1)
	one.must(http.StatusCreated, http.MethodPost, "/api/v1/units/t1/notice", `{"text":"Gate 5"}`, nil)
	if n := b.nextNotice(); n.Text != "Gate 5" {
		t.Errorf("the driver got %+v", n)
	}
	b.send(fixAt(timeAgo(2), 36, 120))
	b.say(func(r *uplink.Report) { r.WantsFences = true })
	if _, names := b.nextFences(); len(names) != 0 {
		t.Errorf("fences %v", names)
	}
	one.must(http.StatusCreated, http.MethodPut, "/api/v1/fences/near", circleAt(1000), nil)
	if _, names := b.nextFences(); !slices.Equal(names, []string{"near@1"}) {
		t.Errorf("fences %v", names)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	s := startStation(t, nil)
	s.addUnit("t1")
	for _, tc := range []struct{ body, field, reason string }{
		{`{"thin_error_m":-3}`, "thin_error_m", "-3 is not in 0 to 1000"},
		{`{"max_bytes_per_day":5}`, "max_bytes_per_day", "5 is below 200000"},
		{`{"rate_hz":5}`, "rate_hz", "no such setting"},
		{`{"hold":"yes"}`, "hold", "want true or false"},
		{`[]`, "body", "not a JSON object"},
		{`{"hold":true` + strings.Repeat(" ", 4096) + `}`, "body", "at most 4096"},
	} {
		status, body := s.do(http.MethodPut, settingsPath, s.admin, tc.body)
		if status != http.StatusBadRequest || !strings.Contains(string(body), `"field":"`+tc.field+`"`) || !strings.Contains(string(body), tc.reason) {
			t.Errorf("%.40s gave %d %s", tc.body, status, body)
		}
	}
	if a := s.settingsOf("t1"); a.Revision != 0 {
		t.Errorf("something of it was stored: %+v", a)
	}
}

type noticeAnswer struct {
	ID, Text, By string
	ShownAt      *time.Time `json:"shown_at"`
}

func TestNoticeIsShownOnce(t *testing.T) {
	onEachStore(t, func(t *testing.T, open func(testing.TB) fleet.Store) {
		s := startStationOn(t, open(t), nil)
		key := s.addUnit("t1")
		const path = "/api/v1/units/t1/notice"
		s.must(http.StatusNotFound, http.MethodGet, path, nil, nil)
		b := s.steer("t1", key, uplink.Report{})
		var first, second, got noticeAnswer
		s.must(http.StatusCreated, http.MethodPost, path, `{"text":" 请走5号门\n谢谢　! "}`, &first)
		if n := b.nextNotice(); n.ID != first.ID || n.Text != "请走5号门\n谢谢　!" || time.Since(n.At) > time.Minute {
			t.Errorf("the unit got %+v, want %+v", n, first)
		}
		s.must(http.StatusOK, http.MethodGet, path, nil, &got)
		if got.ShownAt != nil || got.ID != first.ID || got.By != "test admin" {
			t.Errorf("before it was shown: %+v", got)
		}
		b.say(func(r *uplink.Report) { r.NoticeShown = first.ID })
		s.await("the notice to be shown", func() bool {
			s.must(http.StatusOK, http.MethodGet, path, nil, &got)
			return got.ShownAt != nil
		})
		if n := s.metric("dipper_notices_shown_total"); n != 1 {
			t.Errorf("%v notices are counted as shown", n)
		}
		b.conn.Close()

		b = s.steer("t1", key, uplink.Report{}) // has lost its memory: what was shown is not told again
		b.send(fixAt(timeAgo(2), 36, 120))
		s.must(http.StatusCreated, http.MethodPost, path, `{"text":"two"}`, &second)
		b.nextNotice()
		b.conn.Close() // before it was shown
		b = s.steer("t1", key, uplink.Report{NoticeShown: first.ID})
		if n := b.nextNotice(); n.ID != second.ID {
			t.Errorf("the unit got %+v, want %+v again", n, second)
		}
	})
}

func TestNoticesAreChecked(t *testing.T) {
	s := startStation(t, nil)
	s.addUnit("t1")
	for body, reason := range map[string]string{
		`{"text":" \n"}`: "empty",
		`{"text":"` + strings.Repeat("青", 251) + `"}`: "251 characters, at most 250",
		`{"text":"\u0007"}`:                           "not a printable character",
		`{"to":"x"}`:                                  "unknown field",
	} {
		if status, answer := s.do(http.MethodPost, "/api/v1/units/t1/notice", s.admin, body); status != http.StatusBadRequest || !strings.Contains(string(answer), reason) {
			t.Errorf("%.40s gave %d %s", body, status, answer)
		}
	}
}

// Dispatchers and admins steer units; operators see what units decided.
func TestWhoMaySteer(t *testing.T) {
	s := startStation(t, nil)
	s.addUnit("t1")
	dispatcher, operator := s.addToken(fleet.RoleDispatcher), s.addToken(fleet.RoleOperator)
	for _, tc := range []struct {
		method, path, body   string
		dispatcher, operator int
	}{
		{http.MethodGet, settingsPath, "", 200, 403},
		{http.MethodPut, settingsPath, `{}`, 200, 403},
		{http.MethodDelete, settingsPath, "", 204, 403},
		{http.MethodPost, "/api/v1/units/t1/notice", `{"text":"x"}`, 201, 403},
		{http.MethodGet, "/api/v1/units/t1/notice", "", 200, 403},
		{http.MethodGet, "/api/v1/units/t1/onboard", "", 200, 200},
	} {
		var body any
		if tc.body != "" {
			body = tc.body
		}
		for token, want := range map[string]int{dispatcher: tc.dispatcher, operator: tc.operator, "": 401} {
			if status, _ := s.do(tc.method, tc.path, token, body); status != want {
				t.Errorf("%s %s gave %d, want %d", tc.method, tc.path, status, want)
			}
		}
	}
	for _, path := range []string{"settings", "notice", "onboard"} {
		s.must(http.StatusNotFound, http.MethodGet, "/api/v1/units/nobody/"+path, nil, nil)
	}
}

// circleAt is a fence some metres north of 36°N 120°E.
func circleAt(north float64) string {
	return fmt.Sprintf(`{"type":"Feature","properties":{"kind":"yard","radius_m":50},"geometry":{"type":"Point","coordinates":[120,%.6f]}}`, 36+north/111_000)
}

func quickFences(c *api.ServiceConfig) { c.Uplink.FencesEvery = time.Nanosecond }

// A unit is told the fences near it when it has a place, when they change, and when it has gone far enough.
func TestFencesNearFollowTheUnit(t *testing.T) {
	onEachStore(t, func(t *testing.T, open func(testing.TB) fleet.Store) {
		s := startStationOn(t, open(t), quickFences)
		key := s.addUnit("t1")
		put := func(id string, north float64) {
			s.t.Helper()
			status, body := s.do(http.MethodPut, "/api/v1/fences/"+id, s.admin, circleAt(north))
			if status >= 300 {
				t.Fatalf("fence: %d %s", status, body)
			}
		}
		put("near", 1000)
		put("far", 30_000)
		b := s.steer("t1", key, uplink.Report{WantsFences: true})
		b.send(fixAt(timeAgo(100), 36, 120))
		set, names := b.nextFences()
		if !slices.Equal(names, []string{"near@1"}) || set.RadiusM != 20_000 || set.Lat != 36 || set.Lon != 120 {
			t.Fatalf("fences %v within %v m of %v, %v", names, set.RadiusM, set.Lat, set.Lon)
		}
		b.say(func(r *uplink.Report) { r.FencesVersion = set.Version })

		put("far", 40_000) // out of the circle: not told
		put("near", 2000)
		changed, names := b.nextFences()
		if !slices.Equal(names, []string{"near@2"}) || changed.Version == set.Version {
			t.Fatalf("after a change: %v, version %d after %d", names, changed.Version, set.Version)
		}
		b.say(func(r *uplink.Report) { r.FencesVersion = changed.Version })

		b.send(fixAt(timeAgo(90), 36+9_000/111_000., 120)) // not half the radius
		b.send(fixAt(timeAgo(80), 36+25_000/111_000., 120))
		moved, names := b.nextFences()
		if !slices.Equal(names, []string{"far@2"}) || moved.Lat < 36.2 {
			t.Fatalf("after the way north: %v around %v", names, moved.Lat)
		}
		b.say(func(r *uplink.Report) { r.FencesVersion = moved.Version })

		s.must(http.StatusNoContent, http.MethodDelete, "/api/v1/fences/far", nil, nil)
		gone, names := b.nextFences()
		if len(names) > 0 {
			t.Fatalf("after the deletion: %v", names)
		}
		b.say(func(r *uplink.Report) { r.FencesVersion = gone.Version })
		s.await("the report", func() bool { return s.metric("dipper_uplink_reports_total") == 5 })
		b.conn.Close()

		b = s.steer("t1", key, b.report) // holds what counts: the next that comes is a change
		s.await("the report", func() bool { return s.metric("dipper_uplink_reports_total") == 6 })
		put("new", 26_000)
		if _, names = b.nextFences(); !slices.Equal(names, []string{"new@1"}) {
			t.Errorf("after the new connection: %v", names)
		}
		b.conn.Close()
		b = s.steer("t1", key, uplink.Report{WantsFences: true}) // lost it
		if again, _ := b.nextFences(); again.Lat != gone.Lat || len(again.Blobs) != 1 {
			t.Errorf("on connection: %+v", again)
		}
	})
}

// Where there are more fences than a message takes, the circle ends before the first that is left out.
func TestFencesNearAreBounded(t *testing.T) {
	s := startStation(t, quickFences)
	key := s.addUnit("t1")
	for i := range 205 {
		s.must(http.StatusCreated, http.MethodPut, fmt.Sprintf("/api/v1/fences/f%03d", i), circleAt(100+10*float64(i)), nil)
	}
	b := s.steer("t1", key, uplink.Report{WantsFences: true})
	b.send(fixAt(timeAgo(100), 36, 120))
	set, names := b.nextFences()
	if len(names) != 200 || names[0] != "f000@1" || names[199] != "f199@1" {
		t.Errorf("%d fences, from %s to %s", len(names), names[0], names[len(names)-1])
	}
	if set.RadiusM < 2040 || set.RadiusM > 2052 { // f200 begins 100+2000-50 m to the north, by our 111 km a degree
		t.Errorf("complete to %v m", set.RadiusM)
	}
}

func TestFencesAreForUnitsThatWantThem(t *testing.T) {
	s := startStation(t, quickFences)
	b := s.steer("t1", s.addUnit("t1"), uplink.Report{})
	b.send(fixAt(timeAgo(100), 36, 120))
	s.must(http.StatusCreated, http.MethodPut, "/api/v1/fences/near", circleAt(1000), nil)
	b.send(fixAt(timeAgo(90), 36.5, 120)) // the next message is the acknowledgement
	b.say(func(r *uplink.Report) { r.WantsFences = true })
	if set, _ := b.nextFences(); set.Lat != 36.5 {
		t.Errorf("fences around %v", set.Lat)
	}
}

type onboardAnswer struct {
	Events []struct {
		ID, Kind, Fence string
		Seq             uint64
		ToldAt          *time.Time `json:"told_at"`
		InLedger        bool       `json:"in_ledger"`
	}
}

// What a unit decides from the fences that it was told has the centre's ids.
func TestOnboardEventsMeetTheLedger(t *testing.T) {
	onEachStore(t, func(t *testing.T, open func(testing.TB) fleet.Store) {
		s := startStationOn(t, open(t), quickFences)
		key := s.addUnit("t1")
		s.must(http.StatusCreated, http.MethodPut, "/api/v1/fences/yard", circleAt(0), nil)
		b := s.steer("t1", key, uplink.Report{WantsFences: true})
		b.send(fixAt(timeAgo(100), 36.01, 120))
		set, _ := b.nextFences()
		fence := decoded(t, geofence.UnmarshalFence, set.Blobs[0])
		ledger := geofence.NewLedger(b.unit, geofence.NewIndex([]geofence.Fence{fence}))
		var state geofence.State
		var decided []geofence.Event
		first := b.next
		for i, lat := range []float64{36.01, 36.0001, 36, 35.9999} {
			ob := geofence.Observation{Series: uint32(b.series), Seq: uint64(i + 1), Fix: fixAt(timeAgo(100-10*i), lat, 120)}
			decided = ledger.Step(&state, ob, decided)
		}
		if len(decided) != 1 || decided[0].Kind != geofence.Enter {
			t.Fatalf("decided on board: %+v", decided)
		}
		told := uplink.Told{Events: []uplink.OnboardEvent{onboardOf(decided[0]), {ID: "", Kind: "enter", Fence: "yard"}}}
		other := onboardOf(decided[0])
		other.ID, other.ToldAt = "never-happened", time.Time{}
		told.Events = append(told.Events, other)
		tell := func() {
			b.write(uplink.AppendTold(nil, told))
			ack := decoded(t, uplink.DecodeToldAck, b.read(uplink.TypeToldAck))
			if want := []string{decided[0].ID, "", "never-happened"}; !slices.Equal(ack.IDs, want) {
				t.Errorf("acknowledged %q, want %q", ack.IDs, want)
			}
		}
		tell()
		const path = "/api/v1/units/t1/onboard"
		var got onboardAnswer
		s.must(http.StatusOK, http.MethodGet, path, nil, &got)
		if len(got.Events) != 2 || got.Events[0].ID != decided[0].ID || got.Events[0].InLedger || got.Events[0].ToldAt == nil || got.Events[1].ToldAt != nil {
			t.Fatalf("before the batch: %+v", got)
		}
		b.next = first
		b.send(fixAt(timeAgo(90), 36.0001, 120), fixAt(timeAgo(80), 36, 120), fixAt(timeAgo(70), 35.9999, 120))
		tell() // again
		got = onboardAnswer{}
		s.must(http.StatusOK, http.MethodGet, path, nil, &got)
		if len(got.Events) != 2 || !got.Events[0].InLedger || got.Events[1].InLedger {
			t.Fatalf("after the batch: %+v", got)
		}
		var log struct{ Events []struct{ ID string } }
		s.must(http.StatusOK, http.MethodGet, "/api/v1/events", nil, &log)
		if len(log.Events) != 1 || log.Events[0].ID != decided[0].ID {
			t.Errorf("the centre's events are %+v", log.Events)
		}
		for label, want := range map[string]float64{"in_ledger": 0, "not_in_ledger": 2, "known": 2, "refused": 2} {
			if got := s.metric(`dipper_onboard_events_total{ledger="` + label + `"}`); got != want {
				t.Errorf("%s: %v, want %v", label, got, want)
			}
		}
	})
}

func onboardOf(e geofence.Event) uplink.OnboardEvent {
	return uplink.OnboardEvent{
		ID: e.ID, Kind: string(e.Kind), Fence: e.Fence, FenceRevision: e.FenceRevision,
		Series: track.Series(e.Series), Seq: track.Seq(e.Seq), Time: e.Time, ToldAt: e.Time.Add(2 * time.Second),
	}
}

func TestToldBeforeReportIsRefused(t *testing.T) {
	s := startStation(t, nil)
	ws := s.rawUplink(s.addUnit("t1"))
	for _, msg := range [][]byte{uplink.AppendHello(nil, uplink.Hello{Version: 1, Unit: "t1", Series: 7}), {10, 0}} {
		if err := ws.WriteMessage(2, msg); err != nil {
			t.Fatal(err)
		}
	}
	if r := readRefusal(t, ws); r.Code != uplink.CodeBadMessage || !strings.Contains(r.Message, "told before any report") {
		t.Errorf("refused with %+v", r)
	}
}
