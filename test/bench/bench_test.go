package main

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// What a benchmark measures is its own; that it works, with an account that may do no more than the controller needs, is
// not: nobody runs it for weeks. What waits for minutes is left out.
func TestMeasurements(t *testing.T) {
	const cheap = "throughput,life,groups,large,failing,foreign,scale,rollout,resize,updating"
	b := &bench{}
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	b.flags(fs)
	err := fs.Parse([]string{
		"-runs=1", "-vms=3", "-heals=2", "-rolled=2", "-groups=3", "-large=20", "-foreign=50", "-sizes=3,6", "-rest=1s", "-settle=100ms", "-tmp", t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.run(t.Context(), cheap); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "bench.json")
	if err := b.writeJSON(file); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got report
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	// One of each measurement: that it was made, and is in the file.
	for _, want := range []string{
		"SOAP calls per VM created",
		"calls to the API server for the life of a group of 3, Lease apart",
		"3 groups of 3 deleted: reads of the whole datacenter",
		"destroyed in vCenter -> clone sent, one group of 20, p99 of 2",
		"one sync, 20 VMs, all of them failing",
		"one group of 100 beside 50 foreign VMs: resident memory / without them",
		"resident memory, MiB: groups of 3, at 6",
		"SOAP calls per VM replaced",
		"SOAP calls per VM resized while it is on",
		"one sync, 20 VMs, in the middle of a rollout",
	} {
		if !slices.ContainsFunc(got.Rows, func(r row) bool { return r.Name == want && len(r.Values) > 0 && r.Values[0] > 0 }) {
			t.Errorf("there is no value of %q", want)
		}
	}
	if err := b.run(t.Context(), "throughput,thoughput"); err == nil {
		t.Error("a measurement that there is not was made")
	}
}

func TestPercentile(t *testing.T) {
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(i + 1)
	}
	for _, tc := range []struct {
		values  []float64
		percent int
		want    float64
	}{{hundred, 50, 50}, {hundred, 99, 99}, {hundred[:2], 50, 1}, {hundred[:2], 99, 2}, {hundred[:1], 99, 1}} {
		if got := percentile(tc.values, tc.percent); got != tc.want {
			t.Errorf("p%d of %d: got %v, want %v", tc.percent, len(tc.values), got, tc.want)
		}
	}
}
