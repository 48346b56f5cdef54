package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	toolswatch "k8s.io/client-go/tools/watch"
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
	log              *bytes.Buffer // of the process
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
	b.groups++
	namespace := fmt.Sprintf("bench-%d", b.groups)
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
		"-vcenter-ca-file", s.caFile, "-metrics-addr", "127.0.0.1:0", "-health-addr", "127.0.0.1:0",
	}, args...)...)
	s.process.Env = append(os.Environ(), "VC_HOST="+u.Hostname(), "VC_PORT="+u.Port(),
		"VC_USER="+s.vcenter.Username, "VC_PASS="+s.vcenter.Password)
	s.log = &bytes.Buffer{}
	s.process.Stderr = s.log
	return s.process.Start()
}

func (s *subject) stop() error {
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return s.process.Wait()
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

// watch waits until the group is as wanted. deleted is true once it is gone.
func (s *subject) watch(ctx context.Context, wanted func(vg *v1alpha1.VmGroup, deleted bool) bool) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	last := &v1alpha1.VmGroup{}
	lw := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return s.groups.List(ctx, o) },
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (apiwatch.Interface, error) {
			return s.groups.Watch(ctx, o)
		},
	}
	_, err := toolswatch.UntilWithSync(ctx, lw, last, nil, func(e apiwatch.Event) (bool, error) {
		vg, ok := e.Object.(*v1alpha1.VmGroup)
		if !ok {
			return false, fmt.Errorf("unexpected event %s: %v", e.Type, e.Object)
		}
		last = vg
		return wanted(vg, e.Type == apiwatch.Deleted), nil
	})
	if err != nil {
		return fmt.Errorf("waiting for the group: %w (%s: %s)", err, last.Status.Phase, last.Status.Message)
	}
	return nil
}

// calls returns the SOAP calls since it was called last.
func (s *subject) calls(ctx context.Context) (int, error) {
	calls, err := s.vcenter.Control.Calls(ctx)
	if err != nil {
		return 0, err
	}
	return calls.Total(), s.vcenter.Control.ResetCalls(ctx)
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

// rss reports the resident memory of the controller.
func (s *subject) rss(report func(mib float64)) error {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.Process.Pid))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "VmRSS:" {
			kib, err := strconv.ParseFloat(fields[1], 64)
			report(kib / 1024)
			return err
		}
	}
	return errors.New("no VmRSS in /proc")
}

// apiWrites counts what the controllers wrote to the API server in a span of time, from its audit log.
func (b *bench) apiWrites(from, to time.Time) (int, error) {
	log, err := os.Open(b.audit)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	writes := 0
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var event struct {
			Verb, UserAgent          string
			RequestReceivedTimestamp metav1.MicroTime
			ObjectRef                struct{ Resource string }
		}
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			return 0, err
		}
		at := event.RequestReceivedTimestamp.Time
		switch event.Verb {
		case "create", "update", "patch", "delete":
			if strings.HasPrefix(event.UserAgent, "vmgroup-controller") && event.ObjectRef.Resource != "leases" &&
				at.After(from) && at.Before(to) {
				writes++
			}
		}
	}
	return writes, lines.Err()
}
