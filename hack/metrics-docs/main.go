// Command metrics-docs prints docs/metrics.md: every metric of our own, from the table that registers them, and those of
// the libraries that are on the same page. test/observability proves that a running controller shows no other.
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/vmgroup/vmgroup-controller/pkg/metrics"
)

const head = `# Metrics

<!-- Made by hack/metrics-docs; run make update. -->

The controller serves its metrics at ` + "`/metrics` on `-metrics-addr`" + ` (default ` + "`:8080`" + `), in the format of Prometheus. All of them
have the stability level ALPHA of Kubernetes: they may change with a minor version, and the changelog says so.

No label holds the name of a VmGroup or of a VM, so that the number of series does not grow with them. Of several replicas, only
the leader knows the VmGroups and VMs; the texts say where a standby has no series. Sum over the replicas, or take the maximum,
and it does not matter who leads.

## Of the controller

`

const inheritedHead = `
## Of the libraries

client-go and component-base report requests to the API server, the work queue, the informers and the leader election. The
metrics of the Go runtime (` + "`go_*`" + `) and of the process (` + "`process_*`" + `) are the usual ones of Prometheus' client.

`

func main() {
	if _, err := os.Stdout.WriteString(page()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func page() string {
	var out strings.Builder
	out.WriteString(head)
	own := metrics.New().Table()
	rows(&out, own)
	out.WriteString("\nBuckets, in seconds:\n\n")
	for _, row := range own {
		if row.Buckets != nil {
			fmt.Fprintf(&out, "- `%s`: %s\n", row.Name, numbers(row.Buckets))
		}
	}
	out.WriteString(inheritedHead)
	rows(&out, inherited)
	return out.String()
}

func rows(out *strings.Builder, table []metrics.Row) {
	out.WriteString("| name | type | labels | |\n|---|---|---|---|\n")
	for _, row := range table {
		var labels []string
		for _, label := range row.Labels {
			labels = append(labels, "`"+label+"`")
		}
		fmt.Fprintf(out, "| `%s` | %s | %s | %s |\n", row.Name, row.Type, strings.Join(labels, ", "), row.Help)
	}
}

func numbers(values []float64) string {
	var out []string
	for _, v := range values {
		out = append(out, strconv.FormatFloat(v, 'g', -1, 64))
	}
	return strings.Join(out, ", ")
}
