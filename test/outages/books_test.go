package outages

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
)

// tasks returns how many tasks of a kind have succeeded since the simulator started. It forgets none, so that a VM too many
// is seen however short it lives.
func (w *world) tasks(descriptionID string) int {
	w.T.Helper()
	tasks, err := w.VCenter.Control.Tasks(w.T.Context())
	harness.Must(w.T, err)
	n := 0
	for _, task := range tasks {
		if task.DescriptionID == descriptionID && task.State == "success" {
			n++
		}
	}
	return n
}

// cloned waits until n VMs were cloned since the simulator started.
func (w *world) cloned(n int) {
	w.T.Helper()
	w.Eventually("VMs are cloned", func() error {
		if got := w.tasks("VirtualMachine.cloneVm"); got < n {
			return fmt.Errorf("%d, want %d", got, n)
		}
		return nil
	})
}

// made checks how many VMs were cloned and destroyed since the simulator started.
func (w *world) made(cloned, destroyed int) {
	w.T.Helper()
	if got := w.tasks("VirtualMachine.cloneVm"); got != cloned {
		w.T.Errorf("%d VMs were cloned, want %d", got, cloned)
	}
	if got := w.tasks("VirtualMachine.destroy"); got != destroyed {
		w.T.Errorf("%d VMs were destroyed, want %d", got, destroyed)
	}
}

// same checks that a group has exactly the VMs it had before.
func (w *world) same(vg *v1alpha1.VmGroup, before []control.VM) {
	w.T.Helper()
	refs := func(vms []control.VM) []string {
		var out []string
		for _, vm := range vms {
			out = append(out, vm.MoRef)
		}
		slices.Sort(out)
		return out
	}
	if got, want := refs(w.VMs(vg)), refs(before); !slices.Equal(got, want) {
		w.T.Errorf("the group's VMs are %v, and were %v", got, want)
	}
}

// logins returns how many logins vCenter has accepted and refused since the counters were reset.
func (w *world) logins() (accepted, refused int) {
	w.T.Helper()
	calls, err := w.VCenter.Control.Calls(w.T.Context())
	harness.Must(w.T, err)
	return calls.LoginsOK, calls.LoginsRefused
}

// statuses is every version of the VmGroups of a world that the API server has told of, as it was told.
type statuses struct {
	mu   sync.Mutex
	seen []v1alpha1.VmGroup
}

// record begins to keep the statuses, by a watch of its own. It ends with the test.
func (w *world) record() *statuses {
	w.T.Helper()
	s := &statuses{}
	watcher, err := w.Client.VsphereV1alpha1().VmGroups(w.Namespace).Watch(w.T.Context(), metav1.ListOptions{})
	harness.Must(w.T, err)
	var reading sync.WaitGroup
	reading.Go(func() {
		for event := range watcher.ResultChan() {
			if vg, ok := event.Object.(*v1alpha1.VmGroup); ok && event.Type != watch.Deleted {
				s.mu.Lock()
				s.seen = append(s.seen, *vg)
				s.mu.Unlock()
			}
		}
	})
	w.T.Cleanup(func() { watcher.Stop(); reading.Wait() })
	return s
}

// kept checks that the counts of every status were n of n, and that nothing was ever called ERROR.
func (s *statuses) kept(t testing.TB, n int32) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, vg := range s.seen {
		if st := vg.Status; st.Replicas != n || st.ReadyReplicas != n || st.AvailableReplicas != n || st.Phase == v1alpha1.PhaseError {
			t.Errorf("at version %s the status said %d replicas, %d ready, %d available, %s: %s; want %d",
				vg.ResourceVersion, st.Replicas, st.ReadyReplicas, st.AvailableReplicas, st.Phase, st.Message, n)
		}
	}
}
