package uplink_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dipper/receiver/uplink"
)

// driver is the unit's side: it takes all that it is told at once.
type driver struct {
	changed chan struct{}

	mu       sync.Mutex
	report   uplink.Report
	told     []uplink.OnboardEvent // not acknowledged
	settings []uplink.Settings
	fences   []uplink.Fences
	notices  []uplink.Notice
}

func newDriver() *driver { return &driver{changed: make(chan struct{}, 1)} }

// change changes what the unit says.
func (d *driver) change(f func(d *driver)) {
	d.mu.Lock()
	f(d)
	d.mu.Unlock()
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

func (d *driver) see(f func(d *driver) bool) func() bool {
	return func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return f(d)
	}
}

func (d *driver) Report() uplink.Report {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.report
}

func (d *driver) Told(most int) []uplink.OnboardEvent {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.told[:min(most, len(d.told))])
}

func (d *driver) Changed() <-chan struct{} { return d.changed }

func (d *driver) TakeSettings(s uplink.Settings) {
	d.change(func(d *driver) {
		d.settings = append(d.settings, s)
		d.report.SettingsRevision = s.Revision
	})
}

func (d *driver) TakeFences(f uplink.Fences) {
	d.change(func(d *driver) {
		d.fences = append(d.fences, f)
		d.report.FencesVersion = f.Version
	})
}

func (d *driver) TakeNotice(n uplink.Notice) {
	d.change(func(d *driver) {
		d.notices = append(d.notices, n)
		d.report.NoticeShown = n.ID
	})
}

func (d *driver) TakeToldAck(ids []string) {
	d.change(func(d *driver) {
		d.told = slices.DeleteFunc(d.told, func(e uplink.OnboardEvent) bool { return slices.Contains(ids, e.ID) })
	})
}

func events(from, to int) (e []uplink.OnboardEvent) {
	for i := from; i <= to; i++ {
		e = append(e, event(fmt.Sprintf("e-%d", i)))
	}
	return e
}

func (c *centre) see(f func(c *centre) bool) func() bool {
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return f(c)
	}
}

func startSteered(t *testing.T, c *centre, d *driver, change func(*uplink.Config)) (stop func()) {
	t.Helper()
	s := openSpool(t, t.TempDir())
	appendFixes(t, s, fixesFrom(1, 3))
	cfg := config(c, s)
	cfg.Steering = d
	if change != nil {
		change(&cfg)
	}
	_, stop = start(t, cfg)
	return stop
}

func TestWhatTheCentreTellsIsHandedOverAndReported(t *testing.T) {
	c, d := newCentre(t), newDriver()
	c.opening = steeringMessages()[1:4] // settings, fences, notice
	d.report.WantsFences = true
	startSteered(t, c, d, nil)
	want := uplink.Report{WantsFences: true, SettingsRevision: settings.Revision, FencesVersion: fences.Version, NoticeShown: notice.ID}
	eventually(t, "a report of all of it", c.see(func(c *centre) bool { return len(c.reports) > 0 && c.reports[len(c.reports)-1] == want }))
	if first := c.reports[0]; first != (uplink.Report{WantsFences: true}) {
		t.Errorf("the first report is %+v", first)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.settings) != 1 || string(d.settings[0].Body) != string(settings.Body) || len(d.notices) != 1 || d.notices[0] != notice {
		t.Errorf("taken: settings %v, notices %v", d.settings, d.notices)
	}
	if len(d.fences) != 1 || len(d.fences[0].Blobs) != len(fences.Blobs) || d.fences[0].RadiusM != fences.RadiusM {
		t.Errorf("taken: fences %v", d.fences)
	}
	for i := 1; i < len(c.reports); i++ {
		if c.reports[i] == c.reports[i-1] {
			t.Errorf("report %+v was sent twice in a row", c.reports[i])
		}
	}
}

func TestReportIsSentOnEachConnection(t *testing.T) {
	c, d := newCentre(t), newDriver()
	startSteered(t, c, d, nil)
	eventually(t, "a report", c.see(func(c *centre) bool { return len(c.reports) == 1 }))
	c.cut()
	eventually(t, "the report again", c.see(func(c *centre) bool { return len(c.reports) == 2 }))
}

