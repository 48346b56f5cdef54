package plan

import (
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// healTrajectories are what people and hosts do to VMs.
func healTrajectories() map[string]trajectory {
	return map[string]trajectory{
		"a VM is destroyed": {running(3), []step{
			{"it is gone", destroyed(1), []string{"clone web-0d1f2-1"}, "2/2 PENDING ScalingUp"},
			{"the new one is there", allEnd, nil, "3/3 READY AllReplicasAvailable"},
		}},
		"a VM is powered off": {running(2), []step{
			{"it is off", changed(1, off), []string{"power on vm-1"}, "1/2 PENDING ScalingUp"},
			{"nothing happens", nothing, nil, "1/2 PENDING ScalingUp"},
			{"it cannot be powered on", allFail(vsphere.ClassTransient), nil, "1/2 PENDING Retrying"},
			{"that is waited out", passes(time.Second), []string{"power on vm-1"}, "1/2 PENDING Retrying"},
			{"it is on", allEnd, nil, "2/2 READY AllReplicasAvailable"},
		}},
		"a VM that fails again and again": {running(2), []step{
			{"it is off", changed(0, off), []string{"power on vm-0"}, "1/2 PENDING ScalingUp"},
			{"it cannot be powered on", allFail(vsphere.ClassTransient), nil, "1/2 PENDING Retrying"},
			{"another is off: it does not wait behind the first", both(passes(time.Second), changed(1, off)), []string{"power on vm-1", "power on vm-0"}, "0/2 PENDING Retrying"},
		}},
		"a guest switches itself off": {running(2), []step{
			{"once: as if by hand, at once", changed(1, off), []string{"power on vm-1"}, "1/2 PENDING ScalingUp"},
			{"it is on", allEnd, nil, "2/2 READY AllReplicasAvailable"},
			{"it is off again", changed(1, off), nil, "1/2 PENDING CrashLoopBackOff"},
			{"after 10 s", passes(10 * time.Second), []string{"power on vm-1"}, "1/2 PENDING ScalingUp"},
			{"it is on, and off again", both(allEnd, changed(1, off)), nil, "1/2 PENDING CrashLoopBackOff"},
			{"20 s are not over", passes(19 * time.Second), nil, "1/2 PENDING CrashLoopBackOff"},
			{"another is switched off by hand: at once", changed(0, off), []string{"power on vm-0"}, "0/2 PENDING CrashLoopBackOff"},
			{"after 20 s", both(allEnd, passes(time.Second)), []string{"power on vm-1"}, "1/2 PENDING ScalingUp"},
			{"it stays on for long", both(allEnd, passes(time.Hour)), nil, "2/2 READY AllReplicasAvailable"},
			{"it is off again: a new row", changed(1, off), []string{"power on vm-1"}, "1/2 PENDING ScalingUp"},
			{"it is on, and off again", both(allEnd, changed(1, off)), nil, "1/2 PENDING CrashLoopBackOff"},
			{"1 is wanted: removal does not wait", scaled(1), []string{"destroy vm-1"}, "1/2 PENDING ScalingDown"},
		}},
		"a guest switches itself off, and a restart": {running(1), []step{
			{"once", changed(0, off), []string{"power on vm-0"}, "0/1 PENDING ScalingUp"},
			{"twice", both(allEnd, changed(0, off)), nil, "0/1 PENDING CrashLoopBackOff"},
			{"restart: a quick try", restart, []string{"power on vm-0"}, "0/1 PENDING ScalingUp"},
			{"deleted: removal does not wait", both(allEnd, both(changed(0, off), deleted)), []string{"destroy vm-0"}, "0/1 PENDING Deleting"},
		}},
		"a power on is refused": {running(2), []step{
			{"it is off", changed(1, off), []string{"power on vm-1"}, "1/2 PENDING ScalingUp"},
			{"it is refused", allFail(vsphere.ClassInvalid), nil, "1/2 ERROR InvalidConfiguration"},
			{"it is not asked again soon", passes(time.Minute), nil, "1/2 ERROR InvalidConfiguration"},
			{"an edit: at once", scaled(2), []string{"power on vm-1"}, "1/2 PENDING ScalingUp"},
			{"it is refused again", allFail(vsphere.ClassInvalid), nil, "1/2 ERROR InvalidConfiguration"},
			{"that edit is used up", passes(time.Minute), nil, "1/2 ERROR InvalidConfiguration"},
			{"that is waited out", passes(4 * time.Minute), []string{"power on vm-1"}, "1/2 ERROR InvalidConfiguration"},
		}},
		"a VM is moved": {running(2), []step{
			{"it is elsewhere, and keeps its slot", changed(0, moved), nil, "2/2 READY AllReplicasAvailable"},
			{"3 are wanted", scaled(3), []string{"clone web-0d1f2-2"}, "2/2 PENDING ScalingUp"},
			{"0 are wanted: it goes as well", both(allEnd, scaled(0)), []string{"power off vm-2", "power off vm-1", "power off vm-0"}, "3/3 PENDING ScalingDown"},
		}},
		"a VM is moved out of the root folder": {running(3), []step{
			{"it keeps its slot", changed(0, outside), nil, "3/3 READY AllReplicasAvailable"},
			{"1 is wanted: it is chosen, and another", scaled(1), []string{"power off vm-2"}, "3/3 ERROR VMOutsideRoot"},
			{"that one is off", allEnd, []string{"destroy vm-2"}, "2/3 ERROR VMOutsideRoot"},
			{"no other goes in its place", both(allEnd, passes(time.Hour)), nil, "2/2 ERROR VMOutsideRoot"},
			{"it is switched off by hand", changed(0, off), nil, "1/2 ERROR VMOutsideRoot"},
			{"it is back", changed(0, inside), []string{"destroy vm-0"}, "1/2 PENDING ScalingDown"},
			{"it is gone", allEnd, nil, "1/1 READY AllReplicasAvailable"},
		}},
		"a VM outside the root folder is off": {running(2), []step{
			{"it is moved and off", both(changed(0, outside), changed(0, off)), nil, "1/2 ERROR VMOutsideRoot"},
			{"3 are wanted: others go on", scaled(3), []string{"clone web-0d1f2-2"}, "1/2 ERROR VMOutsideRoot"},
			{"it is back", both(allEnd, changed(0, inside)), []string{"power on vm-0"}, "2/3 PENDING ScalingUp"},
			{"it is on", allEnd, nil, "3/3 READY AllReplicasAvailable"},
		}},
		"somebody puts our stamp on another VM outside the root folder": {running(2), []step{
			{"it counts, and costs the group none of its own", appears(vm(1, outside, ref("vm-impostor"), named("db"))), nil, "3/3 ERROR VMOutsideRoot"},
			{"it is switched off", altered("vm-impostor", off), nil, "2/3 ERROR VMOutsideRoot"},
			{"a VM of the group's is lost", destroyed(0), nil, "1/2 ERROR VMOutsideRoot"},
			{"the stamp is taken off", disappears("vm-impostor"), []string{"clone web-0d1f2-0"}, "1/1 PENDING ScalingUp"},
		}},
		"a host is away": {running(2), []step{
			{"its VM counts", changed(1, disconnected), nil, "1/2 PENDING ReplicasUnavailable"},
			{"it is back", changed(1, connected), nil, "2/2 READY AllReplicasAvailable"},
		}},
		"a permission is lost": {running(2), []step{
			{"the VM counts", changed(1, unreadable), nil, "1/2 PENDING ReplicasUnavailable"},
			{"1 is wanted: it is chosen", scaled(1), nil, "1/2 PENDING VMUnreachable"},
			{"it is given back", changed(1, readable), []string{"power off vm-1"}, "2/2 PENDING ScalingDown"},
		}},
		"a victim is out of reach": {running(3), []step{
			{"a host is away", changed(0, disconnected), nil, "2/3 PENDING ReplicasUnavailable"},
			{"2 are wanted: its VM is chosen", scaled(2), nil, "2/3 PENDING VMUnreachable"},
			{"it stays chosen", passes(time.Hour), nil, "2/3 PENDING VMUnreachable"},
			{"3 are wanted", scaled(3), nil, "2/3 PENDING ReplicasUnavailable"},
			{"2 are wanted, and another goes wrong", both(scaled(2), changed(1, off)), []string{"power on vm-1"}, "1/3 PENDING VMUnreachable"},
			{"all is well again", both(allEnd, changed(0, connected)), []string{"power off vm-2"}, "3/3 PENDING ScalingDown"},
		}},
		"somebody copies a VM": {running(1), []step{
			{"the copy is left alone", appears(vm(0, copied, ref("vm-copy"), named("mine"))), nil, "1/1 READY AllReplicasAvailable"},
			{"0 are wanted: also then", scaled(0), []string{"power off vm-0"}, "1/1 PENDING ScalingDown"},
			{"the original is off", allEnd, []string{"destroy vm-0"}, "0/1 PENDING ScalingDown"},
			{"it is gone, the copy is not", allEnd, nil, "0/0 READY AllReplicasAvailable"},
		}},
		"somebody copies a VM under the name of a slot": {running(1), []step{
			{"nobody knows which is which", appears(vm(0, copied, ref("vm-copy"), named("web-0d1f2-1"))), nil, "1/1 ERROR InstanceMismatch"},
			{"2 are wanted: nothing more is cloned", scaled(2), nil, "1/1 ERROR InstanceMismatch"},
			{"somebody has looked", disappears("vm-copy"), []string{"clone web-0d1f2-1"}, "1/1 PENDING ScalingUp"},
		}},
		"a VM is made a template, and back": {running(2), []step{
			{"another takes its place, in another slot", changed(1, template), []string{"clone web-0d1f2-2"}, "1/1 PENDING ScalingUp"},
			{"it is there", allEnd, nil, "2/2 READY AllReplicasAvailable"},
			{"the template is a VM again: too many", changed(1, vmAgain), []string{"destroy vm-1"}, "2/3 PENDING ScalingDown"},
			{"it is gone", allEnd, nil, "2/2 READY AllReplicasAvailable"},
		}},
		"a foreign VM under the name of a slot": {running(1), []step{
			{"it is left alone", appears(vm(1, foreign)), nil, "1/1 READY AllReplicasAvailable"},
			{"2 are wanted: the next slot", scaled(2), []string{"clone web-0d1f2-2"}, "1/1 PENDING ScalingUp"},
			{"it is there", allEnd, nil, "2/2 READY AllReplicasAvailable"},
		}},
		"an invisible object has the name of a slot": {running(1), []step{
			{"2 are wanted", both(scaled(2), appears(vm(1, foreign))), []string{"clone web-0d1f2-2"}, "1/1 PENDING ScalingUp"},
			{"it cannot be seen, and the clone has failed", func(w *world) {
				w.hidden["vm-1"] = true
				ends(2, vsphere.ClassTransient)(w)
			}, nil, "1/1 PENDING Retrying"},
			{"its name is tried", passes(time.Second), []string{"clone web-0d1f2-1"}, "1/1 PENDING Retrying"},
			{"its name is in use: perhaps by one of ours", nothing, nil, "1/2 PENDING Retrying"},
			{"that is waited out", passes(4 * time.Second), nil, "1/2 PENDING Retrying"},
			{"the name is tried again", passes(time.Second), []string{"clone web-0d1f2-1"}, "1/1 PENDING Retrying"},
			{"the interval doubles", passes(5 * time.Second), nil, "1/2 PENDING Retrying"},
			{"it is gone", both(passes(5*time.Second), disappears("vm-1")), []string{"clone web-0d1f2-1"}, "1/1 PENDING Retrying"},
			{"ours is there", allEnd, nil, "2/2 READY AllReplicasAvailable"},
		}},
	}
}
