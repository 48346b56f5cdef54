package contract

import (
	"errors"
	"slices"
	"strings"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

const gold = "gold"

// goldFolder is the template folder of the class gold.
const goldFolder = templateFolder + "/" + gold

var classScenarios = []scenario{
	{name: "a class comes to zones, and clones go where it says", run: func(f *fixture) {
		f.offer(gold, f.zone("a", 0), f.zone("b", 1))
		template := f.foundIn(gold, "rocky", f.AddTemplate(goldFolder, "rocky"))
		flags := f.made(f.group, 0)
		inA, inB := f.madeIn(template, 1, "a"), f.madeIn(template, 2, "b")
		if f.ClusterOf(inA.Ref) != f.ClusterOf(flags.Ref) || f.ClusterOf(inB.Ref) == f.ClusterOf(inA.Ref) {
			f.t.Errorf("clusters: %s by the flags, %s in a, %s in b", f.ClusterOf(flags.Ref), f.ClusterOf(inA.Ref), f.ClusterOf(inB.Ref))
		}
		if flags.Stamp.Zone != "" || inA.Stamp.Zone != "a" || inB.Stamp.Zone != "b" {
			f.t.Errorf("zones in stamps: %q, %q, %q", flags.Stamp.Zone, inA.Stamp.Zone, inB.Stamp.Zone)
		}
	}},
	{name: "a zone that is not there says so, and the others go on", run: func(f *fixture) {
		f.notifies(f.group, func() {
			f.Client().SetClasses([]vsphere.ClassSpec{{Name: gold, TemplateFolder: goldFolder, Zones: []vsphere.ZoneSpec{
				f.zone("a", 0), {Name: "b", Cluster: "no-such-cluster"},
			}}})
		})
		class := f.class(gold, func(c vsphere.Offer) bool { return len(c.Zones) == 2 })
		if class.Zones[0].Err != nil || class.Zones[1].Err == nil || class.Zones[1].Err.Reason != v1alpha1.ReasonClusterNotFound {
			f.t.Fatalf("zones %+v", class.Zones)
		}
		s, err := f.Client().Snapshot(f.t.Context(), f.group, gold)
		if f.must(err); len(s.Zones) != 2 || s.Zones[0].Name != "a" || s.Zones[1].Name != "b" || s.Zones[1].Err == nil {
			f.t.Errorf("the snapshot has %+v", s.Zones)
		}
		template := f.foundIn(gold, "rocky", f.AddTemplate(goldFolder, "rocky"))
		f.madeIn(template, 0, "a")
		spec := f.spec(f.folder(f.group), 1)
		spec.Place = vsphere.Place{Class: gold, Zone: "b"}
		f.mustBe(vsphere.ClassInvalid, f.startFrom(template, f.group, vmName(f.group, 1), spec))
		if n := f.count(vmName(f.group, 1)); n != 0 {
			f.t.Errorf("%d VMs were made in a zone that is not there", n)
		}
	}},
	{name: "a class that was never set, or is gone, has no zones", run: func(f *fixture) {
		if _, err := f.Client().Offer(f.t.Context(), gold); !errors.Is(err, vsphere.ErrPending) {
			f.t.Errorf("a class that was never set: %v", err)
		}
		if s, err := f.Client().Snapshot(f.t.Context(), f.group, gold); err != nil || len(s.Zones) > 0 {
			f.t.Errorf("it has zones %+v, %v", s.Zones, err)
		}
		f.offer(gold, f.zone("a", 0))
		f.notifies(f.group, func() { f.Client().SetClasses(nil) })
		f.awaitNotified(f.group, "it is gone", func() bool {
			_, err := f.Client().Offer(f.t.Context(), gold)
			return errors.Is(err, vsphere.ErrPending)
		})
		spec := f.spec(f.folder(f.group), 0)
		spec.Place = vsphere.Place{Class: gold, Zone: "a"}
		f.mustBe(vsphere.ClassConflict, f.start(f.group, vmName(f.group, 0), spec))
	}},
	{name: "templates of a class are looked for in its folder alone", run: func(f *fixture) {
		f.offer(gold, f.zone("a", 0))
		f.AddTemplate("elsewhere", "windows")
		f.AddTemplate(templateFolder, "windows")
		for _, path := range []string{"windows", "linux", "../linux", "/DC0/vm/" + templateFolder + "/linux", "/DC0/vm/elsewhere/windows"} {
			if t, err := f.Client().FindTemplate(f.t.Context(), f.group, gold, path); err == nil {
				f.t.Errorf("%q leads to %s", path, t.Path)
			}
		}
		if _, err := f.Client().FindTemplateByRef(f.t.Context(), f.group, gold, f.template); err == nil {
			f.t.Error("a reference leads out of the folder")
		}
	}},
	{name: "a template of a class that appears is told, in a folder that appears with it", run: func(f *fixture) {
		f.offer(gold, f.zone("a", 0))
		missing := f.class(gold, func(o vsphere.Offer) bool { return o.TemplatesErr != nil })
		if missing.TemplatesErr.Reason != v1alpha1.ReasonTemplateFolderNotFound {
			f.t.Errorf("a folder that is not there: %v", missing.TemplatesErr)
		}
		if _, err := f.Client().FindTemplate(f.t.Context(), f.group, gold, "rocky"); vsphere.ClassOf(err) != vsphere.ClassInvalid {
			f.t.Fatalf("before it is there: %v", err)
		}
		f.foundIn(gold, "rocky", f.AddTemplate(goldFolder, "rocky"))
		f.class(gold, func(o vsphere.Offer) bool { return o.TemplatesErr == nil })
	}},
	{name: "a template folder that overlaps the root folder is refused", run: func(f *fixture) {
		for _, folder := range []string{RootFolder, RootFolder + "/default"} {
			f.Client().SetClasses([]vsphere.ClassSpec{{Name: gold, TemplateFolder: folder, Zones: []vsphere.ZoneSpec{f.zone("a", 0)}}})
			f.class(gold, func(c vsphere.Offer) bool { return c.TemplatesErr != nil })
			f.Client().SetClasses(nil)
		}
	}},
	{name: "NICs are connected to networks of the class", run: func(f *fixture) {
		f.Client().SetClasses([]vsphere.ClassSpec{{
			Name: gold, TemplateFolder: goldFolder, Zones: []vsphere.ZoneSpec{f.zone("a", 0), f.zone("b", 1)},
			Networks: []vsphere.NetworkSpec{{Name: "web", Path: "front"}, {Name: "data", Path: "db"}, {Name: "typo", Path: "no-such-network"}},
		}})
		offer := f.class(gold, func(o vsphere.Offer) bool { return len(o.Networks) == 3 })
		if n := offer.Networks; n[0].Err != nil || n[1].Err != nil || n[2].Err == nil || n[2].Err.Reason != v1alpha1.ReasonNetworkNotFound {
			f.t.Errorf("networks %+v", n)
		}
		s, err := f.Client().Snapshot(f.t.Context(), f.group, gold)
		if f.must(err); len(s.Networks) != 3 || !slices.Equal(s.Zones[0].Networks, []string{"web", "data"}) || !slices.Equal(s.Zones[1].Networks, []string{"web"}) {
			f.t.Errorf("the snapshot has networks %+v, in a %q, in b %q", s.Networks, s.Zones[0].Networks, s.Zones[1].Networks)
		}
		template := f.foundIn(gold, "rocky", f.AddTemplate(goldFolder, "rocky"))
		for slot, names := range [][]string{{"web"}, {"data", "web"}, {"web", "data", "web"}} {
			spec := f.spec(f.folder(f.group), slot)
			spec.Networks, spec.Place = strings.Join(names, ","), vsphere.Place{Class: gold, Zone: "a"}
			vm := f.madeFrom(template, slot, spec)
			var want []string
			for _, name := range names {
				want = append(want, map[string]string{"web": "front", "data": "db"}[name])
			}
			if got := f.NetworksOf(vm.Ref); !slices.Equal(got, want) {
				f.t.Errorf("networks %q are %q", names, got)
			}
			if vm.Stamp.Revision != spec.Revision() {
				f.t.Errorf("networks %q: revision %s, want %s", names, vm.Stamp.Revision, spec.Revision())
			}
		}
		spec := f.spec(f.folder(f.group), 3)
		spec.Networks, spec.Place = "typo", vsphere.Place{Class: gold, Zone: "a"}
		if err := f.startFrom(template, f.group, vmName(f.group, 3), spec); err == nil || f.count(vmName(f.group, 3)) > 0 {
			f.t.Errorf("a network that is not there: %v", err)
		}
	}},
	{name: "clones of a zone that fail are counted apart from those of others", run: func(f *fixture) {
		f.offer(gold, f.zone("a", 0), f.zone("b", 1))
		template := f.foundIn(gold, "rocky", f.AddTemplate(goldFolder, "rocky"))
		f.FailClone()
		spec := f.spec(f.folder(f.group), 0)
		spec.Place = vsphere.Place{Class: gold, Zone: "a"}
		f.must(f.startFrom(template, f.group, vmName(f.group, 0), spec))
		s := f.await(f.group, "it fails", func(s vsphere.Snapshot) bool { return idle(s) && len(s.Failures) == 1 })
		if s.Failures[0].Place != spec.Place {
			f.t.Errorf("the failure is of %+v", s.Failures[0].Place)
		}
		f.madeIn(template, 1, "b")
		if s := f.snapshot(f.group); len(s.Failures) != 1 {
			f.t.Errorf("the success of another zone has cleared it: %+v", s.Failures)
		}
		f.madeIn(template, 0, "a")
		f.await(f.group, "the success of the same zone clears it", func(s vsphere.Snapshot) bool { return len(s.Failures) == 0 })
	}},
}

// zone is a zone in one of the world's clusters.
func (f *fixture) zone(name string, cluster int) vsphere.ZoneSpec {
	return vsphere.ZoneSpec{Name: name, Cluster: f.Clusters()[cluster]}
}

// offer sets a class, and waits until all its zones are there.
func (f *fixture) offer(class string, zones ...vsphere.ZoneSpec) {
	f.t.Helper()
	f.Client().SetClasses([]vsphere.ClassSpec{{Name: class, TemplateFolder: goldFolder, Zones: zones}})
	found := f.class(class, func(c vsphere.Offer) bool { return len(c.Zones) == len(zones) })
	for _, zone := range found.Zones {
		if zone.Err != nil {
			f.t.Fatalf("zone %s: %v", zone.Name, zone.Err)
		}
	}
}

// class waits until a class is as it should be.
func (f *fixture) class(name string, is func(vsphere.Offer) bool) vsphere.Offer {
	f.t.Helper()
	var class vsphere.Offer
	f.awaitNotified(f.group, "class "+name, func() bool {
		var err error
		class, err = f.Client().Offer(f.t.Context(), name)
		return err == nil && is(class)
	})
	return class
}

// foundIn waits until a template of a class is found.
func (f *fixture) foundIn(class, path string, ref vsphere.Ref) vsphere.Template {
	f.t.Helper()
	var found vsphere.Template
	f.awaitNotified(f.group, path+" is found", func() bool {
		var err error
		found, err = f.Client().FindTemplate(f.t.Context(), f.group, class, path)
		return err == nil && found.Ref == ref
	})
	return found
}

// madeIn makes a VM in a zone of the class gold.
func (f *fixture) madeIn(template vsphere.Template, slot int, zone string) vsphere.VM {
	f.t.Helper()
	spec := f.spec(f.folder(f.group), slot)
	spec.Place = vsphere.Place{Class: gold, Zone: zone}
	return f.madeFrom(template, slot, spec)
}

// madeFrom makes a VM from a template.
func (f *fixture) madeFrom(template vsphere.Template, slot int, spec vsphere.CloneSpec) vsphere.VM {
	f.t.Helper()
	name := vmName(f.group, slot)
	f.notifies(f.group, func() { f.must(f.startFrom(template, f.group, name, spec)) })
	want := vsphere.PoweredOff
	if spec.PowerOn {
		want = vsphere.PoweredOn
	}
	s := f.await(f.group, name+" is made", func(s vsphere.Snapshot) bool {
		vm, ok := named(s, name)
		return ok && vm.Configured && vm.Power == want && len(s.Operations) == 0
	})
	vm, _ := named(s, name)
	return vm
}
