package sim_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/vmware/govmomi/vapi/cluster"
	"github.com/vmware/govmomi/vapi/tags"
	"github.com/vmware/govmomi/vim25/mo"
	"golang.org/x/sync/errgroup"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/sim"
)

// Many clients may tag, and change modules, while what they name is destroyed. The race detector makes the most of it.
func TestRESTConcurrently(t *testing.T) {
	const clients = 8
	e := start(t, sim.Options{})
	daily, inCluster := e.tag("backup", "daily"), e.clusters()[0]
	var vms []mo.Reference
	for i := range clients {
		vms = append(vms, e.clone("vm-"+strconv.Itoa(i)))
	}
	group, ctx := errgroup.WithContext(e.ctx)
	for i := range clients {
		client := e.rest()
		group.Go(func() error { return tagAll(ctx, tags.NewManager(client), daily, vms) })
		group.Go(func() error { return groupAll(ctx, cluster.NewManager(client), inCluster, vms) })
		if i > 0 {
			group.Go(func() error { return e.control.DestroyVM(ctx, "vm-"+strconv.Itoa(i)) })
		}
	}
	e.must(group.Wait())
	e.wantTagged(map[string][]string{vms[0].Reference().Value: {"backup/daily"}})
	e.wantModules()
}

// tagAll attaches a tag to all there are, and looks at what it did.
func tagAll(ctx context.Context, m *tags.Manager, id string, vms []mo.Reference) error {
	if err := m.AttachTagToMultipleObjects(ctx, id, vms); err != nil {
		return err
	}
	if _, err := m.ListAttachedTagsOnObjects(ctx, vms); err != nil {
		return err
	}
	_, err := m.ListAttachedObjects(ctx, id)
	return err
}

// groupAll makes a module of all there are, and removes it.
func groupAll(ctx context.Context, m *cluster.Manager, c mo.Reference, vms []mo.Reference) error {
	id, err := m.CreateModule(ctx, c)
	if err != nil {
		return err
	}
	if _, err = m.AddModuleMembers(ctx, id, vms...); err != nil {
		return err
	}
	if _, err = m.ListModules(ctx); err != nil {
		return err
	}
	return m.DeleteModule(ctx, id)
}
