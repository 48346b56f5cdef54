package vim

import (
	"errors"
	"strings"
	"testing"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// The numbers are those of leavesHostToClients.
func TestWhoChoosesTheHost(t *testing.T) {
	drs := func(enabled *bool, behavior types.DrsBehavior) properties {
		return properties{propConfigurationEx: types.ClusterConfigInfoEx{
			DrsConfig: types.ClusterDrsConfigInfo{Enabled: enabled, DefaultVmBehavior: behavior},
		}}
	}
	on, off := types.NewBool(true), types.NewBool(false)
	for name, tt := range map[string]struct {
		cluster properties
		clients bool
	}{
		"1: a standalone host":      {properties{propConfigurationEx: types.ComputeResourceConfigInfo{}}, false},
		"1: nothing can be read":    {properties{}, false},
		"1: it is not said":         {drs(nil, types.DrsBehaviorManual), false},
		"2: without DRS":            {drs(off, types.DrsBehaviorFullyAutomated), true},
		"3: manual":                 {drs(on, types.DrsBehaviorManual), true},
		"4: partially automated":    {drs(on, types.DrsBehaviorPartiallyAutomated), false},
		"4: fully automated":        {drs(on, types.DrsBehaviorFullyAutomated), false},
		"4: no behavior is told":    {drs(on, ""), false},
		"2: the same, by reference": {properties{propConfigurationEx: &types.ClusterConfigInfoEx{DrsConfig: types.ClusterDrsConfigInfo{Enabled: off}}}, true},
	} {
		if got := leavesHostToClients(tt.cluster); got != tt.clients {
			t.Errorf("%s: %t, want %t", name, got, tt.clients)
		}
	}
}

// The numbers are those of unfit. A row that has what a later rule looks for, too, shows that the first rule is told.
func TestUnfitHosts(t *testing.T) {
	with := func(datastore string) types.ArrayOfManagedObjectReference {
		return types.ArrayOfManagedObjectReference{ManagedObjectReference: []types.ManagedObjectReference{
			{Type: "Datastore", Value: "datastore-9"}, {Type: "Datastore", Value: datastore},
		}}
	}
	connected, on := types.HostSystemConnectionStateConnected, types.HostSystemPowerStatePoweredOn
	for name, tt := range map[string]struct {
		host properties
		want string
	}{
		"1":                      {properties{propMaintenance: true}, "cannot be read"},
		"2":                      {properties{propHostConnection: types.HostSystemConnectionStateDisconnected, propMaintenance: true}, "is disconnected"},
		"2: it does not respond": {properties{propHostConnection: types.HostSystemConnectionStateNotResponding}, "is not responding"},
		"3":                      {properties{propHostConnection: connected, propHostPower: types.HostSystemPowerStatePoweredOff, propMaintenance: true}, "is powered off"},
		"3: in standby":          {properties{propHostConnection: connected, propHostPower: types.HostSystemPowerStateStandBy}, "is in standby"},
		"4":                      {properties{propHostConnection: connected, propHostPower: on, propMaintenance: true, propQuarantine: true}, "is in maintenance mode"},
		"5":                      {properties{propHostConnection: connected, propHostPower: on, propQuarantine: true}, "is in quarantine mode"},
		"6":                      {properties{propHostConnection: connected, propHostPower: on, propDatastores: with("datastore-8")}, "does not have the datastore"},
		"6: none":                {properties{propHostConnection: connected, propHostPower: on}, "does not have the datastore"},
		"fit":                    {properties{propHostConnection: connected, propHostPower: on, propMaintenance: false, propQuarantine: false, propDatastores: with("datastore-1")}, ""},
		"fit, its power unknown": {properties{propHostConnection: connected, propHostPower: types.HostSystemPowerStateUnknown, propDatastores: with("datastore-1")}, ""},
	} {
		if got := unfit(tt.host, "datastore-1"); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// hostUpdate is what the collector says of a host.
func hostUpdate(kind types.ObjectUpdateKind, host string, changes ...types.PropertyChange) types.ObjectUpdate {
	return types.ObjectUpdate{Kind: kind, Obj: types.ManagedObjectReference{Type: "HostSystem", Value: host}, ChangeSet: changes}
}

func fit(name string) []types.PropertyChange {
	return []types.PropertyChange{
		assign(propName, name), assign(propHostConnection, types.HostSystemConnectionStateConnected),
		assign(propDatastores, types.ArrayOfManagedObjectReference{ManagedObjectReference: []types.ManagedObjectReference{{Value: "datastore-1"}}}),
	}
}

// Everybody is woken by what changes where clones may go, and nobody by anything else.
func TestNewsOfHosts(t *testing.T) {
	inv := testInventory()
	inv.fleet = newFleet(placement{
		datastore: types.ManagedObjectReference{Value: "datastore-1"}, host: types.ManagedObjectReference{Value: "host-2"},
	})
	enter, modify, leave := types.ObjectUpdateKindEnter, types.ObjectUpdateKindModify, types.ObjectUpdateKindLeave
	for i, step := range []struct {
		update types.ObjectUpdate
		want   []vsphere.Host
		wakes  bool
	}{
		{hostUpdate(enter, "host-1", fit("esx-1")...), nil, false}, // another one is pinned
		{hostUpdate(enter, "host-2", fit("esx%2f2")...), []vsphere.Host{{Ref: "host-2", Name: "esx/2"}}, true},
		{hostUpdate(modify, "host-2", assign(propMaintenance, false)), []vsphere.Host{{Ref: "host-2", Name: "esx/2"}}, false},
		{hostUpdate(modify, "host-2", assign(propMaintenance, true)), []vsphere.Host{{Ref: "host-2", Name: "esx/2", Unfit: "is in maintenance mode"}}, true},
		{hostUpdate(enter, "host-2", fit("esx%2f2")...), []vsphere.Host{{Ref: "host-2", Name: "esx/2"}}, true},
		{hostUpdate(leave, "host-2"), nil, true},
	} {
		var touched touched
		inv.updateFleet(step.update, &touched)
		s := inv.snapshot(testGroup)
		if len(s.Hosts) != len(step.want) || len(s.Hosts) == 1 && s.Hosts[0] != step.want[0] || !s.HostNeeded || touched.all != step.wakes {
			t.Errorf("step %d: hosts %+v, all are woken: %t; want %+v, %t", i+1, s.Hosts, touched.all, step.want, step.wakes)
		}
	}
	if inv.hosts["host-2"] != "esx/2" {
		t.Errorf("names %v", inv.hosts)
	}
}

// What a resync reads replaces what was known, unless something has become known meanwhile.
func TestHostsAreReadAgain(t *testing.T) {
	read := func(inv *inventory, asked uint64) bool {
		var touched touched
		props := properties{}
		props.apply(fit("esx-3"))
		inv.refreshFleet([]object{{ref: types.ManagedObjectReference{Type: "HostSystem", Value: "host-3"}, props: props}}, asked, &touched)
		return touched.all
	}
	inv := testInventory()
	inv.fleet = newFleet(placement{datastore: types.ManagedObjectReference{Value: "datastore-1"}})
	inv.fleet.cluster[propConfigurationEx] = types.ClusterConfigInfoEx{DrsConfig: types.ClusterDrsConfigInfo{Enabled: types.NewBool(false)}}
	asked := inv.instantOfFleet()
	inv.updateFleet(hostUpdate(types.ObjectUpdateKindEnter, "host-1", fit("esx-1")...), &touched{})
	if read(inv, asked) || len(inv.snapshot(testGroup).Hosts) != 1 || inv.snapshot(testGroup).Hosts[0].Ref != "host-1" {
		t.Errorf("an answer that is older than the news was taken: %+v", inv.snapshot(testGroup).Hosts)
	}
	if !read(inv, inv.instantOfFleet()) || len(inv.snapshot(testGroup).Hosts) != 1 || inv.snapshot(testGroup).Hosts[0].Ref != "host-3" {
		t.Errorf("what was read was not taken: %+v", inv.snapshot(testGroup).Hosts)
	}
}

// Hosts that cannot be read again stay as they were.
func TestHostsThatCannotBeReadAgain(t *testing.T) {
	c := scripted(t, &script{fails: fails{"RetrievePropertiesEx": {noAnswer}}})
	c.placement.compute = types.ManagedObjectReference{Type: "ClusterComputeResource", Value: "domain-c1"}
	c.v.inv.updateFleet(hostUpdate(types.ObjectUpdateKindEnter, "host-1", fit("esx-1")...), &touched{})
	if err := c.rereadHosts(t.Context()); !errors.Is(err, noAnswer) {
		t.Errorf("got %v", err)
	}
	if len(c.v.inv.fleet.hosts) != 1 {
		t.Errorf("hosts %v, want the one that was known", c.v.inv.fleet.hosts)
	}
}

// A VM of ours counts on the host that it is on, and nowhere once it is gone.
func TestVMsOnHosts(t *testing.T) {
	inv := testInventory()
	on := func(host string) []types.PropertyChange {
		return append(described("web-0", "group-3"), assign(propHost, types.ManagedObjectReference{Type: "HostSystem", Value: host}))
	}
	want := func(when string, host vsphere.Ref, n int) {
		t.Helper()
		if inv.onHost[host] != n || n > 0 && len(inv.onHost) != 1 || n == 0 && len(inv.onHost) > 0 {
			t.Errorf("%s: %v, want %d on %s", when, inv.onHost, n, host)
		}
	}
	inv.update("vm-1", fromRoot, true, on("host-1"), &touched{})
	want("made", "host-1", 1)
	inv.update("vm-1", fromRoot, false, on("host-2"), &touched{})
	want("moved", "host-2", 1)
	inv.update("vm-1", fromRoot, false, []types.PropertyChange{assign(propStamp, nil)}, &touched{})
	want("not ours any more", "host-2", 0)
	inv.update("vm-1", fromRoot, true, on("host-1"), &touched{})
	inv.remove("vm-1", &touched{})
	want("gone", "host-1", 0)
}

// Who reads the refusal has no field of the host to set: it says who can do what.
func TestARefusalForTheHostSaysWhatToDo(t *testing.T) {
	text := faultText(&types.InvalidArgument{InvalidProperty: "spec.location.host"})
	if !strings.Contains(text, "-host") || !strings.Contains(text, "DRS") {
		t.Errorf("%q", text)
	}
}
