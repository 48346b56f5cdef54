package cli

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/plan"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

var planCommand = command{
	name: "plan", args: "[NAME]", vCenter: true,
	short: "Show what the controller would do next, for a VmGroup or for a file",
	long: `The plan is made by the controller's own code, from vCenter as it is now. The line "in all" says what becomes of the VMs in
the end: how many are made, replaced and removed, and which stay although they are out of date. The table is the next step: what
follows depends on what comes of it. What the controller has under way already is not in it, nor is how long it waits after a
failure.

With -f, the VmGroups of the file are planned as if they were applied: the API server is asked, by a dry run, what it would
store. A VmGroup that does not exist yet has no UID; "?????" stands in its place in the names of its VMs.
`,
	flags: func(fs *flag.FlagSet, inv *invocation) {
		fs.StringVar(&inv.file, "f", "", "`file` with VmGroups in YAML or JSON; \"-\": stdin")
	},
	run: showPlan,
}

func showPlan(ctx context.Context, inv *invocation) error {
	if (inv.name == "") == (inv.file == "") {
		return usagef("want NAME or -f, and not both: kubectl vmgroup plan NAME, or kubectl vmgroup plan -f FILE")
	}
	c, err := inv.connectKubernetes()
	if err != nil {
		return err
	}
	groups, err := inv.plannedGroups(ctx, c)
	if err != nil {
		return err
	}
	previews, err := inv.preview(ctx, c, groups...)
	if err != nil {
		return err
	}
	for i, p := range previews {
		if i > 0 {
			fmt.Fprintln(inv.out)
		}
		if err := printPlan(inv.out, p); err != nil {
			return err
		}
	}
	fmt.Fprintln(inv.out, "\nNothing was changed.")
	return nil
}

func (inv *invocation) plannedGroups(ctx context.Context, c *cluster) ([]*v1alpha1.VmGroup, error) {
	if inv.file == "" {
		vg, err := c.get(ctx, c.namespace, inv.name)
		return []*v1alpha1.VmGroup{vg}, err
	}
	groups, err := inv.readFile()
	if err != nil {
		return nil, err
	}
	for i, vg := range groups {
		if groups[i], err = inv.asApplied(ctx, c, vg); err != nil {
			return nil, fmt.Errorf("VmGroup %s in %s: %w", vg.Name, inv.file, err)
		}
	}
	return groups, nil
}

func printPlan(out io.Writer, p preview) error {
	vg := p.in.Group.DeepCopy()
	vg.Status = p.status
	fmt.Fprintf(out, "VmGroup %s/%s  %s\n", vg.Namespace, vg.Name, summary(vg))
	if text := forecast(vg, p.plan.Forecast(p.in)); text != "" {
		fmt.Fprintf(out, "  in all: %s\n", text)
	}
	t := newTable(out, "  ", "STEP", "WHAT", "DETAIL")
	for _, s := range steps(p.in, p.plan) {
		t.row(s.do, s.what, s.detail)
	}
	switch {
	case len(t.rows) > 1:
		if err := t.print(); err != nil {
			return err
		}
	default:
		fmt.Fprintln(out, "  nothing to do now")
	}
	for _, n := range p.plan.Notices {
		fmt.Fprintf(out, "  note (%s): %s\n", n.Reason, oneLine(n.Message))
	}
	return nil
}

// step is one line of a plan.
type step struct{ do, what, detail string }

// steps lists what a plan wants, in the order in which it is carried out.
func steps(in plan.Input, p plan.Plan) []step {
	var out []step
	if p.AddFinalizer {
		out = append(out, step{"add finalizer", v1alpha1.Finalizer, ""})
	}
	for _, r := range p.Record {
		out = append(out, step{"record revision", r.Name, cmp.Or(r.Template, "unknown template") + ", " + sizeOf(r.VMSpec)})
	}
	if p.EnsureFolder {
		out = append(out, step{"make folder", in.Snapshot.Path, ""})
	}
	for _, op := range p.Cancel {
		out = append(out, step{"cancel clone", op.Name, string(op.Task)})
	}
	for _, r := range p.Requests {
		kind, _ := r.Kind.Info()
		if spec := r.Clone; spec != nil {
			out = append(out, step{kind.Verb, r.Name, "from " + spec.Source.Path + ", " + sizeOf(*spec.VMSpec) + whereTo(spec)})
			continue
		}
		out = append(out, step{kind.Verb, vmName(in, r.VM), string(r.VM)})
	}
	for _, name := range p.Forget {
		out = append(out, step{"forget revision", name, ""})
	}
	for _, ref := range p.RemoveFolders {
		out = append(out, step{"remove folder", folderPath(in, ref), string(ref)})
	}
	if p.RemoveFinalizer {
		out = append(out, step{"remove finalizer", v1alpha1.Finalizer, "and with it the VmGroup"})
	}
	return out
}

// whereTo says where a clone goes, and what it is connected to, as far as a class says it.
func whereTo(spec *vsphere.CloneSpec) string {
	text := ""
	if spec.Place.Zone != "" {
		text = ", in zone " + spec.Place.Zone
	}
	if spec.Networks != "" {
		text += ", on " + strings.Join(spec.NetworkNames(), ", ")
	}
	return text
}

// sizeOf says how large VMs are, and whether they are linked clones.
func sizeOf(spec vsphere.VMSpec) string {
	size := fmt.Sprintf("%s, %d MiB", count(spec.CPU, "CPU"), spec.MemoryMiB)
	if spec.DiskGiB != 0 {
		size += fmt.Sprintf(", %d GiB of disk", spec.DiskGiB)
	}
	if spec.Linked {
		size += ", linked"
	}
	return size
}

func vmName(in plan.Input, ref vsphere.Ref) string {
	for _, vm := range in.Snapshot.VMs {
		if vm.Ref == ref {
			return vm.Name
		}
	}
	return ""
}

func folderPath(in plan.Input, ref vsphere.Ref) string {
	for _, f := range in.Snapshot.Folders {
		if f.Ref == ref {
			return f.Path
		}
	}
	return ""
}
