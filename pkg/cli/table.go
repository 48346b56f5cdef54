package cli

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// table prints rows with aligned columns. A column in which nothing stands is left out.
type table struct {
	out    io.Writer
	indent string
	rows   [][]string // the head first
}

func newTable(out io.Writer, indent string, head ...string) *table {
	return &table{out: out, indent: indent, rows: [][]string{head}}
}

// row adds a row; what is missing in the end of it is empty.
func (t *table) row(cells ...string) {
	t.rows = append(t.rows, append(cells, make([]string, len(t.rows[0])-len(cells))...))
}

func (t *table) print() error {
	used, last := make([]bool, len(t.rows[0])), 0
	for _, row := range t.rows[1:] {
		for i, cell := range row {
			if cell != "" {
				used[i], last = true, max(last, i)
			}
		}
	}
	var aligned strings.Builder
	w := tabwriter.NewWriter(&aligned, 0, 0, 3, ' ', 0)
	for _, row := range t.rows {
		for i, cell := range row[:last+1] {
			switch {
			case i == last: // nothing stands where nothing is to be told
				fmt.Fprint(w, oneLine(cell))
			case used[i]:
				fmt.Fprint(w, cmp.Or(oneLine(cell), "-"), "\t")
			}
		}
		fmt.Fprintln(w)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(aligned.String()) {
		if _, err := fmt.Fprintln(t.out, t.indent+strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// oneLine returns text in a form that neither ends a cell nor speaks to the terminal: names in vCenter are anybody's.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, text)
}

// count says how many of a thing there are.
func count[N int | int32](n N, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

const barWidth = 20

// bar draws how many of how many there are.
func bar(done, of int32) string {
	filled := barWidth
	if of > 0 {
		filled = int(int64(min(max(done, 0), of)) * barWidth / int64(of))
	}
	return "[" + strings.Repeat("#", filled) + strings.Repeat("-", barWidth-filled) + "]"
}
