package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	applyconfig "github.com/vmgroup/vmgroup-controller/pkg/generated/applyconfiguration/vsphere/v1alpha1"
)

const membersHelp = `
A VM is named as "status" and "tree" show it, or by its instance UUID (status.vms[].instance). If one of them is unknown, nothing
is changed. The status lists at most 100 VMs; only for a VM that it has no room for, vCenter is asked.
`

var protectCommand = command{
	name: "protect", args: "NAME VM...", vms: true, vCenter: true, writes: true, flags: dryRunFlag,
	short: "Keep VMs: neither an update nor a scale-down destroys them",
	long: `It writes deletion: Never into spec.members. Only the deletion of the VmGroup destroys a protected VM. A VM that is already
being destroyed is kept only if the controller reads it in time.
` + membersHelp + writeHelp,
	run: func(ctx context.Context, inv *invocation) error { return mark(ctx, inv, v1alpha1.DeletionNever) },
}

var unprotectCommand = command{
	name: "unprotect", args: "NAME VM...", vms: true, vCenter: true, writes: true, flags: dryRunFlag,
	short: "Take back protect, or replace while the VM is still there",
	long: `It removes the entry that "protect" or "replace" has written into spec.members. An entry for a VM that is gone is named by
its instance UUID.
` + membersHelp + writeHelp,
	run: func(ctx context.Context, inv *invocation) error { return mark(ctx, inv, noMark) },
}

var replaceCommand = command{
	name: "replace", args: "NAME VM...", vms: true, vCenter: true, writes: true, flags: dryRunFlag,
	short: "Destroy VMs, and make new ones in their place",
	long: `It writes deletion: Now into spec.members. The controller replaces these VMs as in an update, within maxSurge and
maxUnavailable in spec.update, also if its strategy is OnDelete or missing: then one new VM is made before an old one goes. A VM
that is protected is refused. Entries that "replace" wrote for VMs that are gone are removed.
` + membersHelp + writeHelp,
	run: func(ctx context.Context, inv *invocation) error { return mark(ctx, inv, v1alpha1.DeletionNow) },
}

// noMark is for a VM that is to have no entry.
const noMark v1alpha1.MemberDeletion = ""

