package inventory

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// answer is what a sweep has read of a VM, of which all other properties that it reads have no value.
func answer(u Update) Update {
	u.Fields |= swept
	return u
}

func TestAReadDoesNotOverruleAFilter(t *testing.T) {
	inv := testInventory()
	enter(inv, "vm-1", described("web-0", "group-3"))
	read := isTemplate(false)
	read.Set, read.Parent = read.Set|FieldParent, "group-3"

	asked := inv.VMsVersion()
	modify(inv, "vm-1", isTemplate(true))
	inv.Refresh("vm-1", answer(read), asked, &Changes{})
	if !get(inv, "vm-1").Template {
		t.Error("an answer from before the report has overruled it")
	}
	inv.Refresh("vm-1", answer(read), inv.VMsVersion(), &Changes{})
	if get(inv, "vm-1").Template {
		t.Error("an answer from after the report was ignored")
	}
	if inv.Refresh("vm-2", answer(read), inv.VMsVersion(), &Changes{}) {
		t.Error("a VM that no filter holds is taken for one that a filter holds")
	}
}

// A filter reports a state that differs from the last one it has reported: it says nothing of a VM that a task of ours has
// switched on, and somebody else off again, between two looks.
func TestAReadCorrectsWhatATaskHasLeft(t *testing.T) {
	inv := testInventory()
	off := described("web-0", "group-3")
	off.Power, off.Set, off.Fields = vsphere.PoweredOff, off.Set|FieldPower, off.Fields|FieldPower
	enter(inv, "vm-1", off)
	inv.AssumePower("vm-1", vsphere.PoweredOn, aSecondAgo(), &Changes{})

	var ch Changes
	inv.Refresh("vm-1", answer(off), inv.VMsVersion(), &ch)
	if vm := get(inv, "vm-1"); vm.Power != vsphere.PoweredOff || !ch.Groups[vsphere.GroupID{UID: testUID}] {
		t.Errorf("power %s, notified %v", vm.Power, ch.Groups)
	}
	ch = Changes{}
	inv.Refresh("vm-1", answer(off), inv.VMsVersion(), &ch)
	if len(ch.Groups) > 0 {
		t.Errorf("nothing has changed, and %v are notified", ch.Groups)
	}
}

// An update that is lost on its way leaves a VM half seen: it counts as one that is still being made.
func TestAReadCompletesWhatAFilterHasLost(t *testing.T) {
	inv := testInventory()
	enter(inv, "vm-1", values(Properties{Parent: "group-3"}))
	enter(inv, "vm-2", values(Properties{Parent: "group-3"}))
	theirs := foreign()
	theirs.Parent, theirs.Set = "group-3", theirs.Set|FieldParent
	var ch Changes
	inv.Refresh("vm-1", whole(described("web-0", "group-3")), inv.VMsVersion(), &ch)
	inv.Refresh("vm-2", whole(theirs), inv.VMsVersion(), &ch)
	for ref, want := range map[vsphere.Ref]vsphere.Identity{"vm-1": vsphere.Ours, "vm-2": vsphere.Foreign} {
		vm := get(inv, ref)
		if got := vsphere.Identify(testOwner, testUID, vm); got != want || vm.Name == "" {
			t.Errorf("%s is %v, want %v: %+v", ref, got, want, vm)
		}
	}
	if s := inv.Snapshot(vsphere.GroupID{UID: testUID}, ""); len(s.VMs) == 0 || !ch.Groups[vsphere.GroupID{UID: testUID}] {
		t.Errorf("its group has %+v, notified %v", s.VMs, ch.Groups)
	}
	read := func(u Update) vsphere.VM {
		inv.Refresh("vm-1", u, inv.VMsVersion(), &ch)
		return get(inv, "vm-1")
	}
	ours := func(vm vsphere.VM) bool { return vsphere.Identify(testOwner, testUID, vm) == vsphere.Ours }
	// A name and an address that change unheard are taken over too. A configuration that cannot be read is still the same.
	vm := read(whole(values(Properties{Name: "renamed", IP: "192.0.2.1"})))
	if vm.Name != "renamed" || vm.IP != "192.0.2.1" || vm.Connection != "" || !ours(vm) {
		t.Errorf("without configuration: %+v", vm)
	}
	bare := whole(described("web-0", "group-3"))
	bare.Set, bare.Stamp = bare.Set&^FieldStamp, ""
	withheld := bare
	withheld.Fields &^= FieldStamp
	if vm := read(withheld); vm.Name != "web-0" || vm.IP != "" || !ours(vm) {
		t.Errorf("with a stamp that is withheld: %+v", vm)
	}
	if vm := read(bare); ours(vm) {
		t.Errorf("without a stamp: %+v", vm)
	}
}

