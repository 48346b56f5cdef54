package faults

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
)

// minute is a deadline of the shortest length that there is. At full speed it passes in 600 ms: a rollout may halt for a moment
// because of what goes wrong in a plan, too, and goes on by itself.
const minute = 60

// replacing is an update strategy.
func replacing(surge, unavailable int32) *v1alpha1.UpdateSpec {
	return &v1alpha1.UpdateSpec{
		Strategy: v1alpha1.UpdateReplace, MaxSurge: ptr.To(intstr.FromInt32(surge)), MaxUnavailable: ptr.To(intstr.FromInt32(unavailable)),
	}
}

// marked says of a VM when it is to be destroyed.
func marked(vm control.VM, deletion v1alpha1.MemberDeletion) func(*v1alpha1.VmGroup) {
	return func(vg *v1alpha1.VmGroup) {
		vg.Spec.Members = []v1alpha1.MemberSpec{{Instance: vm.InstanceUUID, Deletion: deletion}}
	}
}

// guests says how the guests behave of VMs that are switched on from now on.
func (r *run) guests(g control.Guest) {
	r.T.Helper()
	harness.Must(r.T, r.VCenter.Control.SetUsualGuest(r.T.Context(), g))
}

// createdFrom makes the group as it is given, starts a controller, and waits until its VMs are there.
func (r *run) createdFrom(vg *v1alpha1.VmGroup) *v1alpha1.VmGroup {
	r.Create(vg)
	r.start()
	return r.settled(*vg.Spec.Replicas)
}

// rollingOut makes the group, and replaces its VMs by those of another template and size.
func (r *run) rollingOut(surge, unavailable int32) {
	vg := r.Group(group, 2)
	vg.Spec.Update = replacing(surge, unavailable)
	r.createdFrom(vg)
	r.Update(group, func(vg *v1alpha1.VmGroup) { vg.Spec.Template, vg.Spec.CPU = newTemplate, 2 })
	r.settled(2)
}

// halting rolls out what never becomes ready, until the rollout halts. Then the spec is corrected, and all VMs are replaced, the
// bad one too.
func (r *run) halting() {
	vg := r.Group(group, 1)
	vg.Spec.Update = replacing(1, 0)
	vg.Spec.Update.ProgressDeadlineSeconds = ptr.To[int32](minute)
	vg.Spec.Readiness = &v1alpha1.ReadinessSpec{Type: v1alpha1.ReadyToolsRunning}
	r.guests(control.Guest{Tools: true})
	r.createdFrom(vg)
	r.guests(control.Guest{})
	r.Update(group, func(vg *v1alpha1.VmGroup) { vg.Spec.Template = newTemplate })
	r.stalled(v1alpha1.ReasonProgressDeadlineExceeded)
	r.guests(control.Guest{Tools: true})
	r.Update(group, func(vg *v1alpha1.VmGroup) { vg.Spec.Template, vg.Spec.CPU = harness.Template, 2 })
	r.settled(1)
}

// protecting protects the VM that would go first, in a rollout and in a scale-down.
func (r *run) protecting() {
	vg := r.Group(group, 2)
	vg.Spec.Update = replacing(1, 0)
	vms := r.VMs(r.createdFrom(vg))
	kept := vms[len(vms)-1]
	r.Update(group, marked(kept, v1alpha1.DeletionNever))
	r.Update(group, func(vg *v1alpha1.VmGroup) { vg.Spec.CPU = 2 })
	r.settled(2)
	r.Scale(group, 1)
	left := r.VMs(r.settled(1))
	if left[0].MoRef != kept.MoRef {
		r.T.Errorf("%s is left, and %s was protected", left[0].Name, kept.Name)
	}
}

// replacingOne replaces one VM of a group that replaces none by itself.
func (r *run) replacingOne() {
	vms := r.VMs(r.created(2))
	r.Update(group, marked(vms[0], v1alpha1.DeletionNow))
	for _, vm := range r.VMs(r.settled(2)) {
		if vm.MoRef == vms[0].MoRef {
			r.T.Errorf("%s is left, and was to be replaced", vm.Name)
		}
	}
}

// hanging replaces a VM, and deletes the group, whose guests ignore that they are to shut down: their VMs are switched off.
func (r *run) hanging() {
	vg := r.Group(group, 1)
	vg.Spec.Update = replacing(0, 1)
	vg.Spec.Readiness = &v1alpha1.ReadinessSpec{Type: v1alpha1.ReadyToolsRunning}
	vg.Spec.Power = &v1alpha1.PowerSpec{GracePeriodSeconds: ptr.To[int32](minute)}
	r.guests(control.Guest{Tools: true, IgnoreShutdown: true})
	r.createdFrom(vg)
	r.Update(group, func(vg *v1alpha1.VmGroup) { vg.Spec.CPU = 2 })
	r.settled(1)
	r.gone()
}

