//go:build !node

package main

import (
	"fmt"
	"os"
)

const nodeLinked = false

func runNodeComponent(name string) int {
	fmt.Fprintf(os.Stderr, "devcluster: this binary has no %s; make devcluster-node builds one that has\n", name)
	return 2
}
