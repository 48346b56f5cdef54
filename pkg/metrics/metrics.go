// Package metrics holds every metric of our own, in one table. Those of the queue, the REST client, the informers and the
// leader election are client-go's and come from component-base.
//
// Each process, or each test, makes its own set: nothing is shared, and nothing is registered twice. No label has more
// values than there are in code, method names of vCenter, its fault types, or one controller's name: never the name of a VmGroup or a VM.
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
	ResultRefused = "Refused" // a login
)

// Metrics is one set of metrics. Its fields are safe for concurrent use.
type Metrics struct {
	table *table
	state *stateCollector

	// ControllerInfo is 1 for the name of this controller, by which classes name it. The series of a process are told apart by it.
	ControllerInfo *metrics.GaugeVec
	// Syncs counts syncs of VmGroups by result: Success, an error class, Panic or StaleCache.
	Syncs *metrics.CounterVec
	// SyncDuration is the time a sync takes. It waits for no task, so it is short.
	SyncDuration *metrics.Histogram
	// OperationDuration is the time from the submission of an operation to the end of its task, by kind and result: Success,
	// or an error class.
	OperationDuration *metrics.HistogramVec
	// BudgetWait is the time that a VmGroup has waited for its turn before an operation was submitted, by kind.
	BudgetWait *metrics.HistogramVec
	// SOAPRequests counts calls to vCenter by method and result: Success, or Error.
	SOAPRequests *metrics.CounterVec
	// Faults counts what vCenter answered calls and tasks with in place of a result, by error class and type. Refused logins
	// are not among them.
	Faults *metrics.CounterVec
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

var (
	// A sync waits for no task.
	syncBuckets = metrics.ExponentialBuckets(0.001, 2, 15)
	// A linked clone takes a second, a full one of a large disk the better part of an hour.
	operationBuckets = []float64{1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600}
	// Whoever finds a place waits for nothing; the last in a long line waits for many clones.
	waitBuckets = []float64{0.1, 1, 5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600}
)

// New returns a set of its own, registered and at zero.
func New() *Metrics {
	t := &table{registry: metrics.NewKubeRegistry()}
	m := &Metrics{
		table:              t,
		state:              newStateCollector(t),
		ControllerInfo:     t.gauges("controller_info", "1, with the name of the controller (flag -controller-name). Join it with other metrics of the process, where several controllers serve one cluster.", "name"),
		Syncs:              t.counters("syncs_total", "Syncs of VmGroups by result: Success, StaleCache, Panic or an error class. Conflict: vCenter reports a conflict, or another writer of the same VmGroup came first.", "result"),
		SyncDuration:       t.histogram("sync_duration_seconds", "Time that a sync of a VmGroup takes.", syncBuckets),
		OperationDuration:  t.histograms("operation_duration_seconds", "Time from the submission of an operation to vCenter to its end, by kind, such as Clone or PowerOff, and result: Success or an error class.", operationBuckets, "kind", "result"),
		BudgetWait:         t.histograms("budget_wait_seconds", "Time that a VmGroup waited for a place before it could submit an operation, by kind; 0 if there was a place at once.", waitBuckets, "kind"),
		SOAPRequests:       t.counters("soap_requests_total", "Calls to vCenter by method and result: Success or Error.", "method", "result"),
		Faults:             t.counters("faults_total", "Faults of calls to vCenter and of tasks, except refused logins, by error class and type of fault.", "class", "fault"),
		UnclassifiedFaults: t.counters("unclassified_faults_total", "Faults of vCenter that no rule of the controller knows. Report each as an issue.", "fault"),
		Logins:             t.counters("logins_total", "Logins to vCenter by result: Success, Refused or Error.", "result"),
		WatchRestarts:      t.counter("watch_restarts_total", "Number of times that the controller had to read the inventory of vCenter anew."),
		Panics:             t.counter("panics_total", "Panics that the controller recovered from. Report each as an issue."),
		VCenterConnected:   t.gauge("vcenter_connected", "1 while the session with vCenter stands and the inventory is synced; 0 on a standby."),
		Orphans:            t.gauge("orphans", "VMs that carry this controller's stamp and whose VmGroup does not exist. The controller never destroys them."),
		DisappearedVMs:     t.gauge("disappeared_vms", "Number of VMs that left the view at once and were not proven gone at first; above 0, the controller holds clones back."),
	}
	for _, result := range []string{ResultSuccess, ResultRefused, ResultError} {
		m.Logins.WithLabelValues(result) // so that the first one is a change
	}
	return m
}

// Gatherer returns what a /metrics handler reads.
func (m *Metrics) Gatherer() metrics.Gatherer { return m.table.registry }
