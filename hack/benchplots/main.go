// Command benchplots draws what `make bench` has measured at several sizes, as SVG. It is a module of its own, so that those
// who build the controller need no library for plots.
//
//	benchplots -out docs/scale bench.json ...
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
)

// report is what the benchmark writes, as far as it is drawn.
type report struct {
	Rows []row `json:"rows"`
}

// row is the values at one size. A series is "quantity: which", and all series of one quantity are in one plot.
type row struct {
	Series string    `json:"series"`
	X      int       `json:"x"`
	Values []float64 `json:"values"`
}

// line is one series.
type line struct {
	name   string
	points plotter.XYs
}

// files names the plots after the quantities that they show.
var files = map[string]string{
	"time until READY, s":                         "ready",
	"time until deleted, s":                       "deleted",
	"resident memory, MiB":                        "memory",
	"SOAP calls per VM made":                      "soap-made",
	"SOAP calls per VM destroyed":                 "soap-destroyed",
	"API server calls per VM, made and destroyed": "api",
}

func main() {
	out := flag.String("out", "docs/scale", "`folder` of the plots")
	flag.Parse()
	if err := run(*out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "benchplots:", err)
		os.Exit(1)
	}
}

func run(out string, reports []string) error {
	rows, err := read(reports)
	if err != nil {
		return err
	}
	plots, err := arrange(rows)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	for quantity, lines := range plots {
		if err := draw(filepath.Join(out, files[quantity]+".svg"), quantity, lines); err != nil {
			return fmt.Errorf("draw %q: %w", quantity, err)
		}
	}
	return nil
}

func read(reports []string) ([]row, error) {
	var rows []row
	for _, file := range reports {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var r report
		if err := json.Unmarshal(text, &r); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		rows = append(rows, r.Rows...)
	}
	return rows, nil
}

// arrange returns the lines of each plot: the median of the values at each size.
func arrange(rows []row) (map[string][]line, error) {
	plots := map[string][]line{}
	for _, r := range rows {
		if r.Series == "" || len(r.Values) == 0 {
			continue
		}
		quantity, name, ok := strings.Cut(r.Series, ": ")
		if _, known := files[quantity]; !ok || !known {
			return nil, fmt.Errorf("series %q: want a quantity that there is a plot for, a colon and a name", r.Series)
		}
		lines := plots[quantity]
		i := slices.IndexFunc(lines, func(l line) bool { return l.name == name })
		if i < 0 {
			i, lines = len(lines), append(lines, line{name: name})
		}
		values := slices.Sorted(slices.Values(r.Values))
		lines[i].points = append(lines[i].points, plotter.XY{X: float64(r.X), Y: values[len(values)/2]})
		plots[quantity] = lines
	}
	if len(plots) == 0 {
		return nil, fmt.Errorf("nothing was measured at several sizes: run the benchmark with -only scale -json")
	}
	for _, lines := range plots {
		for _, l := range lines {
			slices.SortFunc(l.points, func(a, b plotter.XY) int { return int(a.X - b.X) })
		}
	}
	return plots, nil
}

func draw(file, quantity string, lines []line) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text = quantity, "VMs"
	p.X.Min, p.Y.Min = 0, 0
	p.Legend.Top, p.Legend.Left = true, true
	p.Add(plotter.NewGrid())
	var args []any
	for _, l := range lines {
		args = append(args, l.name, l.points)
		for _, point := range l.points {
			p.Y.Max = max(p.Y.Max, 1.25*point.Y) // room for the legend
		}
	}
	if err := plotutil.AddLinePoints(p, args...); err != nil {
		return err
	}
	p.X.Min, p.Y.Min = 0, 0
	return p.Save(14*vg.Centimeter, 9*vg.Centimeter, file)
}
