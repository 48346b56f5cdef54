package sim_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// TestPowerOnsAreRecorded switches virtual machines on with and without metadata, in every way, and removes one.
func TestPowerOnsAreRecorded(t *testing.T) {
	e := startGuests(t, cloudy())
	vm, _ := e.cloneOff("a", extra("vmgroup.stamp", "s"))
	e.do(vm.PowerOn(e.ctx))
	e.do(vm.PowerOff(e.ctx))
	e.give(vm, seed("local-hostname: web", "data"))
	e.advance(boot)
	e.do(vm.PowerOn(e.ctx))
	e.do(vm.Reset(e.ctx))
	e.advance(boot + address)
	e.must(vm.RebootGuest(e.ctx)) // is none
	e.advance(shutdown + boot + address)
	e.do(vm.PowerOff(e.ctx))
	e.must(e.control.SetVApp(e.ctx, "a", true))
	e.give(vm, options("guestinfo.userdata", "", "guestinfo.metadata", "%"))
	e.do(vm.PowerOn(e.ctx))
	e.must(e.control.DestroyVM(e.ctx, "a"))
	e.clone("b", extra("guestinfo.metadata", "{}"), func(s *types.VirtualMachineCloneSpec) { s.PowerOn = true })

	a := control.PowerOn{MoRef: vm.Reference().Value, Name: "a", Stamp: "s"}
	with := func(change func(*control.PowerOn)) control.PowerOn { p := a; change(&p); return p }
	given := with(func(p *control.PowerOn) { p.Metadata, p.UserData, p.At = "local-hostname: web", true, boot })
	want := []control.PowerOn{
		a, given, given,
		with(func(p *control.PowerOn) { p.Metadata, p.VApp, p.At = "%", true, boot+shutdown+2*(boot+address) }),
		{MoRef: e.vm("b").Value, Name: "b", Metadata: "{}", At: boot + shutdown + 2*(boot+address)},
	}
	got, err := e.control.PowerOns(e.ctx)
	e.must(err)
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(control.PowerOn{}, "InstanceUUID")); diff != "" {
		t.Error(diff)
	}
	for i, without := range []bool{true, false, false, true, false} {
		if got[i].InstanceUUID == "" || got[i].WithoutMetadata() != without {
			t.Errorf("power-on %d: %+v", i, got[i])
		}
	}
}

// TestSharedAddresses lets guests have one address one after the other, and then at once.
func TestSharedAddresses(t *testing.T) {
	e := startGuests(t, cloudy())
	a, macA := e.cloneOff("a")
	b, macB := e.cloneOff("b")
	e.give(a, seed(fmt.Sprintf(static, "a", "a", macA), ""))
	e.give(b, seed(fmt.Sprintf(static, "b", "b", macB), ""))
	shared := func(when string, want ...string) {
		t.Helper()
		all, err := e.control.SharedAddresses(e.ctx)
		e.must(err)
		got := []string{}
		for _, one := range all {
			got = append(got, fmt.Sprint(one.Address, one.Names))
			if one.MoRefs[0] == one.MoRefs[1] != (one.Names[0] == one.Names[1]) {
				t.Errorf("%+v", one)
			}
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s:\n%s", when, diff)
		}
	}
	e.on(a)
	e.do(a.PowerOff(e.ctx))
	e.on(b)
	shared("one after the other")
	e.do(a.PowerOn(e.ctx))
	e.advance(boot + address - 1)
	shared("before the second one is connected")
	e.advance(1)
	both := []string{"192.0.2.7[b a]", "2001:db8::7[b a]"}
	shared("both at once", both...)
	e.do(a.Reset(e.ctx))
	e.advance(boot + address)
	shared("both at once again", both...)
	e.must(e.control.SetGuest(e.ctx, "a", control.Guest{Tools: true, Hung: true}))
	e.do(b.Reset(e.ctx))
	e.advance(boot + address)
	both = append(both, "192.0.2.7[a b]", "2001:db8::7[a b]")
	shared("while one hangs, which has its addresses all the same", both...)
	e.must(e.control.DestroyVM(e.ctx, "a"))
	e.must(e.control.SetGuestIPs(e.ctx, "b", "192.0.2.8"))
	e.again(b)
	shared("when one has gone", both...)
}

// TestOneGuestHasAnAddressTwice gives both network cards of a guest one address.
func TestOneGuestHasAnAddressTwice(t *testing.T) {
	e := startGuests(t, control.Guest{Tools: true})
	e.clone("a", configured(card(addCard, -1, e.backingOn("VM Network"))),
		func(s *types.VirtualMachineCloneSpec) { s.PowerOn = true })
	e.must(e.control.SetGuestIPs(e.ctx, "a", "192.0.2.8", "192.0.2.8"))
	all, err := e.control.SharedAddresses(e.ctx)
	if err != nil || len(all) != 1 || all[0].Names != [2]string{"a", "a"} {
		t.Errorf("%+v, %v", all, err)
	}
}

// TestAddressesThatAreFree has a guest take the address of another which has taken a new one, and of one which has gone.
func TestAddressesThatAreFree(t *testing.T) {
	e := startGuests(t, control.Guest{Tools: true})
	for _, name := range []string{"a", "b", "c"} {
		e.cloneOn(name)
	}
	e.must(e.control.SetGuestIPs(e.ctx, "a", "192.0.2.1"))
	e.must(e.control.SetGuestIPs(e.ctx, "a", "192.0.2.2"))
	e.must(e.control.SetGuestIPs(e.ctx, "b", "192.0.2.1"))
	e.must(e.control.DestroyVM(e.ctx, "a"))
	e.must(e.control.SetGuestIPs(e.ctx, "c", "192.0.2.2"))
	if all, err := e.control.SharedAddresses(e.ctx); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
}
