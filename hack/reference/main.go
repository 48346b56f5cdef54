// Reference prints docs/privileges.md: what the controller may do in vCenter, from the same table that the simulator
// enforces.
package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

const head = `# What the account in vCenter needs

Made by make update, of the table by which the simulator refuses everything else in all tests. Give the account a role with
these privileges on the datacenter, with propagation to what is below it. The two of ` + "`System`" + ` are in every role.

| privilege | for what |
|---|---|
`

const middle = `
## By method

The controller and its kubectl plugin call these methods and no others.

| method | privileges | why |
|---|---|---|
`

func main() {
	if err := write(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(w io.Writer) error {
	var text strings.Builder
	text.WriteString(head)
	why := map[string][]string{}
	for _, method := range control.Privileges() {
		for _, privilege := range method.Privileges {
			if strings.HasPrefix(privilege, "System.") {
				why[privilege] = []string{"to log in, read and watch"}
			} else if !slices.Contains(why[privilege], method.Why) {
				why[privilege] = append(why[privilege], method.Why)
			}
		}
	}
	var names []string
	for name := range why {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&text, "| `%s` | %s |\n", name, strings.Join(why[name], "; "))
	}
	text.WriteString(middle)
	for _, method := range control.Privileges() {
		fmt.Fprintf(&text, "| `%s` | %s | %s |\n", method.Method, quoted(method.Privileges), method.Why)
	}
	_, err := io.WriteString(w, text.String())
	return err
}

func quoted(privileges []string) string {
	if len(privileges) == 0 {
		return "none"
	}
	return "`" + strings.Join(privileges, "`, `") + "`"
}
