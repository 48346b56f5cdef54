package contract

import (
	"errors"
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// A template that is not what it was found as is not cloned, and what it is by now is known at once.
var changedTemplateScenarios = slices.Concat(changedTemplates(false), changedTemplates(true))

// changedTemplates are the scenarios where a folder is set that is watched, and where the whole datacenter is searched.
func changedTemplates(anywhere bool) []scenario {
	const old = templateFolder + "/old"
	where := " in the template folder"
	if anywhere {
		where = " anywhere"
	}
	rows := []struct {
		name   string
		change func(f *fixture, template vsphere.Ref)
		then   func(f *fixture, template vsphere.Ref)
	}{
		{
			name:   "made a VM",
			change: func(f *fixture, template vsphere.Ref) { f.MarkAsTemplate(template, false) },
			then:   func(f *fixture, _ vsphere.Ref) { f.lacksNow("bsd", "TemplateUnusable") },
		}, {
			name:   "destroyed",
			change: func(f *fixture, template vsphere.Ref) { f.Destroy(template) },
			then:   func(f *fixture, _ vsphere.Ref) { f.lacksNow("bsd", "TemplateNotFound") },
		}, {
			name:   "renamed",
			change: func(f *fixture, template vsphere.Ref) { f.Rename(template, "retired") },
			then: func(f *fixture, template vsphere.Ref) {
				f.lacksNow("bsd", "TemplateNotFound")
				f.findsNow("retired", template)
			},
		}, {
			name:   "moved",
			change: func(f *fixture, template vsphere.Ref) { f.Move(template, "elsewhere") },
			then: func(f *fixture, template vsphere.Ref) {
				if anywhere {
					f.findsNow("bsd", template)
				} else {
					f.lacksNow("bsd", "TemplateNotFound")
				}
			},
		}, {
			name: "a folder on the way renamed",
			change: func(f *fixture, template vsphere.Ref) {
				f.RenameFolder(old, "new")
				path := "new/bsd"
				if anywhere {
					path = templateFolder + "/" + path
				}
				f.awaitPolled("the folder is seen to be renamed", func() bool {
					_, err := f.Client().FindTemplate(f.t.Context(), f.group, "", path)
					return err == nil
				})
			},
			then: func(f *fixture, template vsphere.Ref) { f.findsNow("bsd", template) },
		},
	}
	var scenarios []scenario
	for _, row := range rows {
		scenarios = append(scenarios, scenario{name: row.name + where, anywhere: anywhere, run: func(f *fixture) {
			template := f.AddTemplate(old, "bsd")
			found := f.found("bsd", template)
			folder := f.folder(f.group)
			row.change(f, template)
			f.isChanged(found, folder)
			row.then(f, template)
		}})
	}
	return append(scenarios, scenario{name: "replaced" + where, anywhere: anywhere, run: func(f *fixture) {
		template := f.AddTemplate(old, "bsd")
		found := f.found("bsd", template)
		folder := f.folder(f.group)
		f.Rename(template, "retired")
		another := f.AddTemplate(old, "bsd")
		f.isChanged(found, folder)
		found = f.found("bsd", another)
		f.notifies(f.group, func() { f.must(f.startFrom(found, f.group, vmName(f.group, 0), f.spec(folder, 0))) })
		f.await(f.group, "a VM is made from the new one", func(s vsphere.Snapshot) bool { return idle(s) && len(s.VMs) == 1 })
	}})
}

// isChanged expects that clones of a template are not sent, and leave nothing to wait for.
func (f *fixture) isChanged(template vsphere.Template, folder vsphere.Ref) {
	f.t.Helper()
	var clones []vsphere.Request
	for slot := range 3 {
		clones = append(clones, cloneOf(template, vmName(f.group, slot), f.spec(folder, slot)))
	}
	err := f.Client().Start(f.t.Context(), f.group, clones)
	f.mustBe(vsphere.ClassConflict, err)
	if !vsphere.TemplateChanged(err) {
		f.t.Errorf("it does not say that the template has changed: %v", err)
	}
	if s := f.snapshot(f.group); !idle(s) || len(s.Failures)+len(s.VMs) > 0 || f.count(vmName(f.group, 0)) > 0 {
		f.t.Errorf("want neither VM nor operation nor failure: %s", describe(s))
	}
}

// findsNow expects that a look-up finds a template, and not only after a while.
func (f *fixture) findsNow(path string, want vsphere.Ref) {
	f.t.Helper()
	if got, err := f.lookUp(path); err != nil || got.Ref != want {
		f.t.Errorf("template %s is %+v, %v; want %s", path, got, err, want)
	}
}

// lacksNow expects that a look-up fails, and not only after a while.
func (f *fixture) lacksNow(path, reason string) *vsphere.Error {
	f.t.Helper()
	got, err := f.lookUp(path)
	e, ok := errors.AsType[*vsphere.Error](err)
	if !ok || e.Class != vsphere.ClassInvalid || e.Reason != reason {
		f.t.Fatalf("template %s is %+v, %v; want %s", path, got, err, reason)
	}
	return e
}
