package vim

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
	"k8s.io/klog/v2"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// connection is one stretch of time with a session, a placement, a collector and its views. It ends with the first error
// that speaks of the session or the path to vCenter, and another one takes its place.
type connection struct {
	*shared
	client *vim25.Client
	// policies is the way to the storage policies.
	policies soap.RoundTripper
	lost     context.CancelCauseFunc
	site     site

	collector types.ManagedObjectReference
	// views of this connection. allVMs holds every VM of the datacenter; it has no filter and is read by sweeps only.
	folderView, allVMs, outsideView, taskView, hostView, clusterView types.ManagedObjectReference

	mu      sync.Mutex
	owned   []types.ManagedObjectReference // collector and views, to be destroyed
	filters map[types.ManagedObjectReference]filterKind
	// watchedRoot is the folder that rootView, the view of VMs, hangs on; empty while there is none.
	watchedRoot vsphere.Ref
	rootView    types.ManagedObjectReference
	// templateViews are the views of the VMs below the template folders that are watched.
	templateViews map[vsphere.Ref]types.ManagedObjectReference
	places        places

	// inStep is true once the inventory is in step. Nobody is notified before that: everybody is when it is.
	inStep atomic.Bool

	outside  outsideList
	hosts    hostList
	tasks    *taskList
	queue    *readQueue
	requests *requests
}

func newConnection(s *shared, client *vim25.Client, lost context.CancelCauseFunc) *connection {
	return &connection{
		shared: s, client: client, lost: lost,
		filters: map[types.ManagedObjectReference]filterKind{},
		hosts:   hostList{clusters: map[vsphere.Ref]properties{}, hosts: map[vsphere.Ref]properties{}},

		templateViews: map[vsphere.Ref]types.ManagedObjectReference{},
		tasks:         newTaskList(),
		outside:       outsideList{listed: map[vsphere.Ref]bool{}},
		requests:      newRequests(s.cfg.Notifier.Notify),
		queue:         newReadQueue(),
	}
}

func (c *connection) instanceUUID() string { return c.client.ServiceContent.About.InstanceUuid }

// own notes an object that this connection has made in vCenter.
func (c *connection) own(ref types.ManagedObjectReference) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.owned = append(c.owned, ref)
}

// handOver leaves the collector and the views to the next connection, which destroys them if the session still stands. To do
// it here would cost a deadline whenever vCenter is away.
func (c *connection) handOver() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.addLeftovers(c.owned)
}

// destroyLeftovers frees what earlier connections of this session have made. That something is gone already is no
// error, and neither is anything else: it is freed with the session at the latest.
func (c *connection) destroyLeftovers(ctx context.Context) {
	refs := c.takeLeftovers()
	for i, ref := range refs {
		if ctx.Err() != nil {
			c.mu.Lock()
			c.owned = append(c.owned, refs[i:]...)
			c.mu.Unlock()
			return
		}
		var err error
		if ref.Type == "PropertyCollector" {
			_, err = methods.DestroyPropertyCollector(ctx, c.client, &types.DestroyPropertyCollector{This: ref})
		} else {
			_, err = methods.DestroyView(ctx, c.client, &types.DestroyView{This: ref})
		}
		if err != nil {
			klog.FromContext(ctx).V(4).Info("Left over in vCenter's session", "object", ref.Value, "err", err)
		}
	}
}

// outsideList is the view of those VMs of ours that lie outside the root folder.
type outsideList struct {
	mu     sync.Mutex
	listed map[vsphere.Ref]bool
}

// filterKind says what a filter of the collector is for.
type filterKind int

const (
	folderFilter   filterKind = iota // all folders of the datacenter, and the vApps, which count as children
	rootFilter                       // the VMs below the root folder
	templateFilter                   // the VMs below the template folders
	outsideFilter                    // the VMs of ours that lie elsewhere
	taskFilter                       // the tasks in flight
	hostFilter                       // the hosts, and the clusters that VMs are made in
)

// errRewatch ends a connection whose views no longer fit, with no fault of vCenter's: the next one is made at once.
var errRewatch = errors.New("what is to be watched has changed")
