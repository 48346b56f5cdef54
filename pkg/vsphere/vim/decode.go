package vim

import (
	"slices"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

// fields are the properties of a VM that the inventory knows, by their paths.
var fields = map[string]inventory.Fields{
	propName: inventory.FieldName, propParent: inventory.FieldParent, propTemplate: inventory.FieldTemplate,
	propInstanceUUID: inventory.FieldInstanceUUID, propNumCPU: inventory.FieldCPU, propMemoryMB: inventory.FieldMemory,
	propCreateDate: inventory.FieldCreated, propStamp: inventory.FieldStamp, propPower: inventory.FieldPower,
	propConnection: inventory.FieldConnection, propHost: inventory.FieldHost, propIP: inventory.FieldIP, propHostname: inventory.FieldHostname,
	propToolsRunning: inventory.FieldToolsRunning, propNet: inventory.FieldIPs, propReady: inventory.FieldGuestReady,
	propCPUHotAdd: inventory.FieldCPUHotAdd, propMemoryHotAdd: inventory.FieldMemoryHotAdd,
	propCustomization: inventory.FieldCustomization, propHotAddLimit: inventory.FieldMemoryHotAddLimit, propHotAddIncrement: inventory.FieldMemoryHotAddIncrement,
}

// vmUpdate decodes what a filter reports of a VM.
func vmUpdate(changes []types.PropertyChange) inventory.Update {
	var u inventory.Update
	for _, c := range changes {
		u.Fields |= fields[c.Name]
		if isUnset(c) {
			u.Properties.Apply(inventory.Update{Fields: fields[c.Name]})
		} else {
			decode(&u.Properties, c.Name, c.Val)
		}
	}
	return u
}

// update decodes what a read of these paths says of a VM. It does not speak of what vCenter withheld.
func (o object) update(paths []string) inventory.Update {
	u := inventory.Update{Properties: o.props.ofVM()}
	u.Fields = u.Set
	for _, path := range paths {
		if !slices.Contains(o.withheld, path) {
			u.Fields |= fields[path]
		}
	}
	return u
}

// ofVM decodes the properties of a VM.
func (p properties) ofVM() inventory.Properties {
	var decoded inventory.Properties
	for path, val := range p {
		decode(&decoded, path, val)
	}
	return decoded
}

// vm returns the VM that p describes. last is what was known of it before: a VM whose host or datastore is lost has no
// configuration to show, and is still the VM that it was.
func (p properties) vm(ref vsphere.Ref, last vsphere.VM) vsphere.VM {
	decoded := p.ofVM()
	return decoded.VM(ref, last)
}

// decode sets one property that has a value. Those that the inventory does not know are left out.
func decode(p *inventory.Properties, path string, val any) {
	one := properties{path: val}
	p.Set |= fields[path]
	switch path {
	case propName:
		p.Name = one.name()
	case propParent:
		p.Parent = one.ref(path)
	case propTemplate:
		p.Template = one.flag(path)
	case propInstanceUUID:
		p.InstanceUUID = one.text(path)
	case propNumCPU:
		p.CPU = int32(one.number(path))
	case propMemoryMB:
		p.MemoryMiB = one.number(path)
	case propCreateDate:
		p.Created = one.time(path)
	case propStamp:
		p.Stamp = one.stampText()
	case propPower:
		p.Power = vsphere.PowerState(usual(one.text(path)))
	case propConnection:
		p.Connection = usual(one.text(path))
	case propHost:
		p.Host = one.ref(path)
	default:
		decodeHotAdd(p, path, one)
		decodeGuest(p, path, one)
	}
}

// usual returns a text of which most VMs have one and the same: that one is in memory once, and not for each VM anew.
func usual(text string) string {
	for _, one := range []string{string(vsphere.PoweredOn), string(vsphere.PoweredOff), vsphere.Connected} {
		if text == one {
			return one
		}
	}
	return text
}

func decodeHotAdd(p *inventory.Properties, path string, one properties) {
	switch path {
	case propCPUHotAdd:
		p.CPUHotAdd = one.flag(path)
	case propMemoryHotAdd:
		p.MemoryHotAdd = one.flag(path)
	case propHotAddLimit:
		p.MemoryHotAddLimitMiB = one.number(path)
	case propHotAddIncrement:
		p.MemoryHotAddIncrementMiB = one.number(path)
	}
}

// folderUpdate decodes what a filter or a read says of a folder or a vApp.
func folderUpdate(changes []types.PropertyChange) inventory.FolderUpdate {
	var u inventory.FolderUpdate
	for _, c := range changes {
		switch val := c.Val.(type) {
		case string:
			if c.Name == propName {
				u.Name = vsphere.UnescapeName(val)
			}
		case types.ManagedObjectReference:
			if c.Name == propParent || c.Name == propParentFolder {
				u.Parent, u.VApp = vsphere.Ref(val.Value), c.Name == propParentFolder
			}
		}
	}
	return u
}
