package observability

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
	"github.com/vmgroup/vmgroup-controller/test/invariants"
)

var (
	typeLine   = regexp.MustCompile(`(?m)^# TYPE (\S+) (\S+)$`)
	sampleLine = regexp.MustCompile(`(?m)^([a-z_]+)(\{.*\})? (\S+)$`)
	labelPair  = regexp.MustCompile(`([a-z_]+)="((?:[^"\\]|\\.)*)"`)
)

// shown is what a page of metrics shows.
type shown struct {
	metrics map[string]metric  // those with a sample
	samples map[string]float64 // by name and labels, as they are written
}

// parse reads a page of metrics.
func parse(t *testing.T, page string) shown {
	t.Helper()
	out := shown{map[string]metric{}, map[string]float64{}}
	for _, line := range typeLine.FindAllStringSubmatch(page, -1) {
		out.metrics[line[1]] = metric{kind: line[2]}
	}
	for _, line := range sampleLine.FindAllStringSubmatch(page, -1) {
		value, err := strconv.ParseFloat(line[3], 64)
		harness.Must(t, err)
		out.samples[line[1]+line[2]] = value
		family := line[1]
		for _, suffix := range []string{"_bucket", "_count", "_sum"} {
			if base := strings.TrimSuffix(line[1], suffix); out.metrics[base].kind == "histogram" {
				family = base
			}
		}
		m := metric{kind: out.metrics[family].kind}
		for _, pair := range labelPair.FindAllStringSubmatch(line[2], -1) {
			if pair[1] != "le" {
				m.labels = append(m.labels, pair[1])
			}
		}
		slices.Sort(m.labels)
		out.metrics[family] = m
	}
	return out
}

// TestMetrics runs two replicas of the binary that ships. Whatever they show is documented as it is; the leader tells what
// there is, the standby does not, and nothing is left of a group that is gone.
func TestMetrics(t *testing.T) {
	w := newWorld(t, vcsim.Options{}, invariants.Options{})
	dir, _ := credentials(t, w.VCenter.Username, w.VCenter.Password)
	start := func() *harness.Child {
		c := w.StartChild(harness.ChildOptions{CredentialsDir: dir})
		t.Cleanup(c.Stop)
		return c
	}
	page := func(c *harness.Child) shown {
		text, err := c.MetricsText(t.Context())
		harness.Must(t, err)
		return parse(t, text)
	}
	leader := start()
	w.Create(w.Group("web", 2))
	w.Ready("web", 2)
	standby := start()
	w.Eventually("the standby is one", func() error {
		text, err := standby.MetricsText(t.Context())
		if err == nil && !strings.Contains(text, `leader_election_master_status{name="vmgroup-controller"} 0`) {
			err = fmt.Errorf("it does not say so: %s", text)
		}
		return err
	})
	fail(t, w)
	w.Eventually("the leader's cache has the statuses", func() error {
		if n := page(leader).samples[`vmgroup_groups{phase="PENDING"}`]; n != 1 {
			return fmt.Errorf("%v groups are PENDING", n)
		}
		return nil
	})
	checkLeader(t, page(leader))
	checkStandby(t, page(standby))

	vg, err := w.Get("web")
	harness.Must(t, err)
	w.Delete("full")
	w.Delete("web")
	w.Eventually("nothing is left of the groups", func() error { return empty(page(leader)) })
	if n := len(w.VMs(vg)); n != 0 {
		t.Errorf("the metrics say that nothing is left, and vCenter has %d VMs", n)
	}
	wantSamples(t, "in the end", page(leader).samples, map[string]float64{
		`vmgroup_operation_duration_seconds_count{kind="PowerOff",result="Success"}`: 2,
		`vmgroup_operation_duration_seconds_count{kind="Destroy",result="Success"}`:  2,
	})
}

