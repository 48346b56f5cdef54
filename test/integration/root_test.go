package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// TestOutsideTheRoot moves VMs of a group out of the root folder: they count, nothing is done to them when they are due to
// go, the status says what to do, and when they are back all goes on by itself.
func TestOutsideTheRoot(t *testing.T) {
	const elsewhere = "/DC0/vm/elsewhere"
	for name, c := range map[string]struct {
		moveOut, moveBack func(t *testing.T, w *harness.World, vm control.VM) error
		due               func(w *harness.World) // what makes the VM due to go
		says              []string
		after             func(t *testing.T, w *harness.World, vg *v1alpha1.VmGroup)
	}{
		"scaled down": {
			moveOut: moveTo("elsewhere"), moveBack: moveTo("vmgroups"),
			due:   func(w *harness.World) { w.Scale("web", 1) },
			says:  []string{elsewhere, "/DC0/vm/vmgroups", "move it back", "spec.replicas"},
			after: func(_ *testing.T, w *harness.World, _ *v1alpha1.VmGroup) { w.Ready("web", 1) },
		},
		"deleted": {
			moveOut: moveTo("elsewhere"), moveBack: moveTo("vmgroups/elsewhere"),
			due:   func(w *harness.World) { w.Delete("web") },
			says:  []string{elsewhere, "/DC0/vm/vmgroups", "move it back", v1alpha1.OnDeleteAnnotation + ": orphan"},
			after: func(t *testing.T, w *harness.World, vg *v1alpha1.VmGroup) { gone(t, w, vg) },
		},
		"deleted, its folder is elsewhere": {
			moveOut: func(t *testing.T, w *harness.World, _ control.VM) error {
				return w.VCenter.Control.MoveFolder(t.Context(), "vmgroups/"+w.Namespace+"/web", "elsewhere")
			},
			moveBack: func(t *testing.T, w *harness.World, _ control.VM) error {
				return w.VCenter.Control.MoveFolder(t.Context(), "elsewhere/web", "vmgroups/"+w.Namespace)
			},
			due:   func(w *harness.World) { w.Delete("web") },
			says:  []string{elsewhere + "/web", "/DC0/vm/vmgroups", "move it back"},
			after: func(t *testing.T, w *harness.World, vg *v1alpha1.VmGroup) { gone(t, w, vg) },
		},
		"deleted, and left there": {
			moveOut: moveTo("elsewhere"),
			moveBack: func(_ *testing.T, w *harness.World, _ control.VM) error {
				w.Update("web", func(vg *v1alpha1.VmGroup) {
					w.Eventually("the other VM goes", func() error {
						if vms := w.VMs(vg); len(vms) > 1 {
							return fmt.Errorf("%d VMs are left", len(vms))
						}
						return nil
					})
					vg.Annotations = map[string]string{v1alpha1.OnDeleteAnnotation: v1alpha1.OnDeleteOrphan}
				})
				return nil
			},
			due:  func(w *harness.World) { w.Delete("web") },
			says: []string{v1alpha1.OnDeleteAnnotation},
			after: func(t *testing.T, w *harness.World, vg *v1alpha1.VmGroup) {
				w.Eventually("the VmGroup goes", func() error {
					if _, err := w.Get("web"); !apierrors.IsNotFound(err) {
						return fmt.Errorf("it is still there, or cannot be read: %w", err)
					}
					return nil
				})
				if vms := w.VMs(vg); len(vms) != 1 {
					t.Errorf("%d VMs are left, want the one outside", len(vms))
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, vcsim.Options{})
			_, err := w.VCenter.Control.CreateFolder(t.Context(), "elsewhere")
			harness.Must(t, err)
			_, err = w.VCenter.Control.CreateFolder(t.Context(), "vmgroups/elsewhere")
			harness.Must(t, err)
			w.StartController()
			w.Create(w.Group("web", 2))
			vg := w.Ready("web", 2)
			outside := w.VMs(vg)[0]
			harness.Must(t, c.moveOut(t, w, outside))
			w.Meets("web", func(vg *v1alpha1.VmGroup) error {
				return listed(vg, outside, func(vm v1alpha1.VMStatus) bool { return vm.State == v1alpha1.VMMoved })
			})
			w.Ready("web", 2)
			c.due(w)
			w.Meets("web", condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonVMOutsideRoot))
			w.Meets("web", func(vg *v1alpha1.VmGroup) error {
				for _, want := range c.says {
					if !strings.Contains(vg.Status.Message, want) {
						return fmt.Errorf("the message does not say %q: %s", want, vg.Status.Message)
					}
				}
				if !slices.Contains(vg.Finalizers, v1alpha1.Finalizer) {
					t.Error("the finalizer is gone")
				}
				return nil
			})
			if vms := w.VMs(vg); index(vms, outside) < 0 || vms[index(vms, outside)].PowerState != "poweredOn" {
				t.Errorf("it was touched: %+v", vms)
			}
			harness.Must(t, c.moveBack(t, w, outside))
			c.after(t, w, vg)
		})
	}
}

