package vspheresync

import (
	"context"
	"fmt"
	"path"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	client "github.com/vmgroup/vmgroup-controller/pkg/generated/clientset/versioned/typed/vsphere/v1alpha1"
	listers "github.com/vmgroup/vmgroup-controller/pkg/generated/listers/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

const (
	// orphansRetry is how soon it is looked again after it could not be told who is an orphan.
	orphansRetry = time.Minute
	// groupsPerPage bounds one answer of the API server.
	groupsPerPage = 500
)

// OrphansConfig is what Orphans needs. All fields are required, but for Namespace; Find does without the last three.
type OrphansConfig struct {
	VCenter vsphere.Interface
	Client  client.VmGroupsGetter
	Lister  listers.VmGroupLister
	// Namespace is the only one whose VmGroups the controller may see; empty means all.
	Namespace string
	// Period is the time between two looks, before jitter.
	Period time.Duration
	// Count is told how many there are, whenever that was found out, and 0 in the end.
	Count func(n int)
	Clock clock.Clock
}

// Orphans reports VMs that are ours by stamp and instance and whose VmGroup does not exist: somebody has stripped the
// finalizer from it while it was being deleted. It counts them, and logs each once. It never touches them: whoever did
// that may have wanted to keep the VMs.
//
// With a Namespace set, a UID that is not found there may be that of a VmGroup somewhere else: so only VMs whose stamp names
// that namespace are reported. Older stamps name none; of those, only VMs that lie in the folder of a VmGroup of the namespace
// are reported, and those that were moved out of it are not.
type Orphans struct {
	cfg      OrphansConfig
	reported map[vsphere.Ref]bool
}

// NewOrphans returns one that has reported nothing yet.
func NewOrphans(cfg OrphansConfig) *Orphans {
	return &Orphans{cfg: cfg, reported: map[vsphere.Ref]bool{}}
}

// Run looks at once, and then at the period, until ctx ends. It is to be called once.
func (o *Orphans) Run(ctx context.Context) {
	defer o.cfg.Count(0)
	for {
		next := wait.Jitter(o.cfg.Period, 0.1)
		if err := o.Check(ctx); err != nil {
			klog.FromContext(ctx).V(2).Info("Cannot tell who is an orphan, and looks again", "err", err)
			next = min(next, orphansRetry)
		}
		timer := o.cfg.Clock.NewTimer(next)
		select {
		case <-timer.C():
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// Check looks once, and reports. It is not to be called concurrently.
func (o *Orphans) Check(ctx context.Context) error {
	vms, err := o.Find(ctx)
	if err == nil {
		o.report(ctx, vms)
	}
	return err
}

// Find returns the orphans there are now. While all VMs have their VmGroup in the cache, it asks nobody.
func (o *Orphans) Find(ctx context.Context) ([]vsphere.VM, error) {
	vms, err := o.withoutGroup(ctx) // before the VmGroups are read: what is cloned from now on is not in it
	if err != nil || len(vms) == 0 {
		return nil, err
	}
	return o.confirmed(ctx, vms)
}

// withoutGroup returns the VMs whose VmGroup the cache lacks.
func (o *Orphans) withoutGroup(ctx context.Context) ([]vsphere.VM, error) {
	stamped, err := o.cfg.VCenter.Stamped(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for orphans: %w", err)
	}
	groups, err := o.cfg.Lister.List(labels.Everything())
	if err != nil {
		return nil, fmt.Errorf("list VmGroups: %w", err)
	}
	known := map[string]bool{}
	for _, vg := range groups {
		known[string(vg.UID)] = true
	}
	var out []vsphere.VM
	for _, vm := range stamped {
		if !known[vm.Stamp.UID] && o.visible(vm) {
			out = append(out, vm)
		}
	}
	return out, nil
}

// visible reports whether the VmGroup of a VM would be among those that the controller may see.
func (o *Orphans) visible(vm vsphere.VM) bool {
	folder, namespace := vm.ParentPath, vm.Stamp.Namespace
	if namespace == "" && path.Base(folder) == vm.Stamp.Name { // a stamp of version 1
		namespace = path.Base(path.Dir(folder))
	}
	return o.cfg.Namespace == "" || namespace == o.cfg.Namespace
}

// confirmed returns those of some VMs whose VmGroup the API server lacks too.
func (o *Orphans) confirmed(ctx context.Context, vms []vsphere.VM) ([]vsphere.VM, error) {
	live := map[string]bool{}
	for page := ""; ; {
		list, err := o.cfg.Client.VmGroups(o.cfg.Namespace).List(ctx, metav1.ListOptions{Limit: groupsPerPage, Continue: page})
		if err != nil {
			return nil, fmt.Errorf("list VmGroups before VMs are called orphans: %w", err)
		}
		for _, vg := range list.Items {
			live[string(vg.UID)] = true
		}
		if page = list.Continue; page == "" {
			break
		}
	}
	var out []vsphere.VM
	for _, vm := range vms {
		if !live[vm.Stamp.UID] {
			out = append(out, vm)
		}
	}
	return out, nil
}

func (o *Orphans) report(ctx context.Context, orphans []vsphere.VM) {
	reported := map[vsphere.Ref]bool{}
	for _, vm := range orphans {
		reported[vm.Ref] = true
		if !o.reported[vm.Ref] {
			klog.FromContext(ctx).Info("VM is an orphan: it carries our stamp and its VmGroup does not exist; it is left alone",
				"vm", vm.Name, "moRef", vm.Ref, "path", vm.ParentPath+vsphere.Path(vm.Name), "vmGroup", vm.Stamp.Name, "uid", vm.Stamp.UID)
		}
	}
	o.reported = reported
	o.cfg.Count(len(orphans))
}
