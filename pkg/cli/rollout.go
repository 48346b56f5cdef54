package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	applyconfig "github.com/vmgroup/vmgroup-controller/pkg/generated/applyconfiguration/vsphere/v1alpha1"
)

var rolloutStatusCommand = command{
	name: "rollout status", args: "NAME",
	short: "Wait until a change of the spec has reached all VMs that it is to reach",
	long: `While it waits, it shows how many VMs are as the spec has them, how many are old, how many are available, and what is waited
for: on a terminal in one line, otherwise a line for each change. vCenter is not asked.

It exits with 0 when the rollout has ended. It exits with 1 when the rollout is halted and somebody must act, and says why: for
example, no new VM became available within spec.update.progressDeadlineSeconds. It also exits with 1 if spec.update has no
strategy, or OnDelete: then VMs that exist stay as they are, and there is no rollout. Wait for what "replace" does with:
kubectl wait --for=condition=Ready vg NAME
`,
	flags: func(fs *flag.FlagSet, inv *invocation) {
		fs.BoolVar(&inv.watch, "watch", true, "wait for the end; =false: show how far it is, and exit")
		fs.BoolVar(&inv.watch, "w", true, "the same as -watch")
		fs.DurationVar(&inv.timeout, "timeout", 0, "how long to wait, for example 10m; 0: for ever")
	},
	run: rolloutStatus,
}

var rolloutRestartCommand = command{
	name: "rollout restart", args: "NAME", writes: true, flags: dryRunFlag,
	short: "Replace all VMs, although nothing else in the spec has changed",
	long: `It writes the time into spec.update.trigger, which is part of what VMs are made from. The controller replaces the VMs within
maxSurge and maxUnavailable in spec.update. Protected VMs stay. Without a strategy, or with OnDelete, it is refused: no VM would
be replaced.
` + writeHelp,
	run: rolloutRestart,
}

func rolloutStatus(ctx context.Context, inv *invocation) error {
	if inv.name == "" {
		return usagef("which VmGroup? The usage is: kubectl vmgroup rollout status NAME")
	}
	if inv.timeout < 0 {
		return usagef("-timeout is %s: want 0 for none, or more", inv.timeout)
	}
	c, err := inv.connectKubernetes()
	if err != nil {
		return err
	}
	vg, err := c.get(ctx, c.namespace, inv.name)
	if err != nil {
		return err
	}
	r := rolloutOf(vg)
	switch {
	case r.err != nil || r.done:
	case !inv.watch:
		fmt.Fprintf(inv.out, "%s  %s\n", vg.Name, rolloutLine(vg))
		return nil
	default:
		r, err = inv.awaitRollout(ctx, c, vg)
	}
	if err := errors.Join(err, r.err); err != nil {
		return err
	}
	fmt.Fprintln(inv.out, r.end)
	return nil
}

// awaitRollout shows how far a rollout is until it has ended or is halted.
func (inv *invocation) awaitRollout(ctx context.Context, c *cluster, vg *v1alpha1.VmGroup) (rollout, error) {
	if inv.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, inv.timeout, fmt.Errorf("the rollout of VmGroup %s has not ended after %s", vg.Name, inv.timeout))
		defer cancel()
	}
	var r rollout
	s := &screen{process: inv.process, text: rolloutLine}
	err := s.follow(ctx, c, vg.Namespace, vg, func(seen change) (bool, error) {
		if seen.gone || seen.group.UID != vg.UID {
			return false, fmt.Errorf("VmGroup %s was deleted", vg.Name)
		}
		r = rolloutOf(seen.group)
		return r.done, r.err
	})
	return rollout{done: r.done, end: r.end}, err
}

// rollout is how far a change of the spec is.
type rollout struct {
	done bool
	end  string // what there is to say when it is done
	err  error  // why it will not end
}

// rolloutOf judges a rollout by the status. The first that applies:
//
//  1. the group is being deleted: it will not end
//  2. the strategy leaves VMs as they are: there is none
//  3. the controller has not read this spec: it goes on
//  4. somebody must act: it will not end
//  5. the group is ready: it has ended, for then all VMs are changed that are to be
//  6. it goes on
func rolloutOf(vg *v1alpha1.VmGroup) rollout {
	conditions := vg.Status.Conditions
	stalled := meta.FindStatusCondition(conditions, v1alpha1.ConditionStalled)
	switch {
	case vg.DeletionTimestamp != nil:
		return rollout{err: fmt.Errorf("VmGroup %s is being deleted", vg.Name)}
	case !hasRollouts(vg):
		return rollout{err: noRollouts(vg)}
	case vg.Status.ObservedGeneration != vg.Generation:
		return rollout{}
	case stalled != nil && stalled.Status == metav1.ConditionTrue:
		return rollout{err: fmt.Errorf("the rollout of VmGroup %s is halted (%s): %s", vg.Name, stalled.Reason, oneLine(stalled.Message))}
	case meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionReady):
		end := fmt.Sprintf("VmGroup %s is rolled out: %s", vg.Name, counted(vg))
		if c := meta.FindStatusCondition(conditions, v1alpha1.ConditionUpToDate); c != nil && c.Message != "" {
			end += "; " + oneLine(c.Message)
		}
		return rollout{done: true, end: end}
	default:
		return rollout{}
	}
}

