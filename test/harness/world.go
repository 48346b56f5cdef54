// Package harness puts the controller between a real Kubernetes API server and a vCenter simulator, for tests that go
// through the front door: they write VmGroups, look at statuses, and ask the simulator's own books what is true.
package harness

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/generated/clientset/versioned"
	"github.com/vmgroup/vmgroup-controller/test/harness/devcluster"
	"github.com/vmgroup/vmgroup-controller/test/harness/process"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// Template is the template that every World has.
const Template = "kopf-vm-template"

// patience bounds each thing that a test waits for. It is long because it is only ever used up by a failure.
const patience = 90 * time.Second

// World is a namespace of its own in a shared cluster, and a vCenter of its own.
type World struct {
	T         testing.TB
	Cluster   *devcluster.Cluster
	VCenter   *vcsim.Process
	Namespace string
	Client    versioned.Interface
	Kube      kubernetes.Interface
	// Verbosity is that of the logs of controllers that run in this process. Default: 4.
	Verbosity int

	observer Observer
}

// Observer watches what the controllers of a world do, so that no test has to think of it. Its methods are called
// concurrently.
type Observer interface {
	// Kubernetes wraps each transport to the API server, closest to the wire.
	Kubernetes(next http.RoundTripper) http.RoundTripper
	// VCenter wraps each transport to vCenter of a controller that runs in this process, closest to the wire.
	VCenter(next http.RoundTripper) http.RoundTripper
	// Started is called before a controller starts, Ended after it has ended in good order.
	Started()
	Ended()
}

// Observe has o watch the controllers that are started from now on. Without an observer, none can be.
func (w *World) Observe(o Observer) { w.observer = o }

var namespaces atomic.Int64

// NewWorld makes a namespace in the cluster and starts a simulator. Both go with the test.
func NewWorld(t testing.TB, cluster *devcluster.Cluster, o vcsim.Options) *World {
	t.Helper()
	return NewWorldIn(t, cluster, "", o)
}

// NewWorldIn is NewWorld for a namespace that has to have a certain name, unless that is empty.
func NewWorldIn(t testing.TB, cluster *devcluster.Cluster, namespace string, o vcsim.Options) *World {
	t.Helper()
	if len(o.Templates) == 0 {
		o.Templates = []string{Template}
	}
	config, err := clientcmd.BuildConfigFromFlags("", cluster.Kubeconfig())
	Must(t, err)
	config.QPS = -1
	w := &World{T: t, Cluster: cluster, Namespace: cmp.Or(namespace, fmt.Sprintf("test-%d", namespaces.Add(1)))}
	w.Client, err = versioned.NewForConfig(config)
	Must(t, err)
	w.Kube, err = kubernetes.NewForConfig(config)
	Must(t, err)
	w.createNamespace()
	w.VCenter, err = vcsim.Start(t.Context(), o)
	Must(t, err)
	t.Cleanup(func() {
		if err := w.VCenter.Violations(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("forbidden calls: %v", err)
		}
		if err := w.VCenter.Stop(); err != nil {
			t.Errorf("stop the simulator: %v", err)
		}
	})
	return w
}

// Beside returns another namespace of the same cluster with the same vCenter. It has no observer.
func (w *World) Beside() *World {
	w.T.Helper()
	other := *w
	other.Namespace, other.observer = fmt.Sprintf("test-%d", namespaces.Add(1)), nil
	other.createNamespace()
	return &other
}

func (w *World) createNamespace() {
	w.T.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.Namespace}}
	_, err := w.Kube.CoreV1().Namespaces().Create(w.T.Context(), namespace, metav1.CreateOptions{})
	Must(w.T, err)
}

// Group returns a VmGroup that is not created yet.
func (w *World) Group(name string, replicas int32) *v1alpha1.VmGroup {
	return &v1alpha1.VmGroup{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: w.Namespace},
		Spec:       v1alpha1.VmGroupSpec{CPU: 1, Memory: 1, Template: Template, Replicas: ptr.To(replicas)},
	}
}

// Create creates a VmGroup.
func (w *World) Create(vg *v1alpha1.VmGroup) *v1alpha1.VmGroup {
	w.T.Helper()
	created, err := w.Client.VsphereV1alpha1().VmGroups(w.Namespace).Create(w.T.Context(), vg, metav1.CreateOptions{})
	Must(w.T, err)
	return created
}

// Get reads a VmGroup.
func (w *World) Get(name string) (*v1alpha1.VmGroup, error) {
	return w.Client.VsphereV1alpha1().VmGroups(w.Namespace).Get(w.T.Context(), name, metav1.GetOptions{})
}

// Update changes a VmGroup, and tries again when somebody else was faster.
func (w *World) Update(name string, change func(*v1alpha1.VmGroup)) {
	w.T.Helper()
	w.Eventually("update "+name, func() error {
		vg, err := w.Get(name)
		if err != nil {
			return err
		}
		change(vg)
		_, err = w.Client.VsphereV1alpha1().VmGroups(w.Namespace).Update(w.T.Context(), vg, metav1.UpdateOptions{})
		return err
	})
}

