package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/generated/clientset/versioned"
	vmgroups "github.com/vmgroup/vmgroup-controller/pkg/generated/clientset/versioned/typed/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// subject is one controller under measurement, with a namespace and a vCenter of its own.
type subject struct {
	vcenter *vcsim.Process
	// endpoint and caFile are where the controller finds vCenter, and what it trusts there.
	endpoint, caFile string
	groups           vmgroups.VmGroupInterface
	start            func() error // starts the controller, for the first time or again
	process          *exec.Cmd
	log              *log // of the process
}

const groupName = "bench"

var namespaceLock sync.Mutex

// with starts a controller, measures, and stops it.
func (b *bench) with(ctx context.Context, o vcsim.Options, args []string, measure func(*subject) error) error {
	return b.withLine(ctx, o, args, nil, measure)
}

// withLine is with for a controller that reaches vCenter by that line, unless it is nil.
func (b *bench) withLine(
	ctx context.Context, o vcsim.Options, args []string, line *harness.LossyLine, measure func(*subject) error,
) (err error) {
	namespaceLock.Lock()
	b.namespaces++
	namespace := fmt.Sprintf("bench-%d", b.namespaces)
	namespaceLock.Unlock()
	s := &subject{}
	o.Templates, o.TempDir = []string{harness.Template}, b.memory
	if s.vcenter, err = vcsim.Start(ctx, o); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.vcenter.Stop()) }()
	s.endpoint, s.caFile = s.vcenter.URL, s.vcenter.CAFile
	if line != nil {
		hangUp, err := s.reachBy(line)
		if err != nil {
			return err
		}
		defer hangUp()
	}
	if err := s.connect(ctx, b.cluster.Kubeconfig(), namespace); err != nil {
		return err
	}
	s.start = func() error { return s.startProcess(b.cluster.Kubeconfig(), namespace, args) }
	if err := s.start(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err := s.warm(ctx); err != nil {
		return err
	}
	if err := measure(s); err != nil {
		return fmt.Errorf("%w\nthe controller's log:\n%s", err, s.log.String())
	}
	return nil
}

func (s *subject) connect(ctx context.Context, kubeconfig, namespace string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	config.QPS = -1 // what is measured must not wait for us
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	client, err := versioned.NewForConfig(config)
	if err != nil {
		return err
	}
	s.groups = client.VsphereV1alpha1().VmGroups(namespace)
	_, err = kube.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{})
	return err
}

func (s *subject) startProcess(kubeconfig, namespace string, args []string) error {
	u, err := url.Parse(s.endpoint)
	if err != nil {
		return err
	}
	s.process = exec.Command(filepath.Join(harness.Root(), "bin", "vmgroup-controller"), append([]string{
		"-kubeconfig", kubeconfig, "-namespace", namespace, "-leader-elect-resource-namespace", namespace,
		"-vcenter-ca-file", s.caFile, "-metrics-addr", "127.0.0.1:0", "-health-addr", "0",
	}, args...)...)
	s.process.Env = append(os.Environ(), "VC_HOST="+u.Hostname(), "VC_PORT="+u.Port(),
		"VC_USER="+s.vcenter.Username, "VC_PASS="+s.vcenter.Password)
	s.log = &log{}
	s.process.Stderr = s.log
	return s.process.Start()
}

func (s *subject) stop() error {
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return s.process.Wait()
}

// startAgain starts the controller, which was stopped, changes the first group, and returns how long it took until that was
// answered.
func (s *subject) startAgain(ctx context.Context, cpu int) (time.Duration, error) {
	began := time.Now()
	if err := s.start(); err != nil {
		return 0, err
	}
	err := s.answer(ctx, cpu)
	return time.Since(began), err
}

// restart stops the controller before it does what startAgain does.
func (s *subject) restart(ctx context.Context, cpu int) (time.Duration, error) {
	if err := s.stop(); err != nil {
		return 0, err
	}
	return s.startAgain(ctx, cpu)
}

