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
	classes          vmgroups.VmGroupClassInterface
	// shape makes something else of the spec of the group with a number; nil: the four fields.
	shape   func(i int, spec *v1alpha1.VmGroupSpec)
	start   func() error // starts the controller, for the first time or again
	process *process
	log     *log // of the process
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
	s.start = func() error { return s.startController(b.cluster.Kubeconfig(), namespace, args) }
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
	s.groups, s.classes = client.VsphereV1alpha1().VmGroups(namespace), client.VsphereV1alpha1().VmGroupClasses()
	_, err = kube.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{})
	return err
}

func (s *subject) startController(kubeconfig, namespace string, args []string) error {
	u, err := url.Parse(s.endpoint)
	if err != nil {
		return err
	}
	cmd := exec.Command(filepath.Join(harness.Root(), "bin", "vmgroup-controller"), append([]string{
		"-kubeconfig", kubeconfig, "-namespace", namespace, "-leader-elect-resource-namespace", namespace,
		"-vcenter-ca-file", s.caFile, "-metrics-addr", "127.0.0.1:0", "-health-addr", "0",
	}, args...)...)
	cmd.Env = append(os.Environ(), "VC_HOST="+u.Hostname(), "VC_PORT="+u.Port(),
		"VC_USER="+s.vcenter.Username, "VC_PASS="+s.vcenter.Password)
	s.log = &log{}
	cmd.Stderr = s.log
	s.process, err = startProcess(cmd)
	return err
}

func (s *subject) stop() error {
	if err := s.process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return s.process.wait()
}

// process is a process whose end is noticed.
type process struct {
	*os.Process
	ended chan struct{}
	err   error // once it has ended
}

func startProcess(cmd *exec.Cmd) (*process, error) {
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{Process: cmd.Process, ended: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

func (p *process) wait() error {
	<-p.ended
	return p.err
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
	if err := leader.Signal(signal); err != nil {
		return 0, err
	}
	if err := s.answer(ctx, cpu); err != nil {
		return 0, err
	}
	took := time.Since(began)
	_ = leader.wait() // by a signal, or in good order
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
	return s.watch(ctx, func(vg *v1alpha1.VmGroup) bool { return vg.Status.ObservedGeneration == changed.Generation })
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
	return s.createMany(ctx, 1, n)
}

// remove deletes it and returns how long it took until it was gone.
func (s *subject) remove(ctx context.Context) (time.Duration, error) { return s.removeMany(ctx, 1) }

// watch waits until the first group is as wanted.
func (s *subject) watch(ctx context.Context, wanted func(*v1alpha1.VmGroup) bool) error {
	return s.until(ctx, nil, func(vg *v1alpha1.VmGroup) bool { return vg.Name == groupName && wanted(vg) })
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
	err = s.watch(ctx, func(vg *v1alpha1.VmGroup) bool {
		return vg.Status.Phase == v1alpha1.PhaseReady && int(vg.Status.AvailableReplicas) == n && vg.Status.VMs[0].MoRef != victim
	})
	if err != nil {
		return 0, err
	}
	calls, err := s.vcenter.Control.Calls(ctx)
	return time.Unix(0, calls.LastClone).Sub(began), err
}
