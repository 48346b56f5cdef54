// Command bench measures what the controller costs and how fast it is, and prints a table. It runs the real binary between
// a real API server and the vCenter simulator. Where the simulator is the limit, the figure is a ratio: the controller's
// time over that of a plain govmomi loop that clones as many VMs with the same concurrency, on an equal simulator, in the
// same run.
//
// It is a benchmark: it fails only if something does not work, never because of a figure.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/devcluster"
)

func main() {
	runs := flag.Int("runs", 5, "how often each measurement is made")
	vms := flag.Int("vms", 300, "VMs in the large group")
	rest := flag.Duration("rest", 5*time.Minute, "how long the controller is watched at rest")
	memory := flag.String("tmp", "/dev/shm", "where the simulator keeps the files of its VMs: on a disk, their noise is larger than what is measured")
	only := flag.String("only", "", "comma-separated measurements: throughput, slow, heal, start, takeover, loss, rest (default: all)")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b := &bench{runs: *runs, vms: *vms, rest: *rest, memory: *memory}
	if err := b.run(ctx, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	if err := b.print(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type bench struct {
	runs, vms int
	rest      time.Duration
	memory    string
	cluster   *devcluster.Cluster
	audit     string
	rows      []row
	groups    int
}

// row is one measure, with a value from each run.
type row struct {
	name   string
	target string
	unit   string
	values []float64
}

func (b *bench) run(ctx context.Context, only string) (err error) {
	dir, err := os.MkdirTemp("", "vmgroup-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b.audit = filepath.Join(dir, "audit.log")
	if b.cluster, err = devcluster.Start(ctx, devcluster.Options{AuditLog: b.audit}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.cluster.Stop()) }()
	if err := harness.ApplyCRD(ctx, b.cluster); err != nil {
		return err
	}
	for _, m := range []struct {
		name    string
		measure func(context.Context) error
	}{
		{"throughput", b.throughput}, {"slow", b.slowClones}, {"heal", b.heal}, {"start", b.startUp}, {"takeover", b.takeOver},
		{"loss", b.loss}, {"rest", b.atRest},
	} {
		if only != "" && !slices.Contains(strings.Split(only, ","), m.name) {
			continue
		}
		if err := m.measure(ctx); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}

// note records a value and shows that the benchmark is alive.
func (b *bench) note(name, target, unit string, value float64) {
	fmt.Fprintf(os.Stderr, "%s: %.3g %s\n", name, value, unit)
	for i := range b.rows {
		if b.rows[i].name == name {
			b.rows[i].values = append(b.rows[i].values, value)
			return
		}
	}
	b.rows = append(b.rows, row{name, target, unit, []float64{value}})
}

func (b *bench) print() error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MEASURE\tTARGET\tMIN\tMEDIAN\tMAX\tUNIT\tRUNS")
	for _, r := range b.rows {
		slices.Sort(r.values)
		n := len(r.values)
		fmt.Fprintf(w, "%s\t%s\t%.3g\t%.3g\t%.3g\t%s\t%d\n",
			r.name, r.target, r.values[0], r.values[n/2], r.values[n-1], r.unit, n)
	}
	return w.Flush()
}
