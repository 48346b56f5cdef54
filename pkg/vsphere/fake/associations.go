package fake

import (
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// AddTag makes a tag, as category/name.
func (v *VCenter) AddTag(path string) {
	v.mu.Lock()
	defer v.unlock()
	v.tags = append(v.tags, path)
	for _, c := range v.clients {
		c.outbox.NotifyAll()
	}
}

// TagsOf returns the tags of a VM: those of its class that there are, sorted. Here they are attached as soon as the VM is there.
func (v *VCenter) TagsOf(vm vsphere.Ref) []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	m := v.machine(vm)
	var out []string
	for _, c := range v.clients {
		if m.Stamp == nil || m.Stamp.Class == "" || !c.mayAssociate(m.Stamp.UID) || vsphere.Identify(c.cfg.Owner, m.Stamp.UID, m.VM) != vsphere.Ours {
			continue
		}
		spec, _ := c.classSpec(m.Stamp.Class)
		for _, tag := range spec.Tags {
			if slices.Contains(v.tags, tag) && !slices.Contains(out, tag) {
				out = append(out, tag)
			}
		}
	}
	slices.Sort(out)
	return out
}

// mayAssociate reports whether VMs of a group may be tagged.
func (c *Client) mayAssociate(uid string) bool {
	wants, said := c.wants[uid]
	return said && !wants.Held
}

func (c *Client) tagErrs(spec vsphere.ClassSpec) []*vsphere.Error {
	var errs []*vsphere.Error
	for _, tag := range spec.Tags {
		if !slices.Contains(c.vc.tags, tag) {
			errs = append(errs, newError(vsphere.ClassInvalid, v1alpha1.ReasonTagNotFound, "there is no tag %q", tag))
		}
	}
	return errs
}

// Associate implements vsphere.Interface.
func (c *Client) Associate(g vsphere.GroupID, a vsphere.Association) {
	c.vc.mu.Lock()
	defer c.vc.unlock()
	c.wants[g.UID] = a
	c.outbox.Notify(g)
}

// Modules returns the VMs of each cluster module, sorted. Here they are in line with what groups want at any time.
func (v *VCenter) Modules() [][]vsphere.Ref {
	v.mu.Lock()
	defer v.mu.Unlock()
	members := map[string][]vsphere.Ref{}
	for _, c := range v.clients {
		for _, m := range v.machines {
			if m.Stamp != nil && c.wants[m.Stamp.UID].Apart == vsphere.KeepApart && vsphere.Identify(c.cfg.Owner, m.Stamp.UID, m.VM) == vsphere.Ours {
				i := slices.IndexFunc(v.hosts, func(h host) bool { return h.Name == m.Host })
				key := m.Stamp.UID + " " + v.hosts[i].cluster
				members[key] = append(members[key], m.Ref)
			}
		}
	}
	var out [][]vsphere.Ref
	for _, vms := range members {
		if len(vms) > 1 {
			slices.Sort(vms)
			out = append(out, vms)
		}
	}
	slices.SortFunc(out, slices.Compare)
	return out
}
