package api

import (
	"github.com/prometheus/client_golang/prometheus"

	"dipper/fleet"
	"dipper/stream"
)

// fleetMetrics are the fleet's own counts.
func fleetMetrics(f *fleet.Fleet, hub *stream.Hub, version string) []prometheus.Collector {
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "dipper_build_info", Help: "1, labelled with the version."}, []string{"version"})
	info.WithLabelValues(version).Set(1)
	units := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "dipper_units", Help: "Units with a position."},
		func() float64 { return float64(hub.Units()) })
	return []prometheus.Collector{info, units, &fleetCollector{stats: f.Stats}}
}

// fleetCollector reads all counts of one moment, so that they agree with each other.
type fleetCollector struct{ stats func() fleet.Stats }

// fleetCounts is what each count is called and where it stands.
var fleetCounts = []fleetCount{
	count("dipper_fixes_accepted_total", "Fixes that were new and are stored.", func(s fleet.Stats) uint64 { return s.Fixes }),
	count("dipper_fixes_duplicate_total", "Fixes that were held already.", func(s fleet.Stats) uint64 { return s.Duplicates }),
	count("dipper_fixes_future_total", "Fixes later than the clock allows: stored as refused.", func(s fleet.Stats) uint64 { return s.FutureFixes }),
	count("dipper_batches_total", "Batches that are durable.", func(s fleet.Stats) uint64 { return s.Batches }),
	count("dipper_batches_refused_total", "Batches that no store should take.", func(s fleet.Stats) uint64 { return s.RefusedBatches }),
	count("dipper_batches_late_total", "Batches that reached into the past and were decided again from a checkpoint.", func(s fleet.Stats) uint64 { return s.LateBatches }),
	count("dipper_fixes_redecided_total", "Fixes shown to the ledger again because of late ones.", func(s fleet.Stats) uint64 { return s.RedecidedFixes }),
	count("dipper_fixes_undecided_total", "Late fixes that are stored but that the ledger could not be run over again.", func(s fleet.Stats) uint64 { return s.UndecidedFixes }),
	count("dipper_store_went_back_total", "Units of which the store had lost acknowledged fixes; each was asked for them again.", func(s fleet.Stats) uint64 { return s.WentBack }),
	count("dipper_series_forgotten_total", "Oldest series of units with too many, of which no count is kept any more.", func(s fleet.Stats) uint64 { return s.ForgottenSeries }),
	count("dipper_runs_forgotten_total", "Shortest runs of numbers of units with too many: shown as missing.", func(s fleet.Stats) uint64 { return s.ForgottenRuns }),
	count("dipper_events_total", "Events told for the first time.", func(s fleet.Stats) uint64 { return s.Events }),
	count("dipper_events_corrected_total", "Events told again with a higher revision.", func(s fleet.Stats) uint64 { return s.CorrectedEvents }),
	count("dipper_events_retracted_total", "Events taken back.", func(s fleet.Stats) uint64 { return s.RetractedEvents }),
	count("dipper_store_commits_total", "Commits of the store.", func(s fleet.Stats) uint64 { return s.Commits }),
	count("dipper_store_steps_total", "Steps in those commits.", func(s fleet.Stats) uint64 { return s.Steps }),
	count("dipper_store_conflicts_total", "Steps decided again because another node was faster.", func(s fleet.Stats) uint64 { return s.Conflicts }),
	count("dipper_store_unavailable_total", "Batches refused because the store was unavailable.", func(s fleet.Stats) uint64 { return s.Unavailable }),
	count("dipper_state_loads_total", "States of units read from the store.", func(s fleet.Stats) uint64 { return s.StateLoads }),
	count("dipper_state_rebuilds_total", "States that could not be read and were made anew from the track.", func(s fleet.Stats) uint64 { return s.Rebuilds }),
	count("dipper_fence_changes_total", "Fences put or deleted on this node.", func(s fleet.Stats) uint64 { return s.FenceChanges }),
	level("dipper_state_cached_units", "Units whose state is in memory.", func(s fleet.Stats) uint64 { return s.CachedUnits }),
	level("dipper_fences_unreadable", "Fences that cannot be read.", func(s fleet.Stats) uint64 { return s.BadFences }),
}

type fleetCount struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(fleet.Stats) uint64
}

func count(name, help string, value func(fleet.Stats) uint64) fleetCount {
	return fleetCount{prometheus.NewDesc(name, help, nil, nil), prometheus.CounterValue, value}
}

func level(name, help string, value func(fleet.Stats) uint64) fleetCount {
	return fleetCount{prometheus.NewDesc(name, help, nil, nil), prometheus.GaugeValue, value}
}

// Describe implements prometheus.Collector.
func (c *fleetCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, l := range fleetCounts {
		ch <- l.desc
	}
}

// Collect implements prometheus.Collector.
func (c *fleetCollector) Collect(ch chan<- prometheus.Metric) {
	stats := c.stats()
	for _, l := range fleetCounts {
		ch <- prometheus.MustNewConstMetric(l.desc, l.kind, float64(l.value(stats)))
	}
}
