package receiver

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"dipper/positioning"
	"dipper/receiver/spool"
	"dipper/receiver/uplink"
)

// count is one counter, for /status and /metrics alike.
type count struct {
	name  string // in JSON; dipper_agent_NAME_total in Prometheus
	value uint64
}

// decoderCounts are the counters of one receiver's decoder. With counts they are all counters: everything that is discarded is
// in one of them.
func decoderCounts(s positioning.Stats) []count {
	list := []count{
		{"noise_bytes", s.Frames.NoiseBytes},
		{"sentences", s.Frames.Sentences},
		{"sentences_bad_checksum", s.Frames.BadChecksum},
		{"sentences_no_checksum", s.Frames.NoChecksum},
		{"sentences_cut", s.Frames.Cut},
		{"sentences_overlong", s.Frames.Overlong},
		{"sentences_crc32", s.Frames.LongSum},
		{"comments", s.Frames.Comments},
		{"tag_blocks", s.Frames.TagBlocks},
		{"sentences_unsupported", s.Sentences.Unsupported},
		{"sentences_malformed", s.Sentences.Malformed},
		{"sentences_no_time", s.Epochs.NoTime},
		{"sentences_late", s.Epochs.Late},
		{"fields_malformed", s.Sentences.BadFields},
		{"parser_panics", s.Sentences.Panics},
		{"epochs", s.Epochs.Closed},
		{"epochs_no_fix", s.Epochs.NoFix},
		{"epochs_no_date", s.Epochs.NoDate},
		{"fixes", s.Fixes},
	}
	for v, n := range s.Verdicts {
		name := "fixes_accepted"
		if v > 0 {
			name = "fixes_refused_" + positioning.Verdict(v).String()
		}
		list = append(list, count{name, n})
	}
	return list
}

// counts are the agent's own counters, its spool's and its link's.
func (a *Agent) counts(kept spool.Stats, link uplink.Status) []count {
	c := &a.counters
	return []count{
		{"source_opened", c.Opened.Load()},
		{"source_open_failed", c.OpenFailed.Load()},
		{"source_lost", c.Lost.Load()},
		{"source_bytes", c.Bytes.Load()},
		{"fixes_spooled", c.Spooled.Load()},
		{"fixes_standby", c.Standby.Load()},
		{"source_switches", c.Switches.Load()},
		{"fixes_thinned", c.Thinned.Load()},
		{"fixes_not_spooled", c.Dropped.Load()},
		{"settings_applied", c.Settings.Load()},
		{"settings_refused", c.SettingsRefused.Load()},
		{"fence_sets", c.FenceSets.Load()},
		{"fences_unreadable", c.FencesUnreadable.Load()},
		{"notices", c.Notices.Load()},
		{"events_onboard", c.Events.Load()},
		{"events_onboard_dropped", c.EventsDropped.Load()},
		{"steering_files_damaged", c.FilesDamaged.Load()},
		{"steering_save_failures", c.SaveFailures.Load()},
		{"spool_dropped", kept.Dropped},
		{"spool_renumbered", kept.Renumbered},
		{"spool_damaged", kept.Damaged},
		{"spool_failures", kept.Failures},
		{"link_connects", link.Connects},
		{"link_bytes", link.Bytes},
		{"fixes_sent", link.Sent},
		{"fixes_acked", link.Acked},
	}
}

