package plan

import (
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// edited changes the spec, and all VMs made from then on.
func edited(changes ...func(*v1alpha1.VmGroupSpec)) func(*world) {
	return func(w *world) {
		for _, change := range changes {
			w.edit(change)
		}
	}
}

func replacing(surge, unavailable int32) func(*v1alpha1.VmGroupSpec) {
	return func(s *v1alpha1.VmGroupSpec) {
		s.Update = &v1alpha1.UpdateSpec{
			Strategy: v1alpha1.UpdateReplace, MaxSurge: ptr.To(intstr.FromInt32(surge)), MaxUnavailable: ptr.To(intstr.FromInt32(unavailable)),
		}
	}
}

func fromTemplate(name string) func(*v1alpha1.VmGroupSpec) {
	return func(s *v1alpha1.VmGroupSpec) { s.Template = name }
}
func cpus(n int32) func(*v1alpha1.VmGroupSpec) { return func(s *v1alpha1.VmGroupSpec) { s.CPU = n } }
func toolsMustRun(s *v1alpha1.VmGroupSpec) {
	s.Readiness = &v1alpha1.ReadinessSpec{Type: v1alpha1.ReadyToolsRunning}
}
func minReadyFor(seconds int32) func(*v1alpha1.VmGroupSpec) {
	return func(s *v1alpha1.VmGroupSpec) { s.MinReadySeconds = &seconds }
}
func marked(instance string, deletion v1alpha1.MemberDeletion) func(*v1alpha1.VmGroupSpec) {
	return func(s *v1alpha1.VmGroupSpec) {
		s.Members = append(s.Members, v1alpha1.MemberSpec{Instance: instance, Deletion: deletion})
	}
}
func explicitly(s *v1alpha1.VmGroupSpec) {
	s.ScaleDown = &v1alpha1.ScaleDownSpec{Policy: v1alpha1.ScaleDownExplicit}
}

func graceOf(seconds int32) func(*v1alpha1.VmGroupSpec) {
	return func(s *v1alpha1.VmGroupSpec) { power(s).GracePeriodSeconds = &seconds }
}

func badVMs(w *world)  { w.unready = true }
func goodVMs(w *world) { w.unready = false }

// updateTrajectories are changes of the spec that reach VMs which exist.
func updateTrajectories() map[string]trajectory {
	oldTemplate := group(0).Spec.Template
	return map[string]trajectory{
		"no strategy": {running(2), []step{
			{"a new template: nothing", edited(fromTemplate("new")), nil, "2/2 READY AllReplicasAvailable"},
			{"another size: nothing", edited(cpus(8)), nil, "2/2 READY AllReplicasAvailable"},
			{"one is lost: the new one is from the new spec", destroyed(0), []string{"clone web-0d1f2-0"}, "1/1 PENDING ScalingUp"},
			{"a strategy: those that are old go, one more at a time", both(allEnd, edited(replacing(1, 0))), []string{"clone web-0d1f2-2"}, "2/2 PENDING Updating"},
			{"the new one is there", allEnd, []string{"power off vm-1"}, "3/3 PENDING Updating"},
			{"the old one is off", allEnd, []string{"destroy vm-1"}, "2/3 PENDING Updating"},
			{"it is gone", allEnd, nil, "2/2 READY AllReplicasAvailable"},
		}},
		"replace with a surge": {running(3), []step{
			{"a strategy alone changes nothing", edited(replacing(1, 0)), nil, "3/3 READY AllReplicasAvailable"},
			{"a new template", edited(fromTemplate("new")), []string{"clone web-0d1f2-3"}, "3/3 PENDING Updating"},
			{"nothing happens", nothing, nil, "3/4 PENDING Updating"},
			{"one is there", allEnd, []string{"power off vm-2"}, "4/4 PENDING Updating"},
			{"the old one is off", allEnd, []string{"destroy vm-2"}, "3/4 PENDING Updating"},
			{"it is gone", allEnd, []string{"clone web-0d1f2-2"}, "3/3 PENDING Updating"},
			{"the second is there", allEnd, []string{"power off vm-1"}, "4/4 PENDING Updating"},
			{"restart", restart, nil, "4/4 PENDING Updating"},
			{"off", allEnd, []string{"destroy vm-1"}, "3/4 PENDING Updating"},
			{"gone", allEnd, []string{"clone web-0d1f2-1"}, "3/3 PENDING Updating"},
			{"the third is there", allEnd, []string{"power off vm-0"}, "4/4 PENDING Updating"},
			{"off", allEnd, []string{"destroy vm-0"}, "3/4 PENDING Updating"},
			{"all are new", allEnd, nil, "3/3 READY AllReplicasAvailable"},
		}},
		"replace without a surge": {running(2), []step{
			{"another size", edited(replacing(0, 1), cpus(8)), []string{"power off vm-1"}, "2/2 PENDING Updating"},
			{"the old one is off", allEnd, []string{"destroy vm-1"}, "1/2 PENDING Updating"},
			{"it is gone: the same slot is made again", allEnd, []string{"clone web-0d1f2-1"}, "1/1 PENDING Updating"},
			{"the other is lost meanwhile", destroyed(0), []string{"clone web-0d1f2-0"}, "0/1 PENDING ScalingUp"},
			{"all are new", allEnd, nil, "2/2 READY AllReplicasAvailable"},
		}},
		"an old VM that does not work goes first": {running(3), []step{
			{"a host is away", changed(0, disconnected), nil, "2/3 PENDING ReplicasUnavailable"},
			{"it is waited for, and no other goes", edited(replacing(0, 1), fromTemplate("new")), nil, "2/3 PENDING VMUnreachable"},
			{"it is back, and the youngest goes", changed(0, connected), []string{"power off vm-2"}, "3/3 PENDING Updating"},
		}},
		"the sick are replaced first, whatever the policy and the marks say": {running(3), []step{
			{"the highest slots go first, and one is marked", edited(func(s *v1alpha1.VmGroupSpec) {
				s.ScaleDown = &v1alpha1.ScaleDownSpec{Policy: v1alpha1.ScaleDownHighestSlot}
			}, marked("instance of vm-1", v1alpha1.DeletionFirst), toolsMustRun), nil, "3/3 READY AllReplicasAvailable"},
			{"one is not ready: it goes", both(changed(0, noTools), edited(replacing(0, 1), fromTemplate("new"))), []string{"power off vm-0"}, "2/3 PENDING Updating"},
			{"nothing else goes meanwhile", nothing, nil, "2/3 PENDING Updating"},
		}},
		"a VM outside the root folder costs the group none of its own": {running(2), []step{
			{"it is protected, and 1 is wanted", both(changed(0, outside), edited(marked("instance of vm-0", v1alpha1.DeletionNever), func(s *v1alpha1.VmGroupSpec) { s.Replicas = ptr.To[int32](1) })), nil, "2/2 ERROR VMOutsideRoot"},
			{"the other is named: it stays too", edited(explicitly, marked("instance of vm-1", v1alpha1.DeletionFirst)), nil, "2/2 ERROR VMOutsideRoot"},
			{"it is back: the other goes", changed(0, inside), []string{"power off vm-1"}, "2/2 PENDING ScalingDown"},
		}},
		"a trigger replaces all": {running(1), []step{
			{"a strategy", edited(replacing(1, 0)), nil, "1/1 READY AllReplicasAvailable"},
			{"a trigger", edited(func(s *v1alpha1.VmGroupSpec) { s.Update.Trigger = "restart 1" }), []string{"clone web-0d1f2-1"}, "1/1 PENDING Updating"},
			{"the new one is there", allEnd, []string{"power off vm-0"}, "2/2 PENDING Updating"},
		}},
		"new VMs that do not become ready halt it": {running(3), []step{
			{"VMs have to be ready", edited(toolsMustRun, replacing(1, 0)), nil, "3/3 READY AllReplicasAvailable"},
			{"a bad template", both(badVMs, edited(fromTemplate("bad"))), []string{"clone web-0d1f2-3"}, "3/3 PENDING Updating"},
			{"the VM is there, and not ready", allEnd, nil, "3/4 PENDING Updating"},
			{"the deadline has not passed", passes(29 * time.Minute), nil, "3/4 PENDING Updating"},
			{"vCenter is away", loseView, nil, "3/4 PENDING VCenterUnreachable"},
			{"the clock stands", passes(time.Hour), nil, "3/4 PENDING VCenterUnreachable"},
			{"it is back", regain, nil, "3/4 PENDING Updating"},
			{"the deadline has passed", passes(time.Minute), nil, "3/4 ERROR ProgressDeadlineExceeded"},
			{"restart: it is still halted", restart, nil, "3/4 ERROR ProgressDeadlineExceeded"},
			{"an old one is lost: there are as many as wanted", destroyed(0), nil, "2/3 ERROR ProgressDeadlineExceeded"},
			{"another is lost: it is made again", destroyed(1), []string{"clone web-0d1f2-0"}, "1/2 ERROR ProgressDeadlineExceeded"},
			{"back to the old template: its VM is used again", both(both(allEnd, goodVMs), edited(fromTemplate(oldTemplate))), []string{"clone web-0d1f2-1"}, "1/3 PENDING Updating"},
			{"the new one is there: a bad one may go", allEnd, []string{"power off vm-0.2"}, "2/4 PENDING Updating"},
		}},
		"a VM that becomes ready after all": {running(2), []step{
			{"a slow template", both(badVMs, edited(toolsMustRun, replacing(1, 0), fromTemplate("slow"))), []string{"clone web-0d1f2-2"}, "2/2 PENDING Updating"},
			{"it is there, and not ready", allEnd, nil, "2/3 PENDING Updating"},
			{"too slow", passes(30 * time.Minute), nil, "2/3 ERROR ProgressDeadlineExceeded"},
			{"it is ready: the rollout goes on", changed(2, tools), []string{"power off vm-1"}, "3/3 PENDING Updating"},
		}},
		"nothing is replaced while no VM can be made": {running(2), []step{
			{"the template is not there", func(w *world) { w.noTemplate = true; edited(replacing(0, 1), fromTemplate("new"))(w) }, nil, "2/2 ERROR TemplateNotFound"},
			{"it is there", func(w *world) { w.noTemplate = false }, []string{"power off vm-1"}, "2/2 PENDING Updating"},
		}},
		"paused in the middle": {running(2), []step{
			{"a new template", edited(replacing(1, 0), fromTemplate("new")), []string{"clone web-0d1f2-2"}, "2/2 PENDING Updating"},
			{"paused", both(allEnd, pause), []string{"held: Paused"}, "3/3 PENDING Paused"},
			{"for long", passes(time.Hour), []string{"held: Paused"}, "3/3 PENDING Paused"},
			{"it goes on", unpause, []string{"power off vm-1"}, "3/3 PENDING Updating"},
		}},
		"one VM is replaced on demand": {running(2), []step{
			{"now", edited(marked("instance of vm-0", v1alpha1.DeletionNow)), []string{"clone web-0d1f2-2"}, "2/2 PENDING Updating"},
			{"the new one is there", allEnd, []string{"power off vm-0"}, "3/3 PENDING Updating"},
			{"it is off", allEnd, []string{"destroy vm-0"}, "2/3 PENDING Updating"},
			{"it is gone, and its entry means nothing", allEnd, nil, "2/2 READY AllReplicasAvailable"},
		}},
		"a protected VM": {running(2), []step{
			{"a new template: the other goes", edited(replacing(1, 0), fromTemplate("new"), marked("instance of vm-1", v1alpha1.DeletionNever)), []string{"clone web-0d1f2-2"}, "2/2 PENDING Updating"},
			{"the new one is there", allEnd, []string{"power off vm-0"}, "3/3 PENDING Updating"},
			{"it is off", allEnd, []string{"destroy vm-0"}, "2/3 PENDING Updating"},
			{"the protected one stays", allEnd, nil, "2/2 READY AllReplicasAvailable"},
			{"1 is wanted: the other goes", scaled(1), []string{"power off vm-2"}, "2/2 PENDING ScalingDown"},
			{"0 are wanted: it stays", both(allEnd, scaled(0)), []string{"destroy vm-2"}, "1/2 ERROR VictimsNotNamed"},
			{"the group is deleted: it goes", both(allEnd, deleted), []string{"power off vm-1"}, "1/1 PENDING Deleting"},
		}},
		"nobody is named": {running(3), []step{
			{"2 are wanted", edited(explicitly, func(s *v1alpha1.VmGroupSpec) { s.Replicas = ptr.To[int32](2) }), nil, "3/3 ERROR VictimsNotNamed"},
			{"one is named", edited(marked("instance of vm-0", v1alpha1.DeletionFirst)), []string{"power off vm-0"}, "3/3 PENDING ScalingDown"},
			{"it is off", allEnd, []string{"destroy vm-0"}, "2/3 PENDING ScalingDown"},
			{"it is gone", allEnd, nil, "2/2 READY AllReplicasAvailable"},
		}},
		"VMs have to be ready for a while": {fresh(2), []step{
			{"2 are wanted", edited(minReadyFor(60)), []string{"add finalizer", "make folder", "clone web-0d1f2-0", "clone web-0d1f2-1"}, "0/0 PENDING ScalingUp"},
			{"they are on", allEnd, nil, "0/2 PENDING NotReady"},
			{"the time is not over", passes(59 * time.Second), nil, "0/2 PENDING NotReady"},
			{"it is", passes(time.Second), nil, "2/2 READY AllReplicasAvailable"},
			{"restart: what was available is so still", restart, nil, "2/2 READY AllReplicasAvailable"},
			{"one is destroyed", destroyed(1), []string{"clone web-0d1f2-1"}, "1/1 PENDING ScalingUp"},
			{"the new one begins", both(allEnd, passes(30*time.Second)), nil, "1/2 PENDING NotReady"},
			{"restart: it begins again", both(passes(59*time.Second), restart), nil, "1/2 PENDING NotReady"},
			{"the time is over", passes(time.Minute), nil, "2/2 READY AllReplicasAvailable"},
		}},
		"a guest shuts down": {running(2), []step{
			{"1 is wanted: the guest is asked", edited(graceOf(30), func(s *v1alpha1.VmGroupSpec) { s.Replicas = ptr.To[int32](1) }), []string{"shut down vm-1"}, "2/2 PENDING ScalingDown"},
			{"its Tools stop: that is part of it", changed(1, noTools), nil, "2/2 PENDING ScalingDown"},
			{"it is off", allEnd, []string{"destroy vm-1"}, "1/2 PENDING ScalingDown"},
			{"it is gone", allEnd, nil, "1/1 READY AllReplicasAvailable"},
		}},
		"a guest does not shut down": {running(2), []step{
			{"1 is wanted", edited(graceOf(30), func(s *v1alpha1.VmGroupSpec) { s.Replicas = ptr.To[int32](1) }), []string{"shut down vm-1"}, "2/2 PENDING ScalingDown"},
			{"its time is not over", passes(29 * time.Second), nil, "2/2 PENDING ScalingDown"},
			{"it is", passes(time.Second), []string{"power off vm-1"}, "2/2 PENDING ScalingDown"},
			{"it is off", allEnd, []string{"destroy vm-1"}, "1/2 PENDING ScalingDown"},
		}},
		"a guest that cannot be asked": {running(3), []step{
			{"no Tools: hard", both(changed(2, noTools), edited(graceOf(30), func(s *v1alpha1.VmGroupSpec) { s.Replicas = ptr.To[int32](1) })), []string{"shut down vm-1", "power off vm-2"}, "3/3 PENDING ScalingDown"},
			{"the other could not be asked: hard", allFail(vsphere.ClassConflict), []string{"power off vm-1"}, "3/3 PENDING ScalingDown"},
		}},
		"a change of mind while a guest shuts down": {running(2), []step{
			{"1 is wanted", edited(graceOf(30), func(s *v1alpha1.VmGroupSpec) { s.Replicas = ptr.To[int32](1) }), []string{"shut down vm-1"}, "2/2 PENDING ScalingDown"},
			{"no grace: hard", edited(graceOf(0)), []string{"power off vm-1"}, "2/2 PENDING ScalingDown"},
			{"2 are wanted", scaled(2), nil, "2/2 READY AllReplicasAvailable"},
			{"it is off all the same", allEnd, []string{"power on vm-1"}, "1/2 PENDING ScalingUp"},
		}},
		"a restart while a guest shuts down": {running(1), []step{
			{"deleted", both(edited(graceOf(30)), deleted), []string{"shut down vm-0"}, "1/1 PENDING Deleting"},
			{"restart: it is asked again", restart, []string{"shut down vm-0"}, "1/1 PENDING Deleting"},
			{"its time is over", passes(30 * time.Second), []string{"power off vm-0"}, "1/1 PENDING Deleting"},
			{"it is off", allEnd, []string{"destroy vm-0"}, "0/1 PENDING Deleting"},
		}},
		"a VM is not ready any more": {running(2), []step{
			{"by Tools", edited(toolsMustRun), nil, "2/2 READY AllReplicasAvailable"},
			{"they stop", changed(0, noTools), nil, "1/2 PENDING NotReady"},
			{"they run again", changed(0, tools), nil, "2/2 READY AllReplicasAvailable"},
		}},
	}
}
