package contract

import (
	"fmt"
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// associationScenarios are about what VMs are put into in vCenter: tags, and cluster modules that keep them apart.
var associationScenarios = []scenario{
	{name: "the VMs of a class get its tags, whenever they are made", run: func(f *fixture) {
		f.AddTag("backup/daily")
		f.AddTag("owner/shop")
		f.AddTag("owner/other")
		f.tagged("owner/shop", "backup/daily")
		linux := f.foundIn(gold, "rocky", f.AddTemplate(goldFolder, "rocky"))
		spec := f.spec(f.folder(f.group), 0)
		spec.Place = vsphere.Place{Class: gold, Zone: "a"}
		first := f.madeFrom(linux, 0, spec)
		f.wants("")
		without := f.made(f.group, 1)
		foreign := f.AddForeignVM(RootFolder+"/default/web", "db")
		want := []string{"backup/daily", "owner/shop"}
		f.awaitPolled("it has the tags", func() bool { return slices.Equal(f.TagsOf(first.Ref), want) })
		spec.Slot = 2
		second := f.madeFrom(linux, 2, spec)
		f.awaitPolled("the next one has them, too", func() bool { return slices.Equal(f.TagsOf(second.Ref), want) })
		for _, ref := range []vsphere.Ref{without.Ref, foreign} {
			if got := f.TagsOf(ref); len(got) != 0 {
				f.t.Errorf("%s is not of the class, and has the tags %q", ref, got)
			}
		}
	}},
	{name: "nothing is done to the VMs of a group that is held", run: func(f *fixture) {
		f.AddTag("backup/daily")
		f.tagged("backup/daily")
		spec := f.spec(f.folder(f.group), 0)
		spec.Place = vsphere.Place{Class: gold, Zone: "a"}
		linux := f.foundIn(gold, "rocky", f.AddTemplate(goldFolder, "rocky"))
		f.Client().Associate(f.group, vsphere.Association{Held: true})
		held := f.madeFrom(linux, 0, spec)
		spec.Slot = 1
		second := f.madeFrom(linux, 1, spec)
		group := f.group
		f.group = f.other()
		spec.Folder, spec.Slot = f.folder(f.group), 0
		other := f.madeFrom(linux, 0, spec)
		f.group = group
		f.Client().Associate(f.other(), vsphere.Association{})
		f.awaitPolled("another group's VM has the tag", func() bool { return len(f.TagsOf(other.Ref)) == 1 })
		if tags, modules := f.TagsOf(held.Ref), f.Modules(); len(tags)+len(modules) > 0 {
			f.t.Errorf("the VMs of a group that is held have tags %q and modules %v", tags, modules)
		}
		f.wants(vsphere.KeepApart)
		f.inModules([]vsphere.Ref{held.Ref, second.Ref})
		f.awaitPolled("it has the tag, too", func() bool { return len(f.TagsOf(held.Ref)) == 1 })
	}},
	{name: "a class tells which tags are not there", run: func(f *fixture) {
		f.AddTag("backup/daily")
		f.tagged("backup/daily", "backup/weekly")
		offer := f.class(gold, func(o vsphere.Offer) bool { return len(o.TagErrs) > 0 })
		if errs := offer.TagErrs; len(errs) != 1 || errs[0].Reason != v1alpha1.ReasonTagNotFound {
			f.t.Errorf("the class says %v", errs)
		}
		f.tagged("backup/daily")
		f.class(gold, func(o vsphere.Offer) bool { return len(o.TagErrs) == 0 })
	}},
	{name: "VMs that are to be apart are in one module, while they are there", run: func(f *fixture) {
		vms := []vsphere.Ref{f.made(f.group, 0).Ref, f.made(f.group, 1).Ref}
		f.made(f.other(), 0)
		f.made(f.other(), 1)
		f.wants(vsphere.KeepApart)
		f.inModules(vms)
		vms = append(vms, f.made(f.group, 2).Ref)
		f.inModules(vms)
		f.Destroy(vms[0])
		f.inModules(vms[1:])
		f.releases()
	}},
	{name: "a module is known by its VMs after a restart", run: func(f *fixture) {
		vms := []vsphere.Ref{f.made(f.group, 0).Ref, f.made(f.group, 1).Ref}
		f.wants(vsphere.KeepApart)
		f.inModules(vms)
		f.Restart()
		f.wants(vsphere.KeepApart)
		vms = append(vms, f.made(f.group, 2).Ref)
		f.inModules(vms)
		f.releases()
	}},
	{name: "a module of an earlier process is found, and destroyed", run: func(f *fixture) {
		vms := []vsphere.Ref{f.made(f.group, 0).Ref, f.made(f.group, 1).Ref}
		f.wants(vsphere.KeepApart)
		f.inModules(vms)
		f.Restart()
		f.releases()
	}},
	{name: "one VM needs no module", run: func(f *fixture) {
		f.wants(vsphere.KeepApart)
		vms := []vsphere.Ref{f.made(f.group, 0).Ref}
		if got := f.Modules(); len(got) != 0 {
			f.t.Errorf("there are modules %v", got)
		}
		vms = append(vms, f.made(f.group, 1).Ref)
		f.inModules(vms)
	}},
}

// tagged makes a class with tags.
func (f *fixture) tagged(tags ...string) {
	f.t.Helper()
	f.Client().SetClasses([]vsphere.ClassSpec{{Name: gold, TemplateFolder: goldFolder, Zones: []vsphere.ZoneSpec{f.zone("a", 0)}, Tags: tags}})
	f.class(gold, func(o vsphere.Offer) bool { return len(o.Zones) == 1 })
}

func (f *fixture) wants(apart vsphere.Apart) {
	f.Client().Associate(f.group, vsphere.Association{Apart: apart})
}

// releases releases the VMs of the group, and waits until the snapshot says so.
func (f *fixture) releases() {
	f.t.Helper()
	f.wants(vsphere.ReleaseApart)
	f.await(f.group, "the VMs are released", func(s vsphere.Snapshot) bool { return s.Released })
	f.inModules()
	f.wants(vsphere.KeepApart)
	if f.snapshot(f.group).Released {
		f.t.Error("the VMs are to be kept apart again, and were released")
	}
}

// inModules waits until the modules have these VMs in them, and no others.
func (f *fixture) inModules(want ...[]vsphere.Ref) {
	f.t.Helper()
	for _, vms := range want {
		slices.Sort(vms)
	}
	f.awaitPolled(fmt.Sprintf("the modules have %v in them", want), func() bool { return slices.EqualFunc(f.Modules(), want, slices.Equal) })
}
