// Command importrules checks which package may import what. The layers of this repository are only as good as this: the
// pure decision stays pure because it cannot reach a clock or a client, and govmomi stays in one room.
//
// The rules are the table in rules.go and nowhere else. Tests are free to import what they need. Run it from the root of
// the repository; it prints one sentence for each breach and exits with 1 if there is any.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// module is the import path of the repository, the prefix of each of its packages.
const module = "github.com/vmgroup/vmgroup-controller"

// pkg is what go list tells about a package, as far as the rules ask.
type pkg struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string
}

func main() {
	breaches, err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "importrules:", err)
		os.Exit(2)
	}
	for _, breach := range breaches {
		fmt.Fprintln(os.Stderr, breach)
	}
	if len(breaches) > 0 {
		os.Exit(1)
	}
}

func run() ([]string, error) {
	packages, err := list()
	if err != nil {
		return nil, err
	}
	var breaches []string
	for _, p := range packages {
		breaches = append(breaches, checkImports(p)...)
		clock, err := checkClock(p)
		if err != nil {
			return nil, err
		}
		breaches = append(breaches, clock...)
	}
	return breaches, nil
}

// list returns the packages of the module in the current directory. Modules nested in it are not part of it. A package
// that does not build is listed all the same: that is for the compiler to say.
func list() ([]pkg, error) {
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,GoFiles,Imports", "./...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var packages []pkg
	decoder := json.NewDecoder(bytes.NewReader(out))
	for {
		var p pkg
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the output of go list: %w", err)
		}
		packages = append(packages, p)
	}
}