// Scale sets spec.replicas.
func (w *World) Scale(name string, replicas int32) {
	w.T.Helper()
	w.Update(name, func(vg *v1alpha1.VmGroup) { vg.Spec.Replicas = &replicas })
}

// Delete deletes a VmGroup and does not wait for it to go.
func (w *World) Delete(name string) {
	w.T.Helper()
	Must(w.T, w.Client.VsphereV1alpha1().VmGroups(w.Namespace).Delete(w.T.Context(), name, metav1.DeleteOptions{}))
}

// FolderPath is the inventory path of a group's folder.
func (w *World) FolderPath(name string) string {
	return "/DC0/vm/vmgroups/" + w.Namespace + "/" + name
}

// VMs returns the VMs with a group's stamp, wherever they are, from the simulator's own books.
func (w *World) VMs(vg *v1alpha1.VmGroup) []control.VM {
	w.T.Helper()
	vms, err := w.VCenter.Control.VMs(w.T.Context())
	Must(w.T, err)
	return slices.DeleteFunc(vms, func(vm control.VM) bool { return !strings.Contains(vm.Stamp, string(vg.UID)) })
}

// Ready waits until the group is READY with n VMs that answer the current spec, and checks in vCenter that it is true.
func (w *World) Ready(name string, n int32) *v1alpha1.VmGroup {
	w.T.Helper()
	vg := w.Phase(name, v1alpha1.PhaseReady, func(vg *v1alpha1.VmGroup) error {
		if s := vg.Status; s.AvailableReplicas != n || s.Replicas != n {
			return fmt.Errorf("%d of %d replicas available, want %d", s.AvailableReplicas, s.Replicas, n)
		}
		return nil
	})
	vms := w.VMs(vg)
	for _, vm := range vms {
		if vm.PowerState != "poweredOn" {
			w.T.Errorf("the group is READY, but %s is %s", vm.Name, vm.PowerState)
		}
	}
	if len(vms) != int(n) {
		w.T.Errorf("the group is READY with %d VMs, but vCenter has %d", n, len(vms))
	}
	return vg
}

// Phase waits until the group has answered its current spec with this phase, and passes the checks.
func (w *World) Phase(name string, phase v1alpha1.Phase, checks ...func(*v1alpha1.VmGroup) error) *v1alpha1.VmGroup {
	w.T.Helper()
	var vg *v1alpha1.VmGroup
	w.Eventually(fmt.Sprintf("%s in phase %s", name, phase), func() error {
		var err error
		if vg, err = w.Get(name); err != nil {
			return err
		}
		s := vg.Status
		if s.ObservedGeneration != vg.Generation || s.Phase != phase {
			return fmt.Errorf("generation %d of %d is %s: %s", s.ObservedGeneration, vg.Generation, s.Phase, s.Message)
		}
		for _, check := range checks {
			if err := check(vg); err != nil {
				return err
			}
		}
		return nil
	})
	return vg
}

// Meets waits until a group passes a check.
func (w *World) Meets(name string, check func(*v1alpha1.VmGroup) error) {
	w.T.Helper()
	w.Eventually(name, func() error {
		vg, err := w.Get(name)
		if err != nil {
			return err
		}
		return check(vg)
	})
}

// Gone waits until a group is gone, and checks in vCenter that none of its VMs is left.
func (w *World) Gone(vg *v1alpha1.VmGroup) {
	w.T.Helper()
	w.Eventually(vg.Name+" goes", func() error {
		got, err := w.Get(vg.Name)
		if err == nil {
			return fmt.Errorf("it is still there: %s", got.Status.Message)
		}
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	})
	if vms := w.VMs(vg); len(vms) > 0 {
		w.T.Errorf("the VmGroup is gone, and %d of its VMs are left", len(vms))
	}
}

// Eventually waits until check succeeds.
func (w *World) Eventually(what string, check func() error) {
	w.T.Helper()
	Eventually(w.T, what, check)
}

// Eventually waits until check succeeds, and fails the test with its last error.
func Eventually(t testing.TB, what string, check func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		case <-tick.C:
		}
	}
}

// Must fails the test on an error.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ApplyCRD creates the CRD that ships, as users do, and waits until it is served.
func ApplyCRD(ctx context.Context, cluster *devcluster.Cluster) error {
	crd := filepath.Join(Root(), "artifacts", "crd.yaml")
	if _, err := cluster.Kubectl(ctx, "create", "-f", crd); err != nil {
		return err
	}
	_, err := cluster.Kubectl(ctx, "wait", "--for=condition=Established", "--timeout=60s", "-f", crd)
	return err
}

// Root returns the root of the repository. Outside of it that is the working directory: whoever looks for a file there
// gets an error with its path.
func Root() string {
	root, err := process.RepositoryRoot()
	if err != nil {
		return "."
	}
	return root
}

// List returns the VmGroups of the namespace.
func (w *World) List() ([]v1alpha1.VmGroup, error) {
	list, err := w.Client.VsphereV1alpha1().VmGroups(w.Namespace).List(w.T.Context(), metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}
