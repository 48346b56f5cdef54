package vim

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// placement is where VMs are made.
type placement struct {
	datacenterPath string // inventory path
	vmFolder       types.ManagedObjectReference
	pool           types.ManagedObjectReference
	datastore      types.ManagedObjectReference
}

// resolvePlacement finds what the flags name, or the only one there is.
func (c *connection) resolvePlacement(ctx context.Context) (placement, error) {
	var p placement
	cfg := c.v.cfg
	datacenters, err := c.list(ctx, c.client.ServiceContent.RootFolder, []string{"Datacenter"},
		[]string{propName, propParent, "vmFolder", "hostFolder"})
	if err != nil {
		return p, err
	}
	dc, err := choose("datacenter", cfg.Datacenter, datacenters)
	if err != nil {
		return p, err
	}
	p.vmFolder = folderRef(dc.props.ref("vmFolder"))
	if p.datacenterPath, err = c.datacenterPath(ctx, dc); err != nil {
		return p, err
	}

	computes, err := c.list(ctx, folderRef(dc.props.ref("hostFolder")), []string{"ComputeResource"},
		[]string{propName, "resourcePool", "datastore"})
	if err != nil {
		return p, err
	}
	compute, err := choose("cluster", cfg.Cluster, clustersFirst(computes))
	if err != nil {
		return p, err
	}
	if p.pool, err = c.choosePool(ctx, compute); err != nil {
		return p, err
	}
	p.datastore, err = c.chooseDatastore(ctx, compute)
	return p, err
}

// clustersFirst leaves standalone hosts aside where there is a cluster.
func clustersFirst(computes []object) []object {
	clusters := slices.DeleteFunc(slices.Clone(computes), func(o object) bool {
		return o.ref.Type != "ClusterComputeResource"
	})
	if len(clusters) == 0 {
		return computes
	}
	return clusters
}

// choosePool returns the named resource pool of a cluster, or its root pool.
func (c *connection) choosePool(ctx context.Context, compute object) (types.ManagedObjectReference, error) {
	root := types.ManagedObjectReference{Type: "ResourcePool", Value: string(compute.props.ref("resourcePool"))}
	if c.v.cfg.ResourcePool == "" {
		return root, nil
	}
	pools, err := c.list(ctx, compute.ref, []string{"ResourcePool"}, []string{propName})
	if err != nil {
		return root, err
	}
	pool, err := choose("resource-pool", c.v.cfg.ResourcePool, pools)
	return pool.ref, err
}

// chooseDatastore returns the named datastore of a cluster, or its only one.
func (c *connection) chooseDatastore(ctx context.Context, compute object) (types.ManagedObjectReference, error) {
	refs, _ := compute.props["datastore"].(types.ArrayOfManagedObjectReference)
	var datastores []object
	if len(refs.ManagedObjectReference) > 0 {
		readings, err := c.readEach(ctx, refs.ManagedObjectReference, propName)
		if err != nil {
			return types.ManagedObjectReference{}, err
		}
		for ref, r := range readings {
			if r.props != nil {
				datastores = append(datastores, object{ref: ref, props: r.props})
			}
		}
	}
	datastore, err := choose("datastore", c.v.cfg.Datastore, datastores)
	return datastore.ref, err
}

// choose returns the object of a name, or, if no name is given, the only object there is. An error lists the choices and
// names the flag.
func choose(flag, name string, objects []object) (object, error) {
	var names []string
	var found []object
	for _, o := range objects {
		names = append(names, o.props.text(propName))
		if name == "" || o.props.text(propName) == name {
			found = append(found, o)
		}
	}
	slices.Sort(names)
	choices := "there is none that the controller's account can see"
	if len(names) > 0 {
		choices = "there is " + strings.Join(names, ", ")
	}
	kind := strings.ReplaceAll(flag, "-", " ")
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return object{}, &vsphere.Error{
			Class: vsphere.ClassInvalid, Reason: choiceReasons[flag].ambiguous,
			Message: fmt.Sprintf("Set -%s: there are several to choose from: %s.", flag, strings.Join(names, ", ")),
		}
	case name == "":
		return object{}, &vsphere.Error{
			Class: vsphere.ClassInvalid, Reason: choiceReasons[flag].notFound,
			Message: fmt.Sprintf("No %s can be chosen: %s.", kind, choices),
		}
	default:
		return object{}, &vsphere.Error{
			Class: vsphere.ClassInvalid, Reason: choiceReasons[flag].notFound,
			Message: fmt.Sprintf("No %s is named %q (-%s): %s.", kind, name, flag, choices),
		}
	}
}

// datacenterPath returns the inventory path of a datacenter, which may lie in folders of its own.
func (c *connection) datacenterPath(ctx context.Context, dc object) (string, error) {
	path := "/" + dc.props.text(propName)
	root := vsphere.Ref(c.client.ServiceContent.RootFolder.Value)
	for parent := dc.props.ref(propParent); parent != root && parent != ""; {
		o, err := c.retrieveOne(ctx, folderRef(parent), propName, propParent)
		if err != nil {
			return "", fmt.Errorf("read the path of the datacenter: %w", err)
		}
		path = "/" + o.props.text(propName) + path
		parent = o.props.ref(propParent)
	}
	return path, nil
}
