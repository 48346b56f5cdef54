// Command errorcover tells which branches that handle an error no test executes. What is done about an error is seldom
// tried by hand, and is what matters when something fails.
//
//	go test -coverpkg=PACKAGES -coverprofile=FILE ...
//	go run ./hack/errorcover -profiles FILE,... PACKAGE...
//
// An error is a value whose type implements error, or one of vCenter's faults. A branch handles an error if whether it is
// taken depends on one:
//
//   - the body of an if whose condition or init statement mentions an error, and its else;
//   - what follows an if that says "== nil" of an error and leaves the block;
//   - each clause of a switch that mentions an error in its tag, its init statement, or the condition of any clause.
//
// An empty body handles nothing and is no branch. A branch is executed if its first statement is, by any profile. One that
// cannot be executed, and is there all the same, says why in a comment in its body that begins with "unreachable:"; it is
// counted apart, and a test that executes it proves the comment wrong.
//
// It prints each branch that is not executed, and how many of how many are. It exits with 1 if any is missing.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

func main() {
	profiles := flag.String("profiles", "", "the coverage profiles, separated by commas")
	verbose := flag.Bool("v", false, "list the branches that are executed, too")
	flag.Parse()
	ok, err := run(os.Stdout, strings.Split(*profiles, ","), flag.Args(), *verbose)
	if err != nil {
		fmt.Fprintln(os.Stderr, "errorcover:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

// run judges the branches of packages by profiles. It is false if a branch is missing, or is wrongly called unreachable.
func run(out io.Writer, profiles, patterns []string, verbose bool) (bool, error) {
	counts, err := readProfiles(profiles)
	if err != nil {
		return false, err
	}
	packages, err := load(patterns)
	if err != nil {
		return false, err
	}
	ok := true
	for _, p := range packages {
		t, err := judge(out, p, counts, verbose)
		if err != nil {
			return false, err
		}
		fmt.Fprintf(out, "%s: %d of %d branches that handle an error are executed", p.path, t.executed, t.all-t.unreachable)
		if t.unreachable > 0 {
			fmt.Fprintf(out, ", %d are said to be unreachable", t.unreachable)
		}
		fmt.Fprintln(out)
		ok = ok && t.executed == t.all-t.unreachable && t.wrong == 0
	}
	return ok, nil
}

// tally counts the branches of a package.
type tally struct{ all, executed, unreachable, wrong int }

func judge(out io.Writer, p *pkg, counts map[string][]block, verbose bool) (tally, error) {
	var t tally
	for _, b := range p.branches() {
		n, measured := executions(counts[path.Join(p.path, b.file)], b)
		if !measured {
			return t, fmt.Errorf("%s/%s:%d is in no profile: are the profiles of this version, and with -coverpkg?", p.path, b.file, b.line)
		}
		t.all++
		verdict := "not executed"
		switch {
		case b.unreachable && n > 0:
			t.wrong++
			verdict = "executed, and said to be unreachable"
		case b.unreachable:
			verdict = "said to be unreachable"
		case n > 0:
			t.executed++
			verdict = "executed"
		}
		if b.unreachable {
			t.unreachable++
		}
		if verbose || verdict != "executed" && verdict != "said to be unreachable" {
			fmt.Fprintf(out, "%s/%s:%d: %s: %s\n", p.path, b.file, b.line, verdict, b.text)
		}
	}
	return t, nil
}