func TestAReadOfTheTree(t *testing.T) {
	inv := testInventory()
	folder := func(ref, name, parent vsphere.Ref) FolderRead {
		return FolderRead{ref, FolderUpdate{Name: string(name), Parent: parent}}
	}
	template := func(name string) Update {
		return values(Properties{Name: name, Template: true})
	}
	inv.UpdateFolder("group-4", folder("", "gone", "group-2").FolderUpdate, &Changes{})
	inv.UpdateFolder("resgroup-v1", FolderUpdate{Name: "vapp", Parent: "group-3", VApp: true}, &Changes{})
	inv.UpdateTemplate("vm-t1", true, template("t1"))
	inv.UpdateTemplate("vm-t2", true, template("t2"))
	if f := inv.Snapshot(testGroup, "").Folders; len(f) != 1 || f[0].Children != 1 {
		t.Fatalf("%+v", f)
	}
	folders := []FolderRead{
		folder("group-1", "vmgroups", "group-0"), folder("group-2", "default", "group-1"),
		folder("group-3", "web", "group-2"), folder("group-5", "db", "group-2"),
	}
	templates := map[vsphere.Ref]Update{"vm-t1": whole(values(Properties{Name: "t1"})), "vm-t3": whole(template("t3"))}

	asked := inv.TreeVersion()
	inv.DeleteFolder("group-5", &Changes{}) // which the answer does not know
	if missing, changed := inv.RefreshTree(folders, templates, asked, &Changes{}); len(missing) > 0 || changed || len(inv.Templates()) != 2 {
		t.Errorf("an answer that is too old was taken over: %v, %t", missing, changed)
	}

	var ch Changes
	missing, changed := inv.RefreshTree(folders, templates, inv.TreeVersion(), &ch)
	if diff := cmp.Diff([]vsphere.Ref{"group-4"}, missing); diff != "" || !changed {
		t.Errorf("changed %t; to be verified (-want +got):\n%s", changed, diff)
	}
	want := map[vsphere.Ref]Properties{
		// It has no configuration to show, and is still the template that it was.
		"vm-t1": template("t1").Properties, "vm-t3": template("t3").Properties,
	}
	if diff := cmp.Diff(want, inv.Templates()); diff != "" {
		t.Errorf("templates (-want +got):\n%s", diff)
	}
	if f := inv.Snapshot(testGroup, "").Folders; len(f) != 1 || f[0].Children != 0 || !ch.Groups[vsphere.GroupID{Namespace: "default", Name: "web"}] {
		t.Errorf("without the vApp: %+v, notified %v", f, ch.Groups)
	}
	if _, ok := inv.Child("group-2", "db"); !ok {
		t.Error("a folder that no filter has reported is not taken over")
	}
	if _, changed := inv.RefreshTree(folders, templates, inv.TreeVersion(), &Changes{}); changed {
		t.Error("the same again is a change")
	}
}

// Whatever becomes known of a template makes a read that was under way too old.
func TestTemplates(t *testing.T) {
	inv := testInventory()
	reported := values(Properties{Name: "t1", Template: true})
	version := inv.TreeVersion()
	moved := func(what string, want Properties) {
		t.Helper()
		if now := inv.TreeVersion(); now == version {
			t.Errorf("%s: a read that was under way is not too old", what)
		}
		version = inv.TreeVersion()
		if got := inv.Templates()["vm-1"]; !cmp.Equal(want, got) {
			t.Errorf("%s: %+v, want %+v", what, got, want)
		}
	}
	now := time.Unix(1000, 0)
	doubts := func(what string, want ...vsphere.Ref) {
		t.Helper()
		if got, _ := inv.DoubtedTemplates(now); !slices.Equal(got, want) {
			t.Errorf("%s: doubted are %q, want %q", what, got, want)
		}
	}
	inv.SetTemplate("vm-1", reported.Properties, now)
	doubts("read, and not reported")
	moved("read, and not reported", Properties{})
	inv.UpdateTemplate("vm-1", true, reported)
	moved("reported", reported.Properties)
	inv.UpdateTemplate("vm-1", false, isTemplate(false))
	moved("modified", Properties{Set: FieldName | FieldTemplate, Name: "t1"})
	inv.SetTemplate("vm-1", reported.Properties, now)
	moved("read", reported.Properties)
	doubts("read", "vm-1")
	inv.UpdateTemplate("vm-1", false, isTemplate(false))
	moved("reported after it was read", Properties{Set: reported.Set, Name: "t1"})
	doubts("reported after it was read")
	inv.SetTemplate("vm-1", reported.Properties, now)
	moved("read again", reported.Properties)
	inv.TrustTemplate("vm-1")
	doubts("trusted")
	inv.DeleteTemplate("vm-1")
	moved("gone", Properties{})
}
