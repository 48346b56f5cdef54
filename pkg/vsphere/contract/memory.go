package contract

import (
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// memoryScenarios are about what an implementation remembers, and what it finds again after it has lost its memory.
var memoryScenarios = []scenario{
	{name: "a snapshot never changes, and the next one has another version", run: func(f *fixture) {
		vm := f.made(f.group, 0)
		first := f.await(f.group, "all is known", func(s vsphere.Snapshot) bool { return s.VMs[0].Host != "" })
		want := describe(first)
		if again := f.snapshot(f.group); again.Version != first.Version || describe(again) != want {
			f.t.Errorf("nothing has happened, and version %d has become %d:\n%s", first.Version, again.Version, cmp.Diff(want, describe(again)))
		}
		f.PowerOff(vm.Ref)
		second := f.await(f.group, "it is off", func(s vsphere.Snapshot) bool { return s.VMs[0].Power == vsphere.PoweredOff })
		f.Move(vm.Ref, "elsewhere")
		f.awaitUnderRoot(vm.Ref, "it is elsewhere", false)
		if second.Version == first.Version || f.snapshot(f.group).Version == second.Version {
			f.t.Errorf("the version has stayed: %d, %d", first.Version, second.Version)
		}
		if diff := cmp.Diff(want, describe(first)); diff != "" {
			f.t.Errorf("the first snapshot has changed (-want +got):\n%s", diff)
		}
	}},
	{name: "after a restart everything is found again", run: func(f *fixture) {
		f.made(f.group, 0)
		f.made(f.group, 1)
		want := f.await(f.group, "all is known", func(s vsphere.Snapshot) bool {
			return len(s.VMs) == 2 && s.VMs[0].Host != "" && s.VMs[1].Host != ""
		})
		f.Restart()
		f.await(f.group, "all is as it was", func(s vsphere.Snapshot) bool {
			want.Version = s.Version
			return cmp.Equal(want, s)
		})
	}},
	{name: "a sweep finds VMs of ours outside the root", run: func(f *fixture) {
		vm := f.made(f.group, 0)
		f.Move(vm.Ref, "elsewhere/deep")
		f.Restart()
		f.sweep()
		s := f.snapshot(f.group)
		got, ok := byRef(s, vm.Ref)
		if !ok || !strings.HasSuffix(got.ParentPath, "/elsewhere/deep") || f.identify(s, got) != vsphere.Ours {
			f.t.Errorf("it is missing: %s", describe(s))
		}
	}},
	{name: "all VMs of ours are told of, wherever they lie and whosever they are", run: func(f *fixture) {
		a, b, c := f.made(f.group, 0), f.made(f.other(), 0), f.madeOff(f.group, 1)
		f.AddForeignVM(RootFolder+"/default/web", "somebody")
		f.CopyVM(c.Ref, "web-copy")
		f.MarkAsTemplate(c.Ref, true)
		f.Move(a.Ref, "elsewhere")
		f.Restart()
		f.sweep()
		vms, err := f.Client().Stamped(f.t.Context())
		f.must(err)
		got, want := map[vsphere.Ref]string{}, map[vsphere.Ref]string{a.Ref: f.group.UID, b.Ref: f.other().UID, c.Ref: f.group.UID}
		for _, vm := range vms {
			got[vm.Ref] = vm.Stamp.UID
		}
		if diff := cmp.Diff(want, got); diff != "" {
			f.t.Errorf("(-want +got):\n%s", diff)
		}
		f.SetOutage(true)
		f.awaitPolled("unknown is not empty", func() bool {
			_, err := f.Client().Stamped(f.t.Context())
			return vsphere.ClassOf(err) == vsphere.ClassUnavailable
		})
		f.SetOutage(false)
	}},
	{name: "VMs that somebody remembers are verified", run: func(f *fixture) {
		a, b := f.made(f.group, 0), f.made(f.group, 1)
		f.Move(a.Ref, "elsewhere")
		f.Destroy(b.Ref)
		foreign := f.AddForeignVM("elsewhere", "somebody")
		f.Restart()
		f.must(f.verify(a.Ref, b.Ref, foreign))
		s := f.snapshot(f.group)
		if _, ok := byRef(s, a.Ref); !ok || len(s.VMs) != 1 {
			f.t.Errorf("want the one that exists and is ours: %s", describe(s))
		}
	}},
	{name: "a clone that outlives its controller counts as a clone to come", run: func(f *fixture) {
		folder := f.folder(f.group)
		name := vmName(f.group, 0)
		f.SlowClones(true)
		f.must(f.start(f.group, name, f.spec(folder, 0)))
		f.Restart()
		f.sweep()
		if s := f.snapshot(f.group); s.ClonesToCome == 0 && f.count(name) == 0 {
			f.t.Errorf("there is neither the VM nor a clone to come: %s", describe(s))
		}
		f.SlowClones(false)
		f.await(f.group, "it has ended, and its VM is seen", func(s vsphere.Snapshot) bool {
			_, ok := named(s, name)
			return ok && idle(s)
		})
		if f.count(name) != 1 {
			f.t.Errorf("there are %d VMs of that name", f.count(name))
		}
	}},
	{name: "a group that is forgotten has no failures", run: func(f *fixture) {
		f.refuses(f.made(f.group, 0).Ref)
		f.Client().Forget(f.group)
		if s := f.snapshot(f.group); len(s.Failures) != 0 {
			f.t.Errorf("failures are %+v", s.Failures)
		}
	}},
	{name: "a failure goes with its VM", run: func(f *fixture) {
		vm := f.made(f.group, 0)
		f.refuses(vm.Ref)
		f.Destroy(vm.Ref)
		f.await(f.group, "both are gone", func(s vsphere.Snapshot) bool { return len(s.VMs)+len(s.Failures) == 0 })
	}},
}
