package receiver

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

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
	gauge := func(name string, value float64) {
		b = fmt.Appendf(b, "# TYPE dipper_agent_%s gauge\ndipper_agent_%s %s\n", name, name, strconv.FormatFloat(value, 'g', -1, 64))
	}
	if s.FixAge != nil {
		gauge("fix_age_seconds", *s.FixAge)
	}
	if s.Source.Silence != nil {
		gauge("source_silent_seconds", *s.Source.Silence)
	}
	if s.Spool != nil {
		gauge("spool_unacked_fixes", float64(s.Spool.Unacked))
		gauge("spool_newest_seq", float64(s.Spool.Newest))
		gauge("spool_bytes", float64(s.Spool.Bytes))
		gauge("spool_in_memory_fixes", float64(s.Spool.InMemory))
	}
	if s.Link != nil {
		up := 0.0
		if s.Link.Connected {
			up = 1
		}
		gauge("link_connected", up)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Counted)) {
		b = fmt.Appendf(b, "# TYPE dipper_agent_%s_total counter\ndipper_agent_%s_total %d\n", name, name, s.Counted[name])
	}
	return b
}