// moveTo returns what moves a VM to a folder.
func moveTo(folder string) func(*testing.T, *harness.World, control.VM) error {
	return func(t *testing.T, w *harness.World, vm control.VM) error {
		return w.VCenter.Control.Move(t.Context(), vm.MoRef, folder)
	}
}

// TestOffOutsideTheRoot does not switch on what lies outside the root folder, and says so.
func TestOffOutsideTheRoot(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	_, err := w.VCenter.Control.CreateFolder(t.Context(), "elsewhere")
	harness.Must(t, err)
	w.StartController()
	w.Create(w.Group("web", 2))
	vg := w.Ready("web", 2)
	outside := w.VMs(vg)[0]
	harness.Must(t, w.VCenter.Control.Move(t.Context(), outside.MoRef, "elsewhere"))
	w.Meets("web", func(vg *v1alpha1.VmGroup) error {
		return listed(vg, outside, func(vm v1alpha1.VMStatus) bool { return vm.State == v1alpha1.VMMoved })
	})
	harness.Must(t, w.VCenter.Control.PowerOff(t.Context(), outside.MoRef))
	w.Phase("web", v1alpha1.PhaseError, condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonVMOutsideRoot),
		func(vg *v1alpha1.VmGroup) error {
			return listed(vg, outside, func(vm v1alpha1.VMStatus) bool {
				return vm.State == v1alpha1.VMPoweredOff && strings.Contains(vm.Message, "nothing is switched on")
			})
		})
	if vms := w.VMs(vg); len(vms) != 2 || vms[index(vms, outside)].PowerState != "poweredOff" {
		t.Errorf("it was switched on, or replaced: %+v", vms)
	}
	harness.Must(t, w.VCenter.Control.Move(t.Context(), outside.MoRef, vg.Status.Folder.MoRef))
	w.Ready("web", 2)
}

