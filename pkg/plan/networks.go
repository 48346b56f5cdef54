package plan

import (
	"fmt"
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// networkError says why no VM of the group can be connected to its networks, nil if nothing is known to be wrong. The first that
// applies:
//
//  1. it asks for none: its VMs have those of the template
//  2. it has no class: the flags of the controller offer no networks
//  3. the class does not offer one of them
//  4. one of them is not there
//  5. no zone has all of them
func networkError(in Input) *vsphere.Error {
	names := networkNames(in.Group)
	switch {
	case len(names) == 0:
		return nil
	case in.Class == "":
		return classError(v1alpha1.ReasonClassRequired, "spec.networks needs a VmGroupClass, which says what they are.")
	}
	for _, name := range names {
		i := slices.IndexFunc(in.Snapshot.Networks, func(n vsphere.Network) bool { return n.Name == name })
		switch {
		case i < 0:
			return classError(v1alpha1.ReasonNetworkNotOffered, "VmGroupClass %q offers no network %q.", in.Class, name)
		case in.Snapshot.Networks[i].Err != nil:
			err := in.Snapshot.Networks[i].Err
			return &vsphere.Error{Class: err.Class, Reason: err.Reason, Message: fmt.Sprintf(
				"The network %q of VmGroupClass %q cannot be used: %s. Its status says more; ask an administrator.", name, in.Class, forTenants(err))}
		}
	}
	connected := func(zone vsphere.Zone) bool { return zone.Err == nil && lacksNetwork(in, zone) == "" }
	if !slices.ContainsFunc(in.Snapshot.Zones, connected) && placementError(in) == nil {
		zone := in.Snapshot.Zones[slices.IndexFunc(in.Snapshot.Zones, func(z vsphere.Zone) bool { return z.Err == nil })]
		return classError(v1alpha1.ReasonNetworkNotFound, "No zone has all networks of spec.networks: zone %q lacks %q.", zone.Name, lacksNetwork(in, zone))
	}
	return nil
}

// lacksNetwork returns the first network of the group that a zone lacks, empty if it has all.
func lacksNetwork(in Input, zone vsphere.Zone) string {
	for _, network := range in.Group.Spec.Networks {
		if !slices.Contains(zone.Networks, network.Name) {
			return network.Name
		}
	}
	return ""
}
