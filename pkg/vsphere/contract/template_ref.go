package contract

import (
	"errors"
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// A template is found by its reference whatever its name is by now, as long as it can be cloned from.
var templateRefScenarios = slices.Concat(templateRefs(false), templateRefs(true))

// templateRefs are the scenarios where a folder is set that is watched, and where the whole datacenter is searched. There the
// answer of a search holds for a while, so nobody waits for a later one.
func templateRefs(anywhere bool) []scenario {
	where := " in the template folder"
	if anywhere {
		where = " anywhere"
	}
	scenarios := []scenario{
		{name: "renamed, it is found and cloned" + where, anywhere: anywhere, run: func(f *fixture) {
			f.Rename(f.template, "retired")
			f.AddTemplate(templateFolder, "linux")
			found := f.foundByRef(f.template, templateFolder+"/retired")
			folder := f.folder(f.group)
			f.notifies(f.group, func() { f.must(f.startFrom(found, f.group, vmName(f.group, 0), f.spec(folder, 0))) })
			f.await(f.group, "a VM is made from it", func(s vsphere.Snapshot) bool { return idle(s) && len(s.VMs) == 1 })
		}},
		{name: "one that never was" + where, anywhere: anywhere, run: func(f *fixture) { f.lacksRef("vm-none", "TemplateNotFound") }},
		{name: "destroyed" + where, anywhere: anywhere, run: func(f *fixture) {
			f.Destroy(f.template)
			f.lacksRef(f.template, "TemplateNotFound")
		}},
		{name: "made a VM" + where, anywhere: anywhere, run: func(f *fixture) {
			f.MarkAsTemplate(f.template, false)
			f.lacksRef(f.template, "TemplateUnusable")
		}},
	}
	if anywhere {
		return scenarios
	}
	return append(scenarios, scenario{name: "moved out of the template folder, it is none, until it is back", run: func(f *fixture) {
		f.foundByRef(f.template, templateFolder+"/linux")
		f.Move(f.template, "elsewhere")
		f.lacksRef(f.template, "TemplateNotFound")
		f.notifies(f.group, func() { f.Move(f.template, templateFolder) })
		f.foundByRef(f.template, templateFolder+"/linux")
	}})
}

// foundByRef expects that a template is found below the datacenter's VM folder, now or a moment later.
func (f *fixture) foundByRef(ref vsphere.Ref, path string) vsphere.Template {
	f.t.Helper()
	var got vsphere.Template
	var err error
	f.awaitPolled("template "+string(ref)+" is found at "+path, func() bool {
		got, err = f.Client().FindTemplateByRef(f.t.Context(), f.group, "", ref)
		return err == nil && got.Ref == ref && hasPath(got, path)
	})
	return got
}

func hasPath(t vsphere.Template, path string) bool {
	names := vsphere.PathNames(t.Path)
	want := vsphere.PathNames(path)
	return len(names) >= len(want) && slices.Equal(names[len(names)-len(want):], want)
}

// lacksRef expects that a look-up by reference fails.
func (f *fixture) lacksRef(ref vsphere.Ref, reason string) {
	f.t.Helper()
	f.awaitPolled("template "+string(ref)+" is not found: "+reason, func() bool {
		_, err := f.Client().FindTemplateByRef(f.t.Context(), f.group, "", ref)
		e, ok := errors.AsType[*vsphere.Error](err)
		return ok && e.Class == vsphere.ClassInvalid && e.Reason == reason
	})
}
