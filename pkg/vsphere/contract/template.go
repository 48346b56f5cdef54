package contract

import (
	"errors"
	"fmt"
	"strings"

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
	{name: "absent from a path, it heals when a folder gets its name", run: func(f *fixture) {
		template := f.AddTemplate(templateFolder+"/old", "bsd")
		f.finds("old/bsd", template)
		f.lacks("new/bsd", "TemplateNotFound")
		f.notifies(f.group, func() { f.RenameFolder(templateFolder+"/old", "new") })
		f.finds("new/bsd", template)
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
		if got, err := f.lookUp("neighbour"); err == nil {
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
		f.saysUnusable(vm.Name, `VM of VmGroup "web"`, vsphere.StampKey)
	}},
	{name: "where no folder is set, nothing below the root is one", anywhere: true, run: func(f *fixture) {
		f.folder(f.other())
		f.AddTemplate(RootFolder+"/default/db", "bsd")
		f.saysUnusable("bsd", "below the root folder")
	}},
	{name: "what is no template is said to be none", run: func(f *fixture) {
		f.AddForeignVM(templateFolder, "bsd")
		f.lacks("bsd", "TemplateUnusable")
		f.saysUnusable("bsd", "no template")
	}},
	{name: "a template made of a copy of a VM of ours is one, and its clones are VMs of ours", run: func(f *fixture) {
		vm := f.madeOff(f.group, 0)
		golden := f.CopyVM(vm.Ref, "golden")
		f.await(f.group, "it has the stamp of the VM", func(s vsphere.Snapshot) bool {
			got, ok := byRef(s, golden)
			return ok && f.identify(s, got) == vsphere.Copy
		})
		f.Move(golden, templateFolder)
		f.MarkAsTemplate(golden, true)
		found := f.found("golden", golden)
		name := vmName(f.group, 1)
		f.notifies(f.group, func() { f.must(f.startFrom(found, f.group, name, f.spec(vm.Parent, 1))) })
		s := f.await(f.group, "it is cloned", func(s vsphere.Snapshot) bool {
			_, ok := named(s, name)
			return ok && idle(s)
		})
		clone, _ := named(s, name)
		if f.identify(s, clone) != vsphere.Ours || clone.Stamp.Slot != 1 || clone.Stamp.Instance == vm.Stamp.Instance {
			f.t.Errorf("its clone is %s with stamp %+v", f.identify(s, clone), clone.Stamp)
		}
		if got, ok := byRef(s, vm.Ref); !ok || f.identify(s, got) != vsphere.Ours {
			f.t.Errorf("the VM that was copied is not ours any more: %s", describe(s))
		}
		f.PowerOff(clone.Ref)
		f.await(f.group, "it is off", func(s vsphere.Snapshot) bool {
			got, ok := byRef(s, clone.Ref)
			return ok && got.Power == vsphere.PoweredOff
		})
		f.must(f.ask(vsphere.OperationDestroy, clone.Ref))
		f.await(f.group, "it goes", func(s vsphere.Snapshot) bool { return idle(s) && !f.exists(clone.Ref) })
		f.refuses(golden)
	}},
	{name: "a name that only looks the same is named", run: func(f *fixture) {
		for have, want := range map[string]string{
			"caf\u00e9": "cafe\u0301", // NFC and NFD
			"Windows":   "windows",
			"bsd ":      "bsd",
		} {
			f.finds(have, f.AddTemplate(templateFolder, have))
			err := f.lacksNow(want, "TemplateNotFound")
			if text := fmt.Sprintf("%+q", have); !strings.Contains(err.Message, text) {
				f.t.Errorf("%q does not name %s", err.Message, text)
			}
		}
		if err := f.lacksNow("nothing", "TemplateNotFound"); strings.Contains(err.Message, "differs") {
			f.t.Errorf("%q names one that does not look the same", err.Message)
		}
	}},
	{name: "what looks the same below the root concerns only whose it is", anywhere: true, run: func(f *fixture) {
		f.folder(f.other())
		f.AddTemplate(RootFolder+"/default/db", "Secret")
		if err := f.lacksNow("secret", "TemplateNotFound"); strings.Contains(err.Message, "Secret") {
			f.t.Errorf("%q names it", err.Message)
		}
	}},
}

// saysUnusable expects that a template is refused with words that say what is wrong with it.
func (f *fixture) saysUnusable(path string, words ...string) {
	f.t.Helper()
	err := f.lacksNow(path, "TemplateUnusable")
	for _, word := range words {
		if !strings.Contains(err.Message, word) {
			f.t.Errorf("%q does not say %q", err.Message, word)
		}
	}
}

// finds expects that a template is found, now or when the group is notified that the answer may have changed.
func (f *fixture) finds(path string, want vsphere.Ref) {
	f.t.Helper()
	f.found(path, want)
}

// found is finds, and returns the template.
func (f *fixture) found(path string, want vsphere.Ref) vsphere.Template {
	f.t.Helper()
	var got vsphere.Template
	var err error
	f.awaitNotified(f.group, "template "+path+" is found", func() bool {
		got, err = f.Client().FindTemplate(f.t.Context(), f.group, "", path)
		return err == nil && got.Ref == want
	})
	if got.Path == "" {
		f.t.Errorf("template %s has no path", path)
	}
	return got
}

// lacks expects that a look-up fails. What was found before may be found for a moment longer.
func (f *fixture) lacks(path, reason string) {
	f.t.Helper()
	f.awaitPolled("template "+path+" is not found: "+reason, func() bool {
		_, err := f.Client().FindTemplate(f.t.Context(), f.group, "", path)
		e, ok := errors.AsType[*vsphere.Error](err)
		return ok && e.Class == vsphere.ClassInvalid && e.Reason == reason
	})
}
