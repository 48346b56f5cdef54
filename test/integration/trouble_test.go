package integration

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/devcluster"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
	"github.com/vmgroup/vmgroup-controller/test/invariants"
)

// condition returns a check that a condition has a status and a reason.
func condition(kind string, status metav1.ConditionStatus, reason string) func(*v1alpha1.VmGroup) error {
	return func(vg *v1alpha1.VmGroup) error {
		c := meta.FindStatusCondition(vg.Status.Conditions, kind)
		if c == nil || c.Status != status || c.Reason != reason {
			return fmt.Errorf("condition %s is %+v, want %s because of %s", kind, c, status, reason)
		}
		return nil
	}
}

// TestOutage takes vCenter away: the status says so, the counts stay, nothing is changed when it is back.
func TestOutage(t *testing.T) {
	for _, mode := range []control.Outage{control.OutageRefuse, control.OutageUnavailable} {
		t.Run(string(mode), func(t *testing.T) {
			w := newWorld(t, vcsim.Options{})
			w.StartController()
			w.Create(w.Group("web", 2))
			vg := w.Ready("web", 2)
			before := w.VMs(vg)
			harness.Must(t, w.VCenter.Control.SetOutage(t.Context(), mode))
			w.Meets("web", condition(v1alpha1.ConditionReady, metav1.ConditionUnknown, v1alpha1.ReasonVCenterUnreachable))
			w.Meets("web", func(vg *v1alpha1.VmGroup) error {
				if s := vg.Status; s.AvailableReplicas != 2 || s.Replicas != 2 || s.Phase != v1alpha1.PhasePending {
					return fmt.Errorf("%d of %d, %s", s.AvailableReplicas, s.Replicas, s.Phase)
				}
				return nil
			})
			harness.Must(t, w.VCenter.Control.SetOutage(t.Context(), control.OutageOff))
			w.Ready("web", 2)
			for _, vm := range before {
				if index(w.VMs(vg), vm) < 0 {
					t.Errorf("%s did not survive the outage", vm.Name)
				}
			}
		})
	}
}

// TestSessionEnds logs in once when vCenter ends the session, however many workers notice.
func TestSessionEnds(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	w.StartController()
	w.Create(w.Group("web", 2))
	vg := w.Ready("web", 2)
	vc := w.VCenter.Control
	harness.Must(t, vc.ResetCalls(t.Context()))
	harness.Must(t, vc.EndSessions(t.Context()))
	harness.Must(t, vc.DestroyVM(t.Context(), w.VMs(vg)[0].MoRef))
	w.Eventually("the VM is replaced", func() error {
		if got := len(w.VMs(vg)); got != 2 {
			return fmt.Errorf("%d VMs", got)
		}
		return nil
	})
	w.Ready("web", 2)
	calls, err := vc.Calls(t.Context())
	harness.Must(t, err)
	if calls.LoginsOK != 1 || calls.LoginsRefused != 0 {
		t.Errorf("%d logins and %d refused ones, want 1 and 0", calls.LoginsOK, calls.LoginsRefused)
	}
	sessions, err := vc.Sessions(t.Context())
	harness.Must(t, err)
	if len(sessions) != 1 {
		t.Errorf("%d sessions, want 1", len(sessions))
	}
}

// TestWrongPassword tries a refused password once, also across restarts, and a new one at once.
func TestWrongPassword(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	dir := t.TempDir()
	write := func(name, text string) { harness.Must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)) }
	write("username", w.VCenter.Username)
	write("password", "wrong")
	w.Create(w.Group("web", 1))
	for range 2 {
		c := w.StartController("-vcenter-credentials-dir", dir)
		w.Meets("web", condition(v1alpha1.ConditionVCenterReachable, metav1.ConditionFalse, v1alpha1.ReasonCredentialsRejected))
		c.Stop()
	}
	c := w.StartController("-vcenter-credentials-dir", dir)
	calls, err := w.VCenter.Control.Calls(t.Context())
	harness.Must(t, err)
	if calls.LoginsRefused != 1 {
		t.Errorf("%d refused logins over three starts, want 1", calls.LoginsRefused)
	}
	write("password", w.VCenter.Password)
	w.Ready("web", 1)
	if log := c.Log(); strings.Contains(log, w.VCenter.Password+"\"") || strings.Contains(log, "wrong\"") {
		t.Errorf("a password is in the log")
	}
}

