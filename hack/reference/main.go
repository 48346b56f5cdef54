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

` + "`make update`" + ` generates this page from the tables of the simulator. In all tests the simulator refuses everything else.

Give the account a role on each of these objects. None of them lets it switch, change or destroy a VM outside the root folder
(` + "`-folder`" + `).

| on | propagate to what is below | privileges | for what |
|---|---|---|---|
`

const middle = `
Every role has the two ` + "`System`" + ` privileges. In vCenter an object's own permission replaces the permissions that it
would inherit, so each row lists them.

**The root folder.** Make it yourself, below the datacenter's VM folder, and grant the privileges there before the controller
starts. We recommend this way: the account can then make no folder anywhere else. If the controller makes the root folder
itself, the account needs ` + "`Folder.Create`" + ` on the datacenter's VM folder, *without* propagation. You can set a permission
on the root folder only once it exists: until then vCenter refuses clones, and the status says so. Make a root folder of
several levels (` + "`-folder a/b`" + `) by hand.

**The template folder.** Set ` + "`-template-folder`" + `. Without it, the controller looks for templates in the whole
datacenter, and needs the privileges of the template folder on the datacenter, with propagation.

**Tags.** vCenter keeps tags beside the inventory: a permission on a folder or a VM gives no right to a tag. Grant
` + "`InventoryService.Tagging.AttachTag`" + ` on each tag, or as a global permission. Without tags in a class you need neither.

## By method

The controller and its kubectl plugin call these methods and no others. vCenter asks for each privilege on the object itself,
unless the row names another one. Names that begin with ` + "`session`, `tagging` or `modules`" + ` are calls of vCenter's REST endpoint.

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
