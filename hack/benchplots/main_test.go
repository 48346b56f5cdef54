package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const measured = `{"cpus": 2, "rows": [
	{"name": "a ratio", "values": [1]},
	{"name": "x", "series": "time until READY, s: one group", "x": 300, "values": [9, 3, 5]},
	{"name": "y", "series": "time until READY, s: one group", "x": 100, "values": [1]},
	{"name": "z", "series": "time until READY, s: groups of 3", "x": 100, "values": [2]}
]}`

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "bench.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestRun(t *testing.T) {
	out := filepath.Join(t.TempDir(), "plots")
	if err := run(out, []string{write(t, measured)}); err != nil {
		t.Fatal(err)
	}
	svg, err := os.ReadFile(filepath.Join(out, "ready.svg"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<svg", "one group", "groups of 3", "time until READY"} {
		if !strings.Contains(string(svg), want) {
			t.Errorf("the plot has no %q", want)
		}
	}
}

func TestArrange(t *testing.T) {
	rows, err := read([]string{write(t, measured)})
	if err != nil {
		t.Fatal(err)
	}
	plots, err := arrange(rows)
	if err != nil {
		t.Fatal(err)
	}
	lines := plots["time until READY, s"]
	if len(plots) != 1 || len(lines) != 2 || lines[0].name != "one group" {
		t.Fatalf("got %v", plots)
	}
	if p := lines[0].points; len(p) != 2 || p[0].X != 100 || p[0].Y != 1 || p[1].X != 300 || p[1].Y != 5 {
		t.Errorf("one group: got %v, want the median at 300 behind the value at 100", p)
	}
}

func TestNothingToDraw(t *testing.T) {
	for name, text := range map[string]string{
		"no series":        `{"rows": [{"name": "a", "values": [1]}]}`,
		"unknown quantity": `{"rows": [{"name": "a", "series": "colour: red", "x": 1, "values": [1]}]}`,
		"no JSON":          `MEASURE`,
	} {
		out := filepath.Join(t.TempDir(), "plots")
		if err := run(out, []string{write(t, text)}); err == nil {
			t.Errorf("%s: no error", name)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%s: something was drawn", name)
		}
	}
}
