package observability

import (
	"fmt"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
	"github.com/vmgroup/vmgroup-controller/test/invariants"
)

// TestOneOpID follows a clone that replaces a lost VM, from vCenter's side: the operationID of its call is that of the lines
// about its task in our log, and of the Event that says that the group is scaling up.
func TestOneOpID(t *testing.T) {
	w := newWorld(t, vcsim.Options{}, invariants.Options{})
	dir, _ := credentials(t, w.VCenter.Username, w.VCenter.Password)
	c := w.StartChild(harness.ChildOptions{CredentialsDir: dir, Args: []string{"-v=2", "-logging-format=json"}})
	t.Cleanup(c.Stop)
	w.Create(w.Group("web", 1))
	lost := w.Ready("web", 1).Status.VMs[0].MoRef
	harness.Must(t, w.VCenter.Control.DestroyVM(t.Context(), lost))
	w.Phase("web", v1alpha1.PhaseReady, func(vg *v1alpha1.VmGroup) error {
		if now := vg.Status.VMs[0].MoRef; now == lost {
			return fmt.Errorf("%s is still listed", now)
		}
		return nil
	})

	opID, task := cloned(t, w)
	for _, msg := range []string{"Task submitted", "Task succeeded"} {
		w.Eventually("the log tells of the task", func() error {
			log := lines(t, c.Log())
			i := slices.IndexFunc(log, func(l line) bool { return l.Msg == msg && l.Task == task })
			if i < 0 {
				return fmt.Errorf("no line %q of task %s", msg, task)
			}
			if log[i].OpID != opID || log[i].VM == "" || log[i].VMGroup == nil {
				t.Errorf("the line is %+v, want opID %s, and which VM of which group", log[i], opID)
			}
			return nil
		})
	}
	w.Eventually("the Event is there", func() error {
		events, err := w.Kube.CoreV1().Events(w.Namespace).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, e := range events.Items {
			if e.Reason == v1alpha1.ReasonScalingUp && e.InvolvedObject.Name == "web" && e.Annotations[v1alpha1.OpIDAnnotation] == opID {
				return nil
			}
		}
		return fmt.Errorf("no Event %s with opID %s: %+v", v1alpha1.ReasonScalingUp, opID, events.Items)
	})
}

// cloned returns the operationID of the one clone call that vCenter has got, and the task that it has made of it.
func cloned(t *testing.T, w *harness.World) (opID, task string) {
	t.Helper()
	journal, err := w.VCenter.Control.Journal(t.Context(), 0, 0)
	harness.Must(t, err)
	for _, e := range journal {
		switch {
		case e.Kind == control.EntryCall && e.Method == "CloneVM_Task":
			opID = e.OpID
		case e.Kind == control.EntryClone:
			task = e.Clone.Task
		}
	}
	if opID == "" || task == "" {
		t.Fatalf("vCenter has a clone with the operationID %q as task %q", opID, task)
	}
	return opID, task
}
