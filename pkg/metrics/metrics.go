// Package metrics holds every metric of our own, in one table. Those of the queue, the REST client, the informers and the
// leader election are client-go's and come from component-base.
//
// Each process, or each test, makes its own set: nothing is shared, and nothing is registered twice. No label has more
// values than there are in code, method names of vCenter or its fault types: never the name of a VmGroup or a VM.
package metrics

import (
	"k8s.io/component-base/metrics"
)

// Values of the label result where there is no error class to name.
const (
	ResultSuccess = "Success"
	ResultError   = "Error"
	ResultPanic   = "Panic"
	ResultStale   = "StaleCache"
	// ResultOvertaken: another writer of the same object came first.
	ResultOvertaken = "Overtaken"
	ResultRefused   = "Refused" // a login
)

// Metrics is one set of metrics. Its fields are safe for concurrent use.
type Metrics struct {
	registry metrics.KubeRegistry

	// Syncs counts syncs of VmGroups by result: Success, an error class, Panic or StaleCache.
	Syncs *metrics.CounterVec
	// SyncDuration is the time a sync takes. It waits for no task, so it is short.
	SyncDuration *metrics.Histogram
	// SOAPRequests counts calls to vCenter by method and result: Success, or Error.
	SOAPRequests *metrics.CounterVec
	// UnclassifiedFaults counts faults that no rule knows, by type. It should stay at 0.
	UnclassifiedFaults *metrics.CounterVec
	// Logins counts logins to vCenter by result: Success, Refused (the user name or password), or Error.
	Logins *metrics.CounterVec
	// WatchRestarts counts how often the inventory had to be read anew.
	WatchRestarts *metrics.Counter
	// Panics counts panics that were contained.
	Panics *metrics.Counter
	// VCenterConnected is 1 while the session stands and the inventory is in step.
	VCenterConnected *metrics.Gauge
	// Orphans is the number of VMs that are ours by their stamp and whose VmGroup does not exist.
	Orphans *metrics.Gauge
	// DisappearedVMs is not 0 while a mass disappearance is being looked into, and clones are held back: as many VMs were
	// not proven gone when it began.
	DisappearedVMs *metrics.Gauge
}

// New returns a set of its own, registered and at zero.
func New() *Metrics {
	m := &Metrics{
		registry:           metrics.NewKubeRegistry(),
		Syncs:              counters("syncs_total", "Syncs of VmGroups by result: Success, an error class, Panic or StaleCache.", "result"),
		SyncDuration:       histogram("sync_duration_seconds", "Time that a sync of a VmGroup takes.", 0.001, 2, 15),
		SOAPRequests:       counters("soap_requests_total", "Calls to vCenter by method and result: Success or Error.", "method", "result"),
		UnclassifiedFaults: counters("unclassified_faults_total", "Faults of vCenter that no rule knows. Each is worth an issue.", "fault"),
		Logins:             counters("logins_total", "Logins to vCenter by result: Success, Refused or Error.", "result"),
		WatchRestarts:      counter("watch_restarts_total", "How often the inventory of vCenter had to be read anew."),
		Panics:             counter("panics_total", "Panics that were contained. Each is worth an issue."),
		VCenterConnected:   gauge("vcenter_connected", "1 while the session with vCenter stands and the inventory is in step."),
		Orphans:            gauge("orphans", "VMs that carry this controller's stamp and whose VmGroup does not exist. They are never destroyed."),
		DisappearedVMs:     gauge("disappeared_vms", "Not 0 while many VMs have left the view at once and clones are held back: how many of them were not proven gone at first."),
	}
	m.registry.MustRegister(m.Syncs, m.SyncDuration, m.SOAPRequests, m.UnclassifiedFaults, m.Logins, m.WatchRestarts, m.Panics, m.VCenterConnected, m.Orphans, m.DisappearedVMs)
	return m
}

// Gatherer returns what a /metrics handler reads.
func (m *Metrics) Gatherer() metrics.Gatherer { return m.registry }

const namespace = "vmgroup"

func counter(name, help string) *metrics.Counter {
	return metrics.NewCounter(&metrics.CounterOpts{Namespace: namespace, Name: name, Help: help, StabilityLevel: metrics.ALPHA})
}

func counters(name, help string, labels ...string) *metrics.CounterVec {
	return metrics.NewCounterVec(&metrics.CounterOpts{Namespace: namespace, Name: name, Help: help, StabilityLevel: metrics.ALPHA}, labels)
}

func gauge(name, help string) *metrics.Gauge {
	return metrics.NewGauge(&metrics.GaugeOpts{Namespace: namespace, Name: name, Help: help, StabilityLevel: metrics.ALPHA})
}

func histogram(name, help string, start, factor float64, buckets int) *metrics.Histogram {
	return metrics.NewHistogram(&metrics.HistogramOpts{
		Namespace: namespace, Name: name, Help: help, StabilityLevel: metrics.ALPHA,
		Buckets: metrics.ExponentialBuckets(start, factor, buckets),
	})
}
