package stream

import (
	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what uplinks and viewers do. Make it with NewMetrics.
type Metrics struct {
	uplinks      prometheus.Gauge
	hellos       *prometheus.CounterVec // by result: welcome, or the refusal's code
	batches      *prometheus.CounterVec // by result: acknowledged, or the refusal's code
	fixes        prometheus.Counter
	refusedFixes *prometheus.CounterVec // by reason, as the agent's gate said
	acks         prometheus.Histogram
	throttled    prometheus.Counter
	retries      prometheus.Counter
	uplinkBytes  prometheus.Counter

	reports          prometheus.Counter
	settingsReported *prometheus.CounterVec // by result: applied, failed
	noticesShown     prometheus.Counter
	onboard          *prometheus.CounterVec // by what the ledger says, known, refused
	steered          *prometheus.CounterVec // by message
	steeredBytes     prometheus.Counter

	viewers        prometheus.Gauge
	viewersClosed  *prometheus.CounterVec // by code
	badRequests    prometheus.Counter
	frames         *prometheus.CounterVec // by type
	liveBytes      prometheus.Counter
	positions      prometheus.Counter
	events         prometheus.Counter
	coalesced      prometheus.Counter
	stalePositions prometheus.Counter
	recalled       prometheus.Counter
	logWentBack    prometheus.Counter
	relayNodes     prometheus.Gauge
	relayAreas     prometheus.Gauge
	relayMessages  prometheus.Counter
	relayTold      prometheus.Counter
	relayHeard     prometheus.Counter
	relayReads     prometheus.Counter
	relayBad       prometheus.Counter
}

// NewMetrics makes the counters and registers them.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		uplinks:      gauge("dipper_uplink_connections", "Agents that are connected."),
		hellos:       counters("dipper_uplink_hellos_total", "Agents that said who they are, by what came of it.", "result"),
		batches:      counters("dipper_uplink_batches_total", "Batches of fixes, by what came of them.", "result"),
		fixes:        counter("dipper_uplink_fixes_total", "Fixes that were acknowledged, duplicates included."),
		refusedFixes: counters("dipper_fixes_refused_total", "Fixes whose gate on board refused them, by its reason. They are stored, and move nothing.", "reason"),
		acks:         histogram("dipper_uplink_ack_seconds", "From a batch's arrival to its acknowledgement."),
		throttled:    counter("dipper_uplink_throttled_seconds_total", "Time that agents were made to wait because they sent more fixes than a unit may."),
		retries:      counter("dipper_uplink_store_retries_total", "Batches that were tried again because the store was unavailable."),
		uplinkBytes:  counter("dipper_uplink_bytes_total", "Bytes of messages from agents."),

		reports:          counter("dipper_uplink_reports_total", "Reports of units on how far they have got with what they were told."),
		settingsReported: counters("dipper_settings_reported_total", "Revisions of settings that units took, by what came of it.", "result"),
		noticesShown:     counter("dipper_notices_shown_total", "Notices that a driver said he has read."),
		onboard:          counters("dipper_onboard_events_total", "Events that units decided by themselves, by whether the ledger here had them when they came; those told before are known.", "ledger"),
		steered:          counters("dipper_uplink_steered_total", "Settings, fences and notices sent to units, by message.", "message"),
		steeredBytes:     counter("dipper_uplink_steered_bytes_total", "Bytes of those."),

		viewers:        gauge("dipper_viewers", "Live viewers that are connected."),
		viewersClosed:  counters("dipper_viewers_closed_total", "Viewers that the service closed, by reason.", "reason"),
		badRequests:    counter("dipper_live_bad_requests_total", "Requests of viewers that could not be read."),
		frames:         counters("dipper_live_frames_total", "Messages sent to viewers, by type.", "type"),
		liveBytes:      counter("dipper_live_bytes_total", "Bytes of messages sent to viewers."),
		positions:      counter("dipper_live_positions_total", "Positions sent to viewers."),
		events:         counter("dipper_live_events_total", "Events sent to viewers."),
		coalesced:      counter("dipper_live_coalesced_total", "Turns of viewers that were skipped because the viewer had not taken the turn before; the next has the newest state."),
		stalePositions: counter("dipper_live_stale_positions_total", "Positions that came to the hub later than a newer one of the same unit."),
		recalled:       counter("dipper_uplink_recalled_total", "Agents that were made to say hello again because the store may have lost acknowledged fixes."),
		logWentBack:    counter("dipper_event_log_went_back_total", "Times that the store had lost the end of the event log. Viewers are told anew."),
		relayNodes:     gauge("dipper_relay_nodes", "Other nodes of the service that this one hears."),
		relayAreas:     gauge("dipper_relay_areas", "Areas (H3 cells of resolution 2) at which this node's viewers look."),
		relayMessages:  counter("dipper_relay_messages_total", "Messages with positions sent to other nodes, one for each area about ten times a second."),
		relayTold:      counter("dipper_relay_positions_sent_total", "Positions in messages to other nodes."),
		relayHeard:     counter("dipper_relay_positions_heard_total", "Positions that other nodes took and that this one heard."),
		relayReads:     counter("dipper_relay_reads_total", "Areas read from the store because they began to be followed or something may have been missed."),
		relayBad:       counter("dipper_relay_bad_messages_total", "Messages of other nodes that were not understood."),
	}
	r.MustRegister(m.uplinks, m.hellos, m.batches, m.fixes, m.refusedFixes, m.acks, m.throttled, m.retries, m.uplinkBytes,
		m.reports, m.settingsReported, m.noticesShown, m.onboard, m.steered, m.steeredBytes,
		m.viewers, m.viewersClosed, m.badRequests, m.frames, m.liveBytes, m.positions, m.events, m.coalesced, m.stalePositions,
		m.recalled, m.logWentBack, m.relayNodes, m.relayAreas, m.relayMessages, m.relayTold, m.relayHeard, m.relayReads, m.relayBad)
	return m
}

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

func counters(name, help, label string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
}

func histogram(name, help string) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16), // 0.5 ms to 16 s
	})
}
