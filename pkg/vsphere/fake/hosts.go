package fake

import (
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// SetDRS turns the cluster's DRS on or off: without it, clones have to name their host. It wakes every group.
func (v *VCenter) SetDRS(on bool) {
	v.mu.Lock()
	defer v.unlock()
	v.noDRS = !on
	v.notifyAll()
}

// SetHost says why no VM can be made on a host, or with an empty text that one can. It wakes every group.
func (v *VCenter) SetHost(ref vsphere.Ref, unfit string) {
	v.mu.Lock()
	defer v.unlock()
	for i := range v.hosts {
		if v.hosts[i].Ref == ref {
			v.hosts[i].Unfit = unfit
		}
	}
	v.notifyAll()
}

// hostsToName returns the hosts of a cluster that clones choose from.
func (c *Client) hostsToName(cluster string) []vsphere.Host {
	var hosts []vsphere.Host
	for _, h := range c.vc.hosts {
		if h.cluster != cluster {
			continue
		}
		for ref := range c.known {
			if m := c.vc.machines[ref]; c.isOurs(m) && m.Host == h.Name {
				h.VMs++
			}
		}
		hosts = append(hosts, h.Host)
	}
	return hosts
}

// hostFor returns the name of the host that a clone is made on.
func (v *VCenter) hostFor(spec vsphere.CloneSpec, cluster string) (string, *vsphere.Error) {
	if spec.Host == "" && v.noDRS {
		return "", faultError(vsphere.ClassInvalid, "InvalidArgument", "the clone names no host, and nothing chooses one")
	}
	for _, h := range v.hosts {
		switch {
		case h.cluster != cluster:
		case spec.Host != h.Ref && (spec.Host != "" || h.Unfit != ""):
		case h.Unfit != "":
			return "", faultError(vsphere.ClassTransient, "InvalidState", "host %s %s", h.Name, h.Unfit)
		default:
			return h.Name, nil
		}
	}
	return "", faultError(vsphere.ClassExhausted, "NoCompatibleHost", "no host can take a VM")
}