// TestLogout leaves no session behind.
func TestLogout(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	c := w.StartController()
	w.Create(w.Group("web", 1))
	w.Ready("web", 1)
	c.Stop()
	leaks, err := w.VCenter.Control.Leaks(t.Context())
	harness.Must(t, err)
	if leaks != (control.Leaks{}) {
		t.Errorf("left in vCenter: %+v", leaks)
	}
}

// TestRestartWhileCloning starts a second controller while clones of a first one run: nothing is doubled.
func TestRestartWhileCloning(t *testing.T) {
	w := newWorld(t, vcsim.Options{CloneDelay: 2 * time.Second})
	c := w.StartController()
	w.Create(w.Group("web", 3))
	w.Eventually("clones run", func() error {
		calls, err := w.VCenter.Control.Calls(t.Context())
		if err == nil && calls.Methods["CloneVM_Task"] < 3 {
			err = errors.New("not all yet")
		}
		return err
	})
	c.Stop()
	w.StartController()
	w.Ready("web", 3)
}

// TestLostAnswer cuts the connection after vCenter has taken a clone request: one VM comes of it.
func TestLostAnswer(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	harness.Must(t, w.VCenter.Control.AddFault(t.Context(), control.Fault{Method: "CloneVM_Task", Type: control.LostReply, Count: 1}))
	w.StartController()
	w.Create(w.Group("web", 3))
	w.Ready("web", 3)
}

// TestFaults shows what vCenter refuses, and heals when it does so no more.
func TestFaults(t *testing.T) {
	for name, c := range map[string]struct {
		fault  control.Fault
		phase  v1alpha1.Phase
		reason string
	}{
		"no permission: a human must act": {
			control.Fault{Method: "CloneVM_Task", Type: "NoPermission", PrivilegeID: "VirtualMachine.Provisioning.DeployTemplate"},
			v1alpha1.PhaseError, v1alpha1.ReasonNoPermission,
		},
		"no space: goes on trying": {
			control.Fault{Method: "CloneVM_Task", Type: "NoDiskSpace", TaskLevel: true},
			v1alpha1.PhasePending, v1alpha1.ReasonResourceExhausted,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, vcsim.Options{})
			harness.Must(t, w.VCenter.Control.AddFault(t.Context(), c.fault))
			w.StartController()
			w.Create(w.Group("web", 2))
			w.Phase("web", c.phase, condition(v1alpha1.ConditionReady, metav1.ConditionFalse, c.reason), func(vg *v1alpha1.VmGroup) error {
				if !strings.Contains(vg.Status.Message, c.fault.PrivilegeID) {
					return fmt.Errorf("the message does not name the privilege: %s", vg.Status.Message)
				}
				return nil
			})
			harness.Must(t, w.VCenter.Control.ClearFaults(t.Context()))
			// A changed spec gets its chance at once; without it, minutes would pass.
			w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Memory = 2 })
			w.Ready("web", 2)
		})
	}
}

// TestForeignDisk refuses to destroy a VM that has a disk of somebody else's.
func TestForeignDisk(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	w.StartController()
	w.Create(w.Group("web", 1))
	vg := w.Ready("web", 1)
	_, err := w.VCenter.Control.AddDisk(t.Context(), w.VMs(vg)[0].MoRef)
	harness.Must(t, err)
	w.Scale("web", 0)
	w.Phase("web", v1alpha1.PhaseError, condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonForeignDisk))
	if got := len(w.VMs(vg)); got != 1 {
		t.Errorf("%d VMs are left, want 1", got)
	}
}

// TestForeignDiskUnderAKeyOfTheTemplates refuses to destroy another VM's disk that somebody has attached where the VM's own
// was: it has the same device key. Who detaches it is told which file it is.
func TestForeignDiskUnderAKeyOfTheTemplates(t *testing.T) {
	for name, change := range map[string]func(ctx context.Context, vc *control.Client, ours string) error{
		"as it is":              func(context.Context, *control.Client, string) error { return nil },
		"with a snapshot on it": func(ctx context.Context, vc *control.Client, ours string) error { return vc.TakeSnapshot(ctx, ours) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, vcsim.Options{})
			vc := w.VCenter.Control
			db, err := vc.AddForeignVM(t.Context(), "databases", "db")
			harness.Must(t, err)
			w.StartController()
			w.Create(w.Group("web", 1))
			vg := w.Ready("web", 1)
			ours := w.VMs(vg)[0]
			harness.Must(t, vc.DetachDisk(t.Context(), ours.MoRef, 0))
			key, err := vc.AttachDisk(t.Context(), ours.MoRef, db)
			harness.Must(t, err)
			if !slices.Equal(ours.Disks, []int32{key}) {
				t.Fatalf("the disk has the key %d, the VM's own had %v", key, ours.Disks)
			}
			harness.Must(t, change(t.Context(), vc, ours.MoRef))
			w.Scale("web", 0)
			w.Phase("web", v1alpha1.PhaseError, condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonForeignDisk), func(vg *v1alpha1.VmGroup) error {
				if !strings.Contains(vg.Status.Message, "/db.vmdk") {
					return fmt.Errorf("the message does not name the file: %s", vg.Status.Message)
				}
				return nil
			})
			if got := len(w.VMs(vg)); got != 1 {
				t.Errorf("%d VMs are left, want 1", got)
			}
		})
	}
}