// hasRollouts reports whether a change of the spec reaches VMs that exist.
func hasRollouts(vg *v1alpha1.VmGroup) bool {
	return vg.Spec.Update != nil && vg.Spec.Update.Strategy != v1alpha1.UpdateOnDelete
}

func noRollouts(vg *v1alpha1.VmGroup) error {
	what := "has no spec.update"
	if vg.Spec.Update != nil {
		what = "has spec.update.strategy OnDelete"
	}
	return fmt.Errorf("VmGroup %s %s: nothing is rolled out, and VMs stay as they are until somebody destroys them. "+
		"Set spec.update.strategy to Replace, or replace single VMs: kubectl vmgroup replace -h", vg.Name, what)
}

// rolloutLine is a rollout in one line.
func rolloutLine(vg *v1alpha1.VmGroup) string {
	text := message(vg)
	if vg.Status.ObservedGeneration != vg.Generation && vg.Status.Phase != "" {
		text = "the controller has not read this spec yet: " + text
	}
	return fmt.Sprintf("%s %s: %s", bar(ptr.Deref(vg.Status.UpdatedReplicas, 0), vg.DesiredReplicas()), counted(vg), text)
}

// counted counts VMs by what they are made from.
func counted(vg *v1alpha1.VmGroup) string {
	text := fmt.Sprintf("%d/%d updated", ptr.Deref(vg.Status.UpdatedReplicas, 0), vg.DesiredReplicas())
	if n, known := oldReplicas(vg); known {
		text += fmt.Sprintf(", %d old", n)
	}
	return fmt.Sprintf("%s, %d available", text, vg.Status.AvailableReplicas)
}

// oldReplicas returns how many VMs are surely not as the spec has them. The status counts those that are, and clones that have
// not ended are neither; it lists these first. It is not known if the list is full of such, or if the controller cannot tell.
func oldReplicas(vg *v1alpha1.VmGroup) (n int32, known bool) {
	upToDate := meta.FindStatusCondition(vg.Status.Conditions, v1alpha1.ConditionUpToDate)
	if upToDate == nil || upToDate.Status == metav1.ConditionUnknown || vg.Status.UpdatedReplicas == nil {
		return 0, false
	}
	pending := int32(0)
	for _, vm := range vg.Status.VMs {
		if vm.State == v1alpha1.VMPending {
			pending++
		}
	}
	listed := len(vg.Status.VMs)
	if unlisted(vg) > 0 && listed > 0 && vg.Status.VMs[listed-1].State != v1alpha1.VMAvailable {
		return 0, false
	}
	return max(0, vg.Status.Replicas-*vg.Status.UpdatedReplicas-pending), true
}

func rolloutRestart(ctx context.Context, inv *invocation) error {
	if inv.name == "" {
		return usagef("which VmGroup? The usage is: kubectl vmgroup rollout restart NAME")
	}
	c, vg, dryRun, err := inv.toWrite(ctx)
	if err != nil {
		return err
	}
	trigger := time.Now().Format(time.RFC3339)
	err = c.write(ctx, vg, dryRun, func(now *v1alpha1.VmGroup, own *applyconfig.VmGroupApplyConfiguration) error {
		switch {
		case isPaused(own):
			return fmt.Errorf("the rollout of VmGroup %s is paused, and nothing was changed; first: kubectl vmgroup rollout resume %s -n %s", now.Name, now.Name, now.Namespace)
		case !hasRollouts(now):
			return noRollouts(now)
		case now.Spec.Paused:
			return fmt.Errorf("VmGroup %s is paused, and nothing was changed; set spec.paused to false first", now.Name)
		}
		ownUpdate(own).WithTrigger(trigger)
		return nil
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(inv.out, "VmGroup %s restarted%s; follow it with: kubectl vmgroup rollout status %s -n %s\n", vg.Name, inv.done(), vg.Name, vg.Namespace)
	return nil
}
