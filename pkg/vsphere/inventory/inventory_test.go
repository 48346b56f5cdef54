package inventory

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

func TestAVMWithoutConfigurationIsStillTheSame(t *testing.T) {
	inv := testInventory()
	enter(inv, "vm-1", described("web-0", "group-3"))
	lost := unset(FieldInstanceUUID | FieldTemplate | FieldStamp)
	lost.Fields |= FieldConnection
	lost.Set, lost.Connection = FieldConnection, "inaccessible"
	modify(inv, "vm-1", lost)
	if vm := get(inv, "vm-1"); vsphere.Identify(testOwner, testUID, vm) != vsphere.Ours || vm.Connection != "inaccessible" {
		t.Errorf("%+v", vm)
	}
	// A stamp that is taken off, while the rest is there, is another matter.
	enter(inv, "vm-1", described("web-0", "group-3"))
	modify(inv, "vm-1", unset(FieldStamp))
	if vm := get(inv, "vm-1"); vsphere.Identify(testOwner, testUID, vm) != vsphere.Foreign {
		t.Errorf("%+v", vm)
	}
}

func TestAVMThatEntersAFilterHasNoOtherProperties(t *testing.T) {
	inv := testInventory()
	u := described("web-0", "group-3")
	u.IP, u.Set, u.Fields = "192.0.2.1", u.Set|FieldIP, u.Fields|FieldIP
	enter(inv, "vm-1", u)
	modify(inv, "vm-1", values(Properties{Name: "web-1"}))
	if vm := get(inv, "vm-1"); vm.Name != "web-1" || vm.IP != "192.0.2.1" {
		t.Errorf("modified: %+v", vm)
	}
	enter(inv, "vm-1", described("web-0", "group-3"))
	if vm := get(inv, "vm-1"); vm.IP != "" {
		t.Errorf("entered: %+v", vm)
	}
}

func TestAVMConcernsItsGroupAndTheOneItLiesIn(t *testing.T) {
	inv := testInventory()
	heard := enter(inv, "vm-1", described("web-0", "group-3"))
	for _, g := range []vsphere.GroupID{{UID: testUID}, {Namespace: "default", Name: "web"}} {
		if !heard.Groups[g] {
			t.Errorf("%+v is not notified: %v", g, heard.Groups)
		}
	}
	// Moved away, it concerns the folder that it has left.
	heard = modify(inv, "vm-1", values(Properties{Parent: "group-0"}))
	if !heard.Groups[vsphere.GroupID{Namespace: "default", Name: "web"}] {
		t.Errorf("the folder's group is not notified: %v", heard.Groups)
	}
	if s := inv.Snapshot(testGroup, ""); len(s.VMs) != 1 || s.VMs[0].ParentPath != "/DC0/vm" {
		t.Errorf("%+v", s.VMs)
	}
}

func TestOnlyOursHaveToBeProvenGone(t *testing.T) {
	inv := testInventory()
	enter(inv, "vm-1", described("web-0", "group-3"))
	enter(inv, "vm-2", foreign())
	enter(inv, "vm-3", values(Properties{Name: "y"}))
	for ref, want := range map[vsphere.Ref]bool{"vm-1": true, "vm-2": false, "vm-3": true} {
		if got := inv.Leave(ref, FromRoot, &Changes{}); got != want {
			t.Errorf("%s: verify %t, want %t", ref, got, want)
		}
		if _, _, ok := inv.Get(ref); ok != want {
			t.Errorf("%s: known %t, want %t", ref, ok, want)
		}
	}
}

// A VM that another filter still holds has not left.
func TestAVMLeavesWithItsLastFilter(t *testing.T) {
	inv := testInventory()
	enter(inv, "vm-1", described("web-0", "group-3"))
	inv.Update("vm-1", FromOutside, true, described("web-0", "group-3"), &Changes{})
	if inv.Leave("vm-1", FromRoot, &Changes{}) {
		t.Error("it has to be verified although a filter holds it")
	}
	if got := inv.OutsideRoot(); !got["vm-1"] {
		t.Errorf("outside the root are %v", got)
	}
	if !inv.Leave("vm-1", FromOutside, &Changes{}) {
		t.Error("it has not to be verified although no filter holds it")
	}
}

// A verification may come too late: a filter holds the VM by then, and knows better.
func TestAVerificationDoesNotOverruleAFilter(t *testing.T) {
	inv := testInventory()
	enter(inv, "vm-1", described("web-0", "group-3"))
	var ch Changes
	inv.Verified("vm-1", described("old", "group-9").Properties, &ch)
	if vm := get(inv, "vm-1"); vm.Name != "web-0" || len(ch.Seen) != 1 {
		t.Errorf("%+v, seen %v", vm, ch.Seen)
	}
	inv.Verified("vm-2", foreign().Properties, &Changes{})
	if _, _, known := inv.Get("vm-2"); known {
		t.Error("somebody else's VM outside the root is kept")
	}
	inv.MarkUnreadable("vm-1", &Changes{})
	if get(inv, "vm-1").Unreadable {
		t.Error("a VM that a filter holds is marked unreadable")
	}
}

