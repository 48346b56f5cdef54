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

Made by make update, of the tables by which the simulator refuses everything else in all tests.

Give the account a role on each of these objects. None of them lets it switch, change or destroy a VM outside the root folder
(` + "`-folder`" + `).

| on | propagate to what is below | privileges | for what |
|---|---|---|---|
`

const middle = `
The two of ` + "`System`" + ` are in every role. In vCenter an object's own permission replaces what it would inherit, which
is why they stand in each row.

**The root folder.** Make it yourself, below the datacenter's VM folder, and grant the privileges there before the controller
starts. That is the way to recommend: the account can then make no folder anywhere else. Where it is to make the root folder
itself, it needs ` + "`Folder.Create`" + ` on the datacenter's VM folder, *without* propagation, and a permission on the root
folder can only be set once that exists: until then clones are refused, and the status says so. A root folder of several
levels (` + "`-folder a/b`" + `) has to be made by hand.

**The template folder.** Set ` + "`-template-folder`" + `. Without one, templates are looked for in the whole datacenter, and the
privileges of the template folder are needed on the datacenter, with propagation.

## By method

The controller and its kubectl plugin call these methods and no others. Each privilege is asked for on the object itself,
unless another one is named.

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
	for _, grant := range control.Grants(true, false) {
		propagate := "no"
		if grant.Propagate {
			propagate = "yes"
		}
		fmt.Fprintf(&text, "| %s | %s | %s | %s |\n", grant.On, propagate, quoted(grant.Privileges), grant.Note)
	}
	text.WriteString(middle)
	for _, method := range control.Privileges() {
		fmt.Fprintf(&text, "| `%s` | %s | %s |\n", method.Method, byTarget(method), method.Why)
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// byTarget lists the privileges of a method, with the objects that they are asked for on.
func byTarget(method control.Privilege) string {
	var targets []control.Target
	of := map[control.Target][]string{}
	for _, id := range method.Privileges {
		target := control.TargetOf(method.Method, id)
		if !slices.Contains(targets, target) {
			targets = append(targets, target)
		}
		of[target] = append(of[target], id)
	}
	var parts []string
	for _, target := range targets {
		part := quoted(of[target])
		if target != control.OnItself {
			part += " on " + string(target)
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, "; ")
}

func quoted(privileges []string) string {
	return "`" + strings.Join(privileges, "`, `") + "`"
}