func TestUnitWithoutSteeringSendsNoReport(t *testing.T) {
	c := newCentre(t)
	s := openSpool(t, t.TempDir())
	appendFixes(t, s, fixesFrom(1, 3))
	start(t, config(c, s))
	eventually(t, "all sent", func() bool { return len(s.Unacked()) == 0 })
	if len(c.reports) > 0 {
		t.Errorf("reports %v", c.reports)
	}
}

// Events decided on board go out one message at a time, each until it is acknowledged.
func TestToldIsBoundedAndKeptUntilAcknowledged(t *testing.T) {
	c, d := newCentre(t), newDriver()
	lose := true
	c.wrong.loseTold = func() bool { return lose }
	d.told = events(1, 150)
	startSteered(t, c, d, nil)
	eventually(t, "the first", c.see(func(c *centre) bool { return len(c.told) == 1 }))
	d.change(func(d *driver) { d.told = append(d.told, events(151, 160)...) })
	d.change(func(d *driver) { d.report.WantsFences = true })
	eventually(t, "the report that came after", c.see(func(c *centre) bool { return len(c.reports) == 2 }))
	c.change(func(c *centre) {
		if len(c.told) != 1 {
			t.Errorf("%d messages of events on the way, want one", len(c.told))
		}
		lose = false
	})
	c.cut() // the events are told again
	eventually(t, "all acknowledged", d.see(func(d *driver) bool { return len(d.told) == 0 }))
	var sizes []int
	for _, ids := range c.told {
		sizes = append(sizes, len(ids))
	}
	if !slices.Equal(sizes, []int{64, 64, 64, 32}) {
		t.Errorf("messages of %v events, want 64 lost, then 64, 64 and 32", sizes)
	}
	if c.told[0][0] != "e-1" || c.told[1][0] != "e-1" || c.told[3][31] != "e-160" {
		t.Errorf("told %v", c.told)
	}
}

func TestToldIsToldAgainOnTheSameConnection(t *testing.T) {
	c, d := newCentre(t), newDriver()
	lost := 0
	c.wrong.loseTold = func() bool { lost++; return lost == 1 }
	d.told = events(1, 2)
	startSteered(t, c, d, func(cfg *uplink.Config) { cfg.AckTimeout, cfg.DeadAfter = time.Millisecond, 3*time.Second })
	eventually(t, "the acknowledgement", d.see(func(d *driver) bool { return len(d.told) == 0 }))
	if c.connected() != 1 || len(c.told) < 2 {
		t.Errorf("%d messages on %d connections, want two on one", len(c.told), c.connected())
	}
}

// What cannot be read ends the connection, and says why; the fixes go on.
func TestMessagesThatNoServiceSends(t *testing.T) {
	for _, tc := range []struct {
		name, want string
		msg        []byte
	}{
		{"unknown", "type 99 is no message to a unit", []byte{99}},
		{"cut off", "settings: body: cut off", []byte{7, 1, 5, '{'}},
		{"a report", "type 6 is no message to a unit", uplink.AppendReport(nil, report)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, d := newCentre(t), newDriver()
			c.opening = [][]byte{tc.msg}
			s := openSpool(t, t.TempDir())
			cfg := config(c, s)
			cfg.Steering = d
			client, _ := start(t, cfg)
			eventually(t, "an error", func() bool { return strings.Contains(client.Status().LastError, tc.want) })
			c.change(func(c *centre) { c.opening = nil })
			appendFixes(t, s, fixesFrom(1, 3))
			eventually(t, "all sent", func() bool { return len(s.Unacked()) == 0 })
		})
	}
}

// Acknowledgements of events that nobody told are bounded.
func TestToldAckOfNothing(t *testing.T) {
	c, d := newCentre(t), newDriver()
	c.opening = [][]byte{must(uplink.AppendToldAck(nil, uplink.ToldAck{IDs: []string{"x", "y"}})), uplink.AppendNotice(nil, notice)}
	startSteered(t, c, d, nil)
	eventually(t, "the notice behind it", d.see(func(d *driver) bool { return len(d.notices) == 1 }))
}
