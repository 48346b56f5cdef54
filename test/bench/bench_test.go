package main

import "testing"

// What a benchmark measures is its own; that it works, with an account that may do no more than the controller needs, is
// not: nobody runs it for weeks.
func TestThroughput(t *testing.T) {
	b := &bench{runs: 1, vms: 3, memory: t.TempDir()}
	if err := b.run(t.Context(), "throughput"); err != nil {
		t.Fatal(err)
	}
	if len(b.rows) == 0 {
		t.Error("nothing was measured")
	}
}
