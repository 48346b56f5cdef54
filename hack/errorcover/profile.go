package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// block is a run of statements that a profile counts.
type block struct {
	from, to position
	count    int
}

// position is a place in a file. Both parts count from 1.
type position struct{ line, column int }

func (p position) before(q position) bool {
	return p.line < q.line || p.line == q.line && p.column < q.column
}

// readProfiles returns the blocks of all profiles, by import path and name of the file. A block is there once for each
// profile, and for each package whose tests were run.
func readProfiles(files []string) (map[string][]block, error) {
	blocks := map[string][]block{}
	for _, file := range files {
		if err := readProfile(file, blocks); err != nil {
			return nil, fmt.Errorf("read profile %s: %w", file, err)
		}
	}
	return blocks, nil
}

// readProfile adds the blocks of one profile. Its lines have the form "file:line.column,line.column statements count".
func readProfile(file string, blocks map[string][]block) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		text := lines.Text()
		if strings.HasPrefix(text, "mode: ") {
			continue
		}
		name, rest, _ := strings.Cut(text, ":")
		var b block
		var statements int
		if _, err := fmt.Sscanf(rest, "%d.%d,%d.%d %d %d",
			&b.from.line, &b.from.column, &b.to.line, &b.to.column, &statements, &b.count); err != nil {
			return fmt.Errorf("%q: %w", text, err)
		}
		blocks[name] = append(blocks[name], b)
	}
	return lines.Err()
}

// executions returns how often a branch was entered: as often as its first block. measured is false if no block lies in
// it.
func executions(blocks []block, b branch) (n int, measured bool) {
	var first position
	for _, have := range blocks {
		if have.from.before(b.from) || b.to.before(have.from) || b.to.before(have.to) {
			continue
		}
		switch {
		case !measured || have.from.before(first):
			first, n, measured = have.from, have.count, true
		case have.from == first:
			n += have.count
		}
	}
	return n, measured
}
