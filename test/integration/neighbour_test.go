package integration

import (
	"errors"
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// TestNobodyHoldsUpANeighbour deletes as many groups as there are workers while vCenter does not answer the read that has to come
// before their end. Another group is scaled up meanwhile.
func TestNobodyHoldsUpANeighbour(t *testing.T) {
	const workers = 4
	w := newWorld(t, vcsim.Options{})
	w.StartController(fmt.Sprint("-workers=", workers))
	w.Create(w.Group("web", 1))
	w.Ready("web", 1)
	var going []string
	for n := range workers {
		name := fmt.Sprint("old-", n)
		going = append(going, name)
		w.Create(w.Group(name, 1))
		w.Ready(name, 1)
		w.Scale(name, 0) // an empty folder is left
	}
	for _, name := range going {
		w.Ready(name, 0)
	}

	vc := w.VCenter.Control
	harness.Must(t, vc.ResetCalls(t.Context()))
	harness.Must(t, vc.AddFault(t.Context(), control.Fault{Method: "RetrievePropertiesEx", Type: control.Hang, Count: 1}))
	for _, name := range going {
		w.Delete(name)
	}
	w.Eventually("a sweep is under way", func() error {
		calls, err := vc.Calls(t.Context())
		if err == nil && calls.Methods["RetrievePropertiesEx"] == 0 {
			err = errors.New("not yet")
		}
		return err
	})
	w.Scale("web", 3)
	w.Ready("web", 3)
	for _, name := range going {
		vg, err := w.Get(name)
		if err != nil {
			t.Errorf("%s has gone before the datacenter was read: %v", name, err)
			continue
		}
		// The call is given up after a while. By then even a worker that waits for it is free again.
		if ready := meta.FindStatusCondition(vg.Status.Conditions, v1alpha1.ConditionReady); ready.Reason != v1alpha1.ReasonDeleting {
			t.Errorf("%s says %s: %s", name, ready.Reason, ready.Message)
		}
	}
	harness.Must(t, vc.ClearFaults(t.Context()))
	for _, name := range going {
		w.Eventually(name+" goes", func() error {
			if _, err := w.Get(name); err == nil {
				return errors.New("it is still there")
			}
			return nil
		})
		if hasFolder(t, w, w.FolderPath(name)) {
			t.Errorf("the folder of %s is left", name)
		}
	}
}
