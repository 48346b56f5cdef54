package input

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
)

// templateFolder is where the templates are, as -template-folder names it.
const templateFolder = "templates"

// nasty are texts that mean something to a shell, a URL, a path, a glob, vCenter, or people. Some are the names of
// templates and of VMs beside the groups, see addNeighbours.
var nasty = []string{
	harness.Template, // one that is right
	"", " ", ".", "..", "/", "//", "\\", "%", "%%", "%s%n", "%2f", "%252f", "*", "?", "[a]", "[!a]", "{}",
	harness.Template + "*", "kopf-*", "kopf-vm-templat?", "kopf-vm-templat[e]",
	harness.Template + " ", " " + harness.Template, strings.ToUpper(harness.Template),
	harness.Template + "/", "/" + harness.Template, "../" + harness.Template, "./" + harness.Template,
	templateFolder + "/" + harness.Template, templateFolder + "%2f" + harness.Template, templateFolder + "\\" + harness.Template,
	"/DC0/vm/" + templateFolder + "/" + harness.Template, "/DC0/vm/../vm/" + templateFolder + "/" + harness.Template,
	"/DC1/vm/" + templateFolder + "/" + harness.Template, "/DC1/vm/*", "vm-1", "VirtualMachine:vm-1", "group-v1",
	"gr\u00f6\u00dfe", "gro\u0308\u00dfe", // NFC, NFD
	"\U0001f4a9", "\u202eetalpmet", "\u05e9\u05dc\u05d5\u05dd", "a\u200bb", "\ufeff" + harness.Template,
	"\x00", "a\x00b", "\x07", "a\nb", "a\tb", "\x7f", "\u0085", "\ufffe",
	"<a>&amp;</a>", "'; DROP TABLE vms; --", "$(reboot)", "{{.}}", "${jndi:ldap://x}", "null", "true", "-1",
}

// namedLike are templates beside the one that is asked for, and others VMs that are none, all with names that look
// like something else.
var (
	templatesNamedLike = []string{"*", "[a]", "%2f", "vm-1", "gr\u00f6\u00dfe", "\U0001f4a9", "null", "kopf-vm-templat?"}
	vmsNamedLike       = []string{"?", "{}", "%", "..", "gro\u0308\u00dfe", "\u202eetalpmet", "-1", "$(reboot)", "true"}
)

// neighbours are the VMs and templates of others. Nothing a VmGroup says may change them.
type neighbours struct {
	w      *harness.World
	before map[string]control.VM // by MoRef
	made   map[string]bool       // tasks that have made them
}

// addNeighbours puts templates and VMs of others beside the groups.
func addNeighbours(w *harness.World) *neighbours {
	w.T.Helper()
	vc, ctx := w.VCenter.Control, w.T.Context()
	for _, name := range templatesNamedLike {
		ref, err := vc.AddTemplate(ctx, "template", templateFolder)
		harness.Must(w.T, err)
		harness.Must(w.T, vc.Rename(ctx, ref, name)) // a file could not be called like this
	}
	for _, name := range vmsNamedLike {
		for _, folder := range []string{"", templateFolder} {
			ref, err := vc.AddForeignVM(ctx, folder, "foreign")
			harness.Must(w.T, err)
			harness.Must(w.T, vc.Rename(ctx, ref, name))
		}
	}
	n := &neighbours{w: w, before: map[string]control.VM{}, made: map[string]bool{}}
	tasks, err := vc.Tasks(ctx)
	harness.Must(w.T, err)
	for _, task := range tasks {
		n.made[task.Key] = true
	}
	for _, vm := range allVMs(w) {
		if vm.Stamp == "" {
			n.before[vm.MoRef] = vm
		}
	}
	return n
}

// untouched fails if anything of others was changed, or if vCenter was asked to change it.
func (n *neighbours) untouched() {
	n.w.T.Helper()
	after := map[string]control.VM{}
	for _, vm := range allVMs(n.w) {
		if _, theirs := n.before[vm.MoRef]; theirs {
			after[vm.MoRef] = vm
		}
	}
	if diff := cmp.Diff(n.before, after); diff != "" {
		n.w.T.Errorf("P1: VMs of others were changed (-before +after):\n%s", diff)
	}
	tasks, err := n.w.VCenter.Control.Tasks(n.w.T.Context())
	harness.Must(n.w.T, err)
	for _, task := range tasks {
		vm, theirs := n.before[task.Entity]
		if theirs && !n.made[task.Key] && (task.DescriptionID != "VirtualMachine.cloneVm" || !vm.Template) {
			n.w.T.Errorf("P1: %s on %s, which is somebody else's", task.DescriptionID, vm.Path)
		}
	}
	noViolations(n.w)
}

// clonedFromTheirTemplates fails if a VM was not cloned from the template that its group names. Only groups whose VMs are
// all of the present spec may be given.
func clonedFromTheirTemplates(w *harness.World, groups []v1alpha1.VmGroup) {
	w.T.Helper()
	tasks, err := w.VCenter.Control.Tasks(w.T.Context())
	harness.Must(w.T, err)
	source, names := map[string]string{}, map[string]string{}
	for _, task := range tasks {
		if task.DescriptionID == "VirtualMachine.cloneVm" {
			source[task.Result] = task.Entity
		}
	}
	vms := allVMs(w)
	for _, vm := range vms {
		names[vm.MoRef] = vm.Path
	}
	for _, group := range groups {
		for _, vm := range vms {
			path := names[source[vm.MoRef]]
			if ownedBy(vm, &group) && !strings.HasSuffix(path, "/"+strings.Trim(group.Spec.Template, "/")) {
				w.T.Errorf("%s names the template %q, and %s was cloned from %q", group.Name, group.Spec.Template, vm.Name, path)
			}
		}
	}
}

func allVMs(w *harness.World) []control.VM {
	w.T.Helper()
	vms, err := w.VCenter.Control.VMs(w.T.Context())
	harness.Must(w.T, err)
	return vms
}

// ownedBy tells whether a VM is the group's by its stamp and its instance.
func ownedBy(vm control.VM, group *v1alpha1.VmGroup) bool {
	return strings.Contains(vm.Stamp, `"`+string(group.UID)+`"`) && strings.Contains(vm.Stamp, `"`+vm.InstanceUUID+`"`)
}

func noViolations(w *harness.World) {
	w.T.Helper()
	if err := w.VCenter.Violations(w.T.Context()); err != nil {
		w.T.Errorf("forbidden calls: %v", err)
	}
}

// isTemplate tells whether a template of the world has the name with which spec.template ends.
func isTemplate(template string) bool {
	names := strings.FieldsFunc(template, func(r rune) bool { return r == '/' })
	return len(names) > 0 && slices.Contains(append(templatesNamedLike, harness.Template), names[len(names)-1])
}

// refs are the MoRefs of a group's VMs.
func refs(w *harness.World, group *v1alpha1.VmGroup) []string {
	w.T.Helper()
	var out []string
	for _, vm := range w.VMs(group) {
		out = append(out, vm.MoRef+" "+vm.Path+" "+vm.PowerState)
	}
	slices.Sort(out)
	return out
}

// sameVMs fails if a group that nobody has changed has other VMs than before.
func sameVMs(t *testing.T, w *harness.World, group *v1alpha1.VmGroup, before []string) {
	t.Helper()
	if diff := cmp.Diff(before, refs(w, group)); diff != "" {
		t.Errorf("the VMs of %s, which nobody has changed, are others now (-before +after):\n%s", group.Name, diff)
	}
}
