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

// counts are all counters: the agent's own and the decoder's. Everything that is discarded is in one of them.
func (a *Agent) counts(s positioning.Stats, kept spool.Stats, link uplink.Status) []count {
	c := &a.counters
	list := []count{
		{"source_opened", c.Opened.Load()},
		{"source_open_failed", c.OpenFailed.Load()},
		{"source_lost", c.Lost.Load()},
		{"source_bytes", c.Bytes.Load()},
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
	return append(list,
		count{"fixes_spooled", c.Spooled.Load()},
		count{"fixes_not_spooled", c.Dropped.Load()},
		count{"spool_dropped", kept.Dropped},
		count{"spool_renumbered", kept.Renumbered},
		count{"spool_damaged", kept.Damaged},
		count{"spool_failures", kept.Failures},
		count{"link_connects", link.Connects},
		count{"fixes_sent", link.Sent},
		count{"fixes_acked", link.Acked},
	)
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