func checkLeader(t *testing.T, got shown) {
	t.Helper()
	wantSamples(t, "the leader", got.samples, map[string]float64{
		`leader_election_master_status{name="vmgroup-controller"}`:                  1,
		`vmgroup_vcenter_connected`:                                                 1,
		`vmgroup_groups{phase="READY"}`:                                             1,
		`vmgroup_groups{phase="PENDING"}`:                                           1,
		`vmgroup_groups{phase="ERROR"}`:                                             0,
		`vmgroup_replicas{state="Desired"}`:                                         3,
		`vmgroup_replicas{state="Available"}`:                                       2,
		`vmgroup_vms{state="Available"}`:                                            2,
		`vmgroup_operations_in_flight{kind="Clone"}`:                                0,
		`vmgroup_budget_wait_seconds_count{kind="Clone"}`:                           3,
		`vmgroup_operation_duration_seconds_count{kind="Clone",result="Success"}`:   2,
		`vmgroup_operation_duration_seconds_count{kind="Clone",result="Exhausted"}`: 1,
		`vmgroup_faults_total{class="Exhausted",fault="NoDiskSpace"}`:               1,
		`vmgroup_logins_total{result="Success"}`:                                    1,
		`vmgroup_logins_total{result="Refused"}`:                                    0,
		`vmgroup_soap_requests_total{method="CloneVM_Task",result="Success"}`:       3,
	})
	wantDocs(t, "the leader", got)
	for _, name := range []string{
		"workqueue_depth", "rest_client_requests_total", "informer_queued_items", "informer_processing_latency_seconds",
		"leader_election_master_status", "go_goroutines", "process_resident_memory_bytes",
	} {
		if _, ok := got.metrics[name]; !ok {
			t.Errorf("the leader does not show %s", name)
		}
	}
}

func checkStandby(t *testing.T, got shown) {
	t.Helper()
	wantDocs(t, "the standby", got)
	for sample, value := range got.samples {
		name, _, _ := strings.Cut(sample, "{")
		if value != 0 && strings.HasPrefix(name, "vmgroup_") && name != "vmgroup_controller_info" { // its name it may tell
			t.Errorf("the standby says that %s is %v", sample, value)
		}
		if slices.Contains([]string{"vmgroup_groups", "vmgroup_replicas", "vmgroup_vms", "vmgroup_operations_in_flight"}, name) {
			t.Errorf("the standby tells of %s, which it cannot know", sample)
		}
	}
}

// empty returns an error if something is left of groups that are gone.
func empty(got shown) error {
	for _, sample := range []string{
		`vmgroup_groups{phase="READY"}`, `vmgroup_groups{phase="PENDING"}`, `vmgroup_replicas{state="Desired"}`, `vmgroup_vms{state="Available"}`,
	} {
		if n, ok := got.samples[sample]; n != 0 || (!ok && !strings.HasPrefix(sample, "vmgroup_vms")) {
			return fmt.Errorf("%s is %v, and shown: %v", sample, n, ok)
		}
	}
	return nil
}

// fail has a group that cannot be cloned.
func fail(t *testing.T, w *harness.World) {
	t.Helper()
	harness.Must(t, w.VCenter.Control.AddFault(t.Context(), control.Fault{Method: "CloneVM_Task", Type: "NoDiskSpace", TaskLevel: true}))
	w.Create(w.Group("full", 1))
	w.Phase("full", v1alpha1.PhasePending, func(vg *v1alpha1.VmGroup) error {
		if !strings.Contains(vg.Status.Message, "NoDiskSpace") {
			return fmt.Errorf("it says %q", vg.Status.Message)
		}
		return nil
	})
}

func wantSamples(t *testing.T, who string, got, want map[string]float64) {
	t.Helper()
	some := map[string]float64{}
	for sample := range want {
		if value, ok := got[sample]; ok {
			some[sample] = value
		}
	}
	if diff := cmp.Diff(want, some); diff != "" {
		t.Errorf("%s shows (-want +got):\n%s", who, diff)
	}
}

// wantDocs checks that what is shown is documented, with its type and its labels.
func wantDocs(t *testing.T, who string, got shown) {
	t.Helper()
	docs := documented(t)
	for name, m := range got.metrics {
		if strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") {
			continue
		}
		if diff := cmp.Diff(docs[name], m, cmp.AllowUnexported(metric{})); diff != "" {
			t.Errorf("%s shows %s otherwise than docs/metrics.md (-docs +shown):\n%s", who, name, diff)
		}
	}
}
