package faults

import (
	"errors"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// scenario is a story that comes to the same end whatever goes wrong in it.
type scenario struct {
	name    string
	vcenter vcsim.Options
	args    []string // of the controller
	speed   int      // of its clock; 0 is fullSpeed
	// work is how many VMs are to be made, switched and destroyed in it.
	work int
	// racy is true if it depends on timing how many VMs are made, all of which are destroyed.
	racy bool
	// class is true if its controller looks at the whole cluster: the run has a VmGroupClass.
	class bool
	play  func(r *run)
}

const handedOver = "handed-over"

const group = "web"

// alone is for a controller that need not wait for a Lease.
var alone = []string{"-leader-elect=false"}

// elected is for several that take turns quickly.
var elected = []string{
	"-leader-elect-lease-duration=1500ms", "-leader-elect-renew-deadline=1s", "-leader-elect-retry-period=100ms",
}

// slow lets clones run longer than it takes to start a controller, and for less than a cancelled one is waited for: a
// minute, by the controller's clock, which therefore runs at slowSpeed. Their VMs are visible meanwhile, without name and
// configuration.
var slow = vcsim.Options{CloneDelay: 2 * time.Second, VisibleAtStart: true}

// late is slow where a name is refused only when the clone ends that would be the second.
var late = vcsim.Options{CloneDelay: slow.CloneDelay, VisibleAtStart: true, ReserveAtEnd: true}

const slowSpeed = 20

const newTemplate = "kopf-vm-template-2"

var twoTemplates = vcsim.Options{Templates: []string{harness.Template, newTemplate}}

var scenarios = []scenario{
	{name: "create", args: alone, work: 3, play: func(r *run) {
		r.created(3)
	}},
	{name: "scale", args: alone, work: 11, play: func(r *run) {
		r.created(3)
		r.Scale(group, 5)
		r.settled(5)
		r.Scale(group, 2)
		r.settled(2)
	}},
	{name: "destroyed", args: alone, work: 4, play: func(r *run) {
		vg := r.created(3)
		victim := r.VMs(vg)[1].MoRef
		harness.Must(r.T, r.VCenter.Control.DestroyVM(r.T.Context(), victim))
		r.settled(3)
	}},
	{name: "switched-off", args: alone, work: 4, play: func(r *run) {
		vg := r.created(3)
		harness.Must(r.T, r.VCenter.Control.PowerOff(r.T.Context(), r.VMs(vg)[1].MoRef))
		r.settled(3)
	}},
	{name: "moved", args: alone, work: 8, play: func(r *run) {
		vg := r.created(2)
		_, err := r.VCenter.Control.CreateFolder(r.T.Context(), "elsewhere")
		harness.Must(r.T, err)
		moved := r.VMs(vg)[1].MoRef
		harness.Must(r.T, r.VCenter.Control.Move(r.T.Context(), moved, "elsewhere"))
		r.told(v1alpha1.VMMoved)
		r.Scale(group, 3)
		r.settled(3)
		harness.Must(r.T, r.VCenter.Control.Move(r.T.Context(), moved, vg.Status.Folder.MoRef)) // outside the root it would stay for ever
		r.gone()
	}},
	{name: "template", args: alone, work: 2, play: func(r *run) {
		vg := r.Group(group, 2)
		vg.Spec.Template = "absent"
		r.Create(vg)
		r.start()
		r.Phase(group, v1alpha1.PhaseError)
		r.Update(group, func(vg *v1alpha1.VmGroup) { vg.Spec.Template = harness.Template })
		r.settled(2)
	}},
	{name: "delete", args: alone, work: 9, play: func(r *run) {
		r.created(3)
		r.Delete(group)
		r.gone()
	}},
	{name: "delete-while-cloning", vcenter: slow, speed: slowSpeed, args: alone, work: 9, racy: true, play: func(r *run) {
		r.cloning(3)
		r.Delete(group)
		r.gone()
	}},
	{name: "again", args: alone, work: 8, play: func(r *run) {
		r.created(2)
		r.Delete(group)
		r.gone()
		r.Create(r.Group(group, 2))
		r.settled(2)
	}},
	{name: "rotated", args: alone, work: 3, play: func(r *run) {
		r.created(2)
		harness.Must(r.T, r.VCenter.Control.SetPassword(r.T.Context(), r.VCenter.Username, "another"))
		harness.Must(r.T, r.VCenter.Control.EndSessions(r.T.Context()))
		r.writeCredentials("another")
		r.Scale(group, 3)
		r.settled(3)
	}},
	{name: "folder-removed", args: alone, work: 4, play: func(r *run) {
		vg := r.created(2)
		// vCenter destroys a folder and what is in it at once; the simulator needs several steps, which nobody must see.
		vc, ctx := r.VCenter.Control, r.T.Context()
		harness.Must(r.T, vc.SetOutage(ctx, control.OutageRefuse))
		for _, vm := range r.VMs(vg) {
			harness.Must(r.T, vc.DestroyVM(ctx, vm.MoRef))
		}
		harness.Must(r.T, vc.RemoveFolder(ctx, "vmgroups/"+r.Namespace+"/"+group))
		harness.Must(r.T, vc.SetOutage(ctx, control.OutageOff))
		r.settled(2)
	}},
	{name: "rolling", vcenter: twoTemplates, args: alone, work: 8, play: func(r *run) {
		r.rollingOut(1, 0)
	}},
	{name: "rolling-without-surge", vcenter: twoTemplates, args: alone, work: 8, play: func(r *run) {
		r.rollingOut(0, 1)
	}},
	{name: "halted", vcenter: twoTemplates, args: alone, work: 8, play: (*run).halting},
	{name: "now", args: alone, work: 5, play: (*run).replacingOne},
	{name: "protected", args: alone, work: 9, play: (*run).protecting},
	{name: "hanging-shutdown", args: alone, work: 8, play: (*run).hanging},
	{name: "in-place-hot", args: alone, work: 5, play: func(r *run) { r.resizing(true) }},
	{name: "in-place-cold", args: alone, work: 8, play: func(r *run) { r.resizing(false) }},
	{name: "partition", vcenter: twoTemplates, args: alone, work: 8, play: (*run).partitioning},
	{name: "on-power-off", args: alone, work: 5, play: (*run).completing},
	{name: "guests", args: alone, work: 14, play: (*run).telling},
	{name: "class", class: true, vcenter: inTemplates, args: alone, work: 9, play: (*run).associating},
	{name: "datastore-cluster", class: true, vcenter: withStorage, args: inFirstCluster, work: 3, play: func(r *run) {
		r.storing(v1alpha1.ZoneSpec{Name: "a", Cluster: "c1", DatastoreCluster: "ssd"})
	}},
	{name: "storage-policy", class: true, vcenter: withStorage, args: inFirstCluster, work: 3, play: func(r *run) {
		r.storing(v1alpha1.ZoneSpec{Name: "a", Cluster: "c1", StoragePolicy: "cheap"})
	}},
	{name: "unhealthy", args: alone, work: 6, play: (*run).unhealthy},
	{name: handedOver, vcenter: late, speed: slowSpeed, args: elected, work: 3, play: func(r *run) {
		r.cloning(3)
		r.start()
		r.stop(1)
		r.settled(3)
	}},
}

// created makes the group, starts a controller, and waits until its VMs are there.
func (r *run) created(n int32) *v1alpha1.VmGroup {
	r.Create(r.Group(group, n))
	r.start()
	return r.settled(n)
}

// cloning makes the group, starts a controller, and waits until its VMs are being made.
func (r *run) cloning(n int32) {
	r.ends++
	r.Create(r.Group(group, n))
	r.start()
	r.Eventually("clones are under way", func() error {
		tasks, err := r.VCenter.Control.Tasks(r.T.Context())
		if err == nil && !slices.ContainsFunc(tasks, func(t control.Task) bool { return t.DescriptionID == "VirtualMachine.cloneVm" }) {
			err = errors.New("no clone yet")
		}
		return err
	})
}

// settled waits until the status says that all is well, and the simulator's books say the same.
func (r *run) settled(n int32) *v1alpha1.VmGroup {
	r.ends++
	var vg *v1alpha1.VmGroup
	r.Eventually(fmt.Sprintf("%d VMs", n), func() error {
		var err error
		if vg, err = r.Get(group); err != nil {
			return err
		}
		s := vg.Status
		if s.ObservedGeneration != vg.Generation || s.Phase != v1alpha1.PhaseReady || s.Replicas != n || s.AvailableReplicas != n {
			return fmt.Errorf("%s: %s", describe(vg), s.Message)
		}
		vms := r.VMs(vg)
		if len(vms) != int(n) {
			return fmt.Errorf("the status says %d VMs, vCenter has %d", n, len(vms))
		}
		for _, vm := range vms {
			if vm.PowerState != "poweredOn" {
				return fmt.Errorf("the status says %d VMs are available, %s is %s", n, vm.Name, vm.PowerState)
			}
		}
		return r.idle()
	})
	return vg
}

// told waits until the status says of a VM that it is in a state.
func (r *run) told(state v1alpha1.VMState) {
	r.ends++
	r.Eventually("a VM is "+string(state), func() error {
		vg, err := r.Get(group)
		if err == nil && !slices.ContainsFunc(vg.Status.VMs, func(vm v1alpha1.VMStatus) bool { return vm.State == state }) {
			err = fmt.Errorf("the status says %v", vg.Status.VMs)
		}
		return err
	})
}

// gone deletes the group, if that was not done yet, and waits until nothing is left of it.
func (r *run) gone() {
	r.ends++
	if vg, err := r.Get(group); err == nil && vg.DeletionTimestamp == nil {
		r.Delete(group)
	}
	r.Eventually("the VmGroup goes", func() error {
		vg, err := r.Get(group)
		if err == nil {
			return fmt.Errorf("it is still there: %s", vg.Status.Message)
		}
		if !apierrors.IsNotFound(err) {
			return err
		}
		return r.idle()
	})
}

// idle returns an error while any task runs.
func (r *run) idle() error {
	tasks, err := r.VCenter.Control.Tasks(r.T.Context())
	if err != nil {
		return err
	}
	for _, t := range tasks {
		if t.State == "running" || t.State == "queued" {
			return fmt.Errorf("task %s of %s is %s", t.DescriptionID, t.Entity, t.State)
		}
	}
	return nil
}
