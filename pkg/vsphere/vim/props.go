package vim

import (
	"reflect"
	"strings"
	"time"

	"github.com/vmware/govmomi/vim25/types"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// The properties of a VM that are used, and no others: each one more is traffic for every VM.
const (
	propName         = "name"
	propParent       = "parent"
	propParentFolder = "parentFolder"
	propChildren     = "childEntity" // of a folder
	propTemplate     = "config.template"
	propInstanceUUID = "config.instanceUuid"
	propNumCPU       = "config.hardware.numCPU"
	propMemoryMB     = "config.hardware.memoryMB"
	propCores        = "config.hardware.numCoresPerSocket"
	propCreateDate   = "config.createDate" // since 6.7
	propDevices      = "config.hardware.device"
	propVMFile       = "config.files.vmPathName"
	propSnapshot     = "snapshot"
	propVersion      = "config.changeVersion"
	propVApp         = "config.vAppConfig"
	propStamp        = `config.extraConfig["` + vsphere.StampKey + `"]`
	propPower        = "runtime.powerState"
	propConnection   = "runtime.connectionState"
	propHost         = "runtime.host"
	propIP           = "guest.ipAddress"
	propHostname     = "guest.hostName"
	propToolsRunning = "guest.toolsRunningStatus"
	propNet          = "guest.net"
	propReady        = `config.extraConfig["` + vsphere.ReadyKey + `"]`
	propCPUHotAdd    = "config.cpuHotAddEnabled"
	propMemoryHotAdd = "config.memoryHotAddEnabled"
	// These two have a value only while the VM is on and its memoryHotAddEnabled is true.
	propHotAddLimit     = "config.hotPlugMemoryLimit"
	propHotAddIncrement = "config.hotPlugMemoryIncrementSize"
	propFilters         = "filter" // of a property collector
	// propCustomization is there since 7.0 Update 2, and propPendingCustomization has a value while a customization is pending.
	propCustomization        = "guest.customizationInfo"
	propPendingCustomization = "config.tools.pendingCustomization"
)

// firstWithCustomization is the first version of vCenter's API that has propCustomization. An older one refuses to read it.
var firstWithCustomization = version.MustParseGeneric("7.0.2.0")

// tellsCustomizations reports whether a version of the API has propCustomization.
func tellsCustomizations(api string) bool {
	v, err := version.ParseGeneric(api)
	return err == nil && v.AtLeast(firstWithCustomization)
}

// vmProps are watched of every VM below the root, and of ours elsewhere.
func (c *connection) vmProps() []string {
	if !tellsCustomizations(c.client.ServiceContent.About.ApiVersion) {
		return vmProps()
	}
	return append(vmProps(), propCustomization)
}

// vmProps are those of them that every version of vCenter has.
func vmProps() []string {
	return []string{
		propName, propParent, propTemplate, propInstanceUUID, propNumCPU, propMemoryMB, propCreateDate, propStamp,
		propPower, propConnection, propHost, propIP, propHostname, propToolsRunning, propNet, propReady,
		propCPUHotAdd, propMemoryHotAdd, propHotAddLimit, propHotAddIncrement,
	}
}

// templateProps are watched of every VM below the template folder.
func templateProps() []string {
	return []string{propName, propParent, propTemplate, propInstanceUUID, propStamp}
}

// properties are the values of one object, by path. An unset property has no entry.
type properties map[string]any

// apply notes changes, as the collector reports them.
func (p properties) apply(changes []types.PropertyChange) {
	for _, c := range changes {
		if isUnset(c) {
			delete(p, c.Name)
			continue
		}
		p[c.Name] = c.Val
	}
}

// isUnset reports whether a change says that a property has no value.
func isUnset(c types.PropertyChange) bool {
	return c.Val == nil || c.Op == types.PropertyChangeOpRemove || c.Op == types.PropertyChangeOpIndirectRemove
}

// propertiesOf returns what a read has answered of one object.
func propertiesOf(set []types.DynamicProperty) properties {
	p := make(properties, len(set))
	for _, d := range set {
		if d.Val != nil {
			p[d.Name] = d.Val
		}
	}
	return p
}

// text returns a string, or a value of one of vCenter's string enumerations.
func (p properties) text(path string) string {
	v := reflect.ValueOf(p[path])
	if v.Kind() != reflect.String {
		return ""
	}
	return v.String()
}

// name returns the object's name as people write it.
func (p properties) name() string { return vsphere.UnescapeName(p.text(propName)) }

func (p properties) number(path string) int64 {
	v := reflect.ValueOf(p[path])
	if !v.CanInt() {
		return 0
	}
	return v.Int()
}

func (p properties) flag(path string) bool {
	b, ok := p[path].(bool)
	return ok && b
}

func (p properties) ref(path string) vsphere.Ref {
	r, ok := p[path].(types.ManagedObjectReference)
	if !ok {
		return ""
	}
	return vsphere.Ref(r.Value)
}

func (p properties) time(path string) time.Time {
	t, ok := p[path].(time.Time)
	if !ok {
		return time.Time{}
	}
	return t.UTC() // so that equal times are equal values
}

// stampText returns the stamp as it is stored, empty if there is none.
func (p properties) stampText() string { return p.option(propStamp) }

// option returns the text of one key of ExtraConfig, empty if there is none.
func (p properties) option(path string) string {
	text := ""
	switch v := p[path].(type) {
	case types.BaseOptionValue:
		text, _ = v.GetOptionValue().Value.(string)
	case types.OptionValue:
		text, _ = v.Value.(string)
	case string:
		text = v
	}
	return text
}

// stamp returns the stamp, or nil if there is none that can be read as one: the VM is foreign then.
func (p properties) stamp() *vsphere.Stamp {
	stamp, err := vsphere.ParseStamp(p.stampText())
	if err != nil {
		return nil
	}
	return stamp
}

// configured reports whether vCenter knows the VM's configuration.
func (p properties) configured() bool {
	for _, path := range []string{propInstanceUUID, propTemplate, propNumCPU} {
		if _, ok := p[path]; ok {
			return true
		}
	}
	return false
}

// isConfiguration reports whether a property is part of the VM's configuration.
func isConfiguration(path string) bool { return strings.HasPrefix(path, "config.") }

// showsDisks reports whether the VM's devices could be read: not to see its disks is not to see that it has none.
func (p properties) showsDisks() bool {
	_, ok := p[propDevices]
	return ok
}

// disks returns the VM's virtual disks.
func (p properties) disks() []*types.VirtualDisk {
	devices, ok := p[propDevices].(types.ArrayOfVirtualDevice)
	if !ok {
		return nil
	}
	var disks []*types.VirtualDisk
	for _, d := range devices.VirtualDevice {
		if disk, ok := d.(*types.VirtualDisk); ok {
			disks = append(disks, disk)
		}
	}
	return disks
}

// diskKeys returns the device keys of the VM's virtual disks.
func (p properties) diskKeys() []int32 {
	keys := []int32{}
	for _, disk := range p.disks() {
		keys = append(keys, disk.Key)
	}
	return keys
}

// sweptProps are read of every VM of the datacenter.
func sweptProps() []string {
	return []string{propStamp, propInstanceUUID, propParent, propTemplate, propPower, propConnection}
}
