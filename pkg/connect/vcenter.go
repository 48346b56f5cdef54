package connect

import (
	"github.com/vmgroup/vmgroup-controller/pkg/options"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/vim"
)

// VCenter returns the part of the adapter's configuration that the options say: which vCenter, and where in it. The caller
// adds whom to tell, what to allow, and what to measure.
func VCenter(o *options.Options, owner string) vim.Config {
	v := o.VCenter
	return vim.Config{
		Endpoint:       v.URL().String(),
		Credentials:    v.Credentials().Get,
		TLS:            vim.TLS{Insecure: v.Insecure, CAFile: v.CAFile, Thumbprint: v.Thumbprint},
		UserAgent:      o.UserAgent,
		Datacenter:     v.Datacenter,
		Cluster:        v.Cluster,
		Host:           v.HostSystem,
		ResourcePool:   v.ResourcePool,
		Datastore:      v.Datastore,
		Folder:         v.Folder,
		TemplateFolder: v.TemplateFolder,
		Owner:          owner,
		MaxClones:      v.MaxClones,
		CloneTimeout:   v.CloneTimeout,
		ResyncPeriod:   o.ResyncPeriod,
	}
}
