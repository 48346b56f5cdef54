package plan

import (
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

func changing(strategy v1alpha1.UpdateStrategy, unavailable int32) func(*v1alpha1.VmGroupSpec) {
	return func(s *v1alpha1.VmGroupSpec) {
		s.Update = &v1alpha1.UpdateSpec{Strategy: strategy, MaxUnavailable: ptr.To(intstr.FromInt32(unavailable))}
	}
}

func memory(gib int32) func(*v1alpha1.VmGroupSpec) {
	return func(s *v1alpha1.VmGroupSpec) { s.Memory = gib }
}

func disk(gib int32) func(*v1alpha1.VmGroupSpec) {
	return func(s *v1alpha1.VmGroupSpec) { s.Disk = ptr.To(gib) }
}

func diskOf(gib int32) func(*vsphere.VM) {
	return func(v *vsphere.VM) { v.DiskBytes = vsphere.GiB(gib) }
}

// linkedOf is a linked clone with a disk of a size.
func linkedOf(gib int32) func(*vsphere.VM) {
	return func(v *vsphere.VM) {
		stamp := *v.Stamp
		stamp.Base = []string{"[ds1] linux/linux.vmdk"}
		v.Stamp, v.DiskBytes = &stamp, vsphere.GiB(gib)
	}
}

func hotAdd(v *vsphere.VM) { v.CPUHotAdd, v.MemoryHotAdd = true, true }

// inPlaceTrajectories are changes of the size of VMs that exist.
func inPlaceTrajectories() map[string]trajectory {
	ifPossible, only := changing(v1alpha1.UpdateInPlaceIfPossible, 1), changing(v1alpha1.UpdateInPlaceOnly, 1)
	onlyHot := changing(v1alpha1.UpdateInPlaceOnly, 0)
	oldTemplate := group(0).Spec.Template
	return map[string]trajectory{
		"in place, while they are on": {running(2), []step{
			{"another size", both(both(changed(0, hotAdd), changed(1, hotAdd)), edited(ifPossible, cpus(4), memory(8))), []string{"reconfigure vm-1"}, "2/2 PENDING Updating"},
			{"nothing happens", nothing, nil, "2/2 PENDING Updating"},
			{"one is done", allEnd, []string{"reconfigure vm-0"}, "2/2 PENDING Updating"},
			{"both are", allEnd, nil, "2/2 READY AllReplicasAvailable"},
		}},
		"in place, off for it": {running(3), []step{
			{"another size", edited(ifPossible, cpus(4)), []string{"power off vm-2"}, "3/3 PENDING Updating"},
			{"nothing happens", nothing, nil, "3/3 PENDING Updating"},
			{"it is off", allEnd, []string{"reconfigure vm-2"}, "2/3 PENDING Updating"},
			{"restart: it goes on", restart, nil, "2/3 PENDING Updating"},
			{"it is changed", allEnd, []string{"power on vm-2"}, "2/3 PENDING Updating"},
			{"it is on: the next", allEnd, []string{"power off vm-1"}, "3/3 PENDING Updating"},
			{"off, and restarted", both(allEnd, restart), []string{"reconfigure vm-1"}, "2/3 PENDING Updating"},
			{"changed", allEnd, []string{"power on vm-1"}, "2/3 PENDING Updating"},
			{"on", allEnd, []string{"power off vm-0"}, "3/3 PENDING Updating"},
			{"off", allEnd, []string{"reconfigure vm-0"}, "2/3 PENDING Updating"},
			{"changed", allEnd, []string{"power on vm-0"}, "2/3 PENDING ScalingUp"},
			{"all are", allEnd, nil, "3/3 READY AllReplicasAvailable"},
		}},
		"in place, the guest shuts down": {running(1), []step{
			{"another size", both(changed(0, tools), edited(ifPossible, graceOf(30), cpus(1))), []string{"shut down vm-0"}, "1/1 PENDING Updating"},
			{"its time is over", passes(30 * time.Second), []string{"power off vm-0"}, "1/1 PENDING Updating"},
			{"it is off", allEnd, []string{"reconfigure vm-0"}, "0/1 PENDING Updating"},
		}},
		"in place, as many as may be off": {running(3), []step{
			{"another size", edited(changing(v1alpha1.UpdateInPlaceIfPossible, 2), cpus(4)), []string{"power off vm-1", "power off vm-2"}, "3/3 PENDING Updating"},
			{"they are off", allEnd, []string{"reconfigure vm-1", "reconfigure vm-2"}, "1/3 PENDING Updating"},
		}},
		"in place, and a new template": {running(2), []step{
			{"both change: new VMs", edited(ifPossible, cpus(4), fromTemplate("new")), []string{"power off vm-1"}, "2/2 PENDING Updating"},
			{"it is off", allEnd, []string{"destroy vm-1"}, "1/2 PENDING Updating"},
			{"it is gone", allEnd, []string{"clone web-0d1f2-1"}, "1/1 PENDING Updating"},
		}},
		"in place, none may be off: what cannot be added is replaced": {running(2), []step{
			{"more CPUs, one takes them", both(changed(0, hotAdd), edited(changing(v1alpha1.UpdateInPlaceIfPossible, 0), cpus(4))), []string{"clone web-0d1f2-2", "reconfigure vm-0"}, "2/2 PENDING Updating"},
			{"the new one is there", allEnd, []string{"power off vm-1"}, "3/3 PENDING Updating"},
		}},
		"only in place: a new template": {running(2), []step{
			{"nothing is replaced", edited(only, fromTemplate("new")), nil, "2/2 ERROR ReplacementRequired"},
			{"the size is changed all the same", edited(cpus(4)), []string{"power off vm-1"}, "2/2 ERROR ReplacementRequired"},
			{"it is off", allEnd, []string{"reconfigure vm-1"}, "1/2 ERROR ReplacementRequired"},
			{"it is changed", allEnd, []string{"power on vm-1"}, "1/2 ERROR ReplacementRequired"},
			{"back to the old template", both(allEnd, edited(fromTemplate(oldTemplate))), []string{"power off vm-0"}, "2/2 PENDING Updating"},
		}},
		"only in place: one is replaced on demand": {running(2), []step{
			{"now", edited(only, marked("instance of vm-0", v1alpha1.DeletionNow)), []string{"power off vm-0"}, "2/2 PENDING Updating"},
			{"it is off", allEnd, []string{"destroy vm-0"}, "1/2 PENDING Updating"},
			{"it is gone", allEnd, []string{"clone web-0d1f2-0"}, "1/1 PENDING ScalingUp"},
		}},
		"only in place, and only while they are on": {running(2), []step{
			{"more CPUs, one takes them", both(changed(0, hotAdd), edited(onlyHot, cpus(4))), []string{"reconfigure vm-0"}, "2/2 PENDING Updating"},
			{"the other waits", allEnd, nil, "2/2 READY AllReplicasAvailable"},
			{"somebody switches it off", changed(1, off), []string{"reconfigure vm-1"}, "1/2 PENDING Updating"},
			{"it is changed", allEnd, []string{"power on vm-1"}, "1/2 PENDING ScalingUp"},
			{"it is on", allEnd, nil, "2/2 READY AllReplicasAvailable"},
		}},
		"in place, refused while it is off": {running(2), []step{
			{"another size", edited(only, cpus(999)), []string{"power off vm-1"}, "2/2 PENDING Updating"},
			{"it is off", allEnd, []string{"reconfigure vm-1"}, "1/2 PENDING Updating"},
			{"refused: it is switched on with what it has", allFail(vsphere.ClassInvalid), []string{"power on vm-1"}, "1/2 ERROR InvalidConfiguration"},
			{"it stays on, and the other too", allEnd, nil, "2/2 ERROR InvalidConfiguration"},
			{"another attempt", passes(10 * time.Minute), []string{"power off vm-1"}, "2/2 ERROR InvalidConfiguration"},
			{"it is off", allEnd, []string{"reconfigure vm-1"}, "1/2 ERROR InvalidConfiguration"},
			{"refused again", allFail(vsphere.ClassInvalid), []string{"power on vm-1"}, "1/2 ERROR InvalidConfiguration"},
			{"no other attempt", both(allEnd, passes(10*time.Minute)), nil, "2/2 ERROR InvalidConfiguration"},
			{"a size that it takes", edited(cpus(4)), []string{"power off vm-1"}, "2/2 PENDING Updating"},
		}},
		"in place, fails while it is off": {running(2), []step{
			{"another size", edited(only, cpus(4)), []string{"power off vm-1"}, "2/2 PENDING Updating"},
			{"it is off", allEnd, []string{"reconfigure vm-1"}, "1/2 PENDING Updating"},
			{"1 failure: it is switched on", allFail(vsphere.ClassTransient), []string{"power on vm-1"}, "1/2 PENDING Retrying"},
			{"it is on, and waits", allEnd, nil, "2/2 PENDING Retrying"},
			{"again", passes(time.Minute), []string{"power off vm-1"}, "2/2 PENDING Retrying"},
			{"it is off: another attempt", allEnd, []string{"reconfigure vm-1"}, "1/2 PENDING Retrying"},
			{"2 failures", both(allFail(vsphere.ClassTransient), allEnd), []string{"power on vm-1"}, "1/2 PENDING Retrying"},
			{"3", both(both(allEnd, passes(time.Hour)), nothing), nil, "2/2 ERROR ProgressDeadlineExceeded"},
		}},
		"in place, hot-add is refused": {running(1), []step{
			{"it seems to be possible", both(changed(0, hotAdd), edited(only, cpus(4))), []string{"reconfigure vm-0"}, "1/1 PENDING Updating"},
			{"it is not: off for it", both(changed(0, func(v *vsphere.VM) { v.CPUHotAdd = false }), allEnd), []string{"power off vm-0"}, "1/1 PENDING Updating"},
			{"it is off", allEnd, []string{"reconfigure vm-0"}, "0/1 PENDING Updating"},
			{"it is changed", allEnd, []string{"power on vm-0"}, "0/1 PENDING ScalingUp"},
		}},
		"in place, a VM that does not come back halts it": {running(2), []step{
			{"VMs have to be ready, another size", edited(toolsMustRun, only, cpus(4)), []string{"power off vm-1"}, "2/2 PENDING Updating"},
			{"it is off", allEnd, []string{"reconfigure vm-1"}, "1/2 PENDING Updating"},
			{"it is changed", allEnd, []string{"power on vm-1"}, "1/2 PENDING Updating"},
			{"it is on, and not ready: the other waits", both(changed(1, noTools), allEnd), nil, "1/2 PENDING Updating"},
			{"the deadline passes", passes(time.Hour), nil, "1/2 ERROR ProgressDeadlineExceeded"},
			{"it is ready after all", changed(1, tools), []string{"power off vm-0"}, "2/2 PENDING Updating"},
		}},
		"a disk grows while its VM is on": {running(2), []step{
			{"a larger disk", both(both(changed(0, diskOf(10)), changed(1, diskOf(10))), edited(ifPossible, disk(20))), []string{"reconfigure vm-1"}, "2/2 PENDING Updating"},
			{"one is done", allEnd, []string{"reconfigure vm-0"}, "2/2 PENDING Updating"},
			{"both are", allEnd, nil, "2/2 READY AllReplicasAvailable"},
			{"somebody grows one: it can only be replaced", changed(0, diskOf(30)), []string{"power off vm-0"}, "2/2 PENDING Updating"},
			{"it is off", allEnd, []string{"destroy vm-0"}, "1/2 PENDING Updating"},
			{"it is gone", allEnd, []string{"clone web-0d1f2-0"}, "1/1 PENDING ScalingUp"},
			{"it is made with the disk that is asked for", allEnd, nil, "2/2 READY AllReplicasAvailable"},
			{"it is asked for no more: nothing", edited(func(s *v1alpha1.VmGroupSpec) { s.Disk = nil }), nil, "2/2 READY AllReplicasAvailable"},
		}},
		"a disk grows with CPUs that cannot be added": {running(1), []step{
			{"off for it", both(changed(0, diskOf(10)), edited(ifPossible, disk(20), cpus(4))), []string{"power off vm-0"}, "1/1 PENDING Updating"},
			{"it is off", allEnd, []string{"reconfigure vm-0"}, "0/1 PENDING Updating"},
			{"both are changed", allEnd, []string{"power on vm-0"}, "0/1 PENDING ScalingUp"},
			{"it is on", allEnd, nil, "1/1 READY AllReplicasAvailable"},
		}},
		"only in place: a disk does not shrink": {running(2), []step{
			{"one is too large", both(both(changed(0, diskOf(30)), changed(1, diskOf(10))), edited(only, disk(20))), []string{"reconfigure vm-1"}, "2/2 ERROR ReplacementRequired"},
			{"the other grows", allEnd, nil, "2/2 ERROR ReplacementRequired"},
			{"not even while it is off", changed(0, off), []string{"power on vm-0"}, "1/2 ERROR ReplacementRequired"},
			{"more is asked for", both(allEnd, edited(disk(30))), []string{"reconfigure vm-1"}, "2/2 PENDING Updating"},
			{"it grows", allEnd, nil, "2/2 READY AllReplicasAvailable"},
		}},
		"only in place: a linked clone's disk does not grow": {running(2), []step{
			{"full clones with a larger disk are asked for", both(both(changed(0, linkedOf(10)), changed(1, diskOf(10))), edited(only, fromTemplate("new"), disk(20))), []string{"reconfigure vm-1"}, "2/2 ERROR ReplacementRequired"},
			{"the full one grows", allEnd, nil, "2/2 ERROR ReplacementRequired"},
			{"not even while it is off", changed(0, off), []string{"power on vm-0"}, "1/2 ERROR ReplacementRequired"},
			{"it may be replaced", both(allEnd, edited(ifPossible)), []string{"power off vm-1"}, "2/2 PENDING Updating"},
		}},
		"a linked clone takes CPUs in place": {running(1), []step{
			{"more CPUs", both(changed(0, linkedOf(10)), edited(ifPossible, cpus(4))), []string{"power off vm-0"}, "1/1 PENDING Updating"},
			{"it is off", allEnd, []string{"reconfigure vm-0"}, "0/1 PENDING Updating"},
		}},
		"a disk whose size nobody knows": {running(2), []step{
			{"a larger disk", both(func(w *world) { w.noDisks = true }, edited(ifPossible, disk(20))), nil, "2/2 READY AllReplicasAvailable"},
			{"they are changed for what is known, and keep their disks", edited(cpus(4)), []string{"power off vm-1"}, "2/2 PENDING Updating"},
			{"it is off", allEnd, []string{"reconfigure vm-1"}, "1/2 PENDING Updating"},
			{"and on", both(allEnd, nothing), []string{"power on vm-1"}, "1/2 PENDING Updating"},
			{"disks are shown again: one grows, and the other is next", both(allEnd, both(changed(0, diskOf(10)), func(w *world) { w.noDisks = false })), []string{"reconfigure vm-1", "power off vm-0"}, "2/2 PENDING Updating"},
		}},
		"in place, scaled down meanwhile": {running(3), []step{
			{"another size", edited(only, cpus(4)), []string{"power off vm-2"}, "3/3 PENDING Updating"},
			{"2 are wanted: the one that is going off goes", scaled(2), nil, "3/3 PENDING Updating"},
			{"it is off", allEnd, []string{"destroy vm-2"}, "2/3 PENDING Updating"},
			{"it is gone", allEnd, []string{"power off vm-1"}, "2/2 PENDING Updating"},
		}},
	}
}
