package vsphere

import (
	"reflect"
	"slices"
)

// SameVM reports whether all that is known of two VMs is the same. It is what == is to values that hold no slice: stamps and
// addresses are compared by what they say, and those that are shared cost nothing.
func SameVM(a, b *VM) bool {
	return a == b ||
		a.Ref == b.Ref && a.Name == b.Name && a.Parent == b.Parent && a.ParentPath == b.ParentPath && a.UnderRoot == b.UnderRoot &&
			a.Power == b.Power && a.Connection == b.Connection && a.Host == b.Host && a.Unreadable == b.Unreadable &&
			sameConfiguration(a, b) && sameGuest(a, b)
}

func sameConfiguration(a, b *VM) bool {
	return a.Configured == b.Configured && sameStamp(a.Stamp, b.Stamp) && a.InstanceUUID == b.InstanceUUID &&
		a.Template == b.Template && a.CPU == b.CPU && a.MemoryMiB == b.MemoryMiB && a.DiskBytes == b.DiskBytes && a.Created.Equal(b.Created) &&
		a.CPUHotAdd == b.CPUHotAdd && a.MemoryHotAdd == b.MemoryHotAdd &&
		a.MemoryHotAddLimitMiB == b.MemoryHotAddLimitMiB && a.MemoryHotAddIncrementMiB == b.MemoryHotAddIncrementMiB
}

func sameGuest(a, b *VM) bool {
	return a.GuestReady == b.GuestReady && a.ToolsRunning == b.ToolsRunning && a.IP == b.IP && a.Hostname == b.Hostname && a.Customization == b.Customization && slices.Equal(a.IPs, b.IPs)
}

func sameStamp(a, b *Stamp) bool { return a == b || reflect.DeepEqual(a, b) }

// SameZone reports whether two values say the same of a zone.
func SameZone(a, b Zone) bool {
	return a.Name == b.Name && a.HostNeeded == b.HostNeeded && SameError(a.Err, b.Err) &&
		slices.Equal(a.Hosts, b.Hosts) && slices.Equal(a.Networks, b.Networks)
}

// SameNetwork reports whether two values say the same of a network.
func SameNetwork(a, b Network) bool {
	return a.Name == b.Name && SameError(a.Err, b.Err) &&
		a.CIDR == b.CIDR && a.Gateway == b.Gateway && slices.Equal(a.Nameservers, b.Nameservers)
}

// SameError reports whether two errors say the same, to people and to programs.
func SameError(a, b *Error) bool {
	return a == b || a != nil && b != nil && a.Class == b.Class && a.Reason == b.Reason && a.Error() == b.Error()
}
