package contract

import (
	"errors"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

var templateScenarios = []scenario{
	{name: "found by name and by path", run: func(f *fixture) {
		inner := f.AddTemplate(templateFolder+"/old", "bsd")
		for path, want := range map[string]vsphere.Ref{"linux": f.template, "old/bsd": inner} {
			f.finds(path, want)
		}
	}},
	{name: "names are compared exactly", run: func(f *fixture) {
		for _, path := range []string{"lin*", "LINUX", "linu?", "[l]inux", "../" + templateFolder + "/linux", "nowhere/linux"} {
			f.lacks(path, "TemplateNotFound")
		}
	}},
	{name: "a name that is empty", run: func(f *fixture) { f.lacks("", "TemplateEmpty") }},
	{name: "two of one name are told apart by their paths", run: func(f *fixture) {
		a := f.AddTemplate(templateFolder+"/a", "bsd")
		f.finds("bsd", a)
		b := f.AddTemplate(templateFolder+"/b", "bsd")
		f.lacks("bsd", "TemplateAmbiguous")
		f.finds("a/bsd", a)
		f.finds("b/bsd", b)
		f.lacks("bsd", "TemplateAmbiguous")
		f.notifies(f.group, func() { f.Destroy(a) })
		f.finds("bsd", b)
	}},
	{name: "a VM is not a template, until it is made one", run: func(f *fixture) {
		vm := f.AddForeignVM(templateFolder, "bsd")
		f.lacks("bsd", "TemplateUnusable")
		f.notifies(f.group, func() { f.MarkAsTemplate(vm, true) })
		f.finds("bsd", vm)
	}},
	{name: "absent, it heals when it appears", run: func(f *fixture) {
		f.lacks("bsd", "TemplateNotFound")
		var added vsphere.Ref
		f.notifies(f.group, func() { added = f.AddTemplate(templateFolder, "bsd") })
		f.finds("bsd", added)
	}},
	{name: "removed, it is found no more", run: func(f *fixture) {
		f.finds("linux", f.template)
		f.Destroy(f.template)
		f.lacks("linux", "TemplateNotFound")
	}},
	{name: "where no folder is set the whole datacenter is searched, and only templates count", anywhere: true, run: func(f *fixture) {
		f.AddForeignVM("elsewhere", "linux")
		bsd := f.AddTemplate("elsewhere/old", "bsd")
		f.AddForeignVM("elsewhere", "neighbour")
		f.Restart() // the answer of a search may be kept for a while
		f.finds("linux", f.template)
		f.finds("bsd", bsd)
		f.finds("elsewhere/old/bsd", bsd)
		if got, err := f.Client().FindTemplate(f.t.Context(), f.group, "neighbour"); err == nil {
			f.t.Errorf("found the VM %+v", got)
		}
	}},
	{name: "absent from the whole datacenter, it heals when it appears", anywhere: true, slow: true, run: func(f *fixture) {
		f.lacks("bsd", "TemplateNotFound")
		f.finds("bsd", f.AddTemplate("elsewhere", "bsd"))
	}},
	{name: "a VM of ours is never one", run: func(f *fixture) {
		vm := f.madeOff(f.group, 0)
		f.MarkAsTemplate(vm.Ref, true)
		f.Move(vm.Ref, templateFolder)
		f.await(f.group, "it is seen there", func(s vsphere.Snapshot) bool {
			got, ok := byRef(s, vm.Ref)
			return ok && got.Template && got.Parent != vm.Parent
		})
		if got, err := f.Client().FindTemplate(f.t.Context(), f.group, vm.Name); err == nil {
			f.t.Errorf("found %+v", got)
		} else {
			f.mustBe(vsphere.ClassInvalid, err)
		}
	}},
}

// finds expects that a template is found, now or when the group is notified that the answer may have changed.
func (f *fixture) finds(path string, want vsphere.Ref) {
	f.t.Helper()
	var got vsphere.Template
	var err error
	f.awaitNotified(f.group, "template "+path+" is found", func() bool {
		got, err = f.Client().FindTemplate(f.t.Context(), f.group, path)
		return err == nil && got.Ref == want
	})
	if got.Path == "" {
		f.t.Errorf("template %s has no path", path)
	}
}

// lacks expects that a look-up fails. What was found before may be found for a moment longer.
func (f *fixture) lacks(path, reason string) {
	f.t.Helper()
	f.awaitPolled("template "+path+" is not found: "+reason, func() bool {
		_, err := f.Client().FindTemplate(f.t.Context(), f.group, path)
		e, ok := errors.AsType[*vsphere.Error](err)
		return ok && e.Class == vsphere.ClassInvalid && e.Reason == reason
	})
}
