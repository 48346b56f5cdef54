package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// row is one measure, with a value from each run.
type row struct {
	Name   string    `json:"name"`
	Target string    `json:"target,omitempty"`
	Unit   string    `json:"unit,omitempty"`
	Values []float64 `json:"values"`
	// Series and X are set where rows of several sizes make a line: hack/benchplots draws it.
	Series string `json:"series,omitempty"`
	X      int    `json:"x,omitempty"`
}

// note records a value and shows that the benchmark is alive.
func (b *bench) note(name, target, unit string, value float64) {
	b.add(row{Name: name, Target: target, Unit: unit}, value)
}

// point records a value that belongs to a line.
func (b *bench) point(series string, x int, unit string, value float64) {
	b.add(row{Name: fmt.Sprintf("%s, at %s", series, count(x)), Unit: unit, Series: series, X: x}, value)
}

func (b *bench) add(r row, value float64) {
	fmt.Fprintf(os.Stderr, "%s: %.3g %s\n", r.Name, value, r.Unit)
	for i := range b.rows {
		if b.rows[i].Name == r.Name {
			b.rows[i].Values = append(b.rows[i].Values, value)
			return
		}
	}
	r.Values = []float64{value}
	b.rows = append(b.rows, r)
}

func (b *bench) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MEASURE\tTARGET\tMIN\tMEDIAN\tMAX\tUNIT\tRUNS")
	for _, r := range b.rows {
		values := slices.Sorted(slices.Values(r.Values))
		n := len(values)
		fmt.Fprintf(w, "%s\t%s\t%.3g\t%.3g\t%.3g\t%s\t%d\n", r.Name, r.Target, values[0], values[n/2], values[n-1], r.Unit, n)
	}
	return w.Flush()
}

// report is what -json writes.
type report struct {
	CPUs int    `json:"cpus"`
	OS   string `json:"os"`
	Go   string `json:"go"`
	Rows []row  `json:"rows"`
}

func (b *bench) writeJSON(file string) error {
	text, err := json.MarshalIndent(report{runtime.NumCPU(), runtime.GOOS + "/" + runtime.GOARCH, runtime.Version(), b.rows}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

// count writes a number as people do: 10,000.
func count(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// timesAs is how many times as much CPU time one has used as the other, as far as the clock tells.
func timesAs(a, b time.Duration) float64 {
	return float64(max(a, clockTick)) / float64(max(b, clockTick))
}

// percentile returns the value of sorted ones that so many percent of them do not exceed.
func percentile(sorted []float64, percent int) float64 {
	return sorted[max(0, (len(sorted)*percent+99)/100-1)]
}

// apart is how far two values are apart, as a factor.
func apart(a, b float64) float64 { return max(a, b) / min(a, b) }

// sizes is a flag: positive numbers, comma-separated.
type sizes []int

// String implements flag.Value.
func (s *sizes) String() string {
	var out []string
	for _, n := range *s {
		out = append(out, strconv.Itoa(n))
	}
	return strings.Join(out, ",")
}

// Set implements flag.Value.
func (s *sizes) Set(text string) error {
	*s = nil
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(part)
		if err != nil || n <= 0 {
			return fmt.Errorf("%q: want a positive number", part)
		}
		*s = append(*s, n)
	}
	slices.SortFunc(*s, cmp.Compare)
	return nil
}
