package outages

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/apiproxy"
	"github.com/vmgroup/vmgroup-controller/test/harness/process"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
	"github.com/vmgroup/vmgroup-controller/test/invariants"
)

// TestTwoLeaders lets two controllers write at the same time, while the number of replicas changes. When one of them is
// gone the other has removed any excess, and nothing is left that belongs to no group.
func TestTwoLeaders(t *testing.T) {
	for name, reserveAtEnd := range map[string]bool{
		"a name is taken while its clone runs":     false,
		"a name is taken only when its clone ends": true,
	} {
		t.Run(name, func(t *testing.T) { twoLeaders(t, reserveAtEnd) })
	}
}

func twoLeaders(t *testing.T, reserveAtEnd bool) {
	w := newObservedWorld(t, vcsim.Options{CloneDelay: 100 * time.Millisecond, ReserveAtEnd: reserveAtEnd}, invariants.Options{Writers: 2})
	// One of the two may switch a VM on between the other's look at it and its request to destroy it. Two writers cannot
	// do better, and vCenter refuses.
	w.VCenter.Excuse = func(v control.Violation) bool { return v.Reason == "the VM is powered on" }
	other := &world{w.World, w.checker, apiproxy.Start(t, cluster.Kubeconfig())}
	w.start("-leader-elect=false")
	second := other.start("-leader-elect=false", "-leader-elect-resource-name", "second")
	names := []string{"a", "b", "c"}
	for _, name := range names {
		w.Create(w.Group(name, 2))
	}
	for i, end := 0, time.Now().Add(forLong(5*time.Second, time.Minute)); time.Now().Before(end); i++ {
		for j, name := range names {
			w.Scale(name, int32((i*3+j*2)%6))
		}
		lasts(t, time.Duration(100+i%5*100)*time.Millisecond)
	}
	second.Stop()
	for _, name := range names {
		w.Scale(name, 3)
	}
	ours := map[string]bool{}
	for _, name := range names {
		for _, vm := range w.VMs(w.Ready(name, 3)) {
			ours[vm.MoRef] = true
		}
	}
	vms, err := w.VCenter.Control.VMs(t.Context())
	harness.Must(t, err)
	for _, vm := range vms {
		if !vm.Template && !ours[vm.MoRef] {
			t.Errorf("%s belongs to no group", vm.Path)
		}
	}
}

// replica is the binary that ships, as a process, behind an API proxy of its own.
type replica struct {
	*exec.Cmd
	api   *apiproxy.Proxy
	log   *process.Buffer
	ended chan error
}

// launch starts a replica. It is killed with the test, if it has not ended.
func (w *world) launch(userAgent string) *replica {
	w.T.Helper()
	r := &replica{api: apiproxy.Start(w.T, cluster.Kubeconfig()), log: &process.Buffer{}, ended: make(chan error, 1)}
	binary := os.Getenv("CONTROLLER_BIN")
	if binary == "" {
		binary = filepath.Join(harness.Root(), "bin", "vmgroup-controller")
	}
	host, port := splitURL(w.VCenter.URL)
	r.Cmd = exec.Command(binary, "-kubeconfig", r.api.Kubeconfig(), "-namespace", w.Namespace,
		"-leader-elect-resource-namespace", w.Namespace, "-vcenter-ca-file", w.VCenter.CAFile,
		"-leader-elect-lease-duration", "4s", "-leader-elect-renew-deadline", "3s", "-leader-elect-retry-period", "500ms",
		"-metrics-addr", "127.0.0.1:0", "-health-addr", "127.0.0.1:0", "-v", "2")
	r.Cmd.Env = append(os.Environ(), "VC_HOST="+host, "VC_PORT="+port, "VC_USER="+w.VCenter.Username, "VC_PASS="+w.VCenter.Password)
	r.Cmd.Stderr = r.log
	if err := r.Cmd.Start(); err != nil {
		w.T.Fatalf("start the controller (run make build first): %v", err)
	}
	done := make(chan struct{})
	go func() { r.ended <- r.Cmd.Wait(); close(done) }()
	w.T.Cleanup(func() {
		_ = r.Cmd.Process.Kill() // fails only if it has ended
		<-done
		if w.T.Failed() {
			w.T.Logf("the log of %s:\n%s", userAgent, r.log)
		}
	})
	return r
}

var endpoint = regexp.MustCompile(`^https://([^:/]+):(\d+)`)

func splitURL(url string) (host, port string) {
	m := endpoint.FindStringSubmatch(url)
	return m[1], m[2]
}

func (r *replica) leads() bool {
	return strings.Contains(r.log.String(), "Starting workers")
}

func (r *replica) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	harness.Must(t, r.Cmd.Process.Signal(s))
}

// TestPausedLeader stops the leading process until another leads, changes the group, and wakes the first one in the middle
// of the other's work: it writes nothing any more, and ends with an error.
func TestPausedLeader(t *testing.T) {
	w := newObservedWorld(t, vcsim.Options{CloneDelay: 500 * time.Millisecond}, invariants.Options{Untapped: true})
	first := w.launch("the first process")
	w.Create(w.Group("web", 2))
	w.Ready("web", 2)
	second := w.launch("the second process")
	w.Eventually("the second process stands by", func() error {
		if !strings.Contains(second.log.String(), "Attempting to acquire") {
			return errors.New("not yet")
		}
		return nil
	})

	// In the middle of a scale-up, so that it has something to go on with when it wakes up.
	harness.Must(t, w.VCenter.Control.ResetCalls(t.Context()))
	w.Scale("web", 6)
	w.cloning(1)
	first.signal(t, syscall.SIGSTOP)
	w.Eventually("the second process leads", func() error {
		if !second.leads() {
			return errors.New("not yet")
		}
		return nil
	})
	first.api.ResetRequests()
	w.Scale("web", 3)
	first.signal(t, syscall.SIGCONT)
	select {
	case err := <-first.ended:
		if _, failed := errors.AsType[*exec.ExitError](err); !failed {
			t.Errorf("the first process ended with %v, want an error", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the first process goes on")
	}
	for _, r := range first.api.Requests() {
		if r.Method != "GET" && strings.Contains(r.Path, "vmgroups") {
			t.Errorf("the first process has sent %s %s", r.Method, r.Path)
		}
	}
	w.Ready("web", 3)
	lease, err := w.Kube.CoordinationV1().Leases(w.Namespace).Get(t.Context(), "vmgroup-controller", metav1.GetOptions{})
	harness.Must(t, err)
	if lease.Spec.HolderIdentity == nil || *lease.Spec.HolderIdentity == "" {
		t.Errorf("nobody has the Lease")
	}
	if got := w.tasks("VirtualMachine.cloneVm"); got > 6 {
		t.Errorf("%d VMs were cloned, want 6 at most", got)
	}
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Replicas = new(int32) })
	w.Phase("web", v1alpha1.PhaseReady, func(vg *v1alpha1.VmGroup) error {
		if n := len(w.VMs(vg)); n > 0 {
			return fmt.Errorf("%d VMs", n)
		}
		return nil
	})
}
