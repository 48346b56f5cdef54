package cli

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
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

var partitionFields = []string{"spec", "update", "partition"}

// partition writes the partition that pauses a rollout, or removes it.
func partition(ctx context.Context, inv *invocation, pause bool) error {
	if inv.name == "" {
		return usagef("which VmGroup? The usage is: kubectl vmgroup %s NAME", inv.flags.Name())
	}
	dryRun, err := inv.dryRunOption()
	if err != nil {
		return err
	}
	c, err := inv.connectKubernetes()
	if err != nil {
		return err
	}
	vg, err := c.get(ctx, c.namespace, inv.name)
	if err != nil {
		return err
	}
	did := ""
	err = c.apply(ctx, vg, dryRun, func(now *v1alpha1.VmGroup, own *applyconfig.VmGroupApplyConfiguration) (any, error) {
		fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(own)
		if err != nil {
			return nil, fmt.Errorf("write what %s owns of VmGroup %s: %w", fieldManager, now.Name, err)
		}
		if pause {
			did, err = setPartition(now, fields)
		} else {
			did, err = removePartition(now, fields)
		}
		return fields, err
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(inv.out, "VmGroup %s %s%s\n", vg.Name, did, inv.done())
	return nil
}

// setPartition adds the partition to what the plugin owns, and says what becomes of the rollout.
func setPartition(vg *v1alpha1.VmGroup, own map[string]any) (string, error) {
	if !hasRollouts(vg) {
		return "", noRollouts(vg)
	}
	paused, err := isPaused(vg)
	if err != nil {
		return "", err
	}
	if err := unstructured.SetNestedField(own, wholeGroup, partitionFields...); err != nil {
		return "", err
	}
	if paused {
		return "already paused", nil
	}
	return "paused", nil
}

// removePartition removes the partition from what the plugin owns. The first that applies:
//
//  1. others have set it, alone or too: an error
//  2. the plugin has not: nothing
//  3. remove it, and what is empty without it: an empty struct would be owned like a value
func removePartition(vg *v1alpha1.VmGroup, own map[string]any) (string, error) {
	others, err := otherOwners(vg, fieldpath.MakePathOrDie("spec", "update", "partition"))
	if err != nil {
		return "", err
	}
	if len(others) > 0 {
		return "", fmt.Errorf("the field manager %q has set spec.update.partition of VmGroup %s, and is not overridden; nothing was changed. "+
			"Change it there, or with: kubectl edit vg %s -n %s", strings.Join(others, `", "`), vg.Name, vg.Name, vg.Namespace)
	}
	paused, err := isPaused(vg)
	if err != nil {
		return "", err
	}
	unstructured.RemoveNestedField(own, partitionFields...)
	for _, path := range [][]string{{"spec", "update"}, {"spec"}} {
		if fields, found, err := unstructured.NestedMap(own, path...); err == nil && found && len(fields) == 0 {
			unstructured.RemoveNestedField(own, path...)
		}
	}
	if !paused {
		return "is not paused", nil
	}
	return "resumed", nil
}

// isPaused reports whether the plugin has paused a rollout.
func isPaused(vg *v1alpha1.VmGroup) (bool, error) {
	for _, entry := range vg.ManagedFields {
		if !isOwn(entry) || entry.FieldsV1 == nil {
			continue
		}
		var fields fieldpath.Set
		if err := fields.FromJSON(entry.FieldsV1.GetRawReader()); err != nil {
			return false, fmt.Errorf("read what %s owns of VmGroup %s: %w", fieldManager, vg.Name, err)
		}
		return fields.Has(fieldpath.MakePathOrDie("spec", "update", "partition")), nil
	}
	return false, nil
}
