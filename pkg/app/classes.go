package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/classes"
	"github.com/vmgroup/vmgroup-controller/pkg/plan"
)

// firstClasses is how long the workers wait for the first list of classes.
const firstClasses = 5 * time.Second

// keepers says who keeps a group.
type keepers interface {
	KeeperOf(vg *v1alpha1.VmGroup) (plan.Keeper, error)
	// NotifyAll is called when vCenter may have something else to say of classes.
	NotifyAll()
	// run works until ctx ends.
	run(ctx context.Context)
	// await waits until it is known which classes there are, but not for long.
	await(ctx context.Context)
}

// noClasses are the keepers of an installation for one namespace: it may not read what belongs to the whole cluster.
type noClasses struct{}

func (noClasses) KeeperOf(vg *v1alpha1.VmGroup) (plan.Keeper, error) {
	return plan.KeeperOf(vg, nil, nil), nil
}
func (noClasses) NotifyAll()            {}
func (noClasses) run(context.Context)   {}
func (noClasses) await(context.Context) {}

// clusterClasses are the keepers of an installation for a cluster.
type clusterClasses struct {
	*classes.Controller
	namespaces informers.SharedInformerFactory
}

// newKeepers returns who says which classes there are. c has everything else.
func (a *app) newKeepers(c *components, lead leadership) (keepers, error) {
	if a.options.Namespace != "" {
		return noClasses{}, nil
	}
	all := c.informers.Vsphere().V1alpha1().VmGroupClasses().Informer()
	k := &clusterClasses{
		namespaces: informers.NewSharedInformerFactoryWithOptions(a.clients.kubeWatches, 0, informers.WithTransform(dropManagedFields)),
	}
	namespaces := k.namespaces.Core().V1().Namespaces().Informer()
	var err error
	k.Controller, err = classes.New(classes.Config{
		Name:       a.options.ControllerName,
		VCenter:    c.vcenter,
		Client:     a.clients.groups.VsphereV1alpha1(),
		Informer:   all,
		Namespaces: namespaces,
		Groups:     c.informers.Vsphere().V1alpha1().VmGroups().Informer(),
		Sure:       lead.sure,
		Wake:       c.controller.Enqueue,
		Clock:      a.clock,
	})
	if err != nil {
		return nil, fmt.Errorf("classes: %w", err)
	}
	return k, errors.Join(watchErrors(all, &state{}), watchErrors(namespaces, &state{}))
}

func (k *clusterClasses) run(ctx context.Context) {
	k.namespaces.StartWithContext(ctx)
	k.Run(ctx)
	k.namespaces.Shutdown()
}

func (k *clusterClasses) await(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, firstClasses)
	defer cancel()
	cache.WaitForCacheSync(ctx.Done(), k.HasSynced)
}
