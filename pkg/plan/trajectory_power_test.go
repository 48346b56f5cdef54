package plan

import (
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

var oneVM = intstr.FromInt32(1)

func power(s *v1alpha1.VmGroupSpec) *v1alpha1.PowerSpec {
	if s.Power == nil {
		s.Power = &v1alpha1.PowerSpec{}
	}
	return s.Power
}

func switchedOff(s *v1alpha1.VmGroupSpec) { power(s).State = ptr.To(v1alpha1.StatePoweredOff) }
func switchedOn(s *v1alpha1.VmGroupSpec)  { power(s).State = nil }
func replacedWhenOff(s *v1alpha1.VmGroupSpec) {
	power(s).OnPowerOff = ptr.To(v1alpha1.OnPowerOffReplace)
}

// healthy helps VMs that take ten minutes to be ready, or are not for five.
func healthy(action v1alpha1.HealthAction) func(*v1alpha1.VmGroupSpec) {
	return func(s *v1alpha1.VmGroupSpec) {
		s.Health = &v1alpha1.HealthSpec{
			Action: action, StartupTimeoutSeconds: ptr.To[int32](600), UnreadyTimeoutSeconds: ptr.To[int32](300),
		}
	}
}

// powerTrajectories are VMs that are to be off, that end by themselves, and that are not healthy.
func powerTrajectories() map[string]trajectory {
	return map[string]trajectory{
		"to be off": {running(2), []step{
			{"with grace", both(changed(1, noTools), edited(switchedOff, graceOf(30))), []string{"shut down vm-0", "power off vm-1"}, "2/2 PENDING PoweringOff"},
			{"one is off", func(w *world) { w.end(w.find(func(t *task) bool { return t.VM == "vm-1" }), "") }, nil, "1/2 PENDING PoweringOff"},
			{"the other does not shut down", passes(30 * time.Second), []string{"power off vm-0"}, "1/2 PENDING PoweringOff"},
			{"both are off", allEnd, nil, "0/2 READY AllReplicasPoweredOff"},
			{"somebody switches one on", changed(1, func(v *vsphere.VM) { v.Power = vsphere.PoweredOn }), []string{"power off vm-1"}, "1/2 PENDING PoweringOff"},
			{"3 are wanted: the new one is made and left off", both(allEnd, scaled(3)), []string{"clone web-0d1f2-2"}, "0/2 PENDING ScalingUp"},
			{"it is there", allEnd, nil, "0/3 READY AllReplicasPoweredOff"},
			{"1 is wanted", scaled(1), []string{"destroy vm-2", "destroy vm-1"}, "0/3 PENDING ScalingDown"},
			{"to be on", both(allEnd, edited(switchedOn)), []string{"power on vm-0"}, "0/1 PENDING ScalingUp"},
			{"it is on", allEnd, nil, "1/1 READY AllReplicasAvailable"},
		}},
		"to be off, and replaced": {running(2), []step{
			{"off", edited(switchedOff, replacing(1, 0)), []string{"power off vm-0", "power off vm-1"}, "2/2 PENDING PoweringOff"},
			{"a new template", both(allEnd, edited(fromTemplate("new"))), []string{"clone web-0d1f2-2"}, "0/2 PENDING Updating"},
			{"the new one is there", allEnd, []string{"destroy vm-1"}, "0/3 PENDING Updating"},
		}},
		"to be off, and changed in place": {running(2), []step{
			{"off, and another size", edited(switchedOff, changing(v1alpha1.UpdateInPlaceOnly, 1), cpus(4)), []string{"power off vm-0", "power off vm-1"}, "2/2 PENDING Updating"},
			{"both are off", allEnd, []string{"reconfigure vm-0", "reconfigure vm-1"}, "0/2 PENDING Updating"},
			{"they stay off", allEnd, nil, "0/2 READY AllReplicasPoweredOff"},
		}},
		"made anew when it has ended": {running(3), []step{
			{"all run for long", both(passes(time.Hour), edited(replacedWhenOff)), nil, "3/3 READY AllReplicasAvailable"},
			{"one ends", changed(1, off), []string{"destroy vm-1"}, "2/3 PENDING ScalingDown"},
			{"it is gone", allEnd, []string{"clone web-0d1f2-1"}, "2/2 PENDING ScalingUp"},
			{"it runs", allEnd, nil, "3/3 READY AllReplicasAvailable"},
			{"it ends at once: a pause", changed(1, off), nil, "2/3 PENDING CrashLoopBackOff"},
			{"restart: it was made a moment ago", restart, nil, "2/3 PENDING CrashLoopBackOff"},
			{"the pause is over", passes(10 * time.Second), []string{"destroy vm-1.2"}, "2/3 PENDING ScalingDown"},
			{"another ends", changed(0, off), []string{"destroy vm-0"}, "1/3 PENDING ScalingDown"},
		}},
		"not made anew": {running(3), []step{
			{"all run, one is protected", edited(replacedWhenOff, toolsMustRun, marked("instance of vm-0", v1alpha1.DeletionNever)), nil, "3/3 READY AllReplicasAvailable"},
			{"the protected one ends", changed(0, off), []string{"power on vm-0"}, "2/3 PENDING ScalingUp"},
			{"most of them end at once", both(allEnd, both(changed(1, off), both(changed(2, off), edited(func(s *v1alpha1.VmGroupSpec) {
				s.Health = &v1alpha1.HealthSpec{Action: v1alpha1.HealthReset, StartupTimeoutSeconds: ptr.To[int32](60), MaxUnhealthy: ptr.To(oneVM)}
			})))), []string{"power on vm-1", "power on vm-2"}, "1/3 PENDING ScalingUp"},
			{"on, and not ready yet", both(both(changed(1, noTools), changed(2, noTools)), allEnd), nil, "1/3 PENDING NotReady"},
			{"it ends before it is ready", changed(1, off), nil, "1/3 PENDING CrashLoopBackOff"},
			{"it is powered on", passes(10 * time.Second), []string{"power on vm-1"}, "1/3 PENDING ScalingUp"},
		}},
		"its host was away": {running(2), []step{
			{"all run", edited(replacedWhenOff), nil, "2/2 READY AllReplicasAvailable"},
			{"a host is away", changed(0, disconnected), nil, "1/2 PENDING ReplicasUnavailable"},
			{"it is back, and its VM is off", both(changed(0, connected), changed(0, off)), []string{"power on vm-0"}, "1/2 PENDING ScalingUp"},
		}},
		"reset": {running(3), []step{
			{"all are ready", edited(toolsMustRun, healthy(v1alpha1.HealthReset)), nil, "3/3 READY AllReplicasAvailable"},
			{"two are not", both(changed(0, noTools), changed(1, noTools)), nil, "1/3 PENDING NotReady"},
			{"vCenter is away", loseView, nil, "1/3 PENDING VCenterUnreachable"},
			{"for long", passes(time.Hour), nil, "1/3 PENDING VCenterUnreachable"},
			{"it is back: the clocks begin", regain, nil, "1/3 PENDING NotReady"},
			{"the time is over: one is reset", passes(5 * time.Minute), []string{"reset vm-0"}, "1/3 PENDING NotReady"},
			{"it is reset, and not ready: the other waits", both(allEnd, changed(0, noTools)), nil, "1/3 PENDING NotReady"},
			{"it is ready: the other", changed(0, tools), []string{"reset vm-1"}, "2/3 PENDING NotReady"},
			{"both are ready", allEnd, nil, "3/3 READY AllReplicasAvailable"},
		}},
		"replaced, because it is not ready": {running(3), []step{
			{"all are ready", edited(toolsMustRun, healthy(v1alpha1.HealthReplace)), nil, "3/3 READY AllReplicasAvailable"},
			{"one is not", changed(1, noTools), nil, "2/3 PENDING NotReady"},
			{"its host is away", changed(1, disconnected), nil, "2/3 PENDING ReplicasUnavailable"},
			{"for long", passes(time.Hour), nil, "2/3 PENDING ReplicasUnavailable"},
			{"it is back: it has not been ready since", changed(1, connected), nil, "2/3 PENDING NotReady"},
			{"the time is over", passes(10 * time.Minute), []string{"power off vm-1"}, "2/3 PENDING ScalingDown"},
			{"it is off", allEnd, []string{"destroy vm-1"}, "2/3 PENDING ScalingDown"},
			{"it is gone: the same slot is made again", both(allEnd, badVMs), []string{"clone web-0d1f2-1"}, "2/2 PENDING ScalingUp"},
			{"another is not ready, nor the new one", both(allEnd, changed(0, noTools)), nil, "1/3 PENDING NotReady"},
			{"its time is over: it waits for the new one", passes(5 * time.Minute), nil, "1/3 PENDING NotReady"},
			{"the new one is ready", changed(1, tools), []string{"power off vm-0"}, "2/3 PENDING ScalingDown"},
		}},
		"too many are not healthy": {running(4), []step{
			{"all are ready", edited(toolsMustRun, healthy(v1alpha1.HealthReplace)), nil, "4/4 READY AllReplicasAvailable"},
			{"three are not", both(changed(0, noTools), both(changed(1, noTools), changed(2, noTools))), nil, "1/4 PENDING NotReady"},
			{"for long: none is helped", passes(time.Hour), nil, "1/4 PENDING TooManyUnhealthy"},
			{"one recovers", changed(2, tools), []string{"power off vm-0"}, "2/4 PENDING ScalingDown"},
		}},
	}
}