// resizing gives VMs another size, with a larger disk. They stay the VMs that they are.
func (r *run) resizing(hot bool) {
	harness.Must(r.T, r.VCenter.Control.SetHotAdd(r.T.Context(), harness.Template, hot, hot))
	vg := r.Group(group, 2)
	vg.Spec.Update = &v1alpha1.UpdateSpec{Strategy: v1alpha1.UpdateInPlaceOnly}
	before := r.VMs(r.createdFrom(vg))
	r.Update(group, func(vg *v1alpha1.VmGroup) { vg.Spec.CPU, vg.Spec.Memory, vg.Spec.Disk = 2, 2, ptr.To[int32](20) })
	for i, vm := range r.VMs(r.settled(2)) {
		if vm.NumCPU != 2 || vm.MemoryMB != 2048 || vm.FirstDiskKiB() != 20<<20 || vm.MoRef != before[i].MoRef {
			r.T.Errorf("%s has %d CPUs, %d MiB and a disk of %d KiB, and was %s", vm.Name, vm.NumCPU, vm.MemoryMB, vm.FirstDiskKiB(), before[i].MoRef)
		}
	}
}

// partitioning updates one of two VMs, and loses the other: it is made again from the old template.
func (r *run) partitioning() {
	vg := r.Group(group, 2)
	vg.Spec.Update = replacing(0, 1)
	vg.Spec.Update.Partition = ptr.To(intstr.FromInt32(1))
	r.createdFrom(vg)
	r.Update(group, func(vg *v1alpha1.VmGroup) { vg.Spec.Template, vg.Spec.CPU = newTemplate, 2 })
	vms := r.VMs(r.settled(2))
	harness.Must(r.T, r.VCenter.Control.DestroyVM(r.T.Context(), vms[0].MoRef))
	r.settled(2)
	r.Update(group, func(vg *v1alpha1.VmGroup) { vg.Spec.Update.Partition = ptr.To(intstr.FromInt32(0)) })
	for _, vm := range r.VMs(r.settled(2)) {
		if vm.NumCPU != 2 {
			r.T.Errorf("%s is not updated", vm.Name)
		}
	}
}

// completing shuts a guest down from inside. Its VM is made anew, or powered on if the controller cannot know any more that it had
// been ready.
func (r *run) completing() {
	vg := r.Group(group, 2)
	vg.Spec.Power = &v1alpha1.PowerSpec{OnPowerOff: ptr.To(v1alpha1.OnPowerOffReplace)}
	vms := r.VMs(r.createdFrom(vg))
	harness.Must(r.T, r.VCenter.Control.PowerOff(r.T.Context(), vms[0].MoRef))
	r.settled(2)
}

// unhealthy has a VM whose guest does not come up after it was made. It is made anew until one does.
func (r *run) unhealthy() {
	vg := r.Group(group, 2)
	vg.Spec.Readiness = &v1alpha1.ReadinessSpec{Type: v1alpha1.ReadyToolsRunning}
	vg.Spec.Health = &v1alpha1.HealthSpec{Action: v1alpha1.HealthReplace, StartupTimeoutSeconds: ptr.To[int32](minute)}
	r.guests(control.Guest{Tools: true})
	vg = r.createdFrom(vg)
	vms := r.VMs(vg)
	r.guests(control.Guest{})
	harness.Must(r.T, r.VCenter.Control.DestroyVM(r.T.Context(), vms[0].MoRef))
	r.told(v1alpha1.VMNotReady)
	for _, vm := range r.VMs(vg) { // it does not come up by being powered on again, as by a process that starts meanwhile
		if vm.MoRef != vms[1].MoRef {
			harness.Must(r.T, r.VCenter.Control.SetGuest(r.T.Context(), vm.MoRef, control.Guest{}))
		}
	}
	r.guests(control.Guest{Tools: true})
	r.settled(2)
}

// stalled waits until the group says that somebody has to act, and why.
func (r *run) stalled(reason string) {
	r.ends++
	r.Phase(group, v1alpha1.PhaseError, func(vg *v1alpha1.VmGroup) error {
		for _, c := range vg.Status.Conditions {
			if c.Type == v1alpha1.ConditionStalled && c.Reason == reason {
				return r.idle()
			}
		}
		return fmt.Errorf("it is stalled for another reason: %s", vg.Status.Message)
	})
}
