package fake

import (
	"context"
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// FirstCluster and SecondCluster are the clusters that there are. The flags of a Client name the first.
const (
	FirstCluster  = "c1"
	SecondCluster = "c2"
)

// host is one host of a cluster.
type host struct {
	vsphere.Host
	cluster string
}

// SetClasses implements vsphere.Interface.
func (c *Client) SetClasses(classes []vsphere.ClassSpec) {
	c.vc.mu.Lock()
	defer c.vc.unlock()
	c.classes = classes
	c.tracker.SetClasses(classes)
	c.outbox.NotifyAll()
}

// Offer implements vsphere.Interface.
func (c *Client) Offer(_ context.Context, name string) (vsphere.Offer, error) {
	c.vc.mu.Lock()
	defer c.vc.unlock()
	if err := c.ready(); err != nil {
		return vsphere.Offer{}, err
	}
	spec, ok := c.classSpec(name)
	if !ok {
		return vsphere.Offer{}, vsphere.ErrPending
	}
	offer := vsphere.Offer{Zones: c.zones(name), Networks: c.networks(name)}
	offer.TagErrs = c.tagErrs(spec)
	for _, name := range spec.CustomizationSpecs {
		if !slices.Contains(c.vc.customizations, name) {
			offer.CustomizationErrs = append(offer.CustomizationErrs, noCustomization(name))
		}
	}
	switch folder := folderPath(spec.TemplateFolder); {
	case name == "":
	case c.vc.overlaps(folder, c.cfg.Root):
		offer.TemplatesErr = newError(vsphere.ClassInvalid, v1alpha1.ReasonInvalidConfiguration, "the root folder and the template folder must not overlap")
	case c.vc.find(folder) == nil:
		offer.TemplatesErr = newError(vsphere.ClassInvalid, v1alpha1.ReasonTemplateFolderNotFound, "there is no folder %s", folder)
	}
	return offer, nil
}

// classSpec returns a class. The one without a name is that of the client's own configuration.
func (c *Client) classSpec(name string) (vsphere.ClassSpec, bool) {
	if name == "" {
		return vsphere.ClassSpec{Zones: []vsphere.ZoneSpec{{Cluster: FirstCluster}}}, true
	}
	i := slices.IndexFunc(c.classes, func(spec vsphere.ClassSpec) bool { return spec.Name == name })
	if i < 0 {
		return vsphere.ClassSpec{}, false
	}
	return c.classes[i], true
}

// zones returns what the zones of a class come to.
func (c *Client) zones(class string) []vsphere.Zone {
	spec, _ := c.classSpec(class)
	var out []vsphere.Zone
	for _, zone := range spec.Zones {
		_, err := c.vc.cluster(zone)
		if err == nil {
			_, err = c.vc.storage.candidates(zone)
		}
		described := vsphere.Zone{Name: zone.Name, Err: err, HostNeeded: err == nil && c.vc.noDRS}
		for _, network := range spec.Networks {
			if slices.Contains(c.vc.networks[zone.Cluster], network.Path) {
				described.Networks = append(described.Networks, network.Name)
			}
		}
		if described.HostNeeded {
			described.Hosts = c.hostsToName(zone.Cluster)
		}
		out = append(out, described)
	}
	return out
}

// networks returns what the networks of a class come to.
func (c *Client) networks(class string) []vsphere.Network {
	spec, _ := c.classSpec(class)
	var out []vsphere.Network
	for _, network := range spec.Networks {
		described := vsphere.Network{Name: network.Name, Subnet: network.Subnet}
		if !slices.Contains(slices.Concat(c.vc.networks[FirstCluster], c.vc.networks[SecondCluster]), network.Path) {
			described.Err = newError(vsphere.ClassInvalid, v1alpha1.ReasonNetworkNotFound, "there is no network %q", network.Path)
		}
		out = append(out, described)
	}
	return out
}

// connected returns the networks in vCenter that the NICs of a clone are connected to, none if they are the template's.
func (c *Client) connected(spec vsphere.CloneSpec) ([]string, *vsphere.Error) {
	class, _ := c.classSpec(spec.Place.Class)
	var paths []string
	for _, name := range spec.NetworkNames() {
		i := slices.IndexFunc(class.Networks, func(n vsphere.NetworkSpec) bool { return n.Name == name })
		if i < 0 {
			return nil, newError(vsphere.ClassConflict, v1alpha1.ReasonRetrying, "class %q has no network %q", spec.Place.Class, name)
		}
		for _, network := range c.networks(spec.Place.Class) {
			if network.Name == name && network.Err != nil {
				return nil, network.Err
			}
		}
		paths = append(paths, class.Networks[i].Path)
	}
	return paths, nil
}

// NetworksOf returns the networks that the NICs of a VM are connected to.
func (v *VCenter) NetworksOf(vm vsphere.Ref) []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.machine(vm).networks
}

// cluster returns the cluster that a zone names.
func (v *VCenter) cluster(zone vsphere.ZoneSpec) (string, *vsphere.Error) {
	if !slices.ContainsFunc(v.hosts, func(h host) bool { return h.cluster == zone.Cluster }) {
		return "", newError(vsphere.ClassInvalid, v1alpha1.ReasonClusterNotFound, "there is no cluster %q", zone.Cluster)
	}
	return zone.Cluster, nil
}

// zoneAt returns the zone of a place, or what is wrong with it.
func (c *Client) zoneAt(at vsphere.Place) (vsphere.ZoneSpec, *vsphere.Error) {
	spec, _ := c.classSpec(at.Class)
	i := slices.IndexFunc(spec.Zones, func(zone vsphere.ZoneSpec) bool { return zone.Name == at.Zone })
	if i < 0 {
		return vsphere.ZoneSpec{}, newError(vsphere.ClassConflict, v1alpha1.ReasonRetrying, "class %q has no zone %q", at.Class, at.Zone)
	}
	_, err := c.vc.cluster(spec.Zones[i])
	if err == nil {
		_, err = c.vc.storage.candidates(spec.Zones[i])
	}
	return spec.Zones[i], err
}

// templateFolder returns the path of the folder that templates of a class are looked for in.
func (c *Client) templateFolder(class string) string {
	if class == "" {
		return c.cfg.TemplateFolder
	}
	spec, _ := c.classSpec(class)
	return folderPath(spec.TemplateFolder)
}

// folderPath returns the whole path of a folder.
func folderPath(path string) string {
	if vsphere.WholePath(path) {
		return path
	}
	return VMFolder + vsphere.Path(vsphere.PathNames(path)...)
}

// overlaps reports whether one of two folders holds the other.
func (v *VCenter) overlaps(a, b string) bool {
	return within(a, b) || within(b, a)
}

func within(path, top string) bool {
	names, above := vsphere.PathNames(path), vsphere.PathNames(top)
	return len(names) >= len(above) && slices.Equal(names[:len(above)], above)
}

// ClusterOf returns the cluster that a VM is in.
func (v *VCenter) ClusterOf(vm vsphere.Ref) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	m := v.machine(vm)
	i := slices.IndexFunc(v.hosts, func(h host) bool { return h.Name == m.Host })
	return v.hosts[i].cluster
}
