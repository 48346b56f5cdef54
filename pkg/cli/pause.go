package cli

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	applyconfig "github.com/vmgroup/vmgroup-controller/pkg/generated/applyconfiguration/vsphere/v1alpha1"
)

var rolloutPauseCommand = command{
	name: "rollout pause", args: "NAME", writes: true, flags: dryRunFlag,
	short: "Keep the VMs that have not been replaced yet as they are",
	long: `It writes 100% into spec.update.partition: no VM of an earlier revision is replaced. A VM that is already being replaced goes
all the same. Lost VMs are made again, scaling works, and "replace" does, unlike with spec.paused. Where somebody else has set a
partition, it is refused.
` + writeHelp,
	run: func(ctx context.Context, inv *invocation) error { return partition(ctx, inv, true) },
}

var rolloutResumeCommand = command{
	name: "rollout resume", args: "NAME", writes: true, flags: dryRunFlag,
	short: "Take back rollout pause",
	long: `It removes the partition that "rollout pause" has written into spec.update. A partition that somebody else has set stays.
` + writeHelp,
	run: func(ctx context.Context, inv *invocation) error { return partition(ctx, inv, false) },
}

// wholeGroup is a partition that keeps the revision of all VMs.
const wholeGroup = "100%"

// partition writes the partition that pauses a rollout, or removes it.
func partition(ctx context.Context, inv *invocation, pause bool) error {
	if inv.name == "" {
		return usagef("which VmGroup? The usage is: kubectl vmgroup %s NAME", inv.flags.Name())
	}
	c, vg, dryRun, err := inv.toWrite(ctx)
	if err != nil {
		return err
	}
	did := ""
	err = c.write(ctx, vg, dryRun, func(now *v1alpha1.VmGroup, own *applyconfig.VmGroupApplyConfiguration) (err error) {
		if pause {
			did, err = setPartition(now, own)
		} else {
			did, err = removePartition(now, own)
		}
		return err
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(inv.out, "VmGroup %s %s%s\n", vg.Name, did, inv.done())
	return nil
}

// setPartition adds the partition to what the plugin owns, and says what becomes of the rollout.
func setPartition(vg *v1alpha1.VmGroup, own *applyconfig.VmGroupApplyConfiguration) (string, error) {
	if !hasRollouts(vg) {
		return "", noRollouts(vg)
	}
	paused := isPaused(own)
	ownUpdate(own).WithPartition(intstr.FromString(wholeGroup))
	if paused {
		return "already paused", nil
	}
	return "paused", nil
}

// removePartition removes the partition from what the plugin owns. The first that applies:
//
//  1. others have set it, alone or too: an error
//  2. the plugin has not: nothing
//  3. remove it
func removePartition(vg *v1alpha1.VmGroup, own *applyconfig.VmGroupApplyConfiguration) (string, error) {
	others, err := otherOwners(vg, fieldpath.MakePathOrDie("spec", "update", "partition"))
	switch {
	case err != nil:
		return "", err
	case len(others) > 0:
		return "", fmt.Errorf("the field manager %q has set spec.update.partition of VmGroup %s, and is not overridden; nothing was changed. "+
			"Change it there, or with: kubectl edit vg %s -n %s", strings.Join(others, `", "`), vg.Name, vg.Name, vg.Namespace)
	case !isPaused(own):
		return "is not paused", nil
	}
	own.Spec.Update.Partition = nil
	return "resumed", nil
}

// isPaused reports whether the plugin has paused a rollout, from what it owns of the VmGroup.
func isPaused(own *applyconfig.VmGroupApplyConfiguration) bool {
	return own.Spec != nil && own.Spec.Update != nil && own.Spec.Update.Partition != nil
}
