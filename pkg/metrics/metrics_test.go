package metrics

import (
	"strings"
	"testing"
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

// gather returns the values of all gauges, by name, and wants every name to have our prefix.
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
			values[family.GetName()] = metric.GetGauge().GetValue()
		}
	}
	return values
}
