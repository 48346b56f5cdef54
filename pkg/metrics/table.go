package metrics

import (
	"slices"

	"k8s.io/component-base/metrics"
)

const namespace = "vmgroup"

// Row describes one metric.
type Row struct {
	Name   string
	Type   string // counter, gauge or histogram
	Labels []string
	Help   string
	// Buckets are the upper bounds of a histogram, in its unit.
	Buckets []float64
}

// Table returns every metric of the set, by name, those included that have no value yet.
func (m *Metrics) Table() []Row {
	rows := slices.Clone(m.table.rows)
	slices.SortFunc(rows, func(a, b Row) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return rows
}

// table makes metrics, registers them, and remembers what they are.
type table struct {
	registry metrics.KubeRegistry
	rows     []Row
}

func (t *table) add(kind, name, help string, labels []string, buckets []float64) {
	t.rows = append(t.rows, Row{Name: namespace + "_" + name, Type: kind, Labels: labels, Help: help, Buckets: buckets})
}

func (t *table) counter(name, help string) *metrics.Counter {
	c := metrics.NewCounter(&metrics.CounterOpts{Namespace: namespace, Name: name, Help: help, StabilityLevel: metrics.ALPHA})
	t.add("counter", name, help, nil, nil)
	t.registry.MustRegister(c)
	return c
}

func (t *table) counters(name, help string, labels ...string) *metrics.CounterVec {
	c := metrics.NewCounterVec(&metrics.CounterOpts{Namespace: namespace, Name: name, Help: help, StabilityLevel: metrics.ALPHA}, labels)
	t.add("counter", name, help, labels, nil)
	t.registry.MustRegister(c)
	return c
}

func (t *table) gauge(name, help string) *metrics.Gauge {
	g := metrics.NewGauge(&metrics.GaugeOpts{Namespace: namespace, Name: name, Help: help, StabilityLevel: metrics.ALPHA})
	t.add("gauge", name, help, nil, nil)
	t.registry.MustRegister(g)
	return g
}

func (t *table) gauges(name, help string, labels ...string) *metrics.GaugeVec {
	g := metrics.NewGaugeVec(&metrics.GaugeOpts{Namespace: namespace, Name: name, Help: help, StabilityLevel: metrics.ALPHA}, labels)
	t.add("gauge", name, help, labels, nil)
	t.registry.MustRegister(g)
	return g
}

func (t *table) histogram(name, help string, buckets []float64) *metrics.Histogram {
	h := metrics.NewHistogram(&metrics.HistogramOpts{
		Namespace: namespace, Name: name, Help: help, StabilityLevel: metrics.ALPHA, Buckets: buckets,
	})
	t.add("histogram", name, help, nil, buckets)
	t.registry.MustRegister(h)
	return h
}

func (t *table) histograms(name, help string, buckets []float64, labels ...string) *metrics.HistogramVec {
	h := metrics.NewHistogramVec(&metrics.HistogramOpts{
		Namespace: namespace, Name: name, Help: help, StabilityLevel: metrics.ALPHA, Buckets: buckets,
	}, labels)
	t.add("histogram", name, help, labels, buckets)
	t.registry.MustRegister(h)
	return h
}

// shown makes a gauge whose values are read at each scrape.
func (t *table) shown(name, help string, labels ...string) *metrics.Desc {
	t.add("gauge", name, help, labels, nil)
	return metrics.NewDesc(namespace+"_"+name, help, labels, nil, metrics.ALPHA, "")
}