// appendMetrics writes Prometheus' text format. Source: prometheus/docs, instrumenting/exposition_formats.md.
func (a *Agent) appendMetrics(b []byte) []byte {
	s := a.Status()
	e := exposition{b: b}
	e.maybe("fix_age_seconds", s.FixAge)
	e.gauge("clock_behind_seconds", s.Behind)
	e.maybe("source_silent_seconds", s.Source.Silence)
	if f := a.lastFix(); !f.Time.IsZero() {
		e.known("fix_speed_metres_per_second", f.SpeedMps)
		e.known("fix_error_metres", f.ErrM)
		e.gauge("fix_accepted", truth(f.Verdict == positioning.Accepted))
	}
	if s.Spool != nil {
		e.gauge("spool_unacked_fixes", float64(s.Spool.Unacked))
		e.maybe("spool_waiting_seconds", s.Spool.Waiting)
		e.gauge("spool_newest_seq", float64(s.Spool.Newest))
		e.gauge("spool_bytes", float64(s.Spool.Bytes))
		e.gauge("spool_in_memory_fixes", float64(s.Spool.InMemory))
	}
	if s.Link != nil {
		e.gauge("link_connected", truth(s.Link.Connected))
	}
	e.sky(s.Source.Sky)
	e.gauge("settings_revision", float64(s.Settings.Revision))
	e.gauge("settings_problem", truth(s.Settings.Problem != ""))
	e.gauge("settings_interval_seconds", s.Settings.IntervalS)
	e.gauge("settings_max_bytes_per_day", float64(s.Settings.BytesPerDay))
	e.gauge("thrift", float64(s.Settings.Thrift))
	e.gauge("notice_unread", truth(s.Notice != nil && !s.Notice.Read))
	e.gauge("events_onboard_untold", float64(len(a.visits.toTell(maxUntold))))
	if s.Fences != nil {
		e.fences(s.Fences)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Counted)) {
		e.head(name+"_total", "counter")
		e.b = fmt.Appendf(e.b, "dipper_agent_%s_total %d\n", name, s.Counted[name])
	}
	return e.b
}

// lastFix is the last of the receiver in use, refused ones included.
func (a *Agent) lastFix() positioning.Fix {
	active := a.outlet.active()
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.latest[active].fix
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// exposition is metrics being written.
type exposition struct{ b []byte }

func (e *exposition) head(name, kind string) {
	e.b = fmt.Appendf(e.b, "# TYPE dipper_agent_%s %s\n", name, kind)
}

func (e *exposition) gauge(name string, value float64) {
	e.head(name, "gauge")
	e.b = fmt.Appendf(e.b, "dipper_agent_%s %s\n", name, formatFloat(value))
}

// maybe and known leave out what is not known.
func (e *exposition) maybe(name string, value *float64) {
	if value != nil {
		e.gauge(name, *value)
	}
}

func (e *exposition) known(name string, value float64) {
	if positioning.Known(value) {
		e.gauge(name, value)
	}
}

// row is one line of a gauge with a label; head comes before the first.
func (e *exposition) row(name, label, is string, value float64) {
	is = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(is)
	e.b = fmt.Appendf(e.b, "dipper_agent_%s{%s=\"%s\"} %s\n", name, label, is, formatFloat(value))
}

func (e *exposition) sky(sky map[string]SkyStatus) {
	columns := []struct {
		name string
		of   func(SkyStatus) int
	}{
		{"satellites_in_view", func(s SkyStatus) int { return s.InView }},
		{"satellites_tracked", func(s SkyStatus) int { return s.Tracked }},
		{"satellites_used", func(s SkyStatus) int { return s.Used }},
		{"satellites_max_cn0_dbhz", func(s SkyStatus) int { return s.MaxCN0 }},
		{"satellites_mean_cn0_dbhz", func(s SkyStatus) int { return s.MeanCN0 }},
	}
	if len(sky) == 0 {
		return
	}
	for _, c := range columns {
		e.head(c.name, "gauge")
		for _, constellation := range slices.Sorted(maps.Keys(sky)) {
			e.row(c.name, "constellation", constellation, float64(c.of(sky[constellation])))
		}
	}
}

func (e *exposition) fences(s *FencesStatus) {
	e.gauge("fences", float64(s.Count))
	if len(s.Around) == 0 {
		return
	}
	e.head("fence_inside", "gauge")
	for _, f := range s.Around {
		e.row("fence_inside", "fence", f.ID, truth(f.Inside))
	}
	e.head("fence_too_fast", "gauge")
	for _, f := range s.Around {
		e.row("fence_too_fast", "fence", f.ID, truth(f.TooFast))
	}
	e.head("fence_distance_metres", "gauge")
	for _, f := range s.Around {
		away := 0.0
		if f.DistanceM != nil {
			away = *f.DistanceM
		}
		e.row("fence_distance_metres", "fence", f.ID, away)
	}
}

func formatFloat(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