// succeed starts a second replica, ends the first with a signal as soon as the second stands by, and returns how long it took
// until a change that was made then was answered. From then on the second is the controller.
func (s *subject) succeed(ctx context.Context, signal os.Signal, cpu int) (time.Duration, error) {
	leader := s.process
	if err := s.start(); err != nil {
		return 0, err
	}
	if err := wait(ctx, standsBy); err != nil {
		return 0, err
	}
	began := time.Now()
	if err := leader.Process.Signal(signal); err != nil {
		return 0, err
	}
	if err := s.answer(ctx, cpu); err != nil {
		return 0, err
	}
	took := time.Since(began)
	_ = leader.Wait() // by a signal, or in good order
	return took, nil
}

// standsBy is how long a second replica needs, at most, until it waits for the Lease.
const standsBy = 3 * time.Second

// answer changes what VMs to come will be like, and waits until the controller has seen it.
func (s *subject) answer(ctx context.Context, cpu int) error {
	patch := fmt.Appendf(nil, `{"spec":{"cpu":%d}}`, cpu)
	changed, err := s.groups.Patch(ctx, groupName, types.MergePatchType, patch, metav1.PatchOptions{})
	if err != nil {
		return err
	}
	return s.watch(ctx, func(vg *v1alpha1.VmGroup, _ bool) bool { return vg.Status.ObservedGeneration == changed.Generation })
}

// warm makes and removes a group of one, so that the start is not measured.
func (s *subject) warm(ctx context.Context) error {
	if _, err := s.create(ctx, 1); err != nil {
		return fmt.Errorf("warm up: %w", err)
	}
	if _, err := s.remove(ctx); err != nil {
		return fmt.Errorf("warm up: %w", err)
	}
	_, err := s.calls(ctx)
	return err
}

// create makes a group and returns how long it took until its status said READY.
func (s *subject) create(ctx context.Context, n int) (time.Duration, error) {
	began := time.Now()
	_, err := s.groups.Create(ctx, &v1alpha1.VmGroup{
		ObjectMeta: metav1.ObjectMeta{Name: groupName},
		Spec:       v1alpha1.VmGroupSpec{CPU: 1, Memory: 1, Template: harness.Template, Replicas: ptr.To(int32(n))},
	}, metav1.CreateOptions{})
	if err != nil {
		return 0, err
	}
	err = s.watch(ctx, func(vg *v1alpha1.VmGroup, _ bool) bool {
		return vg.Status.Phase == v1alpha1.PhaseReady && int(vg.Status.AvailableReplicas) == n
	})
	return time.Since(began), err
}

func (s *subject) remove(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	if err := s.groups.Delete(ctx, groupName, metav1.DeleteOptions{}); err != nil {
		return 0, err
	}
	err := s.watch(ctx, func(_ *v1alpha1.VmGroup, deleted bool) bool { return deleted })
	return time.Since(began), err
}

// watch waits until the first group is as wanted. deleted is true once it is gone.
func (s *subject) watch(ctx context.Context, wanted func(vg *v1alpha1.VmGroup, deleted bool) bool) error {
	return s.until(ctx, nil, func(vg *v1alpha1.VmGroup, deleted bool) bool { return vg.Name == groupName && wanted(vg, deleted) })
}

// healOne destroys a VM and returns how long it took until a clone was sent.
func (s *subject) healOne(ctx context.Context, n int) (time.Duration, error) {
	vg, err := s.groups.Get(ctx, groupName, metav1.GetOptions{})
	if err != nil {
		return 0, err
	}
	victim := vg.Status.VMs[0].MoRef
	began := time.Now()
	if err := s.vcenter.Control.DestroyVM(ctx, victim); err != nil {
		return 0, err
	}
	err = s.watch(ctx, func(vg *v1alpha1.VmGroup, _ bool) bool {
		return vg.Status.Phase == v1alpha1.PhaseReady && int(vg.Status.AvailableReplicas) == n && vg.Status.VMs[0].MoRef != victim
	})
	if err != nil {
		return 0, err
	}
	calls, err := s.vcenter.Control.Calls(ctx)
	return time.Unix(0, calls.LastClone).Sub(began), err
}
