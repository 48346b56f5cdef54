// Command bench measures what the controller costs and how fast it is, and prints a table. It runs the real binary between
// a real API server and the vCenter simulator. Where the simulator is the limit, the figure is a ratio: the controller's
// time over that of a plain govmomi loop that clones as many VMs with the same concurrency, on an equal simulator, in the
// same run.
//
// It is a benchmark: it fails only if something does not work, never because of a figure. With small numbers each
// measurement takes a minute or less, which is good for trying out and for no figure:
//
//	go run ./test/bench -only groups,large,failing,foreign -groups 50 -large 100 -heals 10 -foreign 1000 -rest 90s
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
	"time"

	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/devcluster"
)

func main() {
	b := &bench{}
	only := b.flags(flag.CommandLine)
	file := flag.String("json", "", "write all values to this `file` too")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// What was measured before something failed has cost an hour, perhaps.
	err := errors.Join(b.run(ctx, *only), b.print(os.Stdout))
	if *file != "" {
		err = errors.Join(err, b.writeJSON(*file))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type bench struct {
	runs, vms, heals, rolled          int
	groups, large, foreign, largeRuns int
	classes                           int
	rest, quiet, settle               time.Duration
	sizes                             sizes
	memory                            string
	cluster                           *devcluster.Cluster
	audit                             string
	rows                              []row
	namespaces                        int
}

// flags registers the flags, and returns which measurements are made.
func (b *bench) flags(fs *flag.FlagSet) (only *string) {
	fs.IntVar(&b.runs, "runs", 5, "how often each measurement is made, but for the large ones")
	fs.IntVar(&b.vms, "vms", 300, "VMs in one group")
	fs.IntVar(&b.heals, "heals", 100, "VMs that are destroyed to see how fast each is replaced")
	fs.IntVar(&b.rolled, "rolled", 100, "VMs that are replaced in rollout, or resized in resize")
	fs.DurationVar(&b.rest, "rest", 5*time.Minute, "how long a controller of one group is watched at rest")
	fs.DurationVar(&b.settle, "settle", 15*time.Second, "how long a controller is left alone until it has written the last progress and events")
	fs.IntVar(&b.largeRuns, "large-runs", 1, "how often each of the large measurements is made: groups, large, failing, updating, quiet, foreign, scale, classes")
	fs.IntVar(&b.groups, "groups", 1000, "groups of 3 VMs in groups and quiet")
	fs.IntVar(&b.classes, "classes", 100, "classes in classes")
	fs.IntVar(&b.large, "large", 10_000, "VMs in large, failing and updating")
	fs.IntVar(&b.foreign, "foreign", 50_000, "foreign VMs in foreign")
	fs.DurationVar(&b.quiet, "quiet", 12*time.Minute, "how long the groups are watched in quiet")
	b.sizes = sizes{100, 300, 1000, 3000}
	fs.Var(&b.sizes, "sizes", "numbers of VMs in scale, comma-separated")
	fs.StringVar(&b.memory, "tmp", "/dev/shm", "where the simulator keeps the files of its VMs: on a disk, their noise is larger than what is measured")
	var names []string
	for _, m := range b.measurements() {
		names = append(names, m.name)
	}
	return fs.String("only", "", "comma-separated measurements: "+strings.Join(names, ", ")+" (default: all)")
}

// measurement makes some rows of the table.
type measurement struct {
	name    string
	measure func(context.Context) error
}

func (b *bench) measurements() []measurement {
	return []measurement{
		{"throughput", b.throughput}, {"slow", b.slowClones}, {"heal", b.heal}, {"start", b.startUp}, {"takeover", b.takeOver},
		{"loss", b.loss}, {"rest", b.atRest},
		{"life", b.life}, {"groups", b.manyGroups}, {"large", b.largeGroup}, {"failing", b.failing}, {"quiet", b.quietGroups},
		{"foreign", b.foreignVMs}, {"scale", b.scale}, {"rollout", b.rollout}, {"resize", b.resize},
		{"updating", b.updating}, {"guests", b.guests}, {"linked", b.linked}, {"classes", b.manyClasses},
	}
}

// chosen returns the measurements that were asked for.
func (b *bench) chosen(only string) ([]measurement, error) {
	all := b.measurements()
	if only == "" {
		return all, nil
	}
	var out []measurement
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(all, func(m measurement) bool { return m.name == name })
		if i < 0 {
			return nil, fmt.Errorf("-only names %q: want names that -help lists", name)
		}
		out = append(out, all[i])
	}
	return out, nil
}

func (b *bench) run(ctx context.Context, only string) (err error) {
	chosen, err := b.chosen(only)
	if err != nil {
		return err
	}
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
	for _, m := range chosen {
		if err := m.measure(ctx); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}