// TestAStampOnANeighboursVM makes a neighbour's VM outside the root folder look like one of the group's, stamp and instance
// and all, as whoever may reconfigure it can: it counts and is never touched, and no VM of the group's goes for its sake.
func TestAStampOnANeighboursVM(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	vc := w.VCenter.Control
	var forged []control.VM // older than the group's VMs, and one is on: of all that are alike, the youngest goes
	for i, on := range []bool{false, true} {
		ref, err := vc.AddForeignVM(t.Context(), "neighbour", fmt.Sprintf("db-%d", i))
		harness.Must(t, err)
		if on {
			harness.Must(t, vc.PowerOn(t.Context(), ref))
		}
		forged = append(forged, control.VM{MoRef: ref})
	}
	c := w.StartController()
	w.Create(w.Group("web", 2))
	vg := w.Ready("web", 2)
	own := w.VMs(vg)
	c.Stop()
	for i, vm := range forged {
		instance := uuid.NewString()
		harness.Must(t, vc.SetInstance(t.Context(), vm.MoRef, instance))
		harness.Must(t, vc.SetStamp(t.Context(), vm.MoRef, strings.ReplaceAll(own[i].Stamp, own[i].InstanceUUID, instance)))
	}
	stalled := condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonVMOutsideRoot)
	w.StartController() // which reads the stamps of all VMs
	w.Phase("web", v1alpha1.PhaseError, stalled, func(vg *v1alpha1.VmGroup) error {
		if s := vg.Status; s.Replicas != 4 || s.AvailableReplicas != 3 {
			return fmt.Errorf("%d of %d", s.AvailableReplicas, s.Replicas)
		}
		return nil
	})
	left := w.VMs(vg)
	for _, vm := range own {
		if i := index(left, vm); i < 0 || left[i].PowerState != "poweredOn" {
			t.Errorf("the forged stamps have cost the group %s", vm.Name)
		}
	}
	w.Delete("web")
	w.Eventually("the group's own VMs go, the others do not", func() error {
		vms := w.VMs(vg)
		if len(vms) != 2 || index(vms, forged[0]) < 0 || index(vms, forged[1]) < 0 {
			return fmt.Errorf("%+v", vms)
		}
		return nil
	})
	w.Meets("web", stalled)
	for _, vm := range forged {
		harness.Must(t, vc.SetStamp(t.Context(), vm.MoRef, ""))
	}
	gone(t, w, vg)
	vms, err := vc.VMs(t.Context())
	harness.Must(t, err)
	for i, vm := range forged {
		if at := index(vms, vm); at < 0 || vms[at].PowerState != []string{"poweredOff", "poweredOn"}[i] {
			t.Errorf("the neighbour's VM %s was touched", vm.MoRef)
		}
	}
}

// TestARootThatPeopleMake runs with an account that may make no folder outside the root folder: it says what is to be done
// until the root folder is there, and then has all that a group needs.
func TestARootThatPeopleMake(t *testing.T) {
	w := newWorld(t, vcsim.Options{TemplateFolder: "templates", RootGiven: true})
	w.StartController("-template-folder", "templates")
	w.Create(w.Group("web", 2))
	w.Phase("web", v1alpha1.PhaseError, condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonNoPermission),
		func(vg *v1alpha1.VmGroup) error {
			for _, want := range []string{"Folder.Create", "make the root folder /DC0/vm/vmgroups"} {
				if !strings.Contains(vg.Status.Message, want) {
					return fmt.Errorf("the message does not say %q: %s", want, vg.Status.Message)
				}
			}
			return nil
		})
	_, err := w.VCenter.Control.CreateFolder(t.Context(), "vmgroups")
	harness.Must(t, err)
	vg := w.Ready("web", 2)
	harness.Must(t, w.VCenter.Control.PowerOff(t.Context(), w.VMs(vg)[0].MoRef))
	w.Scale("web", 3)
	w.Ready("web", 3)
	w.Scale("web", 1)
	w.Ready("web", 1)
	w.Delete("web")
	gone(t, w, vg)
}

// TestInAnotherDatacenter says where a VM is that was moved to another datacenter.
func TestInAnotherDatacenter(t *testing.T) {
	w := newWorld(t, vcsim.Options{Datacenters: []string{"DC0", "DC1"}})
	w.StartController("-datacenter", "DC0")
	w.Create(w.Group("web", 1))
	vg := w.Ready("web", 1)
	folders, err := w.VCenter.Control.Folders(t.Context())
	harness.Must(t, err)
	far := folders[slices.IndexFunc(folders, func(f control.Folder) bool { return f.Path == "/DC1/vm" })]
	vm := w.VMs(vg)[0]
	harness.Must(t, w.VCenter.Control.Move(t.Context(), vm.MoRef, far.MoRef))
	w.Meets("web", func(vg *v1alpha1.VmGroup) error {
		return listed(vg, vm, func(vm v1alpha1.VMStatus) bool {
			return vm.State == v1alpha1.VMMoved && strings.Contains(vm.Message, "it was moved to /DC1/vm, outside the root folder")
		})
	})
	harness.Must(t, w.VCenter.Control.Move(t.Context(), vm.MoRef, vg.Status.Folder.MoRef))
	w.Ready("web", 1)
}
