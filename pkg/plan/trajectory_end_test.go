package plan

import (
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// obstacleTrajectories are what stands in the way of a group as a whole.
func obstacleTrajectories() map[string]trajectory {
	return map[string]trajectory{
		"the template is missing": {fresh(1), []step{
			{"there is none", func(w *world) { w.noTemplate = true }, nil, "0/0 ERROR TemplateNotFound"},
			{"nothing happens", passes(time.Hour), nil, "0/0 ERROR TemplateNotFound"},
			{"it appears", func(w *world) { w.noTemplate = false }, []string{"add finalizer", "make folder", "clone web-0d1f2-0"}, "0/0 PENDING ScalingUp"},
			{"the clone ends", allEnd, nil, "1/1 READY AllReplicasAvailable"},
			{"it goes again, and nobody needs it", func(w *world) { w.noTemplate = true }, nil, "1/1 READY AllReplicasAvailable"},
			{"2 are wanted", scaled(2), nil, "1/1 ERROR TemplateNotFound"},
			{"it appears once more", func(w *world) { w.noTemplate = false }, []string{"clone web-0d1f2-1"}, "1/1 PENDING ScalingUp"},
			{"it goes while that clone runs", func(w *world) { w.noTemplate = true }, nil, "1/2 PENDING ScalingUp"},
			{"the clone ends", allEnd, nil, "2/2 READY AllReplicasAvailable"},
			{"a VM is lost", destroyed(1), nil, "1/1 ERROR TemplateNotFound"},
			{"0 are wanted: removal needs no template", scaled(0), []string{"power off vm-0"}, "1/1 PENDING ScalingDown"},
		}},
		"a value that is refused": {fresh(1), []step{
			{"a clone is sent", nothing, []string{"add finalizer", "make folder", "clone web-0d1f2-0"}, "0/0 PENDING ScalingUp"},
			{"it is refused", allFail(vsphere.ClassInvalid), nil, "0/0 ERROR InvalidConfiguration"},
			{"it is not asked again soon", passes(time.Minute), nil, "0/0 ERROR InvalidConfiguration"},
			{"another spec is tried at once", func(w *world) { w.group.Spec.CPU = 1 }, []string{"clone web-0d1f2-0"}, "0/0 PENDING ScalingUp"},
			{"it ends", allEnd, []string(nil), "1/1 READY AllReplicasAvailable"},
		}},
		"no room": {fresh(3), []step{
			{"3 are wanted", nothing, []string{"add finalizer", "make folder", "clone web-0d1f2-0", "clone web-0d1f2-1", "clone web-0d1f2-2"}, "0/0 PENDING ScalingUp"},
			{"there is room for one", both(ends(0, ""), allFail(vsphere.ClassExhausted)), nil, "1/1 PENDING ResourceExhausted"},
			{"that is waited out: one is tried", passes(2 * time.Minute), []string{"clone web-0d1f2-1"}, "1/1 PENDING ResourceExhausted"},
			{"it is under way: no other", nothing, nil, "1/2 PENDING ResourceExhausted"},
			{"there is no room yet", allFail(vsphere.ClassExhausted), nil, "1/1 PENDING ResourceExhausted"},
			{"the interval has doubled", passes(2 * time.Minute), nil, "1/1 PENDING ResourceExhausted"},
			{"one is tried", passes(2 * time.Minute), []string{"clone web-0d1f2-1"}, "1/1 PENDING ResourceExhausted"},
			{"there is room again", allEnd, []string{"clone web-0d1f2-2"}, "2/2 PENDING ScalingUp"},
			{"all is there", allEnd, nil, "3/3 READY AllReplicasAvailable"},
		}},
		"vCenter is away": {running(2), []step{
			{"nothing is known", loseView, nil, "2/2 PENDING VCenterUnreachable"},
			{"0 are wanted", scaled(0), nil, "2/2 PENDING VCenterUnreachable"},
			{"2 are wanted, and it is back", both(scaled(2), regain), nil, "2/2 READY AllReplicasAvailable"},
		}},
		"another vCenter answers": {running(2), []step{
			{"an empty one", func(w *world) { w.vCenter, w.hidden = "vcenter-2", map[vsphere.Ref]bool{"vm-0": true, "vm-1": true} }, nil, "2/2 ERROR VCenterChanged"},
			{"the group is deleted", deleted, nil, "2/2 ERROR VCenterChanged"},
			{"the first is back", func(w *world) { w.vCenter, w.hidden = "vcenter-1", nil }, []string{"power off vm-0", "power off vm-1"}, "2/2 PENDING Deleting"},
		}},
		"the root folder is lost": {running(1), []step{
			{"with all VMs", func(w *world) { w.root, w.folder, w.vms = false, "", nil }, nil, "0/0 ERROR RootFolderLost"},
			{"nothing is made anew", passes(time.Hour), nil, "0/0 ERROR RootFolderLost"},
			{"somebody has made an empty one", func(w *world) { w.root = true }, []string{"make folder", "clone web-0d1f2-0"}, "0/0 PENDING ScalingUp"},
			{"the clone ends", allEnd, nil, "1/1 READY AllReplicasAvailable"},
		}},
		"the group's folder is removed": {running(1), []step{
			{"its VM was moved before", func(w *world) { changed(0, moved)(w); w.folder = "" }, nil, "1/1 READY AllReplicasAvailable"},
			{"another vCenter is still noticed", func(w *world) { w.vCenter = "vcenter-2" }, nil, "1/1 ERROR VCenterChanged"},
			{"2 are wanted in the first", both(scaled(2), func(w *world) { w.vCenter = "vcenter-1" }), []string{"make folder", "clone web-0d1f2-1"}, "1/1 PENDING ScalingUp"},
		}},
		"paused": {running(2), []step{
			{"at rest", pause, nil, "2/2 READY AllReplicasAvailable"},
			{"a VM is powered off", changed(0, off), []string{"held: Paused"}, "1/2 PENDING Paused"},
			{"and it is deleted", deleted, []string{"held: Paused"}, "1/2 PENDING Paused"},
			{"it may go on", unpause, []string{"power off vm-1", "destroy vm-0"}, "1/2 PENDING Deleting"},
		}},
		"read-only": {fresh(1), []step{
			{"nothing is made", func(w *world) { w.readOnly = true }, []string{"held: ReadOnly"}, "0/0 PENDING ReadOnly"},
			{"it may write", func(w *world) { w.readOnly = false }, []string{"add finalizer", "make folder", "clone web-0d1f2-0"}, "0/0 PENDING ScalingUp"},
			{"read-only again, 0 are wanted", both(scaled(0), func(w *world) { w.readOnly = true }), []string{"held: ReadOnly"}, "0/1 PENDING ReadOnly"},
			{"the clone ends all the same", allEnd, []string{"held: ReadOnly"}, "1/1 PENDING ReadOnly"},
		}},
	}
}

// endTrajectories are how groups go.
func endTrajectories() map[string]trajectory {
	orphan := func(w *world) { orphaning(w.group) }
	return map[string]trajectory{
		"deleted": {running(2), []step{
			{"its VMs are powered off", deleted, []string{"power off vm-0", "power off vm-1"}, "2/2 PENDING Deleting"},
			{"one is off", func(w *world) { w.end(w.tasks[0], "") }, []string{"destroy vm-0"}, "1/2 PENDING Deleting"},
			{"the other as well", allEnd, []string{"destroy vm-1"}, "0/1 PENDING Deleting"},
			{"they are gone", allEnd, []string{"remove folder group-1", "remove finalizer"}, "gone"},
		}},
		"deleted while clones run": {fresh(2), []step{
			{"2 are wanted", nothing, []string{"add finalizer", "make folder", "clone web-0d1f2-0", "clone web-0d1f2-1"}, "0/0 PENDING ScalingUp"},
			{"deleted", deleted, []string{"cancel web-0d1f2-1", "cancel web-0d1f2-0"}, "0/2 PENDING Deleting"},
			{"one is cancelled, one appears", both(ends(0, vsphere.ClassTransient), ends(1, "")), []string{"power off vm-1"}, "1/1 PENDING Deleting"},
			{"it is off", allEnd, []string{"destroy vm-1"}, "0/1 PENDING Deleting"},
			{"it is gone", allEnd, []string{"remove folder group-1", "remove finalizer"}, "gone"},
		}},
		"deleted while clones of an earlier process run": {fresh(1), []step{
			{"1 is wanted", nothing, []string{"add finalizer", "make folder", "clone web-0d1f2-0"}, "0/0 PENDING ScalingUp"},
			{"restart, and deleted", both(restart, deleted), nil, "0/0 PENDING Deleting"},
			{"the clone ends", allEnd, []string{"power off vm-0"}, "1/1 PENDING Deleting"},
			{"it is off", allEnd, []string{"destroy vm-0"}, "0/1 PENDING Deleting"},
			{"it is gone", allEnd, []string{"remove folder group-1", "remove finalizer"}, "gone"},
		}},
		"deleted, a VM is out of reach": {running(1), []step{
			{"its host is away", both(changed(0, disconnected), deleted), nil, "0/1 PENDING VMUnreachable"},
			{"vCenter is away, too", loseView, nil, "0/1 PENDING VCenterUnreachable"},
			{"all are back", both(regain, changed(0, connected)), []string{"power off vm-0"}, "1/1 PENDING Deleting"},
		}},
		"deleted, a VM lies outside the root folder": {running(2), []step{
			{"the other goes", both(changed(0, outside), deleted), []string{"power off vm-1"}, "2/2 ERROR VMOutsideRoot"},
			{"it is off", allEnd, []string{"destroy vm-1"}, "1/2 ERROR VMOutsideRoot"},
			{"folder and finalizer stay", allEnd, nil, "1/1 ERROR VMOutsideRoot"},
			{"it is back", changed(0, inside), []string{"power off vm-0"}, "1/1 PENDING Deleting"},
			{"it is off", allEnd, []string{"destroy vm-0"}, "0/1 PENDING Deleting"},
			{"it is gone", allEnd, []string{"remove folder group-1", "remove finalizer"}, "gone"},
		}},
		"deleted, a VM lies outside the root folder, and is left there": {running(1), []step{
			{"it holds the finalizer", both(changed(0, outside), deleted), nil, "1/1 ERROR VMOutsideRoot"},
			{"let go", orphan, []string{"let go"}, "gone"},
		}},
		"deleted, a VM cannot be destroyed": {running(1), []step{
			{"it is powered off", deleted, []string{"power off vm-0"}, "1/1 PENDING Deleting"},
			{"it is off", allEnd, []string{"destroy vm-0"}, "0/1 PENDING Deleting"},
			{"it has a foreign disk", allFail(vsphere.ClassInvalid), nil, "0/1 ERROR InvalidConfiguration"},
			{"that is waited out", passes(5 * time.Minute), []string{"destroy vm-0"}, "0/1 ERROR InvalidConfiguration"},
			{"the disk is detached", allEnd, []string{"remove folder group-1", "remove finalizer"}, "gone"},
		}},
		"deleted, something foreign stays": {running(1), []step{
			{"a VM, a copy and a template", func(w *world) {
				for _, v := range []vsphere.VM{vm(1, foreign, named("db")), vm(0, copied, ref("vm-copy"), named("mine")), vm(2, template)} {
					appears(v)(w)
				}
				w.delete()
			}, []string{"power off vm-0"}, "1/1 PENDING Deleting"},
			{"ours is off", allEnd, []string{"destroy vm-0"}, "0/1 PENDING Deleting"},
			{"ours is gone, the folder stays", allEnd, []string{"remove finalizer"}, "gone"},
		}},
		"deleted, and leaves its VMs": {running(2), []step{
			{"let go", both(orphan, deleted), []string{"let go"}, "gone"},
		}},
		"deleted, and leaves its VMs to whatever vCenter": {running(2), []step{
			{"vCenter is away", both(loseView, deleted), nil, "2/2 PENDING VCenterUnreachable"},
			{"let go", orphan, []string{"let go"}, "gone"},
		}},
		"deleted before anything was made": {fresh(0), []step{
			{"it never had a finalizer", deleted, nil, "gone"},
		}},
		"the finalizer is stripped": {running(1), []step{
			{"from a group that lives: it is added again", func(w *world) { w.group.Finalizers = nil }, []string{"add finalizer"}, "1/1 READY AllReplicasAvailable"},
			{"also from one that is paused", func(w *world) { pause(w); w.group.Finalizers = nil }, []string{"add finalizer"}, "1/1 READY AllReplicasAvailable"},
			{"from one that is being deleted: past our reach", func(w *world) {
				w.delete()
				w.group.Finalizers = []string{"somebody/else"}
			}, nil, "1/1 READY AllReplicasAvailable"},
		}},
	}
}
