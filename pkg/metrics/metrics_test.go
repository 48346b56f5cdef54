package metrics

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestSetsAreIndependent(t *testing.T) {
	one, other := New(), New()
	one.VCenterConnected.Set(1)
	one.Panics.Inc()
	if got := gather(t, one); got["vmgroup_vcenter_connected"] != 1 {
		t.Errorf("got %v, want the gauge at 1", got)
	}
	if got := gather(t, other); got["vmgroup_vcenter_connected"] != 0 {
		t.Errorf("got %v, want the gauge of the other set at 0", got)
	}
}

func TestEveryMetricIsInTheTable(t *testing.T) {
	m := New()
	touch(m)
	families, err := m.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]Row{}
	for _, f := range families {
		var labels []string
		for _, pair := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, pair.GetName())
		}
		got[f.GetName()] = Row{Type: strings.ToLower(f.GetType().String()), Labels: labels, Help: strings.TrimPrefix(f.GetHelp(), "[ALPHA] ")}
	}
	want := map[string]Row{}
	for _, row := range m.Table() {
		labels := slices.Sorted(slices.Values(row.Labels)) // as the registry has them
		want[row.Name] = Row{Type: row.Type, Labels: labels, Help: row.Help}
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("metrics (-table +registry):\n%s", diff)
	}
}

// touch gives every metric a value: one with labels is not to be seen before it has one.
func touch(m *Metrics) {
	m.ControllerInfo.WithLabelValues("x").Set(1)
	m.Syncs.WithLabelValues("x").Inc()
	m.OperationDuration.WithLabelValues("x", "x").Observe(1)
	m.BudgetWait.WithLabelValues("x").Observe(1)
	m.SOAPRequests.WithLabelValues("x", "x").Inc()
	m.Faults.WithLabelValues("x", "x").Inc()
	m.UnclassifiedFaults.WithLabelValues("x").Inc()
	one := map[string]int{"x": 1}
	m.Show(func() State { return State{one, one, one, one, one, time.Second, one} })
}

func TestNothingIsShownOnceHidden(t *testing.T) {
	m := New()
	groups := map[string]int{"READY": 2, "ERROR": 1}
	hide := m.Show(func() State { return State{Groups: groups} })
	want := func(step string, want float64, there bool) {
		t.Helper()
		if got, ok := gather(t, m)["vmgroup_groups"]; ok != there || got != want {
			t.Errorf("%s: %v groups, shown %v; want %v, %v", step, got, ok, want, there)
		}
	}
	want("all phases", 3, true)
	groups = map[string]int{"READY": 1}
	want("what is gone leaves nothing behind", 1, true)
	hide()
	want("a standby knows nothing", 0, false)
}

// gather returns the values of all gauges, by name and summed up, and wants every name to have our prefix.
func gather(t *testing.T, m *Metrics) map[string]float64 {
	t.Helper()
	families, err := m.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		if !strings.HasPrefix(family.GetName(), "vmgroup_") {
			t.Errorf("metric %s lacks the prefix vmgroup_", family.GetName())
		}
		for _, metric := range family.GetMetric() {
			values[family.GetName()] += metric.GetGauge().GetValue()
		}
	}
	return values
}