// A process that has just started knows of such a VM only what the group's status says.
func TestAVMThatShowsNothingIsClaimed(t *testing.T) {
	for name, seen := range map[string]bool{"no filter holds it": false, "a filter holds it": true} {
		t.Run(name, func(t *testing.T) {
			inv := testInventory()
			if seen {
				enter(inv, "vm-1", Update{})
			}
			inv.Claim(testUID, []vsphere.Ref{"vm-1"})
			if s := inv.Snapshot(testGroup, ""); len(s.VMs) != 1 || s.VMs[0].Ref != "vm-1" {
				t.Errorf("claimed: %+v", s.VMs)
			}
			// Readable, it shows that it is another's.
			enter(inv, "vm-1", foreign())
			if s := inv.Snapshot(testGroup, ""); len(s.VMs) != 0 {
				t.Errorf("readable: %+v", s.VMs)
			}
		})
	}
}

func TestAClaimIsTakenBackUnlessSomethingIsKnown(t *testing.T) {
	inv := testInventory()
	inv.Claim(testUID, []vsphere.Ref{"vm-1", "vm-2"})
	enter(inv, "vm-2", Update{})
	inv.Unclaim([]vsphere.Ref{"vm-1", "vm-2"})
	var refs []vsphere.Ref
	for _, vm := range inv.Snapshot(testGroup, "").VMs {
		refs = append(refs, vm.Ref)
	}
	if diff := cmp.Diff([]vsphere.Ref{"vm-2"}, refs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The leave of a VM may be lost, whosever it is: one that nobody takes for gone would hold its group's folder for ever.
func TestWhatAFilterHoldsAndAListLacksIsUnlisted(t *testing.T) {
	inv := testInventory()
	enter(inv, "vm-1", described("web-0", "group-3"))
	enter(inv, "vm-2", foreign())
	enter(inv, "vm-3", values(Properties{Parent: "group-3"}))
	inv.Claim(testUID, []vsphere.Ref{"vm-4"}) // which no filter holds
	got := inv.Unlisted(map[vsphere.Ref]bool{"vm-1": true})
	slices.Sort(got)
	if want := []vsphere.Ref{"vm-2", "vm-3"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := inv.Unheld(); !slices.Equal(got, []vsphere.Ref{"vm-4"}) {
		t.Errorf("no filter holds %v, want vm-4", got)
	}
}

// After a new connection nothing is held until it is reported again. What may be ours is verified, the rest is dropped.
func TestARestartHasAllReportedAgain(t *testing.T) {
	inv := testInventory()
	enter(inv, "vm-1", described("web-0", "group-3"))
	enter(inv, "vm-2", foreign())
	enter(inv, "vm-3", described("web-1", "group-3"))
	inv.Restart(testLayout)
	if got := inv.OutsideRoot(); len(got) != 2 || !got["vm-1"] {
		t.Errorf("outside the root are %v", got)
	}
	enter(inv, "vm-3", described("web-1", "group-3"))
	if diff := cmp.Diff([]vsphere.Ref{"vm-1"}, inv.Unreported()); diff != "" {
		t.Errorf("to be verified (-want +got):\n%s", diff)
	}
	if _, _, known := inv.Get("vm-2"); known {
		t.Error("somebody else's VM that no filter reports is kept")
	}
	inv.Clear()
	if s := inv.Snapshot(testGroup, ""); len(s.VMs)+len(s.Folders) > 0 || s.RootExists {
		t.Errorf("cleared: %+v", s)
	}
}

// A stamp that is written while the configuration does not show is read when it shows again.
func TestAStampThatChangedUnseenIsRead(t *testing.T) {
	inv := testInventory()
	enter(inv, "vm-1", described("web-0", "group-3"))
	written := vsphere.Stamp{Owner: testOwner, UID: testUID, Instance: "i-1", Revision: "2:0a1b"}
	hidden := values(Properties{Stamp: written.String()})
	hidden.Fields |= FieldInstanceUUID | FieldTemplate
	modify(inv, "vm-1", hidden)
	shown := isTemplate(false)
	shown.Fields |= FieldInstanceUUID
	shown.Set, shown.InstanceUUID = shown.Set|FieldInstanceUUID, "i-1"
	modify(inv, "vm-1", shown)
	if vm := get(inv, "vm-1"); vm.Stamp.Revision != written.Revision {
		t.Errorf("its stamp says %+v", vm.Stamp)
	}
}

// A VM of ours counts on the host that it is on, and nowhere once it is gone.
func TestVMsOnHosts(t *testing.T) {
	inv := testInventory()
	on := func(host vsphere.Ref) Update {
		u := described("web-0", "group-3")
		u.Host, u.Set, u.Fields = host, u.Set|FieldHost, u.Fields|FieldHost
		return u
	}
	want := func(when string, host vsphere.Ref, n int) {
		t.Helper()
		if inv.onHost[host] != n || n > 0 && len(inv.onHost) != 1 || n == 0 && len(inv.onHost) > 0 {
			t.Errorf("%s: %v, want %d on %s", when, inv.onHost, n, host)
		}
	}
	if ch := enter(inv, "vm-1", on("host-1")); !slices.Equal(ch.Hosts, []vsphere.Ref{"host-1"}) {
		t.Errorf("hosts whose name is to be read: %v", ch.Hosts)
	}
	want("made", "host-1", 1)
	modify(inv, "vm-1", on("host-2"))
	want("moved", "host-2", 1)
	modify(inv, "vm-1", unset(FieldStamp))
	want("not ours any more", "host-2", 0)
	enter(inv, "vm-1", on("host-1"))
	inv.Delete("vm-1", &Changes{})
	want("gone", "host-1", 0)
}

// Every group is notified of what changes where clones may go, and of nothing else.
func TestHostsToChooseFrom(t *testing.T) {
	inv := testInventory()
	u := described("web-0", "group-3")
	u.Host, u.Set, u.Fields = "host-1", u.Set|FieldHost, u.Fields|FieldHost
	enter(inv, "vm-1", u)
	first := []vsphere.Host{{Ref: "host-1", Name: "esx-1"}, {Ref: "host-2", Name: "esx-2"}}
	second := []vsphere.Host{{Ref: "host-1", Name: "esx-1", Unfit: "is in maintenance mode"}, {Ref: "host-2", Name: "esx-2"}}
	for i, step := range []struct {
		needed bool
		hosts  []vsphere.Host
		all    bool
	}{
		{false, nil, true}, {true, first, true}, {true, slices.Clone(first), false}, {true, second, true}, {false, nil, true},
	} {
		var ch Changes
		inv.SetClasses(classOf(vsphere.Zone{HostNeeded: step.needed, Hosts: step.hosts}), &ch)
		s := inv.Snapshot(testGroup, "").Zones[0]
		want := slices.Clone(step.hosts)
		if len(want) > 0 {
			want[0].VMs = 1
		}
		if diff := cmp.Diff(want, s.Hosts); diff != "" || s.HostNeeded != step.needed || ch.All != step.all {
			t.Errorf("step %d: needed %t, all are notified: %t; hosts (-want +got):\n%s", i+1, s.HostNeeded, ch.All, diff)
		}
	}
	refused := func() vsphere.Zone { return vsphere.Zone{Err: &vsphere.Error{Message: "no datastore"}} }
	for i, step := range []struct {
		zone vsphere.Zone
		all  bool
	}{{refused(), true}, {refused(), false}, {vsphere.Zone{}, true}, {vsphere.Zone{}, false}} {
		var ch Changes
		if inv.SetClasses(classOf(step.zone), &ch); ch.All != step.all {
			t.Errorf("refusal %d: all are notified: %t, want %t", i+1, ch.All, step.all)
		}
	}
	var ch Changes
	inv.SetClasses(map[string]vsphere.Offer{"": {Zones: []vsphere.Zone{{}}, TemplatesErr: &vsphere.Error{Message: "no folder"}}}, &ch)
	if class, ok := inv.Offer(""); !ch.All || !ok || class.TemplatesErr == nil {
		t.Errorf("a template folder that is wrong: %+v, %t", class, ch.All)
	}
	if _, ok := inv.Offer("gold"); ok || inv.Snapshot(testGroup, "gold").Zones != nil {
		t.Error("a class that nobody has told of is known")
	}
}

// classOf returns the class of the flags, with one zone.
func classOf(zone vsphere.Zone) map[string]vsphere.Offer {
	return map[string]vsphere.Offer{"": {Zones: []vsphere.Zone{zone}}}
}

func TestTheNameOfAHostIsGivenToItsVMs(t *testing.T) {
	inv := testInventory()
	u := described("web-0", "group-3")
	u.Host, u.Set, u.Fields = "host-1", u.Set|FieldHost, u.Fields|FieldHost
	enter(inv, "vm-1", u)
	var ch Changes
	inv.SetHostNames(map[vsphere.Ref]string{"host-1": "esx-1"}, &ch)
	if vm := get(inv, "vm-1"); vm.Host != "esx-1" || !ch.Groups[vsphere.GroupID{UID: testUID}] {
		t.Errorf("%+v, notified %v", vm, ch.Groups)
	}
	if ch = enter(inv, "vm-1", u); len(ch.Hosts) > 0 {
		t.Errorf("a name that is known is to be read: %v", ch.Hosts)
	}
	ch = Changes{}
	inv.SetHostNames(map[vsphere.Ref]string{"host-1": "esx-1"}, &ch)
	if len(ch.Groups) > 0 {
		t.Errorf("the same name notifies %v", ch.Groups)
	}
}

func TestAPowerStateThatAFilterConfirms(t *testing.T) {
	inv := testInventory()
	enter(inv, "vm-1", described("web-0", "group-3"))
	inv.AssumePower("vm-1", vsphere.PoweredOn, aSecondAgo(), &Changes{})
	if overdue, others := inv.AssumedPower(aSecondAgo().Add(-time.Minute)); len(overdue) > 0 || !others {
		t.Errorf("overdue at once: %v, others %t", overdue, others)
	}
	modify(inv, "vm-1", Update{})
	if overdue, _ := inv.AssumedPower(aSecondAgo()); len(overdue) != 1 || get(inv, "vm-1").Power != vsphere.PoweredOn {
		t.Error("a report of something else confirms it")
	}
	modify(inv, "vm-1", values(Properties{Power: vsphere.PoweredOn}))
	if overdue, others := inv.AssumedPower(aSecondAgo()); len(overdue) != 0 || others {
		t.Error("it is overdue although a filter has confirmed it")
	}
	inv.AssumePower("vm-1", vsphere.PoweredOn, aSecondAgo(), &Changes{})
	if overdue, others := inv.AssumedPower(aSecondAgo()); len(overdue) != 0 || others {
		t.Error("what a filter has said before is overdue")
	}
	inv.AssumePower("vm-1", vsphere.PoweredOff, aSecondAgo(), &Changes{})
	inv.ConfirmPower("vm-1")
	if overdue, others := inv.AssumedPower(aSecondAgo()); len(overdue) != 0 || others {
		t.Error("it is overdue although it was read")
	}
}

// VMs of ours that leave, and are not destroyed by us, may be a mass disappearance.
func TestAMassDisappearance(t *testing.T) {
	refs := []vsphere.Ref{"vm-1", "vm-2", "vm-3", "vm-4", "vm-5", "vm-6"}
	for name, ours := range map[string]bool{"by our own hand": true, "otherwise": false} {
		t.Run(name, func(t *testing.T) {
			inv := testInventory()
			for _, ref := range refs {
				enter(inv, ref, described(string(ref), "group-3"))
			}
			for _, ref := range refs[:5] {
				inv.Leave(ref, FromRoot, &Changes{})
				if ours {
					inv.DismissAbsence(ref)
				}
			}
			var ch Changes
			inv.Assess(&ch)
			if is := inv.Disappearance() != nil; is == ours || ch.All == ours || (inv.Snapshot(testGroup, "").Disappearance != nil) != is {
				t.Errorf("a disappearance: %t, all are notified: %t", is, ch.All)
			}
			for _, ref := range refs[:5] {
				inv.Delete(ref, &Changes{})
			}
			inv.Assess(&Changes{})
			if d := inv.Disappearance(); d != nil {
				t.Errorf("all are proven gone, and there is %+v", d)
			}
		})
	}
}

// TestWhatChangesIsTold, of VMs that are ours or were: operations that wait for a change of them hear of it by no other way.
func TestWhatChangesIsTold(t *testing.T) {
	inv := testInventory()
	var ch Changes
	told := func(what string, want ...vsphere.PowerState) {
		t.Helper()
		var got []vsphere.PowerState
		for _, vm := range ch.Changed {
			got = append(got, vm.Power)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: told %q, want %q", what, got, want)
		}
		ch = Changes{}
	}
	ch = enter(inv, "vm-1", described("web-0", "group-3"))
	told("it enters", "")
	ch = modify(inv, "vm-1", values(Properties{Power: vsphere.PoweredOn}))
	told("it is on", vsphere.PoweredOn)
	ch = modify(inv, "vm-1", values(Properties{Power: vsphere.PoweredOn}))
	told("it is on, once more")
	inv.AssumePower("vm-1", vsphere.PoweredOff, aSecondAgo(), &ch)
	told("a task has ended", vsphere.PoweredOff)
	inv.Show("vm-1", &ch)
	inv.Show("vm-none", &ch)
	told("somebody asks", vsphere.PoweredOff)
	ch = modify(inv, "vm-1", unset(FieldStamp))
	told("it is ours no more", vsphere.PoweredOff)
	ch = modify(inv, "vm-1", values(Properties{Power: vsphere.PoweredOn}))
	told("it is somebody else's")
}
