package plan

import (
	"net/netip"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// toldOf lets guests be told what a Secret holds.
func toldOf(secret string) func(*v1alpha1.VmGroupSpec) {
	return func(s *v1alpha1.VmGroupSpec) {
		s.Guest = &v1alpha1.GuestSpec{CloudInit: &v1alpha1.CloudInitSpec{UserDataSecretRef: &v1alpha1.SecretKeyReference{Name: secret}}}
	}
}

// addressed gives VMs static addresses in the network of the class.
func addressed(ranges ...string) func(*v1alpha1.VmGroupSpec) {
	return func(s *v1alpha1.VmGroupSpec) { s.Networks = []v1alpha1.NetworkSpec{{Name: "front", Addresses: ranges}} }
}

// offers makes a class with a network.
func offers(w *world) {
	w.network = vsphere.Network{Name: "front", Subnet: vsphere.Subnet{CIDR: netip.MustParsePrefix("10.1.0.0/24"), Gateway: netip.MustParseAddr("10.1.0.1")}}
}

// with makes a group of n VMs, with a spec of its own.
func with(n int32, changes ...func(*v1alpha1.VmGroupSpec)) func() *world {
	return func() *world {
		w := newWorld(n)
		offers(w)
		edited(changes...)(w)
		return w
	}
}

// guestTrajectories are VMs whose guests are told what they are, and that have addresses of their own.
func guestTrajectories() map[string]trajectory {
	clone := func(slots ...string) []string {
		var out []string
		for _, slot := range slots {
			out = append(out, "clone web-0d1f2-"+slot)
		}
		return out
	}
	begun := append([]string{"add finalizer", "make folder"}, clone("0", "1")...)
	return map[string]trajectory{
		"a guest is told before its VM is powered on": {with(2, toldOf("one")), []step{
			{"2 are wanted", nothing, begun, "0/0 PENDING ScalingUp"},
			{"the clones end", allEnd, []string{"configure vm-0", "configure vm-1"}, "0/2 PENDING ScalingUp"},
			{"nothing happens", nothing, nil, "0/2 PENDING ScalingUp"},
			{"they are told", allEnd, []string{"power on vm-0", "power on vm-1"}, "0/2 PENDING ScalingUp"},
			{"they are on", allEnd, nil, "2/2 READY AllReplicasAvailable"},
		}},
		"a guest that cannot be told is told later": {with(1, toldOf("one")), []step{
			{"1 is wanted", nothing, []string{"add finalizer", "make folder", "clone web-0d1f2-0"}, "0/0 PENDING ScalingUp"},
			{"the clone ends", allEnd, []string{"configure vm-0"}, "0/1 PENDING ScalingUp"},
			{"it fails", allFail(vsphere.ClassTransient), nil, "0/1 PENDING Retrying"},
			{"again", passes(vsphere.RetryDelay(vsphere.ClassTransient, 1)), []string{"configure vm-0"}, "0/1 PENDING Retrying"},
			{"a restart in the middle", restart, nil, "0/1 PENDING ScalingUp"},
			{"it is told", allEnd, []string{"power on vm-0"}, "0/1 PENDING ScalingUp"},
		}},
		"a VM that is switched on before its guest is told": {with(1, toldOf("one")), []step{
			{"1 is wanted", nothing, []string{"add finalizer", "make folder", "clone web-0d1f2-0"}, "0/0 PENDING ScalingUp"},
			{"somebody switches it on", both(allEnd, changed(0, switchedOnByHand)), []string{"power off vm-0"}, "0/1 PENDING ScalingUp"},
			{"it is off", allEnd, []string{"configure vm-0"}, "0/1 PENDING ScalingUp"},
		}},
		"a guest of a VM that is to be off": {with(1, toldOf("one"), switchedOff), []step{
			{"1 is wanted", nothing, []string{"add finalizer", "make folder", "clone web-0d1f2-0"}, "0/0 PENDING ScalingUp"},
			{"the clone ends", allEnd, []string{"configure vm-0"}, "0/1 PENDING ScalingUp"},
			{"it is told, and stays off", allEnd, nil, "0/1 READY AllReplicasPoweredOff"},
		}},
		"a VM that was never finished goes with the spec that it was made from": {with(2, toldOf("one")), []step{
			{"2 are wanted", nothing, begun, "0/0 PENDING ScalingUp"},
			{"one is told", both(allEnd, changed(0, func(v *vsphere.VM) { told := v.Stamp.Told(); v.Stamp = &told })), []string{"power on vm-0", "configure vm-1"}, "0/2 PENDING ScalingUp"},
			{"one is on, the other cannot be told", func(w *world) {
				w.end(w.find(func(t *task) bool { return t.Kind == vsphere.OperationPowerOn }), "")
				allFail(vsphere.ClassTransient)(w)
			}, nil, "1/2 PENDING Retrying"},
			{"another Secret", edited(toldOf("two")), []string{"destroy vm-1"}, "1/2 PENDING ScalingDown"},
			{"the one that is finished stays", allEnd, clone("1"), "1/1 PENDING ScalingUp"},
			{"it is told of the other Secret", allEnd, []string{"configure vm-1.2"}, "1/2 PENDING ScalingUp"},
		}},
		"a VM that was never finished is protected": {with(1, toldOf("one")), []step{
			{"1 is wanted", nothing, []string{"add finalizer", "make folder", "clone web-0d1f2-0"}, "0/0 PENDING ScalingUp"},
			{"another Secret, and the VM is to stay", both(allEnd, edited(toldOf("two"), marked("instance of vm-0", v1alpha1.DeletionNever))), nil, "0/1 PENDING ScalingUp"},
			{"the first Secret again", edited(toldOf("one")), []string{"configure vm-0"}, "0/1 PENDING ScalingUp"},
		}},
		"a slot keeps its address": {with(2, toldOf("one"), addressed("10.1.0.11-10.1.0.12"), replacing(0, 1)), []step{
			{"2 are wanted", nothing, begun, "0/0 PENDING ScalingUp"},
			{"they are told and on", both(allEnd, func(w *world) { w.sync(); w.endAll(); w.sync(); w.endAll() }), nil, "2/2 READY AllReplicasAvailable"},
			{"another Secret: the highest goes", edited(toldOf("two")), []string{"power off vm-1"}, "2/2 PENDING Updating"},
			{"it is off", allEnd, []string{"destroy vm-1"}, "1/2 PENDING Updating"},
			{"its slot is made again", allEnd, clone("1"), "1/1 PENDING Updating"},
		}},
		"an address is not given away while a VM has it": {with(2, toldOf("one"), addressed("10.1.0.11-10.1.0.12"), replacing(0, 1)), []step{
			{"2 are wanted", nothing, begun, "0/0 PENDING ScalingUp"},
			{"they are told and on", both(allEnd, func(w *world) { w.sync(); w.endAll(); w.sync(); w.endAll() }), nil, "2/2 READY AllReplicasAvailable"},
			// Slot 1 is to have the address that slot 0 has.
			{"the addresses move up", edited(addressed("10.1.0.20", "10.1.0.11")), []string{"power off vm-1"}, "2/2 PENDING Updating"},
			{"it is gone, and its slot waits", both(allEnd, func(w *world) { w.sync(); w.endAll() }), nil, "1/1 PENDING AddressesExhausted"},
			{"the other is lost", destroyed(0), clone("0", "1"), "0/0 PENDING ScalingUp"},
		}},
		"too few addresses": {with(2, toldOf("one"), addressed("10.1.0.11")), []step{
			{"2 are wanted", nothing, nil, "0/0 ERROR AddressesExhausted"},
			{"1 is wanted", scaled(1), []string{"add finalizer", "make folder", "clone web-0d1f2-0"}, "0/0 PENDING ScalingUp"},
		}},
	}
}

func switchedOnByHand(v *vsphere.VM) { v.Power = vsphere.PoweredOn }
