package plan

import (
	"slices"

	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

func withPartition(n int32) func(*v1alpha1.VmGroupSpec) {
	return func(s *v1alpha1.VmGroupSpec) { s.Update.Partition = ptr.To(intstr.FromInt32(n)) }
}

// earlierTemplatesGone lets the templates of earlier revisions be gone.
func earlierTemplatesGone(w *world) { w.keptGone = true }

func earlierTemplatesBack(w *world) { w.keptGone = false }

// recordRemoved lets somebody delete the record of a revision.
func recordRemoved(template string) func(*world) {
	return func(w *world) {
		w.revisions = slices.DeleteFunc(w.revisions, func(r Revision) bool { return r.Template == template })
	}
}

// everyVM lets somebody change all VMs.
func everyVM(change func(*vsphere.VM)) func(*world) {
	return func(w *world) {
		for i := range w.vms {
			change(&w.vms[i])
		}
	}
}

// canary is a group of 3 that rests with one VM of the new template: vm-0 and vm-1 are of the old one.
func canary() *world {
	w := running(3)()
	edited(replacing(0, 1), withPartition(2))(w)
	w.sync()
	edited(fromTemplate("new"))(w)
	for range 4 {
		w.sync()
		w.endAll()
	}
	w.sync()
	return w
}

// partitionTrajectories are rollouts that rest at spec.update.partition.
func partitionTrajectories() map[string]trajectory {
	oldTemplate := group(0).Spec.Template
	const old, fresh = `record "golden" with 2 CPUs`, `record "new" with 2 CPUs`
	return map[string]trajectory{
		"a rollout rests at the partition": {running(3), []step{
			{"a partition: what VMs are made from is recorded", edited(replacing(0, 1), withPartition(2)), []string{old}, "3/3 READY AllReplicasAvailable"},
			{"once", nothing, nil, "3/3 READY AllReplicasAvailable"},
			{"a new template: the highest slot goes", edited(fromTemplate("new")), []string{fresh, "power off vm-2"}, "3/3 PENDING Updating"},
			{"it is off", allEnd, []string{"destroy vm-2"}, "2/3 PENDING Updating"},
			{"it is gone", allEnd, []string{"clone web-0d1f2-2"}, "2/2 PENDING ScalingUp"},
			{"it is made: that is all", allEnd, nil, "3/3 READY AllReplicasAvailable"},
			{"restart: nothing", restart, nil, "3/3 READY AllReplicasAvailable"},
			{"lower: the next one", edited(withPartition(1)), []string{"power off vm-1"}, "3/3 PENDING Updating"},
			{"off", allEnd, []string{"destroy vm-1"}, "2/3 PENDING Updating"},
			{"gone", allEnd, []string{"clone web-0d1f2-1"}, "2/2 PENDING ScalingUp"},
			{"0: the last one", both(allEnd, edited(withPartition(0))), []string{"power off vm-0"}, "3/3 PENDING Updating"},
			{"off", allEnd, []string{"destroy vm-0"}, "2/3 PENDING Updating"},
			{"gone", allEnd, []string{"clone web-0d1f2-0"}, "2/2 PENDING ScalingUp"},
			{"all are new: the old revision is forgotten", allEnd, []string{"forget revision-5"}, "3/3 READY AllReplicasAvailable"},
			{"no partition: there is no history", edited(replacing(0, 1)), []string{"forget revision-6"}, "3/3 READY AllReplicasAvailable"},
		}},
		"with a surge": {running(3), []step{
			{"a partition", edited(replacing(1, 0), withPartition(2)), []string{old}, "3/3 READY AllReplicasAvailable"},
			{"a new template", edited(fromTemplate("new")), []string{fresh, "clone web-0d1f2-3"}, "3/3 PENDING Updating"},
			{"one of the old ones goes that the partition does not keep", allEnd, []string{"power off vm-2"}, "4/4 PENDING Updating"},
			{"off", allEnd, []string{"destroy vm-2"}, "3/4 PENDING Updating"},
			{"gone", allEnd, nil, "3/3 READY AllReplicasAvailable"},
		}},
		"what is lost is made again as it was": {canary, []step{
			{"an old one", destroyed(1), []string{"clone web-0d1f2-1"}, "2/2 PENDING ScalingUp"},
			{"it is of the old template, and stays", allEnd, nil, "3/3 READY AllReplicasAvailable"},
			{"all of them", both(destroyed(0), destroyed(1)), []string{"clone web-0d1f2-0", "clone web-0d1f2-1"}, "1/1 PENDING ScalingUp"},
			{"they are, too", allEnd, nil, "3/3 READY AllReplicasAvailable"},
			{"the new one", destroyed(2), []string{"clone web-0d1f2-2"}, "2/2 PENDING ScalingUp"},
			{"it is of the new one", allEnd, nil, "3/3 READY AllReplicasAvailable"},
			{"an old one, and more are wanted", both(destroyed(0), scaled(4)), []string{"clone web-0d1f2-0", "clone web-0d1f2-3"}, "2/2 PENDING ScalingUp"},
			{"2 of 4 are old", allEnd, nil, "4/4 READY AllReplicasAvailable"},
			{"2 are wanted: the old ones stay", scaled(2), []string{"power off vm-3", "power off vm-2.3"}, "4/4 PENDING ScalingDown"},
		}},
		"what is lost is made again with the disk that it had": {running(3), []step{
			{"a partition, and a disk", both(everyVM(diskOf(20)), edited(replacing(0, 1), withPartition(2), disk(20))), []string{old}, "3/3 READY AllReplicasAvailable"},
			{"a larger one", edited(disk(30)), []string{old, "power off vm-2"}, "3/3 PENDING Updating"},
			{"off", allEnd, []string{"destroy vm-2"}, "2/3 PENDING Updating"},
			{"gone", allEnd, []string{"clone web-0d1f2-2"}, "2/2 PENDING ScalingUp"},
			{"made", allEnd, nil, "3/3 READY AllReplicasAvailable"},
			{"an old one is lost", destroyed(0), []string{"clone web-0d1f2-0"}, "2/2 PENDING ScalingUp"},
			{"it has its old disk, or another would be replaced", allEnd, nil, "3/3 READY AllReplicasAvailable"},
			{"nobody sees the disks: nothing is forgotten", func(w *world) { w.noDisks = true }, nil, "3/3 READY AllReplicasAvailable"},
			{"they are shown again", func(w *world) { w.noDisks = false }, nil, "3/3 READY AllReplicasAvailable"},
			{"0: both", edited(withPartition(0)), []string{"power off vm-1"}, "3/3 PENDING Updating"},
		}},
		"what is lost while its clone is under way": {canary, []step{
			{"an old one", destroyed(0), []string{"clone web-0d1f2-0"}, "2/2 PENDING ScalingUp"},
			{"the new one, too: one old one is on its way", destroyed(2), []string{"clone web-0d1f2-2"}, "1/2 PENDING ScalingUp"},
			{"2 of 3 are old", allEnd, nil, "3/3 READY AllReplicasAvailable"},
		}},
		"a restart while an old one is cloned": {canary, []step{
			{"an old one is lost", destroyed(0), []string{"clone web-0d1f2-0"}, "2/2 PENDING ScalingUp"},
			{"restart: the name is a lock", restart, []string{"clone web-0d1f2-0"}, "2/2 PENDING ScalingUp"},
			{"it is there", allEnd, nil, "3/3 READY AllReplicasAvailable"},
		}},
		"the old template is gone": {canary, []step{
			{"nobody minds", earlierTemplatesGone, nil, "3/3 READY AllReplicasAvailable"},
			{"an old one is lost: its slot stays empty", destroyed(0), nil, "2/2 ERROR RevisionUnavailable"},
			{"restart", restart, nil, "2/2 ERROR RevisionUnavailable"},
			{"the new one is lost: it is made, and the slot stays empty", destroyed(2), []string{"clone web-0d1f2-2"}, "1/1 ERROR RevisionUnavailable"},
			{"the template is back", both(allEnd, earlierTemplatesBack), []string{"clone web-0d1f2-0"}, "2/2 PENDING ScalingUp"},
			{"all are there", allEnd, nil, "3/3 READY AllReplicasAvailable"},
			{"it is lost again, and the partition is lowered: the new template", both(both(earlierTemplatesGone, destroyed(0)), edited(withPartition(1))), []string{"clone web-0d1f2-0"}, "2/2 PENDING ScalingUp"},
			{"1 of 3 is old", allEnd, nil, "3/3 READY AllReplicasAvailable"},
		}},
		"the new template is gone": {canary, []step{
			{"an old one is made again", both(func(w *world) { w.noTemplate = true }, destroyed(0)), []string{"clone web-0d1f2-0"}, "2/2 PENDING ScalingUp"},
			{"all are there", allEnd, nil, "3/3 READY AllReplicasAvailable"},
			{"the new one is not", destroyed(2), nil, "2/2 ERROR TemplateNotFound"},
			{"an old one is, beside it", destroyed(1), []string{"clone web-0d1f2-1"}, "1/1 ERROR TemplateNotFound"},
		}},
		"another change before the rollout is complete": {canary, []step{
			{"a third template: the new one goes", edited(fromTemplate("third")), []string{`record "third" with 2 CPUs`, "power off vm-2.2"}, "3/3 PENDING Updating"},
			{"off", allEnd, []string{"destroy vm-2.2"}, "2/3 PENDING Updating"},
			{"gone: nothing is of the second", allEnd, []string{"clone web-0d1f2-2", "forget revision-6"}, "2/2 PENDING ScalingUp"},
			{"an old one is lost: it is of the first", both(allEnd, destroyed(0)), []string{"clone web-0d1f2-0"}, "2/2 PENDING ScalingUp"},
			{"it stays", allEnd, nil, "3/3 READY AllReplicasAvailable"},
		}},
		"back to the old spec": {canary, []step{
			{"the new one goes, whatever the partition says", edited(fromTemplate(oldTemplate)), []string{"power off vm-2.2"}, "3/3 PENDING Updating"},
			{"an old one is lost", destroyed(0), []string{"clone web-0d1f2-0"}, "2/2 PENDING Updating"},
			{"the new one is off", allEnd, []string{"destroy vm-2.2"}, "2/3 PENDING Updating"},
			{"it is gone: nothing is of the other", allEnd, []string{"clone web-0d1f2-2", "forget revision-6"}, "2/2 PENDING ScalingUp"},
			{"all are old, and so new", allEnd, nil, "3/3 READY AllReplicasAvailable"},
		}},
		"another size": {running(2), []step{
			{"a partition", edited(replacing(0, 1), withPartition(1)), []string{old}, "2/2 READY AllReplicasAvailable"},
			{"8 CPUs", edited(cpus(8)), []string{`record "golden" with 8 CPUs`, "power off vm-1"}, "2/2 PENDING Updating"},
			{"off", allEnd, []string{"destroy vm-1"}, "1/2 PENDING Updating"},
			{"gone", allEnd, []string{"clone web-0d1f2-1"}, "1/1 PENDING ScalingUp"},
			{"the small one is lost: it is small again", both(allEnd, destroyed(0)), []string{"clone web-0d1f2-0"}, "1/1 PENDING ScalingUp"},
			{"that is how it rests", allEnd, nil, "2/2 READY AllReplicasAvailable"},
		}},
		"the partition comes with the new template": {running(2), []step{
			{"what the old one was is not known", edited(replacing(0, 1), func(s *v1alpha1.VmGroupSpec) { withPartition(1)(s); fromTemplate("new")(s) }), []string{`record "" with 2 CPUs`, fresh, "power off vm-1"}, "2/2 PENDING Updating"},
			{"off", allEnd, []string{"destroy vm-1"}, "1/2 PENDING Updating"},
			{"gone", allEnd, []string{"clone web-0d1f2-1"}, "1/1 PENDING ScalingUp"},
			{"it rests", allEnd, nil, "2/2 READY AllReplicasAvailable"},
			{"the old one is lost: its slot stays empty", destroyed(0), nil, "1/1 ERROR RevisionUnavailable"},
			{"0: it is made from the new one", edited(withPartition(0)), []string{"clone web-0d1f2-0"}, "1/1 PENDING ScalingUp"},
			{"all are new", allEnd, []string{"forget revision-4"}, "2/2 READY AllReplicasAvailable"},
		}},
		"somebody removes a record": {canary, []step{
			{"of the old revision: VMs tell of it, and stay", recordRemoved("golden"), []string{`record "" with 2 CPUs`}, "3/3 READY AllReplicasAvailable"},
			{"one is lost: its slot stays empty", destroyed(0), nil, "2/2 ERROR RevisionUnavailable"},
			{"of the new revision: it is recorded again", recordRemoved("new"), []string{fresh}, "2/2 ERROR RevisionUnavailable"},
		}},
		"spec.members and the partition": {canary, []step{
			{"now: it is replaced, by an old one", edited(marked("instance of vm-0", v1alpha1.DeletionNow)), []string{"power off vm-0"}, "3/3 PENDING Updating"},
			{"off", allEnd, []string{"destroy vm-0"}, "2/3 PENDING Updating"},
			{"gone", allEnd, []string{"clone web-0d1f2-0"}, "2/2 PENDING ScalingUp"},
			{"it is old, and stays", allEnd, nil, "3/3 READY AllReplicasAvailable"},
			{"now, with a surge: an old one comes first", edited(marked("instance of vm-1", v1alpha1.DeletionNow), func(s *v1alpha1.VmGroupSpec) {
				s.Update.MaxSurge, s.Update.MaxUnavailable = ptr.To(intstr.FromInt32(1)), ptr.To(intstr.FromInt32(0))
			}), []string{"clone web-0d1f2-3"}, "3/3 PENDING Updating"},
			{"then the other goes", allEnd, []string{"power off vm-1"}, "4/4 PENDING Updating"},
			{"off", allEnd, []string{"destroy vm-1"}, "3/4 PENDING Updating"},
			{"2 of 3 are old", allEnd, nil, "3/3 READY AllReplicasAvailable"},
			{"never, and 0: one stays", edited(marked("instance of vm-3", v1alpha1.DeletionNever), withPartition(0)), []string{"clone web-0d1f2-1"}, "3/3 PENDING Updating"},
		}},
		"paused": {running(2), []step{
			{"paused: what VMs are made from is recorded", both(pause, edited(replacing(0, 1), withPartition(1))), []string{old}, "2/2 READY AllReplicasAvailable"},
			{"a new template", edited(fromTemplate("new")), []string{fresh, "held: Paused"}, "2/2 PENDING Paused"},
			{"it goes on", unpause, []string{"power off vm-1"}, "2/2 PENDING Updating"},
		}},
	}
}
