package vim

import (
	"errors"
	"strings"
	"testing"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
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
		if got := unfit(tt.host, []types.ManagedObjectReference{store1}); got != tt.want {
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
		assign(propName, name), assign(propParent, cluster), assign(propHostConnection, types.HostSystemConnectionStateConnected),
		assign(propDatastores, types.ArrayOfManagedObjectReference{ManagedObjectReference: []types.ManagedObjectReference{store1}}),
	}
}

var store1 = types.ManagedObjectReference{Type: "Datastore", Value: "datastore-1"}

var cluster = types.ManagedObjectReference{Type: "ClusterComputeResource", Value: "domain-c1"}

// setPlace says where the flags let VMs be made.
func setPlace(c *testConn, at placement) {
	c.setPlaces(places{zones: []placedZone{{at: at}}}, []vsphere.ClassSpec{{}}, &inventory.Changes{})
}

// Everybody is woken by what changes where clones may go, and nobody by anything else.
func TestNewsOfHosts(t *testing.T) {
	c := scripted(t, &script{})
	setPlace(c, placement{
		compute: cluster, storage: storage{stores: []types.ManagedObjectReference{store1}}, host: types.ManagedObjectReference{Value: "host-2"},
	})
	enter, change, leave := types.ObjectUpdateKindEnter, types.ObjectUpdateKindModify, types.ObjectUpdateKindLeave
	for i, step := range []struct {
		update types.ObjectUpdate
		want   []vsphere.Host
		wakes  bool
	}{
		{hostUpdate(enter, "host-1", fit("esx-1")...), nil, false}, // another one is pinned
		{hostUpdate(enter, "host-2", fit("esx%2f2")...), []vsphere.Host{{Ref: "host-2", Name: "esx/2"}}, true},
		{hostUpdate(change, "host-2", assign(propMaintenance, false)), []vsphere.Host{{Ref: "host-2", Name: "esx/2"}}, false},
		{hostUpdate(change, "host-2", assign(propMaintenance, true)), []vsphere.Host{{Ref: "host-2", Name: "esx/2", Unfit: "is in maintenance mode"}}, true},
		{hostUpdate(enter, "host-2", fit("esx%2f2")...), []vsphere.Host{{Ref: "host-2", Name: "esx/2"}}, true},
		{hostUpdate(leave, "host-2"), nil, true},
	} {
		var ch inventory.Changes
		c.applyHost(step.update, &ch)
		s := c.v.inv.Snapshot(testGroup, "").Zones[0]
		if len(s.Hosts) != len(step.want) || len(s.Hosts) == 1 && s.Hosts[0] != step.want[0] || !s.HostNeeded || ch.All != step.wakes {
			t.Errorf("step %d: hosts %+v, all are woken: %t; want %+v, %t", i+1, s.Hosts, ch.All, step.want, step.wakes)
		}
	}
	modify(c.v.inv, "vm-1", assign(propHost, types.ManagedObjectReference{Type: "HostSystem", Value: "host-2"}))
	if vm := get(c.v.inv, "vm-1"); vm.Host != "esx/2" {
		t.Errorf("a VM is on host %q", vm.Host)
	}
}

// What a resync reads replaces what was known, unless something has become known meanwhile.
func TestHostsAreReadAgain(t *testing.T) {
	c := scripted(t, &script{})
	read := func(asked uint64) bool {
		var ch inventory.Changes
		props := properties{}
		props.apply(fit("esx-3"))
		c.refreshHosts([]object{{ref: types.ManagedObjectReference{Type: "HostSystem", Value: "host-3"}, props: props}}, asked, &ch)
		return ch.All
	}
	hosts := func() []vsphere.Host { return c.v.inv.Snapshot(testGroup, "").Zones[0].Hosts }
	setPlace(c, placement{compute: cluster, storage: storage{stores: []types.ManagedObjectReference{store1}}})
	c.hosts.clusters["domain-c1"] = properties{
		propConfigurationEx: types.ClusterConfigInfoEx{DrsConfig: types.ClusterDrsConfigInfo{Enabled: types.NewBool(false)}},
	}
	asked := c.hosts.asked()
	c.applyHost(hostUpdate(types.ObjectUpdateKindEnter, "host-1", fit("esx-1")...), &inventory.Changes{})
	if read(asked) || len(hosts()) != 1 || hosts()[0].Ref != "host-1" {
		t.Errorf("an answer that is older than the news was taken: %+v", hosts())
	}
	if !read(c.hosts.asked()) || len(hosts()) != 1 || hosts()[0].Ref != "host-3" {
		t.Errorf("what was read was not taken: %+v", hosts())
	}
}

// Hosts that cannot be read again stay as they were.
func TestHostsThatCannotBeReadAgain(t *testing.T) {
	c := scripted(t, &script{fails: fails{"RetrievePropertiesEx": {noAnswer}}})
	setPlace(c, placement{compute: cluster, host: types.ManagedObjectReference{Value: "host-1"}})
	c.applyHost(hostUpdate(types.ObjectUpdateKindEnter, "host-1", fit("esx-1")...), &inventory.Changes{})
	if err := c.rereadHosts(t.Context()); !errors.Is(err, noAnswer) {
		t.Errorf("got %v", err)
	}
	if hosts := c.v.inv.Snapshot(testGroup, "").Zones[0].Hosts; len(hosts) != 1 {
		t.Errorf("hosts %v, want the one that was known", hosts)
	}
}

// Who reads the refusal has no field of the host to set: it says who can do what.
func TestARefusalForTheHostSaysWhatToDo(t *testing.T) {
	text := faultText(&types.InvalidArgument{InvalidProperty: "spec.location.host"})
	if !strings.Contains(text, "-host") || !strings.Contains(text, "DRS") {
		t.Errorf("%q", text)
	}
}
