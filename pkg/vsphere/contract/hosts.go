package contract

import (
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

var hostScenarios = []scenario{
	{name: "with DRS, clones name none", run: func(f *fixture) {
		if s := f.snapshot(f.group); s.Zones[0].HostNeeded || len(s.Zones[0].Hosts) > 0 {
			f.t.Errorf("a host is needed: %t, hosts %+v", s.Zones[0].HostNeeded, s.Zones[0].Hosts)
		}
		if vm := f.made(f.group, 0); vm.Host == "" {
			f.t.Errorf("it is on no host: %+v", vm)
		}
	}},
	{name: "without DRS, a clone has to name one", run: func(f *fixture) {
		host := f.withoutDRS().Zones[0].Hosts[0]
		f.notifies(f.group, func() {
			f.must(f.start(f.group, vmName(f.group, 0), f.spec(f.folder(f.group), 0)))
		})
		s := f.await(f.group, "it is refused", func(s vsphere.Snapshot) bool { return idle(s) && len(s.Failures) == 1 })
		if err := s.Failures[0].Err; err.Class != vsphere.ClassInvalid || err.Fault != "InvalidArgument" {
			f.t.Errorf("it is refused with %s %s: %v", err.Class, err.Fault, err)
		}
		vm := f.madeOn(0, host)
		if s := f.snapshot(f.group); vm.Host != host.Name || s.Zones[0].Hosts[0].VMs != 1 {
			f.t.Errorf("it is on %q, want %q; hosts %+v", vm.Host, host.Name, s.Zones[0].Hosts)
		}
		f.Restart()
		s = f.snapshot(f.group)
		if !s.Zones[0].HostNeeded || len(s.Zones[0].Hosts) == 0 || s.Zones[0].Hosts[0] != (vsphere.Host{Ref: host.Ref, Name: host.Name, VMs: 1}) {
			f.t.Errorf("after a restart: %t, %+v", s.Zones[0].HostNeeded, s.Zones[0].Hosts)
		}
		f.notifies(f.group, func() { f.SetDRS(true) })
		f.await(f.group, "vCenter chooses", func(s vsphere.Snapshot) bool { return !s.Zones[0].HostNeeded && len(s.Zones[0].Hosts) == 0 })
		f.made(f.group, 1)
	}},
	{name: "without DRS, a clone under way says where it goes", run: func(f *fixture) {
		host := f.withoutDRS().Zones[0].Hosts[0]
		f.SlowClones(true)
		spec := f.spec(f.folder(f.group), 0)
		spec.Host = host.Ref
		f.must(f.start(f.group, vmName(f.group, 0), spec))
		if s := f.snapshot(f.group); len(s.Operations) != 1 || s.Operations[0].Host != host.Ref {
			f.t.Errorf("operations %+v", s.Operations)
		}
		f.SlowClones(false)
	}},
	{name: "a host in maintenance takes no clones, and tells when it is back", run: func(f *fixture) {
		host := f.withoutDRS().Zones[0].Hosts[0]
		unfit := func(s vsphere.Snapshot) bool {
			return len(s.Zones[0].Hosts) > 0 && s.Zones[0].Hosts[0].Ref == host.Ref && s.Zones[0].Hosts[0].Unfit != ""
		}
		f.notifies(f.group, func() { f.SetMaintenance(host.Ref, true) })
		f.await(f.group, "it is unfit", unfit)
		spec := f.spec(f.folder(f.group), 0)
		spec.Host = host.Ref
		f.must(f.start(f.group, vmName(f.group, 0), spec))
		f.await(f.group, "it is refused", func(s vsphere.Snapshot) bool { return idle(s) && len(s.Failures) == 1 })
		f.notifies(f.group, func() { f.SetMaintenance(host.Ref, false) })
		f.await(f.group, "it is back", func(s vsphere.Snapshot) bool { return len(s.Zones[0].Hosts) > 0 && !unfit(s) })
		f.madeOn(0, host)
	}},
}

// withoutDRS turns DRS off, and returns the snapshot once it says so.
func (f *fixture) withoutDRS() vsphere.Snapshot {
	f.t.Helper()
	f.notifies(f.group, func() { f.SetDRS(false) })
	return f.await(f.group, "hosts to choose from", func(s vsphere.Snapshot) bool {
		return s.Zones[0].HostNeeded && len(s.Zones[0].Hosts) > 0 && s.Zones[0].Hosts[0].Unfit == ""
	})
}

// madeOn is made, on a host.
func (f *fixture) madeOn(slot int, host vsphere.Host) vsphere.VM {
	f.t.Helper()
	spec := f.spec(f.folder(f.group), slot)
	spec.Host = host.Ref
	return f.clone(f.group, slot, spec)
}