// TestAmbiguousDatacenter says what there is to choose, and which flag chooses.
func TestAmbiguousDatacenter(t *testing.T) {
	w := newWorld(t, vcsim.Options{Datacenters: []string{"DC0", "DC1"}})
	c := w.StartController()
	w.Create(w.Group("web", 1))
	w.Meets("web", func(vg *v1alpha1.VmGroup) error {
		for _, want := range []string{"DC0", "DC1", "-datacenter"} {
			if !strings.Contains(vg.Status.Message, want) {
				return fmt.Errorf("the message does not say %s: %q", want, vg.Status.Message)
			}
		}
		return nil
	})
	c.Stop()
	w.StartController("-datacenter", "DC0")
	w.Ready("web", 1)
}

// TestPlaceThatIsNotThere sets a cluster that does not exist: that concerns those whose VMs are due, and nobody else.
func TestPlaceThatIsNotThere(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	c := w.StartController()
	web := w.Create(w.Group("web", 2))
	w.Ready("web", 2)
	c.Stop()

	c = w.StartController("-cluster", "nowhere")
	w.Create(w.Group("db", 1))
	w.Phase("db", v1alpha1.PhaseError, condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonClusterNotFound),
		saying("-cluster", "/DC0/host/DC0_C0"))
	w.Phase("web", v1alpha1.PhaseReady)
	w.Scale("web", 1)
	w.Ready("web", 1)
	w.Delete("web")
	w.Eventually("its VMs are gone", func() error {
		if n := len(w.VMs(web)); n > 0 {
			return fmt.Errorf("%d are there", n)
		}
		return nil
	})
	c.Stop()

	w.StartController()
	w.Ready("db", 1)
}

// TestMissingCRD waits for the CRD, says how to install it, and starts when it is there.
func TestMissingCRD(t *testing.T) {
	t.Parallel()
	bare := harness.NewCluster(t, devcluster.Options{})
	w := harness.NewWorld(t, bare, vcsim.Options{})
	invariants.Watch(w, invariants.Options{})
	c := w.StartController()
	w.Eventually("the log says what is missing", func() error {
		if log := c.Log(); !strings.Contains(log, "kubectl create -f artifacts/crd.yaml") {
			return fmt.Errorf("it says: %s", log)
		}
		return nil
	})
	harness.Must(t, harness.ApplyCRD(t.Context(), bare))
	w.Create(w.Group("web", 1))
	w.Ready("web", 1)
}

// TestPermissions runs as nobody, who may do nothing and is told so, and then as the account that ships.
func TestPermissions(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	o := w.Options("-namespace", "", "-leader-elect-resource-namespace", "vmgroup-system", "-owner-id", "")
	o.Kubeconfig = w.Impersonate("nobody")
	c := w.Run(o)
	w.Eventually("the log says what is missing", func() error {
		log := c.Log()
		for _, want := range []string{"vmgroups", "list", "artifacts/rbac.yaml"} {
			if !strings.Contains(log, want) {
				return fmt.Errorf("it does not say %s: %s", want, log)
			}
		}
		return nil
	})
	_, err := w.Cluster.Kubectl(context.Background(), "apply", "-f", filepath.Join(harness.Root(), "artifacts", "rbac.yaml"))
	harness.Must(t, err)
	c.Stop()

	o = w.Options("-leader-elect-resource-namespace", "vmgroup-system")
	o.Kubeconfig = w.Impersonate("system:serviceaccount:vmgroup-system:vmgroup-controller")
	w.Run(o)
	vg := w.Create(w.Group("web", 2))
	w.Ready("web", 2)
	w.Delete("web")
	gone(t, w, vg)
}