// mark writes entries of spec.members, or removes them.
func mark(ctx context.Context, inv *invocation, deletion v1alpha1.MemberDeletion) error {
	if inv.name == "" || len(inv.vms) == 0 {
		return usagef("which VmGroup, and which of its VMs? The usage is: kubectl vmgroup %s NAME VM...", inv.flags.Name())
	}
	c, vg, dryRun, err := inv.toWrite(ctx)
	if err != nil {
		return err
	}
	vms, err := inv.findVMs(ctx, c, vg, deletion == noMark)
	if err != nil {
		return err
	}
	var lines []string
	err = c.write(ctx, vg, dryRun, func(now *v1alpha1.VmGroup, own *applyconfig.VmGroupApplyConfiguration) error {
		vg, lines = now, nil
		var failures []error
		for _, vm := range vms {
			did, err := markOne(now, own, vm, deletion)
			lines, failures = append(lines, fmt.Sprintf("VM %s %s%s", oneLine(vm.name), did, inv.done())), append(failures, err)
		}
		dropSpent(now, own)
		return errors.Join(failures...)
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(inv.out, strings.Join(lines, "\n"))
	if deletion == v1alpha1.DeletionNow && vg.Spec.Paused {
		fmt.Fprintf(inv.out, "VmGroup %s is paused: nothing is replaced until spec.paused is false.\n", vg.Name)
	}
	return nil
}

// markOne changes the plugin's entry for a VM, and says what becomes of the VM. The first that applies:
//
//  1. no entry is wanted, and there is none: nothing
//  2. no entry is wanted, and others want one: an error
//  3. no entry is wanted: remove the plugin's
//  4. the VM is to be replaced, and is protected, by whomever: an error. One person's protection is not another's to end in
//     passing
//  5. others want something else for it: an error
//  6. set the plugin's entry, also if others have one that says the same: it outlives theirs
func markOne(vg *v1alpha1.VmGroup, own *applyconfig.VmGroupApplyConfiguration, vm namedVM, want v1alpha1.MemberDeletion) (string, error) {
	now := deletionOf(vg, vm.instance)
	others, err := otherOwners(vg, fieldpath.MakePathOrDie("spec", "members", fieldpath.KeyByFields("instance", vm.instance), "deletion"))
	if err != nil {
		return "", err
	}
	mine := slices.ContainsFunc(ownMembers(own), func(m applyconfig.MemberSpecApplyConfiguration) bool { return ptr.Deref(m.Instance, "") == vm.instance })
	switch {
	case want == noMark && now == noMark:
		return "has no entry in spec.members", nil
	case want == noMark && (len(others) > 0 || !mine):
		return "", othersError(vg, vm, now, others)
	case want == noMark:
		removeMembers(own, func(instance string, _ v1alpha1.MemberDeletion) bool { return instance == vm.instance })
		return unmarked(now), nil
	case want == v1alpha1.DeletionNow && now == v1alpha1.DeletionNever && mine && len(others) == 0:
		return "", fmt.Errorf("VM %s is protected, and nothing was changed; if it may go: kubectl vmgroup unprotect %s %s -n %s", oneLine(vm.name), vg.Name, oneLine(vm.name), vg.Namespace)
	case now != noMark && now != want && (len(others) > 0 || !mine):
		return "", othersError(vg, vm, now, others)
	}
	removeMembers(own, func(instance string, _ v1alpha1.MemberDeletion) bool { return instance == vm.instance })
	if own.Spec == nil {
		own.WithSpec(applyconfig.VmGroupSpec())
	}
	own.Spec.WithMembers(applyconfig.MemberSpec().WithInstance(vm.instance).WithDeletion(want))
	return marked(want, now), nil
}

// marked says what becomes of a VM that has an entry, and what it had before.
func marked(deletion, before v1alpha1.MemberDeletion) string {
	what := map[v1alpha1.MemberDeletion]string{v1alpha1.DeletionNever: "protected", v1alpha1.DeletionNow: "to be replaced"}[deletion]
	if deletion == before {
		return "already " + what
	}
	return what
}

// unmarked says what becomes of a VM that had an entry.
func unmarked(before v1alpha1.MemberDeletion) string {
	if before == v1alpha1.DeletionNever {
		return "not protected any more"
	}
	return "not to be replaced any more"
}

func othersError(vg *v1alpha1.VmGroup, vm namedVM, deletion v1alpha1.MemberDeletion, others []string) error {
	who := "somebody"
	if len(others) > 0 {
		who = fmt.Sprintf("the field manager %q", strings.Join(others, `", "`))
	}
	return fmt.Errorf("VM %s: %s has set its deletion to %s in spec.members, and is not overridden; nothing was changed. Change the entry of %s there, or with: kubectl edit vg %s -n %s",
		oneLine(vm.name), who, deletion, vm.instance, vg.Name, vg.Namespace)
}

// deletionOf returns what spec.members says of an instance.
func deletionOf(vg *v1alpha1.VmGroup, instance string) v1alpha1.MemberDeletion {
	for _, m := range vg.Spec.Members {
		if m.Instance == instance {
			return m.Deletion
		}
	}
	return noMark
}

// dropSpent removes the plugin's entries of VMs that were replaced, or else these pile up until spec.members is full. Only if the
// status lists all VMs, each with its instance, an entry is known to be of none.
func dropSpent(vg *v1alpha1.VmGroup, own *applyconfig.VmGroupApplyConfiguration) {
	listed := map[string]bool{}
	for _, vm := range vg.Status.VMs {
		if vm.Instance != "" {
			listed[vm.Instance] = true
		}
	}
	if vg.Status.ObservedGeneration != vg.Generation || len(listed) != int(vg.Status.Replicas) || unreachable(vg) {
		return
	}
	removeMembers(own, func(instance string, deletion v1alpha1.MemberDeletion) bool {
		return deletion == v1alpha1.DeletionNow && !listed[instance]
	})
}

func ownMembers(own *applyconfig.VmGroupApplyConfiguration) []applyconfig.MemberSpecApplyConfiguration {
	if own.Spec == nil {
		return nil
	}
	return own.Spec.Members
}

func removeMembers(own *applyconfig.VmGroupApplyConfiguration, of func(instance string, deletion v1alpha1.MemberDeletion) bool) {
	if own.Spec == nil {
		return
	}
	own.Spec.Members = slices.DeleteFunc(own.Spec.Members, func(m applyconfig.MemberSpecApplyConfiguration) bool {
		return of(ptr.Deref(m.Instance, ""), ptr.Deref(m.Deletion, noMark))
	})
}
